package wsjson

import (
	"context"
	"log/slog"
	"time"

	"github.com/gorilla/websocket"

	"vertigo/internal/link"
)

// advice is for the operator of any server.
var advice = link.Advice{
	Handshake: "check the path in url, and token, user and password",
	Refused:   "check that the server runs",
	Closes:    "check whom the server lets in",
}

// A keeper keeps the connection to the server up. Only its own goroutine uses it.
type keeper struct {
	*Transport
	log    *slog.Logger
	retry  link.Backoff
	last   link.Complaint
	number int // of connections that there were
}

// keep connects to the server again and again until ctx is done.
func (t *Transport) keep(ctx context.Context) {
	k := &keeper{Transport: t, log: t.log.With("url", link.PlainURL(t.cfg.URL)), retry: link.Backoff{Span: t.times.retry}}
	for {
		wasOpen, err := k.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(k.after(wasOpen, err)):
		}
	}
}

// connect lives through one connection. It says whether that ever opened, and
// what ended it.
func (k *keeper) connect(ctx context.Context) (wasOpen bool, err error) {
	ws, err := k.dial(ctx)
	if err != nil {
		return false, err
	}
	k.number++
	opened := time.Now()
	c := k.open(link.ConnName(0, k.number), ws)
	err = c.run(ctx)
	k.lost(ctx, c)
	k.retry.Lasted(time.Since(opened))
	return true, err
}

// after says how long to rest after a connection that ended with err, and logs
// what the operator has to know.
func (k *keeper) after(wasOpen bool, err error) time.Duration {
	wait := k.retry.Next()
	again := wait.Round(time.Millisecond)
	if wasOpen {
		k.last = link.Complaint{}
		k.log.Warn("connection lost", "err", err, "again_in", again)
	} else if failures, due := k.last.Due(err.Error(), k.times.remind); due {
		k.log.Error("not connected", "err", err, "failures", failures, "again_in", again)
	}
	return wait
}

// dial opens a connection to the server. Its error says what to do about it.
func (t *Transport) dial(ctx context.Context) (*websocket.Conn, error) {
	d := websocket.Dialer{
		NetDialContext:   t.netDial,
		TLSClientConfig:  t.tls,
		HandshakeTimeout: t.times.dial,
	}
	if t.cfg.Subprotocol != "" {
		d.Subprotocols = []string{t.cfg.Subprotocol}
	}
	ws, resp, err := d.DialContext(ctx, t.cfg.URL, t.cfg.header())
	if err != nil {
		return nil, advice.Explain(err, resp, t.cfg.URL, t.times.dial)
	}
	return ws, nil
}
