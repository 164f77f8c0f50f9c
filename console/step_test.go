package console

import (
	"slices"
	"testing"
	"time"

	"vertigo/engine"
)

// BenchmarkStep is what a message of the captures takes an engine that follows the
// shipped rules, by who observes it: nobody who does anything (a bridge always has
// an observer, for its log), a recorder that no page asks, and one that a page asks
// four times a second, where 200 messages come in one. It is told twice: until Step
// has decided what to send, which is what a call waits for, and with all that the
// recorder does afterwards.
func BenchmarkStep(b *testing.B) {
	for _, v := range observers(b) {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			n, inStep := 0, time.Duration(0)
			for b.Loop() {
				inStep += v.day()
				n += len(v.list)
			}
			b.ReportMetric(float64(inStep.Nanoseconds())/float64(n), "ns-in-Step/message")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/message")
		})
	}
}

// An observed is an engine with an observer.
type observed struct {
	name     string
	list     []came // of all captures
	options  engine.Options
	set      *engine.Ruleset
	recorder *Recorder // nil: there is none
	asks     func()    // as a page does; nil: nobody asks
}

// day steps a new engine through all messages, and returns how long it has stepped.
func (o *observed) day() (inStep time.Duration) {
	e := engine.New(o.set, o.options)
	step := func(at time.Time, batch ...engine.Message) {
		began := time.Now()
		e.Step(at, batch...)
		inStep += time.Since(began)
		if o.recorder != nil {
			o.recorder.Stepped(e)
		}
	}
	for i, one := range o.list {
		step(one.at, one.message)
		if o.asks != nil && i%50 == 0 {
			o.asks()
		}
	}
	step(o.list[len(o.list)-1].at.Add(time.Hour)) // nobody waits any more
	return inStep
}

func observers(b *testing.B) []observed {
	w := newWorld(b, ownRules)
	var list []came
	for _, name := range captures(b) {
		list = append(list, capturedCalls(b, name)...)
	}
	slices.SortStableFunc(list, func(a, b came) int { return a.at.Compare(b.at) })
	nobody := observed{name: "plain", list: list, set: w.recorder.followed().Ruleset, options: engine.Options{Observe: func(engine.Trace) {}}}
	recorded := func(name string) (observed, *Recorder) {
		r := NewRecorder(RecorderOptions{})
		r.SetRules(w.recorder.followed(), w.now)
		o := nobody
		o.name, o.recorder, o.options.Observe = name, r, r.Observe
		return o, r
	}
	closed, _ := recorded("recorded")
	asked, r := recorded("with-page")
	page, leave := r.join("")
	b.Cleanup(leave)
	asked.asks = func() { r.take(page, true) }
	return []observed{nobody, closed, asked}
}
