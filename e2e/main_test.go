// Package e2e_test calls between Matrix and telephones: real homeservers, the
// bridge as a process of its own with a rules.toml, a Verto server with real
// WebRTC media behind it, and WebRTC clients as the Matrix users'.
package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vertigo/internal/bridgetest"
)

// patience is how long a test waits for something that must happen.
const patience = 30 * time.Second

var (
	suiteDir string // the program, and the directories of all bridges
	built    = sync.OnceValues(func() (string, error) { return bridgetest.Build(suiteDir) })
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run runs the tests, and then looks at what they left: goroutines, and secrets
// in what the bridges wrote.
func run(m *testing.M) (code int) {
	var err error
	if suiteDir, err = os.MkdirTemp("", "vertigo-e2e-"); err == nil {
		err = os.Mkdir(filepath.Join(suiteDir, "bridges"), 0o700)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(suiteDir)
	if err := flag.Set("test.parallel", "4"); err != nil { // stories wait more than they work; the command line may say otherwise
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code = m.Run()
	for _, leak := range planted.leaks(filepath.Join(suiteDir, "bridges")) {
		fmt.Fprintln(os.Stderr, "leak:", leak)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
