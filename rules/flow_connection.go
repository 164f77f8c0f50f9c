package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"vertigo/engine"
	"vertigo/schema"
)

// connections checks what rules for connections do: what they set and nobody
// reads, whether one begins, and who waits for what they bring about.
func (f *flow) connections() {
	f.unreadOfConnections()
	if f.talk.mixed {
		return // which rules are a connection's is not known
	}
	f.unbegun()
	f.heardByOthers()
	f.endsAllCalls()
}

func (f *flow) unreadOfConnections() {
	var unknown []string
	for name := range f.used.fields["conn"] {
		if !f.connVars[name] && name != "state" {
			unknown = append(unknown, name)
		}
	}
	reported := map[string]bool{}
	for _, r := range f.rules {
		set := r.node.child("conn")
		if set == nil {
			continue
		}
		f.rule = r.Name
		for _, name := range set.keys {
			if reported[name] || !f.connVars[name] || f.used.reads("conn", name) || Nearest(name, unknown) != "" {
				continue
			}
			reported[name] = true
			f.own(unreadConn, set.children[name], set.children[name].keyPos, fmt.Sprintf("conn.%s is set, and nothing reads it", name), "")
		}
	}
	f.rule = ""
}

// unbegun reports rules for connections of transports on which none begins.
func (f *flow) unbegun() {
	var begun []string
	for _, r := range f.rules {
		if r.NewConnection {
			begun = append(begun, f.speakers(r.On)...)
		}
	}
	for _, r := range f.rules {
		from := f.speakers(r.On)
		if !r.OfConnection || r.NewConnection || r.faulty || len(from) == 0 || slices.ContainsFunc(from, func(name string) bool { return slices.Contains(begun, name) }) {
			continue
		}
		f.rule = r.Name
		name := r.node.child("name")
		f.own(unbegun, name, name.pos, fmt.Sprintf("no rule begins a connection of %s, which this rule is for", from[0]),
			fmt.Sprintf("a rule begins it by on = %q and new = %q", from[0]+" "+engine.TransportUp, newConnection))
	}
	f.rule = ""
}

// endsAllCalls reports rules that look as if they ended the connection, and end
// each call on its transport: for a message that no rule for the connection
// hears, and with nothing in them that is about a call.
func (f *flow) endsAllCalls() {
	connected := map[string]bool{}
	heard := map[string][]engine.Pattern{} // by rules for connections, by transport
	sent := f.senders()
	for _, r := range f.rules {
		if !r.OfConnection {
			continue
		}
		for _, on := range r.On {
			for _, name := range f.speakers([]engine.Pattern{on}) {
				connected[name] = connected[name] || r.NewConnection
				heard[name] = append(heard[name], on)
			}
		}
	}
	for _, r := range f.rules {
		if next := r.node.child("next"); r.OfConnection || r.New || r.faulty || len(r.In) > 0 || next == nil || next.text != stateEnd || f.isAboutCall(r) {
			continue
		}
		f.rule = r.Name
		for _, item := range r.node.child("on").listed() {
			words := strings.Fields(item.text)
			if len(words) != 2 || isGlob(words[1]) {
				continue
			}
			from := f.speakers([]engine.Pattern{{Transport: words[0]}})
			if len(from) != 1 || !connected[from[0]] || f.hasKey(r, from[0], words[1]) || f.answered(from[0], words[1], sent) != "" ||
				slices.ContainsFunc(heard[from[0]], func(on engine.Pattern) bool { return globs(on.Type, words[1]) }) {
				continue
			}
			f.own(endsAllCalls, item, item.pos, fmt.Sprintf("%s ends each call on %s, and not the connection", words[1], from[0]),
				"name in in the states that the rule is for: those of the connection, or of calls")
		}
	}
	f.rule = ""
}

// isAboutCall says whether a rule does, or asks for, what only concerns a call:
// it does if that is not known.
func (f *flow) isAboutCall(r flowRule) bool {
	for _, key := range []string{"set", "push", "limit", "beyond", "timer", "cancel"} {
		if r.node.child(key) != nil {
			return true
		}
	}
	u := newUsage(f.decl.indexes)
	f.usedBy(u, r.node)
	for _, root := range keysOf(u.fields) {
		if root == "call" || f.decl.lets.nodes[root] != nil {
			return true
		}
	}
	from := f.speakers(r.On)
	return slices.ContainsFunc(r.Send, func(s *engine.Send) bool {
		return slices.ContainsFunc(f.speakers([]engine.Pattern{{Transport: s.To}}), func(to string) bool { return !slices.Contains(from, to) })
	})
}

// hasKey says whether messages of a type name a call, as far as their schema, or
// what a rule reads of them, tells.
func (f *flow) hasKey(r flowRule, transport, typ string) bool {
	p := f.speaks[transport]
	if p == nil {
		return true // its messages do, or the transport knows
	}
	for _, slot := range r.Reads {
		if slices.Contains(p.Format.Key, f.rs.Paths[slot]) {
			return true
		}
	}
	if p.Schema == nil || p.Schema.In(typ) == nil {
		return false
	}
	return slices.ContainsFunc(p.Format.Key, func(key string) bool {
		found, _ := pathIn([]*schema.Type{p.Schema.In(typ)}, strings.Split(key, "."))
		return found
	})
}

// speakers lists the transports whose messages patterns are for.
func (f *flow) speakers(on []engine.Pattern) []string {
	var list []string
	for _, p := range on {
		for _, peer := range f.opts.Peers {
			if globs(p.Transport, peer.Name) || peer.Group != "" && globs(p.Transport, peer.Group) {
				list = append(list, peer.Name)
			}
		}
	}
	return list
}

// Who brings something about: rules for calls, for connections, or for both.
type bringers struct{ calls, connections bool }

// with adds a rule; it may be for both where no state that it asks for is known.
func (b bringers) with(r flowRule, unknown bool) bringers {
	both := !r.inCall && !r.OfConnection || unknown
	return bringers{b.calls || both || !r.OfConnection, b.connections || both || r.OfConnection}
}

// heardByOthers reports rules for calls that wait for what only a connection is
// told, and the other way round: a timer that it started, an answer to what it
// sent.
func (f *flow) heardByOthers() {
	timers, sent := map[string]bringers{}, f.senders()
	for _, r := range f.rules {
		unknown := f.asksForUnknown(r)
		for _, t := range r.Timer {
			name := f.rs.Timers[t.Timer]
			if !slices.Contains(r.On, engine.Pattern{Transport: "engine", Type: "timer." + name}) { // else it starts it again
				timers[name] = timers[name].with(r, unknown)
			}
		}
	}
	for _, r := range f.rules {
		if r.faulty || !r.inCall && !r.OfConnection || f.asksForUnknown(r) {
			continue
		}
		f.rule = r.Name
		for _, item := range r.node.child("on").listed() {
			words := strings.Fields(item.text)
			if len(words) != 2 || isGlob(words[1]) {
				continue
			}
			at := item.at(strings.LastIndex(item.text, words[1]))
			if words[0] == "engine" && f.saidToOthers(r, item, at, words[1]) {
				continue
			}
			if timer, ok := strings.CutPrefix(words[1], "timer."); ok && words[0] == "engine" {
				f.hearsOther(r, item, at, timers[timer], "start the timer "+timer)
				continue
			}
			for _, name := range f.speakers([]engine.Pattern{{Transport: words[0]}}) {
				if typ := f.answered(name, words[1], sent); typ != "" {
					f.hearsOther(r, item, at, sent[[2]string{name, typ}], "send "+typ)
					break
				}
			}
		}
	}
	f.rule = ""
}

// senders tells who sends what: by the transport that it goes to, and the type.
func (f *flow) senders() map[[2]string]bringers {
	sent := map[[2]string]bringers{}
	for _, r := range f.rules {
		unknown := f.asksForUnknown(r)
		for _, s := range r.Send {
			for _, name := range f.speakers([]engine.Pattern{{Transport: s.To}}) {
				key := [2]string{name, s.Type}
				sent[key] = sent[key].with(r, unknown)
			}
		}
	}
	return sent
}

// saidToOthers reports what the engine says to connections alone, in a rule for
// calls, and the other way round.
func (f *flow) saidToOthers(r flowRule, item *node, at Pos, typ string) bool {
	toConnections := typ == "conn.stop"
	if strings.HasPrefix(typ, "timer.") || toConnections == r.OfConnection {
		return false
	}
	if toConnections {
		f.own(otherHears, item, at, typ+" is said to connections alone, and this rule is for calls", "name the connection's states in in")
	} else {
		f.own(otherHears, item, at, typ+" is said to calls alone, and this rule is for the connection", "a connection is told of the end by engine conn.stop")
	}
	return true
}

// asksForUnknown says whether a rule names a state that no rule leads to: there
// is a finding for that already.
func (f *flow) asksForUnknown(r flowRule) bool {
	return slices.ContainsFunc(r.In, func(state string) bool { return f.used.states[state] == 0 })
}

// answered gives the type of the request that a type is the answer to; "" if it
// is none.
func (f *flow) answered(transport, typ string, sent map[[2]string]bringers) string {
	answers := []string{"ok", "error"}
	if p := f.speaks[transport]; p != nil {
		answers = append(answers, p.Format.Answers...)
	}
	for key := range sent {
		rest, ok := strings.CutPrefix(typ, key[1]+".")
		if !ok || key[0] != transport {
			continue
		}
		for _, pattern := range answers {
			if is, err := path.Match(pattern, rest); is && err == nil {
				return key[1]
			}
		}
	}
	return ""
}

func (f *flow) hearsOther(r flowRule, item *node, at Pos, by bringers, what string) {
	switch {
	case by.connections && !by.calls && !r.OfConnection:
		f.own(otherHears, item, at, fmt.Sprintf("only rules for the connection %s, and this rule is for calls", what), "name the connection's state in in, or set a variable of the connection")
	case by.calls && !by.connections && r.OfConnection:
		f.own(otherHears, item, at, fmt.Sprintf("only rules for calls %s, and this rule is for the connection", what), "")
	}
}
