package main

import (
	"os"
	"strings"
	"testing"
)

const testingDocument = "../../docs/testing.md"

// blocks gives the fenced blocks of a document that bear an info string.
func blocks(text, info string) []string {
	var list []string
	for {
		_, rest, ok := strings.Cut(text, "\n```"+info+"\n")
		if !ok {
			return list
		}
		block, after, _ := strings.Cut(rest, "\n```\n")
		list, text = append(list, block+"\n"), after
	}
}

// Each scenario in the documents passes, and the one that fails fails as shown.
func TestScenariosInTheDocument(t *testing.T) {
	text, err := os.ReadFile(testingDocument)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	good := append(blocks(string(text), "toml scenario"), blocks(string(readme), "toml scenario")...)
	if len(good) < 4 {
		t.Fatalf("the documents have %d scenarios", len(good))
	}
	for _, one := range good {
		dir := write(t, map[string]string{"a.scenario.toml": one})
		if code, out, errs := tested(dir); code != 0 {
			t.Errorf("exit code %d\n%s\n%s", code, out, errs)
		}
	}
	bad, shown := blocks(string(text), "toml fails"), blocks(string(text), "text report")
	if len(bad) != 1 || len(shown) != 1 {
		t.Fatalf("%d scenarios that fail, %d reports", len(bad), len(shown))
	}
	t.Chdir(write(t, map[string]string{"fails.scenario.toml": bad[0]}))
	if _, out, _ := tested(); out != shown[0] {
		t.Errorf("the document shows\n%s\nand the command prints\n%s", shown[0], out)
	}
}
