// Package matrix speaks the Matrix client-server API from the seat of one
// user, a bot: it follows /sync and sends events into rooms.
//
// It logs in, keeps its place in the stream over restarts, fills gaps, drops
// the echoes of what it sent itself, and sends in order, room by room, waiting
// out rate limits and broken networks. It decides nothing: an invitation to a
// room and a call are both messages that a rule answers or does not. It cannot
// decrypt; that a room is encrypted is a message as well, [RoomEncrypted].
//
// Events reach the rules as the homeserver gave them, byte for byte, with the
// room_id put in where /sync leaves it out. What comes of an event sent returns
// as its type with ".ok" or ".error".
package matrix

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// Protocol is how Matrix events are addressed.
var Protocol = engine.Protocol{
	Kind:    "matrix",
	Address: []string{"room"},
	Key:     []string{"call_id"},
	Scope:   "room",
}

const (
	// RoomJoin and RoomLeave are actions that are no events: they accept an
	// invitation to the addressed room, and decline it or leave.
	RoomJoin  = "room.join"
	RoomLeave = "room.leave"

	// RoomEncrypted is said once for a room whose calls cannot be read: when
	// somebody first writes there, or when it turns out to be encrypted.
	RoomEncrypted = "room.encrypted"
)

// Options are what the program gives a transport, beside its configuration.
type Options struct {
	Log *slog.Logger // nil: nothing is logged

	// Tap, if not nil, is called with every raw message, one call at a time, in
	// order: events with their room_id, replies and own words are "in", sends
	// are "out", once each however often they are tried. Tap must not call the
	// transport.
	Tap func(at time.Time, dir, conn string, data []byte)

	// StateFile keeps the place in the stream over a restart; it belongs to
	// this transport alone. "": each start is a first start.
	StateFile string
}

// A Client is one Matrix user.
type Client struct {
	cfg   Config
	log   *slog.Logger
	http  *http.Client
	state *state
	times times

	codec   *Codec
	tap     tap
	session *session
	outbox  *outbox
	inbox   *inbox
	up      atomic.Bool
	dropped atomic.Int64 // events that could not be used
}

// times are the intervals that nobody needs to set, but tests.
type times struct {
	poll    time.Duration // how long the server holds a /sync that has nothing to say
	request time.Duration // one request, beyond what poll allows
	drain   time.Duration // the last sends, when ctx is done
	retry   span          // back-off of a homeserver that cannot be reached
	resend  span          // back-off of one event
	refused span          // back-off of a login that was refused
}

var defaultTimes = times{
	poll:    30 * time.Second,
	request: 20 * time.Second,
	drain:   2 * time.Second,
	retry:   span{500 * time.Millisecond, 30 * time.Second},
	resend:  span{250 * time.Millisecond, 10 * time.Second},
	refused: span{30 * time.Second, 5 * time.Minute},
}

// New checks cfg, reads the state file and returns a client that [Client.Run]
// connects. name is the transport's name in the rules.
func New(name string, cfg Config, opts Options) (*Client, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	httpClient, err := newHTTPClient(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	st, err := readState(opts.StateFile, cfg.User)
	if err != nil {
		return nil, err
	}
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Client{
		cfg:     cfg,
		log:     log.With("transport", name),
		http:    httpClient,
		state:   st,
		times:   defaultTimes,
		codec:   NewCodec(name),
		tap:     tap{f: opts.Tap},
		session: newSession(),
		inbox:   newInbox(),
	}
	c.codec.remember(cfg.User, st.Parties)
	c.outbox = newOutbox(c.carryOut)
	if cfg.sendsInClear() {
		c.log.Warn("homeserver is reached over plain http: anyone in between can read the login and the calls", "homeserver", cfg.Homeserver)
	}
	return c, nil
}

// Run follows the user's events until ctx is done, and calls deliver with what
// arrives, from one goroutine: one /sync response is one batch. When ctx is
// done nothing more is delivered; what was sent before then still goes out, for
// two seconds at most. Run is called once. It returns an error only where
// retrying cannot help: the login is another user's than the configuration says.
func (c *Client) Run(ctx context.Context, deliver func([]engine.Message)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer c.http.CloseIdleConnections()

	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()
	c.outbox.start(sending)

	saver := startSaver(c.state.path, c.log)
	var syncing sync.WaitGroup
	syncing.Go(func() {
		s := syncer{Client: c, saver: saver, limit: timelineLimit}
		stop(s.run(ctx))
	})

	for {
		b, ok := c.inbox.take(ctx)
		if !ok {
			break
		}
		if messages := c.read(b.lines); len(messages) > 0 {
			deliver(messages)
		}
		b.done()
	}
	syncing.Wait()
	c.finishSending(stopSending)
	saver.save(c.state, c.codec.parties())
	saver.stop()
	if fault, ok := context.Cause(ctx).(fatalError); ok {
		return fault.error
	}
	return nil
}

// Send takes one action for sending and returns at once. What becomes of it is
// delivered as a message of its type with ".ok" or ".error". Actions for one
// room keep their order; rooms do not wait for each other. Any goroutine may
// call it.
func (c *Client) Send(a engine.Action) {
	c.codec.expect(a)
	if err := c.outbox.add(a); err != nil {
		c.inbox.put(errorReply(a, failure{text: err.Error()}))
	}
}

// Up reports whether the last /sync succeeded.
func (c *Client) Up() bool {
	return c.up.Load()
}

// read turns the raw messages of one batch into the engine's. They arrived
// together, so they bear one time.
func (c *Client) read(lines [][]byte) []engine.Message {
	at := now()
	var messages []engine.Message
	for _, line := range lines {
		c.tap.call(at, "in", line)
		got, err := c.codec.In(at, "", line)
		if err != nil {
			c.drop(err, line)
			continue
		}
		messages = append(messages, got...)
	}
	return messages
}

// drop counts and reports what is no usable event.
func (c *Client) drop(err error, line []byte) {
	c.log.Warn("unusable event dropped", "err", err, "bytes", len(line), "dropped", c.dropped.Add(1))
}

// finishSending lets the outbox run empty, for a limited time.
func (c *Client) finishSending(giveUp func()) {
	empty := c.outbox.close()
	late := time.NewTimer(c.times.drain)
	defer late.Stop()
	select {
	case <-empty:
	case <-late.C:
		giveUp()
		<-empty
	}
	for _, line := range c.inbox.rest() {
		c.tap.call(now(), "in", line)
		if text := gjson.GetBytes(line, "error"); text.Exists() {
			c.log.Warn("not sent", "err", text.String(), "txn_id", gjson.GetBytes(line, "txn_id").String())
		}
	}
}

// now is the time that messages bear. Without its monotonic part it is the same
// after a capture was written and read.
func now() time.Time {
	return time.Now().UTC().Round(0)
}

// tap calls the capture, one call at a time.
type tap struct {
	mu sync.Mutex
	f  func(at time.Time, dir, conn string, data []byte)
}

func (t *tap) call(at time.Time, dir string, data []byte) {
	if t.f == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.f(at, dir, "", data)
}

// fatalError is what ends Run: a fault that no retry cures.
type fatalError struct{ error }

func fatalf(format string, args ...any) error {
	return fatalError{fmt.Errorf(format, args...)}
}
