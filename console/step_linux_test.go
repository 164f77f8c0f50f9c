package console

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// BenchmarkStepInTurns compares what BenchmarkStep does, to one percent or better: who
// observes takes turns, in any order, so that what else the machine does makes little
// difference, and garbage is collected before each turn, not within. It tells how much
// longer a message takes in Step, by the clock, and how much longer the process is
// busy, with what is done afterwards too. Nobody has two turns, which tells how much
// of a difference means nothing.
func BenchmarkStepInTurns(b *testing.B) {
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
	for b.Loop() {
		for _, i := range rand.Perm(len(all)) {
			runtime.GC()
			began := busy(b)
			inStep := all[i].day()
			n := float64(len(all[i].list))
			all[i].turns = append(all[i].turns, turn{float64(inStep) / n, (busy(b) - began) / n})
		}
	}
	inStep, process := func(t turn) float64 { return t.inStep }, func(t turn) float64 { return t.process }
	more := func(c contestant, what string, of func(turn) float64) {
		had, has := medianOf(all[0].turns, of), medianOf(c.turns, of)
		b.ReportMetric(has-had, c.name+"-ns-more-"+what)
		b.ReportMetric(100*(has/had-1), c.name+"-%-more-"+what)
	}
	b.ReportMetric(medianOf(all[0].turns, inStep), "ns/message")
	for _, c := range all[1:] {
		more(c, "in-Step", inStep)
		more(c, "in-all", process)
	}
}

// A turn is how long a message took, in nanoseconds: until Step had decided what to
// send, and of the processor in all.
type turn struct{ inStep, process float64 }

func medianOf(turns []turn, of func(turn) float64) float64 {
	list := make([]float64, len(turns))
	for i, t := range turns {
		list[i] = of(t)
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// busy is for how long the process has been, in nanoseconds.
func busy(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}
