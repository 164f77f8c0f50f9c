package rules

import (
	"fmt"
	"slices"
	"strings"

	"vertigo/engine"
)

// newConnection is what new says in a rule that begins a connection.
const newConnection = "connection"

// A talk tells rules that are for the connection of a transport from those that
// are for calls: a rule is a connection's that begins one, or sets one of its
// variables, or is for states that these lead to, and for none of a call.
type talk struct {
	of     map[*node]bool // rules of connections
	states map[string]bool
	calls  map[string]bool // states of calls
	mixed  bool            // it cannot be told
}

// tellApart finds out which rules are a connection's.
func (c *compiler) tellApart() {
	t := &c.talk
	t.of, t.states, t.calls = map[*node]bool{}, map[string]bool{}, map[string]bool{}
	defer clear(c.configs) // what reading next has made knows no lets yet
	for _, r := range c.decl.rules {
		t.of[r.node] = beginsConnection(r.node) || r.node.child("conn") != nil
	}
	if !slices.ContainsFunc(c.decl.rules, func(r *rule) bool { return t.of[r.node] }) {
		return
	}
	grow := func(states map[string]bool, belongs func(*node) bool, join func(*node)) {
		for again := true; again; {
			again = false
			for _, r := range c.decl.rules {
				if !belongs(r.node) {
					continue
				}
				join(r.node)
				for _, next := range c.statesAfter(r.node) {
					again = again || !states[next]
					states[next] = true
				}
			}
		}
	}
	plain := func(n *node) bool { return beginsConnection(n) || n.child("conn") != nil }
	grow(t.calls, func(n *node) bool {
		return !plain(n) && (len(statesOf(n)) == 0 || slices.ContainsFunc(statesOf(n), func(s string) bool { return t.calls[s] }))
	}, func(*node) {})
	grow(t.states, func(n *node) bool {
		in := statesOf(n)
		return t.of[n] || slices.ContainsFunc(in, func(s string) bool { return t.states[s] }) &&
			!slices.ContainsFunc(in, func(s string) bool { return t.calls[s] })
	}, func(n *node) { t.of[n] = true })
	c.mixedStates()
}

func beginsConnection(n *node) bool {
	x := n.child("new")
	return x != nil && x.kind == kindString && x.text == newConnection
}

// statesOf lists the states that a rule is for; none: any.
func statesOf(n *node) []string {
	var list []string
	for _, item := range n.child("in").listed() {
		if item.kind == kindString {
			list = append(list, item.text)
		}
	}
	return list
}

// statesAfter lists the states that a rule leads to, as far as it is known.
func (c *compiler) statesAfter(n *node) []string {
	next := n.child("next")
	switch {
	case next == nil && n.child("new") != nil:
		return []string{stateBegun}
	case next == nil || next.kind != kindString:
		return nil
	}
	return slices.DeleteFunc(c.leadsTo(next, n.child("let")), func(s string) bool { return s == "" || s == stateEnd })
}

// mixedStates reports states that are a connection's and a call's, where they
// come to be both, and rules that are for states of both.
func (c *compiler) mixedStates() {
	t := &c.talk
	defer func() { c.rule = "" }()
	both := func(s string) bool { return t.states[s] && t.calls[s] }
	leading := map[string][2][]*rule{} // to a state of both: rules of calls, and of connections
	for _, r := range c.decl.rules {
		in := statesOf(r.node)
		if slices.ContainsFunc(in, both) {
			continue // that comes of another rule's fault
		}
		side := 0
		if t.of[r.node] {
			side = 1
		} else if len(in) > 0 && !slices.ContainsFunc(in, func(s string) bool { return t.calls[s] }) {
			continue
		}
		for _, next := range c.statesAfter(r.node) {
			if both(next) {
				sides := leading[next]
				sides[side] = append(sides[side], r)
				leading[next] = sides
			}
		}
	}
	for _, state := range keysOf(leading) {
		sides := leading[state]
		fewer, msg := sides[0], "%s is a state of the connection, and this rule is for calls"
		if len(sides[1]) < len(sides[0]) {
			fewer, msg = sides[1], "%s is a state of calls, and this rule is for the connection"
		}
		for _, r := range fewer {
			c.mixed(r, state, fmt.Sprintf(msg, state))
		}
	}
	for _, r := range c.decl.rules {
		c.rule = r.name
		ofConnections := slices.ContainsFunc(statesOf(r.node), func(s string) bool { return t.states[s] && !t.calls[s] })
		for _, item := range r.node.child("in").listed() {
			switch {
			case item.kind != kindString || !t.calls[item.text] || t.states[item.text]:
			case r.node.child("conn") != nil:
				t.mixed = true
				c.report(mixedState, item, item.pos, fmt.Sprintf("%s is a state of calls, and the rule sets variables of the connection", item.text), "calls are told by a rule of their own")
			case ofConnections:
				t.mixed = true
				c.report(mixedState, item, item.pos, fmt.Sprintf("%s is a state of calls, and the rule is for states of the connection as well", item.text), "make two rules, one for each")
			}
		}
	}
}

// mixed reports a rule that leads to a state of the other kind of conversation.
func (c *compiler) mixed(r *rule, state, msg string) {
	c.talk.mixed, c.rule = true, r.name
	n := r.node
	at := n.child("next")
	if at == nil {
		at = n.child("new")
	}
	hint := "call it something else"
	if !c.talk.of[n] && n.child("new") == nil && n.child("in") == nil {
		hint = "if the rule is the connection's, its in names the states of the connection that it is for"
	}
	c.report(mixedState, at, at.pos, msg, hint)
}

// ofConnection says whether a rule is a connection's, and that nothing else can
// be meant.
func (c *compiler) ofConnection(n *node) bool { return c.talk.of[n] && !c.talk.mixed }

// scopeOf is what the expressions of a rule see, but for its lets.
func (c *compiler) scopeOf(n *node) scope { return scope{noCall: c.ofConnection(n)} }

// connection compiles what only rules of connections have.
func (c *compiler) connection(n *node, r *engine.Rule, sc scope) {
	r.OfConnection, r.NewConnection = c.talk.of[n], beginsConnection(n)
	c.entries(n.child("conn"), "conn.NAME = 'expression'", func(name string, x *node) {
		if e := c.value(x, sc); e != nil {
			r.Remember = append(r.Remember, engine.Store{Name: name, Expr: e})
		}
	})
	if !c.ofConnection(n) {
		return
	}
	if r.New {
		at := n.child("conn")
		c.report(notOfConnections, at, at.keyPos, "a rule that begins a call sets no variable of the connection", "set the variable in a rule of the connection")
	}
	for key, hint := range map[string]string{
		"set":   "what a connection remembers is set by conn.NAME = '…'",
		"push":  "a buffer is a call's",
		"limit": "a limit is for calls", "beyond": "a limit is for calls",
	} {
		if at := n.child(key); at != nil && !r.New {
			c.report(notOfConnections, at, at.keyPos, "a rule of the connection has no "+key, hint)
		}
	}
	if r.NewConnection {
		for _, item := range n.child("on").listed() {
			words := strings.Fields(item.text)
			if len(words) == 2 && words[0] != "engine" && !globs(words[1], engine.TransportUp) {
				c.report(badBeginning, item, item.at(strings.LastIndex(item.text, words[1])), "a connection begins when its transport is up, and by nothing else", fmt.Sprintf("on = %q", words[0]+" "+engine.TransportUp))
			}
		}
	}
}

// begins reads new.
func (c *compiler) begins(n *node) (call bool) {
	switch {
	case n == nil:
		return false
	case n.kind == kindString && n.text == newConnection:
		return false
	case n.kind == kindString:
		c.report(wrongValue, n, n.pos, fmt.Sprintf("new is true or %q, not %q", newConnection, n.text), DidYouMean(n.text, []string{newConnection}))
		return false
	}
	return c.flag(n)
}
