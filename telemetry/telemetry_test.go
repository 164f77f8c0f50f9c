package telemetry_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/telemetry"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const storyRules = `
[limit.callsAtOnce]
max = '1'
while = "call"
[buffer.candidates]
complete = 'len(items) >= 2'
idle = '1500ms'
[[rule]]
name = "begins"
on = "matrix m.call.invite"
new = true
limit = "callsAtOnce"
set = { direction = '"out"' }
next = "dialling"
send = { to = "pbx", type = "verto.invite", body = { sdp = "v=0", dialogParams = { callID = '${ call.uuid }' } } }
[[rule]]
name = "refused"
on = "matrix m.call.invite"
new = true
beyond = "callsAtOnce"
set = { direction = '"sideways"', cause = 'msg.content.cause ?? "CALL_REJECTED"' }
next = "end"
[[rule]]
name = "candidates"
on = "matrix m.call.candidates"
push.candidates = 'msg.content.candidates'
[[rule]]
name = "noted"
on = "pbx verto.answer"
also = true
set = { answered = 'now' }
[[rule]]
name = "answered"
on = "pbx verto.answer"
next = "talking"
[[rule]]
name = "fails"
on = "matrix m.call.negotiate"
when = 'int(msg.content.party_id) > 0'
[[rule]]
name = "ends"
on = "matrix m.call.hangup"
set = { cause = 'msg.content.cause ?? "USER_BUSY"' }
next = "end"
`

// A world is an engine that is counted.
type world struct {
	t       *testing.T
	engine  *engine.Engine
	metrics *telemetry.Metrics
	now     time.Time
	up      bool
	pbx     string // the call's key there
}

func load(tb testing.TB, text string) *rules.Set {
	tb.Helper()
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers:    []engine.Peer{{Name: "matrix", Protocol: matrix.Protocol}, {Name: "pbx", Protocol: verto.Protocol}},
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if set == nil {
		tb.Fatal(found)
	}
	return set
}

func newMetrics(up func() bool) *telemetry.Metrics {
	return telemetry.New(telemetry.Options{Version: "v1", Peers: []telemetry.Peer{
		{Name: "matrix", Schema: matrix.Schema, Up: func() bool { return true }, Stats: func() (int, uint64) { return 3, 7 }},
		{Name: "pbx", Schema: verto.Schema, Up: up},
	}})
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: t0}
	w.metrics = newMetrics(func() bool { return w.up })
	set := load(t, storyRules)
	w.metrics.SetRules(set.Ruleset, "c0ffee", t0)
	w.engine = engine.New(set.Ruleset, engine.Options{Observe: w.metrics.Observe})
	return w
}

// says lets a message come a second later.
func (w *world) says(transport, typ, key, body string) {
	w.now = w.now.Add(time.Second)
	m := engine.Message{Transport: transport, Type: typ, Key: key, At: w.now, Body: json.RawMessage(body)}
	if transport == "matrix" && key != "" {
		m.Scope = "!r"
	}
	actions := w.engine.Step(w.now, m)
	w.metrics.Stepped(20 * time.Microsecond)
	for _, a := range actions {
		w.metrics.Sent(a)
		w.pbx = a.Key
	}
}

func (w *world) matrix(typ, call, more string) {
	w.says("matrix", typ, call, fmt.Sprintf(`{"type":%q,"room_id":"!r","content":{"call_id":%q%s}}`, typ, call, more))
}

// scrape is what Prometheus gets.
func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// counted are the samples of metrics whose names begin so.
func counted(t *testing.T, m *telemetry.Metrics, prefixes ...string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(scrape(t, m)) {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(line, p) }) {
			lines = append(lines, strings.TrimPrefix(line, "vertigo_"))
		}
	}
	return strings.Join(lines, "")
}

func wants(t *testing.T, m *telemetry.Metrics, want string, prefixes ...string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), counted(t, m, prefixes...)); diff != "" {
		t.Errorf("counted otherwise (-want +got):\n%s", diff)
	}
}

// story is a call that is answered and ends, one that is refused meanwhile, and
// messages that come to nothing.
func story(w *world) {
	w.says("pbx", "transport.up", "", `{"method":"transport.up","params":{"account":"1008"}}`)
	w.says("pbx", "transport.up", "", `{"method":"transport.up","params":{"account":"1009"}}`)
	w.up = true
	w.matrix("m.call.candidates", "one", `,"candidates":[1]`)
	w.matrix("m.call.invite", "one", "")
	w.matrix("m.call.candidates", "one", `,"candidates":[2]`)
	w.matrix("m.call.candidates", "one", `,"candidates":[3]`)
	w.matrix("m.call.invite", "two", "")
	w.says("pbx", "verto.answer", w.pbx, `{"method":"verto.answer","params":{"callID":"x"}}`)
	w.matrix("m.call.negotiate", "one", `,"party_id":"no number"`)
	w.says("pbx", "verto.info.error", w.pbx, `{"error":{"message":"no"}}`)
	w.says("pbx", "transport.down", "", `{"method":"transport.down","params":{"account":"1009"}}`)
}

func TestAStoryIsCounted(t *testing.T) {
	w := newWorld(t)
	story(w)
	wants(t, w.metrics, `
calls{state="begun"} 0
calls{state="dialling"} 0
calls{state="talking"} 1
calls_begun_total 2
calls_ended_total{cause="CALL_REJECTED",direction="other"} 1
`, "vertigo_calls")
	w.matrix("m.call.hangup", "one", "")
	w.matrix("m.call.hangup", "one", "")
	wants(t, w.metrics, `
buffers_total{buffer="candidates",reason="complete"} 1
buffers_total{buffer="candidates",reason="idle"} 1
call_setup_seconds_sum{direction="out"} 4
call_setup_seconds_count{direction="out"} 1
calls{state="begun"} 0
calls{state="dialling"} 0
calls{state="talking"} 0
calls_begun_total 2
calls_ended_total{cause="CALL_REJECTED",direction="other"} 1
calls_ended_total{cause="USER_BUSY",direction="out"} 1
limit_exhausted_total{limit="callsAtOnce"} 1
messages_total{outcome="failed",transport="matrix",type="m.call.negotiate"} 1
messages_total{outcome="fired",transport="matrix",type="m.call.candidates"} 3
messages_total{outcome="fired",transport="matrix",type="m.call.hangup"} 1
messages_total{outcome="fired",transport="matrix",type="m.call.invite"} 2
messages_total{outcome="fired",transport="pbx",type="verto.answer"} 1
messages_total{outcome="late",transport="matrix",type="m.call.hangup"} 1
messages_total{outcome="unmatched",transport="engine",type="buffer.candidates"} 2
messages_total{outcome="unmatched",transport="engine",type="call.end"} 2
messages_total{outcome="unmatched",transport="pbx",type="transport.down"} 1
messages_total{outcome="unmatched",transport="pbx",type="transport.up"} 2
messages_total{outcome="unmatched",transport="pbx",type="verto.info.error"} 1
messages_total{outcome="waiting",transport="matrix",type="m.call.candidates"} 1
rule_failures_total{rule="fails"} 1
rule_hits_total{rule="answered"} 1
rule_hits_total{rule="begins"} 1
rule_hits_total{rule="candidates"} 3
rule_hits_total{rule="ends"} 1
rule_hits_total{rule="fails"} 0
rule_hits_total{rule="noted"} 1
rule_hits_total{rule="refused"} 1
send_errors_total{transport="pbx",type="verto.info"} 1
send_queue_length{transport="matrix"} 3
sends_retried_total{transport="matrix"} 7
sends_total{transport="pbx",type="verto.invite"} 1
step_duration_seconds_count 13
transport_sessions{transport="matrix"} 0
transport_sessions{transport="pbx"} 1
transport_up{transport="matrix"} 1
transport_up{transport="pbx"} 1
`, "vertigo_buffers", "vertigo_call_setup_seconds_sum", "vertigo_call_setup_seconds_count", "vertigo_calls", "vertigo_limit", "vertigo_messages",
		"vertigo_rule_", "vertigo_send", "vertigo_step_duration_seconds_count", "vertigo_transport")
}

// What peers say makes no labels.
func TestLabelsAreClosed(t *testing.T) {
	w := newWorld(t)
	for i := range 100 {
		call := fmt.Sprint("call", i)
		w.says("matrix", fmt.Sprint("org.example.", i), "", `{}`)
		w.says("elsewhere", "m.call.invite", "", `{}`)
		w.matrix("m.call.invite", call, "")
		w.matrix("m.call.hangup", call, fmt.Sprintf(`,"cause":"CAUSE_%d"`, i))
	}
	wants(t, w.metrics, `
calls_ended_total{cause="other",direction="out"} 100
messages_total{outcome="fired",transport="matrix",type="m.call.hangup"} 100
messages_total{outcome="fired",transport="matrix",type="m.call.invite"} 100
messages_total{outcome="unmatched",transport="engine",type="call.end"} 100
messages_total{outcome="unmatched",transport="matrix",type="other"} 100
`, "vertigo_messages", "vertigo_calls_ended")
}

// A call that began with other rules is counted under their names.
func TestReload(t *testing.T) {
	w := newWorld(t)
	w.matrix("m.call.invite", "one", "")
	set := load(t, strings.NewReplacer(`"begins"`, `"begins anew"`, `"ends"`, `"ends anew"`, `"dialling"`, `"calling"`).Replace(storyRules))
	w.engine.SetRules(set.Ruleset)
	w.metrics.SetRules(set.Ruleset, "decade", t0.Add(time.Minute))
	w.metrics.Reloaded(true)
	w.metrics.Reloaded(false)
	w.matrix("m.call.hangup", "one", "")
	w.matrix("m.call.invite", "two", "")
	wants(t, w.metrics, `
calls{state="begun"} 0
calls{state="calling"} 1
calls{state="dialling"} 0
calls{state="talking"} 0
reloads_total{result="faulty"} 1
reloads_total{result="ok"} 1
rule_hits_total{rule="answered"} 0
rule_hits_total{rule="begins"} 1
rule_hits_total{rule="begins anew"} 1
rule_hits_total{rule="candidates"} 0
rule_hits_total{rule="ends"} 1
rule_hits_total{rule="ends anew"} 0
rule_hits_total{rule="fails"} 0
rule_hits_total{rule="noted"} 0
rule_hits_total{rule="refused"} 0
rules_info{hash="decade"} 1
rules_loaded_timestamp_seconds 1.79534886e+09
`, "vertigo_calls{", "vertigo_reloads", "vertigo_rule")
}

// One message that several calls and rules act on is one message.
func TestAMessageCountsOnce(t *testing.T) {
	m := newMetrics(func() bool { return true })
	set := load(t, storyRules)
	m.SetRules(set.Ruleset, "", t0)
	msg := &engine.Message{Transport: "matrix", Type: "m.room.member"}
	for _, o := range []engine.Outcome{engine.Unmatched, engine.Failed, engine.Fired} {
		m.Observe(engine.Trace{Message: msg, Outcome: o})
	}
	m.Observe(engine.Trace{Message: &engine.Message{Transport: "matrix", Type: "m.room.member"}, Outcome: engine.Late})
	m.Stepped(0)
	m.Stepped(0)
	wants(t, m, `
messages_total{outcome="failed",transport="matrix",type="m.room.member"} 1
messages_total{outcome="late",transport="matrix",type="m.room.member"} 1
`, "vertigo_messages")
}

// Counting what has been counted before allocates nothing.
func TestCountingAllocatesNothing(t *testing.T) {
	m := newMetrics(func() bool { return true })
	set := load(t, storyRules)
	m.SetRules(set.Ruleset, "", t0)
	trace := engine.Trace{
		Message: &engine.Message{Transport: "matrix", Type: "m.call.candidates"}, Outcome: engine.Fired,
		Rule: set.Rules[2], Call: "one", From: "talking", To: "talking",
	}
	send := engine.Action{To: "pbx", Type: "verto.info"}
	if n := testing.AllocsPerRun(100, func() {
		m.Observe(trace)
		m.Stepped(time.Microsecond)
		m.Sent(send)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLint(t *testing.T) {
	w := newWorld(t)
	story(w)
	problems, err := promlint.New(strings.NewReader(scrape(t, w.metrics))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Every metric is described, as what it is, and every described one exists.
func TestDescriptions(t *testing.T) {
	w := newWorld(t)
	story(w)
	w.matrix("m.call.hangup", "one", "")
	described := map[string]telemetry.Metric{}
	for _, d := range telemetry.All {
		described[d.Name] = d
	}
	seen := map[string]bool{}
	for line := range strings.Lines(scrape(t, w.metrics)) {
		name, is, ok := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "# TYPE "), " ")
		if !ok || !strings.HasPrefix(line, "# TYPE vertigo_") {
			continue
		}
		seen[name] = true
		if d, known := described[name]; !known {
			t.Errorf("%s is not described", name)
		} else if string(d.Kind) != is {
			t.Errorf("%s is described as a %s, and is a %s", name, d.Kind, is)
		}
	}
	for name := range described {
		if !seen[name] {
			t.Errorf("%s is described, and does not exist", name)
		}
	}
}
