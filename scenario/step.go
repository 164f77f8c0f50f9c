package scenario

import (
	"fmt"
	"slices"
	"strings"

	"vertigo/replay"
	"vertigo/rules"
)

func (r *reader) steps() {
	list := r.root.Child("step")
	if !list.IsSet() {
		r.found = append(r.found, rules.Finding{
			Pos: rules.Pos{File: r.file}, Msg: "there is no [[step]] in the file", Hint: `[[step]], then name = "Anna calls" and receive = "matrix m.call.invite"`,
		})
		return
	}
	if list.IsTable() {
		r.report(list, list.Pos(), "a step begins with [[step]], in double brackets", "")
	}
	for _, n := range list.Items() {
		if !n.IsTable() {
			r.report(n, n.Pos(), "a step is a table, not "+n.Kind(), "it begins with [[step]]")
			continue
		}
		r.scenario.steps = append(r.scenario.steps, r.step(n))
	}
}

func (r *reader) step(n rules.Node) *step {
	s := &step{pos: n.Pos()}
	r.unknown(n, stepKeys)
	s.name, _ = r.text(n, "name", `name = "Anna calls"`)
	for _, other := range r.scenario.steps {
		if other.name == s.name && s.name != "" {
			r.report(n.Child("name"), n.Child("name").Pos(), fmt.Sprintf("two steps are called %q", s.name), fmt.Sprintf("the other one stands at %s", other.pos))
		}
	}
	s.after, _ = r.duration(n, "after")
	s.stop = r.flag(n, "stop")
	if i, ok := r.whole(n, "calls", 0); ok {
		s.calls = &i
	}
	r.outcome(n, s)
	if in := n.Child("receive"); in.IsSet() {
		for _, item := range in.Items() {
			if m := r.incoming(item, s.outcome); m != nil {
				s.receive = append(s.receive, m)
			}
		}
	}
	r.expected(n.Child("expect"), s)
	s.state = r.state(n, "state")
	s.conn = r.state(n, "conn")
	r.fired(n.Child("fires"), s)
	r.repeated(n.Child("repeat"), s)
	if !n.Child("receive").IsSet() && !n.Child("after").IsSet() && !s.stop {
		r.report(n, n.Pos(), "nothing happens in this step", `receive = "matrix m.call.hangup", or after = "6s"`)
	}
	return s
}

func (r *reader) outcome(n rules.Node, s *step) {
	text, ok := r.optional(n, "outcome")
	if !ok {
		return
	}
	if s.outcome = text; !slices.Contains(outcomes, text) {
		r.report(n.Child("outcome"), n.Child("outcome").Pos(), fmt.Sprintf("%q is no outcome", text), rules.DidYouMean(text, outcomes))
	}
}

func (r *reader) state(of rules.Node, key string) *rules.Node {
	n := of.Child(key)
	if !n.IsSet() {
		return nil
	}
	if !n.IsText() {
		r.report(n, n.Pos(), key+" is text, not "+n.Kind(), "")
		return nil
	}
	if !r.anyState && !slices.Contains(r.states, n.Text()) {
		r.report(n, n.Pos(), fmt.Sprintf("no rule leads to the state %q", n.Text()), rules.DidYouMean(n.Text(), r.states))
	}
	return &n
}

func (r *reader) fired(n rules.Node, s *step) {
	if !n.IsSet() {
		return
	}
	var names []string
	for _, rule := range r.scenario.rules.Rules {
		names = append(names, rule.Name)
	}
	for _, item := range n.Items() {
		switch {
		case !item.IsText():
			r.report(item, item.Pos(), "fires names rules, not "+item.Kind(), "")
		case !slices.Contains(names, item.Text()):
			r.report(item, item.Pos(), fmt.Sprintf("no rule is called %q", item.Text()), rules.DidYouMean(item.Text(), names))
		default:
			s.fires = append(s.fires, item.Text())
		}
	}
}

func (r *reader) repeated(n rules.Node, s *step) {
	if !n.IsSet() {
		return
	}
	if !n.IsTable() {
		r.report(n, n.Pos(), "repeat is a table, not "+n.Kind(), `repeat = { from = "Anna calls", times = 10 }`)
		return
	}
	r.unknown(n, repeatKeys)
	from, ok := r.text(n, "from", `repeat = { from = "Anna calls", times = 10 }`)
	times, counted := r.whole(n, "times", 2)
	if !n.Child("times").IsSet() {
		r.report(n, n.Pos(), "times is missing", `repeat = { from = "Anna calls", times = 10 }`)
	}
	if !ok || !counted {
		return
	}
	names := []string{s.name}
	for i, other := range r.scenario.steps {
		names = append(names, other.name)
		if other.name == from {
			s.repeat = &repeat{i, times}
		}
		if other.repeat != nil && s.repeat != nil {
			r.report(n, n.Pos(), "steps that are repeated cannot hold steps that are", "")
		}
	}
	if from == s.name {
		s.repeat = &repeat{len(r.scenario.steps), times}
	}
	if s.repeat == nil {
		r.report(n.Child("from"), n.Child("from").Pos(), fmt.Sprintf("no earlier step is called %q", from), rules.DidYouMean(from, names))
	}
}

// address takes "TRANSPORT TYPE" apart.
func (r *reader) address(n rules.Node) (transport, typ string, ok bool) {
	words := strings.Fields(n.Text())
	if len(words) != 2 {
		r.report(n, n.Pos(), fmt.Sprintf("%q is no message", n.Text()), `a transport and a type: "matrix m.call.invite"`)
		return "", "", false
	}
	return words[0], words[1], true
}

func (r *reader) incoming(n rules.Node, outcome string) *incoming {
	m := &incoming{pos: n.Pos(), who: "anna"}
	var from string
	ok := true
	at, of := n, n
	switch {
	case n.IsText():
		from, m.typ, ok = r.address(n)
	case n.IsTable():
		r.unknown(n, receiveKeys)
		var typed bool
		from, ok = r.text(n, "from", `from = "matrix"`)
		m.typ, typed = r.text(n, "type", `type = "m.call.invite"`)
		if ok = ok && typed; ok {
			at, of = n.Child("from"), n.Child("type")
		}
		if who, is := r.optional(n, "who"); is {
			m.who = who
		}
		if body := n.Child("body"); body.IsTable() {
			m.body = r.compile(body, r.receives)
		} else if body.IsSet() {
			r.report(body, body.Pos(), "body is a table, not "+body.Kind(), "")
		}
	default:
		r.report(n, n.Pos(), "a message is text or a table, not "+n.Kind(), `receive = "matrix m.call.hangup"`)
		return nil
	}
	if !ok {
		return nil
	}
	if m.peer = r.peer(from); m.peer == nil || m.peer.Shape.Mute {
		r.report(at, at.Pos(), fmt.Sprintf("nothing comes from %q", from), rules.DidYouMean(from, r.peerNames()))
		return nil
	}
	if outcome == "" {
		r.heard(of, m)
	} else {
		r.unlikelyType(of, m)
	}
	if m.whole = n.IsTable() && r.flag(n, "whole"); m.whole {
		return m // as it was captured: it may have what no schema knows
	}
	if m.body != nil {
		r.receivedFields(n.Child("body"), m)
	}
	m.base, m.json = r.defaults(m), r.defaultJSON(m)
	return m
}

// heard reports a type that no rule is for.
func (r *reader) heard(n rules.Node, m *incoming) {
	var known []string
	for _, rule := range r.scenario.rules.Rules {
		for _, on := range rule.On {
			if !globMatch(on.Transport, m.peer.Name) && !globMatch(on.Transport, m.peer.Group) {
				continue
			}
			if globMatch(on.Type, m.typ) {
				return
			}
			known = append(known, on.Type)
		}
	}
	hint := rules.DidYouMean(m.typ, known)
	if hint == "" {
		hint = `outcome = "unmatched" if that is meant`
	}
	r.report(n, n.Pos(), fmt.Sprintf("no rule is for %s from %s", m.typ, m.peer.Name), hint)
}

const nothing = "nothing"

func (r *reader) expected(n rules.Node, s *step) {
	if !n.IsSet() {
		return
	}
	s.expects = true
	if n.IsText() && n.Text() == nothing {
		return
	}
	if n.IsList() && len(n.Items()) == 0 {
		r.report(n, n.Pos(), "an empty list expects nothing: say so", `expect = "nothing"`)
	}
	for _, item := range n.Items() {
		if o := r.outgoing(item); o != nil {
			s.expect = append(s.expect, o)
		}
	}
}

func (r *reader) outgoing(n rules.Node) *outgoing {
	o := &outgoing{pos: n.Pos()}
	ok := true
	at, of := n, n
	switch {
	case n.IsText():
		o.to, o.typ, ok = r.address(n)
	case n.IsTable():
		var typed bool
		o.to, ok = r.text(n, "to", `to = "verto"`)
		o.typ, typed = r.text(n, "type", `type = "verto.bye"`)
		if ok = ok && typed; ok {
			at, of = n.Child("to"), n.Child("type")
		}
		o.exact = r.flag(n, "exact")
	default:
		r.report(n, n.Pos(), "a message is text or a table, not "+n.Kind(), `expect = "verto verto.bye", or "nothing"`)
		return nil
	}
	if !ok {
		return nil
	}
	peer := r.peer(o.to)
	if peer == nil {
		r.report(at, at.Pos(), fmt.Sprintf("no transport is called %q", o.to), rules.DidYouMean(o.to, r.peerNames()))
		return nil
	}
	r.isSent(of, o, peer)
	if n.IsTable() {
		r.outgoingTable(n, o, peer)
	}
	return o
}

func (r *reader) outgoingTable(n rules.Node, o *outgoing, peer *replay.Peer) {
	r.unknown(n, append([]string{"to", "type", "exact", "body"}, peer.Protocol.Address...))
	o.address = map[string]*value{}
	for _, name := range peer.Protocol.Address {
		if c := n.Child(name); c.IsSet() {
			if v := r.compile(c, r.expects); v != nil {
				o.address[name] = v
			}
		}
	}
	if body := n.Child("body"); body.IsSet() {
		o.body = r.compile(body, r.expects)
		r.expectedFields(body, o, peer)
	} else if o.exact {
		r.report(n, n.Pos(), "exact says that the body is given whole, and there is none", "")
	}
}

// isSent reports a type that no rule ever sends there.
func (r *reader) isSent(n rules.Node, o *outgoing, peer *replay.Peer) {
	var known []string
	for _, rule := range r.scenario.rules.Rules {
		for _, s := range rule.Send {
			if s.To != peer.Name && s.To != peer.Group {
				continue
			}
			if s.Type == o.typ {
				return
			}
			if !slices.Contains(known, s.Type) {
				known = append(known, s.Type)
			}
		}
	}
	r.report(n, n.Pos(), fmt.Sprintf("no rule sends %s to %s", o.typ, o.to), rules.DidYouMean(o.typ, known))
}

// isReply tells the types of what comes of a message that was sent.
func isReply(typ string) bool {
	return strings.HasSuffix(typ, ".ok") || strings.HasSuffix(typ, ".error")
}

// requestOf is the type of the message that a reply is about.
func requestOf(typ string) string {
	return strings.TrimSuffix(strings.TrimSuffix(typ, ".ok"), ".error")
}
