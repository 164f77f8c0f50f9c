package console

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/rules"
)

func TestState(t *testing.T) {
	w := newWorld(t, plainRules)
	w.says("m.call.invite", "one", `,"number":"1"`)
	w.says("m.call.invite", "two", `,"number":"1"`)
	w.says("m.call.hangup", "two", "")
	w.recorder.Reloaded(false, rules.Findings{{
		Pos: rules.Pos{File: "rules.toml", Line: 3, Col: 7}, Code: "V204", Msg: "unknown field", Hint: "look", Source: "a = 1",
	}})
	var s State
	w.get("/api/state", &s)
	if s.Version != "v1.2.3" || s.Begun.IsZero() || s.Now.Before(s.Begun) {
		t.Errorf("%+v", s)
	}
	for i := range s.Transports {
		s.Transports[i].Since = time.Time{}
	}
	want := State{
		Version: s.Version, Begun: s.Begun, Now: s.Now,
		Rules: RulesState{
			Files: []string{"rules.toml"}, Hash: "c0ffee", Loaded: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Count: 6, Reloads: 1, Used: false,
			Findings: []Finding{{File: "rules.toml", Line: 3, Column: 7, Severity: "error", Code: "V204", Text: "unknown field", Hint: "look", Source: "a = 1"}},
		},
		Transports: []TransportState{{Name: "matrix", Kind: "matrix", Up: true}, {Name: "verto", Kind: "verto"}},
		Calls:      CallsState{Live: 1, Kept: 2, States: map[string]int{"ringing": 1}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRulesAndTheirHits(t *testing.T) {
	w := newWorld(t, plainRules)
	w.says("m.call.invite", "one", `,"number":"1"`)
	w.says("m.call.candidates", "one", "")
	w.says("m.call.candidates", "one", "")
	w.says("m.call.negotiate", "one", `,"party_id":"nobody"`)
	w.reload(strings.ReplaceAll(plainRules, `"ends"`, `"ends anew"`))
	w.says("m.call.hangup", "one", "") // by the old rules
	var list RuleHits
	w.get("/api/rules", &list)
	var got []string
	for _, r := range list.Rules {
		got = append(got, fmt.Sprintf("%s %s %v %v %d %v", r.Name, r.Place, r.On, r.In, r.Hits, r.Last.IsZero()))
	}
	if diff := cmp.Diff([]string{
		"begins rules.toml:2:1 [matrix m.call.invite] [] 1 false",
		"answered rules.toml:9:1 [verto verto.answer] [ringing] 0 true",
		"counted rules.toml:15:1 [matrix m.call.candidates] [] 2 false",
		"noted rules.toml:19:1 [matrix m.call.candidates] [] 2 false",
		"fails rules.toml:22:1 [matrix m.call.negotiate] [] 0 true",
		"ends anew rules.toml:26:1 [matrix m.call.hangup] [] 0 true",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Files that together are too long to be sent back are left out.
func TestFiles(t *testing.T) {
	w := newWorld(t, plainRules)
	l := w.recorder.followed()
	l.Files = []File{{"rules.toml", plainRules}, {"numbers.csv", strings.Repeat("1,2\n", shownText/4)}, {"more.toml", "# <b>more</b>"}}
	w.recorder.SetRules(l, w.now)
	var files Files
	w.get("/api/rules/files", &files)
	if diff := cmp.Diff([]File{{"rules.toml", plainRules}, {"more.toml", "# <b>more</b>"}}, files.Files); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Calls are found by number, user, id, key and cause, whatever the case.
func TestSearch(t *testing.T) {
	w := newWorld(t, plainRules)
	one := string(w.says("m.call.invite", "Key-One", `,"number":"+441632960001"`)[0].Call)
	w.says("m.call.invite", "key-two", `,"number":"+441632960002"`)
	w.says("m.call.invite", "key-three", `,"number":"9199"`)
	w.says("m.call.hangup", "key-three", `,"cause":"USER_BUSY"`)
	for query, want := range map[string][]string{
		"":                 {"9199", "+441632960002", "+441632960001"},
		"q=16329":          {"+441632960002", "+441632960001"},
		"q=960001":         {"+441632960001"},
		"q=ANNA:example":   {"9199", "+441632960002", "+441632960001"},
		"q=user_busy":      {"9199"},
		"q=key-one":        {"+441632960001"},
		"q=" + one[:13]:    {"+441632960001"},
		"q=nobody":         nil,
		"state=live":       {"+441632960002", "+441632960001"},
		"state=ended":      {"9199"},
		"state=live&q=919": nil,
	} {
		var calls Calls
		w.get("/api/calls?"+query, &calls)
		var got []string
		for _, c := range calls.Calls {
			got = append(got, c.Number)
		}
		if !slices.Equal(got, want) || calls.Total != len(want) || calls.Next != "" {
			t.Errorf("%q: %q, %d in all, next %q; want %q", query, got, calls.Total, calls.Next, want)
		}
	}
}

// Pages follow each other though calls begin and are forgotten meanwhile.
func TestPages(t *testing.T) {
	w := newWorld(t, plainRules)
	const n = 3*callsAtOnce + 10
	for i := range n {
		call := fmt.Sprint("call", i)
		w.says("m.call.invite", call, fmt.Sprintf(`,"number":"%d"`, i))
		if i%3 == 0 {
			w.says("m.call.hangup", call, "")
		}
	}
	var got, want []string
	for i := n - 1; i > 0; i-- {
		want = append(want, fmt.Sprint(i))
	}
	for next, pages := "", 0; pages == 0 || next != ""; pages++ {
		var calls Calls
		w.get("/api/calls?limit=50&before="+next, &calls)
		for _, c := range calls.Calls {
			got = append(got, c.Number)
		}
		if next = calls.Next; next != "" && len(calls.Calls) != 50 {
			t.Errorf("a page of %d", len(calls.Calls))
		}
		w.says("m.call.invite", fmt.Sprint("new", pages), `,"number":"new"`)
		if pages == 0 {
			oldest, _ := w.recorder.ended.pop()
			w.recorder.forget(oldest)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	w := newWorld(t, plainRules)
	id := string(w.says("m.call.invite", "one", `,"number":"1"`)[0].Call)
	for target, want := range map[string]int{
		"GET /api/calls/nobody": 404, "GET /api/calls/" + id + "/steps/1": 404, "GET /api/calls/" + id + "/steps/x": 404,
		"GET /api/calls/nobody/steps/0": 404, "GET /api/calls?before=x": 400, "GET /api/calls?limit=0": 400, "GET /api/calls?limit=x": 400,
		"GET /api/calls?state=odd": 400, "GET /api/": 404, "GET /api/nothing": 404, "POST /api/state": 405, "GET /api/try": 405, "DELETE /api/calls/" + id: 405,
		"GET /api/calls/" + id: 200, "GET /api/calls?limit=100000": 200,
	} {
		method, path, _ := strings.Cut(target, " ")
		answer := httptest.NewRecorder()
		w.api.ServeHTTP(answer, httptest.NewRequest(method, path, nil))
		if answer.Code != want {
			t.Errorf("%s: %d %s, want %d", target, answer.Code, answer.Body, want)
		}
	}
}

// What peers say comes as JSON in which nothing is HTML, whatever they say.
func TestTextsOfPeersAreData(t *testing.T) {
	w := newWorld(t, plainRules)
	const script = `<script>alert(1)</script>`
	id := string(w.says("m.call.invite", script, `,"number":"`+script+`","sdp":"v=0\r\ns=`+script+`\r\n"`)[0].Call)
	w.says("m.call.hangup", script, `,"cause":"`+script+`"`)
	for _, path := range []string{"/api/calls", "/api/calls/" + id, "/api/calls/" + id + "/steps/0"} {
		answer := httptest.NewRecorder()
		w.api.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		if got := answer.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("%s is %s", path, got)
		}
		if text := answer.Body.String(); strings.Contains(text, "<") || !strings.Contains(text, `\u003cscript\u003e`) {
			t.Errorf("%s: %s", path, text)
		}
	}
}

// What went is shown against what came.
func TestDiffers(t *testing.T) {
	w := newWorld(t, ownRules)
	w.play(capturedCalls(t, joint))
	s := w.story(w.all().Calls[0].ID)
	at := slices.IndexFunc(s.Steps, func(s Step) bool { return len(s.Sent) > 0 && s.Sent[0].Type == "verto.invite" })
	var d Detail
	w.get(fmt.Sprintf("/api/calls/%s/steps/%d", s.Call.ID, s.Steps[at].N), &d)
	if len(d.Differs) == 0 || d.Differs[0].To != "verto" || d.Differs[0].Type != "verto.invite" {
		t.Fatalf("%+v", d.Differs)
	}
	lines := d.Differs[0].Lines
	heading := slices.Index(lines, "The SDP, beside that of matrix m.call.invite:")
	if heading < 0 {
		t.Fatalf("%q", lines)
	}
	if !slices.ContainsFunc(lines[:heading], func(l string) bool { return strings.HasPrefix(l, `+ dialogParams.callID = "`) }) {
		t.Errorf("no id of its own among %q", lines[:heading])
	}
	if !slices.ContainsFunc(lines[heading:], func(l string) bool { return strings.HasPrefix(l, "+ a=candidate") }) {
		t.Errorf("no candidates were put into the SDP: %q", lines[heading:])
	}
}
