package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"vertigo/engine"
)

// A flow checks how rules hang together: which states calls come to and leave,
// what is set, started or filled and never looked at, which rules never fire. It
// finds nothing where it cannot be sure, and says nothing of shipped files,
// which whoever reads it cannot change.
type flow struct {
	*compiler
	used  *usage
	rules []flowRule
	exits map[string][]string // by state: where its rules lead to
}

// A flowRule is a rule as far as it is known what it does.
type flowRule struct {
	*engine.Rule
	node   *node
	inCall bool // it is for messages of a call
	faulty bool // what it says could not all be read
}

// An askedState is a state that an expression compares call.state with.
type askedState struct {
	name string
	node *node
	pos  Pos
	rule string
}

// The states of the engine's own.
const (
	stateBegun = "begun" // of a call whose first rule names none
	stateEnd   = "end"
)

// flow checks the rules; what it finds may be wrong if parts of the files could
// not be read, and so it is silent then.
func (c *compiler) flow() {
	if c.loader.partial || len(c.decl.rules) == 0 {
		return
	}
	f := &flow{compiler: c, used: newUsage(c.decl.indexes)}
	for _, root := range c.loader.roots {
		c.usedIn(f.used, root)
	}
	for field := range c.readOfFound {
		f.used.read("call", field)
	}
	for _, a := range c.asked {
		f.used.asked[a.name]++
	}
	if f.used.plain {
		f.used.states[stateBegun]++
	}
	faulty := map[string]bool{"": true}
	for _, found := range c.findings {
		faulty[found.Rule] = faulty[found.Rule] || found.Severity == Error
	}
	for i, decl := range c.decl.rules {
		r := flowRule{Rule: c.rs.Rules[i], node: decl.node, faulty: faulty[decl.name] || decl.twice}
		r.inCall = r.InCall || r.New || r.In != nil || r.Set != nil || r.Push != nil || r.Timer != nil || r.Cancel != nil || r.NextStates != nil || r.OfConnection
		f.rules = append(f.rules, r)
	}
	f.unusedNames()
	f.exactTables()
	f.unheard()
	f.unread()
	f.connections()
	f.protocols()
	f.unknownStates()
	f.endless()
	f.hidden()
	c.rule = ""
}

// own reports in a file of the user's.
func (f *flow) own(k *Kind, n *node, pos Pos, msg, hint string) {
	if !isShipped(n) {
		f.report(k, n, pos, msg, hint)
	}
}

func globs(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return pattern == s || ok && err == nil
}

// unusedNames reports what is declared and nothing uses.
func (f *flow) unusedNames() {
	in := func(m map[string]bool) func(string) bool { return func(name string) bool { return m[name] } }
	ofVars := func(name string) bool { return f.used.reads("vars", name) }
	roots := keysOf(f.used.fields)
	for _, d := range []struct {
		kind     *Kind
		msg      string
		declared *named
		used     func(string) bool
		asked    []string // all names that are used so, declared or not
	}{
		{unreadVar, "nothing reads vars.%s", f.decl.vars, ofVars, keysOf(f.used.fields["vars"])},
		{unusedLet, "nothing uses the let %s", f.decl.lets, f.used.names, roots},
		{unusedTable, "nothing looks anything up in the table %s", f.decl.tables, f.used.names, roots},
		{unusedIndex, "nothing looks up calls in the index %s", f.decl.indexes, f.used.names, roots},
		{unusedLimit, "no rule is within the limit %s, or beyond it", f.decl.limits, in(f.used.limits), keysOf(f.used.limits)},
	} {
		var used, unknown []string
		for _, name := range d.asked {
			if d.declared.nodes[name] != nil {
				used = append(used, name)
			} else if name != "" && !slices.Contains(reserved, name) && functionNamed(name) == nil {
				unknown = append(unknown, name)
			}
		}
		for _, name := range d.declared.names {
			n := d.declared.nodes[name]
			if !d.used(name) && !f.isAtFault(n) && !f.isMeantBy(name, unknown) {
				f.own(d.kind, n, n.keyPos, fmt.Sprintf(d.msg, name), DidYouMean(name, used))
			}
		}
	}
	for _, r := range f.rules {
		lets := r.node.child("let")
		if lets == nil || r.faulty {
			continue
		}
		f.rule = r.Name
		for _, name := range lets.keys {
			if n := lets.children[name]; !f.used.names(name) {
				f.own(unusedLet, n, n.keyPos, fmt.Sprintf("nothing uses the let %s", name), "")
			}
		}
	}
	f.rule = ""
}

// isMeantBy says whether a name was probably meant by one of some that are not
// declared: there is an error for that already.
func (f *flow) isMeantBy(name string, unknown []string) bool {
	return Nearest(name, unknown) != "" && Findings(f.findings).HasErrors()
}

// isAtFault says whether there is an error in a declaration: whoever mends that
// may see the rest as well.
func (f *flow) isAtFault(n *node) bool {
	first, last := min(n.keyPos.Line, n.pos.Line), lastLine(n)
	return slices.ContainsFunc(f.findings, func(e Finding) bool {
		return e.Severity == Error && e.Pos.File == n.pos.File && first <= e.Pos.Line && e.Pos.Line <= last
	})
}

// lastLine gives the line on which a value ends.
func lastLine(n *node) int {
	last := n.pos.Line + strings.Count(n.raw, "\n")
	for _, key := range n.keys {
		last = max(last, lastLine(n.children[key]))
	}
	for _, item := range n.items {
		last = max(last, lastLine(item))
	}
	return last
}

// unheard reports buffers and timers that nobody listens to, and buffers that
// nobody fills.
func (f *flow) unheard() {
	for _, name := range f.decl.buffers.names {
		n := f.decl.buffers.nodes[name]
		heard, pushed := f.used.hears("buffer."+name), f.used.pushed[name]
		switch {
		case heard && pushed || f.isAtFault(n) || misspelt(f, name, "buffer.", f.decl.buffers.nodes, keysOf(f.used.pushed)):
		case pushed:
			f.own(unheardBuffer, n, n.keyPos, fmt.Sprintf("no rule hears the buffer %s: what it collects is lost", name), fmt.Sprintf(`a rule is told of it by on = "engine buffer.%s"`, name))
		case heard:
			f.own(unfilledBuffer, n, n.keyPos, fmt.Sprintf("no rule fills the buffer %s, so it never says anything", name), fmt.Sprintf("a rule fills it by push.%s = '…'", name))
		default:
			f.own(unusedBuffer, n, n.keyPos, fmt.Sprintf("nothing uses the buffer %s", name), DidYouMean(name, keysOf(f.used.pushed)))
		}
	}
	started := map[string]bool{}
	for _, r := range f.rules {
		timers := r.node.child("timer")
		if timers == nil {
			continue
		}
		for _, name := range timers.keys {
			if started[name] || r.faulty || f.used.hears("timer."+name) || misspelt(f, name, "timer.", f.used.timers, nil) {
				continue
			}
			started[name] = true
			f.rule = r.Name
			f.own(unheardTimer, timers.children[name], timers.children[name].keyPos, fmt.Sprintf("no rule hears the timer %s: nothing happens when its time has come", name), fmt.Sprintf(`a rule is told of it by on = "engine timer.%s"`, name))
		}
	}
	f.rule = ""
}

// misspelt says whether a rule asks for something of nearly that name that is not
// there, which an error tells of.
func misspelt[V any](f *flow, name, prefix string, known map[string]V, more []string) bool {
	asked := more
	for _, p := range f.used.heard {
		if len(p.Type) > len(prefix) && p.Type[:len(prefix)] == prefix {
			asked = append(asked, p.Type[len(prefix):])
		}
	}
	asked = slices.DeleteFunc(slices.Clone(asked), func(a string) bool { _, ok := known[a]; return ok })
	return Nearest(name, asked) != ""
}

// toldVars are the variables that the engine reads itself, for call.end.
var toldVars = []string{"answered", "cause", "direction", "number", "user"}

// unread reports variables of the call that are set, and read by nothing.
func (f *flow) unread() {
	var unknown []string
	for name := range f.used.fields["call"] {
		if _, set := f.varSlot[name]; !set {
			unknown = append(unknown, name)
		}
	}
	reported := map[string]bool{}
	for _, r := range f.rules {
		set := r.node.child("set")
		if set == nil {
			continue
		}
		for _, name := range set.keys {
			if reported[name] || f.used.reads("call", name) || slices.Contains(toldVars, name) || Nearest(name, unknown) != "" {
				continue
			}
			if _, fits := f.varSlot[name]; !fits {
				continue
			}
			reported[name] = true
			f.rule = r.Name
			f.own(unreadVariable, set.children[name], set.children[name].keyPos, fmt.Sprintf("call.%s is set, and nothing reads it", name), "")
		}
	}
	f.rule = ""
}
