// Package wsjson connects any peer that speaks JSON over WebSocket, as its
// client or as its server.
//
// It keeps the connection up, finds out whether the peer is still there, numbers
// what it sends and finds the answers, acknowledges what is to be acknowledged,
// and keeps what is no message away from the engine. Where type, keys and ids
// stand a [wire.Format] says. It knows no protocol: what opens a session, keeps
// it and ends it is said by rules.
//
// What answers a message that was sent as TYPE comes as TYPE.ANSWER; what could
// not be sent, and what found no answer in time, as TYPE.error. The transport's
// own words are transport.up, when the first connection opens, and
// transport.down, when the last is lost.
package wsjson

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"vertigo/engine"
	"vertigo/internal/link"
	"vertigo/wire"
)

// Why a message was not sent, or not answered, as its .error message words it.
const (
	notConnected   = "not connected"
	connectionLost = "connection lost"
	queueFull      = "too many messages are waiting on this connection"
	tooManyAsked   = "too many messages wait for an answer"
	whichClient    = "which client? Several are connected, and none has brought a key of this message"
)

// Options are what the program gives a transport, beside its configuration.
type Options struct {
	// Format says how the peer's messages are laid out.
	Format wire.Format

	Log *slog.Logger // nil: nothing is logged

	// Tap, if not nil, is called with every raw message, one call at a time, in
	// order. What cannot be used as a message comes as a JSON string. What the
	// transport says for itself is "in" as well, and so is the error that it makes
	// up for a message that went out and was never answered. Tap must not call the
	// transport.
	Tap func(at time.Time, dir, conn string, data []byte)
}

// A Transport is connected to one server, or has clients connected to it.
type Transport struct {
	cfg     Config
	log     *slog.Logger
	tls     *tls.Config
	times   times
	netDial func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the network
	listen  func(network, addr string) (net.Listener, error)

	codec *Codec
	inbox *link.Inbox
	hub   hub

	unusable link.Complaints
	claims   link.Complaints
}

// times are the intervals that nobody needs to set, but tests.
type times struct {
	dial   time.Duration // TCP, TLS and the WebSocket handshake together
	write  time.Duration // one message
	drain  time.Duration // the last messages and their answers when ctx is done
	retry  link.Span     // back-off of a server that cannot be reached
	remind time.Duration // between two log lines about the same failure
}

var defaultTimes = times{
	dial:   10 * time.Second,
	write:  10 * time.Second,
	drain:  2 * time.Second,
	retry:  link.Span{Min: 500 * time.Millisecond, Max: 5 * time.Second},
	remind: 5 * time.Minute,
}

// New checks cfg and returns a transport that [Transport.Run] connects. name is
// its name in the rules. The error is all that is wrong, each beginning with the
// setting's key.
func New(name string, cfg Config, opts Options) (*Transport, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	tlsConfig, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Transport{
		cfg:    cfg.withDefaults(),
		log:    log.With("transport", name),
		tls:    tlsConfig,
		times:  defaultTimes,
		listen: net.Listen,
		codec:  NewCodec(name, opts.Format),
		inbox:  link.NewInbox(opts.Tap),
	}, nil
}

// Run keeps the connection up, or lets clients in, until ctx is done, and calls
// deliver with what arrives, from one goroutine; while that does not return, at
// most 1024 messages wait, and then the peer. When ctx is done nothing more is
// delivered; what was sent before then still goes out, and its answers are
// awaited, for two seconds at most. Run is called once. Its only error is an
// address that cannot be listened on.
func (t *Transport) Run(ctx context.Context, deliver func([]engine.Message)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keep := t.keep
	if t.cfg.listens() {
		l, err := t.listen("tcp", t.cfg.Listen)
		if err != nil {
			return fmt.Errorf("listen = %q: %w", t.cfg.Listen, err)
		}
		keep = func(ctx context.Context) { t.serve(ctx, l) }
	}
	var kept sync.WaitGroup
	kept.Go(func() { keep(ctx) })
	for {
		batch, ok := t.inbox.Take(ctx)
		if !ok {
			break
		}
		deliver(batch)
	}
	kept.Wait()
	return nil
}

// Send takes one action for sending and returns at once. What becomes of it is
// delivered as a message of its type with ".error" or what the peer answers. Any
// goroutine may call it.
func (t *Transport) Send(a engine.Action) {
	t.codec.ask(a.Type)
	if problem := t.hub.route(a, t.keysOf(a)); problem != "" {
		t.refuse(a, problem)
	}
}

// keysOf are the call keys that an action's body names, where they say who is to
// get it.
func (t *Transport) keysOf(a engine.Action) []string {
	if t.only() {
		return nil
	}
	m, err := t.codec.format.Load().Read(t.codec.Frame(a))
	if err != nil {
		return nil
	}
	return m.Keys
}

// Up reports whether a message can be sent.
func (t *Transport) Up() bool { return t.hub.up() }

// Stats gives how many messages wait to be sent. None is sent twice.
func (t *Transport) Stats() (queued int, retried uint64) { return t.hub.queued(), 0 }

// Follow makes this the format of all messages from now on.
func (t *Transport) Follow(format wire.Format) { t.codec.format.Store(&format) }

// refuse says that a never went out.
func (t *Transport) refuse(a engine.Action, problem string) {
	body := t.codec.format.Load().Failure("", problem)
	t.inbox.Say(func(at time.Time) engine.Message {
		return engine.Message{
			Transport: t.codec.transport, Type: a.Type + ".error",
			Answer: true, Key: a.Key, Call: a.Call, At: at, Body: body,
		}
	})
}

// say delivers a word of the transport itself.
func (t *Transport) say(conn, typ string) {
	t.inbox.Words(conn, engine.Message{Transport: t.codec.transport, Type: typ, Body: t.codec.format.Load().Word(typ)})
}

// only says that there is one peer at most: who comes back is who was there.
func (t *Transport) only() bool { return !t.cfg.listens() || t.cfg.Clients == 1 }

// open begins a connection: from now on it is sent to.
func (t *Transport) open(name string, ws *websocket.Conn) *conn {
	c := newConn(t, name, ws)
	c.log.Info("connected", "remote", ws.RemoteAddr().String())
	t.hub.add(c, func() { t.say(c.name, engine.TransportUp) })
	return c
}

// lost tells the rules what the end of a connection means for what was under way
// on it. When ctx is done they are told nothing more.
func (t *Transport) lost(ctx context.Context, c *conn) {
	queue := t.hub.remove(c, func() {
		if ctx.Err() == nil {
			t.say(c.name, engine.TransportDown)
		}
	})
	unanswered := t.codec.giveUp(c.name, time.Now().Add(time.Hour))
	if ctx.Err() != nil {
		if n := len(unanswered) + len(queue); n > 0 {
			t.log.Warn("messages without an answer at the end", "sent", len(unanswered), "unsent", len(queue))
		}
		return
	}
	for _, r := range unanswered {
		c.fail(r, connectionLost)
	}
	for _, a := range queue {
		t.refuse(a, connectionLost)
	}
	if !t.only() {
		t.codec.leave(c.name)
	}
}
