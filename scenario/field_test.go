package scenario_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a scenario writes of a message is held against the schema of its peer,
// matchers as well: an absent field that nobody knows is always absent.
func TestFieldsOfMessages(t *testing.T) {
	const (
		expect  = "expect = { to = \"verto\", type = \"verto.invite\", "
		receive = "[[step]]\nname = \"more\"\nreceive = { "
		bye     = receive + "from = \"verto\", type = \"verto.bye\", "
		hangup  = receive + "from = \"matrix\", type = \"m.call.hangup\", "
	)
	for _, row := range []struct{ name, text, want string }{
		{"an absent field", expect + "body.sdpp = '${ absent }' }", "5:54: unknown field sdpp of verto.invite | did you mean sdp?"},
		{"one further in", expect + "body.dialogParams.calID = '${ any }' }", "5:67: unknown field dialogParams.calID of verto.invite | did you mean callID?"},
		{"one that stands elsewhere", expect + "body = { callID = '${ any }' } }", "5:58: unknown field callID of verto.invite | did you mean dialogParams.callID?"},
		{"a value of another kind", expect + "body.sdp = 5 }", "5:60: sdp of verto.invite is text, and never a whole number"},
		{"a text in the place of a table", expect + "body.dialogParams = \"x\" }", "5:69: dialogParams of verto.invite is a table, and never text"},
		{"a matcher of another kind", expect + "body.sdp = '${ table }' }", "5:60: sdp of verto.invite is text, and never a table"},
		{"matchers that fit, and fields of somebody's own", expect + "body = { sdp = '${ text }', \"org.example.x\" = '${ absent }', dialogParams = { callID = '${ any }', caller_id_name = '${ absent }' } } }", ""},
		{"a value that there is not", "expect = { to = \"matrix\", type = \"m.call.reject\", body.reason = \"user_hangupp\" }", "5:65: reason of m.call.reject is not known ever to be \"user_hangupp\" | did you mean user_hangup?"},
		{"a field of what is received", bye + "body.params.caus = \"USER_BUSY\" }", "7:61: unknown field params.caus of verto.bye | did you mean cause?"},
		{"one in the wrong place", bye + "body.cause = \"USER_BUSY\" }", "7:54: unknown field cause of verto.bye | did you mean params.cause?"},
		{"a value that is nearly one", bye + "body.params.cause = \"USER_BUSI\" }", "7:69: params.cause of verto.bye is not known ever to be \"USER_BUSI\" | did you mean USER_BUSY?"},
		{"peers may say what nobody expects", bye + "body.params = { cause = [5], causeCode = \"many\" } }\n" + strings.Replace(hangup, "more", "odd", 1) + "body.content = { reason = { odd = true }, version = 7 } }", ""},
		{"an odd type is nearly a known one", receive + "from = \"matrix\", type = \"m.room.mesage\" }\noutcome = \"unmatched\"", "7:37: unknown message type m.room.mesage | did you mean m.room.message?"},
		{"a let of the scenario's own", "[let]\nfromUser = 'msg.sendre != nil'", "6:17: unknown field msg.sendre | did you mean sender?"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, found := load(dialled+row.text+"\n", nil)
			var lines []string
			for _, f := range found {
				line := strings.TrimPrefix(f.Pos.String(), file+":") + ": " + f.Msg
				if f.Hint != "" {
					line += " | " + f.Hint
				}
				lines = append(lines, line)
			}
			if diff := cmp.Diff(row.want, strings.Join(lines, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
