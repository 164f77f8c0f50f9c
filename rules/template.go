package rules

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"vertigo/engine"
)

// A template makes JSON: literal, but for the parts in ${ … }.
type template interface {
	// append appends the JSON; present is false, and nothing was appended, where
	// the value is nil.
	append(f *engine.Frame, dst []byte) (out []byte, present bool, err error)
}

// body is the template of a whole message.
type body struct{ template }

// Append implements engine.Template.
func (b body) Append(f *engine.Frame, dst []byte) ([]byte, error) {
	out, present, err := b.append(f, dst)
	if err == nil && !present {
		err = fmt.Errorf("the body is nil")
	}
	return out, err
}

// literal is JSON that is always the same.
type literal []byte

func (l literal) append(_ *engine.Frame, dst []byte) ([]byte, bool, error) {
	return append(dst, l...), true, nil
}

// whole is a text that is one ${ … } and nothing else: it keeps the type.
type whole struct {
	x   engine.Expr
	raw engine.RawExpr // x, if its JSON can be copied
	src source
}

func newWhole(x engine.Expr, src source) whole {
	raw, _ := x.(engine.RawExpr)
	return whole{x, raw, src}
}

func (w whole) append(f *engine.Frame, dst []byte) ([]byte, bool, error) {
	if w.raw != nil {
		v := w.raw.Raw(f)
		if v.IsNil() {
			return dst, false, nil
		}
		out, err := v.AppendJSON(dst)
		return out, true, w.src.wrap(fits(len(out), err))
	}
	v, err := w.x.Eval(f)
	if err != nil || v == nil {
		return dst, false, err
	}
	out, err := engine.AppendJSON(dst, v)
	return out, true, w.src.wrap(fits(len(out), err))
}

// fits says whether a body is not too long so far.
func fits(size int, err error) error {
	if err == nil && size > maxMade {
		err = errTooMuch
	}
	return err
}

func (s source) wrap(err error) error {
	if err == nil {
		return nil
	}
	return s.fail(0, err)
}

// mixed is text with expressions in it.
type mixed struct{ parts []part }

// A part of a mixed text: a literal, or an expression if it has one.
type part struct {
	text string
	x    engine.Expr
	src  source
}

func (m mixed) append(f *engine.Frame, dst []byte) ([]byte, bool, error) {
	dst = append(dst, '"')
	for _, p := range m.parts {
		if p.x == nil {
			dst = engine.AppendText(dst, p.text, false)
			continue
		}
		if raw, ok := p.x.(engine.RawExpr); ok {
			v := raw.Raw(f)
			if inside, ok := v.Inside(); ok {
				dst = append(dst, inside...)
				if err := fits(len(dst), nil); err != nil {
					return dst, true, p.src.fail(0, err)
				}
				continue
			}
		}
		text, err := p.eval(f)
		if err == nil && !utf8.ValidString(text) {
			err = p.src.fail(0, errors.New("text that is not valid UTF-8"))
		}
		if err == nil && len(dst)+len(text) > maxMade {
			err = p.src.fail(0, errTooMuch)
		}
		if err != nil {
			return dst, true, err
		}
		dst = engine.AppendText(dst, text, false)
	}
	return append(dst, '"'), true, nil
}

// eval gives the text that a part comes to.
func (p part) eval(f *engine.Frame) (string, error) {
	if p.x == nil {
		return p.text, nil
	}
	v, err := p.x.Eval(f)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return string(engine.AppendNumber(nil, v)), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", p.src.fail(0, fmt.Errorf("%s cannot stand within text", engine.Show(v)))
}

// text is a mixed text as an expression: for addresses, states, durations.
type text struct{ mixed }

// Eval puts the text together.
func (t text) Eval(f *engine.Frame) (any, error) {
	var b strings.Builder
	for _, p := range t.parts {
		s, err := p.eval(f)
		if err != nil {
			return nil, err
		}
		if p.x != nil && b.Len()+len(s) > maxMade {
			return nil, p.src.fail(0, errTooMuch)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// object is a table of templates; a key whose value is nil is left out.
type object struct{ fields []field }

type field struct {
	key   []byte // "key": with its colon
	value template
}

func (o object) append(f *engine.Frame, dst []byte) ([]byte, bool, error) {
	dst = append(dst, '{')
	first := true
	for _, fd := range o.fields {
		mark := len(dst)
		if !first {
			dst = append(dst, ',')
		}
		dst = append(dst, fd.key...)
		out, present, err := fd.value.append(f, dst)
		if err != nil {
			return out, true, err
		}
		if dst = out; !present {
			dst = dst[:mark]
			continue
		}
		first = false
	}
	return append(dst, '}'), true, nil
}

// array is a list of templates; an item that is nil is null.
type array struct{ items []template }

func (a array) append(f *engine.Frame, dst []byte) ([]byte, bool, error) {
	dst = append(dst, '[')
	for i, item := range a.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		out, present, err := item.append(f, dst)
		if err != nil {
			return out, true, err
		}
		if dst = out; !present {
			dst = append(dst, "null"...)
		}
	}
	return append(dst, ']'), true, nil
}

// template compiles a value of a send's body; nil, with findings added, if an
// expression in it is faulty.
func (c *compiler) template(n *node, sc scope) template {
	if c.enveloped[n] {
		sc = envelopeScope
	}
	switch n.kind {
	case kindTable:
		return c.objectTemplate(n, sc)
	case kindArray:
		a, fixed := array{}, true
		for _, item := range n.items {
			t := c.template(item, sc)
			if t == nil {
				return nil
			}
			_, lit := t.(literal)
			fixed = fixed && lit
			a.items = append(a.items, t)
		}
		return fold(a, fixed)
	case kindString:
		return c.textTemplate(n, sc)
	}
	if n.kind == kindDatetime {
		c.report(badTemplate, n, n.pos, "JSON has no dates: put it in quotes", "")
		return nil
	}
	lit, err := engine.AppendJSON(nil, n.value)
	if err != nil {
		c.report(badTemplate, n, n.pos, err.Error(), "")
		return nil
	}
	return literal(lit)
}

func (c *compiler) objectTemplate(n *node, sc scope) template {
	o, fixed, faulty := object{}, true, false
	for _, key := range n.keys {
		t := c.template(n.children[key], sc)
		if t == nil {
			faulty = true
			continue
		}
		_, lit := t.(literal)
		fixed = fixed && lit
		o.fields = append(o.fields, field{append(engine.AppendText([]byte{'"'}, key, true), ':'), t})
	}
	if faulty {
		return nil
	}
	return fold(o, fixed)
}

// fold makes a literal of a template in which nothing can change.
func fold(t template, fixed bool) template {
	if !fixed {
		return t
	}
	lit, _, _ := t.append(nil, nil)
	return literal(lit)
}

func (c *compiler) textTemplate(n *node, sc scope) template {
	if at := nearTemplate.FindStringIndex(withoutExpressions(n.text)); at != nil {
		c.report(oddTemplate, n, n.at(utf8.RuneCountInString(n.text[:at[0]])), fmt.Sprintf("%s is sent as it stands here", n.text[at[0]:at[1]]), nearTemplateHint)
	}
	parts, ok := c.parts(n, sc)
	switch {
	case !ok:
		return nil
	case len(parts) == 1 && parts[0].x != nil:
		return newWhole(parts[0].x, parts[0].src)
	}
	m := mixed{parts}
	fixed := true
	for _, p := range parts {
		fixed = fixed && p.x == nil
	}
	return fold(m, fixed)
}

// nearTemplate matches what was surely meant to be a ${ … }.
var nearTemplate = regexp.MustCompile(`\{\$[^{}]*\}|\$[ \t]+\{[^{}]*\}|\$[ \t]*[A-Za-z_][^{}]*\}|\{[ \t]*(?:msg|call|vars|item)\.[^{}]*\}`)

const nearTemplateHint = "an expression within text stands in ${ … }"

// withoutExpressions puts blanks for each ${ … } of a text, and for each $${.
func withoutExpressions(text string) string {
	blanked := []byte(text)
	for at := 0; ; {
		i := strings.Index(text[at:], "${")
		if i < 0 {
			return string(blanked)
		}
		at += i
		end := at + len("${")
		if at > 0 && text[at-1] == '$' {
			at--
		} else if n := closing(text[at:]); n >= 0 {
			end = at + n + 1
		} else {
			return string(blanked) // that is a finding of its own
		}
		for ; at < end; at++ {
			blanked[at] = ' '
		}
	}
}

// textExpr compiles a template that must come to text: an address, a state.
func (c *compiler) textExpr(n *node, sc scope) engine.Expr {
	if !c.want(n, kindString, "text") {
		return nil
	}
	parts, ok := c.parts(n, sc)
	switch {
	case !ok:
		return nil
	case len(parts) == 0:
		return constant{""}
	case len(parts) == 1 && parts[0].x != nil:
		return parts[0].x
	case len(parts) == 1:
		return constant{parts[0].text}
	}
	return text{mixed{parts}}
}

// parts splits a text at its ${ … }. "$${" stands for a literal "${".
func (c *compiler) parts(n *node, sc scope) ([]part, bool) {
	var parts []part
	var lit strings.Builder
	ok := true
	flush := func() {
		if lit.Len() > 0 {
			parts = append(parts, part{text: lit.String()})
			lit.Reset()
		}
	}
	rest, at := n.text, 0
	advance := func(bytes int) {
		at += len([]rune(rest[:bytes]))
		rest = rest[bytes:]
	}
	for rest != "" {
		i := strings.Index(rest, "${")
		if i < 0 {
			lit.WriteString(rest)
			break
		}
		if i > 0 && rest[i-1] == '$' {
			lit.WriteString(rest[:i-1] + "${")
			advance(i + 2)
			continue
		}
		lit.WriteString(rest[:i])
		advance(i)
		end := closing(rest)
		if end < 0 {
			c.report(badTemplate, n, n.at(at), "${ is never closed by }", "write $${ where ${ itself is meant")
			return nil, false
		}
		inside := rest[2:end]
		advance(2)
		src := source{text: inside, node: n, shift: at}
		if strings.TrimSpace(inside) == "" {
			c.report(badTemplate, n, n.at(at-2), "${ } holds no expression", "")
			ok = false
		} else if x := c.expression(src, sc); x == nil {
			ok = false
		} else {
			flush()
			parts = append(parts, part{x: x, src: src})
		}
		advance(len(inside) + 1)
	}
	flush()
	return parts, ok
}

// closing finds the } that closes the ${ that s begins with, past braces and
// quotes of the expression; -1 if there is none.
func closing(s string) int {
	depth := 0
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		case '"', '\'', '`':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' && c != '`' {
					i++
				}
			}
		}
	}
	return -1
}
