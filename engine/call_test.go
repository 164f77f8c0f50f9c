package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

// dial is a call with a key on both sides.
const dial = begin + `
[[rule]]
name = "dial"
on = "matrix dial"
send = { to = "verto", type = "verto.invite", body = { dialogParams = { callID = "${ msg.key ?? call.uuid }" } } }
[[rule]]
name = "echo"
on = ["verto verto.*", "matrix echo"]
send = { to = "matrix", type = "echo", room = "r", body = { n = "${ call.n }", x = "${ msg.x }" } }
[[rule]]
name = "over"
on = "* over"
next = "end"
`

func TestKeys(t *testing.T) {
	runAll(t, []story{
		{
			name:  "the key of a message that was sent finds the call again",
			rules: dial,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"n":1}`, `matrix invite r/c2 {"n":2}`}},
				{in: []string{`matrix dial r/c1 {"key":"k1"}`, `matrix dial r/c2 {"key":"k2"}`}, want: []string{
					`pbx3 verto.invite {"dialogParams":{"callID":"k1"}}`, `pbx2 verto.invite {"dialogParams":{"callID":"k2"}}`,
				}},
				{in: []string{"pbx2 verto.answer k2", "pbx3 verto.answer k1"}, want: []string{`matrix echo r {"n":2}`, `matrix echo r {"n":1}`}},
				{in: []string{"pbx1 verto.answer k1"}, told: []string{"waiting pbx1 verto.answer"}}, // another server's k1
			},
			calls: 2,
		},
		{
			name: "a key of another call is refused, and the rule undone",
			rules: begin + `
[[rule]]
name = "dial"
on = "matrix dial"
set = { n = "'changed'" }
send = { to = "pbx1", type = "verto.invite", body.callID = "${ msg.key }" }
[[rule]]
name = "echo"
on = ["verto verto.*", "matrix echo"]
send = { to = "matrix", type = "echo", room = "r", body = { n = "${ call.n }" } }
`,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"n":1}`, `matrix invite r/c2 {"n":2}`, `matrix dial r/c1 {"key":"k1"}`}, want: []string{`pbx1 verto.invite {"callID":"k1"}`}},
				{
					in:   []string{`matrix dial r/c2 {"key":"k1"}`, "matrix echo r/c2", "pbx1 verto.answer k1"},
					want: []string{`matrix echo r {"n":2}`, `matrix echo r {"n":"changed"}`},
					told: []string{
						`failed matrix dial: rule "dial" (rules.toml:8:1): the key "k1" on pbx1 belongs to another call`,
						"fired matrix echo: echo", "fired pbx1 verto.answer: echo",
					},
				},
			},
			calls: 2,
		},
		{
			name: "one call may have several keys of one side: three rooms ring",
			rules: `
[[rule]]
name = "ring"
on = "verto verto.invite"
new = true
send = { to = "matrix", type = "m.call.invite", each = "msg.rooms", room = "${ item }", body.call_id = "${ call.uuid }" }
[[rule]]
name = "answer"
on = "matrix m.call.answer"
also = true
set = { room = "msg.room" }
[[rule]]
name = "answered"
on = "matrix m.call.answer"
send = { to = "verto", type = "verto.answer", body = { callID = "${ call.verto.key }", room = "${ call.room }", first = "${ call.matrix.key == call.uuid }" } }
`,
			plot: []moment{
				{
					in:   []string{`pbx2 verto.invite k1 {"rooms":["a","b","c"]}`},
					want: []string{`matrix m.call.invite a {"call_id":"` + uuidK1 + `"}`, `matrix m.call.invite b {"call_id":"` + uuidK1 + `"}`, `matrix m.call.invite c {"call_id":"` + uuidK1 + `"}`},
				},
				{in: []string{`matrix m.call.answer b/` + uuidK1 + ` {"room":"b"}`}, want: []string{`pbx2 verto.answer {"callID":"k1","room":"b","first":true}`}},
				{in: []string{`matrix m.call.answer d/` + uuidK1 + ` {"room":"d"}`}, told: []string{"waiting matrix m.call.answer"}},
			},
			calls: 1,
		},
		{
			name: "what is sent to a group goes to where the call has its last key, which is the one that rules see",
			rules: begin + `
[[rule]]
name = "first"
on = "matrix first"
send = { to = "pbx1", type = "verto.invite", body.callID = "k1" }
[[rule]]
name = "again"
on = "matrix again"
send = { to = "pbx2", type = "verto.invite", body.callID = "k2" }
[[rule]]
name = "bye"
on = "matrix bye"
send = [
  { to = "verto", type = "verto.bye", body = { callID = "${ call.verto.key }", of = "${ call.pbx1.key }", matrix = "${ call.matrix.key }" } },
  { to = "pbx1", type = "verto.invite", body.callID = "k1" },
]
`,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"n":1}`, "matrix first r/c1"}, want: []string{`pbx1 verto.invite {"callID":"k1"}`}},
				{
					in: []string{"matrix bye r/c1", "matrix again r/c1", "matrix bye r/c1", "matrix bye r/c1"},
					want: []string{
						`pbx1 verto.bye {"callID":"k1","of":"k1","matrix":"c1"}`, `pbx1 verto.invite {"callID":"k1"}`,
						`pbx2 verto.invite {"callID":"k2"}`,
						`pbx2 verto.bye {"callID":"k2","of":"k1","matrix":"c1"}`, `pbx1 verto.invite {"callID":"k1"}`,
						`pbx2 verto.bye {"callID":"k2","of":"k1","matrix":"c1"}`, `pbx1 verto.invite {"callID":"k1"}`,
					},
				},
			},
			calls: 1,
		},
		{
			name:  "late messages of an ended call do nothing, and begin nothing, for a while",
			rules: dial,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"n":1}`, `matrix dial r/c1 {"key":"k1"}`}, want: []string{`pbx3 verto.invite {"dialogParams":{"callID":"k1"}}`}},
				{in: []string{"pbx3 over k1", "pbx3 verto.bye k1", "matrix echo r/c1", "matrix invite r/c1"}, told: []string{
					"fired pbx3 over: over", "late pbx3 verto.bye", "late matrix echo", "late matrix invite", "unmatched engine call.end",
				}},
				{after: 5*time.Minute - 1, in: []string{"matrix invite r/c1"}, told: []string{"late matrix invite"}},
				{after: 1, in: []string{`matrix invite r/c1 {"n":7}`}, told: []string{"fired matrix invite: begin"}},
				{in: []string{"matrix echo r/c1"}, want: []string{`matrix echo r {"n":7}`}},
			},
			calls: 1,
		},
	})
}

// uuidK1 is the id of a call that begins with key k1 on pbx2.
const uuidK1 = "bf9c23c9-6af0-5055-afc8-b5bc58aa33ff"

func TestAReplyFindsItsCallWithoutAKey(t *testing.T) {
	w := newWorld(t, dial+`
[[rule]]
name = "accepted"
on = "matrix echo.ok"
send = { to = "pbx1", type = "ok", body.n = "${ call.n }" }
`, engineLimits)
	w.step(t, `matrix invite r/c1 {"n":1}`, `matrix invite r/c2 {"n":2}`)
	reply := message(t, "matrix echo.ok -")
	reply.Call = w.Calls()[1].ID
	if got := show(w.Step(w.now, reply)); len(got) != 1 || got[0] != `pbx1 ok {"n":2}` {
		t.Errorf("the reply made %q", got)
	}
	w.step(t, "matrix over r/c2")
	w.told = nil
	if got := w.Step(w.now, reply); got != nil || w.told[0] != "late matrix echo.ok" {
		t.Errorf("after the end the reply made %v, told %q", show(got), w.told)
	}
}

func TestMessagesThatComeBeforeTheirCallWait(t *testing.T) {
	runAll(t, []story{
		{
			name:  "they are seen in order as soon as it begins, before what follows",
			rules: dial,
			plot: []moment{
				{in: []string{`matrix echo r/c1 {"x":1}`, `matrix echo other/c1 {"x":9}`, `matrix echo r/c1 {"x":2}`}, told: []string{"waiting matrix echo", "waiting matrix echo", "waiting matrix echo"}},
				{after: 29 * time.Second, in: []string{`matrix invite r/c1 {"n":1}`, `matrix echo r/c1 {"x":3}`}, want: []string{`matrix echo r {"n":1,"x":1}`, `matrix echo r {"n":1,"x":2}`, `matrix echo r {"n":1,"x":3}`}},
			},
			calls: 1,
		},
		{
			name:  "they wait for a message that is sent, too",
			rules: dial,
			plot: []moment{
				{in: []string{`pbx3 verto.early k1 {"x":1}`}},
				{in: []string{`matrix invite r/c1 {"n":1}`, `matrix dial r/c1 {"key":"k1"}`}, want: []string{`pbx3 verto.invite {"dialogParams":{"callID":"k1"}}`, `matrix echo r {"n":1,"x":1}`}},
			},
			calls: 1,
		},
		{
			name:  "what follows the end of the call is late",
			rules: dial,
			plot: []moment{
				{in: []string{"matrix over r/c1", "matrix echo r/c1"}},
				{in: []string{"matrix invite r/c1"}, told: []string{"fired matrix invite: begin", "fired matrix over: over", "late matrix echo", "unmatched engine call.end"}},
			},
		},
		{
			name:  "they wait no longer than they may",
			rules: dial,
			plot: []moment{
				{in: []string{"matrix echo r/c1"}},
				{after: 20 * time.Second, in: []string{"matrix echo r/c1"}},
				{after: 10 * time.Second, in: []string{"matrix invite r/c1"}, told: []string{"unmatched matrix echo", "unmatched matrix echo", "fired matrix invite: begin"}},
			},
			calls: 1,
		},
		{
			name:   "no more wait than may, for one call and in all",
			rules:  dial,
			limits: engine.Limits{Waiting: 3, WaitingPer: 2},
			plot: []moment{
				{in: []string{"matrix echo r/c1", "matrix echo r/c1", "matrix echo r/c1", "matrix echo r/c2", "matrix echo r/c3"}, told: []string{
					"waiting matrix echo", "waiting matrix echo",
					"failed matrix echo: too many messages wait for a call that has not begun",
					"waiting matrix echo",
					"failed matrix echo: too many messages wait for a call that has not begun",
				}},
				{in: []string{`matrix invite r/c1 {"n":1}`, "matrix echo r/c3"}, want: []string{`matrix echo r {"n":1}`, `matrix echo r {"n":1}`}},
			},
			calls: 1,
		},
		{
			name:   "no more bytes wait than may",
			rules:  dial,
			limits: engine.Limits{WaitingBytes: 10},
			plot: []moment{
				{in: []string{`matrix echo r/c1 {"x":123}`, `matrix echo r/c1 {}`}, told: []string{
					"waiting matrix echo", "failed matrix echo: too many messages wait for a call that has not begun",
				}},
				{after: time.Minute, in: []string{`matrix echo r/c1 {"x":123}`}, told: []string{"unmatched matrix echo", "waiting matrix echo"}},
			},
		},
		{
			name:  "one that no rule is for in any call is unmatched at once",
			rules: begin,
			plot:  []moment{{in: []string{"matrix echo r/c1"}, told: []string{"unmatched matrix echo"}}},
		},
	})
}

func TestGroups(t *testing.T) {
	invite := func(n int) []string {
		return []string{fmt.Sprintf(`matrix invite r/c%d {"n":%d}`, n, n), fmt.Sprintf(`matrix dial r/c%d`, n)}
	}
	server := func(t *testing.T, lines []string) string {
		t.Helper()
		if len(lines) != 1 {
			t.Fatalf("%q, want one message", lines)
		}
		to, _, _ := strings.Cut(lines[0], " ")
		return to
	}
	t.Run("calls spread over the members, and stay where they began", func(t *testing.T) {
		w, count := newWorld(t, dial, engineLimits), map[string]int{}
		for i := range 300 {
			to := server(t, w.step(t, invite(i)...))
			count[to]++
			if again := server(t, w.step(t, fmt.Sprintf("matrix dial r/c%d", i))); again != to {
				t.Fatalf("a call on %s went on to %s", to, again)
			}
		}
		for _, p := range peers[1:4] {
			if n := count[p.Name]; n < 60 {
				t.Errorf("%s has %d of 300 calls", p.Name, n)
			}
		}
	})
	t.Run("a member that is down gets no new call, and gets them again once up", func(t *testing.T) {
		w, count := newWorld(t, dial, engineLimits), map[string]int{}
		held := server(t, w.step(t, invite(1000)...))
		w.step(t, held+" transport.down -")
		for i := range 50 {
			if to := server(t, w.step(t, invite(i)...)); to == held {
				t.Fatalf("a new call went to %s, which is down", to)
			}
		}
		if to := server(t, w.step(t, "matrix dial r/c1000")); to != held {
			t.Errorf("a call on %s went on to %s", held, to)
		}
		w.step(t, held+" transport.up -")
		for i := range 50 {
			count[server(t, w.step(t, invite(100+i)...))]++
		}
		if count[held] == 0 {
			t.Errorf("%s is up again and gets no call", held)
		}
	})
	t.Run("with all members down a call still goes to one", func(t *testing.T) {
		w := newWorld(t, dial, engineLimits)
		w.step(t, "pbx1 transport.down -", "pbx2 transport.down -", "pbx3 transport.down -")
		if to := server(t, w.step(t, invite(1)...)); !strings.HasPrefix(to, "pbx") {
			t.Errorf("it went to %s", to)
		}
	})
	t.Run("two messages to a group in one rule go to one member", func(t *testing.T) {
		w := newWorld(t, begin+`
[[rule]]
name = "two"
on = "matrix two"
send = [{ to = "verto", type = "a" }, { to = "verto", type = "b" }]
`, engineLimits)
		for i := range 20 {
			got := w.step(t, fmt.Sprintf("matrix invite r/c%d", i), fmt.Sprintf("matrix two r/c%d", i))
			if len(got) != 2 || got[0][:4] != got[1][:4] {
				t.Errorf("%q", got)
			}
		}
	})
}

func TestIDsAreDerived(t *testing.T) {
	plot := func(w *world) []engine.Action {
		var all []engine.Action
		step := func(ms ...string) {
			batch := make([]engine.Message, len(ms))
			for i, m := range ms {
				batch[i] = message(t, m)
				batch[i].At = w.now
			}
			all = append(all, w.Step(w.now, batch...)...)
			w.now = w.now.Add(time.Second)
		}
		step(`matrix invite r/c1 {"n":1} #$e1`, "matrix invite r/c2 {} #$e2", "matrix invite other/c1 {} #$e3")
		step("matrix dial r/c1 {} #$e4", "matrix dial r/c1 {} #$e5", "matrix dial r/c2 {}", "matrix dial r/c2 {}", "matrix dial other/c1 {}")
		step("matrix each r/c1 {} #$e6", "matrix each r/c1 {} #$e7")
		step("matrix note -", "matrix note - {\"x\":1}")
		step("matrix note -")
		return all
	}
	rules := dial + `
[[rule]]
name = "each"
on = "matrix each"
also = true
[[rule.send]]
to = "matrix"
type = "a"
room = "r"
each = "[1, 2]"
[[rule.send]]
to = "matrix"
type = "a"
room = "r"
[[rule]]
name = "each again"
on = "matrix each"
send = { to = "matrix", type = "a", room = "r" }
[[rule]]
name = "note"
on = "matrix note"
send = { to = "matrix", type = "a", room = "r" }
`
	first, second := plot(newWorld(t, rules, engineLimits)), plot(newWorld(t, rules, engineLimits))
	if len(first) != 5+8+3 {
		t.Fatalf("%d actions", len(first))
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("two engines differ:\n%s", diff)
	}
	seen := map[string]int{}
	for i, a := range first {
		if j, twice := seen[a.ID]; twice {
			t.Errorf("actions %d and %d have the id %s", j, i, a.ID)
		}
		seen[a.ID] = i
	}
	// A message that the peer sends again after a restart gives the same id.
	w := newWorld(t, rules, engineLimits)
	w.now = w.now.Add(time.Hour)
	w.step(t, `matrix invite r/c1 {} #$e1`)
	again := message(t, "matrix dial r/c1 {} #$e4")
	if got := w.Step(w.now, again); got[0].ID != first[0].ID || got[0].Call != first[0].Call {
		t.Errorf("sent again: %+v, want the ids of %+v", got[0], first[0])
	}
}

func TestActionsSayWhereTheyBelong(t *testing.T) {
	w := newWorld(t, begin+`
[[rule]]
name = "dial"
on = "matrix dial"
send = [
  { to = "pbx2", type = "verto.invite", body.dialogParams.callID = "k${ 1 }" },
  { to = "matrix", type = "m.call.answer", room = "!${ msg.room }", body = { call_id = "${ call.matrix.key }", version = "1" } },
]
`, engineLimits)
	w.step(t, "matrix invite r/c1")
	call := w.Calls()[0]
	w.now = w.now.Add(time.Second)
	got := w.Step(w.now, message(t, `matrix dial r/c1 {"room":"x"}`))
	for i := range got {
		got[i].ID = ""
	}
	want := []engine.Action{
		{To: "pbx2", Type: "verto.invite", Call: call.ID, Key: "k1", Rule: "dial", At: w.now, Body: []byte(`{"dialogParams":{"callID":"k1"}}`)},
		{To: "matrix", Type: "m.call.answer", Call: call.ID, Key: "c1", Scope: "!x", Rule: "dial", At: w.now, Address: map[string]string{"room": "!x"}, Body: []byte(`{"call_id":"c1","version":"1"}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantCall := engine.CallInfo{ID: call.ID, State: "begun", Begun: t0, Keys: []engine.CallKey{{Transport: "matrix", Scope: "r", Key: "c1"}, {Transport: "pbx2", Key: "k1"}, {Transport: "matrix", Scope: "!x", Key: "c1"}}}
	if diff := cmp.Diff([]engine.CallInfo{wantCall}, w.Calls()); diff != "" {
		t.Error(diff)
	}
}

func TestTheEndOfACallSaysHowItWas(t *testing.T) {
	const rules = begin + `
[[rule]]
name = "answered"
on = "matrix answer"
set = { answered = "now" }
[[rule]]
name = "over \"now\""
on = "matrix over"
set = { cause = "msg.cause", direction = "msg.direction", user = "msg.user", number = "msg.number" }
next = "end"
[[rule]]
name = "one"
on = "engine call.end"
also = true
send = { to = "pbx1", type = "end", body = "${ msg }" }
[[rule]]
name = "two"
on = "engine call.end"
send = { to = "pbx1", type = "n", body.n = "${ call.n }" }
`
	for _, tc := range []struct{ name, answer, over, want string }{
		{"it was never answered", "", `{"cause":"BUSY"}`,
			`{"type":"call.end","state":"begun","rule":"over \"now\"","cause":"BUSY","begun":"2026-11-22T10:00:00Z","ended":"2026-11-22T10:00:01.5Z","duration":1500}`},
		{"it was", "matrix answer r/c1", `{"cause":"NORMAL_CLEARING","direction":"in","user":"@é:x","number":"\"+44\u0031"}`,
			`{"type":"call.end","state":"begun","rule":"over \"now\"","cause":"NORMAL_CLEARING","direction":"in","user":"@é:x","number":"\"+441",` +
				`"begun":"2026-11-22T10:00:00Z","answered":"2026-11-22T10:00:00.5Z","ended":"2026-11-22T10:00:01.5Z","duration":1500,"talked":1000}`},
		{"what is no text is not told", "", `{"cause":7,"number":[],"user":""}`,
			`{"type":"call.end","state":"begun","rule":"over \"now\"","user":"","begun":"2026-11-22T10:00:00Z","ended":"2026-11-22T10:00:01.5Z","duration":1500}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, rules, engineLimits)
			w.step(t, `matrix invite r/c1 {"n":1}`)
			w.now = w.now.Add(500 * time.Millisecond)
			if tc.answer != "" {
				w.step(t, tc.answer)
			}
			w.now = w.now.Add(time.Second).In(time.FixedZone("elsewhere", 3600))
			if diff := cmp.Diff([]string{"pbx1 end " + tc.want, `pbx1 n {"n":1}`}, w.step(t, "matrix over r/c1 "+tc.over)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStopGivesTheRulesALastWord(t *testing.T) {
	const rules = dial + `
[[rule]]
name = "bye"
on = "engine call.stop"
when = "call.n != 2"
next = "end"
send = { to = "pbx1", type = "bye", body = { why = "${ msg.reason }", n = "${ call.n }" } }
[[rule]]
name = "end"
on = "engine call.end"
send = { to = "pbx1", type = "end", body = { n = "${ call.n }", rule = "${ msg.rule }" } }
`
	w := newWorld(t, rules, engine.Limits{CallAge: time.Hour})
	w.step(t, `matrix invite r/c3 {"n":3}`, `matrix invite r/c2 {"n":2}`)
	w.now = w.now.Add(time.Minute)
	w.step(t, `matrix invite r/c1 {"n":1}`)
	w.now = t0.Add(time.Hour)
	want := []string{
		`pbx1 bye {"why":"age","n":3}`, `pbx1 end {"n":3,"rule":"bye"}`, `pbx1 end {"n":2}`,
	}
	if diff := cmp.Diff(want, w.step(t)); diff != "" {
		t.Errorf("calls that are too old:\n%s", diff)
	}
	want = []string{`pbx1 bye {"why":"shutdown","n":1}`, `pbx1 end {"n":1,"rule":"bye"}`}
	if diff := cmp.Diff(want, show(w.Stop(w.now, "shutdown"))); diff != "" {
		t.Errorf("shutdown:\n%s", diff)
	}
	if n := len(w.Calls()); n != 0 {
		t.Errorf("%d calls are left", n)
	}
}

func TestACallKeepsTheRulesItBeganWith(t *testing.T) {
	text := func(n int) string {
		return fmt.Sprintf(begin+`
[[rule]]
name = "echo"
on = "matrix echo"
send = { to = "pbx1", type = "rules%d" }
[[rule]]
name = "timer"
on = "matrix timer"
timer.t%d = "'1s'"
[[rule]]
name = "due"
on = "engine timer.t%d"
send = { to = "pbx1", type = "due%d" }
[[rule]]
name = "free"
on = "matrix free"
send = { to = "pbx1", type = "free%d" }
`, n, n, n, n, n)
	}
	w := newWorld(t, text(1), engineLimits)
	w.step(t, "matrix invite r/c1", "matrix echo r/c2")
	w.SetRules(load(t, text(2)))
	got := w.step(t, "matrix invite r/c2", "matrix echo r/c1", "matrix timer r/c1", "matrix timer r/c2", "matrix free -")
	w.now = w.now.Add(time.Second)
	got = append(got, w.step(t)...)
	want := []string{"pbx1 rules2 {}", "pbx1 rules1 {}", "pbx1 free2 {}", "pbx1 due1 {}", "pbx1 due2 {}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFieldsAreCopiedAsTheyCame(t *testing.T) {
	story{
		rules: begin + `
[[rule]]
name = "copy"
on = "matrix copy"
set = { n = "msg.id" }
send = { to = "pbx1", type = "is", body = { id = "${ msg.id }", n = "${ call.n }", sdp = "${ msg.content.offer.sdp }", more = "${ msg.more }", text = "<${ msg.text }>" } }
`,
		plot: []moment{
			{
				in: []string{"matrix invite r/c1", `matrix copy r/c1 {"id" : 9007199254740993123, "cont\u0065nt":{"offer": {"sdp":"v=0\r\n\u0041\/é"}},"more":[ 1.0, 1e2,{"a" :"\u00e9"}],"text":"a\"\u0041\n"}`},
				want: []string{
					`pbx1 is {"id":9007199254740993123,"n":9007199254740993123,"sdp":"v=0\r\n\u0041\/é","more":[ 1.0, 1e2,{"a" :"\u00e9"}],"text":"<a\"\u0041\n>"}`,
				},
			},
			{ // of a key that comes twice the first counts, at any depth
				in:   []string{`matrix copy r/c1 {"content":{"offer":{"sdp":"first","sdp":"second"},"offer":{"sdp":"third"}},"content":{"offer":{"sdp":"fourth"}},"id":1,"id":2,"text":""}`},
				want: []string{`pbx1 is {"id":1,"n":1,"sdp":"first","text":"<>"}`},
			},
			{
				in:   []string{`matrix copy r/c1 {"content":{"offer":7,"offer":{"sdp":"third"}},"text":"x"}`},
				want: []string{`pbx1 is {"text":"<x>"}`},
			},
		},
		calls: 1,
	}.run(t)
}
