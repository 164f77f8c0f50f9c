package wsjson

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"vertigo/engine"
	"vertigo/internal/link"
)

// A conn is one connection, from the end of its handshake on. One goroutine owns
// it; another one does nothing but read.
type conn struct {
	*Transport
	ws   *websocket.Conn
	name string // in a capture: A, and A2 after a reconnect
	log  *slog.Logger

	queue  chan engine.Action
	keys   []string // by which it is found, the last named one last; the hub's
	pinged time.Time
}

func newConn(t *Transport, name string, ws *websocket.Conn) *conn {
	return &conn{
		Transport: t, ws: ws, name: name, log: t.log.With("conn", name),
		queue: make(chan engine.Action, queueLimit), pinged: time.Now(),
	}
}

// An arrival is what the reader has for the connection's goroutine.
type arrival struct {
	data []byte
	size int64 // of the whole message: more than len(data) if it is too long
	err  error // the last one
}

// run serves until the connection ends or ctx is done; then it lets what is
// queued go out first.
func (c *conn) run(ctx context.Context) error {
	arrivals, stop := c.read()
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := c.tick(time.Now()); err != nil {
			return err
		}
		timer.Reset(time.Until(c.nextTick()))
		select {
		case <-ctx.Done():
			c.goodbye(ctx, arrivals)
			return ctx.Err()
		case a := <-arrivals:
			if err := c.receive(ctx, a); err != nil {
				return err
			}
		case a := <-c.queue:
			if err := c.send(a); err != nil {
				return err
			}
		case <-timer.C:
		}
	}
}

// read starts the reader. stop closes the connection and waits for it.
func (c *conn) read() (arrivals <-chan arrival, stop func()) {
	ch := make(chan arrival)
	done, ended := make(chan struct{}), make(chan struct{})
	pong := c.ws.PingHandler()
	c.ws.SetPingHandler(func(data string) error { return errors.Join(c.heard(), pong(data)) })
	c.ws.SetPongHandler(func(string) error { return c.heard() })
	go func() {
		defer close(ended)
		for {
			a := c.next()
			select {
			case ch <- a:
			case <-done:
				return
			}
			if a.err != nil {
				return
			}
		}
	}()
	return ch, func() {
		close(done)
		_ = c.ws.Close()
		<-ended
	}
}

// heard notes a sign of life. Only the reader calls it, as the time that the
// peer has begins when we look.
func (c *conn) heard() error {
	return c.ws.SetReadDeadline(time.Now().Add(2 * c.cfg.Ping))
}

// next reads the next message. Of one that is too long it keeps the beginning,
// and lets the rest go by.
func (c *conn) next() arrival {
	if err := c.heard(); err != nil {
		return arrival{err: err}
	}
	_, r, err := c.ws.NextReader()
	if err != nil {
		return arrival{err: err}
	}
	data, err := io.ReadAll(io.LimitReader(r, c.cfg.MaxMessage))
	if err != nil {
		return arrival{err: err}
	}
	rest, err := io.Copy(io.Discard, r)
	return arrival{data, int64(len(data)) + rest, err}
}

// receive takes in one message of the peer.
func (c *conn) receive(ctx context.Context, a arrival) error {
	if a.err != nil {
		return c.readError(a.err)
	}
	m, err := c.codec.read(c.name, a.data)
	switch {
	case a.size > c.cfg.MaxMessage:
		err = fmt.Errorf("it has more than %d bytes: raise max_message if it is a right one", c.cfg.MaxMessage)
	case err == nil && strings.HasPrefix(m.Type, "transport."):
		err = errors.New("its type is a word of Vertigo's own")
	}
	if err != nil {
		c.inbox.Record("in", c.name, quote(string(a.data)))
		if number, due := c.unusable.Due(err.Error(), c.times.remind); due {
			c.log.Warn("unusable message ignored", "why", err, "bytes", a.size, "number", number)
		}
		return nil
	}
	c.named(m.Keys)
	ack := c.codec.format.Load().Acknowledgement(m, a.data)
	c.inbox.Frame(ctx, c.name, a.data, func(at time.Time) engine.Message {
		return c.codec.message(at, c.name, m, a.data)
	})
	if ack != nil { // what rules say to the message waits in the queue
		return c.write(ack)
	}
	return nil
}

// named notes what the peer brought, where there are several.
func (c *conn) named(keys []string) {
	if c.only() || c.hub.brought(c, keys) {
		return
	}
	if number, due := c.claims.Due("named by two", c.times.remind); due {
		c.log.Warn("two clients name the same call", "number", number)
	}
}

func (c *conn) readError(err error) error {
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return fmt.Errorf("the peer is silent: no message, and no answer to a ping, within %s", 2*c.cfg.Ping)
	}
	return link.ReadError(err, "the peer")
}

// send sends one action and notes that an answer is due.
func (c *conn) send(a engine.Action) error {
	frame, numbered := c.codec.frame(a)
	if numbered {
		if n, _ := c.codec.unanswered(c.name); n >= mostUnanswered {
			c.refuse(a, tooManyAsked)
			return nil
		}
		c.codec.add(c.name, &request{id: a.ID, typ: a.Type, key: a.Key, call: a.Call, sent: time.Now()})
	}
	return c.write(frame)
}

func (c *conn) write(data []byte) error {
	c.inbox.Record("out", c.name, data)
	err := c.ws.SetWriteDeadline(time.Now().Add(c.times.write))
	if err == nil {
		err = c.ws.WriteMessage(websocket.TextMessage, data)
	}
	if err != nil {
		return fmt.Errorf("sending: %w", link.WithoutAddresses(err))
	}
	return nil
}

// tick does all that is due.
func (c *conn) tick(now time.Time) error {
	for _, r := range c.codec.giveUp(c.name, now.Add(-c.cfg.RequestTimeout).Add(1)) {
		c.fail(r, fmt.Sprintf("no answer within %s", c.cfg.RequestTimeout))
	}
	if now.Sub(c.pinged) < c.cfg.Ping {
		return nil
	}
	c.pinged = now
	if err := c.ws.WriteControl(websocket.PingMessage, nil, now.Add(c.times.write)); err != nil {
		return fmt.Errorf("sending: %w", link.WithoutAddresses(err))
	}
	return nil
}

// nextTick is when something is due again.
func (c *conn) nextTick() time.Time {
	next := c.pinged.Add(c.cfg.Ping)
	if n, since := c.codec.unanswered(c.name); n > 0 && since.Add(c.cfg.RequestTimeout).Before(next) {
		return since.Add(c.cfg.RequestTimeout)
	}
	return next
}

// fail says that the peer never answered r.
func (c *conn) fail(r *request, problem string) {
	body := c.codec.format.Load().Failure(r.id, problem)
	c.inbox.Words(c.name, engine.Message{
		Transport: c.codec.transport, Type: r.typ + ".error", Answer: true, Key: r.key, Call: r.call, Body: body,
	})
}

// goodbye lets what is queued go out, waits for the answers, and closes, all
// within a short time.
func (c *conn) goodbye(ctx context.Context, arrivals <-chan arrival) {
	timeout := time.After(c.times.drain)
	for {
		n, _ := c.codec.unanswered(c.name)
		if n == 0 && len(c.queue) == 0 {
			break
		}
		select {
		case a := <-c.queue:
			if c.send(a) != nil {
				return
			}
			continue
		case a := <-arrivals:
			if c.receive(ctx, a) != nil {
				return
			}
			continue
		case <-timeout:
			c.log.Warn("the peer did not answer the last messages in time")
		}
		break
	}
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = c.ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(c.times.write))
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return b
}
