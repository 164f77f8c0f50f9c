package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vertigo/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const botID = "@bot:hs.test"

// A homeserver is scripted: it answers as a test wants it to, without a network,
// so that it can be used where time is fake.
type homeserver struct {
	syncs chan reply // what the next /sync requests get; none: they wait, then get nothing new

	mu       sync.Mutex
	answer   func(request) reply // everything but /sync; a zero reply stands for the usual one
	requests []request
}

type request struct {
	at           time.Time
	method, path string // path without /_matrix/client/v3, decoded
	query        url.Values
	auth, body   string
}

type reply struct {
	status int // 0: 200
	after  string
	date   string // of the Date header
	length int64  // announced, if not the true one
	body   string
	err    error
}

func newHomeserver() *homeserver {
	return &homeserver{syncs: make(chan reply, 64), answer: func(request) reply { return reply{} }}
}

func (h *homeserver) RoundTrip(req *http.Request) (*http.Response, error) {
	r := request{
		at: time.Now(), method: req.Method, query: req.URL.Query(), auth: req.Header.Get("Authorization"),
		path: strings.TrimPrefix(req.URL.Path, "/_matrix/client/v3"),
	}
	if req.Body != nil {
		data, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		r.body = string(data)
	}
	h.mu.Lock()
	h.requests = append(h.requests, r)
	answer := h.answer
	h.mu.Unlock()

	var res reply
	if r.path == "/sync" {
		res = h.sync(req.Context(), r)
	} else if res = answer(r); res == (reply{}) {
		res = usual(r)
	}
	if res.err != nil {
		return nil, res.err
	}
	resp := &http.Response{
		StatusCode: res.status, Header: http.Header{}, Request: req,
		Body: io.NopCloser(bytes.NewBufferString(res.body)), ContentLength: int64(len(res.body)),
	}
	if res.status == 0 {
		resp.StatusCode = http.StatusOK
	}
	if res.length != 0 {
		resp.ContentLength = res.length
	}
	if res.date != "" {
		resp.Header.Set("Date", res.date)
	}
	if res.after != "" {
		resp.Header.Set("Retry-After", res.after)
	}
	return resp, nil
}

func (h *homeserver) sync(ctx context.Context, r request) reply {
	hold, _ := strconv.Atoi(r.query.Get("timeout"))
	select {
	case res := <-h.syncs:
		return res
	default:
	}
	over := time.NewTimer(time.Duration(hold) * time.Millisecond)
	defer over.Stop()
	select {
	case res := <-h.syncs:
		return res
	case <-over.C:
		return reply{body: fmt.Sprintf(`{"next_batch":%q}`, r.query.Get("since")+"+")}
	case <-ctx.Done():
		return reply{err: ctx.Err()}
	}
}

// usual is what a homeserver without troubles says.
func usual(r request) reply {
	switch {
	case r.path == "/account/whoami":
		return reply{body: `{"user_id":"` + botID + `","device_id":"DEV"}`}
	case r.path == "/login":
		return reply{body: `{"user_id":"` + botID + `","device_id":"NEWDEV","access_token":"fresh"}`}
	case r.method == http.MethodPut:
		return reply{body: fmt.Sprintf(`{"event_id":"$of-%s"}`, r.path[strings.LastIndexByte(r.path, '/')+1:])}
	case r.method == http.MethodPost:
		return reply{body: `{"room_id":"!r:hs.test"}`}
	}
	return reply{status: http.StatusNotFound, body: `{"errcode":"M_UNRECOGNIZED","error":"no such thing"}`}
}

func (h *homeserver) answerWith(f func(request) reply) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = f
}

// asked are the requests so far whose path begins so.
func (h *homeserver) asked(prefix string) []request {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []request
	for _, r := range h.requests {
		if strings.HasPrefix(r.path, prefix) {
			found = append(found, r)
		}
	}
	return found
}

// A bot is a client at work on a scripted homeserver.
type bot struct {
	*Client
	hs  *homeserver
	log *logLines

	mu      sync.Mutex
	batches [][]engine.Message
	tapped  []string // direction, a space and the raw message

	engine func() // what the engine takes its time for, if anything

	cancel context.CancelFunc
	ended  chan error
}

type setting func(*Config, *Options)

func withStateFile(path string) setting {
	return func(_ *Config, o *Options) { o.StateFile = path }
}

func withPassword(cfg *Config, _ *Options) { cfg.Token, cfg.Password = "", "secret-password" }

// startBot runs a client until stop, or the end of the test. It is for use
// inside a synctest bubble.
func startBot(t *testing.T, hs *homeserver, settings ...setting) *bot {
	t.Helper()
	b := newBot(t, hs, settings...)
	b.run()
	return b
}

func newBot(t *testing.T, hs *homeserver, settings ...setting) *bot {
	t.Helper()
	b := &bot{hs: hs, log: &logLines{}, ended: make(chan error, 1)}
	cfg := Config{Homeserver: "https://hs.test", User: botID, Token: "secret-token"}
	opts := Options{
		Log: slog.New(slog.NewTextHandler(b.log, nil)),
		Tap: func(_ time.Time, dir, _ string, data []byte) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.tapped = append(b.tapped, dir+" "+string(data))
		},
	}
	for _, set := range settings {
		set(&cfg, &opts)
	}
	c, err := New("matrix", cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	c.http.Transport = hs
	b.Client = c
	return b
}

func (b *bot) run() {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	go func() { b.ended <- b.Run(ctx, b.deliver) }()
}

func (b *bot) deliver(batch []engine.Message) {
	if b.engine != nil {
		b.engine()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.batches = append(b.batches, batch)
}

// stop ends Run and gives its error.
func (b *bot) stop() error {
	b.cancel()
	return <-b.ended
}

// taken gives the batches delivered since the last time.
func (b *bot) taken() [][]engine.Message {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	batches := b.batches
	b.batches = nil
	return batches
}

// types are the types of messages, one text a batch.
func types(batches [][]engine.Message) []string {
	var out []string
	for _, batch := range batches {
		var names []string
		for _, m := range batch {
			names = append(names, m.Type)
		}
		out = append(out, strings.Join(names, " "))
	}
	return out
}

// bodies are the bodies of all messages.
func bodies(batches [][]engine.Message) []string {
	var out []string
	for _, batch := range batches {
		for _, m := range batch {
			out = append(out, string(m.Body))
		}
	}
	return out
}

// logLines keeps what was logged.
type logLines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

// with are the lines that contain text.
func (l *logLines) with(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.all.String()) {
		if strings.Contains(line, text) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// syncOf is a /sync reply whose joined rooms have these timelines, in order:
// room, events, room, events.
func syncOf(next string, timelines ...string) reply {
	var rooms []string
	for i := 0; i+1 < len(timelines); i += 2 {
		rooms = append(rooms, fmt.Sprintf(`%q:{"timeline":{"events":[%s],"limited":false,"prev_batch":"p"}}`, timelines[i], timelines[i+1]))
	}
	return reply{body: fmt.Sprintf(`{"next_batch":%q,"rooms":{"join":{%s}}}`, next, strings.Join(rooms, ","))}
}

// callEvent is an event of alice's.
func callEvent(typ, id, call string) string {
	return fmt.Sprintf(`{"content":{"call_id":%q,"party_id":"ALICE","version":"1"},"event_id":%q,"origin_server_ts":1,"sender":"@alice:hs.test","type":%q}`, call, id, typ)
}

var errReset = errors.New("connection reset by peer")
