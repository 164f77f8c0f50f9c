package console

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/schema"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

// ownRules are what most users have: the shipped rules, and their own choices.
const ownRules = "include = [\"matrix-verto\"]\n[vars]\nemergency = \"refuse\"\n"

// realPeers are the transports as cmd/vertigo knows them.
func realPeers(*rules.Set) []replay.Peer {
	return []replay.Peer{
		{
			Peer:     engine.Peer{Name: "matrix", Protocol: matrix.Protocol},
			NewCodec: func(transport string) replay.Codec { return matrix.NewCodec(transport) },
			Shape:    replay.Shape{Type: "type", Body: "content", Echoes: true, IDs: []string{"content.call_id", "content.party_id", "txn_id"}},
		},
		{
			Peer:     engine.Peer{Name: "verto", Protocol: verto.Protocol},
			NewCodec: func(transport string) replay.Codec { return verto.NewCodec(transport) },
			Shape: replay.Shape{
				Type: "method", Body: "params", IDs: []string{"params.dialogParams.callID", "params.callID"},
				Mechanics: []string{"login", "verto.clientReady", "verto.ping"},
			},
		},
		{
			Peer:     engine.Peer{Name: calllog.Name, Protocol: calllog.Protocol},
			NewCodec: func(transport string) replay.Codec { return calllog.NewCodec(transport) },
			Shape:    replay.Shape{Type: "type", Body: "content", IDs: []string{"content.call"}, Mute: true},
		},
	}
}

// compile compiles rules.toml. Shipped rules hold against the schemas; rules that
// tests make up read fields that no server sends.
func compile(read func(string) ([]byte, error)) (*rules.Set, rules.Findings) {
	text, err := read("rules.toml")
	switch {
	case err == nil && string(text) == ownRules:
		return ownSet()
	case err == nil && !strings.Contains(string(text), `"matrix-verto"`):
		return load(read, nil)
	}
	return load(read, realSchemas)
}

var realSchemas = map[string]*schema.Set{"matrix": matrix.Schema, "verto": verto.Schema, calllog.Protocol.Kind: calllog.Schema}

// ownSet is what ownRules come to: most tests need it, and it takes long.
var ownSet = sync.OnceValues(func() (*rules.Set, rules.Findings) {
	return load(func(string) ([]byte, error) { return []byte(ownRules), nil }, realSchemas)
})

func load(read func(string) ([]byte, error), schemas map[string]*schema.Set) (*rules.Set, rules.Findings) {
	var peers []engine.Peer
	for _, p := range realPeers(nil) {
		peers = append(peers, p.Peer)
	}
	return rules.Load([]string{"rules.toml"}, rules.Options{Peers: peers, Parts: true, ReadFile: read, Schemas: schemas})
}

// A world is an engine that is recorded, and its console.
type world struct {
	t        testing.TB
	recorder *Recorder
	engine   *engine.Engine
	api      *API
	now      time.Time
}

func newWorld(t testing.TB, text string) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	w.recorder = NewRecorder(RecorderOptions{Version: "v1.2.3", Transports: []Transport{
		{Name: "matrix", Kind: "matrix", Up: func() bool { return true }}, {Name: "verto", Kind: "verto", Up: func() bool { return false }},
	}})
	set := w.load(text)
	w.engine = engine.New(set.Ruleset, engine.Options{Observe: w.recorder.Observe})
	w.api = NewAPI(w.recorder, APIOptions{Peers: realPeers, Compile: compile})
	return w
}

// load has the recorder know rules.
func (w *world) load(text string) *rules.Set {
	w.t.Helper()
	set, found := compile(func(string) ([]byte, error) { return []byte(text), nil })
	if set == nil {
		w.t.Fatal(found)
	}
	w.recorder.SetRules(Rules{Set: set, Files: []File{{"rules.toml", text}}, Hash: "c0ffee"}, w.now)
	return set
}

// reload has new calls follow other rules.
func (w *world) reload(text string) {
	w.t.Helper()
	w.engine.SetRules(w.load(text).Ruleset)
	w.recorder.Reloaded(true, nil)
}

func (w *world) step(at time.Time, batch ...engine.Message) []engine.Action {
	return stepped(w.engine, w.recorder, at, batch...)
}

// stepped has messages come, and a recorder see what becomes of them.
func stepped(e *engine.Engine, r *Recorder, at time.Time, batch ...engine.Message) []engine.Action {
	actions := e.Step(at, batch...)
	r.Stepped(e)
	return actions
}

// A came is a message of a capture, and when it came.
type came struct {
	at      time.Time
	message engine.Message
}

// capturedCalls gives the messages of a capture as a bridge that follows the
// shipped rules would have got them: answers name the ids that it gave.
func capturedCalls(t testing.TB, name string) []came {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := replay.Read(name, file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var list []came
	set, _ := ownSet()
	_, err = replay.Play(lines, set.Ruleset, realPeers(nil), func(e replay.Event) {
		if e.Place != "" && !e.Again && e.Message.Transport != ownTransport {
			list = append(list, came{e.Trace.Now, e.Message})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func captures(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, dir := range []string{"matrix", "joint"} {
		names, err := filepath.Glob("../testdata/captures/" + dir + "/*.ndjson")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, names...)
	}
	if len(all) < 40 {
		t.Fatalf("there are just %d captures", len(all))
	}
	return all
}

// play lets messages come at their own times.
func (w *world) play(list []came) {
	for _, one := range list {
		w.now = one.at
		w.step(w.now, one.message)
	}
}

// finish lets time go on until all calls have ended.
func (w *world) finish() {
	for len(w.engine.Calls()) > 0 {
		at, ok := w.engine.NextDeadline()
		if !ok {
			w.t.Fatal("calls last for ever")
		}
		w.now = at
		w.step(at)
	}
}

// get asks the API, and reads what it answers into v.
func (w *world) get(path string, v any) {
	w.t.Helper()
	answer := httptest.NewRecorder()
	w.api.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
	if answer.Code != 200 {
		w.t.Fatalf("%s: %d %s", path, answer.Code, answer.Body)
	}
	if err := json.Unmarshal(answer.Body.Bytes(), v); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
}

func (w *world) all() (calls Calls) {
	w.t.Helper()
	w.get("/api/calls?limit=1000", &calls)
	return calls
}

// short is what a test is called after a file.
func short(name string) string { return strings.TrimSuffix(filepath.Base(name), ".ndjson") }
