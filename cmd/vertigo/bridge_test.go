package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vertigo/capture"
	"vertigo/engine"
	"vertigo/rules"
)

// bridgeRules begin a call at an invite, and end it at a hangup with a bye that
// names the rules' version, as its sessid.
func bridgeRules(version string) string {
	return `
[vars]
version = "` + version + `"
[[rule]]
name = "begins"
on   = "matrix m.call.invite"
new  = true
next = "talking"
[[rule.send]]
to   = "verto"
type = "verto.invite"
body = { sdp = "v=0", dialogParams = { callID = '${ call.uuid }' }, sessid = '${ vars.version }' }
[[rule]]
name = "fails"
on   = "matrix m.call.candidates"
when = 'int(msg.content.party_id) > 0'
[[rule]]
name = "ends"
on   = "matrix m.call.hangup"
set  = { cause = '"NORMAL_CLEARING"' }
next = "end"
[[rule.send]]
to   = "verto"
type = "verto.bye"
body = { dialogParams = { callID = '${ call.verto.key }' }, sessid = '${ vars.version }' }
[[rule]]
name = "stops"
on   = "engine call.stop"
next = "end"
[[rule.send]]
to   = "verto"
type = "verto.bye"
body = { dialogParams = { callID = '${ call.verto.key }' }, sessid = '${ msg.reason }' }
`
}

const faultyRules = `
[[rule]]
name = "begins"
on   = "matrix m.call.invite"
nw   = true
`

// fakeTransport delivers what a test puts in, and keeps what is sent.
type fakeTransport struct {
	in     chan []engine.Message
	fail   chan error
	linger time.Duration // how long Run goes on after its context is done

	mu   sync.Mutex
	sent []engine.Action
}

func newFakeTransport() *fakeTransport {
	return &fakeTransport{in: make(chan []engine.Message), fail: make(chan error)}
}

func (f *fakeTransport) Run(ctx context.Context, deliver func([]engine.Message)) error {
	for {
		select {
		case batch := <-f.in:
			deliver(batch)
		case err := <-f.fail:
			return err
		case <-ctx.Done():
			time.Sleep(f.linger)
			return nil
		}
	}
}

func (f *fakeTransport) Send(a engine.Action) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, a)
}

// take returns what was sent since the last time, as "TYPE version".
func (f *fakeTransport) take() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var texts []string
	for _, a := range f.sent {
		var body struct {
			Version string `json:"sessid"`
		}
		_ = json.Unmarshal(a.Body, &body)
		texts = append(texts, a.Type+" "+body.Version)
	}
	f.sent = nil
	return strings.Join(texts, ", ")
}

// testBridge is a bridge between two fake transports, whose rules a test can
// change.
type testBridge struct {
	*Bridge
	matrix, verto *fakeTransport
	log, findings bytes.Buffer

	mu    sync.Mutex
	rules string
}

func newTestBridge(t *testing.T, o BridgeOptions) *testBridge {
	t.Helper()
	b := &testBridge{matrix: newFakeTransport(), verto: newFakeTransport(), rules: bridgeRules("old")}
	o.Load = b.load
	o.Log = slog.New(slog.NewTextHandler(&lockedWriter{w: &b.log}, nil))
	o.Findings = &b.findings
	set, found := b.load()
	if set == nil {
		t.Fatal(found)
	}
	b.Bridge = NewBridge(map[string]Transport{"matrix": b.matrix, "verto": b.verto}, set, o)
	return b
}

func (b *testBridge) load() (*rules.Set, rules.Findings) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.rules
	return rules.Load([]string{"rules.toml"}, rules.Options{
		Peers:    enginePeers(plainPeers()),
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
}

func (b *testBridge) reload(text string) {
	b.mu.Lock()
	b.rules = text
	b.mu.Unlock()
	b.Reload()
}

// start runs the bridge; stop ends it and waits.
func (b *testBridge) start(t *testing.T) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

// event is a Matrix message of a call.
func event(typ, call, more string) engine.Message {
	body := fmt.Sprintf(`{"type":%q,"room_id":"!r","content":{"call_id":%q%s}}`, typ, call, more)
	return engine.Message{Transport: "matrix", Type: typ, Key: call, Scope: "!r", At: time.Now(), Body: []byte(body)}
}

func TestCallsKeepTheRulesThatTheyBeganWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBridge(t, BridgeOptions{})
		stop := b.start(t)
		b.matrix.in <- []engine.Message{event("m.call.invite", "first", "")}
		synctest.Wait()
		b.reload(bridgeRules("new"))
		b.matrix.in <- []engine.Message{event("m.call.hangup", "first", ""), event("m.call.invite", "second", "")}
		synctest.Wait()
		if got, want := b.verto.take(), "verto.invite old, verto.bye old, verto.invite new"; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if b.findings.Len() > 0 {
			t.Errorf("findings of good rules: %s", b.findings.String())
		}
	})
}

func TestFaultyRulesChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBridge(t, BridgeOptions{})
		stop := b.start(t)
		b.reload(faultyRules)
		b.matrix.in <- []engine.Message{event("m.call.invite", "one", ""), event("m.call.hangup", "one", "")}
		synctest.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got, want := b.verto.take(), "verto.invite old, verto.bye old"; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
		_, found := b.load()
		var checked bytes.Buffer
		if err := rules.Format(&checked, found); err != nil {
			t.Fatal(err)
		}
		if b.findings.String() != checked.String() || !strings.Contains(checked.String(), "rules.toml:5:1: error: unknown key nw") {
			t.Errorf("printed:\n%s\ncheck prints:\n%s", b.findings.String(), checked.String())
		}
		if !strings.Contains(b.log.String(), `level=ERROR msg="rules unchanged: the new ones are faulty"`) {
			t.Errorf("log: %s", b.log.String())
		}
		if n := b.counts.reloadsFailed.Load(); n != 1 {
			t.Errorf("%d failed reloads are counted", n)
		}
	})
}

func TestReloadsDuringTrafficLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const reloads, calls = 1000, 2000
		b := newTestBridge(t, BridgeOptions{})
		stop := b.start(t)
		var all sync.WaitGroup
		all.Go(func() {
			for i := range reloads {
				if i%10 == 9 {
					b.reload(faultyRules)
				} else {
					b.reload(bridgeRules(fmt.Sprint(i)))
				}
			}
		})
		all.Go(func() {
			for i := range calls {
				call := fmt.Sprint("call", i)
				b.matrix.in <- []engine.Message{event("m.call.invite", call, "")}
				b.matrix.in <- []engine.Message{event("m.call.hangup", call, "")}
			}
		})
		all.Wait()
		synctest.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
		versions := map[string]string{} // call: the rules it began with
		for _, a := range b.verto.sent {
			var body struct {
				Version string `json:"sessid"`
			}
			if err := json.Unmarshal(a.Body, &body); err != nil {
				t.Fatal(err)
			}
			switch a.Type {
			case "verto.invite":
				versions[a.Key] = body.Version
			case "verto.bye":
				if body.Version != versions[a.Key] {
					t.Errorf("call %s began with rules %s and ended with %s", a.Key, versions[a.Key], body.Version)
				}
			}
		}
		if len(versions) != calls || len(b.verto.sent) != 2*calls {
			t.Errorf("%d calls and %d messages for %d calls", len(versions), len(b.verto.sent), calls)
		}
		if n := len(b.engine.Calls()); n != 0 {
			t.Errorf("%d calls are left", n)
		}
		if ok, failed := b.counts.reloads.Load(), b.counts.reloadsFailed.Load(); ok != reloads*9/10 || failed != reloads/10 {
			t.Errorf("%d reloads and %d failed ones are counted", ok, failed)
		}
	})
}

func TestStoppingEndsCallsOnTheOtherSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBridge(t, BridgeOptions{})
		b.verto.linger = time.Second
		stop := b.start(t)
		b.matrix.in <- []engine.Message{event("m.call.invite", "one", ""), event("m.call.invite", "two", "")}
		synctest.Wait()
		b.verto.take()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got, want := b.verto.take(), "verto.bye shutdown, verto.bye shutdown"; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

func TestStoppingWaitsForTransportsOnlySoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBridge(t, BridgeOptions{})
		b.verto.linger = time.Hour
		stop := b.start(t)
		synctest.Wait()
		began := time.Now()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != drainTime {
			t.Errorf("it took %v", took)
		}
		time.Sleep(b.verto.linger)
	})
}

func TestATransportThatGivesUpStopsTheBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBridge(t, BridgeOptions{})
		stop := b.start(t)
		b.matrix.in <- []engine.Message{event("m.call.invite", "one", "")}
		b.matrix.fail <- errors.New("the login is another user's")
		synctest.Wait()
		err := stop()
		if err == nil || err.Error() != "transport matrix: the login is another user's" {
			t.Errorf("err = %v", err)
		}
		if got, want := b.verto.take(), "verto.invite old, verto.bye shutdown"; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

func TestTimersOfTheRulesRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBridge(t, BridgeOptions{})
		stop := b.start(t)
		b.reload(bridgeRules("new") + `
[[rule]]
name = "rings"
on   = "matrix m.call.ring"
new  = true
timer.over = '"61s"'
[[rule]]
name = "rang"
on   = "engine timer.over"
next = "end"
send = [{ to = "verto", type = "verto.info", body = { sessid = "rang" } }]
`)
		b.matrix.in <- []engine.Message{event("m.call.ring", "one", "")}
		time.Sleep(60 * time.Second)
		synctest.Wait()
		if got := b.verto.take(); got != "" {
			t.Errorf("sent %q before its time", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got, want := b.verto.take(), "verto.info rang"; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestADryRunSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var would []string
		b := newTestBridge(t, BridgeOptions{DryRun: func(a engine.Action) { would = append(would, a.Type) }})
		stop := b.start(t)
		b.matrix.in <- []engine.Message{event("m.call.invite", "one", "")}
		synctest.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := b.verto.take(); got != "" {
			t.Errorf("sent %q", got)
		}
		if got := strings.Join(would, " "); got != "verto.invite verto.bye" {
			t.Errorf("would send %q", got)
		}
	})
}

func TestFailedMessagesAreKeptForAReplay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dead-letter")
	synctest.Test(t, func(t *testing.T) {
		letters := &recorder{path: dir, log: slog.New(slog.DiscardHandler), opts: capture.DirOptions{Prefix: "dead-letter"}}
		b := newTestBridge(t, BridgeOptions{DeadLetter: letters.write})
		stop := b.start(t)
		b.matrix.in <- []engine.Message{event("m.call.invite", "one", "")}
		b.matrix.in <- []engine.Message{event("m.call.candidates", "one", `,"party_id":"many"`)}
		b.matrix.in <- []engine.Message{event("m.call.hangup", "one", "")}
		synctest.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
		letters.close()
		if got, want := b.verto.take(), "verto.invite old, verto.bye old"; got != want {
			t.Errorf("sent %q, want %q: a message that fails changes nothing", got, want)
		}
		for _, want := range []string{"level=ERROR", "rule=fails", "at=rules.toml:13:1", `err="rules.toml:16:9: `} {
			if !strings.Contains(b.log.String(), want) {
				t.Errorf("log lacks %s:\n%s", want, b.log.String())
			}
		}
	})
	files, err := filepath.Glob(filepath.Join(dir, "dead-letter-*.ndjson"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	line, err := capture.NewReader(files[0], bytes.NewReader(text)).Next()
	if err != nil {
		t.Fatal(err)
	}
	if line.Transport != "matrix" || line.Dir != capture.In || line.Rule != "fails" || line.At != "rules.toml:13:1" || line.Call == "" {
		t.Errorf("line %+v", line)
	}
	if code := run(t.Context(), []string{"replay", files[0]}, io.Discard, io.Discard); code != 0 {
		t.Errorf("replay exits with %d", code)
	}
}

func TestTheLogTellsACallInFiveLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBridge(t, BridgeOptions{})
		stop := b.start(t)
		b.matrix.in <- []engine.Message{event("m.call.invite", "one", "")}
		time.Sleep(3 * time.Second)
		b.matrix.in <- []engine.Message{event("m.call.nonsense", "one", "")}
		b.matrix.in <- []engine.Message{event("m.call.hangup", "one", "")}
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(b.log.String()), "\n")
		if len(lines) != 2 {
			t.Fatalf("%d lines:\n%s", len(lines), b.log.String())
		}
		for i, wants := range [][]string{
			{`msg="call began"`, "transport=matrix", "key=one", "state=talking", "rule=begins"},
			{`msg="call ended"`, "cause=NORMAL_CLEARING", "took=3s", "rule=ends"},
		} {
			for _, want := range wants {
				if !strings.Contains(lines[i], want) {
					t.Errorf("line %d lacks %s: %s", i+1, want, lines[i])
				}
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if begun, ended, odd := b.counts.begun.Load(), b.counts.ended.Load(), b.counts.unmatched.Load(); begun != 1 || ended != 1 || odd != 1 {
			t.Errorf("counted %d begun, %d ended, %d unmatched", begun, ended, odd)
		}
	})
}

func TestAChangedFileIsReloadedOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rules.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(bridgeRules("old"))
	synctest.Test(t, func(t *testing.T) {
		loader := &ruleLoader{names: []string{name}, peers: enginePeers(plainPeers())}
		if set, found := loader.load(); set == nil {
			t.Fatal(found)
		}
		var reloads atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { loader.watch(ctx, func() { reloads.Add(1); loader.load() }) })
		wait := func() { time.Sleep(10 * watchInterval); synctest.Wait() }
		for _, step := range []struct {
			text string
			want int64
		}{{"", 0}, {bridgeRules("newer"), 1}, {faultyRules, 2}, {"", 2}, {bridgeRules("newest"), 3}} {
			if step.text != "" {
				write(step.text)
			}
			wait()
			if n := reloads.Load(); n != step.want {
				t.Errorf("%d reloads, want %d", n, step.want)
			}
		}
		cancel()
		all.Wait()
	})
}
