package vertotest

import (
	"context"
	"errors"
	"slices"
	"time"
)

// callUser rings every socket of the user whose number the last two digits
// name, and joins the caller with the one that answers first. With ringback
// the caller gets verto.media meanwhile.
func callUser(ringback bool, limit time.Duration) Extension {
	return func(ctx context.Context, a *Leg) error {
		s := a.srv
		called := s.ringUser(a)
		if len(called) == 0 {
			return UserNotRegistered
		}
		if ringback {
			if err := a.PreAnswer(ctx); err != nil {
				s.hangupAll(called, OriginatorCancel)
				return err
			}
		}
		b, err := s.firstAnswer(ctx, called, s.scaled(limit))
		switch {
		case errors.Is(err, NoAnswer):
			return NormalClearing // so says the capture: only the callee hears of NO_ANSWER
		case err != nil:
			return err
		}
		if err := a.Answer(ctx); err != nil {
			s.hangupAll(called, NormalClearing)
			return err
		}
		s.mu.Lock()
		a.calleeName, a.calleeNumber = b.calleeName, b.calleeNumber
		a.display(b.calleeName, b.calleeNumber)
		b.display(b.callerName, b.callerNumber)
		s.mu.Unlock()
		return a.join(ctx, b)
	}
}

// ringUser invites every socket of the user that a's number means.
func (s *Server) ringUser(a *Leg) []*Leg {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := "10" + a.destination[2:]
	i := invitation{callerName: a.callerName, callerNumber: a.callerNumber, calleeNumber: number}
	if account := s.accounts[a.login]; account != nil && account.CallerName != "" {
		i.callerName, i.callerNumber = account.CallerName, account.CallerNumber
	}
	i.audio, i.video = s.codecsOf(a.offer)
	return s.inviteAll(number+"@"+s.opts.Domain, i)
}

// codecsOf turns a caller's offer into the one for the called: FreeSWITCH
// offers only what the caller can. The caller holds s.mu.
func (s *Server) codecsOf(offer string) (audio, video []codec) {
	d, err := parseSDP(offer)
	if err != nil {
		return s.offerable([]string{"opus", "PCMU"}), nil
	}
	if section := d.section("audio"); section != nil {
		audio = s.offerable(names(section.codecs()))
	}
	if section := d.section("video"); section != nil {
		video = s.offerable(names(section.codecs()))
	}
	return audio, video
}

func names(codecs []codec) []string {
	list := make([]string, len(codecs))
	for i, c := range codecs {
		list[i] = c.name
	}
	return list
}

// offerable gives the server's own form of the codecs named, as far as it speaks them.
func (s *Server) offerable(wanted []string) []codec {
	var list []codec
	for _, name := range wanted {
		if c, known := ownCodecs[name]; known && slices.Contains(s.opts.Codecs, name) {
			list = append(list, c)
		}
	}
	return list
}

// firstAnswer waits for one of several ringing legs and hangs up the others.
// The error is the Cause for the caller, or that of ctx.
func (s *Server) firstAnswer(ctx context.Context, legs []*Leg, limit time.Duration) (*Leg, error) {
	ringing, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var winner *Leg
	cause := NormalClearing
	err := s.await(ringing, func() bool {
		left := 0
		for _, l := range legs {
			switch l.state {
			case Answered, Active:
				winner = l
				return true
			case Ended:
				cause = l.cause
			default:
				left++
			}
		}
		return left == 0
	})
	switch {
	case ctx.Err() != nil:
		s.hangupAll(legs, OriginatorCancel)
		return nil, ctx.Err()
	case err != nil:
		s.hangupAll(legs, NoAnswer)
		return nil, NoAnswer
	case winner == nil:
		return nil, cause
	}
	s.hangupAll(slices.DeleteFunc(slices.Clone(legs), func(l *Leg) bool { return l == winner }), LoseRace)
	return winner, nil
}

func (s *Server) hangupAll(legs []*Leg, cause Cause) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range legs {
		s.hangup(l, cause)
	}
}

// join lets two legs hear each other until one of them ends, which ends the
// other too, or one is taken away by a transfer.
func (l *Leg) join(ctx context.Context, other *Leg) error {
	s := l.srv
	s.mu.Lock()
	if other.state == Ended {
		s.mu.Unlock()
		return other.cause
	}
	l.partner, other.partner = other, l
	s.mu.Unlock()
	l.relay(other)
	other.relay(l)
	select {
	case <-ctx.Done():
	case <-other.ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.partner != other { // transferred: whoever has done it has the sound of both
		return ctx.Err()
	}
	l.part()
	if l.state == Ended {
		s.hangup(other, l.cause)
		return nil
	}
	if other.state == Ended {
		return other.cause
	}
	return ctx.Err()
}

// part ends what join has begun. The caller holds srv.mu.
func (l *Leg) part() {
	for _, side := range []*Leg{l, l.partner} {
		side.partner = nil
		if side.media != nil {
			side.media.listen(nil)
		}
	}
}

// bridgeWith joins the call with another.
func bridgeWith(other *Leg) Extension {
	return func(ctx context.Context, l *Leg) error { return l.join(ctx, other) }
}
