// Package infer makes a first schema of messages that were seen.
//
// What it says is what all of them have in common, and no more: a field that was
// always there is required, and values are named where few words came again and
// again. It never names what may be a secret or a person, and no key that may be
// one.
package infer

import (
	"slices"

	"github.com/tidwall/gjson"

	"vertigo/schema"
)

// Traffic is what was seen of the messages of a peer.
type Traffic struct {
	types []string // in the order in which they were first seen
	seen  map[string]*message
}

type message struct{ in, out *sketch }

// In adds a message that came. types are the paths at which its type stands, if
// it has one: these values are named in any case.
func (t *Traffic) In(typ string, data []byte, types []string) {
	m := t.message(typ)
	if m.in == nil {
		m.in = &sketch{}
	}
	m.in.add(gjson.ParseBytes(data), 0)
	m.in.distinguish(types)
}

// Out adds a message that was sent. given is the path of what the transport adds
// to it, which no rule has to say; "" if it adds nothing.
func (t *Traffic) Out(typ string, data []byte, types []string, given string) {
	m := t.message(typ)
	if m.out == nil {
		m.out = &sketch{}
	}
	m.out.add(gjson.ParseBytes(data), 0)
	m.out.distinguish(types)
	if s := m.out.at(given); s != nil {
		s.given = true
	}
}

func (t *Traffic) message(typ string) *message {
	if t.seen == nil {
		t.seen = map[string]*message{}
	}
	if t.seen[typ] == nil {
		t.seen[typ] = &message{}
		t.types = append(t.types, typ)
	}
	return t.seen[typ]
}

// Set gives the schema of what was seen.
func (t *Traffic) Set() *schema.Set {
	set := &schema.Set{}
	for _, typ := range t.types {
		m := schema.Message{Type: typ}
		if in := t.seen[typ].in; in != nil {
			of := in.typ()
			m.In = &of
		}
		if out := t.seen[typ].out; out != nil {
			of := out.typ()
			m.Out = &of
		}
		set.Messages = append(set.Messages, m)
	}
	return set
}

// Types lists the types of messages, in the order in which they were first seen.
func (t *Traffic) Types() []string { return slices.Clone(t.types) }
