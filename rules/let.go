package rules

import (
	"fmt"
	"slices"
	"strings"
)

// How many lets rule files may have together beside those of rules, and how many a
// rule: each is compiled with all before it in sight.
const (
	maxLets       = 1000
	maxLetsOfRule = 100
)

// fewLets says whether lets are not too many to be compiled, and reports those that
// are one too many.
func (l *loader) fewLets() bool {
	few := true
	fit := func(most int, names []string, nodes map[string]*node, where string) {
		if len(names) > most {
			n := nodes[names[most]]
			l.report(unbounded, n, n.keyPos, fmt.Sprintf("there are more than %d lets%s", most, where), "what is looked up by a name or number belongs in a table")
			few = false
		}
	}
	fit(maxLets, l.whole.lets.names, l.whole.lets.nodes, "")
	for _, r := range l.whole.rules {
		if own := r.node.child("let"); own != nil {
			fit(maxLetsOfRule, own.keys, own.children, " of one rule")
		}
	}
	return few
}

// byUse gives the names of lets so that each one stands behind those that it
// uses, and else in the order of the files: a let may stand in for an included
// one, and use what only the including file has. Lets that use each other in a
// circle have no such order; the compiler then finds one of them unknown.
func (n *named) byUse() []string {
	var order []string
	seen := map[string]bool{}
	var put func(name string)
	put = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		if at := n.nodes[name]; at.kind == kindString {
			eachName(at.text, func(root, _ string) {
				if n.nodes[root] != nil {
					put(root)
				}
			})
		}
		order = append(order, name)
	}
	for _, name := range n.names {
		put(name)
	}
	return order
}

// circle gives the lets by which one comes back to itself, it being the first
// and the last of them; nil if it does not.
func (n *named) circle(name string) []string {
	by, found := []string{name}, false
	seen := map[string]bool{}
	var search func(at string)
	search = func(at string) {
		if n.nodes[at].kind != kindString {
			return
		}
		eachName(n.nodes[at].text, func(root, _ string) {
			if found || n.nodes[root] == nil || seen[root] {
				return
			}
			seen[root] = true
			by = append(by, root)
			if found = root == name; found {
				return
			}
			if search(root); !found {
				by = by[:len(by)-1]
			}
		})
	}
	if search(name); !found {
		return nil
	}
	return by
}

// whyNoLet says why an expression cannot use a let that is declared; "" if none
// of that name is.
func (c *compiler) whyNoLet(name string) string {
	switch {
	case c.scopeNow.check:
		return ""
	case c.scopeNow.noCall && slices.ContainsFunc(c.lets, func(l let) bool { return l.name == name && l.uses.call }):
		return "that let reads the call, and here there is none"
	case c.ownLets != nil && c.ownLets.child(name) != nil:
		return "a rule's let may use those before it"
	case c.decl.lets.nodes[name] == nil:
		return ""
	case c.scopeNow.noMsg:
		return "that let reads the message, and here there is none"
	}
	if circle := c.decl.lets.circle(name); circle != nil {
		return "a let cannot use itself: " + strings.Join(circle, " uses ")
	}
	return ""
}
