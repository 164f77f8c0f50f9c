package engine_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

// gatewayRules open a session on a gateway, keep it alive, and have calls on it.
const gatewayRules = `
[[rule]]
name = "connected"
on   = "gw transport.up"
new  = "connection"
next = "opening"
send = { to = "gw", type = "create" }

[[rule]]
name = "again"
on   = "gw transport.up"
in   = ["opening", "ready"]
send = { to = "gw", type = "claim", body.session = "${ conn.session }" }

[[rule]]
name = "open"
on   = "gw created"
in   = "opening"
next = "ready"
conn = { session = 'msg.id', line = 'msg.line' }
timer.alive = '"25s"'
send = { to = "gw", type = "register", body = { line = "${ conn.line }", session = "${ conn.session }" } }

[[rule]]
name = "alive"
on   = "engine timer.alive"
in   = "ready"
timer.alive = '"25s"'
send = { to = "gw", type = "keepalive", body.session = "${ conn.session }" }

[[rule]]
name = "expired"
on   = "gw expired"
in   = "ready"
next = "end"

[[rule]]
name = "bye"
on   = "engine conn.stop"
in   = ["opening", "ready"]
send = { to = "gw", type = "destroy", body = { session = "${ conn.session }", why = "${ msg.reason }" } }

[[rule]]
name = "the gateway calls"
on   = "gw incoming"
new  = true
next = "ringing"
set  = { line = 'msg.line' }
send = { to = "matrix", type = "m.call.invite", room = "!r", body = { call_id = "${ call.uuid }", session = "${ conn.session }" } }

[[rule]]
name = "answered"
on   = "matrix answer"
in   = "ringing"
next = "talking"
send = { to = "gw", type = "accept", body = { line = "${ call.line }", session = "${ conn.session }" } }

[[rule]]
name = "media"
on   = "gw media"
in   = "talking"
send = { to = "matrix", type = "up", room = "!r", body.state = "${ conn.state }" }

[[rule]]
name = "over"
on   = "gw hangup"
in   = ["ringing", "talking"]
next = "end"

[[rule]]
name = "back"
on   = "gw transport.up"
in   = "talking"
send = { to = "gw", type = "probe", body = { line = "${ call.line }", session = "${ conn.session }" } }

[[rule]]
name = "lost"
on   = ["gw expired", "engine call.stop"]
in   = ["ringing", "talking"]
next = "end"
send = { to = "matrix", type = "m.call.hangup", room = "!r", body.call_id = "${ call.matrix.key }" }
`

const (
	sessionID = `4829792425066868`
	lineID    = `3506426466697432`
	created   = `gw created - {"id":` + sessionID + `,"line":` + lineID + `}`
	inSession = `"session":` + sessionID
	onLine    = `"line":` + lineID
	incoming  = "gw incoming c1|" + lineID + " {" + onLine + "}"
	invited   = `matrix m.call.invite !r {"call_id":"` + callID + `",` + inSession + `}`
	answer    = "matrix answer !r/" + callID
	accept    = "gw accept {" + onLine + "," + inSession + "}"
	callID    = "bc5755b9-3055-5972-aaa7-d694f7d8f9c3"
)

func TestConnections(t *testing.T) {
	up := moment{in: []string{"gw transport.up -"}, want: []string{"gw create {}"}, told: []string{"fired gw transport.up: connected"}}
	open := moment{in: []string{created}, want: []string{"gw register {" + onLine + "," + inSession + "}"}, told: []string{"fired gw created: open"}}
	runAll(t, []story{
		{name: "a session is opened and kept alive", rules: gatewayRules, plot: []moment{
			up, open,
			{after: 24 * time.Second},
			{after: time.Second, want: []string{"gw keepalive {" + inSession + "}"}, told: []string{"fired engine timer.alive: alive"}},
			{after: 25 * time.Second, want: []string{"gw keepalive {" + inSession + "}"}},
			{in: []string{"gw transport.down -"}, told: []string{"unmatched gw transport.down"}},
			{in: []string{"gw transport.up -"}, want: []string{"gw claim {" + inSession + "}"}, told: []string{"fired gw transport.up: again"}},
		}},
		{name: "one that has ended begins anew, and its timers are still", rules: gatewayRules, plot: []moment{
			up, open,
			{in: []string{"gw expired -"}, told: []string{"fired gw expired: expired"}},
			{after: time.Minute, told: nil},
			{in: []string{"gw media " + lineID}, told: []string{"waiting gw media"}}, // nobody has the line now
			up,
		}},
		{name: "a call begins on the connection's line, has it for its time, and gives it back", rules: gatewayRules, calls: 1, plot: []moment{
			up, open,
			{in: []string{incoming}, want: []string{invited}},
			// Before it is answered the line is still the connection's.
			{in: []string{"gw media " + lineID}, told: []string{"unmatched gw media"}},
			{in: []string{answer}, want: []string{accept}},
			{in: []string{"gw media " + lineID}, want: []string{`matrix up !r {"state":"ready"}`}},
			// A key that nobody has does not hide one that the call has.
			{in: []string{"gw media c9|" + lineID}, want: []string{`matrix up !r {"state":"ready"}`}},
			{in: []string{"gw hangup c1|" + lineID}, told: []string{"fired gw hangup: over", "unmatched engine call.end"}},
			// What comes late for the call is late; what comes on the line is the connection's.
			{in: []string{"gw hangup c1|" + lineID}, told: []string{"late gw hangup"}},
			{in: []string{"gw hangup " + lineID}, told: []string{"unmatched gw hangup"}},
			{in: []string{"gw incoming c2|" + lineID + " {" + onLine + "}"}, want: []string{`matrix m.call.invite !r {"call_id":"b44b970f-266d-5e81-ac7e-6d3ef1f49dff",` + inSession + `}`}},
		}},
		{name: "the socket is lost: the connection first, then each call", rules: gatewayRules, calls: 1, plot: []moment{
			up, open,
			{in: []string{incoming, answer}, want: []string{invited, accept}},
			{in: []string{"gw transport.down -", "gw transport.up -"}, want: []string{"gw claim {" + inSession + "}", "gw probe {" + onLine + "," + inSession + "}"}},
		}},
		{name: "what has no key is for the connection and each call", rules: gatewayRules, plot: []moment{
			up, open,
			{in: []string{incoming, answer}, want: []string{invited, accept}},
			{in: []string{"gw expired -"}, want: []string{`matrix m.call.hangup !r {"call_id":"bc5755b9-3055-5972-aaa7-d694f7d8f9c3"}`},
				told: []string{"fired gw expired: expired", "fired gw expired: lost", "unmatched engine call.end"}},
		}},
		{name: "without a connection such a message is for nobody", rules: gatewayRules, plot: []moment{
			{in: []string{"gw expired -"}, told: []string{"unmatched gw expired"}},
		}},
	})
}

func TestStopTellsCallsThenConnectionsOnce(t *testing.T) {
	w := newWorld(t, gatewayRules, engineLimits)
	w.step(t, "gw transport.up -", created)
	w.step(t, incoming)
	want := []string{
		`matrix m.call.hangup !r {"call_id":"bc5755b9-3055-5972-aaa7-d694f7d8f9c3"}`,
		`gw destroy {` + inSession + `,"why":"shutdown"}`,
	}
	if diff := cmp.Diff(want, show(w.Stop(w.now, "shutdown"))); diff != "" {
		t.Error(diff)
	}
	if again := w.Stop(w.now, "shutdown"); len(again) != 0 {
		t.Errorf("said again: %v", show(again))
	}
}

func TestConnectionsGoOnByNewRules(t *testing.T) {
	w := newWorld(t, gatewayRules, engineLimits)
	w.step(t, "gw transport.up -", created)
	w.SetRules(load(t, `
[[rule]]
name = "connected"
on   = "gw transport.up"
new  = "connection"
next = "opening"
timer.other = '"1s"'

[[rule]]
name = "opened"
on   = "gw created"
in   = "opening"
next = "ready"
conn.session = 'msg.id'
timer.alive = '"1s"'

[[rule]]
name = "alive"
on   = ["engine timer.alive", "engine timer.other"]
in   = "ready"
send = { to = "gw", type = "ping", body.id = "${ conn.session }" }
`))
	w.now = w.now.Add(25 * time.Second)
	if diff := cmp.Diff([]string{`gw ping {"id":` + sessionID + `}`}, w.step(t)); diff != "" {
		t.Error(diff)
	}
	w.SetRules(load(t, `
[[rule]]
name = "another"
on   = "gw other"
send = { to = "gw", type = "other" }
`))
	if got := w.Connections(); len(got) != 0 {
		t.Errorf("a connection in a state that the rules do not know: %+v", got)
	}
}

// A transport that is up when the rules first know of connections gets one, and
// what else hears of transports that come up hears nothing.
func TestNewRulesBeginConnections(t *testing.T) {
	const others = `
[[rule]]
name = "another"
on   = "gw transport.up"
send = { to = "gw", type = "noted" }
`
	w := newWorld(t, others, engineLimits)
	w.step(t, `gw transport.up - {"n":1}`, "gw1 transport.up -", "gw1 transport.down -")
	w.SetRules(load(t, others+strings.ReplaceAll(gatewayRules, `on   = "gw transport.up"
new  = "connection"`, `on   = "gw* transport.up"
new  = "connection"`)))
	if at, ok := w.NextDeadline(); !ok || at.After(w.now) {
		t.Errorf("the next step is due at %v, %v", at, ok)
	}
	if diff := cmp.Diff([]string{"gw create {}"}, w.step(t)); diff != "" {
		t.Error(diff)
	}
	if got := w.Connections(); len(got) != 1 || got[0].State != "opening" {
		t.Errorf("%+v", got)
	}
	w.SetRules(load(t, gatewayRules))
	if again := w.step(t); len(again) != 0 {
		t.Errorf("begun again: %v", again)
	}
}

// Lines come and go for as long as the connection lasts.
func TestConnectionsForgetOldKeys(t *testing.T) {
	w := newWorld(t, `
[[rule]]
name = "connected"
on   = "gw transport.up"
new  = "connection"
next = "ready"

[[rule]]
name = "a line"
on   = "gw line"
in   = "ready"
send = { to = "gw", type = "register", body.line = "${ msg.line }" }

[[rule]]
name = "heard"
on   = "gw heard"
in   = "ready"
send = { to = "gw", type = "yes" }
`, engine.Limits{Keys: 4})
	w.step(t, "gw transport.up -")
	for i := range 20 {
		line := strconv.Itoa(1000 + i)
		if got := w.step(t, `gw line - {"line":`+line+`}`); len(got) != 1 {
			t.Fatalf("line %d: told %q", i+1, w.told)
		}
		reply := message(t, "gw register.ok r"+line)
		reply.Call = w.Connections()[0].ID
		w.Step(w.now, reply)
		if keys := w.Connections()[0].Keys; len(keys) > 4 {
			t.Fatalf("%d keys", len(keys))
		}
	}
	if got := w.step(t, "gw heard 1019"); len(got) != 1 {
		t.Errorf("the last line is unknown: %q", w.told)
	}
	w.told = nil
	if got := w.step(t, "gw heard 1000"); len(got) != 0 {
		t.Errorf("the first line is known: %q", w.told)
	}
}

// An index of calls by their keys has nothing to do with a connection's.
func TestConnectionsAreInNoIndex(t *testing.T) {
	w := newWorld(t, `
[index.byGateway]
key = "call.gw.key"
`+gatewayRules, engineLimits)
	create := w.Step(w.now, message(t, "gw transport.up -"))
	reply := message(t, `gw created L1 {"id":1,"line":2}`)
	reply.Call = create[0].Call
	if got := w.Step(w.now, reply); len(got) != 1 || len(w.Connections()[0].Keys) != 2 {
		t.Errorf("%v, told %q, keys %v", got, w.told, w.Connections()[0].Keys)
	}
}

// What a call's rules leave alone is its line's.
func TestWhatTheCallLeavesAloneIsTheConnections(t *testing.T) {
	w := newWorld(t, gatewayRules+`
[[rule]]
name = "the registrar has lost it"
on   = "gw unregistered"
in   = "ready"
send = { to = "gw", type = "register", body.line = "${ conn.line }" }

[[rule]]
name = "of a call alone"
on   = "gw unregistered"
in   = "ringing"
when = 'msg.x == 1'
`, engineLimits)
	w.step(t, "gw transport.up -", created, incoming, answer)
	for _, tc := range []struct{ in, told, sent string }{
		{"gw unregistered " + lineID, "fired gw unregistered: the registrar has lost it", "gw register {" + onLine + "}"},
		{"gw media " + lineID, "fired gw media: media", `matrix up !r {"state":"ready"}`},
		{"gw unheard " + lineID, "unmatched gw unheard", ""},
	} {
		w.told = nil
		got := strings.Join(w.step(t, tc.in), ", ")
		if strings.Join(w.told, ", ") != tc.told || got != tc.sent {
			t.Errorf("%s: %q, sends %s", tc.in, w.told, got)
		}
	}
	w.step(t, "gw expired -")
	w.told = nil
	w.step(t, "gw transport.up -", created)
	w.step(t, incoming)
	if calls := w.Calls(); len(calls) != 0 {
		t.Errorf("a key that has ended begins no call: %v", calls)
	}
}

// A new call on a line is not the old one's, though that has not been heard to
// end.
func TestNewCallOnALine(t *testing.T) {
	w := newWorld(t, gatewayRules, engineLimits)
	w.step(t, "gw transport.up -", created, incoming, answer)
	if got := w.step(t, "gw incoming c2|"+lineID+" {"+onLine+"}"); len(got) != 1 || len(w.Calls()) != 2 {
		t.Errorf("%v, told %q", got, w.told)
	}
}

// A call that was sent to a member of a group stays with it, key or none.
func TestCallsStayWithAMember(t *testing.T) {
	for i := range 10 {
		w := newWorld(t, `
[[rule]]
name = "call"
on   = "matrix invite"
new  = true
next = "seizing"
send = { to = "gws", type = "attach" }

[[rule]]
name = "attached"
on   = "matrix go"
in   = "seizing"
send = { to = "gws", type = "register", body.line = 7 }
`, engineLimits)
		w.step(t, "gw1 transport.down -")
		invite := "matrix invite r/c" + strconv.Itoa(i)
		if got := w.step(t, invite); got[0] != "gw2 attach {}" {
			t.Fatal(got)
		}
		w.step(t, "gw1 transport.up -")
		if got := w.step(t, "matrix go r/c"+strconv.Itoa(i)); got[0] != `gw2 register {"line":7}` {
			t.Errorf("call %d: %v", i, got)
		}
	}
}

// A peer that calls all its calls the same has calls with ids of their own.
func TestKeysThatRecur(t *testing.T) {
	w := newWorld(t, `
[[rule]]
name = "ring"
on   = "door ring"
new  = true
next = "ringing"
send = { to = "matrix", type = "note", room = "!r", body.x = 1 }

[[rule]]
name = "over"
on   = "door over"
in   = "ringing"
next = "end"
`, engineLimits)
	seen := map[string]bool{}
	for i := range 3 {
		ring := w.Step(w.now, message(t, "door ring d1"))
		if len(ring) != 1 || seen[ring[0].ID] || seen[string(ring[0].Call)] {
			t.Fatalf("ring %d: %+v, told %q", i+1, ring, w.told)
		}
		seen[ring[0].ID], seen[string(ring[0].Call)] = true, true
		w.told = nil
		w.step(t, "door over d1", "door over d1")
		if diff := cmp.Diff([]string{"fired door over: over", "late door over", "unmatched engine call.end"}, w.told); diff != "" {
			t.Error(diff)
		}
		w.now = w.now.Add(time.Minute)
	}
}

// An answer that nobody waits for is no word to all calls.
func TestAnswersAreNotForAll(t *testing.T) {
	w := newWorld(t, gatewayRules, engineLimits)
	w.step(t, "gw transport.up -", created, incoming, answer)
	w.told = nil
	m := message(t, "gw expired -")
	m.Answer = true
	w.Step(w.now, m)
	if diff := cmp.Diff([]string{"unmatched gw expired"}, w.told); diff != "" || len(w.Calls()) != 1 {
		t.Error(diff)
	}
}

// Whatever becomes of it, what is a connection's is said to be.
func TestTracesNameTheConnection(t *testing.T) {
	var got []string
	e := engine.New(load(t, gatewayRules), engine.Options{Observe: func(tr engine.Trace) {
		got = append(got, string(tr.Outcome)+" "+tr.Message.Type+" "+tr.Connection)
	}})
	var of engine.CallID
	for _, a := range e.Step(t0, message(t, "gw transport.up -")) {
		of = a.Call
	}
	for _, text := range []string{created, "gw media -", `gw created - ` + deep(300), "gw expired -"} {
		e.Step(t0, message(t, text))
	}
	late := message(t, "gw created -")
	late.Call = of
	e.Step(t0, late)
	want := []string{"fired transport.up gw", "fired created gw", "unmatched media gw", "failed created gw", "fired expired gw", "late created gw"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What a connection's rule has done is undone as a whole if it fails.
func TestConnectionRulesAreAtomic(t *testing.T) {
	w := newWorld(t, `
[[rule]]
name = "connected"
on   = "gw transport.up"
new  = "connection"
next = "ready"
conn = { n = '1', gone = '"x"' }

[[rule]]
name = "failing"
on   = "gw fail"
in   = "ready"
conn = { n = '2', gone = 'nil', fresh = '3' }
next = "other"
send = { to = "gw", type = "never", body.x = "${ 1 / msg.zero }" }

[[rule]]
name = "asked"
on   = "gw ask"
in   = ["ready", "other"]
send = { to = "gw", type = "state", body = { n = "${ conn.n }", gone = "${ conn.gone }", fresh = "${ conn.fresh }", state = "${ conn.state }" } }
`, engineLimits)
	w.step(t, "gw transport.up -", `gw fail - {"zero":"x"}`)
	if diff := cmp.Diff([]string{`gw state {"n":1,"gone":"x","state":"ready"}`}, w.step(t, "gw ask -")); diff != "" {
		t.Error(diff, w.told)
	}
}

// A beginning that fails leaves no connection behind.
func TestConnectionThatFailsToBegin(t *testing.T) {
	w := newWorld(t, `
[[rule]]
name = "connected"
on   = "gw transport.up"
new  = "connection"
conn.n = '1 / msg.n'
next = "ready"
`, engineLimits)
	w.step(t, `gw transport.up - {"n":"x"}`)
	if got := w.Connections(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	w.step(t, `gw transport.up - {"n":1}`)
	if got := w.Connections(); len(got) != 1 {
		t.Errorf("%+v, told %q", got, w.told)
	}
}

// What a connection sends to its group is for its own transport.
func TestConnectionsOfAGroup(t *testing.T) {
	w := newWorld(t, `
[[rule]]
name = "connected"
on   = "gws transport.up"
new  = "connection"
next = "opening"
send = { to = "gws", type = "create" }

[[rule]]
name = "open"
on   = "gws created"
in   = "opening"
next = "ready"
conn.session = 'msg.id'
send = { to = "gws", type = "register", body.session = "${ conn.session }" }
`, engineLimits)
	got := w.step(t, "gw2 transport.up -", "gw1 transport.up -", `gw1 created - {"id":1}`, `gw2 created - {"id":2}`)
	want := []string{"gw2 create {}", "gw1 create {}", `gw1 register {"session":1}`, `gw2 register {"session":2}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Which connection an expression sees: its own, that of whom a message is made
// for, that of the message, that of the call's last key.
func TestWhichConnection(t *testing.T) {
	w := newWorld(t, `
[[rule]]
name = "connected"
on   = "gws transport.up"
new  = "connection"
next = "ready"
conn.name = 'msg.name'
send = { to = "gw", type = "hello", body.from = "${ conn.name }" }

[[rule]]
name = "call"
on   = "matrix invite"
new  = true
next = "calling"
send = { to = "gws", type = "call", body = { call = "${ call.uuid }", by = "${ conn.name }" } }

[[rule]]
name = "who"
on   = ["matrix who", "gw1 who", "gw2 who"]
in   = "calling"
send = { to = "matrix", type = "it", room = "!r", body.is = "${ conn.name }" }

[[rule]]
name = "who without a call"
on   = "matrix nobody"
send = { to = "matrix", type = "it", room = "!r", body.is = "${ conn.name }" }
`, engineLimits)
	got := w.step(t, `gw1 transport.up - {"name":"one"}`, `gw2 transport.up - {"name":"two"}`)
	if diff := cmp.Diff([]string{`gw hello {"from":"one"}`, `gw hello {"from":"two"}`}, got); diff != "" {
		t.Error(diff)
	}
	actions := w.Step(w.now, message(t, "matrix invite r/c1"))
	if len(actions) != 1 {
		t.Fatalf("%v, told %q", actions, w.told)
	}
	name := map[string]string{"gw1": "one", "gw2": "two"}[actions[0].To]
	want := []string{
		`matrix it !r {"is":"` + name + `"}`,
		`matrix it !r {}`,
	}
	if diff := cmp.Diff(want, w.step(t, "matrix who r/c1", "matrix nobody -")); diff != "" {
		t.Error(diff)
	}
	other := map[string]string{"gw1": "gw2", "gw2": "gw1"}[actions[0].To]
	m := message(t, other+" who -")
	m.Call = actions[0].Call
	if diff := cmp.Diff([]string{`matrix it !r {"is":"` + map[string]string{"gw1": "one", "gw2": "two"}[other] + `"}`}, show(w.Step(w.now, m))); diff != "" {
		t.Error(diff)
	}
}

// An answer belongs to the connection that asked, unless it names a call.
func TestAnswersOfConnections(t *testing.T) {
	w := newWorld(t, gatewayRules, engineLimits)
	create := w.Step(w.now, message(t, "gw transport.up -"))
	if len(create) != 1 || create[0].Call == "" {
		t.Fatalf("%+v", create)
	}
	reply := message(t, created)
	reply.Call = create[0].Call
	if diff := cmp.Diff([]string{"gw register {" + onLine + "," + inSession + "}"}, show(w.Step(w.now, reply))); diff != "" {
		t.Error(diff)
	}
	w.step(t, incoming, answer)
	media := message(t, "gw media "+lineID)
	media.Call = create[0].Call
	if diff := cmp.Diff([]string{`matrix up !r {"state":"ready"}`}, show(w.Step(w.now, media))); diff != "" {
		t.Error(diff)
	}
	w.step(t, "gw expired -")
	w.told = nil
	late := message(t, "gw created -")
	late.Call = create[0].Call
	w.Step(w.now, late)
	if diff := cmp.Diff([]string{"late gw created"}, w.told); diff != "" {
		t.Error(diff)
	}
}

func TestExplainingConnections(t *testing.T) {
	var got []*engine.Explanation
	e := engine.New(load(t, gatewayRules), engine.Options{Explain: func(x *engine.Explanation) { got = append(got, x) }})
	for _, m := range []string{"gw transport.up -", created, incoming, answer, "gw transport.up -", "gw media -"} {
		e.Step(t0, message(t, m))
	}
	var lines []string
	for _, x := range got {
		lines = append(lines, x.Message.Type+" "+string(x.Outcome)+" "+x.Connection)
		for _, c := range x.Candidates {
			lines = append(lines, "  "+c.Rule.Name+": "+c.Reason().Text)
		}
	}
	want := []string{
		"transport.up fired gw",
		"  connected: fired",
		"  again: for the transport's connection; it has not begun",
		"  back: for calls under way; this message is of none",
		"created fired gw",
		"  open: fired",
		"incoming fired ",
		"  the gateway calls: fired",
		"answer fired ",
		"  answered: fired",
		"transport.up fired gw",
		"  connected: for a transport without a connection; this one has begun",
		"  again: fired",
		"  back: for calls; this message is of the transport's connection",
		"transport.up fired ",
		"  connected: for the transport's connection; this message is of a call",
		"  again: for the transport's connection; this message is of a call",
		"  back: fired",
		"media unmatched gw",
		"  media: for calls; this message is of the transport's connection",
		"media fired ",
		"  media: fired",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// Whatever comes in whatever order, two engines do the same, and hold no more than
// they may.
func TestConnectionsInAnyOrder(t *testing.T) {
	rules := load(t, `
[index.byLine]
key = "call.line == nil ? call.gw.key : string(call.line)"
`+gatewayRules)
	words := []string{
		"gw transport.up -", "gw transport.down -", created, "gw expired -", incoming, "gw incoming c2|" + lineID + " {" + onLine + "}",
		answer, "gw media " + lineID, "gw media c9|" + lineID, "gw hangup c1|" + lineID, "gw hangup c2", "gw created L1", `gw fail - {"x":`,
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		one := engine.New(rules, engine.Options{Limits: engine.Limits{Keys: 3}, Observe: func(engine.Trace) {}, Explain: func(*engine.Explanation) {}})
		two := engine.New(rules, engine.Options{Limits: engine.Limits{Keys: 3}})
		now := t0
		var asked []engine.Action
		for range 60 {
			now = now.Add(time.Duration(r.IntN(20)) * time.Second)
			m := message(t, words[r.IntN(len(words))])
			if len(asked) > 0 && r.IntN(4) == 0 {
				m.Call, m.Answer = asked[r.IntN(len(asked))].Call, true
			}
			if r.IntN(30) == 0 {
				one.SetRules(rules)
				two.SetRules(rules)
			}
			got, other := one.Step(now, m), two.Step(now, m)
			if diff := cmp.Diff(got, other); diff != "" {
				t.Fatalf("seed %d: %s", seed, diff)
			}
			asked = append(asked, got...)
			if fault := one.IndexFault(); fault != "" {
				t.Fatalf("seed %d: %s", seed, fault)
			}
			for _, c := range append(one.Connections(), one.Calls()...) {
				if len(c.Keys) > 3 {
					t.Fatalf("seed %d: %+v", seed, c)
				}
			}
		}
		if len(one.Stop(now, "shutdown")) != len(two.Stop(now, "shutdown")) || len(one.Calls()) != 0 {
			t.Fatalf("seed %d: %v", seed, one.Calls())
		}
	}
}
