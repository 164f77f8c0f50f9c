package replay

import "vertigo/engine"

// A heldMessage is an answer to something that the capture has sent and the
// engine has not, so far: the rules are slower than whoever made the capture.
type heldMessage struct {
	message engine.Message
	place   string
}

// deliver gives a message to the engine, or holds it until the engine has sent
// what it answers.
func (p *player) deliver(h heldMessage) {
	n := p.ids[h.message.Transport]
	if n.unsent(h.message.Key) || n.namesUnsent(h.message.Body) {
		p.held = append(p.held, h)
		return
	}
	p.give(h)
}

// give gives a message to the engine, with our ids.
func (p *player) give(h heldMessage) {
	n := p.ids[h.message.Transport]
	m := h.message
	m.Key = n.translate(m.Key)
	m.Body = n.rewrite(m.Body)
	before := p.place
	p.place = h.place
	p.step(p.now, m)
	p.place = before
}
