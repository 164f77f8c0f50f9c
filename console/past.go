package console

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"vertigo/engine"
)

// A given is a message that the engine was given, and the call that it came to
// belong to.
type given struct {
	engine.Given
	message engine.Message
	call    engine.CallID
	n       int // of its step in that call
}

// A past is what is still kept of what the engine was given.
type past struct {
	list    []given   // in the order in which the engine was given it
	calls   int       // that it is of
	begun   time.Time // when the first of these calls began
	missing time.Time // when the last of what is not in it happened; zero: nothing is missing
	lives   []life    // of all calls that are kept
	limits  []*engine.Limit
}

// A life is when a call lasted.
type life struct{ begun, ended time.Time }

// past gives the messages that are still kept of the newest calls, of so many, and
// of all connections, and beside them those of no call.
func (r *Recorder) past(most int) (p past) {
	byNth := map[uint64]given{}
	note := func(call engine.CallID, steps []step) {
		for i := range steps {
			s := &steps[i]
			if _, known := byNth[s.given.Nth]; s.given.Nth != 0 && !known {
				byNth[s.given.Nth] = given{s.given, *s.message, call, s.n}
			}
		}
	}
	type told struct {
		id    engine.CallID
		steps []step
	}
	var kept []told
	r.each(func(c *record) {
		ended := c.ended
		if ended.IsZero() {
			ended = time.Unix(0, r.now)
		}
		switch {
		case c.connection:
			if c.dropped > 0 { // all calls since then may lack it
				p.lacks(ended)
			}
		case p.calls == most:
			p.lacks(ended)
			return
		default:
			p.calls++
			p.begun = c.begun
			p.lives = append(p.lives, life{c.begun, ended})
		}
		kept = append(kept, told{c.id, slices.Clip(c.steps)})
	})
	r.lock()
	loose := r.looseSteps()
	p.lacks(r.lostAt)
	p.limits = r.rules.Ruleset.Limits
	r.mu.Unlock()
	for _, c := range slices.Backward(kept) { // a message of several calls is that of the first
		note(c.id, c.steps)
	}
	note("", loose)
	for _, g := range byNth {
		p.list = append(p.list, g)
	}
	slices.SortFunc(p.list, func(a, b given) int { return cmp.Compare(a.Nth, b.Nth) })
	return p
}

// lacks notes when something happened that is not in the past.
func (p *past) lacks(at time.Time) {
	if at.After(p.missing) {
		p.missing = at
	}
}

// whole says that nothing is missing which a call that began at a time could have
// met: nothing since the calls began that were under way then, and nothing that a
// limit still counted.
func (p *past) whole(at time.Time) bool {
	since := at
	for _, l := range p.lives {
		if l.begun.Before(since) && !l.ended.Before(at) {
			since = l.begun
		}
	}
	counted := time.Duration(0)
	for _, l := range p.limits {
		counted = max(counted, l.Per)
	}
	return p.missing.IsZero() || p.missing.Before(since.Add(-counted))
}

// place is what the message is called where nobody knows its call.
func (g *given) place() string {
	if g.call == "" {
		return fmt.Sprintf("message %d of no call", g.Nth)
	}
	return fmt.Sprintf("step %d%s", g.n, ofCall(g.call))
}

func ofCall(id engine.CallID) string { return " of call " + string(id) }

// A batch is messages that came together.
type batch struct {
	engine.Given // of the first
	list         []given
	messages     []engine.Message
}

// batches puts together what came together.
func batches(list []given) []batch {
	var all []batch
	for _, g := range list {
		if n := len(all); n == 0 || all[n-1].Step != g.Step {
			all = append(all, batch{Given: g.Given})
		}
		b := &all[len(all)-1]
		b.list, b.messages = append(b.list, g), append(b.messages, g.message)
	}
	return all
}
