package wsjson

import (
	"slices"
	"sync"

	"vertigo/engine"
)

const (
	queueLimit = 256  // messages that may wait on one connection
	mostKeys   = 1024 // keys by which one connection is found; beyond it the one is forgotten that was named longest ago
	mostGone   = 64   // lost connections of which it is known whose keys they had
)

// A hub says which message goes to which connection. It never waits, and any
// goroutine may use it.
type hub struct {
	mu    sync.Mutex
	conns []*conn          // in the order in which they opened
	gone  []*conn          // the newest last
	byKey map[string]*conn // whose key it is, gone ones too
}

func (h *hub) up() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns) > 0
}

func (h *hub) queued() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		n += len(c.queue)
	}
	return n
}

// add takes in a connection, and calls first if there was none.
func (h *hub) add(c *conn, first func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = append(h.conns, c)
	if len(h.conns) == 1 {
		first()
	}
}

// remove takes out a connection, calls last if there is none any more, and gives
// what still waited on it.
func (h *hub) remove(c *conn, last func()) (queue []engine.Action) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = slices.DeleteFunc(h.conns, func(other *conn) bool { return other == c })
	h.bequeath(c)
	if h.gone = append(h.gone, c); len(h.gone) > mostGone {
		h.forget(h.gone[0])
		h.gone = slices.Delete(h.gone, 0, 1)
	}
	if len(h.conns) == 0 {
		last()
	}
	for {
		select {
		case a := <-c.queue:
			queue = append(queue, a)
		default:
			return queue
		}
	}
}

// route puts a in the queue of the connection whose key it names; of the only one
// there is, if they are nobody's. From then on they are that one's. It returns why
// it could not.
func (h *hub) route(a engine.Action, keys []string) (problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	to, problem := h.find(keys)
	if to == nil {
		return problem
	}
	select {
	case to.queue <- a:
		for _, key := range keys {
			if h.byKey[key] == nil {
				h.give(to, key)
			}
		}
		return ""
	default:
		return queueFull
	}
}

// find is called with mu locked. Another client never stands in for one that is
// gone.
func (h *hub) find(keys []string) (to *conn, problem string) {
	for _, key := range keys {
		if c := h.byKey[key]; c != nil {
			if slices.Contains(h.conns, c) {
				return c, ""
			}
			problem = notConnected
		}
	}
	switch {
	case problem != "":
		return nil, problem
	case len(h.conns) == 0:
		return nil, notConnected
	case len(h.conns) == 1:
		return h.conns[0], ""
	}
	return nil, whichClient
}

// brought notes that c, one of several, named these keys. It reports false if one
// belongs to another that is still there: then c has it when that is lost.
func (h *hub) brought(c *conn, keys []string) (free bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	free = true
	for _, key := range keys {
		if is := h.byKey[key]; is != nil && is != c && slices.Contains(h.conns, is) {
			free = false
			h.note(c, key)
			continue
		}
		h.give(c, key)
	}
	return free
}

// give makes a key one of c's.
func (h *hub) give(c *conn, key string) {
	if h.byKey == nil {
		h.byKey = map[string]*conn{}
	}
	h.byKey[key] = c
	h.note(c, key)
}

// note makes a key the one that c has named last.
func (h *hub) note(c *conn, key string) {
	if i := slices.Index(c.keys, key); i >= 0 {
		c.keys = slices.Delete(c.keys, i, i+1)
	}
	if c.keys = append(c.keys, key); len(c.keys) > mostKeys {
		h.drop(c, c.keys[0])
		c.keys = slices.Delete(c.keys, 0, 1)
	}
}

// bequeath gives the keys of a lost connection to the newest that has named them
// as well: mostly the same peer, that was back before anybody knew that it had gone.
func (h *hub) bequeath(lost *conn) {
	for _, c := range slices.Backward(h.conns) {
		for _, key := range c.keys {
			if h.byKey[key] == lost {
				h.byKey[key] = c
			}
		}
	}
}

// forget drops all keys of a connection.
func (h *hub) forget(c *conn) {
	for _, key := range c.keys {
		h.drop(c, key)
	}
	c.keys = nil
}

func (h *hub) drop(c *conn, key string) {
	if h.byKey[key] == c {
		delete(h.byKey, key)
	}
}
