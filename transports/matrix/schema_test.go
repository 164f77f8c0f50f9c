package matrix

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/schema/schematest"
)

// Every message of the captures is what its schema says, and has no field that
// the schema does not tell of: no rule that reads what real clients send is at
// fault.
func TestCapturesAreAsTheSchemaSays(t *testing.T) {
	seen := map[string]bool{}
	const all = "../../testdata/captures/"
	for name, lines := range schematest.Lines(t, "matrix", all+"matrix/*.ndjson", all+"joint/*.ndjson", "../../examples/*/*.ndjson") {
		for _, line := range lines {
			typ := gjson.GetBytes(line.Data, "type").String()
			what := name + ": " + line.Dir + " " + typ
			seen[line.Dir+" "+typ] = true
			switch {
			case line.Dir == "out":
				schematest.Holds(t, what, Schema.Out(typ), []byte(gjson.GetBytes(line.Data, "content").Raw))
			case Schema.In(typ) != nil || isCall(typ):
				schematest.Holds(t, what, Schema.In(typ), line.Data)
			case !strings.HasPrefix(typ, "m.room."):
				t.Errorf("%s: there is no schema", what)
			}
		}
	}
	for _, what := range []string{"in m.call.invite", "in m.call.replaces", "out m.call.negotiate", "in room.direct.ok", "out query.reply", "in transport.up"} {
		if !seen[what] {
			t.Errorf("no capture has %s", what)
		}
	}
}

// What the transport asks for has a schema, what never comes has none.
func TestSchemaTellsOfAllThatComes(t *testing.T) {
	for _, typ := range eventTypes {
		unread := typ == "m.room.encrypted" || typ == "m.room.encryption" || strings.HasSuffix(typ, "*")
		if Schema.In(typ) == nil && !unread {
			t.Errorf("no schema for %s", typ)
		}
	}
	for _, typ := range []string{"m.call.invite.ok", "room.leave.error", "org.example.own.ok", "org.matrix.call.new"} {
		if Schema.In(typ) == nil {
			t.Errorf("no schema for %s", typ)
		}
	}
	for _, typ := range []string{"m.call.invte", "m.call.invte.ok", "room.direkt.ok", "m.room.topic", "room.direct", "query.reply"} {
		if Schema.In(typ) != nil {
			t.Errorf("there is a schema for %s, which never comes", typ)
		}
	}
}

// What can be sent has a schema, what the transport would refuse has none.
func TestSchemaTellsWhatCanBeSent(t *testing.T) {
	for _, typ := range []string{"m.call.answer", UserRegister, UserProfile, RoomDirect, RoomCreate, RoomInvite, RoomJoin, RoomLeave, QueryReply, "m.room.topic", "org.example.own"} {
		if Schema.Out(typ) == nil {
			t.Errorf("no schema for %s", typ)
		}
	}
	for _, typ := range []string{"m.call.anser", "thirdparty.user", "transport.up", "room.encrypted"} {
		if Schema.Out(typ) != nil {
			t.Errorf("there is a schema for %s, which cannot be sent", typ)
		}
	}
}

func TestSchemaSaysWhatEverythingIs(t *testing.T) { schematest.Explains(t, Schema) }
