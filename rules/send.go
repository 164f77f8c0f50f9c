package rules

import (
	"fmt"
	"slices"
	"strings"

	"vertigo/engine"
)

// sends compiles what a rule sends.
func (c *compiler) sends(n *node, r *engine.Rule, sc scope) {
	for _, item := range n.child("send").listed() {
		if !c.want(item, kindTable, "a message to send: [[rule.send]]") {
			continue
		}
		if s := c.send(item, sc); s != nil {
			r.Send = append(r.Send, s)
		}
	}
}

func (c *compiler) send(n *node, sc scope) *engine.Send {
	s := &engine.Send{Pos: n.pos.String()}
	s.To = c.plainText(n, "to", `the transport: to = "verto"`)
	s.Type = c.plainText(n, "type", `the message type: type = "verto.bye"`)
	protocol, known := c.protocol(n.child("to"), s.To)
	if each := n.child("each"); each != nil {
		s.Each = c.value(each, sc)
		sc.item = true
	}
	if when := n.child("when"); when != nil {
		if s.When = c.condition(when, sc); s.When != nil {
			s.Parts = c.takeApart(when, sc)
		}
	}
	if known {
		found := len(c.findings)
		c.unknownKeys(n, slices.Concat(sendKeys, protocol.Address)...)
		misspelt := len(c.findings) > found
		if scope := protocol.Scope; protocol.NeedsScope(s.Type) && n.child(scope) == nil && !misspelt {
			c.report(noScope, n, n.pos, fmt.Sprintf("the message to %s has no %s", s.To, scope), fmt.Sprintf("%s = '${ msg.room_id }'", scope))
		}
		for _, name := range protocol.Address {
			if ad := n.child(name); ad != nil {
				if x := c.textExpr(ad, sc); x != nil {
					s.Address = append(s.Address, engine.Address{Name: name, Expr: x})
				}
			}
		}
	}
	b := c.bodyOf(n)
	if b == nil {
		s.Body = body{literal("{}")}
		return s
	}
	if b.kind != kindString && !c.want(b, kindTable, "a table") {
		return nil
	}
	t := c.template(b, sc)
	if t == nil {
		return nil
	}
	s.Body = body{t}
	s.Keys = c.keys(b, protocol, sc)
	if b.kind == kindString && c.envelopeFor(n.child("to")) != nil {
		c.report(openBody, b, b.pos, "the envelope cannot be laid under a body that is computed as a whole", "write its keys out, each with its template")
	}
	return s
}

// plainText reads a key of a send that must be there and be literal: what is
// checked before a call cannot depend on one.
func (c *compiler) plainText(n *node, key, hint string) string {
	x := n.child(key)
	if x == nil {
		c.report(incompleteSend, n, n.pos, "the message to send has no "+key, "say "+hint)
		return ""
	}
	if !c.want(x, kindString, "text") {
		return ""
	}
	if strings.Contains(x.text, "${") {
		c.report(computedSend, x, x.pos, key+" cannot be computed", "send two messages, each with its own when")
		return ""
	}
	return x.text
}

// protocol gives the protocol of a transport or group.
func (c *compiler) protocol(at *node, to string) (engine.Protocol, bool) {
	for _, p := range c.opts.Peers {
		if p.Name == to || p.Group == to && to != "" {
			return p.Protocol, true
		}
	}
	if to != "" {
		names := c.transports()
		c.report(unknownTransport, at, at.pos, fmt.Sprintf("unknown transport %s", to), DidYouMean(to, slices.Compact(names)))
	}
	return engine.Protocol{}, false
}

// keys compiles the parts of a body that name the call to the peer.
func (c *compiler) keys(b *node, p engine.Protocol, sc scope) []engine.Expr {
	var list []engine.Expr
	add := func(x engine.Expr) {
		if x != nil { // else it is faulty
			list = append(list, x)
		}
	}
	for _, dotted := range p.Key {
		at := b
		for _, part := range strings.Split(dotted, ".") {
			if at == nil || at.kind != kindTable {
				at = nil
				break
			}
			at = at.child(part)
		}
		switch {
		case at == nil:
		case at.kind == kindInteger:
			add(constant{at.value})
		case at.kind == kindString && c.enveloped[at]:
			add(c.textExpr(at, envelopeScope))
		case at.kind == kindString:
			add(c.textExpr(at, sc))
		}
	}
	return list
}
