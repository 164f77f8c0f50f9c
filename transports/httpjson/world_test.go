package httpjson

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/wire"
)

// desk is a made-up peer with all that a format can have over HTTP.
var desk = wire.Format{
	Type:        []string{"body.event", "body.result.kind"},
	Key:         []string{"body.call", "call"},
	Acknowledge: json.RawMessage(`{"challenge":"${ msg.body.challenge }"}`),
}

const secret = "top secret"

// A rig is a transport that runs, and what became of it.
type rig struct {
	t         *testing.T
	transport *Transport
	pipes     *pipes
	got       chan engine.Message
	log       *logBuffer
	stop      func() // ends Run and waits for it

	// answer is the server that the transport sends to.
	answer func(w http.ResponseWriter, r *http.Request, body string)
	// rules, if not nil, are told of each request while the engine is about it.
	rules func(m engine.Message)

	mu      sync.Mutex
	heard   []heard
	lines   []tapLine
	letters []string
}

// heard is one request of the transport.
type heard struct {
	at                 time.Time
	method, path, body string
	header             http.Header
}

type tapLine struct{ dir, data string }

// newRig makes a transport that is to be run in the bubble of a test.
func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	r := &rig{
		t: t, pipes: &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})},
		got: make(chan engine.Message, 10_000), log: new(logBuffer),
		answer: func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusNoContent) },
	}
	var err error
	r.transport, err = New("desk", cfg, Options{Format: desk, Log: slog.New(slog.NewTextHandler(r.log, nil)), Tap: r.tap, DeadLetter: r.bury})
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

// startClient runs a transport that sends to a server of the test.
func startClient(t *testing.T, cfg Config) *rig {
	t.Helper()
	if cfg.URL == "" {
		cfg.URL = "http://desk.test/api"
	}
	r := newRig(t, cfg)
	server := &http.Server{Handler: http.HandlerFunc(r.hear)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(r.pipes)
	}()
	r.transport.client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return r.pipes.dial() }
	r.run()
	t.Cleanup(func() {
		r.stop()
		_ = server.Close()
		<-served
	})
	return r
}

// startServer runs a transport that requests of the test come to.
func startServer(t *testing.T, cfg Config) *rig {
	t.Helper()
	cfg.Listen, cfg.Token = "127.0.0.1:7490", secret
	r := newRig(t, cfg)
	r.transport.listen = pipesOf(r)
	r.run()
	t.Cleanup(r.stop)
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
	up := r.expect(engine.TransportUp)
	if string(up.Body) != `{"type":"transport.up"}` || up.Key != "" || !r.transport.Up() {
		r.t.Errorf("got %+v", up)
	}
}

func (r *rig) deliver(batch []engine.Message) {
	for _, m := range batch {
		if r.rules != nil && m.ID != "" {
			r.rules(m)
		}
		r.got <- m
	}
}

func (r *rig) hear(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // the transport has given it up
	}
	r.mu.Lock()
	r.heard = append(r.heard, heard{time.Now(), q.Method, q.URL.RequestURI(), string(body), q.Header})
	r.mu.Unlock()
	r.answer(w, q, string(body))
}

func (r *rig) tap(_ time.Time, dir, _ string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, tapLine{dir, string(data)})
}

func (r *rig) bury(_ time.Time, _ engine.Action, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.letters = append(r.letters, string(data))
}

// requests gives those that the server has heard, once all has been done that
// needs no time.
func (r *rig) requests() []heard {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]heard(nil), r.heard...)
}

func (r *rig) buried() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.letters...)
}

func (r *rig) tapped() []tapLine {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]tapLine(nil), r.lines...)
}

func (r *rig) send(id, call, body string) {
	r.transport.Send(engine.Action{To: "desk", Type: "call", Call: engine.CallID(call), ID: id, Body: json.RawMessage(body)})
}

// expect waits for the next message, which must be of that type.
func (r *rig) expect(typ string) engine.Message {
	r.t.Helper()
	select {
	case m := <-r.got:
		if m.Type != typ {
			r.t.Fatalf("got %s: %s; want %s", m.Type, m.Body, typ)
		}
		if m.Transport != "desk" || m.At.IsZero() || !gjson.ValidBytes(m.Body) {
			r.t.Errorf("message is not complete: %+v", m)
		}
		return m
	case <-time.After(time.Hour):
		r.t.Fatalf("no %s came", typ)
		return engine.Message{}
	}
}

// expectError waits for the next message, which must say why one of a call was not
// taken.
func (r *rig) expectError(call, reason string) engine.Message {
	r.t.Helper()
	m := r.expect("call.error")
	if got := gjson.GetBytes(m.Body, "error.reason").Str; got != reason || string(m.Call) != call || !m.Answer {
		r.t.Errorf("got %s of call %q, want %q of %q, as an answer", m.Body, m.Call, reason, call)
	}
	return m
}

// quiet checks that no message waits.
func (r *rig) quiet() {
	r.t.Helper()
	synctest.Wait()
	select {
	case m := <-r.got:
		r.t.Errorf("got %s: %s", m.Type, m.Body)
	default:
	}
}

// ask sends a request to a transport that listens, and gives its answer.
func (r *rig) ask(path, body string, change ...func(*http.Request)) (status int, header http.Header, text string) {
	r.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return r.pipes.dial() },
	}}
	q, err := http.NewRequest(http.MethodPost, "http://vertigo.test"+path, strings.NewReader(body))
	if err != nil {
		r.t.Error(err)
		return 0, nil, ""
	}
	q.Header.Set("Authorization", "Bearer "+secret)
	q.Header.Set("Content-Type", "application/json")
	for _, f := range change {
		f(q)
	}
	resp, err := client.Do(q)
	if err != nil {
		r.t.Error(err)
		return 0, nil, ""
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Error(err)
	}
	return resp.StatusCode, resp.Header, strings.TrimSpace(string(said))
}

// with sets a header of a request.
func with(name, value string) func(*http.Request) {
	return func(q *http.Request) { q.Header.Set(name, value) }
}

// pipes is a network of one address, that a synctest bubble knows to be idle.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once

	mu      sync.Mutex
	refuses bool
}

func (p *pipes) dial() (net.Conn, error) {
	p.mu.Lock()
	refuses := p.refuses
	p.mu.Unlock()
	if refuses {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	select {
	case p.incoming <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// refuse lets it take connections or not.
func (p *pipes) refuse(refuses bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = refuses
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

// pipesOf is what a transport listens on in place of an address.
func pipesOf(r *rig) func(network, addr string) (net.Listener, error) {
	return func(string, string) (net.Listener, error) { return r.pipes, nil }
}

func refusing(string, string) (net.Listener, error) { return nil, errors.New("in use") }
