package httpjson

import (
	"context"
	"sync"
	"time"

	"vertigo/engine"
)

// queueLimit is how many messages may wait for the server to take them.
const queueLimit = 1024

const (
	queueFull = "too many messages wait for the server to take them"
	stopped   = "Vertigo stops"
)

// A job is one message to be sent, and when it was asked for.
type job struct {
	engine.Action
	since time.Time
}

// An outbox keeps the order of messages within a lane: a call, or, for what
// belongs to none, a key, or all that has none. Each lane with something to send
// has a goroutine of its own, so that none waits for another.
type outbox struct {
	carryOut func(context.Context, job)

	mu     sync.Mutex
	lanes  map[string][]job // a lane is there as long as someone works on it
	size   int
	ctx    context.Context // nil before start
	closed bool
	work   sync.WaitGroup
}

func newOutbox(carryOut func(context.Context, job)) *outbox {
	return &outbox{carryOut: carryOut, lanes: map[string][]job{}}
}

// start lets the outbox send. What was added before then waits for it.
func (o *outbox) start(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ctx = ctx
	for name := range o.lanes {
		o.work.Go(func() { o.empty(name) })
	}
}

// close takes nothing more, and waits until all was carried out.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.work.Wait()
}

// len says how many messages were added and not carried out yet.
func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size
}

// add queues a, and says why that cannot be.
func (o *outbox) add(a engine.Action) (problem string) {
	name := laneOf(a)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return stopped
	case o.size >= queueLimit:
		return queueFull
	}
	lane, busy := o.lanes[name]
	o.lanes[name] = append(lane, job{a, time.Now()})
	o.size++
	if !busy && o.ctx != nil {
		o.work.Go(func() { o.empty(name) })
	}
	return ""
}

func laneOf(a engine.Action) string {
	if a.Call != "" {
		return "call " + string(a.Call)
	}
	return "key " + a.Key
}

// empty carries out what is in a lane, until nothing is.
func (o *outbox) empty(name string) {
	for {
		j, ok := o.next(name)
		if !ok {
			return
		}
		o.carryOut(o.ctx, j)
		o.mu.Lock()
		o.size--
		o.mu.Unlock()
	}
}

func (o *outbox) next(name string) (job, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lane := o.lanes[name]
	if len(lane) == 0 {
		delete(o.lanes, name)
		return job{}, false
	}
	o.lanes[name] = lane[1:]
	return lane[0], true
}
