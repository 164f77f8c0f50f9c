package jsonschema

import (
	"strings"

	"vertigo/schema"
)

// What the definition of a message is called begins with how the message goes;
// what an answer to anything is called goes on with a star.
const (
	comes    = "in "
	goes     = "out "
	anything = "*"
)

// messageOf reads the name of a definition: which type of message it is about, if
// it is about one, and whether as it comes.
func messageOf(name string) (typ string, in, ok bool) {
	if typ, in = strings.CutPrefix(name, comes); in {
		return typ, true, true
	}
	typ, ok = strings.CutPrefix(name, goes)
	return typ, false, ok
}

// message reads the definition of a message, which is an object.
func (r *reader) message(m member) *schema.Type {
	t, ok := both(r.schema(m.value), schema.Of(schema.Object))
	if !ok {
		r.fault(m.at, "", "a message is an object")
	}
	return &t
}

// isType reports a definition of a message that is not named by a type.
func (r *reader) isType(m member, typ string, in bool) bool {
	switch {
	case typ == "" || strings.ContainsAny(typ, " \t"):
		r.fault(m.at, "", "%q names no type of message", m.name)
	case strings.HasPrefix(typ, anything+".") && !in:
		r.fault(m.at, `"in *.error" is what comes back of anything that was sent`, "%q: answers come, and are not sent", m.name)
	case strings.Contains(strings.TrimPrefix(strings.TrimSuffix(typ, anything), anything+"."), anything):
		r.fault(m.at, `"in key.*" stands for all types that begin so, "in *.error" for all answers that end so`, "%q has a star where none can be", m.name)
	default:
		return true
	}
	return false
}

// A message is gathered from the definitions that are about it.
type message struct {
	in, out       *schema.Type
	inDoc, outDoc string
}

func (m *message) add(in bool, t *schema.Type, doc string) {
	if in {
		m.in, m.inDoc = t, doc
	} else {
		m.out, m.outDoc = t, doc
	}
}

// into adds the message to what the file declares.
func (m *message) into(set *schema.Set, typ string) {
	suffix, answer := strings.CutPrefix(typ, anything+".")
	switch {
	case answer && suffix == "ok":
		set.OK = m.in
	case answer && suffix == "error":
		set.Error = m.in
	case answer:
		set.Answers = append(set.Answers, schema.Answer{Suffix: "." + suffix, Type: m.in})
	default:
		set.Messages = append(set.Messages, schema.Message{Type: typ, Doc: m.doc(), In: m.in, Out: m.out})
	}
}

// doc says what a message is, which both of its definitions may do.
func (m *message) doc() string {
	switch {
	case m.inDoc == "" || m.inDoc == m.outDoc:
		return m.outDoc
	case m.outDoc == "":
		return m.inDoc
	}
	return "Comes: " + m.inDoc + " Sent: " + m.outDoc
}
