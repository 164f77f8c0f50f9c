package verto

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/tidwall/gjson"
)

// patience is how long a test waits for what must come. In a synctest bubble
// it costs nothing.
const patience = 20 * time.Minute

// A testServer is a Verto server that says just what a test tells it to. It
// lives on pipes, so that a synctest bubble knows when it is idle.
type testServer struct {
	t        *testing.T
	incoming chan net.Conn
	conns    chan *testConn
	closed   chan struct{}

	mu      sync.Mutex
	starts  []byte // the first byte of each frame that a client wrote
	refuses bool
	refused int
}

func newTestServer(t *testing.T) *testServer {
	s := &testServer{
		t: t, incoming: make(chan net.Conn),
		conns: make(chan *testConn, 100), closed: make(chan struct{}),
	}
	server := &http.Server{Handler: s}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(s)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return s
}

func (s *testServer) dial() (net.Conn, error) {
	s.mu.Lock()
	refuses := s.refuses
	if refuses {
		s.refused++
	}
	s.mu.Unlock()
	if refuses {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	select {
	case s.incoming <- theirs:
		return &frameConn{Conn: ours, server: s}, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// refuse lets the server take connections or not, and gives how many it did not.
func (s *testServer) refuse(refuses bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = refuses
	return s.refused
}

// A frameConn notes how the frames begin that are written to it.
type frameConn struct {
	net.Conn
	server *testServer
	opened bool // the handshake was written
}

func (c *frameConn) Write(p []byte) (int, error) {
	if c.opened {
		c.server.mu.Lock()
		c.server.starts = append(c.server.starts, p[0])
		c.server.mu.Unlock()
	}
	c.opened = true
	return c.Conn.Write(p)
}

func (s *testServer) firstBytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]byte(nil), s.starts...)
}

func (s *testServer) Accept() (net.Conn, error) {
	select {
	case conn := <-s.incoming:
		return conn, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *testServer) Close() error {
	close(s.closed)
	return nil
}

func (s *testServer) Addr() net.Addr {
	return &net.UnixAddr{Name: "test"}
}

func (s *testServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := new(websocket.Upgrader).Upgrade(w, r, nil)
	if err != nil {
		s.t.Errorf("upgrade: %v", err)
		return
	}
	ws.SetPingHandler(func(string) error {
		s.t.Error("the client sent a WebSocket ping")
		return nil
	})
	c := &testConn{
		t: s.t, ws: ws, requests: make(chan gjson.Result, 1000),
		replies: make(chan gjson.Result, 1000), ended: make(chan struct{}), pong: true,
	}
	s.conns <- c
	c.read()
}

// next waits for the client's next connection.
func (s *testServer) next() *testConn {
	s.t.Helper()
	select {
	case c := <-s.conns:
		return c
	case <-time.After(patience):
		s.t.Fatal("the client did not connect")
		return nil
	}
}

// ready waits for the next connection and lets it log in.
func (s *testServer) ready(reattached ...string) *testConn {
	s.t.Helper()
	c := s.next()
	c.login(reattached...)
	return c
}

// A testConn is one socket, seen from the server.
type testConn struct {
	t        *testing.T
	ws       *websocket.Conn
	requests chan gjson.Result // without the pings that are answered
	replies  chan gjson.Result // to requests of the server
	ended    chan struct{}

	mu     sync.Mutex
	lastID int
	pong   bool
	sessid string
}

func (c *testConn) read() {
	defer close(c.ended)
	defer func() { _ = c.ws.Close() }()
	for {
		_, data, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		m := gjson.ParseBytes(data)
		switch {
		case m.Get("method").String() == "verto.ping" && c.pongs():
			c.result(m, `{"message":"PONG"}`)
		case m.Get("method").Exists():
			c.requests <- m
		default:
			c.replies <- m
		}
	}
}

func (c *testConn) pongs() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pong
}

// silent makes the server answer no more pings.
func (c *testConn) silent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pong = false
}

// expect waits for the client's next request, which must be of that method.
func (c *testConn) expect(method string) gjson.Result {
	c.t.Helper()
	select {
	case m := <-c.requests:
		if got := m.Get("method").String(); got != method {
			c.t.Fatalf("the client sent %s, want %s", m.Raw, method)
		}
		return m
	case <-time.After(patience):
		c.t.Fatalf("the client sent no %s", method)
		return gjson.Result{}
	}
}

func (c *testConn) raw(kind int, data string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ws.WriteMessage(kind, []byte(data)); err != nil {
		c.t.Errorf("server: %v", err)
	}
}

func (c *testConn) text(format string, args ...any) {
	c.t.Helper()
	c.raw(websocket.TextMessage, fmt.Sprintf(format, args...))
}

func (c *testConn) result(request gjson.Result, result string) {
	c.t.Helper()
	c.text(`{"jsonrpc":"2.0","id":%s,"result":%s}`, request.Get("id").Raw, result)
}

func (c *testConn) error(request gjson.Result, code int, message string) {
	c.t.Helper()
	c.text(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q}}`, request.Get("id").Raw, code, message)
}

// say sends a request of the server, and waits for its acknowledgement. Its
// ids begin at 1, as the client's do.
func (c *testConn) say(method, params string) {
	c.t.Helper()
	c.lastID++
	c.text(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, c.lastID, method, params)
	select {
	case m := <-c.replies:
		if m.Get("id").Int() != int64(c.lastID) || m.Get("result.method").String() != method {
			c.t.Errorf("%s %d is acknowledged by %s", method, c.lastID, m.Raw)
		}
	case <-time.After(patience):
		c.t.Errorf("%s is not acknowledged", method)
	}
}

// login accepts the login and says clientReady after the time that a real
// server takes.
func (c *testConn) login(reattached ...string) {
	c.t.Helper()
	m := c.expect("login")
	c.sessid = m.Get("params.sessid").String()
	c.result(m, `{"message":"logged in","sessid":"`+c.sessid+`"}`)
	time.Sleep(100 * time.Millisecond)
	list := ""
	if len(reattached) > 0 {
		list = `"` + strings.Join(reattached, `","`) + `"`
	}
	c.say("verto.clientReady", `{"reattached_sessions":[`+list+`]}`)
}

// drop breaks the connection off.
func (c *testConn) drop() {
	_ = c.ws.NetConn().Close()
	<-c.ended
}
