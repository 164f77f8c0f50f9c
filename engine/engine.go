package engine

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Limits bound what peers can make the engine hold or do. A zero field takes
// its default.
type Limits struct {
	MessageBytes  int           `toml:"message_bytes"`    // of one message; 1 MiB
	Calls         int           `toml:"calls"`            // at once; 10,000
	BufferItems   int           `toml:"buffer_items"`     // where a buffer sets no limit of its own; 256
	BufferBytes   int           `toml:"buffer_bytes"`     // in one buffer; 1 MiB
	Sends         int           `toml:"sends"`            // one rule may send for one message; 64
	Keys          int           `toml:"keys"`             // of one call, and those under which one index finds it; 64
	Loops         int           `toml:"loops"`            // engine messages of one call at one instant of a step; 64
	Waiting       int           `toml:"waiting"`          // messages that wait for their call to begin, in all; 10,000
	WaitingPer    int           `toml:"waiting_per_call"` // and for one call; 64
	WaitingBytes  int           `toml:"waiting_bytes"`    // and their size in all; 16 MiB
	WaitFor       time.Duration `toml:"wait_for"`         // how long they wait; 30 s
	RememberEnded time.Duration `toml:"remember_ended"`   // how long an ended call's keys are known, so that late messages begin nothing; 5 min
	CallAge       time.Duration `toml:"call_age"`         // after which a call is ended; 12 h
}

func (l Limits) orDefault() Limits {
	l.MessageBytes = cmp.Or(l.MessageBytes, 1<<20)
	l.Calls = cmp.Or(l.Calls, 10_000)
	l.BufferItems = cmp.Or(l.BufferItems, 256)
	l.BufferBytes = cmp.Or(l.BufferBytes, 1<<20)
	l.Sends = cmp.Or(l.Sends, 64)
	l.Keys = cmp.Or(l.Keys, 64)
	l.Loops = cmp.Or(l.Loops, 64)
	l.Waiting = cmp.Or(l.Waiting, 10_000)
	l.WaitingPer = cmp.Or(l.WaitingPer, 64)
	l.WaitingBytes = cmp.Or(l.WaitingBytes, 16<<20)
	l.WaitFor = cmp.Or(l.WaitFor, 30*time.Second)
	l.RememberEnded = cmp.Or(l.RememberEnded, 5*time.Minute)
	l.CallAge = cmp.Or(l.CallAge, 12*time.Hour)
	return l
}

// An Outcome says what became of a message.
type Outcome string

const (
	Fired     Outcome = "fired"     // a rule acted on it; several with also, a trace for each
	Unmatched Outcome = "unmatched" // no rule is for it
	Failed    Outcome = "failed"    // it could not be read, or a rule for it could not be evaluated
	Waiting   Outcome = "waiting"   // it names a call that has not begun yet
	Late      Outcome = "late"      // its call has ended
)

// A Trace tells what the engine did with one message. Observers may keep what it
// points to, the message and the actions, and do not change that; its methods are
// for the time of the observer's call.
type Trace struct {
	Now     time.Time
	Message *Message
	Outcome Outcome
	Call    CallID
	Nth     int // of the traces of that call, from 1; 0 where it is of none, or of one that is forgotten
	// Connection is the transport whose connection Call is; "" where it is a call.
	Connection string
	Rule       *Rule  // that fired or failed
	From, To   string // the call's state before and after
	Actions    []Action
	Err        error
	Ended      bool // the call ended by it
	Waited     bool // the message has waited for its call

	engine *Engine
	live   *Call // nil for a connection
}

// Tells says whether the rule has set any of what Told tells.
func (t *Trace) Tells() bool { return t.Outcome == Fired && t.Rule.tells }

// A Given says when a peer's message was given to the engine.
type Given struct {
	Nth   uint64 // message of all that the engine was given, from 1
	Step  uint64 // what came together has the same
	At    time.Time
	Rules *Ruleset // that calls began with
}

// Given says when the message was given to the engine, which is earlier where it has
// waited. It means nothing where the engine itself says the message.
func (t *Trace) Given() (g Given) {
	if t.engine != nil {
		g = t.engine.given
	}
	return g
}

// Told is what rules have set so far, of the variables that the end of a call
// tells ("direction", "user", "number", "cause"); "" where there is nothing, or
// the call has ended.
func (t *Trace) Told(name string) string {
	if t.live == nil {
		return ""
	}
	for _, v := range t.live.rs.told {
		if v.name == name {
			text, _ := t.live.vars[v.slot].get().(string)
			return text
		}
	}
	return ""
}

// An Engine holds the calls under way. It is not safe for concurrent use: one
// goroutine steps it.
type Engine struct {
	rules   *Ruleset
	limits  Limits
	observe func(Trace)
	explain *explainer // nil: nobody asks

	now       time.Time
	steps     uint64
	numbered  uint64 // messages that it was given
	given     Given  // the message at hand, if it is a peer's
	order     uint64
	calls     map[CallID]*Call
	byKey     map[callKey]*Call
	conns     map[string]*Call // connections by transport
	connKeys  map[callKey]*Call
	connOver  map[string]CallID  // the last connection of a transport that has ended
	ups       map[string]Message // the word of each transport that is up
	scopes    scopes
	found     finder
	late      int // ended calls whose keys are still known
	waiting   map[callKey]*waiting
	waitCount int
	waitBytes int
	down      map[string]bool // transports that said they are down
	windows   map[string]*window
	globbed   map[globKey]*entry
	sweepAt   int
	deadlines deadlines

	shared   bool // the message at hand is not this call's alone
	quiet    bool // it may be another's, if no rule acts on it
	out      []Action
	queue    []queued
	released []early // waited for a call that has now begun
	waited   bool    // the message at hand has waited
	frame    Frame
	doc      document
	fresh    *Call // that the message at hand would begin
	tx       transaction
	scratch  []candidate
	body     []byte // being put together
	keyFrame Frame  // for the keys of indexes
	keys     []string
}

type queued struct {
	call   *Call
	m      Message
	slot   int    // of the buffer whose items go with it; -1: none
	reason string // why the buffer speaks
}

// Options are what an engine can be given beside its rules.
type Options struct {
	Limits Limits
	// Observe, if not nil, is called for each message with what became of it, as
	// part of Step.
	Observe func(Trace)
	// Explain, if not nil, is called for each message, after Observe, with what
	// became of each rule for it. It makes Step slow: it is for dry runs.
	Explain func(*Explanation)
}

// New returns an engine with no calls, that follows rules. The rule set must be
// finished.
func New(rules *Ruleset, o Options) *Engine {
	return &Engine{
		rules:    rules,
		limits:   o.Limits.orDefault(),
		observe:  o.Observe,
		explain:  newExplainer(o.Explain),
		calls:    map[CallID]*Call{},
		byKey:    map[callKey]*Call{},
		conns:    map[string]*Call{},
		connKeys: map[callKey]*Call{},
		connOver: map[string]CallID{},
		ups:      map[string]Message{},
		scopes:   scopes{},
		found:    finder{},
		waiting:  map[callKey]*waiting{},
		down:     map[string]bool{},
		windows:  map[string]*window{},
		globbed:  map[globKey]*entry{},
	}
}

// SetRules makes rules the ones that calls begin with from now on. Calls under
// way keep theirs; connections go on by the new ones, or end if these do not know
// their state. Transports that are up and have no connection may begin one: the
// next Step, which is due at once, asks the rules.
func (e *Engine) SetRules(rules *Ruleset) {
	e.rules = rules
	for _, c := range e.connections() {
		e.follow(c, rules)
	}
	for _, name := range slices.Sorted(maps.Keys(e.ups)) {
		if e.conns[name] == nil {
			e.deadlines.start(&deadline{kind: upAgain, key: connectionKey(name), index: -1}, e.now)
		}
	}
	clear(e.globbed)
}

// NextDeadline returns when Step must be called even if nothing arrives; ok is
// false if nothing is awaited.
func (e *Engine) NextDeadline() (at time.Time, ok bool) {
	if len(e.deadlines.heap) == 0 {
		return time.Time{}, false
	}
	return e.deadlines.heap[0].at, true
}

// Calls returns the calls under way in the order in which they began.
func (e *Engine) Calls() []CallInfo {
	infos := make([]CallInfo, 0, len(e.calls))
	for _, c := range e.ordered() {
		infos = append(infos, c.info())
	}
	return infos
}

// Lives says whether some call, or connection, is under way.
func (e *Engine) Lives(id CallID) bool {
	if e.calls[id] != nil {
		return true
	}
	for _, c := range e.conns {
		if c.id == id {
			return true
		}
	}
	return false
}

func (e *Engine) ordered() []*Call {
	list := make([]*Call, 0, len(e.calls))
	for _, c := range e.calls {
		list = append(list, c)
	}
	slices.SortFunc(list, byOrder)
	return list
}

// Step lets what happened act on the calls that e holds, and returns what to
// send, in order. First everything that was due by now happens, at its own
// time; then the messages, in order. What the engine says itself (a buffer is
// complete, a call ended) is said after the whole batch, so that an invite and
// its hangup that come together never dial. The same rules, messages and times
// always give the same actions. The engine and its observers keep the messages:
// they must not change afterwards.
func (e *Engine) Step(now time.Time, batch ...Message) []Action {
	e.out = nil
	e.steps++
	for {
		d := e.deadlines.due(now)
		if d == nil {
			break
		}
		e.advance(d.at)
		e.expire(d)
		e.drain()
	}
	e.advance(now)
	for i := range batch {
		m := &batch[i]
		if len(batch) > 1 { // who keeps one keeps no other
			one := batch[i]
			m = &one
		}
		e.number()
		e.receive(m)
		e.release()
	}
	e.drain()
	return e.out
}

// Stop lets the rules end every call under way ("engine call.stop", with the
// reason in the message), ends those that they leave, lets them say the last on
// each connection ("engine conn.stop"), and returns what to send.
func (e *Engine) Stop(now time.Time, reason string) []Action {
	e.out = nil
	e.steps++
	e.advance(now)
	for _, c := range e.ordered() {
		e.stopCall(c, reason)
	}
	e.drain()
	e.stopConnections(reason)
	e.drain()
	return e.out
}

func (e *Engine) advance(now time.Time) {
	if now.After(e.now) {
		e.now = now.UTC() // hours mean the same on every machine
	}
}

// number numbers a message that e is given.
func (e *Engine) number() {
	e.numbered++
	e.given = Given{e.numbered, e.steps, e.now, e.rules}
}

// receive finds out what a message belongs to and lets the rules act on it.
func (e *Engine) receive(m *Message) {
	switch {
	case m.Type == TransportUp || m.Type == TransportDown:
		e.down[m.Transport] = m.Type == TransportDown
		if delete(e.ups, m.Transport); m.Type == TransportUp {
			e.ups[m.Transport] = *m
		}
		fallthrough
	case m.Key == "" && m.Call == "" && !m.Answer && (m.Scope != "" || e.conns[m.Transport] != nil):
		e.broadcast(m)
		return
	}
	if m.Call != "" {
		if c := e.conversation(m.Call); c != nil && (c.connection == "" || e.liveOwner(m) == nil) {
			e.tieReply(c, m)
			e.handle(m, c, nil)
			return
		}
		if m.Key == "" {
			e.tell(nil, Trace{Message: m, Outcome: Late, Call: m.Call})
			return
		}
	}
	if m.Key == "" {
		e.handle(m, nil, nil)
		return
	}
	key := callKey{m.Transport, m.Scope, m.Key}
	switch c, first := e.owner(m); {
	case c == nil && m.Call != "":
		e.tell(nil, Trace{Message: m, Outcome: Late, Call: m.Call})
	case c == nil:
		e.handle(m, nil, &key)
		if m.Heard {
			e.share(m, e.byKey[key])
		}
	case c.connection != "":
		if !e.beginOn(m, &key) {
			e.handle(m, c, nil)
		}
	case (!first || c.ended && e.rules.recurs(m.Transport)) && e.beginOn(m, &key):
	case c.ended:
		e.tell(c, Trace{Message: m, Outcome: Late})
	default:
		e.handleOnLine(m, c)
	}
}

// broadcast handles a message that is about no one call: first by the rules
// that need none, and those of the transport's connection, which may begin by
// it; then, for each call on that transport (and in that scope, if the message
// has one), by those that do.
func (e *Engine) broadcast(m *Message) {
	c := e.conns[m.Transport]
	switch key := connectionKey(m.Transport); {
	case m.Scope != "":
		e.handle(m, nil, nil)
	case c == nil && m.Type == TransportUp:
		e.handle(m, nil, &key)
	default:
		e.handle(m, c, nil)
	}
	e.share(m, nil)
}

// share handles a message by the rules of each call that it is about, but for
// one that it has begun.
func (e *Engine) share(m *Message, but *Call) {
	e.shared = true
	defer func() { e.shared = false }()
	for _, c := range e.about(m) {
		if c != but {
			e.handle(m, c, nil)
		}
	}
}

var errTooManyRules = errors.New("engine messages set each other off without end")

// drain handles what the engine has to say itself, until it has said all.
func (e *Engine) drain() {
	e.release()
	for i := 0; i < len(e.queue); i++ {
		q := e.queue[i]
		if q.call.ended && q.call.connection != "" {
			continue
		}
		if q.call.loop(e.steps, e.now) > e.limits.Loops {
			if q.slot >= 0 {
				q.call.buffers[q.slot].due = false
			}
			e.tell(q.call, Trace{Message: &q.m, Outcome: Failed, Err: errTooManyRules})
			continue
		}
		if q.slot >= 0 {
			e.sayBuffer(q)
		} else {
			e.handle(&q.m, q.call, nil)
		}
		if q.call.ended && q.m.Type == callEnd {
			q.call.strip()
		}
		e.release()
	}
	clear(e.queue)
	e.queue = e.queue[:0]
}

// say queues a message of the engine's own about a call.
func (e *Engine) say(c *Call, typ string, body []byte) {
	e.queue = append(e.queue, queued{call: c, slot: -1, m: e.own(c, typ, body)})
}

func (e *Engine) own(c *Call, typ string, body []byte) Message {
	return Message{Transport: "engine", Type: typ, Call: c.id, At: e.now, Body: body}
}

func (e *Engine) expire(d *deadline) {
	switch d.kind {
	case timerDue:
		name := d.call.rs.Timers[d.slot]
		body := []byte(`{"type":"timer.` + name + `"}`)
		e.say(d.call, "timer."+name, body)
	case bufferIdle:
		e.complete(d.call, d.slot, "idle")
	case bufferLate:
		e.complete(d.call, d.slot, "timeout")
	case callTooOld:
		e.stopCall(d.call, "age")
	case waitingOver:
		e.giveUpWaiting(d.key)
	case endedOver:
		e.late--
		e.forgetKeys(d.call)
	case upAgain:
		e.tellUp(d.key)
	}
}

// stopCall gives the rules a last word on a call and then ends it.
func (e *Engine) stopCall(c *Call, reason string) {
	m := e.own(c, "call.stop", []byte(`{"type":"call.stop","reason":"`+reason+`"}`))
	e.handle(&m, c, nil)
	if !c.ended {
		e.end(c, nil)
	}
}

// callEnd is the last that the engine says of a call.
const callEnd = "call.end"

// end forgets a call, but for its keys, and says so.
func (e *Engine) end(c *Call, r *Rule) {
	last := c.state
	c.ended, c.state = true, stateEnd
	delete(e.calls, c.id)
	e.scopes.remove(c)
	e.found.remove(c)
	for _, d := range c.timers {
		e.deadlines.stop(d)
	}
	for i := range c.buffers {
		e.deadlines.stop(c.buffers[i].idle)
		e.deadlines.stop(c.buffers[i].timeout)
	}
	for _, h := range c.holds {
		e.unhold(h)
	}
	e.rememberKeys(c)
	if e.observe == nil && e.explain == nil && e.entry(c.rs, "engine", callEnd) == nil {
		c.strip()
		return
	}
	e.say(c, callEnd, e.endBody(c, last, r))
}

// endBody tells how a call was: its own times, and what rules have set under
// names that mean the same whatever the rules.
func (e *Engine) endBody(c *Call, last string, r *Rule) []byte {
	body := append([]byte(nil), `{"type":"call.end","state":"`...)
	body = AppendText(body, last, true)
	if r != nil {
		body = AppendText(append(body, `,"rule":"`...), r.Name, true)
	}
	for _, v := range c.rs.told {
		if text, ok := c.vars[v.slot].get().(string); ok && utf8.ValidString(text) {
			body = append(AppendText(append(body, `,"`...), v.name, true), `:"`...)
			body = AppendText(body, text, true)
		}
	}
	body = appendTime(body, "begun", c.begun)
	answered, ok := time.Time{}, false
	if slot := c.rs.answered; slot >= 0 {
		answered, ok = c.vars[slot].get().(time.Time)
	}
	if ok {
		body = appendTime(body, "answered", answered)
	}
	body = appendTime(body, "ended", e.now)
	body = strconv.AppendInt(append(body, `,"duration":`...), e.now.Sub(c.begun).Milliseconds(), 10)
	if ok {
		body = strconv.AppendInt(append(body, `,"talked":`...), e.now.Sub(answered).Milliseconds(), 10)
	}
	return append(body, '}')
}

func appendTime(body []byte, name string, at time.Time) []byte {
	body = append(append(append(body, `,"`...), name...), `":"`...)
	return append(at.UTC().AppendFormat(body, time.RFC3339Nano), '"')
}

// rememberKeys keeps the keys of a call that has ended for a while, so that what
// comes late for it is known to be late.
func (e *Engine) rememberKeys(c *Call) {
	if e.late >= 10*e.limits.Calls { // memory is bounded: what comes late for this call is then unmatched
		e.deadlines.stop(c.age)
		e.forgetKeys(c)
		return
	}
	e.late++
	c.age.kind = endedOver
	e.deadlines.start(c.age, e.now.Add(e.limits.RememberEnded))
}

func (e *Engine) forgetKeys(c *Call) {
	for _, k := range c.keys {
		if e.byKey[k] == c {
			delete(e.byKey, k)
		}
	}
}

// tell tells what became of a message, by the rules of a call if c is not nil.
func (e *Engine) tell(c *Call, t Trace) {
	if e.observe == nil && e.explain == nil {
		return
	}
	e.whose(c, &t)
	if e.observe != nil {
		e.observe(t)
	}
	if e.explain != nil {
		e.explain.note(t)
	}
}

// whose enters in a trace what is known of its call; c may be nil.
func (e *Engine) whose(c *Call, t *Trace) {
	t.Now, t.Waited, t.engine = e.now, e.waited, e
	switch {
	case c != nil:
		c.told++
		t.Call, t.Nth, t.Connection = c.id, c.told, c.connection
		if !c.ended && c.connection == "" {
			t.live = c
		}
	case t.Call != "":
		t.Connection = e.connectionOf(t.Call)
	}
}
