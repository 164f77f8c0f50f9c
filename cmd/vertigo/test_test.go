package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const shippedScenarios = "../../rules/scenarios"

// tested runs vertigo test.
func tested(args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), append([]string{"test"}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// The shipped rules do what their scenarios say, and no rule is without one.
func TestShippedScenarios(t *testing.T) {
	code, out, errs := tested("--coverage", "--format", "json", shippedScenarios)
	if code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, errs, out)
	}
	var report struct {
		Coverage struct {
			Rules    int
			Fired    int `json:"rules_fired"`
			Branches int
			Taken    int `json:"branches_taken"`
			List     []struct {
				Kind, Name, At string
				Fired          int
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	for _, one := range report.Coverage.List {
		if one.Kind == "rule" && one.Fired == 0 {
			t.Errorf("%s: no scenario has rule %q fire", one.At, one.Name)
		}
	}
	if c := report.Coverage; c.Taken*100 < 90*c.Branches || c.Branches == 0 {
		t.Errorf("the parts of conditions were true and false in %d cases of %d, less than 90 %%", c.Taken, c.Branches)
	}
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	goodScenario   = "# Is it dialled?\n[[step]]\nname = \"Anna calls\"\nreceive = [\"matrix m.call.invite\", \"matrix m.call.candidates\"]\nexpect = \"verto verto.invite\"\n"
	failedScenario = "# Is it dialled?\n[[step]]\nname = \"Anna calls\"\nreceive = \"matrix m.call.invite\"\nexpect = \"verto verto.invite\"\n"
	faultyScenario = "# Is it dialled?\n[[step]]\nname = \"Anna calls\"\nrecieve = \"matrix m.call.invite\"\n"
)

func TestTestExitCodes(t *testing.T) {
	for _, row := range []struct {
		name      string
		text      string
		args      []string
		code      int
		out, errs string
	}{
		{"all as expected", goodScenario, nil, 0, "1 scenario, 1 step: all as expected", ""},
		{"a step fails", failedScenario, nil, 1, "- verto verto.invite  is not sent", ""},
		{"a scenario cannot be run", faultyScenario, nil, 2, "1 cannot be run", "hint: did you mean receive?"},
		{"little is covered", goodScenario, []string{"--min", "50"}, 1, "all as expected", "coverage is below 50 %"},
		{"enough is covered", goodScenario, []string{"--min", "1"}, 0, "all as expected", ""},
		{"no share", goodScenario, []string{"--min", "101"}, 2, "", "--min is a percentage"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := write(t, map[string]string{"deep/down/a.scenario.toml": row.text, ".hidden/b.scenario.toml": "x", "rules.txt": ""})
			code, out, errs := tested(append(row.args, dir)...)
			if code != row.code || !strings.Contains(out, row.out) || !strings.Contains(errs, row.errs) {
				t.Errorf("exit code %d, want %d\n%s\n%s", code, row.code, out, errs)
			}
		})
	}
	if code, _, errs := tested(t.TempDir()); code != 2 || !strings.Contains(errs, "there is no *.scenario.toml in") {
		t.Errorf("an empty folder: %d, %s", code, errs)
	}
	if code, _, errs := tested("gone"); code != 2 || !strings.Contains(errs, "cannot read gone: no such file") {
		t.Errorf("no folder: %d, %s", code, errs)
	}
}

func TestCoverageIsShownByRuleAndPart(t *testing.T) {
	dir := write(t, map[string]string{"a.scenario.toml": goodScenario})
	_, out, _ := tested("--coverage", dir)
	for _, part := range []string{"\nshipped:matrix-invite.toml\n", " a Matrix user calls a number\n", "! ", "\nrules that fired: "} {
		if !strings.Contains(out, part) {
			t.Errorf("the report has no %q:\n%s", part, out)
		}
	}
	for _, line := range strings.Split(out, "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
}

func TestJUnitIsWritten(t *testing.T) {
	dir := write(t, map[string]string{"a.scenario.toml": failedScenario})
	report := filepath.Join(dir, "report.xml")
	if code, _, _ := tested("--junit", report, dir); code != 1 {
		t.Errorf("exit code %d", code)
	}
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(`<testsuites tests="1" failures="1" errors="0">`)) {
		t.Errorf("%s", data)
	}
}

// A buffer that may be written and read at the same time, and tells when
// something is in it.
type watched struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
	return w.text.Write(p)
}

func (w *watched) await(t *testing.T, part string) {
	t.Helper()
	for {
		w.mu.Lock()
		there := strings.Contains(w.text.String(), part)
		w.mu.Unlock()
		if there {
			return
		}
		select {
		case <-w.more:
		case <-t.Context().Done():
			t.Fatalf("%q was never written", part)
		}
	}
}

// What changes is run again, until the command is told to end.
func TestWatch(t *testing.T) {
	dir := write(t, map[string]string{"a.scenario.toml": failedScenario})
	out, errs := &watched{more: make(chan struct{}, 1)}, &watched{more: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"test", "--watch", dir}, out, errs) }()
	out.await(t, "1 scenario, 1 step: 1 failed")
	if err := os.WriteFile(filepath.Join(dir, "a.scenario.toml"), []byte(goodScenario), 0o644); err != nil {
		t.Fatal(err)
	}
	out.await(t, "1 scenario, 1 step: all as expected")
	if err := os.WriteFile(filepath.Join(dir, "b.scenario.toml"), []byte(goodScenario), 0o644); err != nil {
		t.Fatal(err)
	}
	out.await(t, "2 scenarios, 2 steps: all as expected")
	stop()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d", got)
	}
}

// A scenario that is made from a capture passes.
func TestScenariosFromCaptures(t *testing.T) {
	captures, err := filepath.Glob("../../examples/first-call/*.ndjson")
	if err != nil || len(captures) == 0 {
		t.Fatal(captures, err)
	}
	more, err := filepath.Glob("../../testdata/captures/joint/q[1-5]*.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, capture := range append(captures, more...) {
		var stdout, stderr bytes.Buffer
		file := filepath.Join(dir, strings.TrimSuffix(filepath.Base(capture), ".ndjson")+".scenario.toml")
		if code := run(context.Background(), []string{"replay", "--to-scenario", "-o", file, capture}, &stdout, &stderr); code != 0 {
			t.Errorf("%s: exit code %d, %s", capture, code, stderr.String())
		}
		if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), "# What becomes of the calls in "+capture+"?\n") {
			t.Errorf("%s is not named as it was given: %v", capture, err)
		}
	}
	if code, out, errs := tested(dir); code != 0 {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
}

// BenchmarkTest is "vertigo test rules/scenarios", but for the start of the
// process.
func BenchmarkTest(b *testing.B) {
	for b.Loop() {
		if code, out, errs := tested("../../rules/scenarios"); code > 1 {
			b.Fatal(code, out, errs)
		}
	}
}
