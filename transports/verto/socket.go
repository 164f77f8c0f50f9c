package verto

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/gorilla/websocket"

	"vertigo/engine"
	"vertigo/internal/link"
)

// A socket is one connection of an account, from its login to its end. One
// goroutine owns it; another one does nothing but read.
type socket struct {
	*keeper
	conn *websocket.Conn
	name string // of the connection in a capture: A, and A2 after a reconnect
	log  *slog.Logger

	stage   stage
	due     time.Time // when the stage must have ended
	readyAt time.Time // zero until it was ready
	taken   bool      // the sessid was in use before
	back    []string  // calls that the server gave back

	pending pending
	pace    pacer
	heard   time.Time // when the server last said anything
	probed  time.Time // when the probe under way was sent; zero if none is
}

// A stage of a socket's life. Calls that are on the account go on from
// loggedIn; new calls wait for the last one.
type stage int

const (
	loggingIn  stage = iota // until the login result
	loggedIn                // until verto.clientReady
	takingOver              // until the thread of the session's old socket is surely gone
	inUse
)

func newSocket(k *keeper, conn *websocket.Conn) *socket {
	k.sockets++
	name := link.ConnName(k.account.index, k.sockets)
	return &socket{
		keeper: k, conn: conn, name: name, log: k.log.With("conn", name),
		pending: newPending(), pace: pacer{gap: k.cfg.Pace}, heard: time.Now(),
	}
}

// arrival is what the reader has for the socket's goroutine.
type arrival struct {
	data []byte
	err  error
}

// run logs in and serves until the socket ends or ctx is done; then it lets
// what is queued go out first.
func (s *socket) run(ctx context.Context) error {
	arrivals, stop := s.read()
	defer stop()
	if err := s.login(); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := s.tick(time.Now()); err != nil {
			return err
		}
		timer.Reset(time.Until(s.nextTick(time.Now())))
		select {
		case <-ctx.Done():
			s.goodbye(ctx, arrivals)
			return ctx.Err()
		case a := <-arrivals:
			if err := s.receive(ctx, a); err != nil {
				return err
			}
		case <-s.account.wake:
		case <-timer.C:
		}
	}
}

// read starts the reader. stop closes the connection and waits for it.
func (s *socket) read() (arrivals <-chan arrival, stop func()) {
	ch := make(chan arrival)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			_, data, err := s.conn.ReadMessage()
			select {
			case ch <- arrival{data, err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return ch, func() {
		close(done)
		_ = s.conn.Close()
		<-ended
	}
}

func (s *socket) login() error {
	session := s.sessions.bind(s.account.Login)
	s.taken = session.used
	params, err := json.Marshal(map[string]string{
		"login": s.account.Login, "passwd": s.account.Password, "sessid": session.sessid,
	})
	if err != nil {
		return err
	}
	s.due = time.Now().Add(s.cfg.ReplyTimeout)
	return s.ask(engine.Action{Type: "login", Body: params}, true)
}

// tick does all that is due.
func (s *socket) tick(now time.Time) error {
	if s.stage != inUse && !now.Before(s.due) {
		if err := s.stageOver(); err != nil {
			return err
		}
	}
	if s.stage == loggingIn {
		return nil
	}
	for r, ok := s.pending.oldest(); ok && !now.Before(s.dueOf(r)); r, ok = s.pending.oldest() {
		s.pending.take(r.id)
		if err := s.expire(r, now); err != nil {
			return err
		}
	}
	if err := s.probe(now); err != nil {
		return err
	}
	return s.flush(now)
}

// stageOver ends a stage whose time is over.
func (s *socket) stageOver() error {
	switch s.stage {
	case loggingIn:
		return fmt.Errorf("the server did not answer the login within %s", s.cfg.ReplyTimeout)
	case loggedIn:
		return fmt.Errorf("the server sent no verto.clientReady within %s: does its profile check logins (userauth)?", s.cfg.ReplyTimeout)
	case takingOver:
		s.ready()
	}
	return nil
}

// dueOf is when r must have been answered.
func (s *socket) dueOf(r *sentAction) time.Time {
	return r.sent.Add(s.cfg.ReplyTimeout)
}

// nextTick is when something is due again.
func (s *socket) nextTick(now time.Time) time.Time {
	next := s.heard.Add(s.times.idle)
	if !s.probed.IsZero() {
		next = s.probed.Add(s.cfg.ReplyTimeout)
	}
	if s.stage != inUse {
		next = earlier(next, s.due)
	}
	if r, ok := s.pending.oldest(); ok {
		next = earlier(next, s.dueOf(r))
	}
	if s.stage != loggingIn && s.book.waiting(s.account) {
		next = earlier(next, s.pace.next(now))
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// probe asks a silent server whether it is there. mod_verto answers no
// WebSocket ping, so the method verto.ping it is.
func (s *socket) probe(now time.Time) error {
	if !s.probed.IsZero() {
		if now.Sub(s.probed) >= s.cfg.ReplyTimeout {
			return fmt.Errorf("the server is silent: no reply to verto.ping within %s", s.cfg.ReplyTimeout)
		}
		return nil
	}
	if now.Sub(s.heard) < s.times.idle {
		return nil
	}
	return s.ping(now)
}

func (s *socket) ping(now time.Time) error {
	s.probed = now
	return s.ask(engine.Action{Type: "verto.ping"}, true)
}

// expire gives up waiting for a response, and makes sure that the server is
// there at all.
func (s *socket) expire(r *sentAction, now time.Time) error {
	s.book.unanswered(r.sentRequest)
	s.fail(r, fmt.Sprintf("no reply within %s", s.cfg.ReplyTimeout))
	if r.method == "verto.ping" || !s.probed.IsZero() {
		return nil
	}
	return s.ping(now)
}
