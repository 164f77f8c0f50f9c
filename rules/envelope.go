package rules

import (
	"maps"
	"slices"
)

// envelopeScope is what envelopes see: they lie under what calls say, and under
// what connections do, for whatever message.
var envelopeScope = scope{noMsg: true, noCall: true, under: true}

const seenByEnvelopes = "an envelope lies under all that is sent: it sees conn, vars, tables and functions"

// envelope compiles the templates of an envelope to see that they can be, and
// marks its values.
func (c *compiler) envelope(n *node) {
	if n == nil || !c.want(n, kindTable, "a table") {
		return
	}
	c.current, c.owner = &uses{}, n
	if c.template(n, envelopeScope) != nil {
		c.mark(n)
	}
	c.current = nil
}

func (c *compiler) mark(n *node) {
	c.enveloped[n] = true
	for _, key := range n.keys {
		c.mark(n.children[key])
	}
	for _, item := range n.items {
		c.mark(item)
	}
}

// bodyOf gives the body of a send, with the envelope of whom it goes to under it;
// nil if it has neither.
func (c *compiler) bodyOf(send *node) *node {
	body := send.child("body")
	if body != nil && body.kind != kindTable && body.kind != kindString {
		return body
	}
	envelope := c.envelopeFor(send.child("to"))
	switch {
	case envelope == nil:
		return body
	case body == nil:
		body = &node{kind: kindTable, pos: send.pos, keyPos: send.keyPos, src: send.src}
	case body.kind == kindString:
		return body
	}
	if c.merged[send] == nil {
		c.merged[send] = laidUnder(body, envelope)
	}
	return c.merged[send]
}

// envelopeFor gives the envelope of a transport or group; nil if it has none
// that can be used.
func (c *compiler) envelopeFor(to *node) *node {
	if e := c.declaredEnvelope(to); c.enveloped[e] {
		return e
	}
	return nil
}

// declaredEnvelope gives it though it cannot be used.
func (c *compiler) declaredEnvelope(to *node) *node {
	if to == nil || to.kind != kindString {
		return nil
	}
	for _, p := range c.opts.Peers {
		if p.Name != to.text && p.Group != to.text {
			continue
		}
		if declared := c.speaks[p.Name]; declared != nil {
			return declared.node.child("envelope")
		}
		return nil
	}
	return nil
}

// protocolOver gives a [protocol.NAME] with what only an included one of the name
// says. Envelopes are merged: whoever adds a token to what a shipped set sends
// means that alone. An acknowledgement is one message, and stays as it is.
func protocolOver(own, base *node) *node {
	if own.keyPos == base.keyPos || own.kind != kindTable || base.kind != kindTable {
		return own
	}
	n := laidUnder(own, base)
	if a := own.child("acknowledge"); a != nil {
		n.children["acknowledge"] = a
	}
	return n
}

// laidUnder gives own with what only base has; tables are merged.
func laidUnder(own, base *node) *node {
	n := *own
	n.keys, n.children = slices.Clone(own.keys), maps.Clone(own.children)
	if n.children == nil {
		n.children = map[string]*node{}
	}
	for _, key := range base.keys {
		have, under := n.children[key], base.children[key]
		switch {
		case have == nil:
			n.keys = append(n.keys, key)
			n.children[key] = under
		case have.kind == kindTable && under.kind == kindTable:
			n.children[key] = laidUnder(have, under)
		}
	}
	return &n
}
