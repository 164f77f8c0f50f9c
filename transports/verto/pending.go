package verto

import (
	"time"

	"vertigo/engine"
)

// A sentAction is a request of one socket that waits for its response.
type sentAction struct {
	id   string
	call engine.CallID
	own  bool // asked by the transport itself: no rule hears what comes of it
	sent time.Time
	sentRequest
}

// A pending holds the requests of one socket that have no response yet.
type pending struct {
	byID  map[string]*sentAction
	order []*sentAction // by time; some may be gone from byID
}

func newPending() pending {
	return pending{byID: make(map[string]*sentAction)}
}

// add takes in the newest request.
func (p *pending) add(r *sentAction) {
	p.byID[r.id] = r
	p.order = append(p.order, r)
}

// take gives the request that a response belongs to, and forgets it.
func (p *pending) take(id string) (*sentAction, bool) {
	r, ok := p.byID[id]
	delete(p.byID, id)
	return r, ok
}

// oldest gives the request that has waited longest.
func (p *pending) oldest() (*sentAction, bool) {
	for len(p.order) > 0 {
		if r := p.order[0]; p.byID[r.id] == r {
			return r, true
		}
		p.order[0] = nil
		p.order = p.order[1:]
	}
	return nil, false
}

// takeAll gives all requests, oldest first, and forgets them.
func (p *pending) takeAll() []*sentAction {
	var all []*sentAction
	for r, ok := p.oldest(); ok; r, ok = p.oldest() {
		all = append(all, r)
		p.take(r.id)
	}
	return all
}
