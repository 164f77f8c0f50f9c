package matrix

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

const (
	outboxLimit = 4096 // sends that wait, in all lanes
	laneLimit   = 512  // and in one
)

// A job is one action and when it was asked for.
type job struct {
	engine.Action
	since time.Time
	after <-chan struct{} // closed when what must come first was carried out; nil for nothing
	done  chan struct{}   // closed when this was; nil if nothing may wait for it
}

// An outbox keeps the order of actions within a lane: a room, or, for what names
// none, one of our users with one other. Each lane with something to send has a
// goroutine of its own, so that none waits for another; but a user comes into a
// room after what was to be done about the user itself, since the room shows the
// name that it has then.
type outbox struct {
	carryOut func(context.Context, job)

	mu     sync.Mutex
	lanes  map[string][]job         // a lane is there as long as someone works on it
	users  map[string]chan struct{} // done of the last job about each user
	size   int
	busy   int             // taken from their lanes and being carried out
	ctx    context.Context // nil before start
	closed bool
	empty  chan struct{} // closed when the outbox is closed and has run empty
}

func newOutbox(carryOut func(context.Context, job)) *outbox {
	return &outbox{carryOut: carryOut, lanes: make(map[string][]job), users: make(map[string]chan struct{}), empty: make(chan struct{})}
}

// start lets the outbox send. What was added before then waits for it.
func (o *outbox) start(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ctx = ctx
	for name := range o.lanes {
		go o.work(name)
	}
}

// add queues a; the error says why that cannot be.
func (o *outbox) add(a engine.Action) error {
	name := laneOf(a)
	o.mu.Lock()
	defer o.mu.Unlock()
	lane, busy := o.lanes[name]
	switch {
	case a.Address["room"] == "" && Protocol.NeedsScope(a.Type):
		return errors.New("no room to send to")
	case a.ID == "":
		return errors.New("no transaction id to send with")
	case o.closed:
		return engine.ErrNotConnected
	case len(lane) >= laneLimit || o.size >= outboxLimit:
		return errors.New("too many events wait to be sent")
	}
	j := job{Action: a, since: time.Now()}
	switch a.Type {
	case UserRegister, UserProfile:
		j.done = make(chan struct{})
		o.users[a.Address["as"]] = j.done
	case RoomDirect, RoomCreate, RoomJoin:
		j.after = o.users[a.Address["as"]]
	}
	o.lanes[name] = append(lane, j)
	o.size++
	if !busy && o.ctx != nil {
		go o.work(name)
	}
	return nil
}

// laneOf names the lane of an action.
func laneOf(a engine.Action) string {
	if room := a.Address["room"]; room != "" {
		return room
	}
	return a.Address["as"] + " " + gjson.GetBytes(a.Body, "user").String()
}

// work carries out what waits in a lane, in order, until nothing does.
func (o *outbox) work(name string) {
	for {
		o.mu.Lock()
		lane := o.lanes[name]
		if len(lane) == 0 {
			delete(o.lanes, name)
			o.checkEmpty()
			o.mu.Unlock()
			return
		}
		next := lane[0]
		o.lanes[name] = lane[1:]
		o.size--
		o.busy++
		o.mu.Unlock()
		if next.after != nil {
			select {
			case <-next.after:
			case <-o.ctx.Done():
			}
		}
		o.carryOut(o.ctx, next)
		o.passed(next)
	}
}

// passed notes that j was carried out, and lets go what waited for it.
func (o *outbox) passed(j job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.busy--
	if j.done == nil {
		return
	}
	close(j.done)
	if as := j.Address["as"]; o.users[as] == j.done {
		delete(o.users, as)
	}
}

// waiting is how many actions are not carried out yet.
func (o *outbox) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size + o.busy
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
