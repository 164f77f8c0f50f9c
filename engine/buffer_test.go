package engine_test

import (
	"strings"
	"testing"
	"time"

	"vertigo/engine"
)

// candidates are rules that collect what messages bring; the buffer's settings
// are to be added.
const candidates = begin + `
[[rule]]
name = "push"
on = "matrix push"
push.list = "msg.items"
[[rule]]
name = "over"
on = "matrix over"
next = "end"
[[rule]]
name = "said"
on = "engine buffer.list"
send = { to = "pbx1", type = "list", body = { why = "${ msg.reason }", items = "${ msg.items }" } }
[buffer.list]
`

func TestBuffers(t *testing.T) {
	runAll(t, []story{
		{
			name:  "a buffer that is complete speaks after the whole batch, with all that came, in order",
			rules: candidates + `complete = '"end" in items'`,
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix push r/c1 {"items":[1,2]}`, `matrix push r/c1 {"items":"three"}`, `matrix push r/c1 {"items":[]}`}},
				{
					in:   []string{`matrix push r/c1 {"items":["end",{"a": 1.50}]}`, `matrix push r/c1 {"items":[9007199254740993]}`},
					want: []string{`pbx1 list {"why":"complete","items":[1,2,"three","end",{"a": 1.50},9007199254740993]}`},
				},
				{in: []string{`matrix push r/c1 {"items":[1]}`}}, // it begins anew
				{in: []string{`matrix push r/c1 {"items":["end"]}`}, want: []string{`pbx1 list {"why":"complete","items":[1,"end"]}`}},
			},
			calls: 1,
		},
		{
			name:  "completeness is asked at the first push too, of nothing as well",
			rules: candidates + `complete = "len(items) == 0"`,
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix push r/c1 {"items":[]}`}, want: []string{`pbx1 list {"why":"complete","items":[]}`}},
			},
			calls: 1,
		},
		{
			name:  "an idle buffer speaks when nothing came for a while",
			rules: candidates + `idle = "500ms"`,
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix push r/c1 {"items":[1]}`}},
				{after: 400 * time.Millisecond, in: []string{`matrix push r/c1 {"items":[2]}`}},
				{after: 400 * time.Millisecond},
				{after: 100 * time.Millisecond, want: []string{`pbx1 list {"why":"idle","items":[1,2]}`}},
				{after: time.Hour},
			},
			calls: 1,
		},
		{
			name:  "a late buffer speaks, however busy it is",
			rules: candidates + "idle = '500ms'\ntimeout = '1s'",
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix push r/c1 {"items":[1]}`}},
				{after: 400 * time.Millisecond, in: []string{`matrix push r/c1 {"items":[2]}`}},
				{after: 400 * time.Millisecond, in: []string{`matrix push r/c1 {"items":[3]}`}},
				{after: 200 * time.Millisecond, want: []string{`pbx1 list {"why":"timeout","items":[1,2,3]}`}},
				{after: time.Hour},
			},
			calls: 1,
		},
		{
			name:  "the times of a buffer can be computed; one that comes to nil is none",
			rules: candidates + "idle = '${ call.n }'\ntimeout = '${ call.room }'",
			plot: []moment{
				{in: []string{`matrix invite r/c1 {"room":"2s"}`, `matrix push r/c1 {"items":[1]}`}},
				{after: 2 * time.Second, want: []string{`pbx1 list {"why":"timeout","items":[1]}`}},
				{in: []string{`matrix invite r/c2 {"n":"1s"}`, `matrix push r/c2 {"items":[2]}`}},
				{after: time.Second, want: []string{`pbx1 list {"why":"idle","items":[2]}`}},
			},
			calls: 2,
		},
		{
			name:  "a full buffer speaks",
			rules: candidates + "limit = 3",
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix push r/c1 {"items":[1,2]}`}},
				{in: []string{`matrix push r/c1 {"items":[3]}`}, want: []string{`pbx1 list {"why":"limit","items":[1,2,3]}`}},
				{in: []string{`matrix push r/c1 {"items":[4]}`}},
			},
			calls: 1,
		},
		{
			name:  "what a full buffer has no room for is told",
			rules: candidates + "limit = 3",
			plot: []moment{
				{
					in:   []string{"matrix invite r/c1", `matrix push r/c1 {"items":[1,2,3,4,5]}`},
					want: []string{`pbx1 list {"why":"limit","items":[1,2,3]}`},
					told: []string{
						"fired matrix invite: begin",
						`failed matrix push: rule "push" (rules.toml:8:1): buffer "list" is full: 2 more items than it holds are left out`,
						"fired matrix push: push",
						"fired engine buffer.list: said",
					},
				},
			},
			calls: 1,
		},
		{
			name:   "a buffer holds no more bytes than it may",
			rules:  candidates,
			limits: engine.Limits{BufferBytes: 10},
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix push r/c1 {"items":["12345678"]}`}},
				{in: []string{`matrix push r/c1 {"items":["9"]}`}, want: []string{`pbx1 list {"why":"limit","items":["12345678"]}`}},
			},
			calls: 1,
		},
		{
			name:  "a call that ends takes its buffers along",
			rules: candidates + "complete = 'true'\nidle = '1s'",
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix push r/c1 {"items":[1]}`, "matrix over r/c1"}},
				{after: time.Hour},
			},
		},
		{
			name: "an item that has no JSON form fails the rule that pushes it",
			rules: candidates + `
[[rule]]
name = "push a time"
on = "matrix time"
set = { n = "1" }
push.list = "now"
[[rule]]
name = "look"
on = "matrix look"
send = { to = "pbx1", type = "is", body = { n = "${ call.n }" } }
`,
			plot: []moment{
				{
					in:   []string{"matrix invite r/c1", "matrix time r/c1", "matrix look r/c1"},
					want: []string{"pbx1 is {}"},
					told: []string{
						"fired matrix invite: begin",
						`failed matrix time: rule "push a time" (rules.toml:22:1): buffer "list": a time.Time has no JSON form; make it text or a number first`,
						"fired matrix look: look",
					},
				},
			},
			calls: 1,
		},
		{
			name: "an invite and its hangup that come together never dial",
			rules: begin + `
[buffer.list]
complete = "true"
[[rule]]
name = "begin, with candidates"
on = "matrix dial"
new = true
push.list = "msg.items"
timer.ring = "1s"
[[rule]]
name = "dial"
on = ["engine buffer.list", "engine timer.ring"]
send = { to = "pbx1", type = "dial" }
[[rule]]
name = "hang up"
on = "matrix hangup"
next = "end"
[[rule]]
name = "ended"
on = "engine call.end"
send = { to = "matrix", type = "ended", room = "r" }
`,
			plot: []moment{
				{in: []string{`matrix dial r/c1 {"items":[1]}`, "matrix hangup r/c1"}, want: []string{"matrix ended r {}"}},
				{after: time.Minute},
				{in: []string{"matrix hangup r/c2", `matrix dial r/c2 {"items":[1]}`}, want: []string{"matrix ended r {}"}},
				{in: []string{`matrix dial r/c3 {"items":[1]}`}, want: []string{"pbx1 dial {}"}},
				{in: []string{"matrix hangup r/c3"}, want: []string{"matrix ended r {}"}},
			},
		},
		{
			name: "a buffer that later pushes made incomplete again speaks once",
			rules: begin + `
[[rule]]
name = "push"
on = "matrix push"
push.list = "msg.items"
[[rule]]
name = "said"
on = "engine buffer.list"
send = { to = "pbx1", type = "list", body = { items = "${ msg.items }" } }
[buffer.list]
complete = "len(items) == 1"
idle = "1s"
timeout = "2s"
`,
			plot: []moment{
				{in: []string{"matrix invite r/c1", `matrix push r/c1 {"items":1}`, `matrix push r/c1 {"items":2}`}, want: []string{`pbx1 list {"items":[1,2]}`}},
				{after: time.Hour},
			},
			calls: 1,
		},
	})
}

func TestABufferMaySayMoreThanAMessageMayHold(t *testing.T) {
	item := `"` + strings.Repeat("x", 40) + `"`
	story{
		rules:  candidates + "complete = 'len(items) == 4'",
		limits: engine.Limits{MessageBytes: 100},
		plot: []moment{
			{in: []string{"matrix invite r/c1", `matrix push r/c1 {"items":[` + item + `]}`, `matrix push r/c1 {"items":[` + item + `]}`, `matrix push r/c1 {"items":[` + item + `]}`}},
			{
				in:   []string{`matrix push r/c1 {"items":[` + item + `]}`},
				want: []string{`pbx1 list {"why":"complete","items":[` + item + "," + item + "," + item + "," + item + `]}`},
			},
		},
		calls: 1,
	}.run(t)
}
