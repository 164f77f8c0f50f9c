package schema

import (
	"path"
	"slices"
	"strings"
)

// A Message is one type of message of a peer.
type Message struct {
	Type   string // "m.call.invite"; with a star at its end: a family of types ("timer.*")
	Doc    string // what it says, in a sentence
	Source string // where that is laid down, if not in the protocol itself
	In     *Type  // the message as it comes, whole; nil: it never comes
	Out    *Type  // the body with which it is sent; nil: it cannot be sent
}

// A Set is all that is known of the messages of one kind of peer.
type Set struct {
	// Messages, in the order in which they are documented. A family stands for
	// the types that have no declaration of their own.
	Messages []Message

	// Closed are patterns of types that none of the families holds.
	Closed []string

	// OK and Error are what comes back of a message that was sent, as TYPE.ok and
	// TYPE.error, where these are not declared themselves. nil: nothing does.
	OK, Error *Type

	// Answers are what else comes back of a message that was sent, where it is not
	// declared itself.
	Answers []Answer

	// Addresses are those of the address keys that take no text but what begins
	// in a certain way.
	Addresses []Address
}

// An Answer is what comes back of any message that was sent.
type Answer struct {
	Suffix string // that comes behind the type of what was sent: ".success"
	Type   *Type
}

// An Address is an address key of messages to send.
type Address struct {
	Key    string
	Begins []string // with one of these
	Doc    string   // a sentence: "A room's id begins with !."
}

const (
	okSuffix    = ".ok"
	errorSuffix = ".error"
)

// In gives what a message of that type looks like when it comes; nil if none
// does.
func (s *Set) In(typ string) *Type {
	if m := s.find(typ, func(m *Message) *Type { return m.In }); m != nil {
		return m.In
	}
	for _, a := range s.answers() {
		if sent, ok := strings.CutSuffix(typ, a.Suffix); ok && s.Out(sent) != nil {
			return a.Type
		}
	}
	return nil
}

// answers are all that come back of any message that was sent.
func (s *Set) answers() []Answer {
	var all []Answer
	if s.OK != nil {
		all = append(all, Answer{okSuffix, s.OK})
	}
	if s.Error != nil {
		all = append(all, Answer{errorSuffix, s.Error})
	}
	return append(all, s.Answers...)
}

// Out gives the body with which a message of that type is sent; nil if none can
// be.
func (s *Set) Out(typ string) *Type {
	if m := s.find(typ, func(m *Message) *Type { return m.Out }); m != nil {
		return m.Out
	}
	return nil
}

// Declares says whether a type has a declaration of its own, or is the reply to
// one that has.
func (s *Set) Declares(typ string) bool {
	return slices.ContainsFunc(s.Messages, func(m Message) bool {
		if m.Type == typ {
			return true
		}
		suffix, is := strings.CutPrefix(typ, m.Type)
		return is && m.Out != nil && slices.ContainsFunc(s.answers(), func(a Answer) bool { return a.Suffix == suffix })
	})
}

// find looks for a declaration that has what is asked for: the type's own, else
// the family's.
func (s *Set) find(typ string, has func(*Message) *Type) *Message {
	for i := range s.Messages {
		if m := &s.Messages[i]; m.Type == typ && has(m) != nil {
			return m
		}
	}
	if slices.ContainsFunc(s.Closed, func(family string) bool { return matches(family, typ) }) {
		return nil
	}
	for i := range s.Messages {
		if m := &s.Messages[i]; isPattern(m.Type) && matches(m.Type, typ) && has(m) != nil {
			return m
		}
	}
	return nil
}

// Matching gives what the messages look like that come with a type of that
// pattern (of path.Match).
func (s *Set) Matching(pattern string) []*Type {
	var types []*Type
	add := func(t *Type, name string) {
		if t == nil || slices.Contains(types, t) {
			return
		}
		if ok, err := path.Match(pattern, name); err == nil && ok || isPattern(name) && overlap(pattern, name) {
			types = append(types, t)
		}
	}
	for _, m := range s.Messages {
		add(m.In, m.Type)
		if m.Out == nil {
			continue
		}
		for _, a := range s.answers() {
			if !isPattern(m.Type) {
				add(a.Type, m.Type+a.Suffix)
			}
		}
	}
	return types
}

// overlap says whether a pattern and a family may have a type in common: what
// comes before the first of their stars tells.
func overlap(pattern, family string) bool {
	pattern, _, _ = strings.Cut(pattern, "*")
	family, _, _ = strings.Cut(family, "*")
	return strings.HasPrefix(pattern, family) || strings.HasPrefix(family, pattern)
}

// Incoming lists the types of which it is declared that they come; replies are
// among them.
func (s *Set) Incoming() []string {
	var names []string
	for _, m := range s.Messages {
		if isPattern(m.Type) {
			continue
		}
		if m.In != nil {
			names = append(names, m.Type)
		}
		if m.Out == nil {
			continue
		}
		for _, a := range s.answers() {
			names = append(names, m.Type+a.Suffix)
		}
	}
	return names
}

// Outgoing lists the types of which it is declared that they can be sent.
func (s *Set) Outgoing() []string {
	var names []string
	for _, m := range s.Messages {
		if m.Out != nil && !isPattern(m.Type) {
			names = append(names, m.Type)
		}
	}
	return names
}
