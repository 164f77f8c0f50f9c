package model

import (
	"container/heap"
	"time"
)

// An agenda holds what is still to happen, in the order of time; of things at the
// same time the one that was put down first comes first.
type agenda struct {
	list  occasions
	count int
}

type occasion struct {
	at    time.Time
	order int
	do    func()
}

func (a *agenda) add(at time.Time, do func()) {
	a.count++
	heap.Push(&a.list, occasion{at, a.count, do})
}

// next is when the next thing is due.
func (a *agenda) next() (at time.Time, ok bool) {
	if len(a.list) == 0 {
		return time.Time{}, false
	}
	return a.list[0].at, true
}

func (a *agenda) take() occasion { return heap.Pop(&a.list).(occasion) }

type occasions []occasion

func (l occasions) Len() int { return len(l) }

func (l occasions) Less(i, j int) bool {
	if !l[i].at.Equal(l[j].at) {
		return l[i].at.Before(l[j].at)
	}
	return l[i].order < l[j].order
}

func (l occasions) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *occasions) Push(x any)   { *l = append(*l, x.(occasion)) }

func (l *occasions) Pop() any {
	old := *l
	x := old[len(old)-1]
	*l = old[:len(old)-1]
	return x
}
