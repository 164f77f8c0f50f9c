package examples_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vertigo/rules"
)

// What the document says of each finding is what the program knows of it.
func TestFindingsInDocuments(t *testing.T) {
	var list strings.Builder
	list.WriteString("\n| code | | |\n| --- | --- | --- |\n")
	for _, k := range rules.Kinds() {
		fmt.Fprintf(&list, "| [%s](#%s) | %s | %s |\n", k.Code, strings.ToLower(k.Code), k.Severity, k.Title)
	}
	for _, k := range rules.Kinds() {
		list.WriteString("\n" + k.Markdown())
	}
	part(t, "docs/findings.md", "findings", list.String())
}

// The program finds in each example what the example is for, and nothing in the
// cured one.
func TestExamplesOfFindings(t *testing.T) {
	for _, k := range rules.Kinds() {
		t.Run(k.Code, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write := func(name, text string) string {
				t.Helper()
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				return path
			}
			for name, text := range k.Beside {
				write(name, text)
			}
			_, stderr, _ := run(t, "check", write("rules.toml", k.Example))
			if strings.Count(stderr, "["+k.Code+"]\n") != 1 || strings.Count(stderr, "[V") != 1 {
				t.Errorf("the example has other findings:\n%s", stderr)
			}
			if _, stderr, code := run(t, "check", write("rules.toml", k.Cured)); code != 0 || stderr != "" {
				t.Errorf("the cured example has findings:\n%s", stderr)
			}
		})
	}
}
