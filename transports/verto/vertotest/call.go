package vertotest

import (
	"context"
	"fmt"
	"time"
)

// A State is how far a call has come.
type State string

const (
	Ringing  State = "ringing"  // not answered, no media
	Early    State = "early"    // verto.media was sent
	Answered State = "answered" // verto.answer was sent or came; media is not up yet
	Active   State = "active"   // answered and media is up: only now FreeSWITCH takes it for answered
	Detached State = "detached" // its socket is gone, or its verto.attach is unanswered: it is mute
	Ended    State = "ended"
)

// A Side says who ended a call.
type Side string

const (
	ClientSide Side = "client" // a verto.bye of some client
	ServerSide Side = "server"
)

// A Call is what is known of one leg, at one moment.
type Call struct {
	ID           string // the callID
	Login        string // whose call it is
	Sessid       string
	Outbound     bool // the server called the client
	Destination  string
	CallerName   string
	CallerNumber string
	State        State
	Held         bool
	Cause        Cause  // once ended
	EndedBy      Side   // once ended
	DTMF         string // every digit so far, by RTP or verto.info
	Codec        string // of the audio, "" before it is agreed
	PacketsIn    int    // RTP packets from the client that were decrypted
	PacketsOut   int    // RTP packets sent to it
	Dropped      int    // RTP packets that came and were not for the call as it is: mute, or with other keys
	Began        time.Time
}

// Calls gives every call since the server started, in the order in which they
// began, ended ones included.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Call, len(s.history))
	for i, l := range s.history {
		list[i] = l.snapshot()
	}
	return list
}

// WaitCall returns the first call for which want is true, as soon as there is
// one. want is asked at every change of any call, packets counted included; it
// must not call the server. The error is that of ctx, with what calls there were.
func (s *Server) WaitCall(ctx context.Context, want func(Call) bool) (Call, error) {
	var found Call
	err := s.await(ctx, func() bool {
		for _, l := range s.history {
			if c := l.snapshot(); want(c) {
				found = c
				return true
			}
		}
		return false
	})
	if err != nil {
		return Call{}, fmt.Errorf("no such call among %+v: %w", s.Calls(), err)
	}
	return found, nil
}

// await returns once condition holds, which it asks with s.mu held at every
// change of a call; or else the error of ctx.
func (s *Server) await(ctx context.Context, condition func() bool) error {
	for {
		s.mu.Lock()
		if condition() {
			s.mu.Unlock()
			return nil
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notify wakes those who wait for a call. The caller holds s.mu.
func (s *Server) notify() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Hangup ends a call as an operator would, with a verto.bye; false if there
// is no such call.
func (s *Server) Hangup(callID string, cause Cause) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.legs[callID]
	if ok {
		s.hangup(l, cause)
	}
	return ok
}

// Display tells a call's client of a new far party; false if there is no such call.
func (s *Server) Display(callID, name, number string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.legs[callID]
	if ok {
		l.display(name, number)
	}
	return ok
}

// ForgetCalls ends every call without a word to its client, as a FreeSWITCH
// that was restarted without call recovery.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.history {
		s.end(l, NormalTemporaryFailure, ServerSide)
	}
}

// end ends a leg without a word to its client; once only. The caller holds s.mu.
func (s *Server) end(l *Leg, cause Cause, by Side) {
	if l.state == Ended {
		return
	}
	l.state, l.cause, l.endedBy = Ended, cause, by
	delete(s.legs, l.id)
	l.stopDetachTimer()
	if l.media != nil {
		l.media.close()
	}
	l.stop()
	s.log.Debug("call ended", "call_id", l.callID, "cause", cause.String(), "by", by)
	s.notify()
}

// hangup ends a leg and tells its client. The caller holds s.mu.
func (s *Server) hangup(l *Leg, cause Cause) {
	if l.state == Ended {
		return
	}
	s.end(l, cause, ServerSide)
	s.enqueue(s.sessions[l.sessid], "verto.bye", object{
		{"callID", l.callID}, {"causeCode", int(cause)}, {"cause", cause.String()},
	})
}
