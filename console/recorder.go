package console

import (
	"sync"
	"sync/atomic"
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
	ordinary   = 100      // messages of a call, and
	longNote   = 64 << 10 // bytes of one: what goes beyond either pushes out nothing of other calls
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
// before somebody asks. Observe and Stepped belong to the goroutine that steps the
// engine; any goroutine may call the rest.
//
// A bridge whose page nobody has open should not notice that it is recorded. So
// Observe only notes what it is told, which takes the time that it takes to write it
// down; all else is done when the engine has stepped, and what it decided is on its
// way. Notes are entered into their calls when somebody asks, and thrown away with
// calls that have ended when there are too many.
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

	notes  journal   // of calls, not yet entered into these
	loose  journal   // of no call
	lookAt time.Time // when transports came up or went down, as the engine's goroutine has it

	calls     map[engine.CallID]*record
	all       []*record // in the order in which they began; those forgotten too, for a while
	forgotten int       // how many of all are
	next      int       // of all, to lose what has happened in it
	order     uint64
	ended     fifo[*record]
	bytes     int       // of the steps of calls
	lostAt    time.Time // when the last of what is no longer kept happened

	now     int64 // of the newest note that is entered
	readers map[*reader]struct{}
	watched atomic.Bool // there are readers
}

// loaded are rules that calls began with for a while.
type loaded struct {
	Rules
	at time.Time
}

// A hit counts what a rule has done.
type hit struct {
	count int
	last  int64 // as notes have it
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
		readers: map[*reader]struct{}{}, notes: journal{sheet: &sheet{}}, loose: journal{sheet: &sheet{}},
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

// Observe is told of what the engine does. Stepped must follow.
func (r *Recorder) Observe(t engine.Trace) {
	if t.Call == "" {
		r.loose.add(&t)
	} else {
		r.notes.add(&t)
	}
	if isOfTransport(t.Message) {
		r.lookAt = t.Now
	}
}

// Stepped is told that the engine has stepped, best when its actions are sent. It shows
// to all what Observe was told, wakes the page that shows its call, and makes room for
// more.
func (r *Recorder) Stepped(e *engine.Engine) {
	if !r.notes.isDue() && !r.loose.isDue() && r.lookAt.IsZero() && !r.watched.Load() {
		r.notes.sheet.show()
		r.loose.sheet.show()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for one := range r.readers {
		if one.call != "" && r.notes.tells(one.call) {
			one.poke()
		}
	}
	r.notes.turn()
	r.loose.turn()
	if !r.lookAt.IsZero() {
		r.look(r.lookAt)
		r.lookAt = time.Time{}
	}
	if r.notes.beyond > mostBytes/8 {
		r.enterAll()
	}
	for r.notes.weighs() > 0 && r.notes.weighs()+r.bytes > mostBytes {
		r.makeRoom(e)
	}
	for r.loose.bytes > looseBytes || r.loose.full.len() > mostLoose/notesOfSheet {
		r.dropLoose()
	}
}

// dropLoose lets go of the oldest notes of no call. The caller holds mu, as of all that
// follow.
func (r *Recorder) dropLoose() {
	s, _ := r.loose.pop()
	r.count(s)
	r.lose(s.notes[s.entered-1].at())
	r.loose.giveBack(s)
}

// count enters those notes of no call that have been made since it was done last: rules
// may have acted on them.
func (r *Recorder) count(s *sheet) {
	for written := int(s.shown.Load()); s.entered < written; s.entered++ {
		n := &s.notes[s.entered]
		r.now = max(r.now, n.now)
		if n.fired() {
			r.hit(n.rule, n.now)
		}
	}
}

// looseSteps gives all that is kept of no call.
func (r *Recorder) looseSteps() (list []step) {
	for _, s := range append(r.loose.full.list(), r.loose.sheet) {
		for i := range s.entered {
			list = append(list, step{})
			s.notes[i].tell(&list[len(list)-1], s.rules)
		}
	}
	return list
}

// lock takes mu, when all that was told has been entered. In between the engine may
// go on.
func (r *Recorder) lock() {
	r.mu.Lock()
	for r.enterSome() {
		r.mu.Unlock()
		r.mu.Lock()
	}
}

// enterAll enters all that was told.
func (r *Recorder) enterAll() {
	for r.enterSome() {
	}
}

// enterSome enters the oldest notes into their calls. It returns whether there are
// more.
func (r *Recorder) enterSome() bool {
	s, full := r.notes.pop()
	if !full {
		s = r.notes.sheet
	}
	for written := int(s.shown.Load()); s.entered < written; s.entered++ {
		n := &s.notes[s.entered]
		s.gone += int(n.weight)
		r.enter(n, s.rules)
		*n = note{}
	}
	if full {
		r.notes.giveBack(s)
		return true
	}
	for i := range r.loose.full.len() {
		r.count(*r.loose.full.at(i))
	}
	r.count(r.loose.sheet)
	return false
}

// enter enters a note into its call.
func (r *Recorder) enter(n *note, rules *engine.Ruleset) {
	r.now = max(r.now, n.now)
	if n.fired() {
		r.hit(n.rule, n.now)
	}
	c := r.calls[n.call]
	if n.begins() {
		c = r.begin(n)
	}
	if c == nil { // how it began is no longer kept
		r.lose(n.at())
		return
	}
	n.tell(c.extend(), rules)
	r.bytes += c.add()
	if n.more != nil && n.more.tells {
		c.name(n.more.names)
	}
	if n.ended || isCallEnd(n.message) {
		r.end(c, n.at())
	}
	for one := range r.readers {
		one.tell(c)
	}
	if len(c.steps) > mostSteps || c.bytes > ofOneCall || r.bytes > mostBytes || r.ended.len() > mostEnded {
		r.bound(c)
	}
}

// makeRoom lets go of a call that has ended, or else of the oldest notes that are of
// such calls.
func (r *Recorder) makeRoom(e *engine.Engine) {
	if c, ok := r.ended.pop(); ok {
		r.forget(c)
		return
	}
	s, full := r.notes.pop()
	if !full {
		r.enterAll()
		return
	}
	var call engine.CallID
	lives, last := false, int64(0)
	for written := int(s.shown.Load()); s.entered < written; s.entered++ {
		n := &s.notes[s.entered]
		if n.call != call {
			call, lives = n.call, e.Lives(n.call)
		}
		if lives {
			r.enter(n, s.rules)
			continue
		}
		if n.fired() {
			r.hit(n.rule, n.now)
		}
		last = n.now
		if c := r.calls[n.call]; c != nil {
			r.forget(c)
		}
	}
	if last > 0 {
		r.lose(time.Unix(0, last))
	}
	r.notes.giveBack(s)
}

// ownTransport is what the engine calls itself.
const ownTransport = "engine"

// isOfTransport says whether a message tells that a transport is up, or down.
func isOfTransport(m *engine.Message) bool {
	return m.Type == engine.TransportUp || m.Type == engine.TransportDown
}

// isCallEnd says whether it is the last that the engine says of a call.
func isCallEnd(m *engine.Message) bool { return m.Transport == ownTransport && m.Type == "call.end" }

func (r *Recorder) hit(rule *engine.Rule, now int64) {
	h := r.hitsOf[rule]
	if h == nil {
		h = r.hits[rule.Name]
		if h == nil {
			h = &hit{}
			r.hits[rule.Name] = h
		}
		r.hitsOf[rule] = h
	}
	h.count++
	h.last = max(h.last, now)
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
func (r *Recorder) begin(n *note) *record {
	if c := r.calls[n.call]; c != nil {
		r.forget(c)
	}
	r.order++
	c := &record{order: r.order, id: n.call, begun: n.at(), connection: n.rule.NewConnection}
	r.calls[n.call] = c
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
