package console

import (
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"vertigo/engine"
)

// BenchmarkStep compares steps of an engine whose observer does nothing (a bridge
// always has one, for its log) with those of one that is recorded, with no page
// open and with one, in turns; and with the same once more, which tells how much of
// a difference means nothing. Time is that of the processor, so that what else the
// machine does makes little difference: of the engine's thread, and of the whole
// process, which collects garbage. The messages are those of the captures, the rules
// those that are shipped.
func BenchmarkStep(b *testing.B) {
	w := newWorld(b, ownRules)
	set := w.recorder.followed().Ruleset
	var list []came
	for _, name := range captures(b) {
		list = append(list, capturedCalls(b, name)...)
	}
	slices.SortStableFunc(list, func(a, b came) int { return a.at.Compare(b.at) })
	const times = 10
	perMessage := func(o engine.Options) (t turn) {
		runtime.GC() // of what others have made
		began := spent(b)
		for range times {
			e := engine.New(set, o)
			for _, one := range list {
				e.Step(one.at, one.message)
			}
			e.Step(list[len(list)-1].at.Add(time.Hour)) // nobody waits any more
		}
		ended := spent(b)
		n := float64(times * len(list))
		return turn{(ended.thread - began.thread) / n, (ended.process - began.process) / n}
	}
	newRecorder := func() *Recorder {
		r := NewRecorder(RecorderOptions{})
		r.SetRules(w.recorder.followed(), w.now)
		return r
	}
	closed, open := newRecorder(), newRecorder()
	_, leave := open.join("")
	defer leave()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	variants := []struct {
		name  string
		o     engine.Options
		turns []turn
	}{
		{name: "plain", o: engine.Options{Observe: func(engine.Trace) {}}},
		{name: "again", o: engine.Options{Observe: func(engine.Trace) {}}},
		{name: "recorded", o: engine.Options{Observe: closed.Observe}},
		{name: "with-page", o: engine.Options{Observe: open.Observe}},
	}
	for i := 0; b.Loop(); i++ {
		for j := range variants { // what comes first changes
			v := &variants[(i+j)%len(variants)]
			v.turns = append(v.turns, perMessage(v.o))
		}
	}
	plain := variants[0].turns
	thread, process := func(t turn) float64 { return t.thread }, func(t turn) float64 { return t.process }
	b.ReportMetric(medianOf(plain, thread), "ns/message")
	for _, v := range variants[1:] {
		b.ReportMetric(medianOf(v.turns, thread)-medianOf(plain, thread), v.name+"-ns-more")
		b.ReportMetric(100*(medianOf(v.turns, thread)/medianOf(plain, thread)-1), v.name+"-%-more")
		b.ReportMetric(medianOf(v.turns, process)-medianOf(plain, process), v.name+"-ns-more-in-all")
	}
}

// A turn is how long the processor was busy, in nanoseconds.
type turn struct{ thread, process float64 }

func medianOf(turns []turn, of func(turn) float64) float64 {
	list := make([]float64, len(turns))
	for i, t := range turns {
		list[i] = of(t)
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// spent is for how long the calling thread and the process have been busy.
func spent(b *testing.B) turn {
	b.Helper()
	const ofThread = 1 // RUSAGE_THREAD, getrusage(2)
	busy := func(who int) float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano() + u.Stime.Nano())
	}
	return turn{busy(ofThread), busy(syscall.RUSAGE_SELF)}
}
