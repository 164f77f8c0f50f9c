package matrix

import (
	"context"
	"errors"
	"time"
)

// A link tells how the connection to the homeserver fares, each time that it
// changes.
type link struct {
	*Client
	failures int    // in a row
	logged   string // the last failure that was logged
}

// works notes a success. true means that the transport is up from now on.
func (l *link) works() bool {
	l.failures = 0
	if l.up.Swap(true) {
		return false
	}
	l.logged = ""
	l.log.Info("connected to the homeserver", "homeserver", l.cfg.Homeserver, "user", l.cfg.User)
	return true
}

// failed reports a failure and says how long to wait. A connection that was up
// is tried again at once; if that fails too, the transport is down.
func (l *link) failed(ctx context.Context, err error) time.Duration {
	l.failures++
	f := failureOf(err)
	if f.refusesLogin() {
		l.session.end()
	}
	if l.up.Load() {
		if l.failures == 1 && f.after == 0 {
			l.log.Debug("request failed, trying again", "err", f)
			return 0
		}
		l.up.Store(false)
		l.inbox.deliver(ctx, [][]byte{downWord()})
	}
	what, pause := "homeserver cannot be reached", l.times.retry.pause(l.failures)
	var refused refusedLogin
	switch {
	case errors.As(err, &refused):
		what, pause = "login refused", l.times.refused.pause(l.failures)
	case f.status != 0:
		what = "homeserver answers with an error"
	}
	pause = max(pause, f.after)
	if text := what + f.Error(); text != l.logged {
		l.logged = text
		l.log.Warn(what, "homeserver", l.cfg.Homeserver, "user", l.cfg.User, "err", f, "retry_in", pause.Round(time.Millisecond))
	} else {
		l.log.Debug(what, "err", f, "retry_in", pause.Round(time.Millisecond))
	}
	return pause
}
