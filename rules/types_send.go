package rules

import (
	"fmt"
	"slices"
	"strings"

	"vertigo/schema"
)

// sent checks the messages that a rule sends.
func (t *typing) sent(rule *node, of *messages, l *locals) {
	for _, n := range rule.child("send").listed() {
		if n.kind != kindTable {
			continue
		}
		to, typ := n.child("to"), n.child("type")
		if to == nil || typ == nil || to.kind != kindString || typ.kind != kindString || strings.Contains(typ.text, "${") {
			continue
		}
		s := &sending{typing: t, typ: typ.text, of: of, locals: l}
		if when := n.child("when"); when != nil {
			if w, ok := l.written[when]; ok {
				t.reader(w, of, l).fulfil(w.tree, nil)
			}
		}
		s.message(n, to, typ)
	}
}

// A sending checks one message that a rule sends.
type sending struct {
	*typing
	typ    string
	of     *messages
	locals *locals
}

func (s *sending) message(n, to, typ *node) {
	var set *schema.Set
	known := false
	for _, p := range s.opts.Peers {
		if p.Name == to.text || p.Group == to.text && to.text != "" {
			set, known = s.schemaOf(p), true
			for _, key := range p.Protocol.Address {
				s.address(n.child(key), key, set)
			}
			break
		}
	}
	if !known {
		return
	}
	body := s.bodyOf(n)
	if set == nil {
		if body != nil {
			s.unchecked += max(1, len(body.keys))
		}
		return
	}
	takes := set.Out(typ.text)
	if takes == nil {
		hint := didYouMean(typ.text, set.Outgoing())
		msg := fmt.Sprintf("unknown message type %s: nothing of the kind can be sent to %s", typ.text, to.text)
		if set.In(typ.text) != nil {
			msg = fmt.Sprintf("%s comes from %s and cannot be sent to it", typ.text, to.text)
		}
		s.complain(neverSent, typ, typ.pos, msg, hint)
		return
	}
	s.unlikelyType(typ, typ.pos, typ.text, []*schema.Set{set}, (*schema.Set).Outgoing)
	if e := s.declaredEnvelope(to); e != nil && !s.enveloped[e] {
		return // what it would bring is not known
	}
	if body == nil {
		s.missing(n, n.pos, takes, "", nil)
		return
	}
	s.value(body, takes, "")
}

// address checks an address key, which is text.
func (s *sending) address(n *node, key string, set *schema.Set) {
	if n == nil || n.kind != kindString {
		return
	}
	if v, x, ok := s.whole(n); ok && v.kinds != 0 && v.kinds&schema.Text == 0 {
		x.fault(fieldWrong, 0, fmt.Sprintf("%s is text, and this is %s", key, v.kinds), "")
	}
	if set == nil || n.text == "" || strings.HasPrefix(n.text, "${") {
		return
	}
	for _, a := range set.Addresses {
		if a.Key != key || slices.ContainsFunc(a.Begins, func(b string) bool { return strings.HasPrefix(n.text, b) }) {
			continue
		}
		hint := a.Doc
		if nearTemplate.MatchString(withoutExpressions(n.text)) {
			hint = nearTemplateHint
		}
		s.complain(fieldWrong, n, n.pos, fmt.Sprintf("%s is never %q", key, n.text), hint)
	}
}

// whole tells what a text comes to that is one ${ … } and nothing else.
func (s *sending) whole(n *node) (view, *reader, bool) {
	w, ok := s.locals.written[n]
	if !ok || n.text != "${"+w.src.text+"}" {
		return view{}, nil, false
	}
	x := s.reader(w, s.of, s.locals)
	x.silent = true // the expression itself has been looked at
	v := x.view(w.tree)
	x.silent = false
	return v, x, true
}

// value checks a value of the body against what stands in its place.
func (s *sending) value(n *node, t *schema.Type, path string) {
	if n.kind == kindString {
		s.text(n, t, path)
		return
	}
	kind := kindOfNode(n)
	if t.Kinds()&kind == 0 {
		s.wrongKind(n, n.pos, t, path, kind)
		return
	}
	switch n.kind {
	case kindTable:
		s.table(n, t, path)
	case kindArray:
		for _, item := range n.items {
			if t.Kind == schema.List && t.Each != nil {
				s.value(item, t.Each, path+"[]")
			}
		}
	}
}

func kindOfNode(n *node) schema.Kind {
	switch n.kind {
	case kindTable:
		return schema.Object
	case kindArray:
		return schema.List
	case kindInteger:
		return schema.Integer
	case kindFloat:
		return schema.Fraction
	case kindBool:
		return schema.Bool
	}
	return schema.Text
}

func (s *sending) wrongKind(n *node, pos Pos, t *schema.Type, path string, found schema.Kind) {
	s.complain(fieldWrong, n, pos, fmt.Sprintf("%s takes %s, and this is %s", s.at(path), t.Kinds(), found), "")
}

// at names a place in the message: "sdp of verto.invite".
func (s *sending) at(path string) string {
	if path == "" {
		return s.typ
	}
	return path + " of " + s.typ
}

// text checks a text, and what stands in a ${ … }.
func (s *sending) text(n *node, t *schema.Type, path string) {
	v, x, whole := s.whole(n)
	if !whole {
		if t.Kinds()&schema.Text == 0 {
			s.wrongKind(n, n.pos, t, path, schema.Text)
		} else if !strings.Contains(n.text, "${") {
			s.literal(n, n.pos, n.text, t, path)
		}
		return
	}
	if v.kinds == 0 || v.isOpen() {
		return
	}
	if alike(v.kinds, t.Kinds()) == 0 {
		s.wrongKind(n, x.src.pos(skipBlanks(x.src.text)), t, path, v.kinds)
		return
	}
	if values, all := v.values(); all && v.kinds == schema.Text {
		for _, value := range values {
			s.literal(n, x.src.pos(skipBlanks(x.src.text)), value, t, path)
		}
	}
}

// skipBlanks gives where an expression begins in its text.
func skipBlanks(text string) int { return len(text) - len(strings.TrimLeft(text, " \t\n")) }

// literal checks a text that is known.
func (s *sending) literal(n *node, pos Pos, value string, t *schema.Type, path string) {
	if t.Kinds() != schema.Text || len(t.Values) == 0 || slices.Contains(t.Values, value) {
		return
	}
	switch {
	case !t.Open:
		s.complain(fieldWrong, n, pos, fmt.Sprintf("%s is never %q", s.at(path), value), DidYouMean(value, t.Values))
	case Nearest(value, t.Values) != "":
		s.complain(unlikelyValue, n, pos, fmt.Sprintf("%s is not known ever to be %q", s.at(path), value), didYouMean(value, t.Values))
	}
}

// table checks the keys of a table, and that none is missing.
func (s *sending) table(n *node, t *schema.Type, path string) {
	meant := n.keys
	for _, key := range n.keys {
		child := n.children[key]
		field, may := t.Field(key)
		if field != nil {
			s.value(child, field, dotted(path, key))
		}
		if field != nil || may {
			continue
		}
		kind := fieldUnread
		if t.Open {
			kind = fieldStrange
		}
		s.complain(kind, child, child.keyPos, "unknown field "+s.at(dotted(path, key)), s.fieldHint(t, key))
		meant = append(slices.Clip(meant), Nearest(key, t.Names())) // a misspelt one is not missing as well
	}
	pos := n.keyPos
	if pos.Line == 0 {
		pos = n.pos
	}
	s.missing(n, pos, t, path, meant)
}

func (s *sending) fieldHint(t *schema.Type, key string) string {
	if near := Nearest(key, t.Names()); near != "" {
		return "did you mean " + near + "?"
	}
	if path := t.Below(key); path != "" {
		return "did you mean " + path + "?"
	}
	return DidYouMean(key, t.Names())
}

// missing reports the fields that the receiver requires and that are not there.
func (s *sending) missing(n *node, pos Pos, t *schema.Type, path string, keys []string) {
	for _, f := range t.Fields {
		if f.Required && !slices.Contains(keys, f.Name) {
			hint := ""
			if f.Doc != "" {
				hint = f.Name + ": " + f.Doc
			}
			s.complain(fieldMissing, n, pos, fmt.Sprintf("%s needs %s", s.typ, dotted(path, f.Name)), hint)
		}
	}
}

func dotted(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
