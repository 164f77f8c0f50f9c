package calllog

import (
	"testing"

	"vertigo/schema/schematest"
)

func TestSchemaSaysWhatEverythingIs(t *testing.T) { schematest.Explains(t, Schema) }

func TestRecordsMayHoldAnything(t *testing.T) {
	schematest.Holds(t, "call", Schema.Out("call"), []byte(`{"call":"c1","talked":120,"department":"sales"}`))
	schematest.Holds(t, "note", Schema.Out("note"), []byte(`{"x":1}`))
	if Schema.In("call.ok") != nil {
		t.Error("nothing comes from a call log")
	}
}
