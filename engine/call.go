package engine

import (
	"crypto/sha1"
	"slices"
	"time"

	"github.com/google/uuid"
)

// A Call is one conversation between peers: what the rules made of the message
// that began it and of all that followed. The connection of a transport is one
// as well, with a state and timers, but it lasts, and remembers by name.
type Call struct {
	id         CallID
	connection string // the transport that it is the connection of; "" for a call
	remembers  map[string]Value
	stopped    bool // the connection was told that all ends

	state string
	begun time.Time
	order uint64   // of beginning, so that whatever is done to all calls has an order
	rs    *Ruleset // the rules it began with, until it ends
	ended bool

	vars    []Value // by slot
	keys    []callKey
	members []string       // of groups, that it was sent to
	member  member         // of the first scope that a key of its is in
	texts   []any          // the keys as expressions see them
	under   [][]string     // by index of calls: the keys that it is found under
	viewed  map[string]any // as rules of other calls see it; nil: none has looked since it changed
	buffers []bufferState  // by slot
	timers  []*deadline    // by slot
	age     *deadline
	holds   []hold // limits that count this call while it lasts
	seen    uint64 // messages handled, for ids of messages that bring none
	told    int    // traces
	loops   int    // engine messages handled in one instant of a step
	step    uint64 // that loops is about
	instant time.Time
}

// bind ties a key to the call.
func (c *Call) bind(k callKey) {
	c.keys = append(c.keys, k)
	c.texts = append(c.texts, k.key)
	c.viewed = nil
}

// key returns the call's key on a transport or group, the last it got there; nil
// if it has none.
func (c *Call) key(peer string) any {
	for i, k := range slices.Backward(c.keys) {
		if k.transport == peer || c.rs.group(k.transport) == peer {
			return c.texts[i]
		}
	}
	return nil
}

// strip lets go of all that an ended call no longer needs: only its keys are
// remembered.
func (c *Call) strip() {
	c.rs, c.vars, c.buffers, c.timers, c.holds, c.texts, c.viewed = nil, nil, nil, nil, nil, nil, nil
}

// loop counts one more engine message in this instant of a step.
func (c *Call) loop(step uint64, now time.Time) int {
	if c.step != step || !c.instant.Equal(now) {
		c.step, c.instant, c.loops = step, now, 0
	}
	c.loops++
	return c.loops
}

// A callKey is a peer's name for a call.
type callKey struct{ transport, scope, key string }

type bufferState struct {
	items   []Value
	bytes   int
	due     bool // its message is in the queue
	idle    *deadline
	timeout *deadline
}

// CallInfo is what may be known of a call from outside.
type CallInfo struct {
	ID         CallID
	Connection string // the transport that it is the connection of; "" for a call
	State      string
	Begun      time.Time
	Keys       []CallKey
}

// A CallKey is a peer's name for a call.
type CallKey struct{ Transport, Scope, Key string }

func (c *Call) info() CallInfo {
	info := CallInfo{ID: c.id, Connection: c.connection, State: c.state, Begun: c.begun}
	for _, k := range c.keys {
		info.Keys = append(info.Keys, CallKey{k.transport, k.scope, k.key})
	}
	return info
}

// stateBegun is the state of a call whose first rule named none.
const stateBegun = "begun"

// stateEnd is the state that ends a call.
const stateEnd = "end"

// namespace makes Vertigo's derived ids differ from anyone else's.
var namespace = uuid.MustParse("3d0c7a1e-5c0f-5d2b-9a53-6f0a5c1b7e42")

// deriveID returns the UUIDv5 (RFC 9562, section 5.5) of the parts.
func deriveID(parts ...string) string {
	var buf [512]byte
	data := append(buf[:0], namespace[:]...)
	for _, p := range parts {
		data = append(append(data, p...), 0)
	}
	sum := sha1.Sum(data)
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
