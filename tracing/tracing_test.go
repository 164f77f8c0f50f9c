package tracing

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

const storyRules = `
[[rule]]
name = "begins"
on = "matrix m.call.invite"
new = true
set = { direction = '"out"', user = 'msg.sender', number = '"+442071234567"' }
next = "dialling"
send = { to = "pbx", type = "verto.invite", body = { sdp = '${ msg.content.sdp }', dialogParams = { callID = '${ call.uuid }' } } }
[[rule]]
name = "noted"
on = "pbx verto.answer"
also = true
set = { answered = 'now' }
[[rule]]
name = "answered"
on = "pbx verto.answer"
next = "talking"
[rule.send]
to = "matrix"
type = "m.call.answer"
room = "!room:example.org"
[[rule]]
name = "fails"
on = "matrix m.call.negotiate"
when = 'int(msg.content.party_id) > 0'
[[rule]]
name = "refused"
on = "pbx verto.info.error"
[[rule]]
name = "ends"
on = "matrix m.call.hangup"
set = { cause = '"USER_BUSY"' }
next = "end"
send = { to = "pbx", type = "verto.bye", body = { dialogParams = { callID = '${ call.uuid }' } } }
`

// A world is an engine that is traced.
type world struct {
	t      *testing.T
	engine *engine.Engine
	tracer *Tracer
	now    time.Time
	call   engine.CallID // the last that sent something
	pbx    string        // its key there
}

func newWorld(t *testing.T, tracer *Tracer) *world {
	t.Helper()
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers:    []engine.Peer{{Name: "matrix", Protocol: matrix.Protocol}, {Name: "pbx", Protocol: verto.Protocol}},
		ReadFile: func(string) ([]byte, error) { return []byte(storyRules), nil },
	})
	if set == nil {
		t.Fatal(found)
	}
	w := &world{t: t, tracer: tracer, now: time.Now().UTC().Add(-time.Hour)}
	w.engine = engine.New(set.Ruleset, engine.Options{Observe: tracer.Observe})
	return w
}

// says lets a message come a second later.
func (w *world) says(transport, typ, key, body string) {
	w.now = w.now.Add(time.Second)
	m := engine.Message{Transport: transport, Type: typ, Key: key, At: w.now, Body: json.RawMessage(body)}
	if transport == "matrix" {
		m.Scope = "!room:example.org"
	}
	for _, a := range w.engine.Step(w.now, m) {
		w.call, w.pbx = a.Call, a.Key
	}
	w.tracer.Stepped()
}

func (w *world) matrix(typ, call, more string) {
	w.says("matrix", typ, call, fmt.Sprintf(`{"type":%q,"sender":"@anna:example.org","content":{"call_id":%q%s}}`, typ, call, more))
}

// story is one call, with what can happen in it.
func (w *world) story() {
	w.matrix("m.call.invite", "one", `,"sdp":"v=0 secret"`)
	pbx := w.pbx
	w.says("pbx", "verto.answer", pbx, `{"method":"verto.answer","params":{"callID":"x"}}`)
	w.matrix("m.call.negotiate", "one", `,"party_id":"no number"`)
	w.matrix("m.call.candidates", "one", ``)
	w.says("pbx", "verto.info.error", pbx, `{"error":{"message":"secret"}}`)
	w.says("pbx", "transport.down", "", `{"method":"transport.down"}`)
	w.matrix("m.call.hangup", "one", "")
	w.matrix("m.call.hangup", "one", "")
}

func TestACallIsATrace(t *testing.T) {
	r := newReceiver(t)
	tracer, log := start(t, Config{Endpoint: r.URL})
	w := newWorld(t, tracer)
	w.story()
	tracer.Close(t.Context())
	spans := r.all()
	if diff := cmp.Diff(`call direction=out cause=USER_BUSY state=talking rule=ends +answered
matrix m.call.invite transport=matrix type=m.call.invite outcome=fired rules=["begins"] to=dialling sent=["pbx verto.invite"]
pbx verto.answer transport=pbx type=verto.answer outcome=fired rules=["noted" "answered"] from=dialling to=talking sent=["matrix m.call.answer"]
matrix m.call.negotiate transport=matrix type=m.call.negotiate outcome=failed rules=["fails"] ! rule "fails" (rules.toml:22:1) failed
matrix other transport=matrix type=m.call.candidates outcome=unmatched
pbx verto.info.error transport=pbx type=verto.info.error outcome=fired rules=["refused"] from=talking to=talking ! what was sent came to nothing
matrix m.call.hangup transport=matrix type=m.call.hangup outcome=fired rules=["ends"] from=talking to=end sent=["pbx verto.bye"]
matrix other transport=matrix type=m.call.hangup outcome=late
`, written(spans)); diff != "" {
		t.Fatalf("told otherwise (-want +got):\n%s", diff)
	}
	root := spans[0]
	if want := strings.ReplaceAll(string(w.call), "-", ""); hex.EncodeToString(root.TraceId) != want {
		t.Errorf("the trace is %x, not %s, the call's id", root.TraceId, want)
	}
	begun := w.now.Add(-7 * time.Second) // the first message came then
	if root.StartTimeUnixNano != uint64(begun.UnixNano()) || root.EndTimeUnixNano != uint64(begun.Add(6*time.Second).UnixNano()) {
		t.Errorf("the call is from %d to %d", root.StartTimeUnixNano, root.EndTimeUnixNano)
	}
	if at := begun.Add(time.Second); root.Events[0].TimeUnixNano != uint64(at.UnixNano()) {
		t.Errorf("answered at %d, not %d", root.Events[0].TimeUnixNano, at.UnixNano())
	}
	seen := map[string]bool{}
	for i, s := range spans[1:] {
		if !bytes.Equal(s.TraceId, root.TraceId) || !bytes.Equal(s.ParentSpanId, root.SpanId) {
			t.Errorf("%s is no part of the call", s.Name)
		}
		if texts(s.Attributes)["vertigo.call"] != string(w.call) {
			t.Errorf("%s does not name its call", s.Name)
		}
		if i < 5 && s.StartTimeUnixNano != uint64(begun.Add(time.Duration(i)*time.Second).UnixNano()) || s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("%s is from %d to %d", s.Name, s.StartTimeUnixNano, s.EndTimeUnixNano)
		}
		if s.Kind != otlp.Span_SPAN_KIND_CONSUMER {
			t.Errorf("%s is of kind %s", s.Name, s.Kind)
		}
		seen[string(s.SpanId)] = true
	}
	if seen[string(root.SpanId)] = true; len(seen) != len(spans) {
		t.Error("spans have the same ids")
	}
	if r.about["service.name"] != "vertigo" || r.about["service.version"] != "v1" {
		t.Errorf("sent as of %q", r.about)
	}
	if log.String() != "" {
		t.Errorf("logged:\n%s", log)
	}
}

// What stands in messages, and who calls whom, goes nowhere unless it is wanted.
func TestPersonal(t *testing.T) {
	personal := []string{"@anna:example.org", "+442071234567", "no number"}
	never := []string{"secret", "v=0", "!room"}
	for _, on := range []bool{false, true} {
		r := newReceiver(t)
		tracer, _ := start(t, Config{Endpoint: r.URL, Personal: on})
		newWorld(t, tracer).story()
		tracer.Close(t.Context())
		sent := string(bytes.Join(r.bodies, nil))
		for _, text := range never {
			if strings.Contains(sent, text) {
				t.Errorf("personal is %t, and %q is sent", on, text)
			}
		}
		for _, text := range personal {
			if strings.Contains(sent, text) != on {
				t.Errorf("personal is %t, and for %q it does not matter", on, text)
			}
		}
	}
}

// One call in so many is traced, as a whole or not at all, and always the same ones.
func TestOneIn(t *testing.T) {
	r := newReceiver(t)
	tracer, _ := start(t, Config{Endpoint: r.URL, OneIn: 10})
	traced := 0
	for i := range 1000 {
		call := engine.CallID(uuid.NewSHA1(uuid.NameSpaceURL, fmt.Append(nil, i)).String())
		if tracer.traceID(call).IsValid() {
			traced++
		}
		for _, typ := range []string{"m.call.invite", "m.call.hangup"} {
			tracer.Observe(engine.Trace{Message: &engine.Message{Transport: "matrix", Type: typ}, Outcome: engine.Unmatched, Call: call})
		}
	}
	tracer.Close(t.Context())
	if traced < 60 || traced > 140 {
		t.Errorf("%d of 1000 calls are traced", traced)
	}
	if len(r.all()) != 2*traced {
		t.Errorf("%d spans of %d calls", len(r.all()), traced)
	}
}

// A connection has no end, and what belongs to no call no trace.
func TestWhatIsNoCallIsNotTraced(t *testing.T) {
	r := newReceiver(t)
	tracer, _ := start(t, Config{Endpoint: r.URL})
	id := engine.CallID(uuid.NewSHA1(uuid.NameSpaceURL, []byte("conn")).String())
	tracer.Observe(engine.Trace{Message: &engine.Message{Transport: "janus", Type: "success"}, Outcome: engine.Fired, Call: id, Connection: "janus"})
	tracer.Observe(engine.Trace{Message: &engine.Message{Transport: "matrix", Type: "m.room.member"}, Outcome: engine.Unmatched})
	tracer.Close(t.Context())
	if spans := r.all(); len(spans) != 0 {
		t.Errorf("told of:\n%s", written(spans))
	}
}

// A peer's text that is no UTF-8, or too long, costs nothing of the rest.
func TestStrangeTypes(t *testing.T) {
	r := newReceiver(t)
	tracer, _ := start(t, Config{Endpoint: r.URL})
	id := engine.CallID(uuid.NewSHA1(uuid.NameSpaceURL, []byte("a call")).String())
	now := time.Now()
	rule := &engine.Rule{Name: "any"}
	for i, m := range []*engine.Message{
		{Transport: "janus", Type: "caf\xe9"},
		{Transport: "janus", Type: strings.Repeat("x", 1000)},
	} {
		m.At = now.Add(time.Duration(i) * time.Millisecond)
		tracer.Observe(engine.Trace{Now: now, Message: m, Outcome: engine.Fired, Rule: rule, Call: id})
	}
	tracer.Close(t.Context())
	spans := r.all()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	if got := spans[0].Name; got != "janus caf\uFFFD" {
		t.Errorf("the one is called %q", got)
	}
	if got := texts(spans[1].Attributes)["vertigo.type"]; len(got) != textLimit {
		t.Errorf("the other's type has %d bytes", len(got))
	}
}

func TestHeaders(t *testing.T) {
	r := newReceiver(t)
	tracer, log := start(t, Config{Endpoint: r.URL + "/otlp/", Headers: map[string]string{"Authorization": "Bearer s3cret", "X-Scope-OrgID": "phones"}})
	newWorld(t, tracer).story()
	r.answer(http.StatusForbidden)
	tracer.Close(t.Context())
	got := r.requests[0]
	if got.URL.Path != "/otlp/v1/traces" || got.Header.Get("Authorization") != "Bearer s3cret" || got.Header.Get("X-Scope-OrgID") != "phones" ||
		got.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("asked for %s with %q", got.URL.Path, got.Header)
	}
	if !strings.Contains(log.String(), "403") || strings.Contains(log.String(), "s3cret") {
		t.Errorf("logged:\n%s", log)
	}
}

// Headers are secrets of one server: another one does not get them.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newReceiver(t)
	r := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer r.Close()
	tracer, log := start(t, Config{Endpoint: r.URL, Headers: map[string]string{"X-Key": "s3cret"}})
	newWorld(t, tracer).story()
	tracer.Close(t.Context())
	if len(elsewhere.requests) != 0 || !strings.Contains(log.String(), "307") {
		t.Errorf("%d requests; logged:\n%s", len(elsewhere.requests), log)
	}
}

// An outage is told once, and its end once.
func TestOutage(t *testing.T) {
	r := newReceiver(t)
	tracer, log := start(t, Config{Endpoint: r.URL})
	w := newWorld(t, tracer)
	flush := func() {
		t.Helper()
		w.matrix("m.call.invite", fmt.Sprint(w.now), "")
		if err := tracer.provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	r.answer(http.StatusBadRequest)
	flush()
	flush()
	r.answer(0)
	flush()
	flush()
	tracer.Close(t.Context())
	if n := len(r.all()); n != 3 {
		t.Errorf("%d spans were taken", n)
	}
	got := log.String()
	if strings.Count(got, "\n") != 2 || strings.Count(got, "level=WARN msg=\"traces are not taken\"") != 1 ||
		!strings.Contains(got, "no room for spans") || strings.Count(got, "level=INFO msg=\"traces are taken again\" endpoint="+r.URL+" lost=2\n") != 1 {
		t.Errorf("logged:\n%s", got)
	}
}

// What a receiver answers is not logged by the page.
func TestErrorsAreShort(t *testing.T) {
	if got := []rune(short(errors.New(strings.Repeat("é", 10_000)))); len(got) != errorLimit+1 {
		t.Errorf("%d characters", len(got))
	}
	if got := short(errors.New("no")); got != "no" {
		t.Errorf("%q", got)
	}
}

// A receiver that does not answer makes neither the engine wait nor, for longer
// than it may, the end of the program.
func TestAReceiverThatHangs(t *testing.T) {
	asked := make(chan struct{}, 16)
	over := make(chan struct{})
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		asked <- struct{}{}
		select {
		case <-over:
		case <-req.Context().Done():
		}
	}))
	defer r.Close()
	defer close(over)
	tracer, log := start(t, Config{Endpoint: r.URL})
	id := engine.CallID(uuid.NewSHA1(uuid.NameSpaceURL, []byte("a call")).String())
	for range 2 * queueLimit {
		tracer.Observe(engine.Trace{Message: &engine.Message{Transport: "matrix", Type: "m.call.candidates"}, Outcome: engine.Unmatched, Call: id})
	}
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		tracer.Close(ctx)
	}()
	cancel()
	<-closed
	if got := log.String(); strings.Count(got, "traces are not taken") != 1 {
		t.Errorf("logged:\n%s", got)
	}
}

// A span that waits to be sent holds no more of a message than it tells.
func TestNoMessageIsHeldByItsType(t *testing.T) {
	text := strings.Repeat("é", 50_000)
	for _, given := range []string{text[:20], text} {
		got := clean(given)
		if unsafe.StringData(got) == unsafe.StringData(given) || !strings.HasPrefix(given, strings.TrimRight(got, "\uFFFD")) || len(got) > 5*textLimit || len(got) < min(len(given), textLimit) {
			t.Errorf("%d bytes became %d", len(given), len(got))
		}
	}
	if got := clean("a\xffb"); got != "a\uFFFDb" {
		t.Errorf("%q", got)
	}
}
