package rules

import (
	"slices"
	"strings"
)

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
	var found []string
	seen := map[string]bool{}
	var search func(at string, by []string)
	search = func(at string, by []string) {
		if n.nodes[at].kind != kindString {
			return
		}
		eachName(n.nodes[at].text, func(root, _ string) {
			switch {
			case found != nil || n.nodes[root] == nil:
			case root == name:
				found = append(slices.Clone(by), root)
			case !seen[root]:
				seen[root] = true
				search(root, append(slices.Clone(by), root))
			}
		})
	}
	search(name, []string{name})
	return found
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
