package verto

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/schema/schematest"
)

// The clients of these captures try what a server makes of nonsense.
var nonsense = []string{
	"auth.ndjson", "bye_causes.ndjson", "errors_calls.ndjson", "jsapi_fsapi_echo.ndjson", "malformed.ndjson", "modify_hold_9196.ndjson", "subscribe_broadcast.ndjson",
}

// Every message of the captures is what its schema says, and has no field that
// the schema does not tell of.
func TestCapturesAreAsTheSchemaSays(t *testing.T) {
	seen := map[string]bool{}
	const all = "../../testdata/captures/"
	for name, lines := range schematest.Lines(t, "verto", all+"verto/*.ndjson", all+"joint/*.ndjson", "../../examples/*/*.ndjson") {
		codec, sane := NewCodec("verto"), !slices.Contains(nonsense, filepath.Base(name))
		for _, line := range lines {
			if line.Dir == "out" {
				codec.Out(line.Conn, line.Data)
				f := readFrame(line.Data)
				if f.kind == request && !isMechanics(f.method) && sane {
					seen["out "+f.method] = true
					schematest.Holds(t, name+": out "+f.method, Schema.Out(f.method), []byte(gjson.GetBytes(line.Data, "params").Raw))
				}
				continue
			}
			messages, err := codec.In(line.TS, line.Conn, line.Data)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range messages {
				if Schema.In(m.Type) == nil && !sane {
					continue // what came of a method that does not exist
				}
				seen["in "+m.Type] = true
				schematest.Holds(t, name+": in "+m.Type, Schema.In(m.Type), m.Body)
			}
		}
	}
	for _, what := range []string{"in verto.invite", "in verto.invite.ok", "in verto.invite.error", "in verto.event", "out verto.modify", "in verto.modify.error"} {
		if !seen[what] {
			t.Errorf("no capture has %s", what)
		}
	}
}

// What the transport itself says is what the schema tells of it.
func TestOwnWordsAreAsTheSchemaSays(t *testing.T) {
	for _, w := range []word{upWord("1008@pbx.example.org", nil), downWord("1008@pbx.example.org"), goneWord("c1")} {
		schematest.Holds(t, w.Method, Schema.In(w.Method), w.raw())
	}
	schematest.Holds(t, "no reply", Schema.In("verto.bye.error"), failure("7", "no reply in time"))
	if Schema.In("verto.ping") != nil || Schema.In("verto.mofidy.ok") != nil || Schema.Out("verto.media") != nil {
		t.Error("there is a schema for what never comes, or cannot be sent")
	}
}

func TestSchemaSaysWhatEverythingIs(t *testing.T) { schematest.Explains(t, Schema) }
