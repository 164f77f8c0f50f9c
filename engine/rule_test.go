package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"vertigo/engine"
)

// begin is the rule that most stories begin with.
const begin = `
[[rule]]
name = "begin"
on = "matrix invite"
new = true
set = { n = "msg.n", room = "msg.room" }
`

func TestRules(t *testing.T) {
	runAll(t, []story{
		{
			name: "the first rule that matches fires, and no other",
			rules: `
[[rule]]
name = "one"
on = "matrix invite"
when = "msg.n == 1"
send = { to = "pbx1", type = "one" }
[[rule]]
name = "any"
on = "matrix invite"
send = { to = "pbx1", type = "any" }
[[rule]]
name = "any, too"
on = "matrix invite"
send = { to = "pbx1", type = "too" }
`,
			plot: []moment{
				{in: []string{`matrix invite - {"n":1}`}, want: []string{"pbx1 one {}"}, told: []string{"fired matrix invite: one"}},
				{in: []string{`matrix invite - {"n":2}`}, want: []string{"pbx1 any {}"}, told: []string{"fired matrix invite: any"}},
				{in: []string{`matrix other -`}, told: []string{"unmatched matrix other"}},
			},
		},
		{
			name: "after a rule with also a further one is looked for, in order",
			rules: `
[[rule]]
name = "first"
on = "matrix invite"
also = true
send = { to = "pbx1", type = "first" }
[[rule]]
name = "not this"
on = "matrix invite"
when = "msg.n == 7"
send = { to = "pbx1", type = "no" }
[[rule]]
name = "second"
on = "matrix invite"
also = true
send = { to = "pbx1", type = "second" }
[[rule]]
name = "last"
on = "matrix invite"
send = { to = "pbx1", type = "last" }
[[rule]]
name = "never"
on = "matrix invite"
send = { to = "pbx1", type = "never" }
`,
			plot: []moment{{
				in:   []string{"matrix invite -"},
				want: []string{"pbx1 first {}", "pbx1 second {}", "pbx1 last {}"},
				told: []string{"fired matrix invite: first", "fired matrix invite: second", "fired matrix invite: last"},
			}},
		},
		{
			name: "the rules after the one that began a call see the call, and its new state",
			rules: `
[[rule]]
name = "begin"
on = "matrix invite"
new = true
also = true
set = { n = "msg.n" }
next = "ringing"
[[rule]]
name = "begin again"
on = "matrix invite"
new = true
send = { to = "pbx1", type = "twice" }
[[rule]]
name = "in another state"
on = "matrix invite"
in = "begun"
send = { to = "pbx1", type = "begun" }
[[rule]]
name = "go on"
on = "matrix invite"
in = "ringing"
send = { to = "pbx1", type = "ring", body = { n = "${ call.n }", state = "${ call.state }" } }
`,
			plot:  []moment{{in: []string{`matrix invite r/c1 {"n":5}`}, want: []string{`pbx1 ring {"n":5,"state":"ringing"}`}}},
			calls: 1,
		},
		{
			name: "lets are computed anew after a rule that changed the call",
			rules: `
[let]
seen = "[call.n, call.state, call.pbx1.key]"
[[rule]]
name = "begin"
on = "matrix invite"
new = true
also = true
when = "seen[0] == nil"
set = { n = "1" }
[[rule]]
name = "set"
on = "matrix invite"
also = true
set = { n = "seen[0] + 1" }
send = { to = "pbx1", type = "set", body = { seen = "${ seen }" } }
[[rule]]
name = "tie"
on = "matrix invite"
also = true
send = { to = "pbx1", type = "tie", body = { callID = "k", seen = "${ seen }" } }
[[rule]]
name = "ring"
on = "matrix invite"
also = true
next = "ringing"
send = { to = "pbx1", type = "ring", body = { seen = "${ seen }" } }
[[rule]]
name = "last"
on = "matrix invite"
when = "seen[1] == 'ringing'"
send = { to = "pbx1", type = "last", body = { seen = "${ seen }" } }
`,
			plot: []moment{{in: []string{"matrix invite r/c1"}, want: []string{
				`pbx1 set {"seen":[1,"begun",null]}`, // its own set comes after what it read
				`pbx1 tie {"callID":"k","seen":[2,"begun",null]}`,
				`pbx1 ring {"seen":[2,"begun","k"]}`,
				`pbx1 last {"seen":[2,"ringing","k"]}`,
			}}},
			calls: 1,
		},
		{
			name: "new matches only while no call has the key, and other rules only once one has",
			rules: begin + `
[[rule]]
name = "again"
on = "matrix invite"
send = { to = "pbx1", type = "again", body.n = "${ msg.n }", body.old = "${ call.n }" }
`,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"n":1}`}, told: []string{"fired matrix invite: begin"}},
				{in: []string{`matrix invite r/c1 {"n":2}`}, want: []string{`pbx1 again {"n":2,"old":1}`}},
				{in: []string{`matrix invite other/c1 {"n":3}`}, told: []string{"fired matrix invite: begin"}},
			},
			calls: 2,
		},
		{
			name: "in holds a rule to states, next changes the state, end ends the call",
			rules: begin + `
[[rule]]
name = "ring"
on = "matrix go"
in = "begun"
next = "ringing"
[[rule]]
name = "answer"
on = "matrix go"
in = ["ringing", "early"]
next = "${ msg.state }"
[[rule]]
name = "over"
on = "matrix go"
in = "talking"
next = "end"
[[rule]]
name = "said"
on = "engine call.end"
send = { to = "pbx1", type = "bye", body = { was = "${ msg.state }", rule = "${ msg.rule }", is = "${ call.state }" } }
`,
			plot: []moment{
				{in: []string{"matrix invite r/c1"}},
				{in: []string{"matrix go r/c1"}, told: []string{"fired matrix go: ring"}},
				{in: []string{`matrix go r/c1 {"state":"talking"}`}, told: []string{"fired matrix go: answer"}},
				{in: []string{"matrix go r/c1"}, want: []string{`pbx1 bye {"was":"talking","rule":"over","is":"end"}`}, told: []string{"fired matrix go: over", "fired engine call.end: said"}},
			},
		},
		{
			name: "a call that a rule begins and ends at once is over",
			rules: `
[[rule]]
name = "refuse"
on = "matrix invite"
new = true
next = "end"
send = { to = "matrix", type = "reject", room = "${ msg.room }", body.call_id = "${ call.matrix.key }" }
`,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"room":"r"}`}, want: []string{`matrix reject r {"call_id":"c1"}`}},
				{in: []string{`matrix invite r/c1 {"room":"r"}`}, told: []string{"late matrix invite"}},
			},
		},
		{
			name: "all sets see the old values, and sends the new ones",
			rules: begin + `
[[rule]]
name = "swap"
on = "matrix go"
set = { n = "call.room", room = "call.n", both = "call.n" }
push.list = "call.n"
send = { to = "pbx1", type = "is", body = { n = "${ call.n }", room = "${ call.room }", both = "${ call.both }" } }
[buffer.list]
complete = "items[0] == 'a'"
[[rule]]
name = "pushed"
on = "engine buffer.list"
send = { to = "pbx1", type = "pushed", body = "${ msg.items }" }
`,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"n":1,"room":"a"}`}},
				{in: []string{`matrix go r/c1`}, want: []string{`pbx1 is {"n":"a","room":1,"both":1}`, `pbx1 pushed ["a"]`}},
			},
			calls: 1,
		},
		{
			name: "a set to nil forgets, and what is nil is left out",
			rules: begin + `
[[rule]]
name = "forget"
on = "matrix go"
set = { n = "nil", room = "msg.nothing" }
send = { to = "pbx1", type = "is", body = { n = "${ call.n }", room = "${ call.room }", null = "${ msg.null }", end = "." } }
`,
			plot:  []moment{{in: []string{`matrix invite r/c1 {"n":1,"room":"a"}`, `matrix go r/c1 {"null":null}`}, want: []string{`pbx1 is {"end":"."}`}}},
			calls: 1,
		},
		{
			name: "when and each choose what is sent",
			rules: begin + `
[[rule]]
name = "several"
on = "matrix go"
[[rule.send]]
to = "pbx1"
type = "one"
when = "msg.n == 1"
[[rule.send]]
to = "pbx1"
type = "each"
each = "msg.list"
when = "item != 'b'"
body = { item = "${ item }" }
[[rule.send]]
to = "matrix"
type = "none"
room = "r"
each = "msg.nothing"
[[rule.send]]
to = "matrix"
type = "to"
each = "msg.rooms"
room = "${ item }"
`,
			plot: []moment{{
				in: []string{"matrix invite r/c1", `matrix go r/c1 {"n":2,"list":["a","b",{"c":[1.0]}],"rooms":["x","y"]}`},
				want: []string{
					`pbx1 each {"item":"a"}`, `pbx1 each {"item":{"c":[1]}}`,
					`matrix to x {}`, `matrix to y {}`,
				},
			}},
			calls: 1,
		},
		{
			name: "a rule of several patterns takes each of them, once",
			rules: `
[[rule]]
name = "several"
on = ["verto a.*", "verto a.b", "matrix x", "pbx? c", "* d"]
send = { to = "matrix", type = "seen", room = "r" }
`,
			plot: []moment{{
				in:   []string{"pbx1 a.b -", "pbx2 a.c -", "matrix x -", "matrix a.b -", "pbx3 c -", "matrix c -", "matrix d -", "pbx1 d -", "pbx1 x -"},
				want: []string{"matrix seen r {}", "matrix seen r {}", "matrix seen r {}", "matrix seen r {}", "matrix seen r {}", "matrix seen r {}"},
				told: []string{
					"fired pbx1 a.b: several", "fired pbx2 a.c: several", "fired matrix x: several", "unmatched matrix a.b",
					"fired pbx3 c: several", "unmatched matrix c", "fired matrix d: several", "fired pbx1 d: several", "unmatched pbx1 x",
				},
			}},
		},
		{
			name: "a message without a key is for the rules that need no call",
			rules: begin + `
[[rule]]
name = "of a call"
on = "matrix note"
set = { n = "1" }
[[rule]]
name = "reads a call"
on = "matrix note"
when = "call.n != nil"
[[rule]]
name = "free"
on = "matrix note"
send = { to = "matrix", type = "thanks", room = "r" }
`,
			plot: []moment{{
				in:   []string{"matrix note -", "matrix invite -"},
				want: []string{"matrix thanks r {}"},
				told: []string{"fired matrix note: free", "unmatched matrix invite"},
			}},
		},
		{
			name: "a transport that comes and goes is told to all, and to each call that talks to it",
			rules: begin + `
[[rule]]
name = "call on a lost side"
on = "* transport.down"
in = "begun"
send = { to = "pbx1", type = "lost", body.n = "${ call.n }" }
[[rule]]
name = "side"
on = "* transport.*"
send = { to = "pbx1", type = "side" }
`,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"n":1}`, `matrix invite r/c2 {"n":2}`}},
				{in: []string{"pbx3 transport.down -"}, want: []string{"pbx1 side {}"}},
				{in: []string{"matrix transport.down -"}, want: []string{"pbx1 side {}", `pbx1 lost {"n":1}`, `pbx1 lost {"n":2}`}},
				{in: []string{"matrix transport.up -"}, want: []string{"pbx1 side {}"}},
			},
			calls: 2,
		},
		{
			name: "a set that cannot be evaluated leaves what was to be set before it as it was",
			rules: begin + `
[[rule]]
name = "go"
on = "matrix go"
set = { a = "msg.a", n = "1 + int(msg.b)" }
[[rule]]
name = "show"
on = "matrix show"
send = { to = "pbx1", type = "is", body = { a = "${ call.a }", n = "${ call.n }" } }
`,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"n":1}`, `matrix go r/c1 {"a":"new","b":"x"}`, "matrix show r/c1"}, want: []string{`pbx1 is {"n":1}`}},
				{in: []string{`matrix go r/c1 {"a":"new","b":"2"}`, "matrix show r/c1"}, want: []string{`pbx1 is {"a":"new","n":3}`}},
			},
			calls: 1,
		},
		{
			name: "a message about a room is told once to all, and to each call in the room",
			rules: begin + `
[[rule]]
name = "leaves"
on = "matrix member"
when = "msg.who == call.n"
next = "end"
send = { to = "pbx1", type = "left", body.n = "${ call.n }" }
[[rule]]
name = "greet"
on = "matrix member"
send = { to = "matrix", type = "hello", room = "r" }
`,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"n":1}`, `matrix invite r/c2 {"n":2}`, `matrix invite q/c3 {"n":2}`}},
				{in: []string{`matrix member r/- {"who":2}`}, want: []string{"matrix hello r {}", `pbx1 left {"n":2}`},
					told: []string{"fired matrix member: greet", "fired matrix member: leaves", "unmatched engine call.end"}},
				{in: []string{`matrix member p/- {"who":2}`}, want: []string{"matrix hello r {}"}},
			},
			calls: 2,
		},
		{
			name: "a top-level let and a rule's own mean what they say, before and after a set",
			rules: begin + `
[let]
double = "(msg.n ?? 0) * 2"
[[rule]]
name = "lets"
on = "matrix go"
let = { more = "double + 1", most = "more + 1" }
when = "most == 8"
set = { n = "more" }
send = { to = "pbx1", type = "is", body = { n = "${ call.n }", most = "${ most }", twice = "${ double }" } }
`,
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix go r/c1 {"n":3}`, `matrix go r/c1 {"n":4}`}, want: []string{`pbx1 is {"n":7,"most":8,"twice":6}`}},
			},
			calls: 1,
		},
	})
}

func TestARuleThatFailsDoesNothingAtAll(t *testing.T) {
	const rules = begin + `
[limit.often]
max = 1
per = "1h"
[limit.once]
max = 1
while = "call"
[buffer.list]
timeout = "10s"
[[rule]]
name = "all at once"
on = "matrix go"
in = "begun"
limit = ["often", "once"]
set = { n = "2", room = "'changed'" }
push.list = "['a', 'b']"
timer.late = "'5s'"
cancel = "early"
next = "gone"
[[rule.send]]
to = "pbx1"
type = "first"
body = { callID = "k1" }
[[rule.send]]
to = "pbx1"
type = "second"
body = { x = '${ msg.list[9].x + 1 }' }
[[rule]]
name = "set up"
on = "matrix early"
timer.early = "'3s'"
[[rule]]
name = "timers"
on = "engine timer.*"
send = { to = "pbx1", type = "timer", body = { which = "${ msg.type }" } }
[[rule]]
name = "buffer"
on = "engine buffer.list"
send = { to = "pbx1", type = "buffer", body = { items = "${ msg.items }" } }
[[rule]]
name = "look"
on = "matrix look"
send = { to = "pbx1", type = "is", body = { n = "${ call.n }", room = "${ call.room }", state = "${ call.state }", key = "${ call.verto.key }" } }
`
	story{
		rules: rules,
		plot: []moment{
			{in: []string{`matrix invite r/c1 {"n":1,"room":"a"}`, "matrix early r/c1"}},
			{
				in:   []string{`matrix go r/c1 {"list":[1]}`},
				told: []string{`failed matrix go: rule "all at once" (rules.toml:16:1): rules.toml:33:26: index out of range: 9 (array length is 1)`},
			},
			{in: []string{"matrix look r/c1"}, want: []string{`pbx1 is {"n":1,"room":"a","state":"begun"}`}},
			{in: []string{"pbx1 look k1"}, told: []string{"unmatched pbx1 look"}}, // the key was not tied
			{after: 3 * time.Second, want: []string{`pbx1 timer {"which":"timer.early"}`}},
			{after: 20 * time.Second}, // neither the other timer nor the buffer runs
			// And no limit was used up: the rule can fire.
			{in: []string{`matrix go r/c1 {"list":[0,1,2,3,4,5,6,7,8,{"x":1}]}`}, want: []string{`pbx1 first {"callID":"k1"}`, `pbx1 second {"x":2}`}},
			{in: []string{"matrix look r/c1"}, want: []string{`pbx1 is {"n":2,"room":"changed","state":"gone","key":"k1"}`}},
			{after: 5 * time.Second, want: []string{`pbx1 timer {"which":"timer.late"}`}},
			{after: 5 * time.Second, want: []string{`pbx1 buffer {"items":["a","b"]}`}},
		},
		calls: 1,
	}.run(t)
}

func TestAFailedMessageLeavesTheNextOneAlone(t *testing.T) {
	const rules = begin + `
[[rule]]
name = "go"
on = "matrix go"
when = "msg.n > 1"
send = { to = "pbx1", type = "go", body.n = "${ msg.n }" }
`
	for _, tc := range []struct{ name, bad, told string }{
		{"text for a number", `{"n":"x"}`, `failed matrix go: rule "go" (rules.toml:8:1): rules.toml:11:15: "x" > 1: these cannot be put together so`},
		{"nothing for a number", `{}`, `failed matrix go: rule "go" (rules.toml:8:1): rules.toml:11:15: nil > 1: these cannot be put together so`},
		{"no JSON", `{"n":2`, "failed matrix go: not valid JSON at byte 7: the message ends in the middle"},
		{"nothing", ` `, "failed matrix go: not valid JSON at byte 2: the message ends in the middle"},
		{"invalid UTF-8", "{\"n\":\"\xff\"}", "failed matrix go: not valid JSON at byte 7: invalid UTF-8"},
		{"more than one value", `{"n":2}{}`, "failed matrix go: not valid JSON at byte 8: more text after the end of the message"},
		{"too deep", deep(130), "failed matrix go: not valid JSON at byte 129: nested more than 128 deep"},
		{"too large", long(1<<20 + 1), "failed matrix go: the message has 1048577 bytes, more than the limit of 1048576"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, rules, engineLimits)
			w.step(t, `matrix invite r/c1 {}`)
			w.told = nil
			got := w.step(t, "matrix go r/c1 "+tc.bad, `matrix go r/c1 {"n":2}`)
			if len(w.told) != 2 || w.told[0] != tc.told {
				t.Errorf("told %q, want %q", w.told, tc.told)
			}
			if len(got) != 1 || got[0] != `pbx1 go {"n":2}` {
				t.Errorf("the message that followed made %q", got)
			}
		})
	}
}

// Types come from peers: whatever they make up, globs are still looked up, and
// little is kept.
func TestTypesThatOnlyGlobsKnow(t *testing.T) {
	w := newWorld(t, `
[[rule]]
name = "glob"
on = "matrix x.*"
send = { to = "pbx1", type = "seen" }
`, engineLimits)
	for i := range 10_000 {
		if got := w.step(t, fmt.Sprintf("matrix x.%d -", i), fmt.Sprintf("matrix y.%d -", i)); len(got) != 1 {
			t.Fatalf("type %d: %q", i, got)
		}
	}
	if n := w.TypesKept(); n > 4096 {
		t.Errorf("%d types are kept", n)
	}
}

func TestEnginesMayShareARuleSet(t *testing.T) {
	rules := load(t, shippedRules)
	words := vocabulary(t)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			e := engine.New(rules, engine.Options{})
			for _, m := range words[:200] {
				e.Step(t0, m)
			}
		})
	}
	both.Wait()
}
