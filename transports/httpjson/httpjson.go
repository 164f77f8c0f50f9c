// Package httpjson connects any peer that speaks JSON over HTTP: what rules send
// goes out as requests, and requests of the peer come in as messages.
//
// It keeps the order of what a call sends, tries again what may succeed later,
// and keeps what is no message away from the engine. Where type and keys stand a
// [wire.Format] says. It knows no protocol.
//
// A message that was sent as TYPE comes back as TYPE.ok, with the status and the
// body of the answer; one that was not taken as TYPE.error. A request of the peer
// comes with its path, its query and its body, and with an id: what a rule sends
// with that id is its answer. The transport's own word is transport.up, once it
// runs.
package httpjson

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"vertigo/engine"
	"vertigo/internal/link"
	"vertigo/wire"
)

// Protocol is how messages are addressed: path is added to the URL; request is
// the id of the request that is answered, and status the answer's.
var Protocol = engine.Protocol{Kind: "http-json", Address: []string{"path", "request", "status"}, Recur: true}

// Options are what the program gives a transport, beside its configuration.
type Options struct {
	// Format says how the peer's messages are laid out.
	Format wire.Format

	Log *slog.Logger // nil: nothing is logged

	// Tap, if not nil, is called with every message, one call at a time, in order.
	// The body of a request that cannot be used comes as a JSON string. Tap must not
	// call the transport.
	Tap func(at time.Time, dir, conn string, data []byte)

	// DeadLetter, if not nil, is given each message that was not taken: its action,
	// and what was to be sent with why that came to nothing. Any goroutine may call
	// it.
	DeadLetter func(at time.Time, a engine.Action, data []byte)
}

// A Transport sends requests to one server, or takes those of a peer, or both.
type Transport struct {
	cfg        Config
	log        *slog.Logger
	times      times
	deadLetter func(at time.Time, a engine.Action, data []byte)
	listen     func(network, addr string) (net.Listener, error)
	door       *tls.Config // of the server that we are; nil: plain HTTP
	base       *url.URL    // nil: nothing is sent
	client     *http.Client

	codec  *Codec
	inbox  *link.Inbox
	outbox *outbox
	asked  requests
	up     atomic.Bool

	running context.Context // of Run: when it is done, nothing waits any more
	atOnce  chan struct{}   // one for each request that is under way
	retried atomic.Uint64
	fault   fault
	refused link.Complaints
}

// times are the intervals that nobody needs to set, but tests.
type times struct {
	header time.Duration // the head of a request
	read   time.Duration // and all of it
	drain  time.Duration // the last messages when ctx is done
	retry  link.Span     // back-off of a server that does not take a message
	remind time.Duration // between two log lines about the same failure
}

var defaultTimes = times{
	header: 10 * time.Second,
	read:   30 * time.Second,
	drain:  2 * time.Second,
	retry:  link.Span{Min: time.Second, Max: time.Minute},
	remind: 5 * time.Minute,
}

// noURL is why a transport that listens alone sends nothing.
const noURL = "the transport has no url: all that it can send is answers to requests"

// mostAtOnce is how many requests are under way to the server; further ones wait.
const mostAtOnce = 16

// New checks cfg and returns a transport that [Transport.Run] lets work. name is
// its name in the rules. The error is all that is wrong, each beginning with the
// setting's key.
func New(name string, cfg Config, opts Options) (*Transport, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t := &Transport{
		cfg:        cfg.withDefaults(),
		log:        log.With("transport", name),
		times:      defaultTimes,
		deadLetter: opts.DeadLetter,
		listen:     net.Listen,
		codec:      NewCodec(name, opts.Format),
		inbox:      link.NewInbox(opts.Tap),
		atOnce:     make(chan struct{}, mostAtOnce),
	}
	if t.deadLetter == nil {
		t.deadLetter = func(time.Time, engine.Action, []byte) {}
	}
	t.outbox = newOutbox(t.carryOut)
	var errs []error
	if cfg.listens() {
		var err error
		t.door, err = cfg.door().TLS()
		errs = append(errs, err)
	}
	if cfg.URL != "" {
		errs = append(errs, t.connect())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}

// connect makes what requests are sent with.
func (t *Transport) connect() error {
	secure, err := link.TLSConfig(t.cfg.CAFile)
	if err != nil {
		return err
	}
	t.base, err = url.Parse(t.cfg.URL)
	if err != nil {
		return err
	}
	t.client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        secure,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    mostAtOnce,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		},
		// What is sent to one server is not for another, and a POST may become a GET.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return nil
}

// Run sends, and takes requests, until ctx is done, and calls deliver with what
// arrives, from one goroutine; while that does not return, at most 1024 messages
// wait, and then the peer. When ctx is done nothing more is delivered, and all that
// waits to be sent is tried once more, for two seconds at most; what then was not
// taken is a dead letter. Run is called once. Its only error is an address that
// cannot be listened on.
func (t *Transport) Run(ctx context.Context, deliver func([]engine.Message)) error {
	serve := func() {}
	if t.cfg.listens() {
		l, err := t.listen("tcp", t.cfg.Listen)
		if err != nil {
			return fmt.Errorf("listen = %q: %w", t.cfg.Listen, err)
		}
		serve = func() { t.serve(ctx, l) }
	}
	t.running = ctx
	t.up.Store(true)
	t.inbox.Words("", engine.Message{Transport: t.codec.transport, Type: engine.TransportUp, Body: Word(engine.TransportUp)})
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	t.outbox.start(sending)
	var served sync.WaitGroup
	served.Go(serve)
	for {
		batch, ok := t.inbox.Take(ctx)
		if !ok {
			break
		}
		deliver(batch)
		t.asked.seen(batch)
	}
	t.up.Store(false)
	drained := time.AfterFunc(t.times.drain, cancel)
	defer drained.Stop()
	t.outbox.close()
	if t.client != nil {
		t.client.CloseIdleConnections()
	}
	served.Wait()
	return nil
}

// Send takes one action for sending and returns at once. What becomes of it is
// delivered as a message of its type with ".ok" or ".error"; of an answer to a
// request, an error alone. Any goroutine may call it.
func (t *Transport) Send(a engine.Action) {
	t.codec.ask(a.Type)
	switch {
	case isReply(a):
		t.reply(a)
	case t.base == nil:
		t.undelivered(a, noURL)
	default:
		if problem := t.outbox.add(a); problem != "" {
			t.undelivered(a, problem)
		}
	}
}

// Up reports whether the transport runs: of a server nobody knows before it is
// asked.
func (t *Transport) Up() bool { return t.up.Load() }

// Stats says how many messages wait for the server to take them, and how often
// one had to be sent again.
func (t *Transport) Stats() (queued int, retried uint64) { return t.outbox.len(), t.retried.Load() }

// Follow makes this the format of all messages from now on.
func (t *Transport) Follow(format wire.Format) { t.codec.format.Store(&format) }
