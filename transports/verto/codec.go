package verto

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"vertigo/engine"
	"vertigo/internal/link"
)

// A Codec turns raw Verto messages into the engine's and back. It pairs each
// response with its request by connection and id. It does no I/O: the client
// uses it on live sockets, a replay on a capture. Any goroutine may use it.
type Codec struct {
	transport string
	lastID    atomic.Uint64

	mu   sync.Mutex
	sent map[sentKey]sentRequest
}

type sentKey struct{ conn, id string }

type sentRequest struct{ method, key string }

// NewCodec returns the codec of the transport of that name.
func NewCodec(transport string) *Codec {
	return &Codec{transport: transport, sent: make(map[sentKey]sentRequest)}
}

// In reads one raw message of the server, a capture's "in" line, and returns
// the message it amounts to: none for mechanics, for a response to nothing
// that [Codec.Out] saw and for what is no Verto at all. The error is nil: no
// nonsense of a server stops a client, nor a replay.
func (c *Codec) In(at time.Time, conn string, data []byte) ([]engine.Message, error) {
	f := readFrame(data)
	switch f.kind {
	case request:
		if isMechanics(f.method) {
			return nil, nil
		}
		return []engine.Message{link.Own(c.message(at, f, data))}, nil
	case response:
		r, ok := c.take(sentKey{conn, f.id})
		if !ok || isMechanics(r.method) {
			return nil, nil
		}
		return []engine.Message{c.reply(at, r, f.failed, data)}, nil
	}
	return nil, nil
}

// Out notes one raw message that was sent, so that the response to it can be
// told. Only requests matter.
func (c *Codec) Out(conn string, data []byte) {
	f := readFrame(data)
	if f.kind != request || f.id == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent[sentKey{conn, f.id}] = sentRequest{f.method, f.key}
}

// Frame gives the raw message for a. Each has an id of its own, counted from 1.
func (c *Codec) Frame(a engine.Action) []byte {
	return requestFrame(a.Type, a.Body, c.nextID())
}

func (c *Codec) nextID() uint64 {
	return c.lastID.Add(1)
}

func (c *Codec) take(k sentKey) (sentRequest, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.sent[k]
	delete(c.sent, k)
	return r, ok
}

// message is a request of the server. It has no ID: the server counts its
// requests from 1 again at each start, so the number names nothing for long.
func (c *Codec) message(at time.Time, f frame, data []byte) engine.Message {
	return engine.Message{
		Transport: c.transport, Type: f.method, Key: f.key,
		At: at, Body: json.RawMessage(data),
	}
}

// reply is what came of a request of ours.
func (c *Codec) reply(at time.Time, r sentRequest, failed bool, data []byte) engine.Message {
	typ := r.method + ".ok"
	if failed {
		typ = r.method + ".error"
	}
	return engine.Message{
		Transport: c.transport, Type: typ, Key: r.key,
		At: at, Body: json.RawMessage(data),
	}
}

// isMechanics tells the methods of either side that no rule gets to see.
func isMechanics(method string) bool {
	switch method {
	case "login", "verto.ping", "verto.clientReady", "verto.punt":
		return true
	}
	return false
}
