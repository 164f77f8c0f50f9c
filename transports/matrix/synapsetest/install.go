package synapsetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// version is the Synapse that tests run.
const version = "1.163.2"

// install installs Synapse once, one process at a time, and returns the Python
// that has it.
var install = sync.OnceValues(func() (python string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "vertigo-test", "synapse")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, "lock")).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()

	venv := filepath.Join(dir, version)
	python = filepath.Join(venv, "bin", "python")
	whole := filepath.Join(venv, "installed") // there when the installation came to its end
	if _, err := os.Stat(whole); err == nil && exec.Command(python, "--version").Run() == nil {
		return python, nil
	}
	if err := os.RemoveAll(venv); err != nil {
		return "", err
	}
	const recent = "import sys; sys.exit(sys.version_info < (3, 10))"
	if err := exec.Command("python3", "-c", recent).Run(); err != nil {
		return "", fmt.Errorf("python3, 3.10 or later, is needed: %w", err)
	}
	if err := setUp("python3", "-m", "venv", venv); err != nil {
		return "", err
	}
	if err := setUp(python, "-m", "pip", "install", "--quiet", "--prefer-binary", "matrix-synapse=="+version); err != nil {
		return "", err
	}
	return python, os.WriteFile(whole, nil, 0o600)
})

// setUp runs a command of the installation.
func setUp(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		said := strings.TrimSpace(string(out))
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), errors.Join(err, ctx.Err()), said)
	}
	return nil
}
