// Package e2ejanus_test calls between Matrix and real telephones: a Dendrite,
// the bridge as a process of its own with the rules matrix-janus, a Janus, a
// registrar, and baresip and sipp as telephones. WebRTC clients are the Matrix
// users'.
package e2ejanus_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vertigo/internal/bridgetest"
)

// patience is how long a test waits for something that must happen.
const patience = time.Minute

var (
	suiteDir string // the program
	built    = sync.OnceValues(func() (string, error) { return bridgetest.Build(suiteDir) })
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	var err error
	if suiteDir, err = os.MkdirTemp("", "vertigo-e2ejanus-"); err == nil {
		defer os.RemoveAll(suiteDir)
		err = flag.Set("test.parallel", "64") // stories wait more than they work; the command line may say otherwise
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if code = m.Run(); code == 0 {
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

// pass lets time pass that belongs to the story.
func pass(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
