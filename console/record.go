package console

import (
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// A record is what is kept of one call, or of one connection. What each step
// changes comes first.
type record struct {
	id    engine.CallID
	steps []step // never changed in place: slices of it are shared
	next  int    // number of the next step
	bytes int    // what the steps weigh
	state string

	forgotten  bool
	connection bool
	told       int // how many of the steps are in the summary
	dropped    int
	order      uint64

	direction, user, number, cause string
	begun, answered, ended         time.Time
	talked                         time.Duration
	keys                           []Key
	messages, failed               int
}

// A step is what became of one message by one rule.
type step struct {
	message *engine.Message
	given   engine.Given // the message, if a peer said it
	n       int          // within the call
	weight  int
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

// What a step and an action weigh beside their bodies.
const (
	stepBytes   = 400
	actionBytes = 300
)

func (s *step) bytes() int { return weigh(s.message, s.actions, s.again) }

// weigh gives what it takes to keep what became of a message, and that if it is not
// kept already.
func weigh(m *engine.Message, actions []engine.Action, again bool) int {
	n := stepBytes
	if !again {
		n += len(m.Body) + len(m.Type) + len(m.Key) + len(m.Scope) + len(m.ID)
	}
	for i := range actions {
		n += actionBytes + len(actions[i].Body)
	}
	return n
}

// extend makes room for one more step, and gives it to be filled in.
func (c *record) extend() *step {
	c.steps = append(c.steps, step{})
	return &c.steps[len(c.steps)-1]
}

// add numbers the step that was filled in last, and returns what it weighs.
func (c *record) add() (weight int) {
	last := len(c.steps) - 1
	s := &c.steps[last]
	s.n = c.next
	c.next++
	s.again = last > 0 && c.steps[last-1].message == s.message
	if s.to != "" {
		c.state = s.to
	}
	s.weight = s.bytes()
	c.bytes += s.weight
	return s.weight
}

// drop lets go of steps that are in the summary, and returns what they weigh.
func (c *record) drop(from, to int) (bytes int) {
	if from == 0 && to == len(c.steps) {
		bytes = c.bytes
	} else {
		for i := from; i < to; i++ {
			bytes += c.steps[i].weight
		}
	}
	c.told -= to - from
	c.dropped += to - from
	c.bytes -= bytes
	c.steps = slices.Concat(c.steps[:from], c.steps[to:])
	return bytes
}

// summarize enters what steps tell of the call that have come since it was done
// last.
func (c *record) summarize() {
	for i := c.told; i < len(c.steps); i++ {
		c.enter(&c.steps[i])
	}
	c.told = len(c.steps)
}

func (c *record) enter(s *step) {
	if !s.again {
		c.messages++
	}
	if s.outcome == engine.Failed {
		c.failed++
	}
	if s.began || s.message.Call == c.id && s.message.Transport != ownTransport {
		c.key(s.message.Transport, s.message.Key)
	}
	for i := range s.actions {
		c.key(s.actions[i].To, s.actions[i].Key)
	}
	if isCallEnd(s.message) {
		c.sum(s.message.Body)
	}
}

// sum enters what the engine says of a call that has ended.
func (c *record) sum(body []byte) {
	end := gjson.ParseBytes(body)
	c.name(names{end.Get("direction").String(), end.Get("user").String(), end.Get("number").String(), end.Get("cause").String()})
	if answered := end.Get("answered"); answered.Exists() {
		c.answered = answered.Time()
		c.talked = time.Duration(end.Get("talked").Int()) * time.Millisecond
	}
	c.state = "end"
}

// names are what people know a call by, and why it ended.
type names struct{ direction, user, number, cause string }

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
	c.summarize()
	return Call{
		ID: string(c.id), Order: c.order, State: c.state, Direction: c.direction, User: c.user, Number: c.number, Cause: c.cause,
		Begun: c.begun.UTC(), Answered: c.answered.UTC(), Ended: c.ended.UTC(), TalkedMS: c.talked.Milliseconds(),
		Messages: c.messages, Failed: c.failed, Keys: append([]Key{}, c.keys...), Connection: c.connection,
	}
}

// matches says whether a text, in lower case, stands in what people know a call
// by.
func (c *record) matches(text string) bool {
	if text == "" {
		return true
	}
	c.summarize()
	has := func(in string) bool { return strings.Contains(strings.ToLower(in), text) }
	return has(c.number) || has(c.user) || has(string(c.id)) || has(c.cause) ||
		slices.ContainsFunc(c.keys, func(k Key) bool { return has(k.Key) })
}
