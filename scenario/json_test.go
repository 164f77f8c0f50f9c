package scenario_test

import (
	"io/fs"
	"strings"
	"testing"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/scenario"
	"vertigo/transports/wsjson"
)

// doorRules are for a peer that speaks JSON: a session, and calls in it.
const doorRules = `
[protocol.door]
type    = ["kind", "event.name"]
key     = ["event.call", "line"]
reply   = "txn"
answers = ["done", "failed"]
[protocol.door.envelope]
session = '${ conn.session }'

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
next = "opening"
send = { to = "door", type = "hello", body.kind = "hello" }

[[rule]]
name = "open"
on   = "door hello.done"
in   = "opening"
next = "open"
conn.session = 'msg.session'

[[rule]]
name = "expired"
on   = "door expired"
in   = "open"
next = "end"

[[rule]]
name = "somebody rings"
on   = "door event.ring"
new  = true
next = "ringing"
send = { to = "door", type = "accept", body = { kind = "accept", line = '${ msg.line }' } }

[[rule]]
name = "accepted"
on   = "door accept.done"
in   = "ringing"
next = "talking"

[[rule]]
name = "refused, or over"
on   = ["door accept.failed", "door accept.error", "door event.over", "door expired"]
in   = ["ringing", "talking"]
next = "end"
`

// unnamed and declaredPeer make the peers whose protocols rules declare.
var unnamed = &engine.Protocol{Kind: "ws-json"}

func declaredPeer(p engine.Peer, declared *rules.Protocol) replay.Peer {
	f := declared.Format
	return replay.Peer{
		Peer:     p,
		NewCodec: func(transport string) replay.Codec { return wsjson.NewCodec(transport, f) },
		Shape:    replay.Shape{Reply: f.Reply, Word: f.Word, IDs: []string{f.Reply}},
	}
}

// runDoor runs a scenario of the door.
func runDoor(t *testing.T, text string) string {
	t.Helper()
	s, _, found := scenario.Load(file, scenario.Options{
		Peers: peers, Schemas: schemas, Peer: peerOfKind,
		Unnamed: unnamed, Declared: declaredPeer,
		ReadFile: func(name string) ([]byte, error) {
			switch name {
			case file:
				return []byte("# Who is at the door?\nrules = \"door.toml\"\n" + text), nil
			case "door.toml":
				return []byte(doorRules), nil
			}
			return nil, fs.ErrNotExist
		},
	})
	if len(found) > 0 {
		t.Fatal(found)
	}
	var out strings.Builder
	if err := s.Run(nil).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A peer whose protocol the rules declare needs no more than that to be in a
// scenario: its messages are made by the declaration.
func TestPeersThatRulesDeclare(t *testing.T) {
	const opened = `
[[step]]
name    = "the door connects"
receive = "door transport.up"
expect  = { to = "door", type = "hello", exact = true, body.kind = "hello" }
conn    = "opening"
calls   = 0
[[step]]
name    = "it has a session"
receive = { from = "door", type = "hello.done", body.session = 7085421838 }
expect  = "nothing"
conn    = "open"
[[step]]
name    = "somebody rings"
receive = { from = "door", type = "event.ring", body.line = 12 }
expect  = { to = "door", type = "accept", exact = true, body = { kind = "accept", line = 12, session = 7085421838 } }
state   = "ringing"
calls   = 1
`
	for _, tc := range []struct{ name, text, want string }{
		{"an answer, and an event of the call", opened + `
[[step]]
name    = "it opens"
receive = "door accept.done"
state   = "talking"
conn    = "open"
[[step]]
name    = "it is over"
receive = "door event.over"
state   = "end"
calls   = 0
conn    = "open"
`, ""},
		{"an answer without a type", opened + `
[[step]]
name    = "it does not open"
receive = "door accept.error"
calls   = 0
`, ""},
		{"a message for the connection reaches its calls", opened + `
[[step]]
name    = "too late"
receive = { from = "door", type = "expired", body.event = '${ nil }' }
calls   = 0
conn    = "end"
`, ""},
		{"the connection is in another state", opened + `
[[step]]
name    = "it opens"
receive = "door accept.done"
conn    = "opening"
`, `the connection is in state "open", and not in "opening"`},
		{"there is none", `
[[step]]
name    = "nobody is there"
after   = "1s"
conn    = "open"
`, `there is no connection, and it should be in state "open"`},
		{"nothing was sent that this answers", opened + `
[[step]]
name    = "it opens"
receive = "door accept.done"
[[step]]
name    = "over"
receive = "door event.over"
[[step]]
name    = "hello again"
receive = "door hello.failed"
outcome = "unmatched"
`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := runDoor(t, tc.text)
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("%s", got)
			}
		})
	}
}
