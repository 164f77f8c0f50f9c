package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vertigo/engine"
	"vertigo/replay"
)

// Whatever the captures hold can be explained: in 80 columns, as JSON, with the
// piece of the condition that was false wherever one was, and telling of the
// same rules that act in a replay.
func TestEveryCaptureIsExplained(t *testing.T) {
	peers := plainPeers()
	loader := &ruleLoader{names: []string{shippedRules}, peers: enginePeers(peers), parts: true}
	set, found := loader.load()
	if set == nil {
		t.Fatal(found)
	}
	names, err := filepath.Glob("../../testdata/captures/joint/*.ndjson")
	if err != nil || len(names) == 0 {
		t.Fatal("no captures", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			lines, err := new(dryRun).read(name, streams{err: &bytes.Buffer{}})
			if err != nil {
				t.Fatal(err)
			}
			var text, list bytes.Buffer
			forPeople, forPrograms := replay.NewExplainer(&text, filepath.Base(name)), replay.NewExplainedJSON(&list)
			var fired []string
			err = replay.Explain(lines, set.Ruleset, peers, func(e replay.Explained) {
				forPeople.Add(e)
				forPrograms.Add(e)
				for _, c := range e.Candidates {
					if c.Verdict == engine.RuleFired {
						fired = append(fired, c.Rule.Name)
					}
					if c.Verdict == engine.IsFalse && c.Part == nil {
						t.Errorf("%s: nothing tells which piece of the condition of %q was false", e.Place, c.Rule.Name)
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := forPeople.Close(); err != nil {
				t.Fatal(err)
			}
			if err := forPrograms.Close(); err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(text.String(), "\n") {
				if n := len([]rune(line)); n > replay.Width {
					t.Errorf("line %d has %d columns: %s", i+1, n, line)
				}
			}
			if !json.Valid(list.Bytes()) {
				t.Error("the list is no JSON")
			}
			if want := firedIn(t, lines, set.Ruleset, peers); !slices.Equal(fired, want) {
				t.Errorf("explained as fired: %q\nfired: %q", fired, want)
			}
		})
	}
}

// firedIn lists the rules that act in a replay.
func firedIn(t *testing.T, lines []replay.Line, set *engine.Ruleset, peers []replay.Peer) []string {
	t.Helper()
	var fired []string
	_, err := replay.Play(lines, set, peers, func(e replay.Event) {
		if e.Trace.Outcome == engine.Fired {
			fired = append(fired, e.Trace.Rule.Name)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return fired
}
