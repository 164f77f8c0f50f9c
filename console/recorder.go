package console

import (
	"strings"
	"sync"
	"time"

	"vertigo/engine"
	"vertigo/rules"
)

// What a recorder keeps, beside what is in its inbox. Calls under way are always known; of all else the oldest
// goes first.
const (
	mostBytes  = 26 << 20 // at most, of the steps of calls
	ofOneCall  = 4 << 20  // of those of one of them
	mostSteps  = 1000     // how many these are: the first ones and the last ones stay
	firstSteps = 100      // how many the first ones are, and how many go at once
	mostEnded  = 10_000   // calls
	mostLoose  = 2000     // messages of no call
	looseBytes = 4 << 20  // of their steps
)

// RecorderOptions are what a recorder is made with.
type RecorderOptions struct {
	Version    string
	Transports []Transport
}

// A Transport is one peer, as far as the console tells of it.
type Transport struct {
	Name, Kind string
	Up         func() bool // whether it is logged in, for any goroutine, and at once; nil: it need not be
}

// Rules are rules that were loaded, and from what.
type Rules struct {
	*rules.Set        // compiled with parts, so that they can be explained
	Files      []File // of the user, as they were read
	Hash       string // of their texts
}

// A Recorder observes an engine and keeps what it does, within bounds: messages
// and actions where they stand, so that nothing is copied or put into words
// before somebody asks. Observe and SetRules belong to the goroutine that steps
// the engine; any goroutine may call the rest.
//
// The engine's goroutine does no more than to put what it tells into an inbox. It
// is filed by call when a page asks, and when the inbox is full: by a goroutine that
// ends when it is done. Only where that one lags behind, or a page is open that has
// to hear of it, does the engine wait.
type Recorder struct {
	version string
	begun   time.Time
	inbox   inbox

	mu         sync.Mutex // taken by lock
	rules      *loaded
	hits       map[string]*hit // by the rule's name
	reloads    int
	refused    bool // the last reload was
	findings   rules.Findings
	transports []*transportRecord

	calls     map[engine.CallID]*record
	all       []*record // in the order in which they began; those forgotten too, for a while
	forgotten int       // how many of all are
	next      int       // of all, to lose what has happened in it
	order     uint64
	ended     fifo[*record]
	loose     fifo[*step] // of no call
	bytes     int         // of the steps of calls
	ofLoose   int         // of the others
	lostAt    time.Time   // when the last of what is no longer kept happened

	seq     uint64 // of the last trace
	heard   *heard // its message
	lastAt  time.Time
	input   input                 // the newest one
	spoke   bool                  // the engine has said something since
	waiting map[sameMessage]input // messages that wait for their call

	readers map[*reader]struct{}
}

// loaded are rules that calls began with for a while.
type loaded struct {
	Rules
	at time.Time
}

// A hit counts what a rule has done.
type hit struct {
	count int
	last  time.Time
}

type transportRecord struct {
	Transport
	up    bool
	since time.Time
}

// NewRecorder returns a recorder that has seen nothing. SetRules must follow.
func NewRecorder(o RecorderOptions) *Recorder {
	r := &Recorder{
		version: o.Version, begun: time.Now().UTC(),
		hits: map[string]*hit{}, calls: map[engine.CallID]*record{},
		waiting: map[sameMessage]input{}, readers: map[*reader]struct{}{},
	}
	for _, t := range o.Transports {
		r.transports = append(r.transports, &transportRecord{Transport: t, up: t.Up == nil, since: r.begun})
	}
	return r
}

// lock takes mu, and files what has come. Unlock mu.
func (r *Recorder) lock() {
	r.mu.Lock()
	r.fileAll(r.inbox.take(true))
}

// settle files what has come: all of it, or no more than what fills a sheet.
func (r *Recorder) settle(all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fileAll(r.inbox.take(all))
}

// SetRules says which rules calls begin with from now on.
func (r *Recorder) SetRules(l Rules, at time.Time) {
	r.lock() // what came before met the others
	defer r.mu.Unlock()
	r.rules = &loaded{l, at.UTC()}
}

// Found tells what was found in the rules that were loaded first.
func (r *Recorder) Found(found rules.Findings) {
	r.lock()
	defer r.mu.Unlock()
	r.findings = found
}

// Reloaded is told that the rules were read anew, whether they are followed now,
// and what was found in them.
func (r *Recorder) Reloaded(used bool, found rules.Findings) {
	r.lock()
	defer r.mu.Unlock()
	r.reloads++
	r.refused, r.findings = !used, found
	for one := range r.readers {
		one.rules = true
		one.poke()
	}
}

// Observe is told of what the engine does.
func (r *Recorder) Observe(t engine.Trace) {
	switch r.inbox.put(&t) {
	case soon:
		go r.settle(false) // it waits for nothing but the mutex
	case atOnce:
		r.settle(true)
	}
}

// fileAll files sheets in their order. The caller holds mu, as of all that follow.
func (r *Recorder) fileAll(sheets [2]*sheet) {
	for _, s := range sheets {
		if s == nil {
			continue
		}
		for i := range s.list[:s.n] {
			r.file(&s.list[i])
		}
		r.inbox.giveBack(s)
	}
}

// file enters what the engine has told.
func (r *Recorder) file(o *notice) {
	t := &o.trace
	s := r.step(o)
	if t.Outcome == engine.Fired {
		r.hit(t)
	}
	if s.message.Type == engine.TransportUp || s.message.Type == engine.TransportDown {
		r.look(t.Now)
	}
	c := r.calls[t.Call]
	if s.began {
		c = r.begin(t)
	}
	if c == nil {
		r.keepLoose(s)
		return
	}
	c.add(s)
	c.summarize(o, s)
	r.bytes += s.bytes()
	if s.ended || isCallEnd(&s.message) {
		r.end(c, t.Now)
	}
	r.bound(c)
	for one := range r.readers {
		one.tell(c, s)
	}
}

// step makes the record of a trace, and finds out which message of a peer it is
// about: one message has several traces where several rules or calls are for it,
// and where it has waited.
func (r *Recorder) step(o *notice) *step {
	t := &o.trace
	r.seq++
	r.lastAt = t.Now
	if !o.again {
		r.heard = &heard{message: own(&o.message)}
		r.place(t)
	}
	return &step{
		heard: r.heard, seq: r.seq, now: t.Now, outcome: t.Outcome, rule: t.Rule,
		from: t.From, to: t.To, actions: t.Actions, err: t.Err, ended: t.Ended,
		began: t.Outcome == engine.Fired && t.From == "" && t.To != "" && (t.Rule.New || t.Rule.NewConnection),
		again: o.again,
	}
}

// own gives a message whose texts are its own: as they come they may be pieces of
// all that the peer said, and would hold it. The body is kept where it stands.
func own(m *engine.Message) engine.Message {
	texts := strings.Join([]string{m.Type, m.Key, m.Scope, m.ID}, "")
	cut := func(text string) string {
		piece := texts[:len(text)]
		texts = texts[len(text):]
		return piece
	}
	copied := *m
	copied.Type, copied.Key, copied.Scope, copied.ID = cut(m.Type), cut(m.Key), cut(m.Scope), cut(m.ID)
	return copied
}

// place finds out when the message came, if it is a peer's.
func (r *Recorder) place(t *engine.Trace) {
	m := &r.heard.message
	if m.Transport == ownTransport {
		r.spoke = true
		return
	}
	same := sameMessage{m.Type, m.Key, start(m.Body)}
	if waited, ok := r.waiting[same]; ok {
		delete(r.waiting, same)
		r.heard.input = waited
		return
	}
	// Messages at one time, between which the engine has nothing to say, act as if
	// they had come together.
	if r.spoke || !t.Now.Equal(r.input.at) || r.rules != r.input.rules {
		r.input.batch++
	}
	r.spoke = false
	r.input.seq, r.input.at, r.input.rules = r.seq, t.Now, r.rules
	if t.Outcome == engine.Waiting && same.body != nil {
		r.waiting[same] = r.input
	}
	r.heard.input = r.input
}

// ownTransport is what the engine calls itself.
const ownTransport = "engine"

// isCallEnd says whether it is the last that the engine says of a call.
func isCallEnd(m *engine.Message) bool { return m.Transport == ownTransport && m.Type == "call.end" }

// sameMessage tells a message from others: the engine keeps bodies where they are.
type sameMessage struct {
	typ, key string
	body     *byte // its first
}

func start(body []byte) *byte {
	if len(body) == 0 {
		return nil
	}
	return &body[0]
}

func (r *Recorder) hit(t *engine.Trace) {
	h := r.hits[t.Rule.Name]
	if h == nil {
		h = &hit{}
		r.hits[t.Rule.Name] = h
	}
	h.count++
	h.last = t.Now
}

// look finds out which transports are logged in.
func (r *Recorder) look(now time.Time) {
	changed := false
	for _, t := range r.transports {
		if t.Up != nil && t.Up() != t.up {
			t.up, t.since, changed = !t.up, now.UTC(), true
		}
	}
	if !changed {
		return
	}
	for one := range r.readers {
		one.transports = true
		one.poke()
	}
}

// begin records a call. An earlier one of the same id is forgotten: its key was
// free again.
func (r *Recorder) begin(t *engine.Trace) *record {
	if c := r.calls[t.Call]; c != nil {
		r.forget(c)
	}
	r.order++
	c := &record{order: r.order, id: t.Call, begun: t.Now, connection: t.Connection != ""}
	r.calls[t.Call] = c
	r.all = append(r.all, c)
	return c
}

func (r *Recorder) end(c *record, at time.Time) {
	if !c.ended.IsZero() {
		return
	}
	c.ended = at
	r.ended.push(c)
}

// bound lets go of what is too much.
func (r *Recorder) bound(c *record) {
	for len(c.steps) > mostSteps || c.bytes > ofOneCall && len(c.steps) > 1 {
		n := max(1, min(firstSteps, len(c.steps)/4))
		r.drop(c, n, 2*n)
	}
	for r.bytes > mostBytes || r.ended.len() > mostEnded {
		oldest, ok := r.ended.pop()
		if !ok {
			break
		}
		r.forget(oldest)
	}
	for _, connections := range []bool{false, true} { // all calls of a connection need what happened on it
		r.strip(connections)
	}
}

// strip lets go of what has happened in calls under way, or on connections,
// beginning with those that began first, until what is left is not too much.
func (r *Recorder) strip(connections bool) {
	for left := len(r.all); left > 0 && r.bytes > mostBytes; left-- {
		if r.next >= len(r.all) {
			r.next = 0
		}
		c := r.all[r.next]
		r.next++
		if c.connection == connections {
			r.drop(c, 0, len(c.steps))
		}
	}
}

// drop lets go of steps of a call.
func (r *Recorder) drop(c *record, from, to int) {
	if from == to {
		return
	}
	r.lose(c.steps[to-1].now)
	r.bytes -= c.drop(from, to)
}

// lose notes when something happened that is no longer kept.
func (r *Recorder) lose(at time.Time) {
	if at.After(r.lostAt) {
		r.lostAt = at
	}
}

// forget lets go of a call.
func (r *Recorder) forget(c *record) {
	if c.forgotten {
		return
	}
	c.forgotten = true
	r.lose(c.ended)
	r.drop(c, 0, len(c.steps))
	if r.calls[c.id] == c {
		delete(r.calls, c.id)
	}
	r.forgotten++
	if r.forgotten < 64 || r.forgotten < len(r.all)/2 {
		return
	}
	kept := make([]*record, 0, len(r.all)-r.forgotten)
	for _, one := range r.all {
		if !one.forgotten {
			kept = append(kept, one)
		}
	}
	r.all, r.forgotten, r.next = kept, 0, 0
}

func (r *Recorder) keepLoose(s *step) {
	r.loose.push(s)
	r.ofLoose += s.bytes()
	for r.ofLoose > looseBytes || r.loose.len() > mostLoose {
		gone, _ := r.loose.pop()
		r.ofLoose -= gone.bytes()
		r.lose(gone.now)
	}
}

// A fifo is a queue. The zero value is empty.
type fifo[T any] struct {
	items []T
	first int
}

func (f *fifo[T]) len() int { return len(f.items) - f.first }

func (f *fifo[T]) push(v T) { f.items = append(f.items, v) }

func (f *fifo[T]) pop() (v T, ok bool) {
	if f.len() == 0 {
		return v, false
	}
	var none T
	v, f.items[f.first] = f.items[f.first], none
	f.first++
	if f.first > len(f.items)/2 {
		f.items, f.first = append([]T(nil), f.items[f.first:]...), 0
	}
	return v, true
}
