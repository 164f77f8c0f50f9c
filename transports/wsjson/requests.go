package wsjson

import (
	"time"

	"vertigo/engine"
)

// What one peer can make a transport remember.
const (
	mostUnanswered = 4096 // messages that wait for an answer; beyond it none is sent
	mostAnswered   = 4096 // messages that were answered, or given up; beyond it the oldest is forgotten
)

// A request is a message that was sent and that answers name by its id.
type request struct {
	id   string
	typ  string
	key  string
	call engine.CallID
	sent time.Time
}

// requests are what was sent to one peer. A request is remembered when it has
// been answered, or given up: some peers repeat its id in all that they say about
// its call, and some answer late.
type requests struct {
	byID       map[string]*request
	unanswered map[*request]bool
	order      []*request // unanswered ones, oldest first; some are answered
	answered   []*request // and those given up, oldest first
}

func newRequests() *requests {
	return &requests{byID: map[string]*request{}, unanswered: map[*request]bool{}}
}

// add notes the newest request.
func (r *requests) add(one *request) {
	if before := r.byID[one.id]; before != nil {
		delete(r.unanswered, before)
	}
	r.byID[one.id] = one
	r.unanswered[one] = true
	r.order = append(r.order, one)
}

// find gives the request of that id, which counts as answered from now on.
func (r *requests) find(id string) *request {
	one := r.byID[id]
	if one != nil && r.unanswered[one] {
		r.settle(one)
	}
	return one
}

// settle notes that no answer is awaited any more.
func (r *requests) settle(one *request) {
	delete(r.unanswered, one)
	r.answered = append(r.answered, one)
	if len(r.answered) > mostAnswered {
		r.forget(r.answered[0])
		r.answered[0] = nil
		r.answered = r.answered[1:]
	}
}

func (r *requests) forget(one *request) {
	delete(r.unanswered, one)
	if r.byID[one.id] == one {
		delete(r.byID, one.id)
	}
}

// oldest gives the request that has waited longest for an answer; nil for none.
func (r *requests) oldest() *request {
	for len(r.order) > 0 {
		if r.unanswered[r.order[0]] {
			return r.order[0]
		}
		r.order[0] = nil
		r.order = r.order[1:]
	}
	r.order = nil
	return nil
}
