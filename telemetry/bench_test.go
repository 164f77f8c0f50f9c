package telemetry_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"vertigo/engine"
)

// benchCalls is how many calls are begun and ended in a turn.
const benchCalls = 500

func benchMessages() []engine.Message {
	var list []engine.Message
	for i := range benchCalls {
		for _, typ := range []string{"m.call.invite", "m.call.hangup"} {
			body := fmt.Sprintf(`{"type":%q,"room_id":"!r:example.org","sender":"@anna:example.org","content":{"call_id":"call%d","party_id":"A","version":"1"}}`, typ, i)
			list = append(list, engine.Message{Transport: "matrix", Type: typ, Key: fmt.Sprint("call", i), Scope: "!r:example.org", At: t0, Body: json.RawMessage(body)})
		}
	}
	return list
}

// BenchmarkStep compares steps of an engine whose observer does nothing (a bridge
// always has one, for its log) with those of one that is counted, in turns, so
// that what else the machine does strikes both: the median of many turns. Messages
// are small and rules few: it is the most that counting can weigh. Without a
// console nothing is counted.
func BenchmarkStep(b *testing.B) {
	set := load(b, storyRules).Ruleset
	list := benchMessages()
	plain := func() time.Duration {
		e := engine.New(set, engine.Options{Observe: func(engine.Trace) {}})
		began := time.Now()
		for i := range list {
			e.Step(t0, list[i])
		}
		return time.Since(began)
	}
	counted := func() time.Duration {
		m := newMetrics(func() bool { return true })
		m.SetRules(set, "", t0)
		e := engine.New(set, engine.Options{Observe: m.Observe})
		began := time.Now()
		for i := range list {
			at := time.Now()
			actions := e.Step(t0, list[i])
			m.Stepped(time.Since(at))
			for _, a := range actions {
				m.Sent(a)
			}
		}
		return time.Since(began)
	}
	var ratios, extra []float64
	for b.Loop() {
		without, with := plain(), counted()
		ratios = append(ratios, with.Seconds()/without.Seconds())
		extra = append(extra, float64((with-without).Nanoseconds())/float64(len(list)))
	}
	b.ReportMetric(median(ratios), "times-uncounted")
	b.ReportMetric(median(extra), "more-ns/message")
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
