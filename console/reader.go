package console

import "vertigo/engine"

// backlog is how many steps a page may be behind.
const backlog = 512

// A reader is one open page. It is told where things changed, and puts them into
// words itself. All but wake belongs to who holds the recorder's mutex.
type reader struct {
	call       engine.CallID // whose steps it is told; "": nobody's
	changed    map[*record]struct{}
	steps      []*step
	rules      bool // they were loaded anew, or were to be
	transports bool // some are up or down now
	behind     bool // too far: it has to ask anew
	wake       chan struct{}
}

// mostPages is how many pages may be open.
const mostPages = 64

// join has a page told what happens from now on, until leave is called; nil if too
// many are open.
func (r *Recorder) join(call engine.CallID) (one *reader, leave func()) {
	one = &reader{call: call, changed: map[*record]struct{}{}, wake: make(chan struct{}, 1)}
	r.lock()
	defer r.mu.Unlock()
	if len(r.readers) == mostPages {
		return nil, nil
	}
	r.readers[one] = struct{}{}
	r.watched.Store(true)
	return one, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.readers, one)
		r.watched.Store(len(r.readers) > 0)
	}
}

// tell notes that a call has changed by its last step.
func (o *reader) tell(c *record) {
	o.changed[c] = struct{}{}
	if c.id != o.call || o.behind {
		return
	}
	if len(o.steps) >= backlog {
		o.behind, o.steps = true, nil
	} else {
		o.steps = append(o.steps, &c.steps[len(c.steps)-1])
	}
}

// poke wakes the page's goroutine, without waiting for it.
func (o *reader) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// news is what a page has not been told yet.
type news struct {
	steps      []*step
	calls      []Call
	rules      *reloadNews
	transports []TransportState
	behind     bool
}

// reloadNews is the event "rules".
type reloadNews struct {
	Used     bool   `json:"used"`
	Findings string `json:"findings"` // as check prints them
}

// mostChanged is how many calls one event tells of.
const mostChanged = 500

// take gives what is new to a page, of calls only if that is asked for.
func (r *Recorder) take(o *reader, calls bool) news {
	r.lock()
	defer r.mu.Unlock()
	n := news{steps: o.steps, behind: o.behind}
	o.steps = nil
	if o.rules {
		n.rules = &reloadNews{Used: !r.refused, Findings: formatted(r.findings)}
	}
	if o.transports {
		n.transports = r.transportStates()
	}
	o.rules, o.transports = false, false
	if !calls {
		return n
	}
	for c := range o.changed {
		if len(n.calls) == mostChanged {
			break // the rest comes the next time
		}
		delete(o.changed, c)
		if !c.forgotten {
			n.calls = append(n.calls, c.view())
		}
	}
	return n
}
