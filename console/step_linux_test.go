package console

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// BenchmarkStepInTurns compares what BenchmarkStep does: who observes takes turns,
// in any order, and time is that for which the processor was busy, so that what
// else the machine does makes little difference: for the engine's thread, and for
// the whole process, which collects garbage. Nobody has two turns, which tells how
// much of a difference means nothing.
func BenchmarkStepInTurns(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	type contestant struct {
		observed
		turns []turn
	}
	var all []contestant
	for _, o := range observers(b) {
		all = append(all, contestant{observed: o})
	}
	again := all[0]
	again.name = "again"
	all = append(all, again)
	const days = 10
	for b.Loop() {
		for _, i := range rand.Perm(len(all)) {
			runtime.GC() // of what others have made
			began, n := spent(b), 0
			for range days {
				n += all[i].day()
			}
			ended := spent(b)
			all[i].turns = append(all[i].turns, turn{(ended.thread - began.thread) / float64(n), (ended.process - began.process) / float64(n)})
		}
	}
	plain := all[0].turns
	thread, process := func(t turn) float64 { return t.thread }, func(t turn) float64 { return t.process }
	b.ReportMetric(medianOf(plain, thread), "ns/message")
	for _, c := range all[1:] {
		b.ReportMetric(medianOf(c.turns, thread)-medianOf(plain, thread), c.name+"-ns-more")
		b.ReportMetric(100*(medianOf(c.turns, thread)/medianOf(plain, thread)-1), c.name+"-%-more")
		b.ReportMetric(medianOf(c.turns, process)-medianOf(plain, process), c.name+"-ns-more-in-all")
	}
}

// A turn is how long the processor was busy, in nanoseconds a message.
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
