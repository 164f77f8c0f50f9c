package matrix

import (
	"context"
	"sync"
)

// A batch is what is delivered together: raw messages in order. done says that
// the engine has seen them.
type batch struct {
	lines [][]byte
	done  func()
}

// An inbox brings the syncer's batches and the senders' replies to the one
// goroutine that delivers: a reply before all batches that come after it. Replies never block their sender: there is at most
// one for each action, so what bounds those bounds these.
type inbox struct {
	batches chan batch

	mu      sync.Mutex
	replies [][]byte
	some    chan struct{} // holds one token while there are replies
}

func newInbox() *inbox {
	return &inbox{batches: make(chan batch), some: make(chan struct{}, 1)}
}

// put adds a reply.
func (in *inbox) put(line []byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.replies = append(in.replies, line)
	select {
	case in.some <- struct{}{}:
	default:
	}
}

// deliver hands a batch over and waits until the engine has seen it. It returns
// false if ctx is done first.
func (in *inbox) deliver(ctx context.Context, lines [][]byte) bool {
	seen := make(chan struct{})
	select {
	case in.batches <- batch{lines, func() { close(seen) }}:
	case <-ctx.Done():
		return false
	}
	<-seen // the batch was taken, so its done is called
	return true
}

// take waits for the next batch; false means that ctx is done.
func (in *inbox) take(ctx context.Context) (batch, bool) {
	if ctx.Err() != nil {
		return batch{}, false
	}
	select {
	case b := <-in.batches:
		b.lines = append(in.rest(), b.lines...)
		return b, true
	case <-in.some:
		return batch{in.rest(), func() {}}, true
	case <-ctx.Done():
		return batch{}, false
	}
}

// rest takes the replies that wait.
func (in *inbox) rest() [][]byte {
	in.mu.Lock()
	defer in.mu.Unlock()
	lines := in.replies
	in.replies = nil
	return lines
}
