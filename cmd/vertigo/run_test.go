package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vertigo/engine"
)

// process is a vertigo in a process of its own.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr *bufio.Reader
	seen   strings.Builder
}

func startProcess(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append([]string{"vertigo"}, args...)
	cmd.Dir = dir
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &process{t: t, cmd: cmd, stderr: bufio.NewReader(pipe)}
}

// until reads the process's log until a line holds the text.
func (p *process) until(text string) {
	p.t.Helper()
	for {
		line, err := p.stderr.ReadString('\n')
		p.seen.WriteString(line)
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			p.t.Fatalf("no %q in the log (%v):\n%s", text, err, p.seen.String())
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) exitCode() int {
	var exit *exec.ExitError
	err := p.cmd.Wait()
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Nothing listens at these addresses: the transports keep trying.
const lonelyConfig = `
[transport.matrix]
kind       = "matrix"
homeserver = "http://127.0.0.1:1"
user       = "@phone:example.org"
token      = "syt_very_secret"
[transport.verto]
kind     = "verto"
url      = "ws://127.0.0.1:1"
login    = "1008@127.0.0.1"
password = "hunter2"
[capture]
dir = "captures"
`

func TestSignals(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("vertigo.toml", lonelyConfig)
	write("rules.toml", bridgeRules("old"))
	p := startProcess(t, dir, "run")
	p.until("msg=started")
	p.signal(syscall.SIGHUP)
	p.until(`msg="rules reloaded"`)
	write("rules.toml", faultyRules)
	p.signal(syscall.SIGHUP)
	p.until("rules.toml:5:1: error: unknown key nw")
	p.until(`msg="rules unchanged: the new ones are faulty"`)
	p.signal(syscall.SIGTERM)
	p.until("msg=stopped")
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.seen.String())
	}
	for _, secret := range []string{"syt_very_secret", "hunter2"} {
		if strings.Contains(p.seen.String(), secret) {
			t.Errorf("the log holds %s:\n%s", secret, p.seen.String())
		}
	}
}

func TestADryRunLeavesNoState(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"vertigo.toml": lonelyConfig, "rules.toml": bridgeRules("old")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := startProcess(t, dir, "run", "--dry-run")
	p.until("msg=started")
	p.signal(os.Interrupt)
	p.until("msg=stopped")
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.seen.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "state")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state: %v", err)
	}
}

func TestADryRunPrintsWhatItWouldSend(t *testing.T) {
	var out strings.Builder
	p := &program{cfg: &config{}, dryRun: true, std: streams{out: &out}}
	send := p.dry(plainPeers())
	send(engine.Action{
		To: "verto", Type: "verto.bye", Rule: "ends", Call: "c",
		At: time.Date(2026, 11, 22, 0, 29, 3, 0, time.UTC), Body: []byte(`{"token":"secret"}`),
	})
	want := `{"ts":"2026-11-22T00:29:03Z","transport":"verto","dir":"out","rule":"ends","call":"c",` +
		`"data":{"jsonrpc":"2.0","method":"verto.bye","params":{"token":"redacted"},"id":1}}` + "\n"
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}
