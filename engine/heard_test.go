package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What begins a call in a scope, the other calls there hear of once it has been
// dealt with; nobody else does, and it is nothing to them if no rule is for it.
func TestOthersHearOfTheBeginningOfACall(t *testing.T) {
	const rules = `
[index.inRoom]
key = "call.room"
[[rule]]
name = "refuse"
on = "matrix invite"
new = true
when = 'msg.bad == true'
next = "end"
[[rule]]
name = "begin"
on = "matrix invite"
new = true
set = { room = "msg.room" }
next = "talking"
[[rule]]
name = "hear"
on = "matrix invite"
in = "talking"
when = 'len(inRoom[msg.room] ?? []) > 0'
send = { to = "pbx1", type = "heard", body = { call = "${ call.matrix.key }", others = "${ len(inRoom[msg.room]) }" } }
next = "told"
`
	w := newWorld(t, rules, engineLimits)
	for _, tc := range []struct {
		name, in string
		heard    bool // it is of a kind that others hear of
		sent     []string
		told     int
	}{
		{name: "the first in the room", in: `matrix invite r/c1 {"room":"r"}`, heard: true, told: 1},
		{name: "one in another room", in: `matrix invite s/c2 {"room":"s"}`, heard: true, told: 1},
		{name: "one of a kind that nobody hears of", in: `matrix invite q/c3 {"room":"r"}`, told: 1},
		{name: "one that is refused", in: `matrix invite s/c4 {"room":"s","bad":true}`, heard: true, told: 2},
		{name: "the second in the room", in: `matrix invite r/c5 {"room":"r"}`, heard: true, told: 2,
			sent: []string{`pbx1 heard {"call":"c1","others":2}`}},
		{name: "the same again is for its own call", in: `matrix invite s/c2 {"room":"s"}`, heard: true, told: 1},
	} {
		w.told = nil
		m := message(t, tc.in)
		m.Heard = tc.heard
		var sent []string
		for _, a := range w.Step(w.now, m) {
			sent = append(sent, a.To+" "+a.Type+" "+string(a.Body))
		}
		if diff := cmp.Diff(tc.sent, sent); diff != "" || len(w.told) != tc.told {
			t.Errorf("%s: told %q, sent:\n%s", tc.name, w.told, diff)
		}
	}
}
