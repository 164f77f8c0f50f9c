package verto

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// A rig is a running client, its server and what became of both.
type rig struct {
	t      *testing.T
	client *Client
	server *testServer
	got    chan engine.Message
	log    *logBuffer
	stop   func() // ends Run and waits for it

	mu    sync.Mutex
	lines []tapLine
}

type tapLine struct {
	at        time.Time
	dir, conn string
	data      string
}

// start runs a client of a test server. It is called within a bubble.
func start(t *testing.T, cfg Config) *rig {
	t.Helper()
	return startWith(t, cfg, "")
}

func startWith(t *testing.T, cfg Config, stateFile string) *rig {
	t.Helper()
	r := &rig{t: t, server: newTestServer(t), got: make(chan engine.Message, 10_000), log: new(logBuffer)}
	if cfg.URL == "" {
		cfg.URL = "ws://pbx.test:8081/"
	}
	if cfg.Login == "" && cfg.Accounts == nil {
		cfg.Login, cfg.Password = "1008@pbx.test", "top secret"
	}
	client, err := New("pbx", cfg, Options{Log: slogTo(r.log), Tap: r.tap, StateFile: stateFile})
	if err != nil {
		t.Fatal(err)
	}
	client.netDial = func(context.Context, string, string) (net.Conn, error) { return r.server.dial() }
	r.client = client

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := client.Run(ctx, func(batch []engine.Message) {
			for _, m := range batch {
				r.got <- m
			}
		})
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(func() {
		r.stop()
		if strings.Contains(r.log.String(), "top secret") {
			t.Error("the password stands in the log")
		}
	})
	return r
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

// expect waits for the next message, which must be of that type and call.
func (r *rig) expect(typ, key string) engine.Message {
	r.t.Helper()
	select {
	case m := <-r.got:
		if m.Type != typ || m.Key != key {
			r.t.Fatalf("got %s of call %q: %s; want %s of call %q", m.Type, m.Key, m.Body, typ, key)
		}
		if m.Transport != "pbx" || m.At.IsZero() || !gjson.ValidBytes(m.Body) {
			r.t.Errorf("message is not complete: %+v", m)
		}
		return m
	case <-time.After(patience):
		r.t.Fatalf("no %s of call %q came", typ, key)
		return engine.Message{}
	}
}

// quiet checks that no message waits.
func (r *rig) quiet() {
	r.t.Helper()
	select {
	case m := <-r.got:
		r.t.Fatalf("unexpected %s: %s", m.Type, m.Body)
	default:
	}
}

func (r *rig) send(method, key string) {
	body := fmt.Sprintf(`{"dialogParams":{"callID":%q}}`, key)
	r.client.Send(engine.Action{To: "pbx", Type: method, Call: engine.CallID("call of " + key), Key: key, Body: []byte(body)})
}

// call places a call that the server accepts.
func (r *rig) call(c *testConn, key string) {
	r.t.Helper()
	r.send("verto.invite", key)
	c.result(c.expect("verto.invite"), `{"message":"CALL CREATED","callID":"`+key+`"}`)
	r.expect("verto.invite.ok", key)
}

func problem(m engine.Message) string {
	return gjson.GetBytes(m.Body, "error.message").String()
}

// A logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func slogTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, nil))
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// lines gives the lines that hold all of parts.
func (b *logBuffer) lines(parts ...string) []string {
	var found []string
	for line := range strings.Lines(b.String()) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}
