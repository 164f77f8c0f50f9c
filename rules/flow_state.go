package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"vertigo/engine"
)

// askStates notes the states that an expression compares call.state, or
// conn.state, with.
func (c *compiler) askStates(src source, tree ast.Node) {
	if strings.Contains(src.text, "state") {
		ast.Walk(&tree, &stateAsker{c, src})
	}
}

type stateAsker struct {
	c   *compiler
	src source
}

// Visit notes call.state == "…" and call.state in ["…"], and those of conn.state.
func (v *stateAsker) Visit(n *ast.Node) {
	b, ok := (*n).(*ast.BinaryNode)
	if !ok || !slices.Contains([]string{"==", "!=", "in"}, b.Operator) {
		return
	}
	for _, sides := range [][2]ast.Node{{b.Left, b.Right}, {b.Right, b.Left}} {
		root, parts, ok := chain(sides[0])
		if !ok || root != "call" && root != "conn" || len(parts) != 1 || parts[0] != "state" {
			continue
		}
		list := []ast.Node{sides[1]}
		if array, ok := sides[1].(*ast.ArrayNode); ok {
			list = array.Nodes
		}
		for _, item := range list {
			text, ok := item.(*ast.StringNode)
			if !ok {
				continue
			}
			ask := askedState{text.Value, v.src.node, v.src.pos(item.Location().From), v.c.rule}
			if !slices.Contains(v.c.asked, ask) {
				v.c.asked = append(v.c.asked, ask)
			}
		}
	}
}

// unknownStates reports states that are asked for and no rule leads to, and
// those that were probably meant by a misspelt next.
func (f *flow) unknownStates() {
	if f.used.anyone {
		return
	}
	var entered, lost []string // states that are led to; and those of them that nobody asks for
	for _, state := range keysOf(f.used.states) {
		entered = append(entered, state)
		if f.used.asked[state] == 0 && state != stateEnd && state != stateBegun {
			lost = append(lost, state)
		}
	}
	meant := map[string]bool{} // led to by a name that is misspelt
	for _, r := range f.rules {
		next := r.node.child("next")
		for _, state := range r.NextStates {
			if !slices.Contains(lost, state) || isShipped(r.node) {
				continue
			}
			others := f.askedBut(state)
			if near := Nearest(state, others); near != "" && (f.used.states[near] > 0 || f.used.asked[near] > f.used.states[state]) {
				meant[near] = true
				f.rule = r.Name
				f.own(strayState, next, next.pos, fmt.Sprintf("no rule asks for the state %s", state), DidYouMean(state, others))
			}
		}
	}
	report := func(state string, n *node, pos Pos) {
		if f.used.states[state] > 0 || state == stateEnd || meant[state] {
			return
		}
		if hint := DidYouMean(state, entered); Nearest(state, entered) != "" {
			f.own(unknownState, n, pos, "unknown state "+state, hint)
		} else {
			f.own(unreachedState, n, pos, fmt.Sprintf("no rule leads to the state %s", state), hint)
		}
	}
	for _, r := range f.rules {
		f.rule = r.Name
		for _, item := range r.node.child("in").listed() {
			if !r.New && item.kind == kindString {
				report(item.text, item, item.pos)
			}
		}
	}
	for _, a := range f.asked {
		f.rule = a.rule
		report(a.name, a.node, a.pos)
	}
	f.rule = ""
}

// askedBut lists the states that are asked for, all but one.
func (f *flow) askedBut(state string) []string {
	var list []string
	for _, s := range keysOf(f.used.asked) {
		if s != state {
			list = append(list, s)
		}
	}
	return list
}

// endless reports calls that nothing ends: for want of any rule that does, or in
// one state; and ends that one side is not told of.
func (f *flow) endless() {
	seen := map[string]bool{}
	stuck := map[string]bool{}
	told := map[string]bool{}
	for _, begin := range f.rules {
		if !begin.New || begin.faulty {
			continue
		}
		first := begin.NextStates
		if first == nil {
			first = []string{stateBegun}
		}
		on := slices.DeleteFunc(f.sides(begin.On), func(side string) bool { return side == "" })
		key := fmt.Sprint(first, on)
		if seen[key] {
			continue
		}
		seen[key] = true
		states, known := f.reachable(first)
		switch {
		case !known:
		case slices.Contains(states, stateEnd):
			f.untold(begin, states, on, told)
			f.dead(states, stuck)
		case !f.dead(states, stuck):
			f.rule = begin.Name
			at := begin.node.child("new")
			f.own(endlessCall, at, at.keyPos, "no rule ends the calls that this rule begins", `a rule ends a call by next = "end"`)
		}
	}
	f.rule = ""
}

// reachable lists the states that a call can come to, itself among them; known
// is false if it could be any.
func (f *flow) reachable(first []string) (states []string, known bool) {
	seen := map[string]bool{}
	come := func(list []string) {
		for _, state := range list {
			if !seen[state] {
				seen[state] = true
				states = append(states, state)
			}
		}
	}
	come(first)
	for i := 0; i < len(states); i++ {
		if states[i] != stateEnd {
			come(f.leaving()[states[i]])
			come(f.leaving()[anyState])
		}
	}
	return states, !seen[""]
}

// anyState stands for the rules that ask for no state.
const anyState = "*"

// leaving lists where the rules for a state lead to.
func (f *flow) leaving() map[string][]string {
	if f.exits != nil {
		return f.exits
	}
	f.exits = map[string][]string{}
	for _, r := range f.rules {
		if r.New || r.OfConnection {
			continue
		}
		in := r.In
		if len(in) == 0 {
			in = []string{anyState}
		}
		for _, state := range in {
			for _, next := range r.NextStates {
				if next != state && !slices.Contains(f.exits[state], next) {
					f.exits[state] = append(f.exits[state], next)
				}
			}
		}
	}
	return f.exits
}

// dead reports the states that no rule leaves; found says whether there is one.
func (f *flow) dead(states []string, stuck map[string]bool) (found bool) {
	for _, state := range states {
		away := func(next string) bool { return next != state }
		if state == stateEnd || state == stateBegun || slices.ContainsFunc(f.leaving()[state], away) || slices.ContainsFunc(f.leaving()[anyState], away) {
			continue
		}
		found = true
		if stuck[state] {
			continue
		}
		stuck[state] = true
		for _, r := range f.rules {
			if next := r.node.child("next"); slices.Contains(r.NextStates, state) && !isShipped(next) {
				f.rule = r.Name
				f.own(deadEnd, next, next.pos, fmt.Sprintf("no rule leaves the state %s: a call stays in it until it is too old", state), fmt.Sprintf("a rule is for calls in it by in = %q, and ends them by next = %q", state, stateEnd))
				break
			}
		}
	}
	f.rule = ""
	return found
}

// stopping ends what is left of the calls: nothing is lost by not waiting for it.
var stopping = engine.Pattern{Transport: "engine", Type: "call.stop"}

// untold reports a side of a call that is never told that the call has ended,
// though another one can end it.
func (f *flow) untold(begin flowRule, states, begun []string, told map[string]bool) {
	sides := slices.Clone(begun)
	var reached []flowRule
	for _, r := range f.rules {
		if r.faulty {
			return // what it sends is not known
		}
		if !r.New && !r.OfConnection && (len(r.In) == 0 || slices.ContainsFunc(r.In, func(s string) bool { return slices.Contains(states, s) })) {
			reached = append(reached, r)
		}
	}
	for _, r := range append(slices.Clone(reached), begin) {
		for _, s := range r.Send {
			if side := f.side(s.To); side != "" && len(s.Keys) > 0 && !slices.Contains(sides, side) {
				sides = append(sides, side)
			}
		}
	}
	for _, side := range sides {
		if len(sides) < 2 || told[side] {
			continue
		}
		told[side] = true
		says := func(r flowRule) bool {
			return f.closes(r) && slices.ContainsFunc(r.Send, func(s *engine.Send) bool { return f.side(s.To) == side })
		}
		if slices.ContainsFunc(reached, says) {
			continue
		}
		for _, r := range reached {
			on := slices.DeleteFunc(slices.Clone(r.On), func(p engine.Pattern) bool { return p == stopping })
			from := f.sides(on)
			if len(on) == 0 || !slices.Contains(r.NextStates, stateEnd) || slices.Equal(from, []string{side}) {
				continue
			}
			next := r.node.child("next")
			f.rule = r.Name
			f.own(untoldSide, next, next.pos, fmt.Sprintf("the call ends, and no rule that ends one tells %s so: it stays open there", side), "send it what ends a call there")
			break
		}
	}
	f.rule = ""
}

// closes says whether a rule has to do with the end of a call: it ends it, is
// followed by one that does, or leads to a state in which all that can happen is
// the end.
func (f *flow) closes(r flowRule) bool {
	return r.Also || slices.ContainsFunc(r.NextStates, func(next string) bool {
		exits := f.leaving()[next]
		return next == stateEnd || next == "" || len(exits) == 1 && exits[0] == stateEnd
	})
}

// sides lists whom a rule hears; "" stands for who knows no calls by a key, as
// the engine.
func (f *flow) sides(on []engine.Pattern) []string {
	var list []string
	for _, p := range on {
		for _, name := range append(f.transports(), "engine") {
			if side := f.side(name); globs(p.Transport, name) && !slices.Contains(list, side) {
				list = append(list, side)
			}
		}
	}
	return list
}

// side gives the group that a transport belongs to, else itself; "" if it knows
// no calls.
func (f *flow) side(name string) string {
	for _, p := range f.opts.Peers {
		if p.Name != name && p.Group != name || len(p.Protocol.Key) == 0 {
			continue
		}
		if p.Group != "" {
			return p.Group
		}
		return p.Name
	}
	return ""
}
