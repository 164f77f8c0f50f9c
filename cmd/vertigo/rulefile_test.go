package main

import (
	"testing"

	"vertigo/engine"
	"vertigo/rules"
)

// Whoever reads that there are no findings is told of what was not looked at.
func TestSummarySaysHowMuchWasNotChecked(t *testing.T) {
	for unchecked, want := range map[int]string{
		0:  "a.toml, b.toml: 1 rule, no findings",
		1:  "a.toml, b.toml: 1 rule, no findings, 1 field unchecked",
		12: "a.toml, b.toml: 1 rule, no findings, 12 fields unchecked",
	} {
		set := &rules.Set{Ruleset: &engine.Ruleset{Rules: []*engine.Rule{{}}}, Unchecked: unchecked}
		if got := summary([]string{"a.toml", "b.toml"}, set, nil); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// Every transport that rules may name has its messages described.
func TestEveryKindHasItsSchema(t *testing.T) {
	all := schemas()
	for _, p := range enginePeers(plainPeers()) {
		if all[p.Protocol.Kind] == nil {
			t.Errorf("%s has no schema", p.Name)
		}
	}
}
