package verto

import (
	"context"
	"sync"
	"time"

	"vertigo/engine"
)

// inboxFrames is how many frames of the server may wait for the engine; beyond
// it the sockets stop reading, and TCP tells the server to wait.
const inboxFrames = 1024

// An inbox holds what arrived until Run delivers it, in one order for all
// sockets: that of the tap, and of the times that the messages carry.
type inbox struct {
	tap   func(at time.Time, dir, conn string, data []byte)
	slots chan struct{} // one for each waiting frame
	wake  chan struct{} // capacity 1: batches has become non-empty

	mu      sync.Mutex
	batches []batch
}

type batch struct {
	messages []engine.Message
	slot     bool
}

func newInbox(tap func(at time.Time, dir, conn string, data []byte)) *inbox {
	if tap == nil {
		tap = func(time.Time, string, string, []byte) {}
	}
	return &inbox{tap: tap, slots: make(chan struct{}, inboxFrames), wake: make(chan struct{}, 1)}
}

// record taps one raw message that the rules do not see.
func (b *inbox) record(dir, conn string, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tap(time.Now(), dir, conn, data)
}

// frame taps one raw message of the server and takes in what read makes of it.
// It waits while too many wait already, unless ctx is done.
func (b *inbox) frame(ctx context.Context, conn string, data []byte, read func(at time.Time) engine.Message) {
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

// say takes in a message that stands in no capture. It never waits.
func (b *inbox) say(read func(at time.Time) engine.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(batch{messages: []engine.Message{read(time.Now())}})
}

// words taps and takes in, as one batch, messages that the transport makes up.
// It never waits.
func (b *inbox) words(conn string, messages ...engine.Message) {
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

func (b *inbox) put(one batch) {
	b.batches = append(b.batches, one)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take waits for the next batch. It reports false when ctx is done.
func (b *inbox) take(ctx context.Context) ([]engine.Message, bool) {
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

func (b *inbox) next() (batch, bool) {
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
