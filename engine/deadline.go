package engine

import (
	"container/heap"
	"time"
)

type deadlineKind uint8

const (
	timerDue    deadlineKind = iota // a rule's timer
	bufferIdle                      // nothing came for a while
	bufferLate                      // the buffer's time is over
	callTooOld                      // the engine's own bound
	waitingOver                     // messages whose call never began
	endedOver                       // an ended call may be forgotten
	upAgain                         // new rules are told that a transport is up
)

// A deadline is something that happens when its time comes, unless it is
// stopped before.
type deadline struct {
	at    time.Time
	seq   uint64 // of two at the same time the one set first comes first
	kind  deadlineKind
	call  *Call
	slot  int
	key   callKey
	index int // in the heap; -1: not running
}

func (d *deadline) running() bool { return d != nil && d.index >= 0 }

// shortest is the least time after which a rule's timer or buffer speaks, so
// that rules that start them again and again make no step endless.
const shortest = time.Millisecond

func (e *Engine) startIn(d *deadline, in time.Duration) {
	e.deadlines.start(d, e.now.Add(max(in, shortest)))
}

type deadlines struct {
	heap deadlineHeap
	seq  uint64
}

// start sets d to a time, again if it runs.
func (q *deadlines) start(d *deadline, at time.Time) {
	q.seq++
	d.at, d.seq = at, q.seq
	if d.index >= 0 {
		heap.Fix(&q.heap, d.index)
	} else {
		heap.Push(&q.heap, d)
	}
}

func (q *deadlines) stop(d *deadline) {
	if d.running() {
		heap.Remove(&q.heap, d.index)
	}
}

// due takes out the next deadline that is not after now, nil if there is none.
func (q *deadlines) due(now time.Time) *deadline {
	if len(q.heap) == 0 || q.heap[0].at.After(now) {
		return nil
	}
	return heap.Pop(&q.heap).(*deadline)
}

type deadlineHeap []*deadline

func (h deadlineHeap) Len() int { return len(h) }
func (h deadlineHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].seq < h[j].seq
}
func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *deadlineHeap) Push(x any) {
	d := x.(*deadline)
	d.index = len(*h)
	*h = append(*h, d)
}
func (h *deadlineHeap) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	d.index = -1
	return d
}
