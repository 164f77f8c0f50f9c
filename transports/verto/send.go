package verto

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"vertigo/engine"
	"vertigo/internal/link"
)

// flush sends as much of the queue as the pace allows.
func (s *socket) flush(now time.Time) error {
	for !s.pace.next(now).After(now) {
		q, ok := s.book.pop(s.account)
		if !ok {
			return nil
		}
		if err := s.ask(q.Action, q.own); err != nil {
			return err
		}
	}
	return nil
}

// flushAll sends the whole queue: no event is awaited any more.
func (s *socket) flushAll() error {
	for {
		q, ok := s.book.pop(s.account)
		if !ok {
			return nil
		}
		if err := s.ask(q.Action, q.own); err != nil {
			return err
		}
	}
}

// ask sends one request and notes that a response is due.
func (s *socket) ask(a engine.Action, own bool) error {
	id := s.codec.nextID()
	data := requestFrame(a.Type, a.Body, id)
	if len(data) > maxRequest {
		s.book.unsent(a)
		if !own {
			s.refuse(a, fmt.Sprintf("the message has %d bytes, the server takes %d at most", len(data), maxRequest))
		}
		return nil
	}
	now := time.Now()
	s.pending.add(&sentAction{
		id: strconv.FormatUint(id, 10), call: a.Call, own: own, sent: now,
		sentRequest: sentRequest{a.Type, a.Key},
	})
	s.pace.sent(now)
	return s.write(data)
}

func (s *socket) write(data []byte) error {
	s.inbox.Record("out", s.name, data)
	err := s.conn.SetWriteDeadline(time.Now().Add(s.times.write))
	if err == nil {
		err = s.conn.WriteMessage(websocket.TextMessage, data)
	}
	if err != nil {
		return fmt.Errorf("sending: %w", link.WithoutAddresses(err))
	}
	return nil
}

// goodbye lets what is queued go out, unpaced, waits for the responses, and
// closes, all within a short time.
func (s *socket) goodbye(ctx context.Context, arrivals <-chan arrival) {
	timeout := time.After(s.times.drain)
	for s.stage != loggingIn {
		if s.flushAll() != nil {
			return
		}
		_, waiting := s.pending.oldest()
		if !waiting && !s.book.waiting(s.account) {
			break
		}
		select {
		case a := <-arrivals:
			if s.receive(ctx, a) != nil {
				return
			}
			continue
		case <-s.account.wake:
			continue
		case <-timeout:
			s.log.Warn("the server did not answer the last requests in time")
		}
		break
	}
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = s.conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(s.times.write))
}
