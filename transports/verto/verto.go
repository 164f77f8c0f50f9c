// Package verto speaks Verto, the JSON-RPC 2.0 over WebSocket of FreeSWITCH's
// mod_verto, from a client's seat.
//
// It logs in, keeps its sockets up under the same secret sessid, acknowledges
// what the server asks, pairs replies with requests, probes a silent server
// with verto.ping and paces what it sends. It places no call, answers none and
// ends none that the rules still know: what a message means is not decided here.
//
// What comes of a request returns as METHOD.ok or METHOD.error. Its own words
// are transport.up, transport.down, verto.lost for a call whose socket is lost,
// and verto.gone for one that the server no longer has.
package verto

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"vertigo/engine"
	"vertigo/internal/link"
)

// Protocol is how Verto messages are addressed.
var Protocol = engine.Protocol{
	Kind: "verto",
	Key:  []string{"dialogParams.callID", "callID"},
}

// A Config is what a [transport.NAME] table of kind "verto" says. A value left
// out, or 0, has the default that is named beside it.
type Config struct {
	URL      string `toml:"url"` // ws://host:8081 or wss://host:8082
	Login    string `toml:"login"`
	Password string `toml:"password"`

	// Accounts are further logins at the same server, each with a socket of its
	// own. New calls are spread over all of them: a busy socket starves its own
	// events. Each needs an account of its own, since an inbound call rings
	// every socket of the account that is called.
	Accounts []Account `toml:"account"`

	CAFile             string `toml:"ca_file"`              // PEM; trusted in place of the system's CAs
	InsecureSkipVerify bool   `toml:"insecure_skip_verify"` // any certificate will do; warns

	MaxMessage    int64         `toml:"max_message"`    // bytes of one message of the server; 1 MiB
	ReplyTimeout  time.Duration `toml:"reply_timeout"`  // 10s
	DetachTimeout time.Duration `toml:"detach_timeout"` // as the server's detach-timeout-sec; 120s
	Pace          time.Duration `toml:"pace"`           // the pause that lets the server's events out; 60ms
}

// An Account is one login at the server.
type Account struct {
	Login    string `toml:"login"`
	Password string `toml:"password"`
}

// Options are what the program gives a transport, beside its configuration.
type Options struct {
	Log *slog.Logger // nil: nothing is logged

	// Tap, if not nil, is called with every raw message, one call at a time, in
	// order. A frame that is not JSON comes as a JSON string. What the transport
	// says for itself is "in" as well, and so is the error that it makes up for
	// a request that went out and was never answered: a capture then holds all
	// that the engine saw. Tap must not call the transport.
	Tap func(at time.Time, dir, conn string, data []byte)

	// StateFile keeps the secret sessids over a restart; it belongs to this
	// transport alone. "": they are kept in memory only.
	StateFile string
}

// A Client is connected to one server, by one socket an account.
type Client struct {
	cfg       Config
	log       *slog.Logger
	stateFile string
	tls       *tls.Config
	times     times
	netDial   func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the network

	codec    *Codec
	inbox    *link.Inbox
	book     *book
	sessions *sessions // set by Run
	buffers  sync.Pool // write buffers of the sockets
}

// times are the intervals that nobody needs to set, but tests.
type times struct {
	dial     time.Duration // TCP, TLS and the WebSocket handshake together
	takeover time.Duration // a sessid taken over: how long its old socket may still harm new calls
	idle     time.Duration // silence of the server after which it is probed
	write    time.Duration // one frame
	drain    time.Duration // the last requests and their replies when ctx is done
	retry    link.Span     // back-off of a server that cannot be reached
	refused  link.Span     // back-off of a login that was refused
	punted   time.Duration // rest of a session that another instance took over
	remind   time.Duration // between two log lines about the same failure
}

var defaultTimes = times{
	dial:     10 * time.Second,
	takeover: 150 * time.Millisecond,
	idle:     15 * time.Second,
	write:    10 * time.Second,
	drain:    2 * time.Second,
	retry:    link.Span{Min: 500 * time.Millisecond, Max: 5 * time.Second},
	refused:  link.Span{Min: 30 * time.Second, Max: 5 * time.Minute},
	punted:   5 * time.Minute,
	remind:   5 * time.Minute,
}

// New checks cfg and returns a client that [Client.Run] connects. name is the
// transport's name in the rules.
func New(name string, cfg Config, opts Options) (*Client, error) {
	accounts, err := cfg.accounts()
	if err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	tlsConfig, err := link.TLSConfig(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	tlsConfig.InsecureSkipVerify = cfg.InsecureSkipVerify
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("transport", name)
	if cfg.InsecureSkipVerify {
		log.Warn("insecure_skip_verify is on: the server's certificate is not checked, so anyone in between can read the password and the calls", "url", cfg.URL)
	}
	return &Client{
		cfg:       cfg.withDefaults(),
		log:       log,
		stateFile: opts.StateFile,
		tls:       tlsConfig,
		times:     defaultTimes,
		codec:     NewCodec(name),
		inbox:     link.NewInbox(opts.Tap),
		book:      newBook(accounts),
	}, nil
}

// accounts gives the account of the table itself and the further ones.
func (cfg Config) accounts() ([]Account, error) {
	all := cfg.Accounts
	if cfg.Login != "" || cfg.Password != "" || len(all) == 0 {
		all = append([]Account{{cfg.Login, cfg.Password}}, all...)
	}
	seen := make(map[string]bool, len(all))
	for _, a := range all {
		switch {
		case a.Login == "":
			return nil, errors.New("login is missing: it is the user as mod_verto knows it, such as 1008@pbx.example.org")
		case a.Password == "":
			return nil, fmt.Errorf("password of %s is missing: mod_verto refuses an empty one", a.Login)
		case seen[a.Login]:
			return nil, fmt.Errorf("login %s stands twice: each socket needs an account of its own, or every inbound call rings on both", a.Login)
		}
		seen[a.Login] = true
	}
	return all, nil
}

func (cfg Config) check() error {
	u, err := url.Parse(cfg.URL)
	switch {
	case cfg.URL == "":
		return errors.New("url is missing: it is ws://HOST:8081 or wss://HOST:8082 for a FreeSWITCH as delivered")
	case err != nil:
		return errors.New("url is not a URL; it should read ws://HOST:PORT or wss://HOST:PORT")
	case u.User != nil:
		return errors.New("url holds a user name or password: they belong in login and password")
	case u.Scheme != "ws" && u.Scheme != "wss":
		return fmt.Errorf("url %s: the scheme must be ws or wss, not %q", cfg.URL, u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("url %s names no host", cfg.URL)
	}
	switch {
	case cfg.MaxMessage < 0:
		return errors.New("max_message is negative")
	case cfg.ReplyTimeout < 0:
		return errors.New("reply_timeout is negative")
	case cfg.DetachTimeout < 0:
		return errors.New("detach_timeout is negative")
	case cfg.Pace < 0:
		return errors.New("pace is negative")
	}
	return nil
}

func (cfg Config) withDefaults() Config {
	if cfg.MaxMessage == 0 {
		cfg.MaxMessage = 1 << 20
	}
	if cfg.ReplyTimeout == 0 {
		cfg.ReplyTimeout = 10 * time.Second
	}
	if cfg.DetachTimeout == 0 {
		cfg.DetachTimeout = 120 * time.Second
	}
	if cfg.Pace == 0 {
		cfg.Pace = 60 * time.Millisecond
	}
	return cfg
}

// Run keeps every socket connected until ctx is done, and calls deliver with
// what arrives, from one goroutine. When ctx is done nothing more is delivered;
// what was sent before then still goes out, and its replies are awaited, for
// two seconds at most. Run is called once. Its only error is a state file that
// cannot be used.
func (c *Client) Run(ctx context.Context, deliver func([]engine.Message)) error {
	logins := make([]string, len(c.book.accounts))
	for i, a := range c.book.accounts {
		logins[i] = a.Login
	}
	sessions, err := openSessions(c.stateFile, logins)
	if err != nil {
		return err
	}
	c.sessions = sessions

	var sockets sync.WaitGroup
	for _, a := range c.book.accounts {
		sockets.Go(func() { newKeeper(c, a).run(ctx) })
	}
	for {
		batch, ok := c.inbox.Take(ctx)
		if !ok {
			break
		}
		deliver(batch)
	}
	sockets.Wait()
	return nil
}

// Send takes one action for sending and returns at once. What becomes of it is
// delivered as a message of its type with ".ok" or ".error". A call stays on
// the socket that it began on; a new one goes to the socket with the fewest.
// Any goroutine may call it.
func (c *Client) Send(a engine.Action) {
	if problem := c.book.route(a); problem != "" {
		c.refuse(a, problem)
	}
}

// Up reports whether at least one socket can take a new call.
func (c *Client) Up() bool {
	return c.book.up()
}

// Stats says how many requests wait to be sent, on all sockets, and how many had to
// be sent again: the byes that a lost socket left owing. Any goroutine may call it.
func (c *Client) Stats() (queued int, retried uint64) {
	return c.book.stats()
}

// refuse says that a never went out.
func (c *Client) refuse(a engine.Action, problem string) {
	body := failure("", problem)
	c.inbox.Say(func(at time.Time) engine.Message {
		return engine.Message{
			Transport: c.codec.transport, Type: a.Type + ".error",
			Key: a.Key, Scope: a.Scope, Call: a.Call, At: at, Body: body,
		}
	})
}
