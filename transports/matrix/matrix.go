// Package matrix speaks the Matrix client-server API, in one of two ways: from
// the seat of one user, a bot, that follows /sync; or as an application service,
// with a user for each telephone number, to which the homeserver brings events.
//
// It logs in, keeps its place in the stream over restarts, fills gaps, drops
// the echoes of what it sent itself, and sends in order, room by room, waiting
// out rate limits and broken networks. It decides nothing: an invitation to a
// room, a call and a number that somebody looks up are all messages that a rule
// answers or does not. It cannot decrypt; that a room is encrypted is a message
// as well, [RoomEncrypted].
//
// Events reach the rules as the homeserver gave them, byte for byte, with the
// room_id put in where /sync leaves it out, and in an application service with
// "as", which of its users each is for. What comes of an event sent returns as
// its type with ".ok" or ".error"; so do other actions, such as [RoomDirect].
package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// Protocol is how Matrix events are addressed.
var Protocol = engine.Protocol{
	Kind:     "matrix",
	Address:  []string{"room", "as", "state"},
	Key:      []string{"call_id"},
	Scope:    "room",
	Unscoped: []string{"user.*", "room.direct", "room.create", "query.reply"},
}

// Options are what the program gives a transport, beside its configuration.
type Options struct {
	Log *slog.Logger // nil: nothing is logged

	// Tap, if not nil, is called with every raw message, one call at a time, in
	// order: events with their room_id, replies and own words are "in", sends
	// are "out", once each however often they are tried. Tap must not call the
	// transport.
	Tap func(at time.Time, dir, conn string, data []byte)

	// StateFile keeps the place in the stream over a restart. It belongs to this
	// transport alone, and so does the file of the same name that ends in .db
	// beside it. "": each start is a first start.
	StateFile string
}

// A Client is one Matrix user, or an application service with its users.
type Client struct {
	cfg          Config
	registration Registration // in application-service mode
	ours         ours
	log          *slog.Logger
	http         *http.Client
	listen       func(network, address string) (net.Listener, error)
	state        *state
	times        times

	codec   *Codec
	tap     tap
	session *session
	outbox  *outbox
	inbox   *inbox
	queries *queries
	clock   clock
	exists  sync.Map // users of ours that are registered, as this run found
	making  gate
	joining gate

	// From the beginning of Run.
	store *store
	feed  *feed

	presence *presence // the goroutine that delivers owns it

	up      atomic.Bool
	dropped atomic.Int64 // events that could not be used
	retried atomic.Uint64
}

// times are the intervals that nobody needs to set, but tests.
type times struct {
	poll    time.Duration // how long the server holds a /sync that has nothing to say; how often an application service looks for it
	request time.Duration // one request, beyond what poll allows
	drain   time.Duration // the last sends, when ctx is done
	query   time.Duration // for rules to answer a query
	retry   span          // back-off of a homeserver that cannot be reached
	resend  span          // back-off of one event
	refused span          // back-off of a login that was refused
}

var defaultTimes = times{
	poll:    30 * time.Second,
	request: 20 * time.Second,
	drain:   2 * time.Second,
	query:   5 * time.Second,
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
	var reg Registration
	if cfg.Mode == ModeAppService {
		if reg, err = cfg.registration(); err != nil {
			return nil, err
		}
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
		cfg:          cfg,
		registration: reg,
		ours:         newOurs(cfg.User, cfg.GhostPrefix()),
		log:          log.With("transport", name),
		http:         httpClient,
		listen:       net.Listen,
		state:        st,
		times:        defaultTimes,
		codec:        NewCodec(name),
		tap:          tap{f: opts.Tap},
		session:      newSession(),
		inbox:        newInbox(),
		presence:     newPresence(),
		queries:      newQueries(),
		making:       make(gate, madeAtOnce),
		joining:      make(gate, joinedAtOnce),
	}
	c.codec.remember(c.ours, st.Parties)
	c.outbox = newOutbox(c.carryOut)
	if cfg.sendsInClear() {
		c.log.Warn("homeserver is reached over plain http: anyone in between can read the login and the calls", "homeserver", cfg.Homeserver)
	}
	if reg.Exposed {
		c.log.Warn("everybody on this machine can read the registration, and so act as any of its users", "registration", cfg.Registration)
	}
	return c, nil
}

func (c *Client) isAppService() bool { return c.cfg.Mode == ModeAppService }

// Run follows the user's events until ctx is done, and calls deliver with what
// arrives, from one goroutine: one /sync response, or one transaction, is one
// batch. When ctx is done nothing more is delivered; what was sent before then
// still goes out, for two seconds at most. Run is called once. It returns an
// error only where retrying cannot help: the login is another user's than the
// configuration says, the address to listen on is taken, the state is in use.
func (c *Client) Run(ctx context.Context, deliver func([]engine.Message)) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer c.http.CloseIdleConnections()

	if c.store, err = openStore(c.state.path, c.cfg.User); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.store.close()) }()
	c.feed = newFeed(c.store, c.inbox, c.log)

	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()
	c.outbox.start(sending)

	saver := startSaver(c.state.path, c.log)
	var following sync.WaitGroup
	following.Go(func() {
		if c.isAppService() {
			stop(c.runAppService(ctx))
			return
		}
		s := syncer{health: health{Client: c}, saver: saver, limit: timelineLimit}
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
	following.Wait()
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
// room keep their order, and so do those without a room by one of our users
// about one other. A user comes into a room after what was asked for about the
// user itself. Nothing else waits. Any goroutine may call it.
func (c *Client) Send(a engine.Action) {
	c.codec.expect(a)
	if err := c.outbox.add(a); err != nil {
		c.inbox.put(errorReply(a, failure{text: err.Error()}))
	}
}

// Stats says how many actions wait to be carried out, with those that are tried
// just now, and how often one had to be tried again. Any goroutine may call it.
func (c *Client) Stats() (queued int, retried uint64) {
	return c.outbox.waiting(), c.retried.Load()
}

// Up reports whether the homeserver was there when it was last asked.
func (c *Client) Up() bool {
	return c.up.Load()
}

// read turns the raw messages of one batch into the engine's. They arrived
// together, so they bear one time.
func (c *Client) read(lines [][]byte) []engine.Message {
	at := now()
	var messages []engine.Message
	for _, line := range lines {
		line = c.presence.settle(line)
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
	for _, line := range append(c.inbox.rest(), c.feed.rest()...) {
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
