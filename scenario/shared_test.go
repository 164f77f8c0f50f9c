package scenario_test

import (
	"io/fs"
	"sync"
	"testing"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/scenario"
)

// Scenarios with the same rules and vars have one rule set between them; what is
// wrong with the lines of one is reported of each that has them.
func TestRulesAreLoadedOnceForAll(t *testing.T) {
	const step = "[[step]]\nname = \"x\"\nafter = \"1s\"\n"
	files := map[string]string{
		"plain.scenario.toml":     "# Q?\n" + step,
		"same.scenario.toml":      "# Another\n# question?\n\n" + step,
		"loud.scenario.toml":      "# Q?\n[vars]\nextension = \"1\"\n" + step,
		"as-loud.scenario.toml":   "# Q?\n\n[vars]\nextension='1' # the same\n" + step,
		"louder.scenario.toml":    "# Q?\n[vars]\nextension = \"2\"\n" + step,
		"table.scenario.toml":     "# Q?\n[table.routes]\na = \"1\"\n" + step,
		"own.scenario.toml":       "# Q?\n[transport.pbx]\nkind = \"verto\"\ngroup = \"verto\"\n[transport.matrix]\nkind = \"matrix\"\n" + step,
		"misspelt.scenario.toml":  "# Q?\n[vars]\nextention = \"1\"\n" + step,
		"as-wrong.scenario.toml":  "# Q?\n\n[vars]\nextention = \"1\"\n" + step,
		"elsewhere/x.toml":        "# Q?\n" + step,
		"faulty.scenario.toml":    "# Q?\n[vars]\nextension = 1\n" + step,
		"as-faulty.scenario.toml": "# Q?\n[vars]\n\nextension = 1\n" + step,
	}
	shared := &scenario.Shared{}
	sets := map[string]*engine.Ruleset{}
	found := map[string]rules.Findings{}
	var mu sync.Mutex
	var loading sync.WaitGroup
	for name := range files {
		loading.Go(func() {
			s, read, f := scenario.Load(name, scenario.Options{
				Peers: peers, Schemas: schemas, Peer: peerOfKind, Shared: shared,
				ReadFile: func(name string) ([]byte, error) {
					if text, ok := files[name]; ok {
						return []byte(text), nil
					}
					return nil, fs.ErrNotExist
				},
			})
			mu.Lock()
			defer mu.Unlock()
			if found[name] = f; s != nil {
				sets[name] = s.Ruleset()
			}
			if len(read) != 1 || read[0] != name {
				t.Errorf("%s reads %q", name, read)
			}
		})
	}
	loading.Wait()
	for _, tt := range []struct {
		one, other string
		same       bool
	}{
		{"plain.scenario.toml", "same.scenario.toml", true},
		{"loud.scenario.toml", "as-loud.scenario.toml", true},
		{"plain.scenario.toml", "loud.scenario.toml", false},
		{"loud.scenario.toml", "louder.scenario.toml", false},
		{"plain.scenario.toml", "table.scenario.toml", false},
		{"plain.scenario.toml", "own.scenario.toml", false},
		{"plain.scenario.toml", "elsewhere/x.toml", false},
		{"misspelt.scenario.toml", "as-wrong.scenario.toml", false},
	} {
		if one, other := sets[tt.one], sets[tt.other]; one == nil || other == nil || (one == other) != tt.same {
			t.Errorf("%s and %s have the same rules: %v (%v, %v)", tt.one, tt.other, one == other, found[tt.one], found[tt.other])
		}
	}
	for name, line := range map[string]int{"misspelt.scenario.toml": 3, "as-wrong.scenario.toml": 4, "faulty.scenario.toml": 3, "as-faulty.scenario.toml": 4} {
		if f := found[name]; len(f) != 1 || f[0].Pos.File != name || f[0].Pos.Line != line {
			t.Errorf("%s: %v", name, f)
		}
	}
}
