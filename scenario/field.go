package scenario

import (
	"fmt"
	"slices"
	"strings"

	"vertigo/replay"
	"vertigo/rules"
	"vertigo/schema"
)

// A fieldCheck compares what a scenario writes of a message with the schema of
// the one who says it, or takes it.
//
// What a rule sends has no field that its receiver does not know, so an
// expectation of one is a slip, even one of its absence. A peer may say what it
// likes, and rules are tested with that: of what is received only names and
// values are reported that are nearly known ones, and fields that the schema
// rules out.
type fieldCheck struct {
	*reader
	of       string // the type of the message
	received bool
}

// unlikelyType reports a type that is not known, and nearly one that is.
func (r *reader) unlikelyType(n rules.Node, m *incoming) {
	set := r.options.Schemas[m.peer.Protocol.Kind]
	if set == nil || set.Declares(m.typ) {
		return
	}
	if near := rules.Nearest(m.typ, set.Incoming()); near != "" {
		r.report(n, n.Pos(), "unknown message type "+m.typ, "did you mean "+near+"?")
	}
}

// receivedFields checks the body of a message to receive.
func (r *reader) receivedFields(body rules.Node, m *incoming) {
	set := r.options.Schemas[m.peer.Protocol.Kind]
	if set == nil {
		return
	}
	if t := set.In(m.typ); t != nil {
		(&fieldCheck{r, m.typ, true}).value(body, t, "")
	}
}

// expectedFields checks the body of a message that is expected.
func (r *reader) expectedFields(body rules.Node, o *outgoing, peer *replay.Peer) {
	set := r.options.Schemas[peer.Protocol.Kind]
	if set == nil {
		return
	}
	if t := set.Out(o.typ); t != nil {
		(&fieldCheck{r, o.typ, false}).value(body, t, "")
	}
}

// value checks a value that stands where t says what there can be.
func (c *fieldCheck) value(n rules.Node, t *schema.Type, path string) {
	if n.IsText() {
		c.text(n, t, path)
		return
	}
	if kind := kindOf(n); t.Kinds()&kind == 0 {
		c.wrongKind(n, t, path, kind)
		return
	}
	switch {
	case n.IsTable():
		c.table(n, t, path)
	case n.IsList() && t.Kind == schema.List && t.Each != nil:
		for _, item := range n.Items() {
			c.value(item, t.Each, path+"[]")
		}
	}
}

func kindOf(n rules.Node) schema.Kind {
	switch n.Value().(type) {
	case int:
		return schema.Integer
	case float64:
		return schema.Fraction
	case bool:
		return schema.Bool
	}
	switch {
	case n.IsTable():
		return schema.Object
	case n.IsList():
		return schema.List
	}
	return schema.Any // a date: it is reported as such
}

// wrongKind reports a value that no rule can send. What is received may be of any
// kind.
func (c *fieldCheck) wrongKind(n rules.Node, t *schema.Type, path string, found schema.Kind) {
	if !c.received {
		c.report(n, n.Pos(), fmt.Sprintf("%s is %s, and never %s", c.at(path), t.Kinds(), found), "")
	}
}

// at names a place in the message: "sdp of verto.invite".
func (c *fieldCheck) at(path string) string {
	if path == "" {
		return "the body of " + c.of
	}
	return path + " of " + c.of
}

// matcherKinds are what the matchers want that want one kind of value.
var matcherKinds = map[string]schema.Kind{
	"${ text }": schema.Text, "${ number }": schema.Number, "${ boolean }": schema.Bool, "${ list }": schema.List, "${ table }": schema.Object,
}

// text checks a literal text, and a matcher for a kind of value.
func (c *fieldCheck) text(n rules.Node, t *schema.Type, path string) {
	value := n.Text()
	if kind := matcherKinds[value]; kind != 0 && !c.received && t.Kinds()&kind == 0 {
		c.wrongKind(n, t, path, kind)
	}
	if strings.Contains(value, "${") {
		return // what it is shows when the scenario is run
	}
	if t.Kinds()&schema.Text == 0 {
		c.wrongKind(n, t, path, schema.Text)
		return
	}
	if t.Kinds() != schema.Text || len(t.Values) == 0 || slices.Contains(t.Values, value) {
		return
	}
	if near := rules.Nearest(value, t.Values); near != "" {
		c.report(n, n.Pos(), fmt.Sprintf("%s is not known ever to be %q", c.at(path), value), "did you mean "+near+"?")
	} else if !t.Open && !c.received {
		c.report(n, n.Pos(), fmt.Sprintf("%s is never %q", c.at(path), value), rules.DidYouMean(value, t.Values))
	}
}

// table checks the keys of a table.
func (c *fieldCheck) table(n rules.Node, t *schema.Type, path string) {
	for _, key := range n.Keys() {
		child, at := n.Child(key), strings.TrimPrefix(path+"."+key, ".")
		field, may := t.Field(key)
		if field != nil {
			c.value(child, field, at)
		}
		if field != nil || may || t.Open && rules.Nearest(key, t.Names()) == "" {
			continue
		}
		c.report(child, child.KeyPos(), "unknown field "+c.at(at), c.hint(t, key))
	}
}

// hint says what was probably meant: a field of a like name, or one of the same
// name further down.
func (c *fieldCheck) hint(t *schema.Type, key string) string {
	if near := rules.Nearest(key, t.Names()); near != "" {
		return "did you mean " + near + "?"
	}
	if path := t.Below(key); path != "" {
		return "did you mean " + path + "?"
	}
	return rules.DidYouMean(key, t.Names())
}
