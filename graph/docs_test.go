package graph

import (
	"os"
	"strings"
	"testing"
)

// The diagram in the document is that of the rules above it.
func TestTheDiagramInTheDocument(t *testing.T) {
	const name = "../docs/ladders.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rules := fenced(t, string(text), "toml rules")
	shown := fenced(t, string(text), "mermaid")
	got := drawn(t, load(t, rules, "matrix", "verto").WriteMermaid)
	if got == shown {
		return
	}
	if !*update {
		t.Fatalf("%s does not show what is drawn; go test ./graph -update writes it anew\n%s", name, got)
	}
	written := strings.Replace(string(text), "```mermaid\n"+shown, "```mermaid\n"+got, 1)
	if err := os.WriteFile(name, []byte(written), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fenced gives the only block of a document that bears an info string.
func fenced(t *testing.T, text, info string) string {
	t.Helper()
	parts := strings.Split(text, "```"+info+"\n")
	if len(parts) != 2 {
		t.Fatalf("%d blocks are marked %s", len(parts)-1, info)
	}
	block, _, _ := strings.Cut(parts[1], "```")
	return block
}
