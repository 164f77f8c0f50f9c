package rules

import (
	"fmt"
	"slices"
	"strings"

	"vertigo/engine"
)

// seldom is how many places may name a transport that there is not and each be
// reported. It is a slip of the pen there; where more do, the configuration lacks
// the transport.
const seldom = 3

// missing reports transports that rules speak with and that there are not, once
// each, and has all that follows be checked as if they were there: the faults of
// each rule that names them would say nothing more.
func (c *compiler) missing() {
	names := append(c.transports(), "engine")
	first, places := map[string]*node{}, map[string]int{}
	var order []string
	named := func(n *node, name string) {
		if name == "" || strings.ContainsAny(name, `*?[\$`) || slices.Contains(names, name) || Nearest(name, names) != "" {
			return
		}
		if first[name] == nil {
			first[name] = n
			order = append(order, name)
		}
		places[name]++
	}
	for _, r := range c.decl.rules {
		for _, on := range r.node.child("on").listed() {
			transport, _, _ := strings.Cut(strings.TrimSpace(on.text), " ")
			named(on, transport)
		}
		for _, send := range r.node.child("send").listed() {
			if to := send.child("to"); to != nil {
				named(to, to.text)
			}
		}
	}
	for _, name := range order {
		if places[name] <= seldom {
			continue
		}
		n := first[name]
		c.report(unknownTransport, n, n.pos, fmt.Sprintf("unknown transport %s, which %d places name", name, places[name]),
			fmt.Sprintf("the configuration needs a transport of that name, or of the group: group = %q", name))
		c.opts.Peers = append(slices.Clip(c.opts.Peers), engine.Peer{Name: name})
	}
}
