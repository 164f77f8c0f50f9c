package console

import (
	"slices"
	"sync/atomic"
	"time"

	"vertigo/engine"
)

// A journal is notes on sheets, in the order in which they were made. The engine's
// goroutine writes them while it steps, and waits for nobody; then it shows them to all.
type journal struct {
	full   fifo[*sheet]
	bytes  int      // what the notes on full sheets weigh
	beyond int      // what those of these weigh that go beyond what is ordinary
	sheet  *sheet   // that follows; only the engine's goroutine changes it
	ahead  []*sheet // that follow, where a step needs more: the engine's goroutine's own
	spare  *sheet   // a blank one; nil: none
}

// A sheet is notes of messages that came while calls began with the same rules. What
// is not shown belongs to the engine's goroutine, as do the sums of what it wrote until
// the sheet is full; all else to who holds the recorder's mutex.
type sheet struct {
	notes   [notesOfSheet]note
	written int
	weight  int // of all notes
	beyond  int // of those that go beyond what is ordinary
	rules   *engine.Ruleset
	shown   atomic.Int32
	entered int // how many are
	gone    int // what those weighed that are no longer here
}

const (
	notesOfSheet = 63        // 8 KiB, with what they have in common
	ofOneStep    = 8         // that find room on a sheet which is not full
	heavySheet   = 512 << 10 // bytes that make a sheet full as well
)

// at gives the sheet to write on. Calls began with rules when the message was given; if
// that has waited, its note says so.
func (j *journal) at(rules *engine.Ruleset, waited bool) *sheet {
	s := j.sheet
	if n := len(j.ahead); n > 0 {
		s = j.ahead[n-1]
	}
	switch {
	case s.written == 0:
		s.rules = rules
	case s.written == notesOfSheet || s.rules != rules && !waited:
		s = &sheet{rules: rules}
		j.ahead = append(j.ahead, s)
	}
	return s
}

// show shows what is written on the sheet.
func (s *sheet) show() {
	if n := int32(s.written); s.shown.Load() != n {
		s.shown.Store(n)
	}
}

// tells says whether something that is not shown yet is of a call.
func (j *journal) tells(call engine.CallID) bool {
	of := func(n note) bool { return n.call == call }
	return slices.ContainsFunc(j.sheet.notes[j.sheet.shown.Load():j.sheet.written], of) ||
		slices.ContainsFunc(j.ahead, func(s *sheet) bool { return slices.ContainsFunc(s.notes[:s.written], of) })
}

// isDue says whether it is time to turn.
func (j *journal) isDue() bool {
	return len(j.ahead) > 0 || j.sheet.written > notesOfSheet-ofOneStep || j.sheet.weight > heavySheet
}

// turn shows all that is written, and puts full sheets where they can be let go of.
func (j *journal) turn() {
	for j.isDue() {
		s := j.sheet
		s.show()
		switch {
		case len(j.ahead) > 0:
			j.sheet = j.ahead[0]
			j.ahead = slices.Delete(j.ahead, 0, 1)
		case j.spare != nil:
			j.sheet, j.spare = j.spare, nil
		default:
			j.sheet = &sheet{}
		}
		if s.gone == s.weight {
			j.giveBack(s)
			continue
		}
		j.full.push(s)
		j.bytes += s.weight - s.gone
		j.beyond += s.beyond
	}
	j.sheet.show()
}

// pop takes the oldest of the full sheets.
func (j *journal) pop() (s *sheet, ok bool) {
	s, ok = j.full.pop()
	if ok {
		j.bytes -= s.weight - s.gone
		j.beyond -= s.beyond
	}
	return s, ok
}

// giveBack takes back a sheet whose notes are gone.
func (j *journal) giveBack(s *sheet) {
	*s = sheet{}
	j.spare = s
}

// weighs is what all notes weigh that are shown. The engine's goroutine asks.
func (j *journal) weighs() int { return j.bytes + j.sheet.weight - j.sheet.gone }

// A note is what was told of one message, as it was told: 128 bytes, since one is made
// of everything that the engine does.
type note struct {
	message *engine.Message
	rule    *engine.Rule
	call    engine.CallID
	from    string
	to      string
	actions []engine.Action
	more    *more // what most have not; nil: nothing
	now     int64 // Unix time, in nanoseconds
	nth     uint64
	step    uint32 // the message came with it; the lower half
	weight  uint32
	outcome uint8 // of outcomes
	ended   bool
}

// more is what few notes have.
type more struct {
	err   error
	tells bool // names, as they are now
	names names
	given *engine.Given // of a message that has waited
}

// outcomes are numbered in notes.
var outcomes = []engine.Outcome{engine.Fired, engine.Unmatched, engine.Late, engine.Waiting, engine.Failed}

// add writes a note of a trace.
func (j *journal) add(t *engine.Trace) {
	given := t.Given()
	s := j.at(given.Rules, t.Waited)
	n := &s.notes[s.written]
	n.message, n.rule, n.call, n.from, n.to, n.actions = t.Message, t.Rule, t.Call, t.From, t.To, t.Actions
	n.now, n.nth, n.step, n.ended = t.Now.UnixNano(), given.Nth, uint32(given.Step), t.Ended
	n.outcome = uint8(slices.Index(outcomes, t.Outcome))
	if t.Err != nil || t.Waited || t.Tells() && !t.Ended {
		n.more = moreOf(t)
	}
	weight := weigh(t.Message, t.Actions, false)
	n.weight = uint32(weight)
	s.weight += weight
	if t.Nth == 0 || t.Nth > ordinary || weight > longNote {
		s.beyond += weight
	}
	s.written++
}

func moreOf(t *engine.Trace) *more {
	m := &more{err: t.Err}
	if m.tells = t.Tells() && !t.Ended; m.tells {
		m.names = names{t.Told("direction"), t.Told("user"), t.Told("number"), t.Told("cause")}
	}
	if t.Waited {
		given := t.Given()
		m.given = &given
	}
	return m
}

// tell makes s, which is empty, what the note tells. Calls began with rules then.
func (n *note) tell(s *step, rules *engine.Ruleset) {
	s.message, s.now, s.weight = n.message, n.at(), int(n.weight)
	s.outcome, s.rule, s.from, s.to = outcomes[n.outcome], n.rule, n.from, n.to
	s.actions, s.began, s.ended = n.actions, n.begins(), n.ended
	given := &engine.Given{Nth: n.nth, Step: uint64(n.step), At: s.now, Rules: rules}
	if n.more != nil {
		s.err = n.more.err
		if n.more.given != nil {
			given = n.more.given
		}
	}
	if n.message.Transport != ownTransport {
		s.given = *given
	}
}

func (n *note) at() time.Time { return time.Unix(0, n.now) }

// fired says whether a rule acted on the message.
func (n *note) fired() bool { return outcomes[n.outcome] == engine.Fired }

// begins says whether a call, or a connection, has begun by it.
func (n *note) begins() bool {
	return n.fired() && n.from == "" && n.to != "" && (n.rule.New || n.rule.NewConnection)
}
