package verto

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vertigo/engine"
	"vertigo/internal/link"
)

// A keeper keeps one account connected: socket after socket, each under the
// same sessid. Only its own goroutine uses it, save for the timer of giveUp.
type keeper struct {
	*Client
	account *account
	log     *slog.Logger

	retry   link.Backoff // of a server that cannot be reached, or drops us
	refused link.Backoff // of a login that it refuses
	detach  *time.Timer
	last    link.Complaint
	sockets int // that it has opened
}

func newKeeper(c *Client, a *account) *keeper {
	return &keeper{
		Client: c, account: a,
		log:     c.log.With("url", c.cfg.URL, "login", a.Login),
		retry:   link.Backoff{Span: c.times.retry},
		refused: link.Backoff{Span: c.times.refused},
	}
}

// A refusedError is the server's no to a login, in its own words.
type refusedError struct {
	code  string
	words string
}

func (e refusedError) Error() string {
	return fmt.Sprintf("login refused: %s (%s)", e.words, e.code)
}

// sessionInUse is what the server says of a sessid that another user holds.
const sessionInUse = "Session in use"

// errPunted is the end of a socket whose session another one took over.
var errPunted = errors.New("session taken over")

// run connects again and again until ctx is done.
func (k *keeper) run(ctx context.Context) {
	defer k.reattached()
	for {
		wasReady, err := k.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(k.after(wasReady, err)):
		}
	}
}

// connect lives through one socket. It says whether that was ever ready, and
// what ended it.
func (k *keeper) connect(ctx context.Context) (wasReady bool, err error) {
	conn, err := k.dial(ctx)
	if err != nil {
		return false, err
	}
	s := newSocket(k, conn)
	err = s.run(ctx)
	wasReady = s.stage == inUse
	if wasReady {
		k.retry.Lasted(time.Since(s.readyAt))
	}
	k.lost(ctx, s)
	return wasReady, err
}

// after says how long to rest after a socket that ended with err, and logs
// what the operator has to know.
func (k *keeper) after(wasReady bool, err error) time.Duration {
	var no refusedError
	switch {
	case errors.Is(err, errPunted):
		k.log.Error("another instance has logged in with the session of this login: does Vertigo run twice with one account or state file?", "again_in", k.times.punted)
		k.startOver()
		return k.times.punted
	case errors.As(err, &no):
		wait := k.refused.Next()
		k.complain("login refused", wait, "answer", no.words, "code", no.code)
		if no.words == sessionInUse {
			k.startOver()
		}
		return wait
	}
	wait := k.retry.Next()
	if wasReady {
		k.log.Warn("connection lost", "err", err, "again_in", wait.Round(time.Millisecond))
	} else {
		k.complain("not connected", wait, "err", err)
	}
	return wait
}

// complain logs a failure: a new one at once, the same one now and then.
func (k *keeper) complain(msg string, wait time.Duration, facts ...any) {
	number, due := k.last.Due(fmt.Sprint(append([]any{msg}, facts...)...), k.times.remind)
	if !due {
		return
	}
	facts = append(facts, "failures", number, "again_in", wait.Round(time.Millisecond))
	k.log.Error(msg, facts...)
}

// connected notes that a socket has become ready.
func (k *keeper) connected() {
	k.refused.Reset()
	k.last = link.Complaint{}
}

// lost tells the rules what the end of s means for what was under way on it.
// Its calls wait for the next socket, detach_timeout at most: then the server
// ends them as well. When ctx is done the rules are told nothing more.
func (k *keeper) lost(ctx context.Context, s *socket) {
	unanswered := s.pending.takeAll()
	queue := k.book.lost(k.account, unanswered, func() {
		if ctx.Err() == nil {
			k.say(s.name, downWord(k.account.Login))
		}
	})
	if ctx.Err() != nil {
		if n := len(unanswered) + len(queue); n > 0 {
			k.log.Warn("requests without a reply at the end", "sent", len(unanswered), "unsent", len(queue))
		}
		return
	}
	k.words(s.name, lostWord, k.book.suspended(k.account))
	for _, r := range unanswered {
		s.fail(r, connectionLost)
	}
	for _, q := range queue {
		if !q.own {
			k.refuse(q.Action, connectionLost)
		}
	}
	if k.detach == nil && k.book.has(k.account) {
		k.detach = time.AfterFunc(k.cfg.DetachTimeout, func() {
			k.gone(s.name, k.book.giveUp(k.account))
		})
	}
}

// reattached notes that the server has said what became of the earlier calls.
func (k *keeper) reattached() {
	if k.detach != nil {
		k.detach.Stop()
		k.detach = nil
	}
}

// startOver leaves the session, and the calls on it, to whoever has it now.
func (k *keeper) startOver() {
	k.reattached()
	k.sessions.leave(k.account.Login)
	k.gone("", k.book.abandon(k.account))
}

// gone tells the rules that the server no longer has these calls.
func (k *keeper) gone(conn string, keys []string) {
	if len(keys) == 0 {
		return
	}
	k.log.Warn("calls are gone with their connection", "calls", len(keys))
	k.words(conn, goneWord, keys)
}

// words says the same of several calls.
func (k *keeper) words(conn string, of func(callID string) word, keys []string) {
	if len(keys) == 0 {
		return
	}
	words := make([]word, len(keys))
	for i, key := range keys {
		words[i] = of(key)
	}
	k.say(conn, words...)
}

// say delivers words of the transport itself.
func (k *keeper) say(conn string, words ...word) {
	messages := make([]engine.Message, len(words))
	for i, w := range words {
		raw := w.raw()
		messages[i] = k.codec.message(time.Time{}, readFrame(raw), raw)
	}
	k.inbox.Words(conn, messages...)
}
