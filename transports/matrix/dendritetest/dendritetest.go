// Package dendritetest runs a real Matrix homeserver for tests: a Dendrite with
// SQLite, on the loopback interface, with a data directory of its own.
//
// The first test that asks for one builds it, which takes a minute or two; the
// binaries stay in the user's cache directory. It needs bash, curl and go, and a
// Go module proxy for the build. Where it cannot be had the test is skipped,
// unless the environment says CI: there it fails.
package dendritetest

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vertigo/transports/matrix/hometest"
)

//go:embed dendrite.sh
var script []byte

// Server and User are those of any homeserver.
type (
	Server = hometest.Server
	User   = hometest.User
)

// Start starts a homeserver that ends with the test, and also if the test
// binary dies before it can clean up. It takes one set of options, or none.
func Start(t testing.TB, o ...hometest.Options) *Server {
	t.Helper()
	bin, err := build()
	if err != nil {
		hometest.Unavailable(t, hometest.Dendrite, err)
	}
	var opts hometest.Options
	if len(o) > 0 {
		opts = o[0]
	}
	d := &dendrite{dir: t.TempDir(), bin: bin, secret: rand.Text(), limited: opts.RateLimits}
	d.script = filepath.Join(d.dir, "dendrite.sh")
	if err := os.WriteFile(d.script, script, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := opts.WriteRegistrations(filepath.Join(d.dir, "appservices")); err != nil {
		t.Fatal(err)
	}
	d.watch(t)
	return hometest.New(t, hometest.Dendrite, d.secret, d)
}

// dendrite is one homeserver, run by the script.
type dendrite struct {
	dir, script, bin string
	secret           string
	limited          bool
}

// Start implements [hometest.Program].
func (d *dendrite) Start() (url string, err error) {
	env := []string{"DENDRITE_SERVER_NAME=" + hometest.ServerName, "DENDRITE_SHARED_SECRET=" + d.secret}
	if d.limited {
		env = append(env, "DENDRITE_RATE_LIMIT=1")
	}
	out, err := run(d.bin, env, d.script, "start", d.dir)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "DENDRITE_URL="); ok {
			return value, nil
		}
	}
	return "", fmt.Errorf("the script names no URL\n%s", out)
}

// Stop implements [hometest.Program].
func (d *dendrite) Stop() error {
	if out, err := run(d.bin, nil, d.script, "stop", d.dir); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// watch leaves a process that stops the homeserver when the pipe to it closes:
// at the end of the test, or of this process, however that comes.
func (d *dendrite) watch(t testing.TB) {
	t.Helper()
	cmd := command(context.Background(), d.bin, nil, "-c", `read -r _; exec bash "$0" stop "$1"`, d.script, d.dir)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pipe.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("dendrite does not stop: %v", err)
		}
	})
}

// build makes the binaries once a process; the script sees to it that several
// processes do not build at the same time.
var build = sync.OnceValues(func() (bin string, err error) {
	for _, tool := range []string{"bash", "curl", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%s is needed", tool)
		}
	}
	if bin = os.Getenv("DENDRITE_BIN"); bin == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		bin = filepath.Join(cache, "vertigo-test", "dendrite")
	}
	dir, err := os.MkdirTemp("", "dendritetest")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "dendrite.sh")
	if err := os.WriteFile(path, script, 0o700); err != nil {
		return "", err
	}
	if out, err := run(bin, nil, path, "install", dir); err != nil {
		return "", fmt.Errorf("%w: %s", err, lastLine(out))
	}
	return bin, nil
})

// run runs the script, with env besides, and returns what it says.
func run(bin string, env []string, script string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := command(ctx, bin, env, append([]string{script}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func command(ctx context.Context, bin string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.Env = append(append(os.Environ(), "DENDRITE_BIN="+bin), env...)
	return cmd
}

func lastLine(out string) string {
	out = strings.TrimSpace(out)
	return out[strings.LastIndexByte(out, '\n')+1:]
}
