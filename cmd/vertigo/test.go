package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/scenario"
)

// shortRunGC is how much the heap of a run may grow, in percent, before it is
// collected.
const shortRunGC = 300

type testCommand struct {
	Coverage bool     `help:"Show how often each rule fired, and each part of a condition was true and false."`
	Min      int      `placeholder:"PERCENT" help:"Exit with 1 if fewer of the rules have fired, or fewer of the parts of conditions were true and false."`
	JUnit    string   `name:"junit" placeholder:"FILE" help:"Write what came of each step there, as CI systems read it."`
	Watch    bool     `help:"Run again whenever a scenario or a file that it reads changes, until Ctrl-C."`
	Format   string   `enum:"text,json" default:"text" help:"text or json."`
	Defaults bool     `help:"Print what stands in a received message if a scenario says nothing else, and run nothing."`
	Paths    []string `arg:"" optional:"" name:"path" help:"Scenarios, and folders in which all *.scenario.toml are run (default: the folder you are in)."`
}

// Help is what --help adds.
func (testCommand) Help() string {
	return `Nothing is sent, and time passes as the scenarios say. The exit code is 1 if a
step did not come out as expected, 2 if a scenario cannot be run. The shipped
rules have theirs:

    vertigo test --coverage rules/scenarios`
}

// Run runs scenarios once, or again and again.
func (c *testCommand) Run(ctx context.Context, std streams) error {
	if c.Defaults {
		_, err := std.out.Write(scenario.Messages())
		return err
	}
	if c.Min < 0 || c.Min > 100 {
		return fmt.Errorf("--min is a percentage from 0 to 100, not %d", c.Min)
	}
	t := &tester{command: c, std: std}
	if !c.Watch {
		if os.Getenv("GOGC") == "" { // half the time of a short run would go into collecting what it leaves
			defer debug.SetGCPercent(debug.SetGCPercent(shortRunGC))
		}
		return t.once()
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return t.watch(ctx)
}

// A tester runs scenarios, and knows which files they were made of.
type tester struct {
	command *testCommand
	std     streams

	mu    sync.Mutex
	files map[string]stamp // as they were before they were read

	shared *scenario.Shared // rules that were loaded in this run
}

// errNotRun ends a command that has said which scenarios cannot be run.
var errNotRun = errors.New("a scenario cannot be run")

func (t *tester) once() error {
	defer brief()()
	names, err := t.find()
	if err != nil {
		return err
	}
	var cover *engine.Coverage
	if t.command.Coverage || t.command.Min > 0 {
		cover = &engine.Coverage{}
	}
	outcomes := t.runAll(names, cover)
	if err := t.report(outcomes, cover); err != nil {
		return err
	}
	return t.verdict(outcomes, cover)
}

// find lists the scenarios that are asked for.
func (t *tester) find() ([]string, error) {
	paths := t.command.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	t.files, t.shared = map[string]stamp{}, &scenario.Shared{}
	var names []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, cannotRead(path, err)
		}
		if !info.IsDir() {
			if isRuleFile(path) {
				return nil, fmt.Errorf("%s is a rule file, and no scenario: vertigo check %[1]s looks for its faults", path)
			}
			names = append(names, path)
			continue
		}
		found, err := below(path)
		if err != nil {
			return nil, cannotRead(path, err)
		}
		names = append(names, found...)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no *%s in %s", scenario.Suffix, strings.Join(paths, ", "))
	}
	return names, nil
}

var (
	ruleHeader = regexp.MustCompile(`(?m)^[ \t]*\[\[[ \t]*rule[ \t]*\]\]`)
	ofScenario = regexp.MustCompile(`(?m)^[ \t]*\[\[[ \t]*step[ \t]*\]\]`)
)

// isRuleFile tells a rule file that was taken for a scenario.
func isRuleFile(name string) bool {
	text, err := os.ReadFile(name)
	return err == nil && !strings.HasSuffix(name, scenario.Suffix) && ruleHeader.Match(text) && !ofScenario.Match(text)
}

// below lists the scenarios in a folder, and in those in it whose names do not
// begin with a dot.
func below(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, scenario.Suffix):
			names = append(names, path)
		}
		return nil
	})
	return names, err
}

// runAll runs scenarios, as many at once as there are processors; what comes of
// them is in their order.
func (t *tester) runAll(names []string, cover *engine.Coverage) []scenario.Outcome {
	outcomes := make([]scenario.Outcome, len(names))
	covers := make([]*engine.Coverage, len(names))
	progress := newCounter(t.std.err, len(names))
	defer progress.clear()
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		workers.Go(func() {
			for i := range next {
				if cover != nil {
					covers[i] = &engine.Coverage{}
				}
				outcomes[i] = t.run(names[i], covers[i])
				progress.step()
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	workers.Wait()
	for _, one := range covers {
		if one != nil {
			cover.Merge(one)
		}
	}
	return outcomes
}

func (t *tester) run(name string, cover *engine.Coverage) scenario.Outcome {
	s, files, found := scenario.Load(name, scenario.Options{
		Peers: plainPeers(),
		Peer: func(kind, name, group string) (replay.Peer, error) {
			k := kindNamed(kind)
			if k == nil {
				return replay.Peer{}, fmt.Errorf("%q is no kind of transport: there are %s", kind, strings.Join(kindNames(), ", "))
			}
			return k.peer(name, group), nil
		},
		Declared: declaredPeer,
		Unnamed:  unnamed(),
		Schemas:  schemas(),
		ReadFile: t.read,
		Shared:   t.shared,
	})
	for _, file := range files {
		t.note(file)
	}
	o := scenario.Outcome{File: name, Findings: found}
	if s != nil {
		o.Result = s.Run(cover)
	}
	return o
}

// read reads a file, and remembers what it was like before.
func (t *tester) read(name string) ([]byte, error) {
	t.note(name)
	return os.ReadFile(name)
}

func (t *tester) note(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.files[name]; !known {
		t.files[name] = stampOf(name)
	}
}

func (t *tester) report(outcomes []scenario.Outcome, cover *engine.Coverage) error {
	if err := t.junit(outcomes); err != nil {
		return err
	}
	for i := range outcomes {
		if err := rules.Format(t.std.err, outcomes[i].Findings); err != nil {
			return err
		}
	}
	if t.command.Format == "json" {
		return scenario.WriteJSON(t.std.out, outcomes, cover)
	}
	steps, failed, faulty := 0, 0, 0
	for _, o := range outcomes {
		if o.Result == nil {
			faulty++
			continue
		}
		steps += len(o.Result.Steps)
		if !o.OK() {
			failed++
		}
		if err := o.Result.WriteText(t.std.out); err != nil {
			return err
		}
	}
	if t.command.Coverage {
		if err := scenario.WriteCoverage(t.std.out, cover); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(t.std.out, testSummary(len(outcomes), steps, failed, faulty))
	return err
}

func testSummary(scenarios, steps, failed, faulty int) string {
	text := count(scenarios, "scenario") + ", " + count(steps, "step")
	if failed == 0 && faulty == 0 {
		return text + ": all as expected"
	}
	var wrong []string
	if failed > 0 {
		wrong = append(wrong, fmt.Sprintf("%d failed", failed))
	}
	if faulty > 0 {
		wrong = append(wrong, fmt.Sprintf("%d cannot be run", faulty))
	}
	return text + ": " + strings.Join(wrong, ", ")
}

func (t *tester) junit(outcomes []scenario.Outcome) error {
	if t.command.JUnit == "" {
		return nil
	}
	var out bytes.Buffer
	if err := scenario.WriteJUnit(&out, outcomes); err != nil {
		return err
	}
	if err := os.WriteFile(t.command.JUnit, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("cannot write the JUnit report: %w", err)
	}
	return nil
}

// verdict is the error that gives the exit code.
func (t *tester) verdict(outcomes []scenario.Outcome, cover *engine.Coverage) error {
	failed := false
	for i := range outcomes {
		if outcomes[i].Result == nil {
			return errNotRun
		}
		failed = failed || !outcomes[i].OK()
	}
	if t.command.Min > 0 {
		all, fired, branches, taken := cover.Totals()
		share, parts := scenario.Percent(fired, all), scenario.Percent(taken, branches)
		if share < t.command.Min || parts < t.command.Min {
			fmt.Fprintf(t.std.err, "coverage is below %d %%: %d %% of the rules, %d %% of the parts of conditions\n", t.command.Min, share, parts)
			failed = true
		}
	}
	if failed {
		return errFound
	}
	return nil
}

// testInterval is how often files are looked at, and for how long a changed one
// must be left alone: it may be half written.
const testInterval = 200 * time.Millisecond

// watch runs the scenarios again when something has changed, until ctx is done.
func (t *tester) watch(ctx context.Context) error {
	tick := time.NewTicker(testInterval)
	defer tick.Stop()
	ran := t.again()
	before := ran
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := t.stamps()
		if !maps.Equal(now, ran) && maps.Equal(now, before) {
			ran = t.again()
		}
		before = now
	}
}

// again runs the scenarios, and says what keeps it from that: the next change
// may cure it. It returns what the files were like.
func (t *tester) again() map[string]stamp {
	err := t.once()
	if err != nil && !errors.Is(err, errFound) && !errors.Is(err, errNotRun) {
		fmt.Fprintf(t.std.err, "vertigo: %v\n", err)
	}
	fmt.Fprintln(t.std.err, "waiting for a change; Ctrl-C ends")
	return t.files
}

// stamps tells what the files are like now: those that were read, and all
// scenarios that are there.
func (t *tester) stamps() map[string]stamp {
	now := map[string]stamp{}
	for name := range t.files {
		now[name] = stampOf(name)
	}
	paths := t.command.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		names, _ := below(path) // a folder that is gone has none
		for _, name := range names {
			now[name] = stampOf(name)
		}
	}
	return now
}

// A counter draws how many scenarios have been run, on a terminal.
type counter struct {
	mu       sync.Mutex
	to       io.Writer // nil: nobody sees it
	done, of int
	next     time.Time
	drawn    bool
}

func newCounter(to io.Writer, of int) *counter {
	terminal, ok := to.(*os.File)
	if !ok || !isatty.IsTerminal(terminal.Fd()) {
		return &counter{}
	}
	return &counter{to: to, of: of, next: time.Now().Add(progressAfter)}
}

func (c *counter) step() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done++
	if now := time.Now(); c.to != nil && now.After(c.next) {
		c.next, c.drawn = now.Add(progressAfter/5), true
		fmt.Fprintf(c.to, "\r%d of %d scenarios", c.done, c.of)
	}
}

func (c *counter) clear() {
	if c.drawn {
		fmt.Fprintf(c.to, "\r%s\r", strings.Repeat(" ", 40))
	}
}
