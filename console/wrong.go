package console

import (
	"log/slog"
	"sync"
	"time"
)

// wrongEvery is how often the log tells at most that somebody brings wrong
// passwords.
const wrongEvery = time.Minute

// A wrongLog tells of wrong passwords and tokens: of the first one at once, and of
// those that follow when a minute is over.
type wrongLog struct {
	log *slog.Logger

	mu    sync.Mutex
	count int // that were not told of
	from  string
	timer *time.Timer // nil: nothing was told within the last minute
}

// add notes one that came from an address.
func (w *wrongLog) add(from string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	w.from = from
	if w.timer == nil {
		w.tell()
	}
}

func (w *wrongLog) minuteOver() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = nil
	if w.count > 0 {
		w.tell()
	}
}

// tell is of the caller who holds mu.
func (w *wrongLog) tell() {
	w.log.Warn("wrong password or token for the console", "count", w.count, "last_from", w.from)
	w.count = 0
	w.timer = time.AfterFunc(wrongEvery, w.minuteOver)
}

// close tells what was not told of yet. Nothing is told afterwards.
func (w *wrongLog) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.count > 0 {
		w.tell()
		w.timer.Stop()
	}
}
