package replay

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"vertigo/engine"
	"vertigo/rules"
)

// explain gives the report on a capture, for people and as JSON.
func explain(t *testing.T, text, capture string) (report, list string) {
	t.Helper()
	peers := testPeers()
	var names []engine.Peer
	for _, p := range peers {
		names = append(names, p.Peer)
	}
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers: names, Parts: true, ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if set == nil {
		t.Fatal(found)
	}
	lines, err := Read("call.ndjson", strings.NewReader(capture), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out, asJSON bytes.Buffer
	forPeople, forPrograms := NewExplainer(&out, "call.ndjson"), NewExplainedJSON(&asJSON)
	if err := Explain(lines, set.Ruleset, peers, func(e Explained) {
		forPeople.Add(e)
		forPrograms.Add(e)
	}); err != nil {
		t.Fatal(err)
	}
	if err := forPeople.Close(); err != nil {
		t.Fatal(err)
	}
	if err := forPrograms.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), asJSON.String()
}

// Messages that no rule acts on are explained too: what cannot be read, what
// comes before its call and after it, and what time alone brings about.
func TestEveryMessageIsExplained(t *testing.T) {
	const capture = `
{"ts":"2026-11-22T00:00:00Z","transport":"left","dir":"in","data":{"bad":1}}
{"ts":"2026-11-22T00:00:00Z","transport":"right","dir":"in","data":{"type":"bye","key":"early"}}
{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":{"type":"invite","key":"one"}}
`
	text := strings.Replace(bridging, `"0s"`, `"2s"`, 1) + `
[[rule]]
name = "hears the last"
on   = "engine timer.pause"
in   = "dialling"
when = 'msg.type != nil'
`
	report, list := explain(t, text, capture)
	const want = `call.ndjson

line 2, 0.000 s: left (unreadable)
  it FAILED; nobody can read this

line 3, 0.000 s: right bye
  it waits for its call to begin
  - ends
      for calls under way; this message is of none

line 4, 1.000 s: left invite
  call 8b43c7fa; begins → waiting
  * begins
      fired

The capture ends here; what follows is time alone.

3.000 s: engine timer.pause
  call 8b43c7fa; waiting → dialling; sends call to right
  * dials
      fired
  - hears the last
      for state dialling; the call is in waiting

30.000 s: right bye
  it waited for a call that never began
`
	compareTexts(t, strings.Split(report, "\n"), strings.Split(want, "\n")...)
	var messages []map[string]any
	if err := json.Unmarshal([]byte(list), &messages); err != nil {
		t.Fatal(err)
	}
	if len(messages) != 5 || messages[0]["outcome"] != "failed" || messages[4]["afterwards"] != true {
		t.Errorf("as JSON:\n%s", list)
	}
}

func TestAnExplanationOfNothingIsAnEmptyList(t *testing.T) {
	if _, list := explain(t, bridging, ""); strings.Join(strings.Fields(list), "") != "[]" {
		t.Errorf("%q", list)
	}
}

// Long values are cut for a terminal, and whole for a program.
func TestDeltasFitATerminal(t *testing.T) {
	long := strings.Repeat("x", 100)
	d := diff("body", []byte(`{"a":"`+long+`"}`), []byte(`{"a":"b"}`))
	compareTexts(t, d[0].lines(40), "body.a:", `  -"`+long[:35]+"…", `  +"b"`)
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"path":"body.a","was":"` + long + `","is":"b"}]`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

func TestCompareTellsWhatBecomesOfMessages(t *testing.T) {
	_, old := play(t, bridging, foreign)
	_, now := play(t, strings.Replace(bridging, "right answer", "right answr", 1), foreign)
	compareTexts(t, worded(Compare(old, now)),
		"call.ndjson:6: answer: fired → unmatched",
		"call.ndjson:6: - answer to left (answered)")
}
