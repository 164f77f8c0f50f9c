package engine_test

import (
	"fmt"
	"testing"
	"time"

	"vertigo/engine"
)

func TestLimits(t *testing.T) {
	const rules = `
[vars]
most = 2
[limit.rate]
key = "msg.sender"
max = 2
per = "1m"
[limit.atOnce]
key = "msg.sender"
max = "vars.most"
while = "call"
[[rule]]
name = "dial"
on = "matrix invite"
new = true
limit = ["rate", "atOnce"]
[[rule]]
name = "refuse"
on = "matrix invite"
new = true
next = "end"
send = { to = "matrix", type = "refuse", room = "r" }
[[rule]]
name = "over"
on = "matrix over"
next = "end"
[limit.notes]
max = 1
per = "10s"
[[rule]]
name = "note"
on = "matrix note"
limit = "notes"
send = { to = "matrix", type = "thanks", room = "r" }
`
	refused := []string{"matrix refuse r {}"}
	thanks := []string{"matrix thanks r {}"}
	runAll(t, []story{
		{
			name:  "as many as the limit says, and not one more",
			rules: rules,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"sender":"a"}`}},
				{in: []string{`matrix invite r/c2 {"sender":"a"}`}},
				{in: []string{`matrix invite r/c3 {"sender":"a"}`}, want: refused},
				{in: []string{`matrix invite r/c4 {"sender":"b"}`}},
			},
			calls: 3,
		},
		{
			name:  "a call's place is free when the call ends, a minute's when the minute is over",
			rules: rules,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"sender":"a"}`}},
				{after: 30 * time.Second, in: []string{`matrix invite r/c2 {"sender":"a"}`}},
				{in: []string{"matrix over r/c1", `matrix invite r/c3 {"sender":"a"}`}, want: refused}, // two in this minute
				{after: 30*time.Second - 1, in: []string{`matrix invite r/c4 {"sender":"a"}`}, want: refused},
				{after: 1, in: []string{`matrix invite r/c5 {"sender":"a"}`}},
				{after: time.Hour, in: []string{`matrix invite r/c6 {"sender":"a"}`}, want: refused}, // two at once
				{in: []string{"matrix over r/c2", `matrix invite r/c7 {"sender":"a"}`}},
			},
			calls: 2,
		},
		{
			name:  "the window slides",
			rules: rules,
			plot: []moment{
				{in: []string{"matrix note -"}, want: thanks},
				{after: 9 * time.Second, in: []string{"matrix note -"}},
				{after: time.Second, in: []string{"matrix note -", "matrix note -"}, want: thanks},
				{after: 9 * time.Second, in: []string{"matrix note -"}},
				{after: time.Second, in: []string{"matrix note -"}, want: thanks},
			},
		},
		{
			name: "a call counts once, however often its rules ask",
			rules: `
[limit.atOnce]
max = 1
while = "call"
[[rule]]
name = "begin"
on = "matrix invite"
new = true
limit = "atOnce"
[[rule]]
name = "again"
on = "matrix invite"
limit = "atOnce"
send = { to = "pbx1", type = "again" }
`,
			plot: []moment{
				{in: []string{"matrix invite r/c1", "matrix invite r/c1", "matrix invite r/c1"}, want: []string{"pbx1 again {}", "pbx1 again {}"}},
				{in: []string{"matrix invite r/c2"}, told: []string{"waiting matrix invite"}},
			},
			calls: 1,
		},
		{
			name: "a rule beyond a limit matches where it is exhausted, and takes no place",
			rules: `
[limit.rate]
key = "msg.sender"
max = 1
per = "1m"
[limit.atOnce]
max = "msg.most"
while = "call"
[[rule]]
name = "both are exhausted"
on = "matrix invite"
new = true
next = "end"
beyond = ["rate", "atOnce"]
send = { to = "pbx1", type = "both" }
[[rule]]
name = "too often"
on = "matrix invite"
new = true
next = "end"
beyond = "rate"
send = { to = "pbx1", type = "often" }
[[rule]]
name = "too many"
on = "matrix invite"
new = true
next = "end"
beyond = "atOnce"
limit = "rate"
send = { to = "pbx1", type = "many" }
[[rule]]
name = "begin"
on = "matrix invite"
new = true
limit = ["rate", "atOnce"]
[[rule]]
name = "its own place is no reason to refuse it"
on = "matrix again"
beyond = "atOnce"
send = { to = "pbx1", type = "never" }
[[rule]]
name = "over"
on = "matrix over"
next = "end"
`,
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"sender":"a","most":1}`}},
				{in: []string{`matrix again r/c1 {"most":1}`}, told: []string{"unmatched matrix again"}},
				{in: []string{`matrix invite r/c2 {"sender":"a","most":1}`}, want: []string{"pbx1 both {}"}},
				{in: []string{`matrix invite r/c3 {"sender":"a","most":2}`}, want: []string{"pbx1 often {}"}},
				{in: []string{`matrix invite r/c4 {"sender":"b","most":1}`}, want: []string{"pbx1 many {}"}},
				{in: []string{`matrix invite r/c5 {"sender":"b","most":1}`}, want: []string{"pbx1 both {}"}}, // limit took the minute's place
				{after: time.Minute, in: []string{"matrix over r/c1", `matrix invite r/c6 {"sender":"a","most":1}`}},
			},
			calls: 1,
		},
		{
			name: "a limit's max may be what the call remembers",
			rules: begin + `
[limit.notes]
key = "call.room"
max = "call.n"
per = "1m"
[[rule]]
name = "note"
on = "matrix note"
limit = "notes"
send = { to = "pbx1", type = "note" }
[[rule]]
name = "enough"
on = "matrix note"
beyond = "notes"
send = { to = "pbx1", type = "enough", body.most = "${ call.n }" }
`,
			plot: []moment{{
				in:   []string{`matrix invite r/c1 {"n":2,"room":"r"}`, "matrix note r/c1", "matrix note r/c1", "matrix note r/c1"},
				want: []string{"pbx1 note {}", "pbx1 note {}", `pbx1 enough {"most":2}`},
			}},
			calls: 1,
		},
		{
			name: "a limit that cannot be evaluated fails its rule",
			rules: `
[limit.byList]
key = "msg.list"
max = 1
per = "1s"
[limit.most]
max = "msg.most"
per = "1s"
[[rule]]
name = "by list"
on = "matrix a"
limit = "byList"
[[rule]]
name = "by number"
on = "matrix b"
limit = "most"
[[rule]]
name = "beyond a number"
on = "matrix c"
beyond = "most"
`,
			plot: []moment{{
				in: []string{`matrix a - {"list":[1]}`, `matrix a - {"list":7}`, `matrix b - {"most":"x"}`, `matrix b - {"most":1}`, `matrix c - {}`},
				told: []string{
					`failed matrix a: rule "by list" (rules.toml:9:1): limit "byList": the key is a list of 1, neither text nor a whole number`,
					"fired matrix a: by list",
					`failed matrix b: rule "by number" (rules.toml:13:1): limit "most": max is "x", not a whole number`,
					"fired matrix b: by number",
					`failed matrix c: rule "beyond a number" (rules.toml:17:1): limit "most": max is nil, not a whole number`,
				},
			}},
		},
	})
}

func TestEngineLimits(t *testing.T) {
	const sends = begin + `
[[rule]]
name = "send"
on = "matrix send"
set = { n = "1" }
send = { to = "pbx1", type = "out", each = "msg.list", body = { callID = "${ item }" } }
[[rule]]
name = "look"
on = "matrix look"
send = { to = "pbx1", type = "is", body = { n = "${ call.n }" } }
`
	runAll(t, []story{
		{
			name:   "no more calls at once than the engine may hold",
			rules:  begin,
			limits: engine.Limits{Calls: 2},
			plot: []moment{{
				in:   []string{"matrix invite r/c1", "matrix invite r/c2", "matrix invite r/c3"},
				told: []string{"fired matrix invite: begin", "fired matrix invite: begin", `failed matrix invite: rule "begin" (rules.toml:2:1): too many calls at once`},
			}},
			calls: 2,
		},
		{
			name:   "no more messages than a rule may send at once",
			rules:  sends,
			limits: engine.Limits{Sends: 2},
			plot: []moment{
				{
					in:   []string{"matrix invite r/c1", `matrix send r/c1 {"list":["a","b","c"]}`, "matrix look r/c1"},
					want: []string{"pbx1 is {}"},
					told: []string{"fired matrix invite: begin", `failed matrix send: rule "send" (rules.toml:8:1): the rule sends too many messages at once`, "fired matrix look: look"},
				},
				{in: []string{`matrix send r/c1 {"list":["a","b"]}`}, want: []string{`pbx1 out {"callID":"a"}`, `pbx1 out {"callID":"b"}`}},
			},
			calls: 1,
		},
		{
			name:   "no more keys than a call may have",
			rules:  sends,
			limits: engine.Limits{Keys: 3},
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix send r/c1 {"list":["a","a","b","a"]}`}, want: []string{
					`pbx1 out {"callID":"a"}`, `pbx1 out {"callID":"a"}`, `pbx1 out {"callID":"b"}`, `pbx1 out {"callID":"a"}`,
				}},
				{in: []string{`matrix send r/c1 {"list":["b","c"]}`}, told: []string{`failed matrix send: rule "send" (rules.toml:8:1): the call has too many keys`}},
			},
			calls: 1,
		},
		{
			name:   "a call that is too old is ended",
			rules:  begin,
			limits: engine.Limits{CallAge: time.Hour},
			plot: []moment{
				{in: []string{"matrix invite r/c1"}},
				{after: time.Hour - 1, in: []string{"matrix invite r/c2"}},
				{after: 1, told: []string{"unmatched engine call.stop", "unmatched engine call.end"}},
			},
			calls: 1,
		},
	})
}

// Callers come and go, and each leaves a window behind: they must not add up.
func TestLimitsForgetWhoIsGone(t *testing.T) {
	w := newWorld(t, `
[limit.rate]
key = "msg.sender"
max = 1
per = "1s"
[[rule]]
name = "note"
on = "matrix note"
limit = "rate"
`, engineLimits)
	for i := range 20_000 {
		w.now = w.now.Add(10 * time.Millisecond)
		w.step(t, fmt.Sprintf(`matrix note - {"sender":%d}`, i))
	}
	if n := w.Windows(); n > 4096 {
		t.Errorf("%d windows are kept of 100 in use", n)
	}
}
