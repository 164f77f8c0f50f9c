package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A rule that ends calls, where the connection was probably meant, is told of;
// one that is about calls is not.
func TestRulesThatEndCallsAndNotTheConnection(t *testing.T) {
	const base = `[protocol.bell]
type  = "event"
key   = "ring"
reply = "id"

[[rule]]
name = "connected"
on   = "bell transport.up"
new  = "connection"
next = "open"

[[rule]]
name = "told off"
on   = "bell stop"
in   = "open"
next = "end"

[[rule]]
name = "rings"
on   = "bell ring"
new  = true
next = "ringing"
send = { to = "bell", type = "take" }
`
	const found = "27:6 V124 goodbye ends each call on bell, and not the connection"
	for _, tc := range []struct{ name, rule, want string }{
		{"no state", `on = "bell goodbye"`, found},
		{"an answer to the peer", "on = \"bell goodbye\"\nsend = { to = \"bell\", type = \"thanks\" }", found},
		{"a condition on the message", "on = \"bell goodbye\"\nwhen = 'msg.why != \"lunch\"'", found},
		{"one of two types", `on = ["bell stop", "bell goodbye"]`, "27:20" + strings.TrimPrefix(found, "27:6")},
		{"a state of calls", "on = \"bell goodbye\"\nin = \"ringing\"", ""},
		{"a state of the connection", "on = \"bell goodbye\"\nin = \"open\"", ""},
		{"a message that the connection hears", `on = "bell stop"`, ""},
		{"an answer to what a call sends", `on = "bell take.error"`, ""},
		{"the key of a call", "on = \"bell goodbye\"\nwhen = 'msg.ring != nil'", ""},
		{"a call", "on = \"bell goodbye\"\nwhen = 'call.state == \"ringing\"'", ""},
		{"a cause", "on = \"bell goodbye\"\nset.cause = '\"gone\"'", ""},
		{"news for others", "on = \"bell goodbye\"\nsend = { to = \"matrix\", type = \"room.leave\", room = \"!r\" }", ""},
		{"a transport without connections", "on = \"verto verto.bye\"", ""},
	} {
		set, list := loadReal(map[string]string{"rules.toml": base + "\n[[rule]]\nname = \"over\"\n" + tc.rule + "\nnext = \"end\"\n"})
		var got []string
		for _, f := range list {
			if f.Code == endsAllCalls.Code || f.Severity == Error {
				got = append(got, fmt.Sprintf("%d:%d %s %s", f.Pos.Line, f.Pos.Col, f.Code, f.Msg))
			}
		}
		if diff := cmp.Diff(tc.want, strings.Join(got, "\n")); diff != "" || set == nil {
			t.Errorf("%s: %s\n%v", tc.name, diff, list)
		}
	}
}
