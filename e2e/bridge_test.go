package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"vertigo/transports/matrix/dendritetest"
)

// A bridge is `vertigo run` as an operator starts it.
type bridge struct {
	dir string
	cmd *exec.Cmd

	mu      sync.Mutex
	lines   []string // of stderr
	changed chan struct{}
	done    chan struct{} // closed when the process has ended and all its output was read
	err     error
}

// settings are what the tests vary of a configuration.
type settings struct {
	url, login, password, caFile string
	more                         string // of [transport.pbx]
	rules                        string
	captures                     bool
}

// startBridge writes a configuration and runs the bridge with it until the test
// ends. It does not wait for the bridge to be ready.
func startBridge(t testing.TB, account *dendritetest.User, homeserver string, s settings) *bridge {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	b := &bridge{dir: t.TempDir(), changed: make(chan struct{}), done: make(chan struct{})}
	config := fmt.Sprintf(`
rules = ["rules.toml"]

[log]
level = "debug"

[transport.matrix]
kind       = "matrix"
homeserver = %q
user       = %q
token      = "env:E2E_MATRIX_TOKEN"

[transport.pbx]
kind     = "verto"
group    = "verto"
url      = %q
login    = %q
password = "file:verto-password"
`, homeserver, account.ID, s.url, s.login)
	if s.caFile != "" {
		config += fmt.Sprintf("ca_file = %q\n", s.caFile)
	}
	config += s.more
	if s.captures {
		config += "\n[capture]\ndir = \"captures\"\n"
	}
	b.write(t, "vertigo.toml", config)
	b.write(t, "verto-password", s.password+"\n")
	b.write(t, "rules.toml", s.rules)
	b.cmd = exec.Command(bin, "run", "-c", filepath.Join(b.dir, "vertigo.toml"))
	b.cmd.Env = append(os.Environ(), "E2E_MATRIX_TOKEN="+account.Token)
	b.cmd.Dir = b.dir
	stderr, err := b.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(b.done)
		sc := bufio.NewScanner(stderr)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			b.mu.Lock()
			b.lines = append(b.lines, sc.Text())
			close(b.changed)
			b.changed = make(chan struct{})
			b.mu.Unlock()
		}
		b.err = b.cmd.Wait()
	}()
	t.Cleanup(func() {
		b.signal(t, syscall.SIGTERM)
		select {
		case <-b.done:
		case <-soonAfter(t).Done():
			_ = b.cmd.Process.Kill()
			<-b.done
			t.Error("the bridge did not end after SIGTERM")
		}
		if t.Failed() {
			t.Logf("the bridge said:\n%s", strings.Join(b.said(), "\n"))
		}
	})
	return b
}

// soonAfter is soon for a clean-up, when the test's own context is done.
func soonAfter(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	return ctx
}

func (b *bridge) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// signal sends a signal, unless the process has ended.
func (b *bridge) signal(t testing.TB, s os.Signal) {
	t.Helper()
	select {
	case <-b.done:
	default:
		if err := b.cmd.Process.Signal(s); err != nil && err != os.ErrProcessDone {
			t.Errorf("signal: %v", err)
		}
	}
}

func (b *bridge) said() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.lines...)
}

// waitLine returns the first line from number from on that holds all the words,
// and the number of the line after it.
func (b *bridge) waitLine(t testing.TB, from int, words ...string) (string, int) {
	t.Helper()
	ctx := soon(t)
	for i := from; ; {
		b.mu.Lock()
		lines, changed := b.lines, b.changed
		b.mu.Unlock()
		for ; i < len(lines); i++ {
			if holds(lines[i], words) {
				return lines[i], i + 1
			}
		}
		select {
		case <-changed:
		case <-b.done:
			t.Fatalf("the bridge ended (%v) and never said %q", b.err, words)
		case <-ctx.Done():
			t.Fatalf("the bridge never said %q", words)
		}
	}
}

func holds(line string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return true
}
