package console

import (
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// A record is what is kept of one call, or of one connection.
type record struct {
	order      uint64
	id         engine.CallID
	connection bool
	forgotten  bool

	state, direction, user, number, cause string
	begun, answered, ended                time.Time
	talked                                time.Duration
	keys                                  []Key
	messages, failed                      int

	steps   []*step // never changed in place: slices of it are shared
	bytes   int     // what the steps weigh
	next    int     // number of the next step
	dropped int
}

// A step is what became of one message by one rule. It never changes.
type step struct {
	*heard
	n       int // within the call
	seq     uint64
	again   bool // the message is that of the step before
	now     time.Time
	outcome engine.Outcome
	rule    *engine.Rule
	from    string
	to      string
	actions []engine.Action
	err     error
	began   bool
	ended   bool
}

// What was heard is a message, with its place if a peer sent it.
type heard struct {
	message engine.Message
	input   input
}

// An input is the place of a peer's message among all that the engine was given.
// What came together is a batch.
type input struct {
	seq   uint64 // 0: the engine said it
	batch uint64
	at    time.Time
	rules *loaded // that calls began with
}

// What a step and an action weigh beside their bodies.
const (
	stepBytes   = 400
	actionBytes = 300
)

func (s *step) bytes() int {
	n := stepBytes
	if !s.again {
		m := &s.message
		n += len(m.Body) + len(m.Type) + len(m.Key) + len(m.Scope) + len(m.ID)
	}
	for i := range s.actions {
		n += actionBytes + len(s.actions[i].Body)
	}
	return n
}

// add appends a step, and numbers it.
func (c *record) add(s *step) {
	s.n = c.next
	c.next++
	if n := len(c.steps); s.input.seq != 0 {
		s.again = n > 0 && c.steps[n-1].input.seq == s.input.seq
	} else {
		s.again = s.again && n > 0 && c.steps[n-1].seq == s.seq-1
	}
	c.steps = append(c.steps, s)
	c.bytes += s.bytes()
}

// drop lets go of steps, and returns what they weigh.
func (c *record) drop(from, to int) (bytes int) {
	for i := from; i < to; i++ {
		bytes += c.steps[i].bytes()
	}
	c.dropped += to - from
	c.bytes -= bytes
	c.steps = slices.Concat(c.steps[:from], c.steps[to:])
	return bytes
}

// summarize enters what a step tells of the call.
func (c *record) summarize(o *notice, s *step) {
	if !s.again {
		c.messages++
	}
	if s.outcome == engine.Failed {
		c.failed++
	}
	if s.to != "" {
		c.state = s.to
	}
	if s.began || s.message.Call == c.id && s.message.Transport != ownTransport {
		c.key(s.message.Transport, s.message.Key)
	}
	for i := range s.actions {
		c.key(s.actions[i].To, s.actions[i].Key)
	}
	if o.named {
		c.name(o.names)
	}
	if isCallEnd(&s.message) {
		c.told(s.message.Body)
	}
}

// told enters what the engine says of a call that has ended.
func (c *record) told(body []byte) {
	end := gjson.ParseBytes(body)
	c.name(namesOf(func(name string) string { return end.Get(name).String() }))
	if answered := end.Get("answered"); answered.Exists() {
		c.answered = answered.Time()
		c.talked = time.Duration(end.Get("talked").Int()) * time.Millisecond
	}
	c.state = "end"
}

// name enters what people know the call by.
func (c *record) name(n names) {
	keep(&c.direction, n.direction)
	keep(&c.user, n.user)
	keep(&c.number, n.number)
	keep(&c.cause, n.cause)
}

// keep keeps a text that may be a piece of a whole message, which it would hold.
func keep(kept *string, text string) {
	if *kept != text {
		*kept = strings.Clone(text)
	}
}

// mostKeys is how many names of a call are kept: rules that make up new ones make
// up any number.
const mostKeys = 100

func (c *record) key(transport, key string) {
	if key != "" && len(c.keys) < mostKeys && !slices.Contains(c.keys, Key{transport, key}) {
		c.keys = append(c.keys, Key{transport, strings.Clone(key)})
	}
}

// view is the summary that the API tells.
func (c *record) view() Call {
	return Call{
		ID: string(c.id), Order: c.order, State: c.state, Direction: c.direction, User: c.user, Number: c.number, Cause: c.cause,
		Begun: c.begun.UTC(), Answered: c.answered.UTC(), Ended: c.ended.UTC(), TalkedMS: c.talked.Milliseconds(),
		Messages: c.messages, Failed: c.failed, Keys: append([]Key{}, c.keys...), Connection: c.connection,
	}
}

// matches says whether a text, in lower case, stands in what people know a call
// by.
func (c *record) matches(text string) bool {
	has := func(in string) bool { return strings.Contains(strings.ToLower(in), text) }
	return text == "" || has(c.number) || has(c.user) || has(string(c.id)) || has(c.cause) ||
		slices.ContainsFunc(c.keys, func(k Key) bool { return has(k.Key) })
}
