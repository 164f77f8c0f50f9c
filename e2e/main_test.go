// Package e2e_test calls telephones from Matrix: a real homeserver (Dendrite),
// the bridge as a process of its own with a rules.toml, a Verto server with real
// WebRTC media behind it, and a WebRTC client as the caller.
package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for something that must happen.
const patience = 30 * time.Second

var (
	binDir string
	built  = sync.OnceValues(func() (string, error) {
		bin := filepath.Join(binDir, "vertigo")
		cmd := exec.Command("go", "build", "-o", bin, "vertigo/cmd/vertigo")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
		return bin, nil
	})
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "vertigo-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
