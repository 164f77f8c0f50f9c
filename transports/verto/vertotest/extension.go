package vertotest

import (
	"context"
	"errors"
	"strings"
	"time"
)

// An Extension is what the dialplan does with a call. It runs in a goroutine
// of its own; ctx ends with the call, or when the call is transferred away.
// When it returns, the call ends: by the [Cause] that the error is, else by
// NORMAL_CLEARING.
type Extension func(ctx context.Context, l *Leg) error

type route struct {
	pattern   string
	extension Extension
}

// Handle puts an extension behind a number. In the pattern an x stands for any
// digit. The extension added last wins.
func (s *Server) Handle(pattern string, e Extension) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes = append(s.routes, route{pattern, e})
}

// route finds the extension of a number. The caller holds s.mu.
func (s *Server) route(number string) Extension {
	for i := len(s.routes) - 1; i >= 0; i-- {
		if matches(s.routes[i].pattern, number) {
			return s.routes[i].extension
		}
	}
	return fail(NoRouteDestination)
}

func matches(pattern, number string) bool {
	if len(pattern) != len(number) {
		return false
	}
	for i := range len(pattern) {
		digit := '0' <= number[i] && number[i] <= '9'
		if pattern[i] != number[i] && !(pattern[i] == 'x' && digit) {
			return false
		}
	}
	return true
}

// execute runs an extension, and those that the call is transferred to, and
// then ends the call.
func (l *Leg) execute(e Extension) {
	s := l.srv
	for {
		ctx, cancel := context.WithCancel(l.ctx)
		s.mu.Lock()
		l.running, l.interrupt = true, cancel
		s.mu.Unlock()
		err := e(ctx, l)
		cancel()
		s.mu.Lock()
		e, l.next = l.next, nil
		if e == nil {
			l.running = false
			cause := NormalClearing
			errors.As(err, &cause)
			s.hangup(l, cause)
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// goOn takes the call out of the hands of whatever has it, into those of an
// extension. The caller holds srv.mu.
func (l *Leg) goOn(number string, e Extension) {
	l.destination = number
	if l.running {
		l.next = e
		l.interrupt()
		return
	}
	l.running = true
	l.srv.wg.Go(func() { l.execute(e) })
}

// addStandardExtensions makes the numbers of captures/README.md. Conferences
// are left out; of the SIP phones there is none, so none answers.
func (s *Server) addStandardExtensions() {
	for pattern, e := range map[string]Extension{
		"9196": echo,
		"9197": tone,
		"9198": earlyMedia,
		"9199": fail(UserBusy),
		"9200": ring,
		"9201": answerAndHangUp,
		"9202": collectDigits,
		"9203": showParties,
		"9204": fail(UnallocatedNumber),
		"9205": rejectLater,
		"9206": answerLater,
		"9207": neverAnswered,
		"9208": park,
		"9210": setVariables,
		"10xx": callUser(true, time.Minute),
		"11xx": callUser(false, 10*time.Second),
		"2xxx": fail(NormalTemporaryFailure),
	} {
		s.Handle(pattern, e)
	}
}

func fail(c Cause) Extension {
	return func(context.Context, *Leg) error { return c }
}

func park(ctx context.Context, _ *Leg) error {
	<-ctx.Done()
	return nil
}

func echo(ctx context.Context, l *Leg) error {
	if err := l.Answer(ctx); err != nil {
		return err
	}
	l.Echo(ctx)
	return nil
}

func tone(ctx context.Context, l *Leg) error {
	if err := l.Answer(ctx); err != nil {
		return err
	}
	l.Tone(ctx, 440)
	return nil
}

func earlyMedia(ctx context.Context, l *Leg) error {
	if err := l.earlyTone(ctx, 2*time.Second); err != nil {
		return err
	}
	return echo(ctx, l)
}

func neverAnswered(ctx context.Context, l *Leg) error {
	if err := l.earlyTone(ctx, 5*time.Second); err != nil {
		return err
	}
	return NoAnswer
}

// earlyTone plays 440 Hz before the answer.
func (l *Leg) earlyTone(ctx context.Context, d time.Duration) error {
	if err := l.PreAnswer(ctx); err != nil {
		return err
	}
	playing, cancel := context.WithTimeout(ctx, l.srv.scaled(d))
	defer cancel()
	l.Tone(playing, 440)
	return ctx.Err()
}

func ring(ctx context.Context, l *Leg) error {
	if err := l.Wait(ctx, time.Minute); err != nil {
		return err
	}
	return NoAnswer
}

func answerAndHangUp(ctx context.Context, l *Leg) error {
	if err := l.Answer(ctx); err != nil {
		return err
	}
	return l.Wait(ctx, 2*time.Second)
}

func collectDigits(ctx context.Context, l *Leg) error {
	if err := l.Answer(ctx); err != nil {
		return err
	}
	digits := l.Digits(ctx, 5*time.Second)
	l.Display("DTMF "+digits, digits)
	return l.Wait(ctx, 3*time.Second)
}

func showParties(ctx context.Context, l *Leg) error {
	if err := l.Answer(ctx); err != nil {
		return err
	}
	for _, party := range []string{"Alice Display 5551000", "Bob Display 5552000"} {
		if err := l.Wait(ctx, time.Second); err != nil {
			return err
		}
		i := strings.LastIndexByte(party, ' ')
		l.Display(party[:i], party[i+1:])
	}
	return park(ctx, l)
}

func rejectLater(ctx context.Context, l *Leg) error {
	if err := l.Wait(ctx, time.Second); err != nil {
		return err
	}
	return CallRejected
}

func answerLater(ctx context.Context, l *Leg) error {
	if err := l.Wait(ctx, 5*time.Second); err != nil {
		return err
	}
	return echo(ctx, l)
}

func setVariables(ctx context.Context, l *Leg) error {
	l.SetVariable("verto_svar_hello", "world")
	return echo(ctx, l)
}
