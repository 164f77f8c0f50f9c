package matrix

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/internal/link"
)

// A Codec turns raw Matrix messages into the engine's and back, and knows the
// echoes of what was sent. It does no I/O: the client uses it on /sync, a
// replay on a capture. Any goroutine may use it.
type Codec struct {
	transport string

	mu  sync.Mutex
	own own
}

// NewCodec returns the codec of the transport of that name.
func NewCodec(transport string) *Codec {
	return &Codec{transport: transport, own: newOwn()}
}

// In reads one raw message, a capture's "in" line: an event with its room_id, a
// reply or a word of the transport itself. It returns the message it amounts
// to: none for an own echo, nor for encryption, which [RoomEncrypted] stands
// for. What is no usable event is an error.
func (c *Codec) In(at time.Time, _ string, data []byte) ([]engine.Message, error) {
	e, err := readEvent(data)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m := engine.Message{
		Transport: c.transport, Type: e.typ, ID: e.id,
		At: at, Body: json.RawMessage(data),
	}
	switch {
	case e.typ == "m.room.member", e.typ == "m.room.message", e.typ == RoomEncrypted: // about every call in the room
		m.Scope = e.room
	case e.call != "" && e.room != "":
		m.Key, m.Scope = e.call, e.room
		m.Heard = e.typ == "m.call.invite"
	}
	switch {
	case e.isReply():
		m.Call = c.own.calls.known[e.txn]
		note(&c.own.events, e.id)
	case e.typ == engine.TransportUp:
		user := gjson.GetBytes(data, "user_id").String()
		c.own.ours = newOurs(user, gjson.GetBytes(data, "ghosts").String())
		note(&c.own.users, user)
	case e.typ == "m.room.encrypted", e.typ == "m.room.encryption":
		return nil, nil
	case e.id != "" && c.own.echoes(e):
		return nil, nil
	}
	return []engine.Message{link.Own(m)}, nil
}

// Out notes one raw message that was sent, a capture's "out" line, so that its
// echo can be told. An echo may overtake the reply, and stand before the send
// in a capture that another bridge made: a replay does well to note all sends
// before it reads.
func (c *Codec) Out(_ string, data []byte) {
	e, err := readEvent(data)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	note(&c.own.users, e.sender)
	note(&c.own.users, e.as)
	note(&c.own.parties, e.party)
	note(&c.own.events, e.id)
}

// Frame gives the raw message for a: the event as a capture shows it, with the
// transaction id in the place of the event id that the homeserver will give.
func (c *Codec) Frame(a engine.Action) []byte {
	c.expect(a)
	line := appendReplyHead(nil, a, "", "")
	if key, ok := a.Address["state"]; ok {
		line = appendField(line, "state_key", key)
	}
	line = append(line, `,"content":`...)
	line = append(line, content(a)...)
	return append(line, '}')
}

// expect notes what will come back of a: replies and an echo.
func (c *Codec) expect(a engine.Action) {
	party := gjson.GetBytes(a.Body, "party_id")
	c.mu.Lock()
	defer c.mu.Unlock()
	if party.Type == gjson.String {
		note(&c.own.parties, party.String())
	}
	if a.Call != "" {
		c.own.calls.add(a.ID, a.Call)
	}
}

// remember says who we are, and adds party ids of an earlier run.
func (c *Codec) remember(who ours, parties []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own.ours = who
	note(&c.own.users, who.user)
	for _, id := range parties {
		note(&c.own.parties, id)
	}
}

// parties are the party ids to remember over a restart.
func (c *Codec) parties() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.own.parties.keys()
}

// content is the event content, or request body, that a asks for.
func content(a engine.Action) []byte {
	if len(a.Body) == 0 {
		return []byte("{}")
	}
	return a.Body
}
