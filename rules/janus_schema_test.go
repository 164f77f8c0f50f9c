package rules

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vertigo/schema/schematest"
)

// What a real Janus says is what the schema says, and so is what was said to it,
// but for what it was to refuse.
func TestTheSchemaOfJanusFitsCaptures(t *testing.T) {
	set, found := loadReal(map[string]string{"rules.toml": "include = [\"matrix-janus\"]\n[vars]\nemergency = \"refuse\"\n"})
	if set == nil {
		t.Fatal(found)
	}
	janus := set.ProtocolOf("janus")
	refused := []string{"nonsense", "info", "ping", "message", ""}
	for name, lines := range schematest.Lines(t, "janus", "../examples/janus-sip/captures/*.ndjson") {
		for _, l := range lines {
			m, err := janus.Format.Read(l.Data)
			if err != nil {
				continue
			}
			what := filepath.Base(name) + ": " + m.Type
			switch {
			case l.Dir == "in" && slices.Contains(janus.Format.Answers, m.Type):
				schematest.Holds(t, what, janus.Schema.In("create."+m.Type), l.Data)
			case l.Dir == "in":
				schematest.Holds(t, what, janus.Schema.In(m.Type), l.Data)
			case !strings.HasPrefix(filepath.Base(name), "errors"):
				typ := requested(t, l.Data)
				if !slices.Contains(refused, typ) {
					schematest.Holds(t, what+" "+typ, janus.Schema.Out(typ), l.Data)
				}
			}
		}
	}
}

// requested names a request as the rules do.
func requested(t *testing.T, data []byte) string {
	t.Helper()
	var m struct {
		Janus string
		Body  struct{ Request string }
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	switch {
	case m.Janus != "message":
		return m.Janus
	case m.Body.Request == "unhold":
		return "hold"
	}
	return m.Body.Request
}
