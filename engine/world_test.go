package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
	"vertigo/rules"
)

var t0 = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

var (
	matrix = engine.Protocol{Kind: "matrix", Address: []string{"room", "as", "state"}, Key: []string{"call_id"}, Scope: "room", Unscoped: []string{"user.*", "room.direct", "room.create", "query.reply"}}
	verto  = engine.Protocol{Kind: "verto", Key: []string{"dialogParams.callID", "callID"}}
	// A gateway has a session, and lines in it that calls come and go on.
	gateway = engine.Protocol{Kind: "gateway", Key: []string{"call", "line"}}
)

// peers are one Matrix side, a group of three servers, a gateway, a group of two,
// and a door that has one key for all its calls.
var peers = []engine.Peer{
	{Name: "matrix", Protocol: matrix},
	{Name: "pbx1", Group: "verto", Protocol: verto},
	{Name: "pbx2", Group: "verto", Protocol: verto},
	{Name: "pbx3", Group: "verto", Protocol: verto},
	{Name: "gw", Protocol: gateway},
	{Name: "gw1", Group: "gws", Protocol: gateway},
	{Name: "gw2", Group: "gws", Protocol: gateway},
	{Name: "door", Protocol: engine.Protocol{Kind: "door", Key: []string{"call"}, Recur: true}},
	{Name: "calllog", Protocol: engine.Protocol{Kind: "calllog"}},
}

// load compiles the text of a rule file.
func load(t testing.TB, text string) *engine.Ruleset {
	t.Helper()
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers:    peers,
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if found.HasErrors() {
		t.Fatal(found)
	}
	return set.Ruleset
}

// A world is an engine with a clock, and what it told about each message.
type world struct {
	*engine.Engine
	now  time.Time
	told []string
}

func newWorld(t testing.TB, rules string, limits engine.Limits) *world {
	t.Helper()
	w := &world{now: t0}
	w.Engine = engine.New(load(t, rules), engine.Options{Limits: limits, Observe: func(tr engine.Trace) {
		w.told = append(w.told, tell(tr))
	}})
	return w
}

// step lets messages come together, and returns the actions as show words them.
func (w *world) step(t testing.TB, messages ...string) []string {
	t.Helper()
	batch := make([]engine.Message, len(messages))
	for i, m := range messages {
		batch[i] = message(t, m)
		batch[i].At = w.now
	}
	return show(w.Step(w.now, batch...))
}

// message reads "TRANSPORT TYPE [SCOPE/]KEY[|KEY…] BODY [#ID]"; a key of - is
// none, and the body may be left out.
func message(t testing.TB, text string) engine.Message {
	t.Helper()
	text, id, _ := strings.Cut(text, " #")
	parts := strings.SplitN(text, " ", 4)
	if len(parts) < 3 {
		t.Fatalf("%q is not a message", text)
	}
	m := engine.Message{Transport: parts[0], Type: parts[1], Key: parts[2], ID: id, Body: json.RawMessage("{}")}
	if scope, key, ok := strings.Cut(m.Key, "/"); ok {
		m.Scope, m.Key = scope, key
	}
	if keys := strings.Split(m.Key, "|"); len(keys) > 1 {
		m.Key, m.Keys = keys[0], keys[1:]
	}
	if m.Key == "-" {
		m.Key = ""
	}
	if len(parts) == 4 {
		m.Body = json.RawMessage(parts[3])
	}
	return m
}

// show words actions as "TO TYPE BODY", with the address before the body.
func show(actions []engine.Action) []string {
	var lines []string
	for _, a := range actions {
		line := a.To + " " + a.Type
		if room := a.Address["room"]; room != "" {
			line += " " + room
		}
		lines = append(lines, line+" "+string(a.Body))
	}
	return lines
}

// tell words a trace: "OUTCOME TRANSPORT TYPE", and the rule or the fault.
func tell(t engine.Trace) string {
	line := fmt.Sprintf("%s %s %s", t.Outcome, t.Message.Transport, t.Message.Type)
	switch {
	case t.Err != nil:
		return line + ": " + t.Err.Error()
	case t.Rule != nil:
		return line + ": " + t.Rule.Name
	}
	return line
}

// A moment is a step in a story.
type moment struct {
	after time.Duration // since the moment before
	in    []string      // messages that come together
	want  []string      // actions
	told  []string      // what became of the messages; nil: not looked at
}

// A story is what happens to an engine, and what it must do.
type story struct {
	name   string
	rules  string
	limits engine.Limits
	plot   []moment
	calls  int // under way in the end
}

func (s story) run(t *testing.T) {
	w := newWorld(t, s.rules, s.limits)
	for i, m := range s.plot {
		w.now = w.now.Add(m.after)
		w.told = nil
		if diff := cmp.Diff(m.want, w.step(t, m.in...)); diff != "" {
			t.Errorf("moment %d, actions (-want +got):\n%s\ntold: %q", i+1, diff, w.told)
		}
		if m.told == nil {
			continue
		}
		if diff := cmp.Diff(m.told, w.told); diff != "" {
			t.Errorf("moment %d, told (-want +got):\n%s", i+1, diff)
		}
	}
	if got := len(w.Calls()); got != s.calls {
		t.Errorf("%d calls are under way in the end, want %d: %+v", got, s.calls, w.Calls())
	}
}

func runAll(t *testing.T, stories []story) {
	for _, s := range stories {
		t.Run(s.name, s.run)
	}
}

// long returns JSON of exactly n bytes.
func long(n int) string {
	return `{"x":"` + string(bytes.Repeat([]byte("x"), n-len(`{"x":""}`))) + `"}`
}

var engineLimits engine.Limits

// deep returns JSON of n lists within each other.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
