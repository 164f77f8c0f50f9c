package wsjson

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/wire"
)

// patience is how long a test waits for what must come. In a synctest bubble
// it costs nothing.
const patience = 20 * time.Minute

// door is a made-up peer with all that a format can have.
var door = wire.Format{
	Type:        []string{"type", "result.event"},
	Key:         []string{"call", "handle"},
	Reply:       "id",
	Answers:     []string{"done", "fail*"},
	Acknowledge: json.RawMessage(`{"ack":"${ msg.ask }"}`),
}

// A rig is a transport that runs, and what became of it.
type rig struct {
	t         *testing.T
	transport *Transport
	pipes     *pipes
	peers     chan *peer // that opened, seen from the server
	got       chan engine.Message
	log       *logBuffer
	busy      chan struct{} // full while the engine takes nothing
	stop      func()        // ends Run and waits for it

	mu     sync.Mutex
	lines  []tapLine
	shakes []*http.Request
	sent   int
}

type tapLine struct {
	at        time.Time
	dir, conn string
	data      string
}

const secret = "top secret"

// startClient runs a transport that connects to a server of the test.
func startClient(t *testing.T, cfg Config) *rig {
	t.Helper()
	cfg.URL = "ws://door.test/bell"
	r := newRig(t, cfg)
	server := &http.Server{Handler: http.HandlerFunc(r.accept)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(r.pipes)
	}()
	r.transport.netDial = func(context.Context, string, string) (net.Conn, error) { return r.pipes.dial() }
	r.run()
	t.Cleanup(func() {
		r.stop()
		_ = server.Close()
		<-served
	})
	return r
}

// startServer runs a transport that clients of the test connect to.
func startServer(t *testing.T, cfg Config) *rig {
	t.Helper()
	cfg.Listen, cfg.Token = "127.0.0.1:7490", secret
	r := newRig(t, cfg)
	r.transport.listen = func(string, string) (net.Listener, error) { return r.pipes, nil }
	r.run()
	t.Cleanup(r.stop)
	return r
}

func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	r := &rig{
		t: t, pipes: &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})},
		peers: make(chan *peer, 100), got: make(chan engine.Message, 10_000), busy: make(chan struct{}, 1), log: new(logBuffer),
	}
	var err error
	r.transport, err = New("door", cfg, Options{Format: door, Log: slog.New(slog.NewTextHandler(r.log, nil)), Tap: r.tap})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if strings.Contains(r.log.String(), secret) {
			t.Error("the secret stands in the log")
		}
	})
	return r
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.transport.Run(ctx, r.deliver); err != nil {
			r.t.Errorf("Run: %v", err)
		}
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
}

func (r *rig) deliver(batch []engine.Message) {
	r.busy <- struct{}{}
	defer func() { <-r.busy }()
	for _, m := range batch {
		r.got <- m
	}
}

// accept is the server of a transport that connects.
func (r *rig) accept(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.shakes = append(r.shakes, q)
	r.mu.Unlock()
	ws, err := (&websocket.Upgrader{Subprotocols: websocket.Subprotocols(q)}).Upgrade(w, q, nil)
	if err != nil {
		r.t.Errorf("upgrade: %v", err)
		return
	}
	p := newPeer(r.t, ws)
	r.t.Cleanup(p.drop)
	r.peers <- p
	p.read()
}

// next waits for the transport to connect.
func (r *rig) next() *peer {
	r.t.Helper()
	select {
	case p := <-r.peers:
		return p
	case <-time.After(patience):
		r.t.Fatal("nobody connected")
		return nil
	}
}

// dial connects to a transport that listens.
func (r *rig) dial(path string, header http.Header, subprotocols ...string) (*peer, *http.Response) {
	r.t.Helper()
	d := websocket.Dialer{
		NetDialContext: func(context.Context, string, string) (net.Conn, error) { return r.pipes.dial() },
		Subprotocols:   subprotocols,
	}
	ws, resp, err := d.Dial("ws://vertigo.test"+path, header)
	if err != nil {
		if resp == nil {
			r.t.Fatal(err)
		}
		return nil, resp
	}
	p := newPeer(r.t, ws)
	go p.read()
	r.t.Cleanup(p.drop)
	return p, resp
}

// enter is a client that is let in. It is called within a bubble.
func (r *rig) enter() *peer {
	r.t.Helper()
	p, resp := r.dial("/", http.Header{"Authorization": {"Bearer " + secret}})
	if p == nil {
		r.t.Fatalf("not let in: %s", resp.Status)
	}
	synctest.Wait() // until it is sent to
	return p
}

func (r *rig) tap(at time.Time, dir, conn string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, tapLine{at, dir, conn, string(data)})
}

func (r *rig) tapped() []tapLine {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]tapLine(nil), r.lines...)
}

// send hands the transport a message for a call, and gives its id.
func (r *rig) send(typ, call, body string) (id string) {
	r.sent++
	id = fmt.Sprintf("id-%d", r.sent)
	r.transport.Send(engine.Action{To: "door", Type: typ, Call: engine.CallID(call), ID: id, At: time.Now(), Body: json.RawMessage(body)})
	return id
}

// expect waits for the next message, which must be of that type.
func (r *rig) expect(typ string) engine.Message {
	r.t.Helper()
	select {
	case m := <-r.got:
		if m.Type != typ {
			r.t.Fatalf("got %s: %s; want %s", m.Type, m.Body, typ)
		}
		if m.Transport != "door" || m.At.IsZero() || !gjson.ValidBytes(m.Body) {
			r.t.Errorf("message is not complete: %+v", m)
		}
		return m
	case <-time.After(patience):
		r.t.Fatalf("no %s came", typ)
		return engine.Message{}
	}
}

// expectError waits for the next message, which must say that one of that type
// failed for that reason.
func (r *rig) expectError(typ, call, reason string) {
	r.t.Helper()
	m := r.expect(typ + ".error")
	if got := gjson.GetBytes(m.Body, "error.reason").Str; got != reason || string(m.Call) != call || !m.Answer {
		r.t.Errorf("got %s of call %q, want %q of %q, as an answer", m.Body, m.Call, reason, call)
	}
}

// quiet checks that no message waits.
func (r *rig) quiet() {
	r.t.Helper()
	select {
	case m := <-r.got:
		r.t.Errorf("got %s: %s", m.Type, m.Body)
	default:
	}
}

// A peer is the other end of a connection.
type peer struct {
	t     *testing.T
	ws    *websocket.Conn
	heard chan gjson.Result
	ended chan struct{}

	still   atomic.Bool // reads nothing more
	dropped chan struct{}
	once    sync.Once

	mu   sync.Mutex
	mute bool // answers no ping
}

func newPeer(t *testing.T, ws *websocket.Conn) *peer {
	p := &peer{t: t, ws: ws, heard: make(chan gjson.Result, 10_000), ended: make(chan struct{}), dropped: make(chan struct{})}
	pong := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.mute {
			return nil
		}
		return pong(data)
	})
	return p
}

func (p *peer) read() {
	defer close(p.ended)
	defer func() { _ = p.ws.Close() }()
	for {
		_, data, err := p.ws.ReadMessage()
		if err != nil {
			return
		}
		p.heard <- gjson.ParseBytes(data)
		if p.still.Load() {
			<-p.dropped
			return
		}
	}
}

// deaf lets it read nothing more after the next message.
func (p *peer) deaf() { p.still.Store(true) }

func (p *peer) silent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = true
}

// expect waits for the next message, which must have that text at a path.
func (p *peer) expect(path, text string) gjson.Result {
	p.t.Helper()
	select {
	case m := <-p.heard:
		if got := m.Get(path).String(); got != text {
			p.t.Fatalf("heard %s, want %s %q", m.Raw, path, text)
		}
		return m
	case <-time.After(patience):
		p.t.Fatalf("heard no %s %q", path, text)
		return gjson.Result{}
	}
}

func (p *peer) say(format string, args ...any) {
	p.t.Helper()
	if err := p.ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)); err != nil {
		p.t.Errorf("peer: %v", err)
	}
}

// drop breaks the connection off.
func (p *peer) drop() {
	p.once.Do(func() { close(p.dropped) })
	_ = p.ws.NetConn().Close()
	<-p.ended
}

// pipes is a network of one address, that a synctest bubble knows to be idle.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once

	mu      sync.Mutex
	refuses bool
	refused int
}

func (p *pipes) dial() (net.Conn, error) {
	p.mu.Lock()
	if p.refuses {
		p.refused++
		p.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	p.mu.Unlock()
	ours, theirs := net.Pipe()
	select {
	case p.incoming <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// refuse lets it take connections or not, and gives how many it did not.
func (p *pipes) refuse(refuses bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = refuses
	return p.refused
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.incoming:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "test"} }

// A logBuffer is a log that is written to and read at once.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
