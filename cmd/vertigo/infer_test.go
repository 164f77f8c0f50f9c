package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"vertigo/capture"
	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/schema/jsonschema"
	"vertigo/wire"
)

// An inferred schema accepts each message that it was made of, as it was written
// down and read again, and holds no secret. Verto serves as a peer of which
// nothing is known but where types and ids stand.
func TestInferredSchemaAcceptsWhatWasSeen(t *testing.T) {
	for transport, format := range map[string]wire.Format{
		"verto": {Type: []string{"method"}, Reply: "id"},
		"janus": {Type: []string{"janus", "plugindata.data.result.event"}, Reply: "transaction", Answers: []string{"success", "error", "ack"}},
	} {
		var lines []replay.Line
		for _, pattern := range []string{"../../testdata/captures/*/*.ndjson", "../../examples/*/captures/*.ndjson"} {
			names, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				some, err := new(dryRun).read(name, streams{err: &bytes.Buffer{}})
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range some {
					if l.Transport == transport && !l.Raw {
						lines = append(lines, l)
					}
				}
			}
		}
		peer := engine.Peer{Name: transport, Protocol: engine.Protocol{Kind: "ws-json"}}
		w := newWatcher(peer, &rules.Protocol{Format: format})
		typed := make([]string, len(lines))
		for i, l := range lines {
			typed[i] = w.watch(l)
		}
		text := jsonschema.Write(transport, w.traffic.Set())
		set, err := jsonschema.Read(transport, text)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range lines {
			of := set.In(typed[i])
			if l.Dir == capture.Out {
				of = set.Out(typed[i])
			}
			var v any
			if err := json.Unmarshal(l.Message(), &v); err != nil || typed[i] == "" {
				continue // it has been left out
			}
			if of == nil {
				t.Errorf("%s: %s is unknown", l.Place(), typed[i])
				continue
			}
			for _, fault := range of.Check(v) {
				t.Errorf("%s: %s: %s", l.Place(), typed[i], fault)
			}
		}
		if len(lines) < 500 {
			t.Errorf("only %d messages of %s", len(lines), transport)
		}
		for _, secret := range []string{"alice", "1008", "127.0.0.1", "PION", "@"} {
			if strings.Contains(string(text), `"`+secret) {
				t.Errorf("the schema of %s names %s", transport, secret)
			}
		}
		t.Logf("%s: %d types out of %d messages", transport, len(w.traffic.Types()), len(lines))
	}
}
