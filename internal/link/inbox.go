package link

import (
	"context"
	"sync"
	"time"

	"vertigo/engine"
)

// InboxFrames is how many frames of the peer may wait for the engine; beyond it
// the connections stop reading, and TCP tells the peer to wait.
const InboxFrames = 1024

// A Tap is given every raw message, one call at a time, in order.
type Tap func(at time.Time, dir, conn string, data []byte)

// An Inbox holds what arrived until it is delivered, in one order for all
// connections: that of the tap, and of the times that the messages carry. Any
// goroutine may use it.
type Inbox struct {
	tap   Tap
	slots chan struct{} // one for each waiting frame
	wake  chan struct{} // capacity 1: batches has become non-empty

	mu      sync.Mutex
	batches []batch
}

type batch struct {
	messages []engine.Message
	slot     bool
}

// NewInbox returns an empty inbox. tap may be nil.
func NewInbox(tap Tap) *Inbox {
	if tap == nil {
		tap = func(time.Time, string, string, []byte) {}
	}
	return &Inbox{tap: tap, slots: make(chan struct{}, InboxFrames), wake: make(chan struct{}, 1)}
}

// Record taps one raw message that the rules do not see.
func (b *Inbox) Record(dir, conn string, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tap(time.Now(), dir, conn, data)
}

// Frame taps one raw message of the peer and takes in what read makes of it.
// It waits while too many wait already, unless ctx is done.
func (b *Inbox) Frame(ctx context.Context, conn string, data []byte, read func(at time.Time) engine.Message) {
	slot := true
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		slot = false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	at := time.Now()
	b.tap(at, "in", conn, data)
	b.put(batch{[]engine.Message{read(at)}, slot})
}

// Say takes in a message that stands in no capture. It never waits.
func (b *Inbox) Say(read func(at time.Time) engine.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(batch{messages: []engine.Message{read(time.Now())}})
}

// Words taps and takes in, as one batch, messages that the transport makes up.
// It never waits.
func (b *Inbox) Words(conn string, messages ...engine.Message) {
	if len(messages) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	at := time.Now()
	for i := range messages {
		messages[i].At = at
		b.tap(at, "in", conn, messages[i].Body)
	}
	b.put(batch{messages: messages})
}

func (b *Inbox) put(one batch) {
	b.batches = append(b.batches, one)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Take waits for the next batch. It reports false when ctx is done.
func (b *Inbox) Take(ctx context.Context) ([]engine.Message, bool) {
	for ctx.Err() == nil {
		if one, ok := b.next(); ok {
			if one.slot {
				<-b.slots
			}
			return one.messages, true
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
		}
	}
	return nil, false
}

func (b *Inbox) next() (batch, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.batches) == 0 {
		b.batches = nil
		return batch{}, false
	}
	one := b.batches[0]
	b.batches[0] = batch{}
	b.batches = b.batches[1:]
	return one, true
}
