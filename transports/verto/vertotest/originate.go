package vertotest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// OriginateOptions say what a call placed by the server looks like.
type OriginateOptions struct {
	CallerName   string
	CallerNumber string            // "0000000000" if empty
	Extension    string            // what the called talks to once it answered; "9208" if empty
	Phone        bool              // the caller is a phone of its own: its identity is shown once bridged
	Codecs       []string          // offered; opus, PCMU and VP8 if nil
	Variables    map[string]string // verto_svar_*: among the variables
	Headers      map[string]string // verto_h_*: beside the parties
	Timeout      time.Duration     // of ringing; a minute of the dialplan's time if 0
}

// Originate calls every socket of a user and returns when the call is over:
// the leg that was answered, or else the last that ended. Where the user has
// no socket the call's cause is USER_NOT_REGISTERED. When ctx ends before the
// call does, it is hung up, and the error is that of ctx.
func (s *Server) Originate(ctx context.Context, login string, o OriginateOptions) (Call, error) {
	legs := s.originate(login, &o)
	if len(legs) == 0 {
		return Call{Login: login, Outbound: true, State: Ended, Cause: UserNotRegistered, EndedBy: ServerSide}, nil
	}
	last := legs[len(legs)-1]
	l, err := s.firstAnswer(ctx, legs, o.Timeout)
	if l == nil {
		return last.Call(), ctx.Err()
	}
	if err == nil {
		s.mu.Lock()
		if o.Phone {
			l.display(l.callerName, l.callerNumber)
		}
		if l.state != Ended {
			l.goOn(l.destination, s.route(o.Extension))
		}
		s.mu.Unlock()
	}
	if err := s.await(ctx, func() bool { return l.state == Ended }); err != nil {
		s.hangupAll([]*Leg{l}, NormalClearing)
		return l.Call(), err
	}
	return l.Call(), nil
}

func (s *Server) originate(login string, o *OriginateOptions) []*Leg {
	if o.CallerNumber == "" {
		o.CallerNumber = "0000000000"
	}
	if o.Extension == "" {
		o.Extension = "9208"
	}
	if o.Timeout == 0 {
		o.Timeout = s.scaled(time.Minute)
	}
	codecs := o.Codecs
	if codecs == nil {
		codecs = []string{"opus", "PCMU", "VP8"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user, _, _ := strings.Cut(login, "@")
	i := invitation{
		callerName: o.CallerName, callerNumber: o.CallerNumber, calleeNumber: user,
		variables: sorted(o.Variables), headers: sorted(o.Headers),
	}
	for _, c := range s.offerable(codecs) {
		if c.is("VP8") {
			i.video = append(i.video, c)
		} else {
			i.audio = append(i.audio, c)
		}
	}
	legs := s.inviteAll(login, i)
	for _, l := range legs {
		l.turns = !o.Phone
	}
	return legs
}

func sorted(values map[string]string) object {
	var o object
	for _, name := range slices.Sorted(maps.Keys(values)) {
		o = o.with(name, values[name])
	}
	return o
}
