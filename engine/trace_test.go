package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

const tracedRules = `
[[rule]]
name = "begins"
on   = "matrix m.call.invite"
new  = true
next = "up"
set.user = 'msg.sender'

[[rule]]
name = "heard"
on   = "matrix m.call.candidates"
also = true

[[rule]]
name = "heard twice"
on   = "matrix m.call.candidates"

[[rule]]
name = "ends"
on   = "matrix m.call.hangup"
next = "end"
`

// A trace says the how manyth of its call it is, whether its message has waited, and,
// for the time that its call is under way, what is known of that.
func TestTraces(t *testing.T) {
	var got []string
	var one engine.CallID
	var e *engine.Engine
	e = engine.New(load(t, tracedRules+gatewayRules), engine.Options{Observe: func(tr engine.Trace) {
		if one == "" {
			one = tr.Call
		}
		got = append(got, fmt.Sprintf("%s %s %d waited:%v lives:%v %q", tr.Outcome, tr.Message.Type, tr.Nth, tr.Waited, e.Lives(one), tr.Told("user")))
	}})
	invite := func(key string) engine.Message {
		return message(t, "matrix m.call.invite !r/"+key+` {"sender":"anna"}`)
	}
	candidates := func(key string) engine.Message { return message(t, "matrix m.call.candidates !r/"+key) }
	hangup := message(t, "matrix m.call.hangup !r/one")
	e.Step(t0, candidates("one"), candidates("three"))
	e.Step(t0, invite("one"))
	e.Step(t0, candidates("one"))
	e.Step(t0, message(t, "matrix m.room.topic !r/-"))
	e.Step(t0, hangup)
	e.Step(t0, hangup)
	e.Step(t0, invite("two"))
	e.Step(t0.Add(time.Hour)) // three waits no longer
	want := []string{
		`waiting m.call.candidates 0 waited:false lives:false ""`,
		`waiting m.call.candidates 0 waited:false lives:false ""`,
		`fired m.call.invite 1 waited:false lives:true "anna"`,
		`fired m.call.candidates 2 waited:true lives:true "anna"`,
		`fired m.call.candidates 3 waited:true lives:true "anna"`,
		`fired m.call.candidates 4 waited:false lives:true "anna"`,
		`fired m.call.candidates 5 waited:false lives:true "anna"`,
		`unmatched m.room.topic 0 waited:false lives:true ""`,
		`fired m.call.hangup 6 waited:false lives:false ""`,
		`unmatched call.end 7 waited:false lives:false ""`,
		`late m.call.hangup 8 waited:false lives:false ""`,
		`fired m.call.invite 1 waited:false lives:false "anna"`,
		`unmatched m.call.candidates 0 waited:true lives:false ""`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A trace says when its message was given to the engine: what has waited came before
// the message that it waited for, and by the rules of then. What is told of a transport
// again, to rules that have just been set, is given then.
func TestGiven(t *testing.T) {
	first, second := load(t, tracedRules+gatewayRules), load(t, tracedRules)
	name := map[*engine.Ruleset]string{first: "first", second: "second"}
	var got []string
	e := engine.New(first, engine.Options{Observe: func(tr engine.Trace) {
		if tr.Message.Transport != "engine" {
			g := tr.Given()
			got = append(got, fmt.Sprint(tr.Message.Type, " ", tr.Message.Key, " ", g.Nth, " ", g.Step, " ", g.At.Sub(t0), " ", name[g.Rules]))
		}
	}})
	candidates, other := message(t, "matrix m.call.candidates !r/one"), message(t, "matrix m.call.candidates !r/two")
	e.Step(t0, candidates, other)
	e.SetRules(second)
	e.Step(t0.Add(time.Second), message(t, `matrix m.call.invite !r/one {"sender":"anna"}`), message(t, "matrix m.call.hangup !r/one"))
	e.Step(t0.Add(time.Hour)) // the other waits no longer
	e.Step(t0.Add(time.Hour), other)
	up := message(t, "gw transport.up -")
	e.Step(t0.Add(time.Hour), up)
	e.SetRules(first)
	e.Step(t0.Add(2 * time.Hour))
	want := []string{
		"m.call.candidates one 1 1 0s first", "m.call.candidates two 2 1 0s first",
		"m.call.invite one 3 2 1s second",
		"m.call.candidates one 1 1 0s first", "m.call.candidates one 1 1 0s first",
		"m.call.hangup one 4 2 1s second",
		"m.call.candidates two 2 1 0s first",
		"m.call.candidates two 5 4 1h0m0s second",
		"transport.up  6 5 1h0m0s second", "transport.up  7 6 1h0m0s first",
		"m.call.candidates two 5 4 1h0m0s second",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Connections are counted and under way as calls are.
func TestTracesOfConnections(t *testing.T) {
	var got []string
	var e *engine.Engine
	e = engine.New(load(t, gatewayRules), engine.Options{Observe: func(tr engine.Trace) {
		got = append(got, fmt.Sprint(tr.Message.Type, " ", tr.Nth, " ", e.Lives(tr.Call)))
	}})
	for _, text := range []string{"gw transport.up -", created, "gw media -", "gw expired -"} {
		e.Step(t0, message(t, text))
	}
	if diff := cmp.Diff([]string{"transport.up 1 true", "created 2 true", "media 3 true", "expired 4 false"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
