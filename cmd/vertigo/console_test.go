package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"vertigo/console"
	"vertigo/engine"
	"vertigo/telemetry"
)

// A process shows what it counts, whether it is alive, and that nobody is there
// to talk to; no secret, and nothing once it has ended.
func TestConsole(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	dir := t.TempDir()
	config := lonelyConfig + fmt.Sprintf("[console]\nlisten = %q\ntoken = \"console_secret\"\n", address)
	for name, text := range map[string]string{"vertigo.toml": config, "rules.toml": bridgeRules("old")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := startProcess(t, dir, "run")
	p.until(`msg="console listens" address=` + address)
	p.until("msg=started")

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	get := func(path, token string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"syt_very_secret", "hunter2", "console_secret"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s shows %s", path, secret)
			}
		}
		return answer.StatusCode, string(text)
	}
	if code, text := get("/healthz", ""); code != 200 {
		t.Errorf("/healthz: %d %s", code, text)
	}
	if code, text := get("/readyz", "console_secret"); code != 503 || text != "not logged in: matrix, verto\n" {
		t.Errorf("/readyz: %d %s", code, text)
	}
	if code, _ := get("/metrics", ""); code != 401 {
		t.Errorf("/metrics without token: %d", code)
	}
	p.signal(syscall.SIGHUP)
	p.until(`msg="rules reloaded"`)
	code, text := get("/metrics", "console_secret")
	if code != 200 {
		t.Errorf("/metrics: %d", code)
	}
	for _, want := range []string{
		"vertigo_transport_up{transport=\"matrix\"} 0\n", "vertigo_transport_up{transport=\"verto\"} 0\n",
		"vertigo_send_queue_length{transport=\"matrix\"} 0\n", "vertigo_sends_retried_total{transport=\"verto\"} 0\n",
		"vertigo_reloads_total{result=\"ok\"} 1\n", "vertigo_rule_hits_total{rule=\"begins\"} 0\n", "go_goroutines ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q among\n%s", want, text)
		}
	}
	if code, _ := get("/api/state", ""); code != 401 {
		t.Errorf("/api/state without token: %d", code)
	}
	for path, want := range map[string]string{
		"/console/":        "<title>",
		"/api/state":       `"files":["rules.toml"]`,
		"/api/rules":       `"name":"begins","place":"rules.toml:`,
		"/api/rules/files": `{"files":[{"name":"rules.toml","text":"`,
		"/api/calls":       `{"calls":[],"next":"","total":0}`,
	} {
		if code, text := get(path, "console_secret"); code != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.toml"), []byte(faultyRules), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.until(`msg="rules unchanged`)
	_, text = get("/api/state", "console_secret")
	for _, want := range []string{`"reloads":2,"used":false,"findings":[{"file":"rules.toml",`, `"hash":"`, `"count":`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if _, text := get("/api/rules/files", "console_secret"); !strings.Contains(text, "begins") {
		t.Errorf("the files that are followed: %s", text)
	}
	p.signal(syscall.SIGTERM)
	p.until("msg=stopped")
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.seen.String())
	}
}

// A port that is taken is a fault at the start.
func TestConsolePortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	config := lonelyConfig + fmt.Sprintf("[console]\nlisten = %q\n", taken.Addr())
	for name, text := range map[string]string{"vertigo.toml": config, "rules.toml": bridgeRules("old")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := startProcess(t, dir, "run")
	p.until("console: cannot listen on " + taken.Addr().String() + ": address already in use")
	if code := p.exitCode(); code != 2 {
		t.Errorf("exit code %d:\n%s", code, p.seen.String())
	}
}

// upTransport can be logged in, or not.
type upTransport struct {
	*fakeTransport
	up bool
}

func (u *upTransport) Up() bool { return u.up }

// The bridge counts what its engine does, the rules that it follows, and what it
// sends.
func TestBridgeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := telemetry.New(telemetry.Options{Peers: []telemetry.Peer{
			{Name: "matrix", Schema: schemas()["matrix"]}, {Name: "verto", Schema: schemas()["verto"]},
		}})
		b := newTestBridge(t, BridgeOptions{Metrics: m, Files: func() []console.File { return nil }})
		stop := b.start(t)
		b.matrix.in <- []engine.Message{event("m.call.invite", "one", "")}
		b.matrix.in <- []engine.Message{event("m.call.hangup", "one", "")}
		b.reload(strings.Replace(bridgeRules("new"), `"begins"`, `"begins anew"`, 1))
		b.reload(faultyRules)
		b.matrix.in <- []engine.Message{event("m.call.invite", "two", "")}
		synctest.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, want := range []string{
			`vertigo_messages_total{outcome="fired",transport="matrix",type="m.call.invite"} 2`,
			`vertigo_messages_total{outcome="fired",transport="engine",type="call.stop"} 1`,
			`vertigo_calls_ended_total{cause="NORMAL_CLEARING",direction="none"} 1`,
			`vertigo_calls_ended_total{cause="none",direction="none"} 1`,
			`vertigo_rule_hits_total{rule="begins"} 1`,
			`vertigo_rule_hits_total{rule="begins anew"} 1`,
			`vertigo_sends_total{transport="verto",type="verto.bye"} 2`,
			`vertigo_reloads_total{result="faulty"} 1`,
			`vertigo_reloads_total{result="ok"} 1`,
		} {
			if !strings.Contains(w.Body.String(), want+"\n") {
				t.Errorf("no %s among\n%s", want, w.Body)
			}
		}
	})
}

// A bridge is alive while its engine's goroutine comes round.
func TestBridgeIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blocked := make(chan struct{})
		b := newTestBridge(t, BridgeOptions{DryRun: func(engine.Action) { <-blocked }})
		alive := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return b.Alive(ctx)
		}
		stop := b.start(t)
		if err := alive(); err != nil {
			t.Errorf("at first: %v", err)
		}
		b.matrix.in <- []engine.Message{event("m.call.invite", "one", "")}
		synctest.Wait()
		if err := alive(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while a step blocks: %v", err)
		}
		close(blocked)
		if err := alive(); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if err := alive(); !errors.Is(err, errOver) {
			t.Errorf("in the end: %v", err)
		}
	})
}

func TestBridgeIsReady(t *testing.T) {
	pbx := &upTransport{fakeTransport: newFakeTransport()}
	b := newTestBridge(t, BridgeOptions{})
	b.transports["pbx"] = pbx
	if got := b.NotReady(); len(got) != 1 || got[0] != "pbx" {
		t.Errorf("not ready: %q", got)
	}
	pbx.up = true
	if got := b.NotReady(); len(got) != 0 {
		t.Errorf("not ready: %q", got)
	}
}

// A bridge with the shipped rules, a homeserver and a PBX: who is called, what
// happened and why is told, and other rules can be tried on it.
func TestConsoleOfABridge(t *testing.T) {
	url, _ := startDemo(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ask := func(method, path string, body any, into any) {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(url, "/")+path, bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != 200 {
			t.Fatalf("%s %s: %s", method, path, answer.Status)
		}
		if into != nil {
			if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
	}
	// calls waits until there is a call in this state.
	calls := func(state string) console.Call {
		t.Helper()
		request, err := http.NewRequest("GET", url+"api/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "text/event-stream")
		events, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer events.Body.Close()
		lines := bufio.NewScanner(events.Body)
		for {
			var list console.Calls
			ask("GET", "/api/calls", nil, &list)
			if len(list.Calls) == 1 && list.Calls[0].State == state {
				return list.Calls[0]
			}
			for lines.Scan() && lines.Text() != "event: calls" {
			}
			if lines.Err() != nil {
				t.Fatal(lines.Err())
			}
		}
	}
	ask("POST", "/ring", nil, nil)
	if c := calls("ringing"); c.Direction != "in" || c.Number != "+442079460123" {
		t.Errorf("%+v", c)
	}
	ask("POST", "/hangup", nil, nil)
	c := calls("end")
	if c.Cause != "NORMAL_CLEARING" || c.Ended.IsZero() || c.Failed != 0 {
		t.Errorf("%+v", c)
	}
	var story console.Story
	ask("GET", "/api/calls/"+c.ID, nil, &story)
	for _, s := range story.Steps {
		var d console.Detail
		ask("GET", fmt.Sprintf("/api/calls/%s/steps/%d", c.ID, s.N), nil, &d)
		if d.Note != "" || s.Outcome == "fired" && !slices.ContainsFunc(d.Candidates, func(one console.Candidate) bool {
			return one.Rule == s.Rule && one.Verdict == "fired"
		}) {
			t.Errorf("%s by %q is explained by %q, %+v", s.Type, s.Rule, d.Note, d.Candidates)
		}
	}
	var files console.Files
	ask("GET", "/api/rules/files", nil, &files)
	var tried console.Tried
	ask("POST", "/api/try", files, &tried)
	if len(tried.Findings)+len(tried.Differences) > 0 || tried.Calls != 1 || tried.Messages == 0 {
		t.Errorf("the same rules: %+v", tried)
	}
	files.Files[0].Text = regexp.MustCompile(`(?m)^users .*$`).ReplaceAllString(files.Files[0].Text, `users = ""`)
	ask("POST", "/api/try", files, &tried)
	if !slices.ContainsFunc(tried.Differences, func(d console.Difference) bool {
		return d.Call == c.ID && d.What == "added" && d.Type == "verto.bye" && d.Rule == "nobody has the dialled number"
	}) {
		t.Errorf("nobody is called: %+v", tried)
	}
}

// The hash is of the texts that were loaded, in whatever order they were read.
func TestHashOfRules(t *testing.T) {
	a, b := console.File{Name: "a.toml", Text: "x = 1\n"}, console.File{Name: "b.csv", Text: "x,y\n"}
	hash := hashOf([]console.File{a, b})
	if hash != hashOf([]console.File{b, a}) || len(hash) != 12 {
		t.Errorf("%s", hash)
	}
	b.Text += "1,2\n"
	if hash == hashOf([]console.File{a, b}) {
		t.Error("another text has the same hash")
	}
}
