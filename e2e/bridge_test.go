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

	"vertigo/transports/matrix/hometest"
)

// A bridge is `vertigo run` as an operator starts it, and starts again.
type bridge struct {
	dir string
	env []string
	cmd *exec.Cmd

	mu      sync.Mutex
	lines   []string // of stderr, of all runs
	begun   int      // how many there were when this run began
	changed chan struct{}
	done    chan struct{} // closed when the process has ended and all its output was read
	err     error
}

// settings are what the tests vary of a configuration.
type settings struct {
	matrix string   // the table [transport.matrix], but for its kind
	env    []string // what it refers to

	url, login, password, caFile string
	more                         string // of [transport.pbx], and tables after it
	rules                        string
	captures                     bool
}

// asBot is the table of a bridge that is one user.
func asBot(account *hometest.User, homeserver string) settings {
	planted.credential("the bot's token", account.Token)
	return settings{
		matrix: fmt.Sprintf("homeserver = %q\nuser = %q\ntoken = \"env:E2E_MATRIX_TOKEN\"\n", homeserver, account.ID),
		env:    []string{"E2E_MATRIX_TOKEN=" + account.Token},
	}
}

// newBridge makes a directory for a bridge. It stays until all tests are over:
// then it is searched for secrets.
func newBridge(t testing.TB) *bridge {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Join(suiteDir, "bridges"), "*")
	if err != nil {
		t.Fatal(err)
	}
	return &bridge{dir: dir, changed: make(chan struct{})}
}

// startBridge writes a configuration and runs the bridge with it until the test
// ends. It does not wait for the bridge to be ready.
func startBridge(t testing.TB, s settings) *bridge {
	t.Helper()
	b := newBridge(t)
	b.configure(t, s)
	b.start(t)
	b.stopsWith(t)
	return b
}

// configure writes all that the bridge reads.
func (b *bridge) configure(t testing.TB, s settings) {
	t.Helper()
	config := fmt.Sprintf(`
rules = ["rules.toml"]

[log]
level = "debug"

[transport.matrix]
kind = "matrix"
%s
[transport.pbx]
kind     = "verto"
group    = "verto"
url      = %q
login    = %q
password = "file:verto-password"
`, s.matrix, s.url, s.login)
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
	b.env = append(os.Environ(), s.env...)
}

// command is the program with that command line, in the bridge's directory.
func (b *bridge) command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, args...)
	cmd.Env, cmd.Dir = b.env, b.dir
	return cmd
}

// start runs the bridge.
func (b *bridge) start(t testing.TB) {
	t.Helper()
	b.cmd = b.command(t, "run", "-c", "vertigo.toml")
	stderr, err := b.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, done := b.cmd, make(chan struct{})
	b.mu.Lock()
	b.begun, b.done, b.err = len(b.lines), done, nil
	b.mu.Unlock()
	go func() {
		defer close(done)
		sc := bufio.NewScanner(stderr)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			b.mu.Lock()
			b.lines = append(b.lines, sc.Text())
			close(b.changed)
			b.changed = make(chan struct{})
			b.mu.Unlock()
		}
		b.err = cmd.Wait()
	}()
}

// stopsWith stops the bridge at the end of the test.
func (b *bridge) stopsWith(t testing.TB) {
	t.Cleanup(func() {
		b.stop(t, syscall.SIGTERM)
		said := strings.Join(b.said(), "\n")
		b.write(t, "stderr.log", said+"\n")
		if t.Failed() {
			t.Logf("the bridge said:\n%s", tail(said))
		}
	})
}

// tail is the end of what may be very long.
func tail(text string) string {
	const most = 64 << 10
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

// stop ends the process by a signal and waits for it.
func (b *bridge) stop(t testing.TB, s os.Signal) {
	t.Helper()
	b.signal(t, s)
	select {
	case <-b.done:
	case <-soonAfter(t).Done():
		_ = b.cmd.Process.Kill()
		<-b.done
		t.Errorf("the bridge did not end after %s", s)
	}
}

// restart stops the bridge as an operator does, and starts it again.
func (b *bridge) restart(t testing.TB) {
	t.Helper()
	b.stop(t, syscall.SIGTERM)
	b.start(t)
	b.ready(t)
}

// forget restarts the bridge without anything that it remembered.
func (b *bridge) forget(t testing.TB) {
	t.Helper()
	b.stop(t, syscall.SIGTERM)
	if err := os.RemoveAll(filepath.Join(b.dir, "state")); err != nil {
		t.Fatal(err)
	}
	b.start(t)
	b.ready(t)
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

// ready waits until this run is connected to both sides.
func (b *bridge) ready(t testing.TB) {
	t.Helper()
	b.waitLine(t, b.begun, "transport.up", "transport=matrix")
	b.waitLine(t, b.begun, "transport.up", "transport=pbx")
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
