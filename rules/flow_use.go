package rules

import (
	"slices"
	"strings"

	"vertigo/engine"
)

// A usage is what rule files use. It is gathered from the files as they stand,
// faulty rules and those that others replace among them: whatever somebody could
// have meant to use counts as used.
type usage struct {
	fields  map[string]map[string]bool // by root: call, vars; "" in it: all of them, or one that is computed
	pushed  map[string]bool            // buffers
	timers  map[string]bool            // that are started
	limits  map[string]bool
	heard   []engine.Pattern
	states  map[string]int // how many rules lead to each
	asked   map[string]int // how many places ask for each
	anyone  bool           // a next that is computed may lead to any
	plain   bool           // a rule begins a call and says no state
	indexes *named         // that are declared
}

func newUsage(indexes *named) *usage {
	return &usage{
		indexes: indexes,
		fields:  map[string]map[string]bool{}, pushed: map[string]bool{}, timers: map[string]bool{},
		limits: map[string]bool{}, states: map[string]int{}, asked: map[string]int{},
	}
}

// reads says whether an expression names a field of call or vars.
func (u *usage) reads(root, field string) bool {
	return u.fields[root][field] || u.fields[root][""]
}

// names says whether an expression names a table, a let, a local.
func (u *usage) names(root string) bool { return u.fields[root] != nil }

// hears says whether a rule is for what the engine says.
func (u *usage) hears(typ string) bool {
	return slices.ContainsFunc(u.heard, func(p engine.Pattern) bool {
		return globs(p.Transport, "engine") && globs(p.Type, typ)
	})
}

// usedIn gathers what a file uses.
func (c *compiler) usedIn(u *usage, root *node) {
	for _, key := range root.keys {
		n := root.children[key]
		switch key {
		case "let":
			u.expressions(n)
		case "buffer":
			u.below(n, "complete")
		case "limit":
			u.below(n, "key", "max")
		case "index":
			u.below(n, "key")
		case "protocol":
			for _, name := range n.keys {
				if envelope := n.children[name].child("envelope"); envelope != nil {
					u.templates(envelope)
				}
			}
		case "check":
			for _, check := range n.listed() {
				u.entry(check, "that")
			}
		case "rule":
			for _, r := range n.listed() {
				c.usedBy(u, r)
			}
		}
	}
}

// below looks into the tables of a table, such as [limit.NAME].
func (u *usage) below(n *node, expressions ...string) {
	for _, name := range n.keys {
		u.entry(n.children[name], expressions...)
	}
}

// entry looks into a table in which some keys hold expressions, and all others
// templates.
func (u *usage) entry(n *node, expressions ...string) {
	for _, key := range n.keys {
		if slices.Contains(expressions, key) {
			u.expressions(n.children[key])
		} else {
			u.templates(n.children[key])
		}
	}
}

// usedBy gathers what a rule uses. A key that is misspelt counts as the one that
// was probably meant.
func (c *compiler) usedBy(u *usage, n *node) {
	next, begins := false, false
	for _, key := range n.keys {
		v, meant := n.children[key], key
		if !slices.Contains(ruleKeys, key) {
			meant = Nearest(key, ruleKeys)
		}
		switch meant {
		case "name":
		case "on":
			u.heard = append(u.heard, patternsIn(v)...)
		case "in":
			for _, state := range v.listed() {
				u.asked[state.text]++
			}
		case "new":
			begins = true
		case "next":
			next = true
			u.templates(v)
			for _, state := range c.leadsTo(v, n.child("let")) {
				u.states[state]++
				u.anyone = u.anyone || state == ""
			}
		case "cancel":
		case "limit", "beyond":
			for _, name := range v.listed() {
				u.limits[name.text] = true
			}
		case "send":
			for _, s := range v.listed() {
				u.entry(s, "when", "each")
			}
		case "push":
			note(u.pushed, v.keys)
			u.expressions(v)
		case "timer":
			note(u.timers, v.keys)
			u.expressions(v)
		default:
			u.expressions(v)
		}
	}
	u.plain = u.plain || begins && !next
}

func note(in map[string]bool, names []string) {
	for _, name := range names {
		in[name] = true
	}
}

// expressions notes the names in each text below n.
func (u *usage) expressions(n *node) { eachText(n, u.expression) }

// templates notes those in the ${ … } of each text below n.
func (u *usage) templates(n *node) {
	eachText(n, func(text string) {
		for _, inside := range insides(text) {
			u.expression(inside)
		}
	})
}

func (u *usage) expression(text string) {
	finds := false
	var below []string
	scanNames(text, func(root, field string) {
		u.read(root, field)
		finds = finds || u.indexes.nodes[root] != nil
	}, func(field string) { below = append(below, field) })
	for _, field := range below {
		if finds { // it may be one of a call that was found
			u.read("call", field)
		}
	}
}

func (u *usage) read(root, field string) {
	if u.fields[root] == nil {
		u.fields[root] = map[string]bool{}
	}
	u.fields[root][field] = true
}

func eachText(n *node, f func(string)) {
	if n.kind == kindString {
		f(n.text)
	}
	for _, key := range n.keys {
		eachText(n.children[key], f)
	}
	for _, item := range n.items {
		eachText(item, f)
	}
}

// patternsIn reads the patterns of an on, faulty ones as far as they go.
func patternsIn(on *node) []engine.Pattern {
	var list []engine.Pattern
	for _, item := range on.listed() {
		if words := strings.Fields(item.text); len(words) == 2 {
			list = append(list, engine.Pattern{Transport: words[0], Type: words[1]})
		}
	}
	return list
}
