package wsjson

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vertigo/engine"
	"vertigo/wire"
)

// A Codec turns raw messages of a peer into the engine's and back, as a format
// says. It remembers what was sent, so that an answer finds its call. It does no
// I/O: the transport uses it on live connections, a replay on a capture. Any
// goroutine may use it.
type Codec struct {
	transport string
	format    atomic.Pointer[wire.Format]

	mu    sync.Mutex
	seats map[string]*requests // by seat
	types map[string]bool      // of what was sent
}

// NewCodec returns the codec of the transport of that name.
func NewCodec(transport string, format wire.Format) *Codec {
	c := &Codec{transport: transport, seats: map[string]*requests{}, types: map[string]bool{}}
	c.format.Store(&format)
	return c
}

// In reads one raw message of the peer, a capture's "in" line: none if it cannot
// be used. The error is nil: no nonsense of a peer stops a replay.
func (c *Codec) In(at time.Time, conn string, data []byte) ([]engine.Message, error) {
	m, err := c.read(conn, data)
	if err != nil {
		return nil, nil
	}
	return []engine.Message{c.message(at, conn, m, data)}, nil
}

var errForged = errors.New("its type is that of an answer, and it answers nothing that was sent")

// read finds in a raw message what its format says. Rules trust that what has the
// type of an answer is one.
func (c *Codec) read(conn string, data []byte) (wire.Message, error) {
	format := c.format.Load()
	m, err := format.Read(data)
	if err != nil {
		return m, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.of(conn).byID[m.Reply]; r != nil {
		if _, ok := format.Answer(r.typ, m); ok {
			return m, nil
		}
	}
	for sent := range c.types {
		if format.Claims(m.Type, sent) {
			return m, errForged
		}
	}
	return m, nil
}

// Out does nothing: what comes of a message is known by [Codec.Sent].
func (c *Codec) Out(string, []byte) {}

// Frame gives the raw message for a. Where the format has reply ids, it has that
// of the action, unless the rule has set one.
func (c *Codec) Frame(a engine.Action) []byte {
	frame, _ := c.frame(a)
	return frame
}

func (c *Codec) frame(a engine.Action) (frame []byte, numbered bool) {
	frame = a.Body
	if len(frame) == 0 {
		frame = []byte("{}")
	}
	return c.format.Load().Number(frame, a.ID)
}

// Sent notes that the frame of an action went out, so that what answers it is
// known to.
func (c *Codec) Sent(conn string, frame []byte, a engine.Action) {
	c.ask(a.Type)
	format := c.format.Load()
	m, err := format.Read(frame)
	if err != nil || m.Reply == "" || m.Reply != a.ID {
		return
	}
	c.add(conn, &request{id: m.Reply, typ: a.Type, key: a.Key, call: a.Call, sent: a.At})
}

// ask notes that messages of a type are sent, so that nothing but an answer comes
// as one.
func (c *Codec) ask(typ string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.types[typ] = true
}

func (c *Codec) add(conn string, r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(conn).add(r)
}

// of is called with mu locked.
func (c *Codec) of(conn string) *requests {
	seat := seatOf(conn)
	if c.seats[seat] == nil {
		c.seats[seat] = newRequests()
	}
	return c.seats[seat]
}

// seatOf gives the seat that a connection takes: A of A2. Nobody answers what
// was sent to another seat, but a peer that comes back takes the same.
func seatOf(conn string) string { return strings.TrimRight(conn, "0123456789") }

// message gives what the engine gets to see.
func (c *Codec) message(at time.Time, conn string, m wire.Message, data []byte) engine.Message {
	e := engine.Message{Transport: c.transport, Type: m.Type, At: at, Body: data}
	if len(m.Keys) > 0 {
		e.Key, e.Keys = m.Keys[0], m.Keys[1:]
	}
	if r := c.answered(conn, m.Reply); r != nil {
		e.Call, e.Answer = r.call, true
		if typ, ok := c.format.Load().Answer(r.typ, m); ok {
			e.Type = typ
		}
	}
	if e.Type == "" {
		e.Type = wire.Untyped
	}
	return e
}

func (c *Codec) answered(conn, id string) *request {
	if id == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of(conn).find(id)
}

// unanswered says how many messages wait for an answer, and when the one was
// sent that has waited longest.
func (c *Codec) unanswered(conn string) (n int, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.of(conn)
	if oldest := r.oldest(); oldest != nil {
		since = oldest.sent
	}
	return len(r.unanswered), since
}

// giveUp gives the messages that went out before a time and have no answer, oldest
// first. From now on they count as answered: what comes after all is known.
func (c *Codec) giveUp(conn string, before time.Time) (list []*request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.of(conn)
	for one := r.oldest(); one != nil && one.sent.Before(before); one = r.oldest() {
		r.settle(one)
		list = append(list, one)
	}
	return list
}

// leave forgets a seat to which nobody comes back.
func (c *Codec) leave(conn string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.seats, seatOf(conn))
}
