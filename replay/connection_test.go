package replay_test

import (
	"strings"
	"testing"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/transports/wsjson"
)

const gatewayRules = `
[protocol.gw]
type    = ["kind", "event.name"]
key     = ["event.call", "line"]
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
on   = "gw event.call"
new  = true
next = "calling"
send = { to = "gw", type = "attach", body = { kind = "attach", session = "${ conn.session }" } }

[[rule]]
name = "there is a line"
on   = "gw attach.done"
in   = "calling"
next = "answering"
send = { to = "gw", type = "accept", body = { kind = "accept", line = "${ msg.line }", session = "${ conn.session }" } }

[[rule]]
name = "over"
on   = ["gw event.over", "gw over"]
next = "end"
`

// gatewayCapture was made by another program: it numbers its messages in its own
// way, and says nothing of its transport.
const gatewayCapture = `{"ts":"2026-11-22T10:00:00Z","transport":"gw","dir":"out","data":{"kind":"hello","txn":"t1"}}
{"ts":"2026-11-22T10:00:01Z","transport":"gw","dir":"in","data":{"kind":"done","txn":"t1","session":4829792425066868}}
{"ts":"2026-11-22T10:00:02Z","transport":"gw","dir":"in","data":{"kind":"event","event":{"name":"call","call":"c1"}}}
{"ts":"2026-11-22T10:00:03Z","transport":"gw","dir":"out","data":{"kind":"attach","session":4829792425066868,"txn":"t2"}}
{"ts":"2026-11-22T10:00:04Z","transport":"gw","dir":"in","data":{"kind":"done","txn":"t2","line":3506426466697432}}
{"ts":"2026-11-22T10:00:05Z","transport":"gw","dir":"out","data":{"txn":"t3","kind":"accept","session":4829792425066868,"line":3506426466697432}}
{"ts":"2026-11-22T10:00:06Z","transport":"gw","dir":"in","data":{"kind":"over","line":3506426466697432}}
`

func gateway(t *testing.T, text string) (*engine.Ruleset, []replay.Peer) {
	t.Helper()
	set, found := rules.Load([]string{"gw.toml"}, rules.Options{
		Unnamed:  &engine.Protocol{Kind: "ws-json"},
		Parts:    true,
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if found.HasErrors() {
		t.Fatal(found)
	}
	f := set.ProtocolOf("gw").Format
	return set.Ruleset, []replay.Peer{{
		Peer:     set.Peers[0],
		NewCodec: func(transport string) replay.Codec { return wsjson.NewCodec(transport, f) },
		Shape: replay.Shape{
			Reply: f.Reply, Word: f.Word, IDs: []string{f.Reply},
			TypeOf: func(data []byte) string {
				m, _ := f.Read(data)
				return m.Type
			},
		},
	}}
}

func TestReplayOfADeclaredPeer(t *testing.T) {
	set, peers := gateway(t, gatewayRules)
	lines, err := replay.Read("gw.ndjson", strings.NewReader(gatewayCapture), nil)
	if err != nil {
		t.Fatal(err)
	}
	ladder := replay.NewLadder(peers)
	result, err := replay.Play(lines, set, peers, ladder.Add)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range result.Expect() {
		t.Error(d)
	}
	var drawn strings.Builder
	if err := ladder.Write(&drawn, "gw.ndjson"); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"the connection begins → opening", "the connection: opening → open", "a call begins → calling", "calling → answering", "answering → end"} {
		if !strings.Contains(drawn.String(), part) {
			t.Errorf("the ladder has no %q", part)
		}
	}
	if t.Failed() {
		t.Log(drawn.String())
	}
	var explained strings.Builder
	x := replay.NewExplainer(&explained, "gw.ndjson")
	if err := replay.Explain(lines, set, peers, x.Add); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(explained.String(), "the connection; begins → opening") {
		t.Error(explained.String())
	}
}

// A capture of ours says itself when the transport is up.
func TestReplayTakesTheTransportsOwnWords(t *testing.T) {
	set, peers := gateway(t, gatewayRules)
	own := `{"ts":"2026-11-22T09:59:59Z","transport":"gw","dir":"in","data":{"kind":"transport.up"}}` + "\n" + gatewayCapture
	lines, err := replay.Read("gw.ndjson", strings.NewReader(own), nil)
	if err != nil {
		t.Fatal(err)
	}
	var ups int
	_, err = replay.Play(lines, set, peers, func(e replay.Event) {
		if e.Message.Type == engine.TransportUp && e.Trace.Outcome == engine.Fired {
			ups++
			if e.Trace.Now.Second() != 59 {
				t.Errorf("up at %v", e.Trace.Now)
			}
		}
	})
	if err != nil || ups != 1 {
		t.Errorf("%d times up, %v", ups, err)
	}
}

// Later files of a capture begin with a transport that is up.
func TestReplayOfALaterFile(t *testing.T) {
	set, peers := gateway(t, gatewayRules)
	down := gatewayCapture + `{"ts":"2026-11-22T10:00:07Z","transport":"gw","dir":"in","data":{"kind":"transport.down"}}` + "\n"
	lines, err := replay.Read("gw.ndjson", strings.NewReader(down), nil)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	_, err = replay.Play(lines, set, peers, func(e replay.Event) {
		if e.Trace.Outcome == engine.Fired && e.Trace.Connection != "" {
			states = append(states, e.Trace.To)
		}
	})
	if err != nil || strings.Join(states, " ") != "opening open" {
		t.Errorf("the connection was %q, %v", states, err)
	}
}

// An id that a message alone has may stand deep within it.
func TestReplyIDsWithinAMessage(t *testing.T) {
	set, peers := gateway(t, strings.Replace(gatewayRules, `reply   = "txn"`, `reply   = "head.txn"`, 1))
	deep := strings.NewReplacer(`"txn":"t1"`, `"head":{"txn":"t1","v":1}`, `"txn":"t2"`, `"head":{"txn":"t2"}`, `"txn":"t3"`, `"head":{"txn":"t3"}`).Replace(gatewayCapture)
	lines, err := replay.Read("gw.ndjson", strings.NewReader(deep), nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := replay.Play(lines, set, peers, func(replay.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, d := range result.Expect() {
		found = append(found, d.String())
	}
	if len(found) != 1 || !strings.Contains(found[0], "head.v: -1") {
		t.Errorf("%q", found)
	}
}

// Answers wait where the rules are slower than who made the capture: their types
// are known once what they answer was sent.
func TestAnswersWaitForSlowerRules(t *testing.T) {
	set, peers := gateway(t, strings.Replace(gatewayRules, `next = "calling"
send = { to = "gw", type = "attach", body = { kind = "attach", session = "${ conn.session }" } }
`, `next = "waiting"
timer.wait = '"3s"'

[[rule]]
name = "later"
on   = "engine timer.wait"
in   = "waiting"
next = "calling"
send = { to = "gw", type = "attach", body = { kind = "attach", session = "${ conn.session }" } }
`, 1))
	lines, err := replay.Read("gw.ndjson", strings.NewReader(gatewayCapture), nil)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	_, err = replay.Play(lines, set, peers, func(e replay.Event) {
		if e.Trace.Outcome == engine.Fired && e.Trace.Connection == "" {
			states = append(states, e.Message.Type+" → "+e.Trace.To)
		}
	})
	if want := "event.call → waiting, timer.wait → calling, attach.done → answering, over → end"; err != nil || strings.Join(states, ", ") != want {
		t.Errorf("%s, %v; want %s", strings.Join(states, ", "), err, want)
	}
}
