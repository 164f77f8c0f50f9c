package wsjson

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"vertigo/internal/link"
)

// tooMany is why a client is not let in, though it may come.
const tooMany = "as many clients are connected as may be"

// A server lets clients in.
type server struct {
	*Transport
	ctx     context.Context // of Run
	clients sync.WaitGroup

	refused link.Complaints

	slots chan struct{} // one for each client that is here

	mu      sync.Mutex
	closed  bool  // nobody comes in any more
	number  int   // of connections that there were
	current *conn // where there is one client at most
}

// serve lets clients in on l until ctx is done.
func (t *Transport) serve(ctx context.Context, l net.Listener) {
	s := &server{Transport: t, ctx: ctx, slots: make(chan struct{}, t.cfg.Clients)}
	web := &http.Server{
		Handler:        s,
		TLSConfig:      t.tls,
		ReadTimeout:    t.times.dial, // of a WebSocket none of these times is left
		WriteTimeout:   t.times.dial + t.times.write,
		IdleTimeout:    t.times.dial,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(t.log.Handler(), slog.LevelDebug),
		TLSNextProto:   map[string]func(*http.Server, *tls.Conn, http.Handler){}, // a WebSocket opens by HTTP/1.1
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if t.tls != nil {
			_ = web.ServeTLS(l, "", "")
		} else {
			_ = web.Serve(l)
		}
	}()
	t.log.Info("listens", "address", l.Addr().String(), "path", t.cfg.Path)
	<-ctx.Done()
	_ = web.Close() // clients that are connected are no longer its own
	<-ended
	s.close()
	s.clients.Wait()
}

// ServeHTTP lets a client in, and serves it until it is gone.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.letIn(w, r) {
		return
	}
	if !s.begin() {
		http.Error(w, "Vertigo stops", http.StatusServiceUnavailable)
		return
	}
	defer s.clients.Done()
	if !s.only() {
		if !s.enter(0) {
			s.complain(r, tooMany)
			http.Error(w, "too many clients", http.StatusServiceUnavailable)
			return
		}
		defer s.leave()
	}
	upgrader := websocket.Upgrader{HandshakeTimeout: s.times.dial}
	if s.cfg.Subprotocol != "" {
		upgrader.Subprotocols = []string{s.cfg.Subprotocol}
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.complain(r, link.WithoutAddresses(err).Error())
		return
	}
	if s.only() {
		if !s.takeOver() {
			s.complain(r, tooMany)
			later := websocket.FormatCloseMessage(websocket.CloseTryAgainLater, "")
			_ = ws.WriteControl(websocket.CloseMessage, later, time.Now().Add(s.times.write))
			_ = ws.Close()
			return
		}
		defer s.leave()
	}
	c := s.open(s.name(), ws)
	s.seat(c)
	err = c.run(s.ctx)
	s.lost(s.ctx, c)
	if s.ctx.Err() == nil {
		c.log.Warn("connection lost", "err", err, "remote", r.RemoteAddr)
	}
}

// letIn answers those who may not come in.
func (s *server) letIn(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.URL.Path != s.cfg.Path:
		http.NotFound(w, r)
	case s.cfg.credential().Rebound(r):
		s.complain(r, "without a token, it must ask for this machine by address, or as localhost")
		http.Error(w, "ask for this machine by address, or as localhost", http.StatusMisdirectedRequest)
	case !s.cfg.credential().Shown(r):
		s.complain(r, "token or password missing or wrong")
		s.cfg.credential().Refuse(w)
	case s.cfg.Subprotocol != "" && !slices.Contains(websocket.Subprotocols(r), s.cfg.Subprotocol):
		s.complain(r, "it does not ask for the subprotocol")
		http.Error(w, "the subprotocol is "+s.cfg.Subprotocol, http.StatusBadRequest)
	default:
		return true
	}
	return false
}

// begin counts a client, so that its end is waited for, unless nobody comes in any
// more.
func (s *server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.clients.Add(1)
	}
	return !s.closed
}

// takeOver is for a client where there is one: who comes is the same one again, and
// the connection before it has died, though nobody has told us yet. Whether it is
// one the handshake has shown: a stray request ends nothing.
func (s *server) takeOver() bool {
	s.mu.Lock()
	if s.current != nil {
		_ = s.current.ws.Close()
	}
	s.mu.Unlock()
	return s.enter(s.times.write)
}

// enter takes a slot for a client, unless as many are taken as may be, for as long
// as it waits.
func (s *server) enter(wait time.Duration) bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
	}
	select {
	case s.slots <- struct{}{}:
		return true
	case <-time.After(wait):
	case <-s.ctx.Done():
	}
	return false
}

func (s *server) leave() {
	s.seat(nil)
	<-s.slots
}

// seat notes which connection it is, where there is one.
func (s *server) seat(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = c
}

// name is that of the next connection.
func (s *server) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	if s.only() {
		return link.ConnName(0, s.number)
	}
	return link.ConnName(s.number-1, 1)
}

func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// complain logs that a client was not let in.
func (s *server) complain(r *http.Request, why string) {
	if number, due := s.refused.Due(why, s.times.remind); due {
		s.log.Warn("client not let in", "why", why, "remote", r.RemoteAddr, "number", number)
	}
}
