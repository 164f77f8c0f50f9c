package console

import (
	"slices"
	"sync/atomic"
	"time"

	"vertigo/engine"
)

// A journal is sheets full of notes, in the order in which these were made. They are
// used again when the notes are gone.
type journal struct {
	sheets fifo[*sheet]
	spare  *sheet // nil: none
}

// A sheet is notes that were made while calls began with the same rules. The engine's
// goroutine writes on one, and waits for nobody: of the notes, and the pointer to that
// sheet, what it has not written yet is its own. All else belongs to who holds the
// recorder's mutex.
type sheet struct {
	notes   [notesOfSheet]note
	written atomic.Int32
	heard   int // how many of those that are written have a number, and a weight
	entered int // how many of those that were heard are gone
	bytes   int // what the rest of them weighs
	rules   *loaded
}

const notesOfSheet = 63 // 8 KiB, with what they have in common

// blank gives an empty sheet.
func (j *journal) blank(rules *loaded) *sheet {
	s := j.spare
	j.spare = nil
	if s == nil {
		s = &sheet{}
	}
	s.rules = rules
	return s
}

// giveBack takes back a sheet whose notes are gone.
func (j *journal) giveBack(s *sheet) {
	clear(s.notes[:s.heard])
	s.written.Store(0)
	s.heard, s.entered, s.bytes, s.rules = 0, 0, 0, nil
	j.spare = s
}

// A note is what was told of one message, as it was told: 128 bytes, since one is
// made of everything that the engine does.
type note struct {
	message *engine.Message // nil: the note is gone
	rule    *engine.Rule
	call    engine.CallID
	from    string
	to      string
	actions []engine.Action
	more    *more // what most have not; nil: nothing
	now     int64 // Unix time, in nanoseconds
	seq     uint64
	batch   uint64 // of the message, if it is a peer's
	traces  uint32 // of the message, before this one
	outcome uint8  // of outcomes
	early   bool   // one of the first of its call
	ended   bool
	waited  bool
}

// more is what few notes have.
type more struct {
	err    error
	tells  bool // names, as they are now
	names  names
	waited *input // for its call, since it was given
}

// outcomes are numbered in notes.
var outcomes = []engine.Outcome{engine.Fired, engine.Unmatched, engine.Late, engine.Waiting, engine.Failed}

// fill makes the note of a trace, but for its place among others.
func (n *note) fill(t *engine.Trace) {
	n.message, n.rule, n.call, n.from, n.to, n.actions = t.Message, t.Rule, t.Call, t.From, t.To, t.Actions
	n.now, n.early, n.ended, n.waited = t.Now.UnixNano(), 0 < t.Nth && t.Nth <= ordinary, t.Ended, t.Waited
	n.outcome = uint8(slices.Index(outcomes, t.Outcome))
	if t.Err != nil || t.Tells() && !t.Ended {
		n.more = moreOf(t)
	}
}

func moreOf(t *engine.Trace) *more {
	m := &more{err: t.Err}
	if m.tells = t.Tells() && !t.Ended; m.tells {
		m.names = names{t.Told("direction"), t.Told("user"), t.Told("number"), t.Told("cause")}
	}
	return m
}

// tell makes s, which is empty, what the note tells. Calls began with rules then.
func (n *note) tell(s *step, rules *loaded) {
	s.message, s.seq, s.again, s.now = n.message, n.seq, n.traces > 0, n.at()
	s.outcome, s.rule, s.from, s.to = outcomes[n.outcome], n.rule, n.from, n.to
	s.actions, s.began, s.ended = n.actions, n.begins(), n.ended
	if n.message.Transport != ownTransport {
		s.input = input{n.seq - uint64(n.traces), n.batch, s.now, rules}
	}
	if n.more != nil {
		s.err = n.more.err
		if n.more.waited != nil {
			s.input = *n.more.waited
		}
	}
}

func (n *note) at() time.Time { return time.Unix(0, n.now) }

// begins says whether a call, or a connection, has begun by it.
func (n *note) begins() bool {
	return outcomes[n.outcome] == engine.Fired && n.from == "" && n.to != "" && (n.rule.New || n.rule.NewConnection)
}
