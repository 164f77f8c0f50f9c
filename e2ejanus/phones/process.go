package phones

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process is a program that ends with the test.
type process struct {
	name string
	dir  string // its own; what it says is in the file output there
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
	err  error         // how
}

// start runs a program in a directory of its own. Where it is still there at the
// end of the test it is told to end, and then made to.
func start(t testing.TB, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{name: name, dir: dir, done: make(chan struct{}), cmd: exec.Command(name, args...)}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = output, output
	tie(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() { p.end(t) })
	return p
}

// end ends the process, and shows what it said if the test has failed.
func (p *process) end(t testing.TB) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	if t.Failed() {
		t.Logf("%s said, in the end:\n%s", p.name, p.said(t))
	}
}

// saidLines is how much is shown of what a process has said: its last lines. There
// are several processes, and what failed must not be buried.
const saidLines = 30

// said is the end of what the process has said.
func (p *process) said(t testing.TB) string {
	t.Helper()
	lines := strings.SplitAfter(p.read(t, "output")+p.read(t, complaints), "\n")
	return strings.Join(lines[max(0, len(lines)-saidLines):], "")
}

// complaints are the files in which sipp tells what went wrong, below a heading.
const complaints = "*_errors.log"

// complaint is the first thing that sipp says went wrong.
func (p *process) complaint(t testing.TB) string {
	t.Helper()
	_, first, _ := strings.Cut(p.read(t, complaints), "\n")
	line, _, _ := strings.Cut(first, "\n")
	return line
}

// read reads the files of such a name that the process has.
func (p *process) read(t testing.TB, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, pattern))
	if err != nil {
		t.Error(err)
	}
	var all []byte
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		all = append(all, text...)
	}
	return string(all)
}

// until asks again and again whether something is true, which no event tells.
func (p *process) until(t testing.TB, ctx context.Context, what string, ready func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-p.done:
			t.Fatalf("%s ended (%v) before it %s; %s", p.name, p.err, what, p.complaint(t))
		case <-ctx.Done():
			t.Fatalf("%s never %s", p.name, what)
		}
	}
}
