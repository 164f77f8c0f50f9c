package replay

import (
	"time"

	"vertigo/engine"
)

// A heldMessage is an answer to something that the capture has sent and the
// engine has not, so far: the rules are slower than whoever made the capture.
type heldMessage struct {
	message engine.Message
	place   string
	// raw is what is read once it can be, in place of message.
	raw *rawMessage
}

// A rawMessage is one whose type only what it answers tells.
type rawMessage struct {
	transport, conn string
	at              time.Time
	data            []byte
}

// deliver gives a message to the engine, or holds it until the engine has sent
// what it answers.
func (p *player) deliver(h heldMessage) {
	if h.raw != nil && p.ids[h.raw.transport].namesUnsent(h.raw.data) {
		p.held = append(p.held, h)
		return
	}
	if h.raw == nil {
		n := p.ids[h.message.Transport]
		if n.unsent(h.message.Key) || n.namesUnsent(h.message.Body) {
			p.held = append(p.held, h)
			return
		}
	}
	p.give(h)
}

// give gives a message to the engine, with our ids.
func (p *player) give(h heldMessage) {
	if h.raw != nil {
		data := p.ids[h.raw.transport].rewrite(h.raw.data)
		for _, m := range p.read(h.raw.transport, h.raw.at, h.raw.conn, data) {
			p.act(m, h.place)
		}
		return
	}
	n := p.ids[h.message.Transport]
	m := h.message
	m.Key = n.translate(m.Key)
	m.Body = n.rewrite(m.Body)
	p.act(m, h.place)
}

// act lets the engine act on a message.
func (p *player) act(m engine.Message, place string) {
	before := p.place
	p.place = place
	p.step(p.now, m)
	p.place = before
}

// read reads a raw message; one that cannot be read has failed.
func (p *player) read(transport string, at time.Time, conn string, data []byte) []engine.Message {
	messages, err := p.peers[transport].codec.In(at, conn, data)
	if err != nil {
		m := engine.Message{Transport: transport, At: at, Body: data}
		p.observe(engine.Trace{Now: p.now, Message: &m, Outcome: engine.Failed, Err: err})
	}
	return messages
}
