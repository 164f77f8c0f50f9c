package matrix

import (
	"context"
	"log/slog"
	"sync"
)

// A feed delivers the batches that wait in the store, in order, and strikes each
// out when the engine has seen it.
type feed struct {
	store *store
	inbox *inbox
	log   *slog.Logger
	some  chan struct{} // holds one token when there may be a batch

	mu        sync.Mutex
	delivered uint64              // the last batch that the engine has seen
	after     map[uint64][][]byte // replies that must not come before a batch
}

func newFeed(s *store, in *inbox, log *slog.Logger) *feed {
	return &feed{store: s, inbox: in, log: log, some: make(chan struct{}, 1), after: make(map[uint64][][]byte)}
}

// wake says that there is a further batch.
func (f *feed) wake() {
	select {
	case f.some <- struct{}{}:
	default:
	}
}

// run delivers until ctx is done.
func (f *feed) run(ctx context.Context) {
	for ctx.Err() == nil {
		n, lines, err := f.store.pending(f.delivered)
		if err != nil {
			f.log.Error("state cannot be read: events wait", "err", err)
		}
		if n == 0 {
			select {
			case <-f.some:
			case <-ctx.Done():
			}
			continue
		}
		if !f.inbox.deliver(ctx, append(lines, f.take(n)...)) {
			return
		}
		if err := f.store.done(n); err != nil {
			f.log.Error("state not saved: after a restart, events would be seen again", "err", err)
		}
		f.passed(n)
	}
}

// putAfter adds a reply that is to come with batch n or after it.
func (f *feed) putAfter(n uint64, line []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n <= f.delivered {
		f.inbox.put(line)
		return
	}
	f.after[n] = append(f.after[n], line)
}

func (f *feed) take(n uint64) [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := f.after[n]
	delete(f.after, n)
	return lines
}

// passed notes that the engine has seen batch n, and lets go what came meanwhile.
func (f *feed) passed(n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delivered = n
	for _, line := range f.after[n] {
		f.inbox.put(line)
	}
	delete(f.after, n)
}

// rest gives the replies that wait for a batch, when there will be none.
func (f *feed) rest() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines [][]byte
	for n, some := range f.after {
		lines = append(lines, some...)
		delete(f.after, n)
	}
	return lines
}
