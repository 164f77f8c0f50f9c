package matrix

import (
	"context"
	"errors"
	"time"
)

// A health tells how the connection to the homeserver fares, each time that it
// changes.
type health struct {
	*Client
	failures int    // in a row
	logged   string // the last failure that was logged
}

// works notes a success. true means that the transport is up from now on.
func (h *health) works() bool {
	h.failures = 0
	if h.up.Swap(true) {
		return false
	}
	h.logged = ""
	h.log.Info("connected to the homeserver", "homeserver", h.cfg.Homeserver, "user", h.cfg.User)
	return true
}

// failed reports a failure and says how long to wait. A connection that was up
// is tried again at once; if that fails too, the transport is down.
func (h *health) failed(ctx context.Context, err error) time.Duration {
	h.failures++
	f := failureOf(err)
	if f.refusesLogin() {
		h.session.end()
	}
	if h.up.Load() {
		if h.failures == 1 && f.after == 0 {
			h.log.Debug("request failed, trying again", "err", f)
			return 0
		}
		h.up.Store(false)
		h.inbox.deliver(ctx, [][]byte{downWord()})
	}
	what, pause := "homeserver cannot be reached", h.times.retry.pause(h.failures)
	var refused refusedLogin
	switch {
	case errors.As(err, &refused):
		what, pause = "login refused", h.times.refused.pause(h.failures)
	case f.status != 0:
		what = "homeserver answers with an error"
	}
	pause = max(pause, f.after)
	if text := what + f.Error(); text != h.logged {
		h.logged = text
		h.log.Warn(what, "homeserver", h.cfg.Homeserver, "user", h.cfg.User, "err", f, "retry_in", pause.Round(time.Millisecond))
	} else {
		h.log.Debug(what, "err", f, "retry_in", pause.Round(time.Millisecond))
	}
	return pause
}
