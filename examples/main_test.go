// Package examples_test holds the examples and the documentation to what the
// program does: every rule file is loaded, every capture replayed, every snippet
// run.
package examples_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write what the program says to the files that hold it")

// vertigo is the program, built for these tests.
var vertigo string

// TestMain builds the program, and lets the tests run where a reader does: at
// the top of the project.
func TestMain(m *testing.M) {
	dir, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

func build() (dir string, err error) {
	if err := os.Chdir(".."); err != nil {
		return "", err
	}
	dir, err = os.MkdirTemp("", "vertigo-examples")
	if err != nil {
		return "", err
	}
	vertigo = filepath.Join(dir, "vertigo")
	if out, err := exec.Command("go", "build", "-o", vertigo, "./cmd/vertigo").CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("the program cannot be built: %w\n%s", err, out)
	}
	return dir, nil
}

// run runs the program, and gives what it wrote and its exit code.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, diagnostics bytes.Buffer
	cmd := exec.CommandContext(t.Context(), vertigo, args...)
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), diagnostics.String(), cmd.ProcessState.ExitCode()
}

// glob gives the files of a pattern, of which there must be one at least.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatalf("there is no file %s", pattern)
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// same compares what the program says with the file that holds it, or writes it
// there.
func same(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := read(t, name); got != want {
		t.Errorf("%s is no longer what the program says (go test ./examples -update writes it anew); it says\n%s", name, got)
	}
}
