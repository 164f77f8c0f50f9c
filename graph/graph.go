// Package graph draws the states that calls can be in, or the connections of
// transports, and the rules that lead from one to another: as Mermaid, as DOT and
// as a picture.
//
// It looks at rules, not at calls: a way that no message will ever open is drawn
// like any other.
package graph

import (
	"slices"

	"vertigo/engine"
)

// A Graph is what rules make of the states of a call, or of a connection.
type Graph struct {
	States []*State // in the order in which rules name them
	Ways   []*Way   // in the order of their first rules
}

// A Kind tells the states that rules name from the others.
type Kind int

// The kinds of states.
const (
	Named  Kind = iota
	Before      // there is no call yet, or no connection
	Any         // whatever state it is in, and of calls without one too
	End         // it is over
	Told        // that only a call tells, or a connection, for its rule computes it
)

// The states that the rule language itself names.
const (
	stateBegun = "begun" // where a rule that begins a call says no next
	stateEnd   = "end"
)

// A State is one that calls can be in.
type State struct {
	Kind    Kind
	Name    string // of a Named one
	Entered bool   // a call can come to it
	Stays   []Step // what happens in it and leaves the call there

	connection bool // it is one of connections
}

// A Way leads from one state to another, by one of its steps.
type Way struct {
	From, To *State
	Steps    []Step
}

// A Step is what one rule does in one state.
type Step struct {
	Rule    string
	On      []string // the types of messages that it is for
	Effects []string // what it does to timers and buffers, and which limits it asks
}

// Of makes the graph of the calls of a rule set.
func Of(rs *engine.Ruleset) *Graph { return built(rs, false) }

// OfConnections makes the graph of the connections of a rule set; nil if it has
// no rule for any.
func OfConnections(rs *engine.Ruleset) *Graph {
	if !slices.ContainsFunc(rs.Rules, func(r *engine.Rule) bool { return r.OfConnection }) {
		return nil
	}
	return built(rs, true)
}

func built(rs *engine.Ruleset, connection bool) *Graph {
	b := &builder{rs: rs, connection: connection, graph: &Graph{}, states: map[stateKey]*State{}, ways: map[[2]*State]*Way{}}
	for _, r := range rs.Rules {
		if r.OfConnection == connection {
			b.rule(r)
		}
	}
	b.graph.enter()
	return b.graph
}

type builder struct {
	rs         *engine.Ruleset
	connection bool // rules for connections are drawn, not those for calls
	graph      *Graph
	states     map[stateKey]*State
	ways       map[[2]*State]*Way
}

// A stateKey is a kind and a name.
type stateKey struct {
	kind Kind
	name string
}

func (b *builder) state(kind Kind, name string) *State {
	key := stateKey{kind, name}
	s := b.states[key]
	if s == nil {
		s = &State{Kind: kind, Name: name, connection: b.connection}
		b.states[key] = s
		b.graph.States = append(b.graph.States, s)
	}
	return s
}

// named is the state that a rule names.
func (b *builder) named(name string) *State {
	switch name {
	case "":
		return b.state(Told, "")
	case stateEnd:
		return b.state(End, "")
	}
	return b.state(Named, name)
}

func (b *builder) rule(r *engine.Rule) {
	step := b.step(r)
	next := r.NextStates
	var from []*State
	switch {
	case r.New || r.NewConnection:
		from = []*State{b.state(Before, "")}
		if r.Next == nil {
			next = []string{stateBegun}
		}
	case len(r.In) == 0:
		from = []*State{b.state(Any, "")}
	}
	for _, name := range r.In {
		from = append(from, b.named(name))
	}
	for _, s := range from {
		if len(next) == 0 {
			s.Stays = append(s.Stays, step)
		}
		for _, name := range next {
			b.way(s, b.named(name), step)
		}
	}
}

// way adds a step between two states. One that comes to the state it came from
// is none.
func (b *builder) way(from, to *State, step Step) {
	if from == to {
		from.Stays = append(from.Stays, step)
		return
	}
	w := b.ways[[2]*State{from, to}]
	if w == nil {
		w = &Way{From: from, To: to}
		b.ways[[2]*State{from, to}] = w
		b.graph.Ways = append(b.graph.Ways, w)
	}
	w.Steps = append(w.Steps, step)
}

func (b *builder) step(r *engine.Rule) Step {
	s := Step{Rule: r.Name}
	for _, p := range r.On {
		if !slices.Contains(s.On, p.Type) {
			s.On = append(s.On, p.Type)
		}
	}
	for _, t := range r.Timer {
		s.Effects = append(s.Effects, "starts "+b.rs.Timers[t.Timer])
	}
	for _, slot := range r.Cancel {
		s.Effects = append(s.Effects, "stops "+b.rs.Timers[slot])
	}
	for _, p := range r.Push {
		s.Effects = append(s.Effects, "fills "+b.rs.Buffers[p.Buffer].Name)
	}
	for _, slot := range r.Limit {
		s.Effects = append(s.Effects, "within "+b.rs.Limits[slot].Name)
	}
	for _, slot := range r.Beyond {
		s.Effects = append(s.Effects, "beyond "+b.rs.Limits[slot].Name)
	}
	return s
}

// enter finds out which states a call can come to. What only a call tells may be
// any of them.
func (g *Graph) enter() {
	for _, s := range g.States {
		s.Entered = s.Kind == Before || s.Kind == Any && slices.ContainsFunc(g.States, func(s *State) bool { return s.Kind == Before })
	}
	for again := true; again; {
		again = false
		for _, w := range g.Ways {
			if w.From.Entered && !w.To.Entered {
				w.To.Entered, again = true, true
			}
		}
		for _, told := range g.States {
			if told.Kind != Told || !told.Entered {
				continue
			}
			for _, s := range g.States {
				again = again || !s.Entered
				s.Entered = true
			}
		}
	}
}
