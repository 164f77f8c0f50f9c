package matrixtest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Options are what a server is told at its start. The zero value is a
// homeserver without users and bridges.
type Options struct {
	ServerName       string // the part of ids after the colon; "hs.test" if empty
	AppServices      []Registration
	OpenRegistration bool // clients may register users by themselves
	Timing           Timing
	Log              *slog.Logger // nil: silent
}

// Timing shortens what takes a homeserver its time. Zero fields mean what
// Synapse takes.
type Timing struct {
	Retry    time.Duration // first pause before a transaction is sent again, doubled each time: 2 s
	MaxRetry time.Duration // and the longest: 512 s
	Push     time.Duration // how long an application service may take for its answer: 60 s
}

func (o Options) withDefaults() Options {
	if o.ServerName == "" {
		o.ServerName = "hs.test"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t := &o.Timing
	for field, usual := range map[*time.Duration]time.Duration{
		&t.Retry: 2 * time.Second, &t.MaxRetry: 512 * time.Second, &t.Push: time.Minute,
	} {
		if *field == 0 {
			*field = usual
		}
	}
	return o
}

// A Server is one homeserver on loopback. All its methods may be called from
// any goroutine.
type Server struct {
	URL string // http://127.0.0.1:port

	opts   Options
	log    *slog.Logger
	web    *http.Server
	client *http.Client // the way to application services
	ctx    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup // every goroutine, and every request

	mu       sync.Mutex
	closing  bool
	conns    map[net.Conn]struct{}
	up       context.Context // done while the server cannot be reached
	goAway   context.CancelFunc
	changed  chan struct{} // closed at the next change
	users    map[string]*user
	sessions map[string]*session // by access token
	services []*service
	rooms    map[string]*room
	roomsOf  map[string][]*room // by user, in the order of their first membership
	aliases  map[string]*room
	events   []*event // of all rooms, in order
	last     int      // position in the stream of events and account data
	sent     map[sending]string
	filters  []filter
	divert   func(Transaction) []Transaction
	faults   []*fault
}

// New starts a server. It panics if it cannot listen on loopback, or if
// opts cannot be used. The caller closes it.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	s := &Server{
		opts: opts, log: opts.Log,
		client:   &http.Client{Transport: &http.Transport{}, Timeout: opts.Timing.Push},
		conns:    map[net.Conn]struct{}{},
		changed:  make(chan struct{}),
		users:    map[string]*user{},
		sessions: map[string]*session{},
		rooms:    map[string]*room{},
		roomsOf:  map[string][]*room{},
		aliases:  map[string]*room{},
		sent:     map[sending]string{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.up, s.goAway = context.WithCancel(s.ctx)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("matrixtest: %v", err))
	}
	s.URL = "http://" + l.Addr().String()
	for _, r := range opts.AppServices {
		if err := s.AddAppService(r); err != nil {
			panic(fmt.Sprintf("matrixtest: %v", err))
		}
	}
	s.web = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ConnState:         s.track,
	}
	s.wg.Go(func() { _ = s.web.Serve(l) }) // until Close
	return s
}

// Close breaks all connections and returns when every goroutine has ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.stop()
	_ = s.web.Close()
	s.wg.Wait()
	s.client.CloseIdleConnections()
}

// SetReachable says whether the server is there for clients and application
// services. While it is not, connections are reset and no transaction is sent.
// It comes back at the same URL with all that it knew.
func (s *Server) SetReachable(reachable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case reachable == (s.up.Err() == nil):
		return
	case reachable:
		s.up, s.goAway = context.WithCancel(s.ctx)
		s.notify()
	default:
		s.goAway()
		for c := range s.conns {
			reset(c)
		}
	}
}

// track knows the connections, and lets none in while the server is away.
func (s *Server) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[c] = struct{}{}
		if s.up.Err() != nil {
			reset(c)
		}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, c)
	}
}

// reset closes a connection without a goodbye.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it may be closed already
	}
	_ = c.Close()
}

// notify wakes those who wait for a change of any kind.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// AddUser makes a user who can log in with that password and gives its id. It
// panics if there is such a user, or the name is not one that users may have.
func (s *Server) AddUser(name, password string) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !localpart.MatchString(name) {
		panic(fmt.Sprintf("matrixtest: no user can be called %q", name))
	}
	if s.users[s.userID(name)] != nil {
		panic(fmt.Sprintf("matrixtest: there is a user %s already", name))
	}
	return s.addUser(name, password).id
}

// localpart is the grammar of new user ids (Client-Server API, "User
// Identifiers").
var localpart = regexp.MustCompile(`^[a-z0-9._=/+-]+$`)

func (s *Server) userID(name string) string { return "@" + name + ":" + s.opts.ServerName }

func (s *Server) addUser(name, password string) *user {
	u := &user{id: s.userID(name), name: name, password: password, data: map[dataKey]*datum{}, changed: make(chan struct{})}
	s.users[u.id] = u
	return u
}

// AddAppService registers one more application service, as a restart with a new
// registration would. Its own user is there at once.
func (s *Server) AddAppService(r Registration) error {
	v, err := newService(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.services, func(other *service) bool { return other.ID == r.ID || other.ASToken == r.ASToken }) {
		return fmt.Errorf("registration %s: another one has its id or as_token", r.ID)
	}
	if s.users[s.userID(r.SenderLocalpart)] == nil {
		s.addUser(r.SenderLocalpart, "")
	}
	v.user = s.userID(r.SenderLocalpart)
	s.services = append(s.services, v)
	s.wg.Go(func() { s.push(v) })
	return nil
}
