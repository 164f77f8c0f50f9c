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
	"crypto/hmac"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

//go:embed dendrite.sh
var script []byte

// A Server is one running homeserver.
type Server struct {
	URL        string
	ServerName string

	dir, script, bin string
	secret           string
	http             *http.Client
}

// Start starts a homeserver that ends with the test, and also if the test
// binary dies before it can clean up.
func Start(t testing.TB) *Server {
	t.Helper()
	bin, err := build()
	if err != nil {
		unavailable(t, err)
	}
	s := &Server{dir: t.TempDir(), bin: bin, http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}}
	s.script = filepath.Join(s.dir, "dendrite.sh")
	if err := os.WriteFile(s.script, script, 0o700); err != nil {
		t.Fatal(err)
	}
	s.watch(t)
	t.Cleanup(s.http.CloseIdleConnections)
	s.Resume(t)
	return s
}

// Stop stops the homeserver as a restart would: [Server.Resume] brings it back
// at the same URL, with all that it knew.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if out, err := run(s.bin, s.script, "stop", s.dir); err != nil {
		t.Fatalf("dendrite does not stop: %v\n%s", err, out)
	}
}

// Resume starts the homeserver again after [Server.Stop].
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	out, err := run(s.bin, s.script, "start", s.dir)
	if err != nil {
		t.Fatalf("dendrite does not start: %v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "DENDRITE_URL":
			s.URL = value
		case "DENDRITE_SERVER_NAME":
			s.ServerName = value
		case "DENDRITE_SHARED_SECRET":
			s.secret = value
		}
	}
}

// watch leaves a process that stops the homeserver when the pipe to it closes:
// at the end of the test, or of this process, however that comes.
func (s *Server) watch(t testing.TB) {
	t.Helper()
	cmd := command(context.Background(), s.bin, "-c", `read -r _; exec bash "$0" stop "$1"`, s.script, s.dir)
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

// Register makes a user of that local name and returns it, logged in. The
// password must have 8 characters or more.
func (s *Server) Register(t testing.TB, name, password string) *User {
	t.Helper()
	const path = "/_synapse/admin/v1/register"
	u := &User{server: s}
	nonce := u.must(t, http.MethodGet, path, nil).Get("nonce").String()
	mac := hmac.New(sha1.New, []byte(s.secret))
	fmt.Fprintf(mac, "%s\x00%s\x00%s\x00notadmin", nonce, name, password)
	got := u.must(t, http.MethodPost, path, map[string]any{
		"nonce": nonce, "username": name, "password": password, "admin": false,
		"mac": hex.EncodeToString(mac.Sum(nil)),
	})
	u.ID, u.Token, u.Device = got.Get("user_id").String(), got.Get("access_token").String(), got.Get("device_id").String()
	return u
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
	if out, err := run(bin, path, "install", dir); err != nil {
		return "", fmt.Errorf("%w: %s", err, lastLine(out))
	}
	return bin, nil
})

func unavailable(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("no Dendrite to test with: %v", err)
	}
	t.Skipf("no Dendrite to test with: %v", err)
}

// run runs the script and returns what it says.
func run(bin, script string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := command(ctx, bin, append([]string{script}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func command(ctx context.Context, bin string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.Env = append(os.Environ(), "DENDRITE_BIN="+bin)
	return cmd
}

func lastLine(out string) string {
	out = strings.TrimSpace(out)
	return out[strings.LastIndexByte(out, '\n')+1:]
}
