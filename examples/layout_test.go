package examples_test

import (
	"path/filepath"
	"slices"
	"testing"

	"vertigo/rules"
	"vertigo/tomlfmt"
)

// What a reader copies is laid out as "vertigo fmt" lays it out, so that it does
// not change there.
func TestLayout(t *testing.T) {
	laidOut := func(t *testing.T, text string) {
		t.Helper()
		out, err := tomlfmt.Format([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if string(out) != text {
			t.Errorf("laid out it is\n%s", out)
		}
	}
	for _, name := range rules.Shipped() {
		t.Run(name, func(t *testing.T) {
			text, err := rules.ReadShipped(name)
			if err != nil {
				t.Fatal(err)
			}
			laidOut(t, string(text))
		})
	}
	for _, name := range slices.Concat(glob(t, "examples/*/rules.toml"), glob(t, "examples/*/vertigo.toml")) {
		t.Run(filepath.ToSlash(name), func(t *testing.T) { laidOut(t, read(t, name)) })
	}
	for _, info := range []string{"toml rules", "toml rule", "toml config"} {
		for _, s := range snippets(t, info) {
			t.Run(s.String(), func(t *testing.T) { laidOut(t, s.text) })
		}
	}
}
