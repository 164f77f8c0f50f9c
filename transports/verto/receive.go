package verto

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/internal/link"
)

// receive takes in one message of the server.
func (s *socket) receive(ctx context.Context, a arrival) error {
	if a.err != nil {
		return s.readError(a.err)
	}
	s.heard, s.probed = time.Now(), time.Time{}
	data := text(a.data)
	f := readFrame(data)
	switch {
	case f.kind == request && !isOwnWord(f.method):
		return s.requested(ctx, f, data)
	case f.kind == response:
		return s.responded(ctx, f, data)
	}
	s.ignored(f, data)
	return nil
}

// ignored keeps what is no Verto out of the rules' sight. The tap gets it as a
// JSON string, so that a replay ignores it as well.
func (s *socket) ignored(f frame, data []byte) {
	if f.kind != request && json.Valid(data) {
		s.inbox.Record("in", s.name, data)
	} else {
		s.inbox.Record("in", s.name, quote(string(data)))
	}
	s.log.Debug("message ignored: neither a request nor a response", "bytes", len(data))
}

func (s *socket) readError(err error) error {
	if errors.Is(err, websocket.ErrReadLimit) {
		return fmt.Errorf("the server sent a message of more than %d bytes: raise max_message if it is a right one", s.cfg.MaxMessage)
	}
	return link.ReadError(err, "the server")
}

// requested takes in a request of the server and acknowledges it.
func (s *socket) requested(ctx context.Context, f frame, data []byte) error {
	s.pace.flushed()
	if isMechanics(f.method) {
		s.inbox.Record("in", s.name, data)
	} else {
		s.book.asked(s.account, f.method, f.key)
		s.inbox.Frame(ctx, s.name, data, func(at time.Time) engine.Message {
			return s.codec.message(at, f, data)
		})
	}
	if f.method == "verto.punt" {
		return errPunted
	}
	if err := s.acknowledge(f); err != nil {
		return err
	}
	if f.method == "verto.clientReady" && s.stage == loggedIn {
		s.clientReady(f)
	}
	return nil
}

func (s *socket) acknowledge(f frame) error {
	data := ackFrame(f.id, f.method)
	if f.id == "" || len(data) > maxRequest {
		return nil
	}
	s.pace.acknowledged(time.Now())
	return s.write(data)
}

// clientReady is the end of the login: the server has named the earlier calls
// that it still has.
func (s *socket) clientReady(f frame) {
	s.back = nil
	for _, key := range f.params.Get("reattached_sessions").Array() {
		s.back = append(s.back, key.String())
	}
	gone := s.book.reattached(s.account, s.back)
	s.reattached()
	s.gone(s.name, gone)
	if !s.taken {
		s.ready()
		return
	}
	s.stage, s.due = takingOver, time.Now().Add(s.times.takeover)
}

func (s *socket) ready() {
	s.stage, s.readyAt = inUse, time.Now()
	s.connected()
	s.log.Info("connected", "reattached", len(s.back))
	s.book.becameReady(s.account, func() {
		s.say(s.name, upWord(s.account.Login, s.back))
	})
}

// responded takes in a response of the server.
func (s *socket) responded(ctx context.Context, f frame, data []byte) error {
	r, ok := s.pending.take(f.id)
	if !ok {
		s.inbox.Record("in", s.name, data)
		s.log.Debug("response to no request under way", "id", f.id)
		return nil
	}
	s.book.answered(r.sentRequest, f.failed)
	if r.own || isMechanics(r.method) {
		s.inbox.Record("in", s.name, data)
		return s.answeredOwn(r, f, data)
	}
	s.inbox.Frame(ctx, s.name, data, func(at time.Time) engine.Message {
		m := s.codec.reply(at, r.sentRequest, f.failed, data)
		m.Call = r.call
		return m
	})
	return nil
}

// answeredOwn takes in the response to a request of the transport itself.
func (s *socket) answeredOwn(r *sentAction, f frame, data []byte) error {
	switch {
	case r.method == "verto.ping":
		s.log.Debug("server is alive", "took", time.Since(r.sent))
		s.book.alive(s.account)
	case r.method == "login" && f.failed:
		return refusedError{gjson.GetBytes(data, "error.code").Raw, gjson.GetBytes(data, "error.message").String()}
	case r.method == "login":
		s.stage, s.due = loggedIn, time.Now().Add(s.cfg.ReplyTimeout)
		s.book.opened(s.account)
	}
	return nil
}

// fail says that the server never answered r.
func (s *socket) fail(r *sentAction, problem string) {
	if r.own {
		return
	}
	body := failure(r.id, problem)
	m := s.codec.reply(time.Time{}, r.sentRequest, true, body)
	m.Call = r.call
	s.inbox.Words(s.name, m)
}

// text replaces what is no UTF-8 in a message: FreeSWITCH passes on whatever a
// SIP peer calls itself, and no JSON may hold that.
func text(data []byte) []byte {
	if utf8.Valid(data) {
		return data
	}
	return bytes.ToValidUTF8(data, []byte("\uFFFD"))
}
