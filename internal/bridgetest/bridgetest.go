// Package bridgetest runs the bridge for tests as operators do: a process of its
// own, in a directory with its configuration, which is stopped and started again
// by signals and says in its log what happens.
package bridgetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long something may take that must happen.
const patience = 30 * time.Second

// Build builds the program into a directory, and gives its path.
func Build(dir string) (program string, err error) {
	program = filepath.Join(dir, "vertigo")
	if out, err := exec.Command("go", "build", "-o", program, "vertigo/cmd/vertigo").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
}

// A Bridge is the bridge in one directory, over all its runs.
type Bridge struct {
	Dir string
	Env []string // further variables

	program string
	cmd     *exec.Cmd

	mu      sync.Mutex
	lines   []string // of stderr, of all runs
	begun   int      // how many there were when this run began
	changed chan struct{}
	done    chan struct{} // closed when the process has ended and all its output was read
	err     error
}

// New makes a bridge that does not run yet.
func New(program, dir string) *Bridge {
	return &Bridge{Dir: dir, program: program, changed: make(chan struct{})}
}

// Write writes a file in the bridge's directory.
func (b *Bridge) Write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.Dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Command is the program with that command line, in the bridge's directory.
func (b *Bridge) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(b.program, args...)
	cmd.Env, cmd.Dir = append(os.Environ(), b.Env...), b.Dir
	return cmd
}

// Start runs the bridge by its vertigo.toml. It does not wait for it to be ready.
func (b *Bridge) Start(t testing.TB) {
	t.Helper()
	cmd := b.Command("run", "-c", "vertigo.toml")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	b.mu.Lock()
	b.cmd, b.begun, b.done, b.err = cmd, len(b.lines), done, nil
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

// StopsWith stops the bridge at the end of the test, leaves what it said in the
// file stderr.log, and shows the end of that if the test has failed.
func (b *Bridge) StopsWith(t testing.TB) {
	t.Cleanup(func() {
		b.Stop(t, syscall.SIGTERM)
		said := strings.Join(b.Said(), "\n")
		b.Write(t, "stderr.log", said+"\n")
		if t.Failed() {
			const most = 64 << 10
			t.Logf("the bridge said, in the end:\n%s", said[max(0, len(said)-most):])
		}
	})
}

// Stop ends the process by a signal and waits for it.
func (b *Bridge) Stop(t testing.TB, s os.Signal) {
	t.Helper()
	b.Signal(t, s)
	select {
	case <-b.done:
	case <-time.After(patience):
		_ = b.cmd.Process.Kill()
		<-b.done
		t.Errorf("the bridge did not end after %s", s)
	}
}

// Signal sends a signal, unless the process has ended.
func (b *Bridge) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	select {
	case <-b.done:
	default:
		if err := b.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("signal: %v", err)
		}
	}
}

// Wait waits until the process has ended by itself, and says how.
func (b *Bridge) Wait(t testing.TB) error {
	t.Helper()
	select {
	case <-b.done:
	case <-time.After(patience):
		t.Fatal("the bridge does not end")
	}
	return b.err
}

// Said are the lines of its log, of all runs.
func (b *Bridge) Said() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

// Ready waits until this run is connected to those transports.
func (b *Bridge) Ready(t testing.TB, transports ...string) {
	t.Helper()
	for _, name := range transports {
		b.WaitLine(t, b.begun, "transport.up", "transport="+name)
	}
}

// WaitLine returns the first line from number from on that holds all the words,
// and the number of the line after it.
func (b *Bridge) WaitLine(t testing.TB, from int, words ...string) (line string, next int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
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
