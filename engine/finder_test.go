package engine_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

const roomCalls = `
[index.roomCalls]
key = 'call.room'
[index.both]
key = '[call.room, call.user]'
[index.inState]
key = 'call.state + (call.verto.key ?? "")'
[[rule]]
name = "begin"
on = "matrix invite"
new = true
set = { n = "msg.n", room = "msg.room", user = "msg.user" }
[[rule]]
name = "change"
on = "matrix change"
set = { room = "msg.room", user = "msg.user ?? call.user" }
next = '${ msg.next ?? call.state }'
[[rule]]
name = "key"
on = "matrix key"
send = { to = "pbx2", type = "verto.invite", body.callID = "${ msg.key }" }
[[rule]]
name = "over"
on = "matrix over"
next = "end"
[[rule]]
name = "others of the room"
on = ["matrix others", "engine call.end"]
let = { others = "roomCalls[msg.room ?? call.room]" }
send = { to = "pbx1", type = "others", body.n = "${ map(others ?? [], .n) }" }
[[rule]]
name = "others, for no call as well"
on = "matrix all"
send = { to = "pbx1", type = "all", body.n = "${ map(roomCalls[msg.room] ?? [], .n) }" }
[[rule]]
name = "found"
on = "matrix found"
let = { found = "roomCalls[msg.room]?.[0]" }
when = "found != nil && both[msg.room] != nil"
send = { to = "pbx1", type = "found", body = { n = "${ found.n }", id = "${ found.id == found.uuid }", state = "${ found.state }", age = "${ milliseconds(now - found.begun) }", verto = "${ found.verto.key }", pbx2 = "${ found.pbx2.key }", matrix = "${ found.matrix.key }", last = "${ both[msg.room][-1].n }" } }
[[rule]]
name = "by state"
on = "matrix by-state"
send = { to = "pbx1", type = "inState", body.n = "${ map(inState[msg.state] ?? [], .n) }" }
`

func TestCallsAreFoundByWhatRulesKnowOfThem(t *testing.T) {
	runAll(t, []story{
		{
			name:  "as they begin, change and end",
			rules: roomCalls,
			plot: []moment{
				{in: []string{`matrix all - {"room":"a"}`}, want: []string{`pbx1 all {"n":[]}`}},
				{in: []string{`matrix invite r/1 {"n":1,"room":"a","user":"anna"}`, `matrix invite r/2 {"n":2,"room":"b"}`, `matrix invite r/3 {"n":3,"room":"a"}`}},
				{in: []string{`matrix all - {"room":"a"}`, `matrix all - {}`}, want: []string{`pbx1 all {"n":[1,3]}`, `pbx1 all {"n":[]}`}},
				{in: []string{`matrix others r/1 {}`}, want: []string{`pbx1 others {"n":[3]}`}}, // never itself
				{
					in:   []string{`matrix change r/2 {"room":"a","user":"anna","next":"talking"}`, `matrix key r/1 {"key":"k1"}`},
					want: []string{`pbx2 verto.invite {"callID":"k1"}`},
				},
				{ // the oldest first, whoever came there first
					in:   []string{`matrix all - {"room":"a"}`, `matrix found - {"room":"a"}`},
					want: []string{`pbx1 all {"n":[1,2,3]}`, `pbx1 found {"n":1,"id":true,"state":"begun","age":0,"verto":"k1","pbx2":"k1","matrix":"1","last":3}`},
				},
				{
					after: time.Second,
					in:    []string{`matrix by-state - {"state":"talking"}`, `matrix by-state - {"state":"begun"}`, `matrix by-state - {"state":"begunk1"}`, `matrix change r/1 {"room":"c"}`, `matrix found - {"room":"c"}`},
					want:  []string{`pbx1 inState {"n":[2]}`, `pbx1 inState {"n":[3]}`, `pbx1 inState {"n":[1]}`, `pbx1 found {"n":1,"id":true,"state":"begun","age":1000,"verto":"k1","pbx2":"k1","matrix":"1","last":1}`},
				},
				{in: []string{`matrix change r/1 {"room":"a"}`, `matrix over r/1`, `matrix all - {"room":"a"}`}, want: []string{`pbx1 all {"n":[2,3]}`, `pbx1 others {"n":[2,3]}`}},
				{in: []string{`matrix found - {"room":"nobody's"}`}, told: []string{"unmatched matrix found"}},
			},
			calls: 2,
		},
		{
			name:  "a key that fails costs a call nothing else",
			rules: strings.Replace(roomCalls, "key = 'call.room'", "key = 'call.room == 7 ? call.room + call.user : call.room'", 1),
			plot: []moment{
				{
					in:   []string{`matrix invite r/1 {"n":1,"room":["a","b","b",null]}`, `matrix invite r/2 {"n":2,"room":{"a":1}}`, `matrix all - {"room":"a"}`, `matrix all - {"room":"b"}`},
					want: []string{`pbx1 all {"n":[1]}`, `pbx1 all {"n":[1]}`},
					told: []string{
						`failed matrix invite: rule "begin" (rules.toml:8:1): index "both": the key is a list of 2, neither text nor a list of texts`,
						"fired matrix invite: begin",
						`failed matrix invite: rule "begin" (rules.toml:8:1): index "roomCalls": the key is a table of 1, neither text nor a list of texts`,
						`failed matrix invite: rule "begin" (rules.toml:8:1): index "both": the key is a list of 2, neither text nor a list of texts`,
						"fired matrix invite: begin",
						"fired matrix all: others, for no call as well", "fired matrix all: others, for no call as well",
					},
				},
				{
					in:   []string{`matrix change r/1 {"room":["a",1],"user":"anna"}`, `matrix all - {"room":"a"}`},
					want: []string{`pbx1 all {"n":[]}`},
				},
				{
					in: []string{`matrix change r/1 {"room":7,"user":"anna"}`, `matrix change r/1 {"room":"a"}`, `matrix all - {"room":"a"}`},
					told: []string{
						`failed matrix change: rule "change" (rules.toml:13:1): index "roomCalls": rules.toml:3:35: 7 + "anna": these cannot be put together so`,
						`failed matrix change: rule "change" (rules.toml:13:1): index "both": the key is a list of 2, neither text nor a list of texts`,
						"fired matrix change: change", "fired matrix change: change", "fired matrix all: others, for no call as well",
					},
					want: []string{`pbx1 all {"n":[1]}`},
				},
			},
			calls: 2,
		},
		{
			name:   "no more keys than a call may have",
			rules:  roomCalls,
			limits: engine.Limits{Keys: 3},
			plot: []moment{
				{in: []string{`matrix invite r/1 {"n":1,"room":["a","b","c","c"]}`, `matrix all - {"room":"c"}`}, want: []string{`pbx1 all {"n":[1]}`}},
				{
					in:   []string{`matrix change r/1 {"room":["a","b","c","d"]}`, `matrix all - {"room":"a"}`},
					want: []string{`pbx1 all {"n":[]}`},
					told: []string{
						`failed matrix change: rule "change" (rules.toml:13:1): index "roomCalls": the key has more texts than the limit of 3`,
						`failed matrix change: rule "change" (rules.toml:13:1): index "both": the key is a list of 2, neither text nor a list of texts`,
						"fired matrix change: change", "fired matrix all: others, for no call as well",
					},
				},
			},
			calls: 1,
		},
		{
			name:  "a call that does not begin, or ends as it begins, is not found",
			rules: strings.Replace(roomCalls, "next = '${ msg.next", "next = '${ msg.nothing.at[0] ?? msg.next", 1) + "[[rule]]\nname = \"at once\"\non = \"matrix once\"\nnew = true\nset.room = \"msg.room\"\nnext = \"end\"\n",
			plot: []moment{
				{in: []string{`matrix once r/1 {"room":"a"}`, `matrix all - {"room":"a"}`}, want: []string{`pbx1 all {"n":[]}`, `pbx1 others {"n":[]}`}},
				{in: []string{`matrix invite r/2 {"n":2,"room":"a"}`}},
				{ // what is undone is no change
					in:   []string{`matrix change r/2 {"room":"b"}`, `matrix all - {"room":"a"}`, `matrix all - {"room":"b"}`},
					want: []string{`pbx1 all {"n":[2]}`, `pbx1 all {"n":[]}`},
				},
			},
			calls: 1,
		},
		{
			name: "rules with also see what the ones before them changed",
			rules: roomCalls + `
[[rule]]
name = "one"
on = "matrix two"
set = { room = "msg.room" }
also = true
[[rule]]
name = "two"
on = "matrix two"
send = { to = "pbx1", type = "two", body.n = "${ map(roomCalls[call.room] ?? [], .n) }" }
`,
			plot: []moment{
				{in: []string{`matrix invite r/1 {"n":1,"room":"a"}`, `matrix invite r/2 {"n":2,"room":"b"}`, `matrix two r/2 {"room":"a"}`}, want: []string{`pbx1 two {"n":[1]}`}},
			},
			calls: 2,
		},
		{
			name: "who keeps a call that was found keeps what it was",
			rules: roomCalls + `
[[rule]]
name = "keep"
on = "matrix keep"
set = { kept = "roomCalls[msg.room]?.[0]" }
[[rule]]
name = "kept"
on = "matrix kept"
send = { to = "pbx1", type = "kept", body = { then = "${ call.kept.room }", now = "${ roomCalls[msg.room][0].room }" } }
`,
			plot: []moment{
				{
					in:   []string{`matrix invite r/1 {"n":1,"room":"a"}`, `matrix invite r/2 {"n":2,"room":"x"}`, `matrix keep r/2 {"room":"a"}`, `matrix change r/1 {"room":"b"}`, `matrix kept r/2 {"room":"b"}`},
					want: []string{`pbx1 kept {"then":"a","now":"b"}`},
				},
			},
			calls: 2,
		},
		{
			name: "a look-up by what is no text fails the rule",
			rules: roomCalls + `
[[rule]]
name = "wrong"
on = "matrix wrong"
when = 'roomCalls[msg.room] == nil && upper(roomCalls[msg.room][0].state) != ""'
`,
			plot: []moment{
				{in: []string{`matrix wrong - {"room":7}`}, told: []string{`failed matrix wrong: rule "wrong" (rules.toml:46:1): rules.toml:49:18: calls are found by text, not by 7`}},
			},
		},
	})
}

// A key that a reply brings is one of the call's.
func TestCallsAreFoundByKeysOfReplies(t *testing.T) {
	w := newWorld(t, replies+"[index.byKey]\nkey = 'call.matrix.key'\n[[rule]]\nname = \"who\"\non = \"matrix who\"\nsend = { to = \"pbx1\", type = \"who\", body.n = \"${ map(byKey[msg.key] ?? [], .n) }\" }\n", engine.Limits{})
	w.step(t, `matrix invite r/c1 {"n":1}`)
	w.Step(w.now, reply(t, w.Calls()[0].ID, `matrix room.direct.ok !a/k1`))
	if diff := cmp.Diff([]string{`pbx1 who {"n":[]}`, `pbx1 who {"n":[1]}`}, w.step(t, `matrix who - {"key":"c1"}`, `matrix who - {"key":"k1"}`)); diff != "" {
		t.Error(diff)
	}
}

// otherRoomCalls say the same in another order, with another index and without
// one of the variables.
const otherRoomCalls = `
[index.inState]
key = 'call.state'
[index.roomCalls]
key = '[call.extra, call.room]'
[[rule]]
name = "begin"
on = "matrix invite"
new = true
set = { extra = "msg.user", room = "msg.room", n = "msg.n" }
[[rule]]
name = "change"
on = "matrix change"
set = { room = "msg.room" }
next = '${ msg.next ?? call.state }'
[[rule]]
name = "over"
on = "matrix over"
next = "end"
[[rule]]
name = "others, for no call as well"
on = "matrix all"
send = { to = "pbx1", type = "all", body.n = "${ map(roomCalls[msg.room] ?? [], [.n, .extra]) }" }
`

func TestCallsAreFoundAcrossReloads(t *testing.T) {
	w := newWorld(t, roomCalls, engine.Limits{})
	see := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, w.step(t, `matrix all - {"room":"a"}`)); diff != "" {
			t.Error(diff)
		}
	}
	w.step(t, `matrix invite r/1 {"n":1,"room":"a"}`)
	w.SetRules(load(t, otherRoomCalls))
	w.step(t, `matrix invite r/2 {"n":2,"room":"b","user":"a"}`)
	see(`pbx1 all {"n":[[1,null],[2,"a"]]}`)
	w.step(t, `matrix change r/1 {"room":"b"}`)
	see(`pbx1 all {"n":[[2,"a"]]}`)
	w.SetRules(load(t, roomCalls))
	w.step(t, `matrix change r/1 {"room":"a"}`, `matrix invite r/3 {"n":3,"room":"a"}`)
	see(`pbx1 all {"n":[1,2,3]}`)
	if diff := cmp.Diff([]string{`pbx1 others {"n":[2,3]}`}, w.step(t, `matrix others r/1 {"room":"a"}`)); diff != "" {
		t.Error(diff)
	}
}

// Whatever happens, the indexes find what a scan of all calls finds, and rules
// see it in the order in which the calls began.
func TestIndexesEqualAScan(t *testing.T) {
	sets := []*engine.Ruleset{load(t, roomCalls), load(t, otherRoomCalls)}
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		e := engine.New(sets[0], engine.Options{Limits: engine.Limits{CallAge: time.Minute, Keys: 5}})
		now, most := t0, 0
		rooms := []string{`"a"`, `"b"`, `""`, `null`, `["a","b"]`, `["b",null,"b"]`, `7`, `["a",7]`, `{"a":1}`, `["1","2","3","4","5","6"]`}
		var begun []string // the rooms of calls by number, in which they are surely
		for range 400 {
			now = now.Add(time.Duration(r.IntN(500)) * time.Millisecond)
			room, key := rooms[r.IntN(len(rooms))], fmt.Sprintf("r/%d", r.IntN(30))
			text := ""
			switch r.IntN(10) {
			case 0:
				e.SetRules(sets[r.IntN(2)])
				continue
			case 1, 2, 3:
				text = fmt.Sprintf(`matrix invite r/%d {"n":%d,"room":%s,"user":"x"}`, len(begun), len(begun), room)
				begun = append(begun, room)
			case 4, 5, 6:
				text = fmt.Sprintf(`matrix change %s {"room":%s,"next":%q}`, key, room, []string{"one", "two"}[r.IntN(2)])
			case 7:
				text = fmt.Sprintf(`matrix key %s {"key":"k%d"}`, key, r.IntN(20))
			case 8:
				text = "matrix over " + key
			case 9:
				text = fmt.Sprintf("matrix nothing %s", key)
			}
			e.Step(now, message(t, text))
			if fault := e.IndexFault(); fault != "" {
				t.Fatalf("seed %d, %s: %s", seed, text, fault)
			}
			out := e.Step(now, message(t, `matrix all - {"room":"a"}`))
			var seen struct{ N []any }
			if err := json.Unmarshal(out[0].Body, &seen); err != nil {
				t.Fatal(err)
			}
			var numbers []float64
			for _, n := range seen.N {
				if pair, ok := n.([]any); ok {
					n = pair[0]
				}
				numbers = append(numbers, n.(float64))
			}
			if !slices.IsSorted(numbers) {
				t.Fatalf("seed %d, %s: found in the order %v", seed, text, numbers)
			}
			most = max(most, len(numbers))
		}
		if most < 3 {
			t.Errorf("seed %d: never more than %d calls were found", seed, most)
		}
		e.Step(now.Add(time.Hour))
		if fault := e.IndexFault(); fault != "" || len(e.Calls()) > 0 {
			t.Errorf("seed %d: %s", seed, fault)
		}
	}
}

// What a condition found is shown by what it looked up.
func TestExplainShowsWhatWasFound(t *testing.T) {
	rs := loadParts(t, roomCalls+"[[rule]]\nname = \"busy\"\non = \"matrix busy\"\nwhen = 'roomCalls[msg.room] == nil || !any(roomCalls[msg.room], .n == 2)'\n")
	list := explained(t, rs, `matrix invite r/1 {"n":1,"room":"a"}`, `matrix invite r/2 {"n":2,"room":"a"}`, `matrix busy - {"room":"a"}`)
	c := list[2].Candidates[0]
	var seen []string
	for _, v := range c.Values {
		seen = append(seen, v.Name+" = "+engine.Show(v.Value))
	}
	if diff := cmp.Diff([]string{"roomCalls[msg.room] = a list of 2", `msg.room = "a"`}, seen); diff != "" || c.Verdict != engine.IsFalse {
		t.Errorf("%s, and the values:\n%s", c.Verdict, diff)
	}
}
