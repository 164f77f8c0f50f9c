package matrix

import (
	"context"
	"errors"
	"sync"
	"time"

	"vertigo/engine"
)

const (
	outboxLimit = 4096 // sends that wait, in all rooms
	laneLimit   = 512  // and in one
)

// A job is one action and when it was asked for.
type job struct {
	engine.Action
	since time.Time
}

// An outbox keeps the order of actions within a room. Each room with something
// to send has a goroutine of its own, so that no room waits for another.
type outbox struct {
	carryOut func(context.Context, job)

	mu     sync.Mutex
	lanes  map[string][]job // by room; a lane is there as long as someone works on it
	size   int
	ctx    context.Context // nil before start
	closed bool
	empty  chan struct{} // closed when the outbox is closed and has run empty
}

func newOutbox(carryOut func(context.Context, job)) *outbox {
	return &outbox{carryOut: carryOut, lanes: make(map[string][]job), empty: make(chan struct{})}
}

// start lets the outbox send. What was added before then waits for it.
func (o *outbox) start(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ctx = ctx
	for room := range o.lanes {
		go o.work(room)
	}
}

// add queues a; the error says why that cannot be.
func (o *outbox) add(a engine.Action) error {
	room := a.Address["room"]
	o.mu.Lock()
	defer o.mu.Unlock()
	lane, busy := o.lanes[room]
	switch {
	case room == "":
		return errors.New("no room to send to")
	case a.ID == "":
		return errors.New("no transaction id to send with")
	case o.closed:
		return engine.ErrNotConnected
	case len(lane) >= laneLimit || o.size >= outboxLimit:
		return errors.New("too many events wait to be sent")
	}
	o.lanes[room] = append(lane, job{a, time.Now()})
	o.size++
	if !busy && o.ctx != nil {
		go o.work(room)
	}
	return nil
}

// work carries out what waits for room, in order, until nothing does.
func (o *outbox) work(room string) {
	for {
		o.mu.Lock()
		lane := o.lanes[room]
		if len(lane) == 0 {
			delete(o.lanes, room)
			o.checkEmpty()
			o.mu.Unlock()
			return
		}
		next := lane[0]
		o.lanes[room] = lane[1:]
		o.size--
		o.mu.Unlock()
		o.carryOut(o.ctx, next)
	}
}

// close refuses what is added from now on. The channel it returns is closed
// when all the rest was carried out. It is called once, after start.
func (o *outbox) close() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.checkEmpty()
	return o.empty
}

func (o *outbox) checkEmpty() {
	if o.closed && len(o.lanes) == 0 {
		close(o.empty)
	}
}
