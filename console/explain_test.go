package console

import (
	"fmt"
	"testing"

	"vertigo/engine"
)

// Every step of every capture is explained as it happened: the rule that fired
// is the one that fires once more, and each other rule for the type has a reason.
func TestWhatHappenedIsExplained(t *testing.T) {
	for _, name := range captures(t) {
		t.Run(short(name), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ownRules)
			w.play(capturedCalls(t, name))
			w.finish()
			for _, call := range w.all().Calls {
				w.explained(call)
			}
		})
	}
}

// explained looks at the explanation of every step of a call.
func (w *world) explained(call Call) {
	w.t.Helper()
	var story Story
	w.get("/api/calls/"+call.ID, &story)
	if len(story.Steps) == 0 {
		w.t.Errorf("nothing happens in %s", call.ID)
	}
	for _, s := range story.Steps {
		var d Detail
		w.get(fmt.Sprintf("/api/calls/%s/steps/%d", call.ID, s.N), &d)
		if d.Note != "" {
			w.t.Errorf("%s %d %s: %s", call.ID, s.N, s.Type, d.Note)
		}
		if d.Step.N != s.N || d.Step.Type != s.Type || len(d.Differs) != len(s.Sent) {
			w.t.Errorf("%s %d %s: %+v", call.ID, s.N, s.Type, d.Step)
		}
		fired := false
		for _, c := range d.Candidates {
			fired = fired || c.Rule == s.Rule && c.Verdict == string(engine.RuleFired)
			if c.Reason == "" || c.Place == "" || c.Verdict == string(engine.IsFalse) && c.Source == "" {
				w.t.Errorf("%s %d %s: rule %q without a reason", call.ID, s.N, s.Type, c.Rule)
			}
		}
		if fired != (s.Outcome == string(engine.Fired)) {
			w.t.Errorf("%s %d %s: %s by %q, explained by\n%+v", call.ID, s.N, s.Type, s.Outcome, s.Rule, d.Candidates)
		}
	}
}
