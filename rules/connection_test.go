package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

// bell is a peer of which a connection is kept: it gives a session, rings, and
// is asked now and then whether it is still there.
const bell = `
[protocol.bell]
type    = ["kind", "data.what"]
key     = ["data.ring", "door"]
reply   = "id"
answers = ["done", "failed"]

[protocol.bell.envelope]
session = '${ conn.session }'
from    = { name = "bridge", version = 2 }

[[rule]]
name = "connected"
on   = "bell transport.up"
new  = "connection"
next = "opening"
send = [{ to = "bell", type = "open", body = { kind = "open" } }]

[[rule]]
name = "open"
on   = "bell open.done"
in   = "opening"
next = "ready"
conn = { session = 'msg.data.session', doors = 'msg.data.doors' }
timer.ask = '"25s"'

[[rule]]
name = "asked"
on   = "engine timer.ask"
in   = ["ready", "busy"]
timer.ask = '"25s"'
send = [{ to = "bell", type = "ask", body = { kind = "ask", from = { name = "clock" } } }]

[[rule]]
name = "busy"
on   = "bell status.busy"
in   = ["ready", "busy"]
when = 'msg.data.for > 0 && map(conn.doors ?? [], #.name) != []'
next = "busy"

[[rule]]
name = "lost"
on   = "bell transport.down"
in   = ["opening", "ready", "busy"]
next = "end"

[[rule]]
name = "somebody rings"
on   = "bell ring"
new  = true
when = 'conn.state == "ready" && conn.session != nil'
next = "ringing"
set  = { door = 'msg.door' }
send = [{ to = "bell", type = "take", body = { kind = "take", door = '${ call.door }', data = { ring = '${ msg.data.ring }' } } }]

[[rule]]
name = "taken, or lost"
on   = ["bell take.done", "bell transport.down"]
in   = "ringing"
next = "end"
`

func loadBell(t *testing.T) *Set {
	t.Helper()
	set, found := loadReal(map[string]string{"rules.toml": bell})
	if set == nil || len(found) > 0 {
		t.Fatal(found)
	}
	return set
}

func TestRulesAreTheConnectionsByWhatTheySayAndTheirStates(t *testing.T) {
	var got []string
	for _, r := range loadBell(t).Rules {
		if r.OfConnection {
			got = append(got, r.Name)
		}
	}
	if diff := cmp.Diff([]string{"connected", "open", "asked", "busy", "lost"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDeclaredProtocolsArePeers(t *testing.T) {
	set := loadBell(t)
	at := slices.IndexFunc(set.Peers, func(p engine.Peer) bool { return p.Name == "bell" })
	if at < 0 || set.ProtocolOf("bell") == nil || set.ProtocolOf("pbx") != nil {
		t.Fatalf("%+v", set.Peers)
	}
	if diff := cmp.Diff([]string{"data.ring", "door"}, set.Peers[at].Protocol.Key); diff != "" {
		t.Error(diff)
	}
}

// Pieces of a condition on the connection can be explained as others can.
func TestConditionsOnConnectionsAreTakenApart(t *testing.T) {
	set, found := Load([]string{"rules.toml"}, Options{
		Parts: true, Unnamed: &engine.Protocol{Kind: "ws-json"},
		ReadFile: func(string) ([]byte, error) { return []byte(bell), nil },
	})
	if set == nil {
		t.Fatal(found)
	}
	at := slices.IndexFunc(set.Rules, func(r *engine.Rule) bool { return r.Name == "somebody rings" })
	var got []string
	for _, p := range set.Rules[at].Parts.Parts {
		for _, read := range p.Reads {
			got = append(got, p.Text+": "+read.Name)
		}
	}
	want := []string{`conn.state == "ready": conn.state`, "conn.session != nil: conn.session"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What a connection remembers stands in what calls send, numbers as they came.
func TestAConnectionFromUpToDown(t *testing.T) {
	const session = `7096430823442123`
	e := engine.New(loadBell(t).Ruleset, engine.Options{})
	now := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	var sent []string
	step := func(messages ...engine.Message) []engine.Action {
		t.Helper()
		for i := range messages {
			messages[i].Transport, messages[i].At = "bell", now
		}
		actions := e.Step(now, messages...)
		for _, a := range actions {
			sent = append(sent, fmt.Sprintf("%s %s", a.Key, a.Body))
		}
		return actions
	}
	body := func(text string) []byte { return []byte(text) }

	opened := step(engine.Message{Type: engine.TransportUp, Body: body(`{}`)})
	step(engine.Message{Type: "open.done", Call: opened[0].Call, Body: body(`{"data":{"session":` + session + `,"doors":[{"name":"front"}]}}`)})
	now = now.Add(25 * time.Second)
	step()
	step(engine.Message{Type: "ring", Key: "r1", Keys: []string{"12"}, Body: body(`{"door":12,"data":{"ring":"r1"}}`)})
	step(engine.Message{Type: "status.busy", Body: body(`{"data":{"for":3}}`)})
	if conns := e.Connections(); len(conns) != 1 || conns[0].State != "busy" || conns[0].Connection != "bell" {
		t.Errorf("%+v", conns)
	}
	step(engine.Message{Type: engine.TransportDown, Body: body(`{}`)})
	if len(e.Connections()) > 0 || len(e.Calls()) > 0 {
		t.Errorf("%+v %+v", e.Connections(), e.Calls())
	}
	want := []string{
		` {"kind":"open","from":{"name":"bridge","version":2}}`,
		` {"kind":"ask","from":{"name":"clock","version":2},"session":` + session + `}`,
		`r1 {"kind":"take","door":12,"data":{"ring":"r1"},"session":` + session + `,"from":{"name":"bridge","version":2}}`,
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
}

// faultsIn are the findings in rules that follow a declaration of two peers.
func faultsIn(text string) string {
	const head = "[protocol.bell]\ntype = \"kind\"\nreply = \"id\"\nanswers = \"done\"\n"
	_, found := loadReal(map[string]string{"rules.toml": head + text})
	var lines []string
	for _, f := range found {
		lines = append(lines, fmt.Sprintf("%d:%d %s %s | %s", f.Pos.Line-strings.Count(head, "\n"), f.Pos.Col, f.Code, f.Msg, f.Hint))
	}
	return strings.Join(lines, "\n")
}

func TestFaultsInRulesOfConnections(t *testing.T) {
	const up = "[[rule]]\nname = \"up\"\non = \"bell transport.up\"\nnew = \"connection\"\nnext = \"open\"\n"
	rule := func(on, more string) string { return fmt.Sprintf("[[rule]]\nname = %q\non = %q\n%s\n", on, on, more) }
	for _, tc := range []struct{ name, text, want string }{
		{"a misspelt kind of conversation", strings.Replace(up, "connection", "conection", 1),
			"4:7 V004 new is true or \"connection\", not \"conection\" | did you mean connection?"},
		{"a connection in a state", up + rule("bell transport.*", "new = \"connection\"\nin = \"open\""),
			"10:1 V016 a rule that begins a connection cannot ask for a state | leave out in, or new"},
		{"what only calls have", up + rule("bell hello", "in = \"open\"\npush.x = '1'\nlimit = \"l\"") + "[buffer.x]\nlimit = 3\n[limit.l]\nmax = 1\nper = \"1s\"\n" + rule("engine buffer.x", ""),
			"10:1 V056 a rule of the connection has no push | a buffer is a call's\n11:1 V056 a rule of the connection has no limit | a limit is for calls"},
		{"the call in a rule of the connection", up + rule("bell hello", "in = \"open\"\nwhen = 'msg.x == call.id'"),
			"10:18 V056 a rule of the connection has no call | what it remembers is set by conn.NAME = '…', and read as conn.NAME"},
		{"by way of a let", "[let]\nwho = 'call.id'\n" + up + rule("bell hello", "in = \"open\"\nwhen = 'msg.x == who'") + rule("bell bye", "when = 'msg.x == who'"),
			"12:18 V033 unknown name who | that let reads the call, and here there is none"},
		{"the call and the message in an envelope", "envelope = { a = '${ call.id }', b = '${ msg.x }' }\n" + up,
			"1:22 V056 an envelope has no call | an envelope lies under all that is sent: it sees conn, vars, tables and functions\n" +
				"1:42 V033 unknown name msg | an envelope lies under all that is sent: it sees conn, vars, tables and functions"},
		{"a misspelt variable", up + rule("bell hello", "conn.door = 'msg.door'") + rule("bell ring", "when = 'msg.x == conn.dor'"),
			"13:23 V058 conn.dor is never set by any rule | did you mean door?"},
		{"a variable that means something", up + rule("bell hello", "conn.state = 'msg.door'"),
			"9:6 V021 state cannot be the name of a variable: there is already something of that name | "},
		{"a misspelt state", up + rule("bell hello", "in = \"oppen\"\ntimer.ask = \"1s\"") + rule("engine timer.ask", "in = \"open\""),
			"9:6 V101 unknown state oppen | did you mean open?"},
		{"a state of both", up + rule("verto verto.invite", "new = true\nnext = \"open\"") + rule("verto verto.bye", "in = \"open\"\nnext = \"end\""),
			"10:8 V057 open is a state of the connection, and this rule is for calls | call it something else"},
		{"a rule of the connection that says no state", up + rule("bell hello", "next = \"open\""),
			"9:8 V057 open is a state of the connection, and this rule is for calls | if the rule is the connection's, its in names the states of the connection that it is for"},
		{"an answer that only the connection gets", up + "send = [{ to = \"bell\", type = \"hello\" }]\n" + rule("bell hello.done", "timer.ask = \"1s\"") + rule("engine timer.ask", ""),
			"9:12 V123 only rules for the connection send hello, and this rule is for calls | name the connection's state in in, or set a variable of the connection"},
		{"what only calls are told, and what only connections are", up + rule("engine call.stop", "in = \"open\"") + rule("engine conn.stop", "next = \"end\""),
			"8:14 V123 call.stop is said to calls alone, and this rule is for the connection | a connection is told of the end by engine conn.stop\n" +
				"12:14 V123 conn.stop is said to connections alone, and this rule is for calls | name the connection's states in in"},
		{"anybody may hear it who needs no call", up + "send = [{ to = \"bell\", type = \"hello\" }]\n" + rule("bell hello.done", "send = [{ to = \"bell\", type = \"more\" }]"), ""},
		{"a condition that the states rule out", up + rule("bell hello", "in = \"open\"\nwhen = 'conn.state == \"shut\"'\nnext = \"shut\"") + rule("bell hi", "in = \"shut\""),
			"10:9 V209 the condition is never true: the rule is for the connection in open | "},
		{"a hidden rule", up + rule("bell hello", "in = \"open\"\nwhen = 'msg.a == 1'\nalso = false") + strings.Replace(rule("bell hello", "in = \"open\"\nwhen = 'msg.a == 1'"), `name = "bell`, `name = "2 bell`, 1),
			`13:8 V111 the rule never fires: "bell hello" (rules.toml:10:1) comes first, for all that this one is for | put the rule with the narrower condition first, or let the other one say also = true`},
		{"rules for calls hide none for connections", up + rule("bell hello", "when = 'call.id == nil'") + strings.Replace(rule("bell hello", "in = \"open\""), `name = "bell`, `name = "2 bell`, 1), ""},
		{"a connection has not to end", up + rule("bell hello", "in = \"open\"\nnext = \"ready\""), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, faultsIn(tc.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
