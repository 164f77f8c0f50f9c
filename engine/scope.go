package engine

import (
	"cmp"
	"slices"
)

// A scopeKey is a scope of one transport, such as a room.
type scopeKey struct{ transport, scope string }

// scopes finds the calls that have a key in a scope, so that a message about a
// room costs no more than the calls in it. Keys that are unique by themselves
// are in none.
type scopes map[scopeKey]*scope

// A scope lists its calls in the order in which they began.
type scope struct {
	key         scopeKey
	first, last *member
}

// A member is a call in one scope. Calls come and go faster than anybody asks
// for them, so both are cheap: the first member of a call is part of it, and none
// is ever searched for.
type member struct {
	call          *Call
	of            *scope // nil: of none
	before, after *member
	more          *member // the same call in another scope
}

func (s scopes) add(c *Call, k callKey) {
	if k.scope == "" {
		return
	}
	key := scopeKey{k.transport, k.scope}
	of := s[key]
	if of == nil {
		of = &scope{key: key}
		s[key] = of
	}
	m := &c.member
	for m.of != nil {
		if m.of == of {
			return
		}
		if m.more == nil {
			m.more = &member{}
		}
		m = m.more
	}
	m.call, m.of = c, of
	of.insert(m)
}

// insert puts m where its call belongs; that of a new call at the end.
func (s *scope) insert(m *member) {
	m.before = s.last
	for m.before != nil && byOrder(m.before.call, m.call) > 0 {
		m.before = m.before.before
	}
	if m.before == nil {
		m.after, s.first = s.first, m
	} else {
		m.after, m.before.after = m.before.after, m
	}
	if m.after == nil {
		s.last = m
	} else {
		m.after.before = m
	}
}

// remove takes a call out of all its scopes.
func (s scopes) remove(c *Call) {
	for m := &c.member; m != nil && m.of != nil; m = m.more {
		if m.before == nil {
			m.of.first = m.after
		} else {
			m.before.after = m.after
		}
		if m.after == nil {
			m.of.last = m.before
		} else {
			m.after.before = m.before
		}
		if m.of.first == nil {
			delete(s, m.of.key)
		}
	}
	c.member = member{}
}

// calls returns the calls in a scope: a list of its own, since a call that ends
// leaves the scope.
func (s scopes) calls(key scopeKey) []*Call {
	var list []*Call
	if of := s[key]; of != nil {
		for m := of.first; m != nil; m = m.after {
			list = append(list, m.call)
		}
	}
	return list
}

func byOrder(a, b *Call) int { return cmp.Compare(a.order, b.order) }

// about returns the calls that a message without a key is about: those on its
// transport, and in its scope if it has one, in the order in which they began.
func (e *Engine) about(m *Message) []*Call {
	if m.Scope != "" {
		return e.scopes.calls(scopeKey{m.Transport, m.Scope})
	}
	return slices.DeleteFunc(e.ordered(), func(c *Call) bool {
		return !slices.ContainsFunc(c.keys, func(k callKey) bool { return k.transport == m.Transport })
	})
}
