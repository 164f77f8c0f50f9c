package console

import (
	"encoding/json"
	"testing"
	"time"

	"vertigo/engine"
	"vertigo/rules"
)

const connectedRules = `
[protocol.gw]
type    = ["kind"]
key     = ["line"]
reply   = "txn"
answers = ["done"]

[[rule]]
name = "connected"
on   = "gw transport.up"
new  = "connection"
next = "opening"
send = { to = "gw", type = "hello", body.kind = "hello" }

[[rule]]
name = "open"
on   = "gw hello.done"
in   = "opening"
next = "open"
conn.session = 'msg.session'

[[rule]]
name = "somebody calls"
on   = "gw ring"
when = 'conn.session != nil'
new  = true
next = "ringing"
send = { to = "gw", type = "accept", body = { kind = "accept", line = "${ msg.line }", session = "${ conn.session }" } }

[[rule]]
name = "over"
on   = "gw over"
next = "end"
`

// The connection of a transport is kept beside the calls, is none of them, and what
// it remembers is known where calls are explained.
func TestConnections(t *testing.T) {
	w := &world{t: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	set, found := rules.Load([]string{"gw.toml"}, rules.Options{
		Unnamed: &engine.Protocol{Kind: "ws-json"}, Parts: true, ReadFile: func(string) ([]byte, error) { return []byte(connectedRules), nil },
	})
	if set == nil {
		t.Fatal(found)
	}
	w.recorder = NewRecorder(RecorderOptions{})
	w.recorder.SetRules(Rules{Set: set}, w.now)
	w.engine = engine.New(set.Ruleset, engine.Options{Observe: w.recorder.Observe})
	w.api = NewAPI(w.recorder, APIOptions{})
	says := func(typ, key string, of engine.CallID, body string) []engine.Action {
		w.now = w.now.Add(time.Second)
		return w.step(w.now, engine.Message{Transport: "gw", Type: typ, Key: key, Call: of, At: w.now, Body: json.RawMessage(body)})
	}
	hello := says(engine.TransportUp, "", "", `{}`)
	says("hello.done", "", hello[0].Call, `{"kind":"done","session":7}`)
	says("ring", "L1", "", `{"kind":"ring","line":"L1"}`)
	says("ring", "L2", "", `{"kind":"ring","line":"L2"}`)
	says("over", "L1", "", `{"kind":"over","line":"L1"}`)

	calls := w.all().Calls
	if len(calls) != 3 || !calls[2].Connection || calls[2].State != "open" || calls[0].Connection || calls[2].Messages != 2 {
		t.Fatalf("%+v", calls)
	}
	for _, c := range calls {
		w.explained(c)
	}
	var s State
	w.get("/api/state", &s)
	if s.Calls.Live != 1 || s.Calls.Kept != 2 {
		t.Errorf("%+v", s.Calls)
	}
	past := w.recorder.past(1) // the connection is not one of so many calls
	if past.calls != 1 || past.whole(past.begun) || len(past.list) != 3 {
		t.Errorf("%d messages of %d calls: %+v", len(past.list), past.calls, past)
	}
}
