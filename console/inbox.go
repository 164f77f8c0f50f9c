package console

import (
	"sync"
	"time"

	"vertigo/engine"
)

// What an inbox takes before it is filed. One sheet is filled while another waits
// to be filed, so that twice that may be there, beside the messages that came last.
const (
	sheetSize  = 256
	sheetBytes = 1 << 20 // of messages and actions
)

// An inbox takes what the engine tells as it stands, so that the engine goes on at
// once. Whoever holds the recorder's mutex files it, in the order in which it came.
// The zero value is empty.
type inbox struct {
	mu     sync.Mutex
	filled *sheet // and not filed yet; nil: none is
	open   *sheet // being filled; nil: nothing came since
	spare  *sheet // empty ones; nil: there is none
	paged  bool   // a page is open: what comes is filed at once

	last   *engine.Message // of the engine's goroutine
	lastAt time.Time
}

// A sheet is what came in a row.
type sheet struct {
	list  [sheetSize]notice
	n     int
	bytes int
	next  *sheet // another spare one
}

// A notice is a trace with what it holds for the time of the observer's call alone.
type notice struct {
	trace   engine.Trace // without its message
	message engine.Message
	again   bool  // it is about the message of the trace before, which is not repeated
	named   bool  // a rule that acted may have set what follows
	names   names // of the call
}

// names are what people know a call by, and why it ended.
type names struct{ direction, user, number, cause string }

func namesOf(tell func(name string) string) names {
	return names{tell("direction"), tell("user"), tell("number"), tell("cause")}
}

// due says when what has come has to be filed.
type due int

const (
	anyTime due = iota
	soon        // but the engine need not wait for it
	atOnce
)

// put takes a trace. The engine's goroutine alone calls it.
func (b *inbox) put(t *engine.Trace) due {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = b.empty()
	}
	s := b.open
	one := &s.list[s.n]
	s.n++
	s.bytes += one.take(t, t.Message == b.last && t.Now.Equal(b.lastAt))
	b.last, b.lastAt = t.Message, t.Now
	full := s.n == sheetSize || s.bytes > sheetBytes
	switch {
	case b.paged || full && b.filled != nil || t.Message.Type == engine.TransportUp || t.Message.Type == engine.TransportDown:
		return atOnce
	case full:
		b.filled, b.open = s, nil
		return soon
	}
	return anyTime
}

// take fills in what there is no record of yet, and returns how long it is.
func (o *notice) take(t *engine.Trace, again bool) (bytes int) {
	o.trace, o.again = *t, again
	o.trace.Message = nil
	if !again {
		o.message = *t.Message
		bytes = len(t.Message.Body)
	}
	for i := range t.Actions {
		bytes += len(t.Actions[i].Body)
	}
	if t.Outcome == engine.Fired && len(t.Rule.Set) > 0 && !t.Ended {
		o.named, o.names = true, namesOf(t.Told)
	}
	return bytes
}

// take gives the sheet that is filled, and the open one if all is wanted, until
// they are given back; nil where there is none. The first one came first.
func (b *inbox) take(all bool) (sheets [2]*sheet) {
	b.mu.Lock()
	defer b.mu.Unlock()
	sheets[0], b.filled = b.filled, nil
	if all && b.open != nil && b.open.n > 0 {
		sheets[1], b.open = b.open, nil
	}
	return sheets
}

// giveBack takes a sheet that was filed, and empties it, to be filled once more.
func (b *inbox) giveBack(s *sheet) {
	clear(s.list[:s.n])
	s.n, s.bytes = 0, 0
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spare, s.next = s, b.spare
}

// empty gives a sheet to fill. The caller holds mu.
func (b *inbox) empty() *sheet {
	s := b.spare
	if s == nil {
		return new(sheet)
	}
	b.spare, s.next = s.next, nil
	return s
}

// setPaged says whether a page is open.
func (b *inbox) setPaged(open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paged = open
}
