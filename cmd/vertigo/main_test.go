package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"vertigo": main})
}

// leakChecked fails a run that leaves goroutines behind.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

func TestScripts(t *testing.T) {
	captures, err := filepath.Abs("../../testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("CAPTURES", captures)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"bigmessage": bigMessage,
			"columns":    columns,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// bigMessage writes a capture with one Verto message of so many bytes:
// bigmessage FILE BYTES.
func bigMessage(ts *testscript.TestScript, _ bool, args []string) {
	var size int
	if _, err := fmt.Sscan(args[1], &size); err != nil {
		ts.Fatalf("%v", err)
	}
	text := make([]byte, size)
	for i := range text {
		text[i] = 'x'
	}
	line := fmt.Sprintf(`{"ts":"2026-11-22T00:29:03Z","transport":"verto","dir":"in","data":{"method":"verto.info","params":{"callID":"c","text":"%s"}}}`, text)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(line+"\n"), 0o600))
}

// columns checks that the last command's output is nowhere wider than a number
// of terminal columns: columns N.
func columns(ts *testscript.TestScript, _ bool, args []string) {
	var most int
	if _, err := fmt.Sscan(args[0], &most); err != nil {
		ts.Fatalf("%v", err)
	}
	n, width := 1, 0
	for _, r := range ts.ReadFile("stdout") {
		width++
		if r == '\n' {
			n, width = n+1, 0
		}
		if width > most {
			ts.Fatalf("line %d is wider than %d columns", n, most)
		}
	}
}
