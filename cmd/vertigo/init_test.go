package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Files that cannot all be written are not written at all.
func TestWriteNewWritesAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	if err := os.WriteFile(second, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(map[string][]byte{first: []byte("ours"), second: []byte("ours")}); err == nil {
		t.Error("a file that is there was written over")
	}
	if _, err := os.Stat(first); err == nil {
		t.Error("one of the two was written")
	}
	if text, err := os.ReadFile(second); err != nil || string(text) != "theirs" {
		t.Errorf("the other is %q now (%v)", text, err)
	}
}
