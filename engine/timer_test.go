package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"vertigo/engine"
)

const timers = begin + `
[[rule]]
name = "start"
on = "matrix start"
timer.a = "msg.a"
timer.b = "msg.b"
[[rule]]
name = "stop"
on = "matrix stop"
cancel = ["a", "b"]
[[rule]]
name = "over"
on = "matrix over"
next = "end"
[[rule]]
name = "due"
on = "engine timer.*"
send = { to = "pbx1", type = "due", body = { which = "${ msg.type }", at = "${ int(now.Unix()) }" } }
`

func due(which string, after time.Duration) string {
	return fmt.Sprintf(`pbx1 due {"which":"timer.%s","at":%d}`, which, t0.Add(after).Unix())
}

func TestTimers(t *testing.T) {
	runAll(t, []story{
		{
			name:  "a timer fires once, when its time has come",
			rules: timers,
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix start r/c1 {"a":"5s"}`}},
				{after: 4 * time.Second},
				{after: time.Second, want: []string{due("a", 5*time.Second)}},
				{after: time.Hour},
			},
			calls: 1,
		},
		{
			name:  "a timer that is started again begins anew; nil leaves it alone",
			rules: timers,
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix start r/c1 {"a":"5s"}`}},
				{after: 4 * time.Second, in: []string{`matrix start r/c1 {"a":"5s"}`}},
				{after: 4 * time.Second, in: []string{`matrix start r/c1 {}`}},
				{after: time.Second, want: []string{due("a", 9*time.Second)}},
			},
			calls: 1,
		},
		{
			name:  "a timer that is cancelled, or whose call ends, does not fire",
			rules: timers,
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix start r/c1 {"a":"5s","b":"6s"}`, "matrix stop r/c1"}},
				{after: 10 * time.Second, in: []string{`matrix start r/c1 {"a":"5s"}`, "matrix over r/c1"}},
				{after: 10 * time.Second},
			},
		},
		{
			name:  "a step that comes late handles what was due at its own time, in order",
			rules: timers,
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix start r/c1 {"a":"7s","b":"5s"}`}},
				{in: []string{"matrix invite r/c2", `matrix start r/c2 {"a":"5s","b":"6s"}`}},
				{after: time.Minute, in: []string{"matrix over r/c2"}, want: []string{
					due("b", 5*time.Second), due("a", 5*time.Second), due("b", 6*time.Second), due("a", 7*time.Second),
				}},
			},
			calls: 1,
		},
		{
			name: "what is due comes before the messages of the step",
			rules: timers + `
[[rule]]
name = "look"
on = "matrix look"
send = { to = "pbx1", type = "look", body = { at = "${ int(now.Unix()) }" } }
`,
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix start r/c1 {"a":"5s"}`}},
				{after: 8 * time.Second, in: []string{"matrix look r/c1"}, want: []string{due("a", 5*time.Second), fmt.Sprintf(`pbx1 look {"at":%d}`, t0.Unix()+8)}},
			},
			calls: 1,
		},
		{
			name:  "a time that is none fails the rule",
			rules: timers,
			plot: []moment{{
				in: []string{"matrix invite r/c1", `matrix start r/c1 {"a":"soon"}`, `matrix start r/c1 {"b":7}`},
				told: []string{
					"fired matrix invite: begin",
					`failed matrix start: rule "start" (rules.toml:8:1): timer.a: "soon" is not a duration such as "500ms" or "1m30s"`,
					`failed matrix start: rule "start" (rules.toml:8:1): timer.b: 7 is not a duration such as "500ms" or "1m30s"`,
				},
			}},
			calls: 1,
		},
	})
}

// A timer that starts itself again is a heartbeat, however late the engine is
// called; one that takes no time must not keep it from returning.
func TestATimerMayStartItselfAgain(t *testing.T) {
	const rules = begin + `
[[rule]]
name = "start"
on = "matrix start"
timer.beat = "msg.every"
set = { n = "msg.every" }
[[rule]]
name = "beat"
on = "engine timer.beat"
timer.beat = "call.n"
send = { to = "pbx1", type = "beat" }
`
	for _, tc := range []struct {
		every string
		late  time.Duration
		want  int
	}{
		{"1s", 10 * time.Minute, 600},
		{"0s", time.Second, 1000},
		{"1ns", time.Second, 1000},
	} {
		w := newWorld(t, rules, engineLimits)
		w.step(t, "matrix invite r/c1", fmt.Sprintf(`matrix start r/c1 {"every":%q}`, tc.every))
		w.now = w.now.Add(tc.late)
		if got := len(w.step(t)); got != tc.want {
			t.Errorf("a beat every %s, called %s late, fired %d times, want %d", tc.every, tc.late, got, tc.want)
		}
	}
}

func TestNextDeadlineIsTheEarliestOne(t *testing.T) {
	w := newWorld(t, timers, engine.Limits{CallAge: time.Hour, RememberEnded: time.Minute})
	at := func(want time.Duration) {
		t.Helper()
		got, ok := w.NextDeadline()
		if !ok || !got.Equal(t0.Add(want)) {
			t.Errorf("the next deadline is %v (%v), want %v", got.Sub(t0), ok, want)
		}
	}
	if at, ok := w.NextDeadline(); ok {
		t.Errorf("an engine without calls waits for %v", at)
	}
	w.step(t, "matrix invite r/c1")
	at(time.Hour)
	w.step(t, `matrix start r/c1 {"a":"10s","b":"5s"}`)
	at(5 * time.Second)
	w.step(t, `matrix start r/c1 {"b":"20s"}`)
	at(10 * time.Second)
	w.step(t, "matrix stop r/c1")
	at(time.Hour)
	w.step(t, `matrix start r/c1 {"a":"10s"}`, "matrix over r/c1")
	at(time.Minute)
	w.now = t0.Add(time.Minute)
	w.step(t)
	if at, ok := w.NextDeadline(); ok {
		t.Errorf("an engine without calls waits for %v", at)
	}
}

func TestEngineMessagesThatSetEachOtherOffAreStopped(t *testing.T) {
	w := newWorld(t, begin+`
[buffer.a]
complete = "true"
[buffer.b]
complete = "true"
[[rule]]
name = "kick off"
on = "matrix go"
push.a = "1"
[[rule]]
name = "a to b"
on = "engine buffer.a"
push.b = "1"
[[rule]]
name = "b to a"
on = "engine buffer.b"
push.a = "1"
send = { to = "pbx1", type = "round" }
`, engine.Limits{Loops: 10})
	for range 2 { // what was stopped can go on with the next message
		w.told = nil
		got := w.step(t, "matrix invite r/c2", "matrix invite r/c1", "matrix go r/c1")
		if len(got) != 5 {
			t.Errorf("%d rounds, want 5", len(got))
		}
		last := w.told[len(w.told)-1]
		if last != "failed engine buffer.a: engine messages set each other off without end" {
			t.Errorf("told %q", last)
		}
		w.now = w.now.Add(time.Second)
	}
	if !slices.Equal(w.step(t, "matrix invite r/c3"), nil) || len(w.Calls()) != 3 {
		t.Error("other calls suffer")
	}
}
