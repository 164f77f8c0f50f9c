package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"vertigo/engine"
)

func TestAddresses(t *testing.T) {
	const rules = begin + `
[[rule]]
name = "scoped"
on = "matrix scoped"
send = { to = "matrix", type = "m.call.answer", room = "${ msg.room }", as = "${ msg.as }", state = "${ msg.state }", body.call_id = "k1" }
[[rule]]
name = "unscoped"
on = "matrix unscoped"
send = { to = "matrix", type = "room.direct", room = "${ msg.room }", as = "${ msg.as }", body.call_id = "k2" }
[[rule]]
name = "found"
on = "matrix found"
send = { to = "pbx1", type = "found" }
`
	for _, tc := range []struct {
		name, in, fault string
		address         map[string]string
		key, scope      string
	}{
		{name: "those that are nil are left out", in: `matrix scoped r/c1 {"room":"a"}`, address: map[string]string{"room": "a"}, key: "k1", scope: "a"},
		{name: "those that are empty are not", in: `matrix scoped r/c1 {"room":"a","as":"@b:c","state":""}`,
			address: map[string]string{"room": "a", "as": "@b:c", "state": ""}, key: "k1", scope: "a"},
		{name: "the scope must be there", in: `matrix scoped r/c1`, fault: `room is nil, not text`},
		{name: "and not be empty", in: `matrix scoped r/c1 {"room":""}`, fault: `room is "", not text`},
		{name: "any must be text", in: `matrix scoped r/c1 {"room":"a","as":7}`, fault: `as is 7, not text`},
		{name: "a type without a scope needs none", in: `matrix unscoped r/c1 {"as":"@b:c"}`, address: map[string]string{"as": "@b:c"}, key: "k2"},
		{name: "nor one that is not empty", in: `matrix unscoped r/c1 {"room":""}`, address: map[string]string{"room": ""}, key: "k2"},
		{name: "and may have one all the same", in: `matrix unscoped r/c1 {"room":"a"}`, address: map[string]string{"room": "a"}, key: "k2", scope: "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, rules, engineLimits)
			w.step(t, "matrix invite r/c1")
			w.told = nil
			out := w.Step(w.now, message(t, tc.in))
			if tc.fault != "" {
				if len(out) != 0 || !strings.HasSuffix(w.told[0], "): "+tc.fault) {
					t.Errorf("%v, told %q", out, w.told)
				}
				return
			}
			if len(out) != 1 {
				t.Fatalf("told %q", w.told)
			}
			if diff := cmp.Diff(tc.address, out[0].Address); diff != "" || out[0].Key != tc.key || out[0].Scope != tc.scope {
				t.Errorf("key %q, scope %q, address:\n%s", out[0].Key, out[0].Scope, diff)
			}
			// The key is tied to the call within its scope, and without one not at all.
			keys := []engine.CallKey{{Transport: "matrix", Scope: "r", Key: "c1"}}
			if tc.scope != "" {
				keys = append(keys, engine.CallKey{Transport: "matrix", Scope: tc.scope, Key: tc.key})
			}
			if diff := cmp.Diff(keys, w.Calls()[0].Keys); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const replies = begin + `
[[rule]]
name = "dial"
on = "matrix dial"
send = { to = "matrix", type = "room.direct", as = "@tel_1:hs", body = { user = "@a:hs", call_id = "k${ call.n }" } }
[[rule]]
name = "the room is there"
on = "matrix room.direct.ok"
send = { to = "pbx1", type = "room", body = { n = "${ call.n }", key = "${ call.matrix.key }" } }
[[rule]]
name = "in the room"
on = ["matrix m.room.member", "matrix m.call.answer"]
send = { to = "pbx1", type = "heard", body = { n = "${ call.n }", x = "${ msg.x }" } }
[[rule]]
name = "over"
on = "matrix over"
next = "end"
`

// reply makes the message that answers something sent for a call.
func reply(t *testing.T, call engine.CallID, text string) engine.Message {
	m := message(t, text)
	m.Call = call
	return m
}

func TestTheKeyOfAReplyIsTiedToItsCall(t *testing.T) {
	w := newWorld(t, replies, engine.Limits{Keys: 3})
	step := func(want []string, told []string, batch ...engine.Message) {
		t.Helper()
		w.told = nil
		got := show(w.Step(w.now, batch...))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("actions:\n%s", diff)
		}
		if diff := cmp.Diff(told, w.told); told != nil && diff != "" {
			t.Errorf("told:\n%s", diff)
		}
	}
	w.step(t, `matrix invite r/c1 {"n":1}`, `matrix invite r/c2 {"n":2}`)
	one, two := w.Calls()[0].ID, w.Calls()[1].ID
	if got := w.step(t, "matrix dial r/c1"); len(got) != 1 || len(w.Calls()[0].Keys) != 1 {
		t.Fatalf("%q; a message without a room tied a key: %+v", got, w.Calls()[0])
	}
	// Before the room is known, its messages are for nobody, and those for the call
	// wait.
	step(nil, []string{"unmatched matrix m.room.member", "waiting matrix m.call.answer"},
		message(t, "matrix m.room.member !a/-"), message(t, `matrix m.call.answer !a/k1 {"x":1}`))
	step([]string{`pbx1 room {"n":1,"key":"k1"}`, `pbx1 heard {"n":1,"x":1}`, `pbx1 heard {"n":1,"x":2}`}, nil,
		reply(t, one, `matrix room.direct.ok !a/k1`), message(t, `matrix m.room.member !a/- {"x":2}`))
	// What another call has stays with it, and the message is none the worse.
	step([]string{`pbx1 room {"n":2,"key":"c2"}`, `pbx1 heard {"n":1,"x":3}`}, nil,
		reply(t, two, `matrix room.direct.ok !a/k1`), message(t, `matrix m.call.answer !a/k1 {"x":3}`))
	// A reply without the scope of its key names no call.
	step([]string{`pbx1 room {"n":2,"key":"c2"}`}, nil, reply(t, two, `matrix room.direct.ok k7`))
	if n := len(w.Calls()[1].Keys); n != 1 {
		t.Errorf("%d keys", n)
	}
	// No more keys than a call may have.
	step([]string{`pbx1 room {"n":1,"key":"k1"}`, `pbx1 room {"n":1,"key":"k1"}`, `pbx1 heard {"n":1}`}, nil,
		reply(t, one, `matrix room.direct.ok !b/k1`), reply(t, one, `matrix room.direct.ok !c/k1`),
		message(t, "matrix m.room.member !c/-"), message(t, "matrix m.room.member !b/-"))
	// A call that has ended gets none, and what comes for it begins nothing.
	w.step(t, "matrix over r/c1")
	step(nil, []string{"late matrix room.direct.ok", "late matrix m.call.answer", "unmatched matrix m.room.member"},
		reply(t, one, `matrix room.direct.ok !d/k1`), message(t, "matrix m.call.answer !b/k1"), message(t, "matrix m.room.member !b/-"))
	// And what it had is free for the next.
	step([]string{`pbx1 room {"n":2,"key":"k1"}`, `pbx1 heard {"n":2,"x":4}`}, nil,
		reply(t, two, `matrix room.direct.ok !a/k1`), message(t, `matrix m.room.member !a/- {"x":4}`))
	w.step(t, "matrix over r/c2")
	if n := w.Scopes(); n != 0 {
		t.Errorf("%d scopes are kept of no call", n)
	}
}

// A message about a scope reaches the calls in it, each once, in the order in
// which they began, as a look at every call would find them.
func TestAMessageAboutAScopeReachesItsCalls(t *testing.T) {
	const rules = `
[[rule]]
name = "begin"
on = ["matrix invite", "pbx1 invite"]
new = true
[[rule]]
name = "reach"
on = "matrix reach"
send = { to = "matrix", type = "note", room = "${ msg.room }", body = { call_id = "${ msg.key }" } }
[[rule]]
name = "heard"
on = ["matrix m.room.member", "matrix transport.up"]
send = { to = "pbx1", type = "heard", body.id = "${ call.id }" }
[[rule]]
name = "over"
on = ["matrix over", "matrix m.room.gone"]
when = "msg.all == nil || call.id in msg.all"
next = "end"
`
	r := rand.New(rand.NewPCG(5, 5))
	w := newWorld(t, rules, engineLimits)
	heard := func(lines []string) (ids []string) {
		for _, line := range lines {
			ids = append(ids, gjson.Get(strings.TrimPrefix(line, "pbx1 heard "), "id").String())
		}
		return ids
	}
	began := 0
	for range 3000 {
		room := fmt.Sprintf("!%d", r.IntN(7))
		calls := w.Calls()
		var in, all []string
		for _, c := range calls {
			all = append(all, string(c.ID))
			if slices.ContainsFunc(c.Keys, func(k engine.CallKey) bool { return k.Transport == "matrix" && k.Scope == room }) {
				in = append(in, string(c.ID))
			}
		}
		switch n := r.IntN(10); {
		case n < 3 && len(calls) < 30:
			began++
			w.step(t, fmt.Sprintf("matrix invite %s/c%d", room, began))
		case n < 6 && len(calls) > 0: // one more room, or the same again
			k := calls[r.IntN(len(calls))].Keys[0]
			w.step(t, fmt.Sprintf(`matrix reach %s/%s {"room":"%s","key":"x%s"}`, k.Scope, k.Key, room, k.Key))
		case n < 7 && len(calls) > 0:
			k := calls[r.IntN(len(calls))].Keys[0]
			w.step(t, fmt.Sprintf("matrix over %s/%s", k.Scope, k.Key))
		case n == 7: // a message that ends some of the calls that it reaches
			half := []string{}
			for i, id := range in {
				if i%2 == 0 {
					half = append(half, strconv.Quote(id))
				}
			}
			w.step(t, fmt.Sprintf(`matrix m.room.gone %s/- {"all":[%s]}`, room, strings.Join(half, ",")))
			if n := len(w.Calls()); n != len(calls)-len(half) {
				t.Fatalf("%d calls of %d are left, without %d", n, len(calls), len(half))
			}
		case n == 8:
			if diff := cmp.Diff(all, heard(w.step(t, "matrix transport.up -"))); diff != "" {
				t.Fatal(diff)
			}
		default:
			if diff := cmp.Diff(in, heard(w.step(t, fmt.Sprintf("matrix m.room.member %s/-", room)))); diff != "" {
				t.Fatal(diff)
			}
		}
	}
	if began < 100 {
		t.Errorf("only %d calls began", began)
	}
	w.Stop(w.now, "shutdown")
	if n := w.Scopes(); n != 0 {
		t.Errorf("%d scopes are kept of no call", n)
	}
}

// BenchmarkScope is a message about a room in which one of many calls is.
func BenchmarkScope(b *testing.B) {
	for _, calls := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("%d calls", calls), func(b *testing.B) {
			e := engine.New(load(b, replies), engine.Options{})
			for i := range calls {
				e.Step(t0, message(b, fmt.Sprintf("matrix invite !%d/c", i)))
			}
			m := message(b, "matrix m.room.member !0/-")
			b.ReportAllocs()
			for b.Loop() {
				if len(e.Step(t0, m)) != 1 {
					b.Fatal("the call was not reached")
				}
			}
		})
	}
}
