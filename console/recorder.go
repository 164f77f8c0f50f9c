package console

import (
	"sync"
	"time"

	"vertigo/engine"
	"vertigo/rules"
)

// What a recorder keeps. Calls under way are always known; of all else the oldest goes first.
const (
	mostBytes  = 25 << 20 // at most, of the steps of calls
	ofOneCall  = 4 << 20  // of those of one of them
	mostSteps  = 1000     // how many these are: the first ones and the last ones stay
	firstSteps = 100      // how many the first ones are, and how many go at once
	mostEnded  = 10_000   // calls
	mostLoose  = 2000     // messages of no call
	looseBytes = 4 << 20  // of their steps
	mostRoom   = 16       // calls that were forgotten whose steps others may fill in
	roomBytes  = 64 << 10 // of one of them
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
// A bridge whose page nobody has open should not notice that it is recorded. So
// Observe writes a step down, where one of a forgotten call was if it can, and calls
// are summarized when somebody asks.
type Recorder struct {
	version string
	begun   time.Time

	mu         sync.Mutex
	rules      *loaded
	hits       map[string]*hit // by the rule's name
	hitsOf     map[*engine.Rule]*hit
	reloads    int
	refused    bool // the last reload was
	findings   rules.Findings
	transports []*transportRecord

	calls     map[engine.CallID]*record
	current   *record   // the last one that something was told of
	all       []*record // in the order in which they began; those forgotten too, for a while
	forgotten int       // how many of all are
	next      int       // of all, to lose what has happened in it
	order     uint64
	ended     fifo[*record]
	loose     fifo[step] // of no call
	bytes     int        // of the steps of calls
	ofLoose   int        // of the others
	lostAt    time.Time  // when the last of what is no longer kept happened

	room [][]step // of calls that were forgotten, to be filled in by others

	seq     uint64          // of the last trace
	heard   *engine.Message // its message
	lastAt  time.Time
	place   input                 // of that message
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
		hits: map[string]*hit{}, hitsOf: map[*engine.Rule]*hit{}, calls: map[engine.CallID]*record{},
		waiting: map[sameMessage]input{}, readers: map[*reader]struct{}{},
	}
	for _, t := range o.Transports {
		r.transports = append(r.transports, &transportRecord{Transport: t, up: t.Up == nil, since: r.begun})
	}
	return r
}

// SetRules says which rules calls begin with from now on.
func (r *Recorder) SetRules(l Rules, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = &loaded{l, at.UTC()}
	clear(r.hitsOf)
}

// Found tells what was found in the rules that were loaded first.
func (r *Recorder) Found(found rules.Findings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findings = found
}

// Reloaded is told that the rules were read anew, whether they are followed now,
// and what was found in them.
func (r *Recorder) Reloaded(used bool, found rules.Findings) {
	r.mu.Lock()
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
	r.mu.Lock()
	defer r.mu.Unlock()
	again := r.hear(&t)
	if t.Outcome == engine.Fired {
		r.hit(&t)
	}
	if t.Message.Type == engine.TransportUp || t.Message.Type == engine.TransportDown {
		r.look(t.Now)
	}
	c := r.current
	if c == nil || c.id != t.Call || c.forgotten {
		c = r.calls[t.Call]
	}
	began := t.Outcome == engine.Fired && t.From == "" && t.To != "" && (t.Rule.New || t.Rule.NewConnection)
	if began {
		c = r.begin(&t)
	}
	if c == nil {
		var s step
		s.fill(&t, r.seq, r.place, again, false)
		r.keepLoose(s)
		return
	}
	r.current = c
	s := c.extend()
	s.fill(&t, r.seq, r.place, again, began)
	c.add(s)
	r.bytes += s.weight
	if t.Tells() && !t.Ended {
		c.name(names{t.Told("direction"), t.Told("user"), t.Told("number"), t.Told("cause")})
	}
	if s.ended || isCallEnd(s.message) {
		r.end(c, t.Now)
	}
	if len(r.readers) > 0 {
		r.tell(c)
	}
	if len(c.steps) > mostSteps || c.bytes > ofOneCall || r.bytes > mostBytes || r.ended.len() > mostEnded {
		r.bound(c)
	}
}

// hear counts a trace, and says whether it is about the message of the one before:
// one message has several where several rules or calls are for it. The caller holds
// mu, as of all that follow.
func (r *Recorder) hear(t *engine.Trace) (again bool) {
	again = t.Message == r.heard && t.Now.Equal(r.lastAt)
	r.seq++
	r.heard, r.lastAt = t.Message, t.Now
	if !again {
		r.place = r.placeOf(t)
	}
	return again
}

// placeOf finds out when the message came, if it is a peer's. It may have waited.
func (r *Recorder) placeOf(t *engine.Trace) input {
	m := t.Message
	if m.Transport == ownTransport {
		r.spoke = true
		return input{}
	}
	same := sameMessage{m.Type, m.Key, start(m.Body)}
	if len(r.waiting) > 0 {
		if waited, ok := r.waiting[same]; ok {
			delete(r.waiting, same)
			return waited
		}
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
	return r.input
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
	h := r.hitsOf[t.Rule]
	if h == nil {
		h = r.hits[t.Rule.Name]
		if h == nil {
			h = &hit{}
			r.hits[t.Rule.Name] = h
		}
		r.hitsOf[t.Rule] = h
	}
	h.count++
	h.last = t.Now
}

// tell has pages know that a call has changed by its last step.
func (r *Recorder) tell(c *record) {
	for one := range r.readers {
		one.tell(c)
	}
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
	if last := len(r.room) - 1; last >= 0 {
		c.steps, r.room = r.room[last], r.room[:last]
	}
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
	if c.forgotten {
		c.told = len(c.steps) // nobody asks any more
	}
	c.summarize()
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
	if !c.lent && c.bytes <= roomBytes && len(r.room) < mostRoom {
		r.room = append(r.room, c.steps[:0])
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

func (r *Recorder) keepLoose(s step) {
	s.weight = s.bytes()
	r.loose.push(s)
	r.ofLoose += s.weight
	for r.ofLoose > looseBytes || r.loose.len() > mostLoose {
		gone, _ := r.loose.pop()
		r.ofLoose -= gone.weight
		r.lose(gone.now)
	}
}

// A fifo is a queue. The zero value is empty.
type fifo[T any] struct {
	ring  []T
	first int
	n     int
}

func (f *fifo[T]) len() int { return f.n }

// at gives one of them, counted from the first.
func (f *fifo[T]) at(i int) *T { return &f.ring[(f.first+i)%len(f.ring)] }

func (f *fifo[T]) push(v T) {
	if f.n == len(f.ring) {
		f.ring, f.first = append(f.list(), make([]T, max(f.n, 16))...), 0
	}
	f.n++
	*f.at(f.n - 1) = v
}

func (f *fifo[T]) pop() (v T, ok bool) {
	if f.n == 0 {
		return v, false
	}
	var none T
	first := f.at(0)
	v, *first = *first, none
	f.first, f.n = (f.first+1)%len(f.ring), f.n-1
	return v, true
}

// list gives a copy of all.
func (f *fifo[T]) list() []T {
	list := make([]T, f.n)
	for i := range list {
		list[i] = *f.at(i)
	}
	return list
}
