package vertotest

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options are what a server may be told before it starts. The zero value is
// the FreeSWITCH of the captures, in real time.
type Options struct {
	Domain      string   // of the standard accounts and of logins that name none; "fs.test" if empty
	ForceDomain bool     // a login's own domain is ignored, as with force-register-domain
	Codecs      []string // spoken, in any order; opus, PCMU and VP8 if nil, and no others can be offered
	CertHosts   []string // whom the certificate of StartTLS is for; loopback if nil

	// NoMedia leaves out sound: every SDP looks as always, but nothing
	// listens on its port, and media counts as up the moment it is agreed.
	// For tests and benchmarks of signalling alone.
	NoMedia bool

	Timing Timing
	Log    *slog.Logger // nil: silent
}

// Timing shortens what takes FreeSWITCH its time. Zero fields mean the real time.
type Timing struct {
	Poll     time.Duration // pause without inbound data after which queued requests are written: 50 ms
	Ping     time.Duration // silence after which verto.ping is sent: 30 s
	Hold     time.Duration // what a hold or unhold blocks its socket for: 250 ms
	Detach   time.Duration // what an answered call outlives its socket for: 122 s
	Dialplan float64       // factor on all waits of extensions: 1
}

func (o Options) withDefaults() Options {
	if o.Domain == "" {
		o.Domain = "fs.test"
	}
	if o.Codecs == nil {
		o.Codecs = []string{"opus", "PCMU", "VP8"}
	}
	if o.CertHosts == nil {
		o.CertHosts = []string{"127.0.0.1", "localhost"}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t := &o.Timing
	for field, real := range map[*time.Duration]time.Duration{
		&t.Poll: 50 * time.Millisecond, &t.Ping: 30 * time.Second,
		&t.Hold: 250 * time.Millisecond, &t.Detach: 122 * time.Second,
	} {
		if *field == 0 {
			*field = real
		}
	}
	if t.Dialplan == 0 {
		t.Dialplan = 1
	}
	return o
}

// A Server is one FreeSWITCH with one Verto profile on loopback. All its
// methods may be called from any goroutine.
type Server struct {
	URL string // ws://127.0.0.1:port or wss://127.0.0.1:port, once started

	opts     Options
	log      *slog.Logger
	listener net.Listener
	http     *http.Server
	wss      certificate // of StartTLS
	dtls     certificate // of every call

	ctx  context.Context // done when the server closes
	stop context.CancelFunc
	wg   sync.WaitGroup // every goroutine

	mu       sync.Mutex
	closing  bool
	away     bool
	accounts map[string]*Account // by login
	routes   []route             // the last that matches counts
	sockets  []*socket           // connected, in order
	sessions map[string]*socket  // the live socket of each sessid
	legs     map[string]*Leg     // that are up, by callID
	history  []*Leg              // all, in the order in which they began
	frames   []Frame
	lastID   int // of server requests, shared by all sockets
	lastSock int
	lastPort int           // given out without media
	changed  chan struct{} // closed at the next change of a call; nil while nobody waits
}

// NewServer starts a server for ws://. It panics if it cannot listen on
// loopback, as httptest does. The caller closes it.
func NewServer(opts Options) *Server {
	s := NewUnstartedServer(opts)
	s.Start()
	return s
}

// NewUnstartedServer makes a server that awaits Start or StartTLS.
func NewUnstartedServer(opts Options) *Server {
	opts = opts.withDefaults()
	s := &Server{
		opts: opts, log: opts.Log,
		accounts: map[string]*Account{},
		sessions: map[string]*socket{},
		legs:     map[string]*Leg{},
		lastPort: 40000,
		dtls:     newCertificate("FreeSWITCH", nil),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.addStandardAccounts()
	s.addStandardExtensions()
	return s
}

// Start begins to listen for ws://.
func (s *Server) Start() { s.serve(s.listen(), "ws") }

// StartTLS begins to listen for wss://, with a certificate of its own that
// [Server.CertificatePEM] gives.
func (s *Server) StartTLS() {
	s.wss = newCertificate("vertotest", s.opts.CertHosts)
	s.serve(tls.NewListener(s.listen(), &tls.Config{Certificates: []tls.Certificate{s.wss.pair}}), "wss")
}

func (s *Server) listen() net.Listener {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("vertotest: %v", err))
	}
	return l
}

func (s *Server) serve(l net.Listener, scheme string) {
	s.listener = l
	s.URL = scheme + "://" + l.Addr().String()
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.accept),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.wg.Go(func() { _ = s.http.Serve(l) })
}

// CertificatePEM gives the certificate of a server begun with StartTLS; it is
// its own authority.
func (s *Server) CertificatePEM() []byte { return s.wss.pem() }

// Close ends every call without a word, drops every socket and returns when
// every goroutine has ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.closing = true
	for _, k := range s.sockets {
		k.drop()
	}
	for _, l := range s.legs {
		s.end(l, SystemShutdown, ServerSide)
	}
	s.mu.Unlock()
	s.stop()
	if s.http != nil {
		_ = s.http.Close() // its listener with it; hijacked sockets are dropped above
	}
	s.wg.Wait()
}

// Shutdown is FreeSWITCH's graceful end: a verto.bye with SYSTEM_SHUTDOWN for
// every call, then each socket is closed without a close frame. Close is
// still to be called.
func (s *Server) Shutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for _, l := range s.history {
		s.hangup(l, SystemShutdown)
	}
	for _, k := range s.sockets {
		k.last = true
	}
}

// DropSockets resets the TCP connections of a user without a closing
// handshake, and returns how many there were.
func (s *Server) DropSockets(login string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, k := range s.sockets {
		if k.user != nil && k.user.Login == login {
			k.drop()
			n++
		}
	}
	return n
}

// SetReachable says whether the server can be reached. One that cannot drops
// all its sockets and takes no new ones; its calls live on as without sockets.
func (s *Server) SetReachable(reachable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = !reachable
	for _, k := range s.sockets {
		if s.away {
			k.drop()
		}
	}
}

// Push queues a server request of any kind for every socket of a user, and
// returns how many there were: verto.announce, verto.info, or one that no
// client knows. Params must be what encoding/json makes of plain Go values.
func (s *Server) Push(login, method string, params map[string]any) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, k := range s.sockets {
		if k.user != nil && k.user.Login == login {
			s.enqueue(k, method, plain(params))
			n++
		}
	}
	return n
}
