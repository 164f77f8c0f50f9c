package matrixtest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Transaction is events on their way to an application service (Application
// Service API, "Pushing events").
type Transaction struct {
	Service string // id of the registration
	ID      string
	Events  []json.RawMessage
	Delay   time.Duration // passes before it is sent
}

// maxTransaction is how many events one has, as with Synapse.
const maxTransaction = 100

// Divert lets f say what is sent in the place of each transaction: itself,
// nothing if it is to be lost, itself twice, others before it, one that f kept
// back. Each is then sent until the application service takes it. nil ends that.
//
// f runs on a goroutine of the server, one transaction of a service at a time.
func (s *Server) Divert(f func(Transaction) []Transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.divert = f
}

// push sends an application service what it wants, one transaction at a time,
// in order, until the server closes.
func (s *Server) push(v *service) {
	for {
		events, err := s.next(v)
		if err != nil {
			return
		}
		s.queryUsers(s.ctx, v, events)
		for _, t := range s.transactions(v, events) {
			if t.Delay > 0 && !pause(s.ctx, t.Delay) || !s.deliver(v, t) {
				return
			}
		}
	}
}

// next waits for events and takes them off the queue.
func (s *Server) next(v *service) ([]*event, error) {
	for {
		s.mu.Lock()
		n := min(len(v.queue), maxTransaction)
		events, changed, up := v.queue[:n:n], s.changed, s.up.Err() == nil
		if up && n > 0 {
			v.queue = v.queue[n:]
			s.mu.Unlock()
			return events, nil
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-s.ctx.Done():
			return nil, s.ctx.Err()
		}
	}
}

func (s *Server) transactions(v *service, events []*event) []Transaction {
	v.last++
	t := Transaction{Service: v.ID, ID: strconv.Itoa(v.last)}
	for _, e := range events {
		t.Events = append(t.Events, encode(e.full(nil)))
	}
	s.mu.Lock()
	divert := s.divert
	s.mu.Unlock()
	if divert == nil {
		return []Transaction{t}
	}
	return divert(t)
}

// deliver sends a transaction until it is taken; false: the server closes.
func (s *Server) deliver(v *service, t Transaction) bool {
	body := encode(map[string]any{"events": t.Events})
	for wait := s.opts.Timing.Retry; ; wait = min(2*wait, s.opts.Timing.MaxRetry) {
		up := s.awaitUp()
		if up == nil {
			return false
		}
		_, err := s.ask(up, v, http.MethodPut, "/transactions/"+url.PathEscape(t.ID), nil, body)
		if err == nil {
			return true
		}
		s.log.Warn("an application service does not take a transaction", "service", v.ID, "txn_id", t.ID, "err", err, "retry_in", wait)
		if !pause(s.ctx, wait) {
			return false
		}
	}
}

// awaitUp gives the context of while the server can be reached; nil: it closes.
func (s *Server) awaitUp() context.Context {
	for {
		s.mu.Lock()
		up, changed := s.up, s.changed
		s.mu.Unlock()
		if up.Err() == nil {
			return up
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return nil
		}
	}
}
