package console

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"vertigo/rules"
)

// try sends files to be tried, and gives the answer.
func (w *world) try(body, contentType string) *httptest.ResponseRecorder {
	request := httptest.NewRequest("POST", "/api/try", strings.NewReader(body))
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	answer := httptest.NewRecorder()
	w.api.ServeHTTP(answer, request)
	return answer
}

func filesOf(t testing.TB, list ...File) string {
	t.Helper()
	text, err := json.Marshal(Files{Files: list})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tries tries files that can be tried.
func (w *world) tries(list ...File) (tried Tried) {
	w.t.Helper()
	answer := w.try(filesOf(w.t, list...), "application/json")
	if answer.Code != 200 {
		w.t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &tried); err != nil {
		w.t.Fatal(err)
	}
	return tried
}

// Edited rules go through the calls of captures: what they do otherwise is shown,
// and the same rules do nothing otherwise. The running bridge notices nothing.
func TestTry(t *testing.T) {
	for _, name := range captures(t) {
		t.Run(short(name), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ownRules)
			w.play(capturedCalls(t, name))
			w.all()
			kept := func() int { return w.recorder.bytes + w.recorder.loose.weighs() }
			before := kept()
			tried := w.tries(File{"rules.toml", ownRules})
			if len(tried.Findings)+len(tried.Differences) > 0 || tried.Cut || !tried.Whole || tried.Calls != w.all().Total {
				t.Errorf("%+v", tried)
			}
			if kept() != before {
				t.Error("the recorder has seen it")
			}
		})
	}
}

const barred = ownRules + `[table.numbers]
match = "prefix"
"9196" = "deny"
`

// Rules that dial no more are told from those that did, call by call.
func TestTryOthers(t *testing.T) {
	w := newWorld(t, ownRules)
	w.play(capturedCalls(t, joint))
	id := w.all().Calls[0].ID
	tried := w.tries(File{"rules.toml", barred})
	if len(tried.Findings) > 0 || tried.Calls != 1 || tried.Messages < 4 {
		t.Errorf("%+v", tried)
	}
	if !slices.ContainsFunc(tried.Differences, func(d Difference) bool {
		return d.What == "removed" && d.Type == "verto.invite" && d.To == "verto" && strings.HasPrefix(d.Text, "- verto.invite to verto (")
	}) {
		t.Errorf("the number is dialled: %+v", tried.Differences)
	}
	for _, d := range tried.Differences {
		if d.Call != id || d.Text == "" || d.What == "" || d.Type == "" || strings.Contains(d.Text, id) {
			t.Errorf("%+v", d)
		}
	}
	var s State
	w.get("/api/state", &s)
	if s.Rules.Reloads != 0 || s.Rules.Hash != "c0ffee" || w.all().Calls[0].ID != id {
		t.Errorf("%+v", s)
	}
}

func TestTryFaultyRules(t *testing.T) {
	w := newWorld(t, plainRules)
	w.says("m.call.invite", "one", `,"number":"1"`)
	tried := w.tries(File{"rules.toml", strings.Replace(plainRules, "msg.sender", "msg.sender +", 1)})
	if len(tried.Findings) != 1 || tried.Findings[0].Line != 7 || tried.Findings[0].Severity != "error" || tried.Findings[0].File != "rules.toml" ||
		len(tried.Differences) != 0 || tried.Calls != 0 {
		t.Errorf("%+v", tried)
	}
}

// A trial reads what was sent to it, what the running rules have read, and nothing
// else: no file of the machine.
func TestTryReadsNoOtherFile(t *testing.T) {
	w := newWorld(t, plainRules)
	l := w.recorder.followed()
	l.Files = append(l.Files, File{"more.toml", "[vars]\nmore = 1\n"})
	w.recorder.SetRules(l, w.now)
	with := func(name string) string { return fmt.Sprintf("include = [%q]\n%s", name, plainRules) }
	if tried := w.tries(File{"rules.toml", with("./more.toml")}); slices.ContainsFunc(tried.Findings, func(f Finding) bool { return f.Severity == "error" }) {
		t.Errorf("%+v", tried)
	}
	if tried := w.tries(File{"rules.toml", with("./new.toml")}, File{"new.toml", "[vars]\nmore = 2\n"}); slices.ContainsFunc(tried.Findings, func(f Finding) bool { return f.Severity == "error" }) {
		t.Errorf("%+v", tried)
	}
	for _, name := range []string{"/etc/passwd", "../go.mod", "./other.toml"} {
		tried := w.tries(File{"rules.toml", with(name)})
		if len(tried.Findings) == 0 || tried.Findings[0].Severity != "error" {
			t.Errorf("%s: %+v", name, tried)
		}
		if text := fmt.Sprint(tried); strings.Contains(text, "root:") || strings.Contains(text, "module") {
			t.Errorf("%s is shown: %s", name, text)
		}
	}
}

// Rules that never come to rest are given up.
func TestTryEndlessRules(t *testing.T) {
	w := newWorld(t, plainRules)
	w.says("m.call.invite", "one", `,"number":"1"`)
	endless := strings.Replace(plainRules, `next = "ringing"`, `next = "ringing"
timer.again = '"1ms"'`, 1) + `
[[rule]]
name = "again"
on = "engine timer.again"
timer.again = '"1ms"'
send = { to = "verto", type = "verto.info", body = { } }
`
	answer := w.try(filesOf(t, File{"rules.toml", endless}), "application/json")
	if answer.Code != 422 || !strings.Contains(answer.Body.String(), "the edited rules: the rules send messages without end") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestTryIsBounded(t *testing.T) {
	w := newWorld(t, plainRules)
	for _, c := range []struct {
		name, body, contentType string
		want                    int
	}{
		{"well", filesOf(t, File{"rules.toml", plainRules}), "application/json; charset=utf-8", 200},
		{"too long", filesOf(t, File{"rules.toml", strings.Repeat("#", tryBody)}), "application/json", 413},
		{"too long, and no JSON", strings.Repeat(" ", tryBody+1), "application/json", 413},
		{"no JSON", "files", "application/json", 400},
		{"a form", "files=1", "application/x-www-form-urlencoded", 415},
		{"a form that is text", `{"files":[]}`, "text/plain", 415},
		{"no type", `{"files":[]}`, "", 415},
	} {
		if answer := w.try(c.body, c.contentType); answer.Code != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, answer.Code, answer.Body, c.want)
		}
	}
	if got := len(w.tries(File{"rules.toml", plainRules}).Differences); got != 0 {
		t.Errorf("%d differences", got)
	}
}

// More calls and differences than fit are cut off, and that is said: the calls that
// are left out were under way, so the others may have met them.
func TestTryIsCut(t *testing.T) {
	w := newWorld(t, plainRules)
	for i := range triedCalls + 5 {
		call := fmt.Sprint("call", i)
		w.says("m.call.invite", call, `,"number":"1"`)
		w.says("m.call.candidates", call, "")
	}
	tried := w.tries(File{"rules.toml", strings.ReplaceAll(plainRules, "sdp = 'v=0'", "sdp = 'v=1'")})
	if tried.Calls != triedCalls || tried.Messages != 2*triedCalls || len(tried.Differences) != mostDifferences || tried.Cut || tried.Whole {
		t.Errorf("%d calls, %d messages, %d differences, cut: %v, whole: %v", tried.Calls, tried.Messages, len(tried.Differences), tried.Cut, tried.Whole)
	}
	for _, d := range tried.Differences {
		if d.What != "changed" || !strings.Contains(d.Text, `-"v=0" +"v=1"`) {
			t.Fatalf("%+v", d)
		}
	}
	more := strings.Replace(plainRules, "name = \"noted\"", "name = \"noted\"\nsend = { to = \"verto\", type = \"verto.info\", body = { sdp = 'v=0' } }", 1)
	tried = w.tries(File{"rules.toml", strings.Replace(more, "sdp = 'v=0'", "sdp = 'v=1'", 1)})
	if len(tried.Differences) != mostDifferences || !tried.Cut {
		t.Errorf("%d differences, cut: %v; %+v", len(tried.Differences), tried.Cut, tried.Findings)
	}
}

// Who tries while somebody else does is told so.
func TestTryOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainRules)
		goOn := make(chan struct{})
		w.api.opts.Compile = func(read func(string) ([]byte, error)) (*rules.Set, rules.Findings) {
			<-goOn
			return compile(read)
		}
		first := make(chan int)
		go func() { first <- w.try(filesOf(t, File{"rules.toml", plainRules}), "application/json").Code }()
		synctest.Wait()
		if answer := w.try(filesOf(t), "application/json"); answer.Code != 409 {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
		close(goOn)
		if code := <-first; code != 200 {
			t.Errorf("the first: %d", code)
		}
	})
}
