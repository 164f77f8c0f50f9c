package rules

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Whatever can stand in a rule file is told of.
func TestKeysInDocuments(t *testing.T) {
	src, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(src)
	for _, key := range topKeys {
		if !slices.ContainsFunc([]string{"`%s`", "`%s.NAME`", "`[%s]`", "`[%s.NAME]`", "`[[%s]]`"}, func(as string) bool {
			return strings.Contains(text, strings.Replace(as, "%s", key, 1))
		}) {
			t.Errorf("docs/rules.md does not tell of %s at the top of a file", key)
		}
	}
	for _, key := range slices.Concat(ruleKeys, sendKeys, checkKeys, bufferKeys, limitKeys, indexKeys) {
		if !strings.Contains(text, "| `"+key+"` |") && !strings.Contains(text, "| `"+key+".") {
			t.Errorf("docs/rules.md does not tell of the key %s", key)
		}
	}
	for line := range strings.Lines(strings.TrimPrefix(closed, "\n[let]\n")) {
		if !strings.Contains(text, line) {
			t.Errorf("docs/rules.md does not show %s", line)
		}
	}
}
