package httpjson

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/wire"
)

// A Codec turns what goes and comes into the engine's messages and back. HTTP has
// no one text for a request and its address, so these are shown as
//
//	{"id":…,"type":…,"path":…,"body":…}            what is sent
//	{"id":…,"type":…,"status":…,"body":…}          what came of it; with error, if it was not taken
//	{"request":…,"path":…,"query":…,"body":…}      a request of the peer
//	{"type":…,"request":…,"status":…,"body":…}     its answer
//
// It remembers what was sent, so that what comes of it finds its call. It does no
// I/O: the transport uses it for live messages, a replay for a capture. Any
// goroutine may use it.
type Codec struct {
	transport string
	format    atomic.Pointer[wire.Format]

	mu    sync.Mutex
	sent  map[string]engine.Action // by id, until something came of it
	types map[string]bool          // of what was sent
}

// NewCodec returns the codec of the transport of that name.
func NewCodec(transport string, format wire.Format) *Codec {
	c := &Codec{transport: transport, sent: map[string]engine.Action{}, types: map[string]bool{}}
	c.format.Store(&format)
	return c
}

// In reads one message of the peer, or of the transport itself, a capture's "in"
// line: none if it cannot be used. The error is nil: no nonsense of a peer stops a
// replay.
func (c *Codec) In(at time.Time, _ string, data []byte) ([]engine.Message, error) {
	found, err := c.format.Load().Read(data)
	if err != nil || gjson.GetBytes(data, "request").Exists() && c.forged(found.Type) {
		return nil, nil
	}
	m := c.message(at, found, data)
	if m.Type == "" {
		return nil, nil
	}
	return []engine.Message{m}, nil
}

// message gives what the engine gets to see of a message in which the format has
// found this.
func (c *Codec) message(at time.Time, found wire.Message, data []byte) engine.Message {
	m := engine.Message{Transport: c.transport, At: at, Body: data}
	if request := gjson.GetBytes(data, "request"); request.Exists() {
		m.ID, m.Type = request.String(), found.Type
		if m.Type == "" {
			m.Type = wire.Untyped
		}
	} else {
		m.Type = gjson.GetBytes(data, "type").String()
		id := gjson.GetBytes(data, "id")
		a := c.take(id.String())
		m.Answer, m.Call, m.Key = id.Exists(), a.Call, a.Key
	}
	if len(found.Keys) > 0 {
		m.Key, m.Keys = found.Keys[0], found.Keys[1:]
	}
	return m
}

// Out does nothing: what comes of a message is known by [Codec.Sent].
func (c *Codec) Out(string, []byte) {}

// Sent notes that the message of an action went out, so that what comes of it is
// known to. An answer of ours has none.
func (c *Codec) Sent(_ string, _ []byte, a engine.Action) {
	c.ask(a.Type)
	if !isReply(a) {
		c.note(a)
	}
}

// ask notes that messages of a type are sent, so that no request of the peer comes
// as what came of one.
func (c *Codec) ask(typ string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.types[typ] = true
}

// forged tells the types that no request of the peer has: rules trust that it is
// the transport which says what came of what was sent.
func (c *Codec) forged(typ string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	format := c.format.Load()
	for sent := range c.types {
		if format.Claims(typ, sent) {
			return true
		}
	}
	return false
}

func (c *Codec) note(a engine.Action) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent[a.ID] = a
}

// take gives the action of that id, which is known no longer; none if it is not.
func (c *Codec) take(id string) engine.Action {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.sent[id]
	delete(c.sent, id)
	return a
}

// became gives the message that says what came of an action.
func (c *Codec) became(at time.Time, a engine.Action, o outcome) engine.Message {
	data := o.frame(a).raw("body", o.body).end()
	found, err := c.format.Load().Read(data)
	if err != nil { // the answer names things too long, or is nested too deep
		data = o.frame(a).raw("body", quote(string(o.body))).end()
		found = wire.Message{}
	}
	c.note(a)
	return c.message(at, found, data)
}
