package main

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// A tally counts things by name. The zero value is empty; any goroutine may use
// it. Names come from peers, so there is a limit to them: what is too long or
// one too many counts as other.
type tally struct {
	mu     sync.Mutex
	counts map[string]int64
}

const (
	maxNames    = 64 // and other
	longestName = 64
	otherNames  = "other"
)

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int64{}
	}
	if _, known := t.counts[name]; !known && (len(t.counts) >= maxNames || len(name) > longestName) {
		name = otherNames
	}
	t.counts[name]++
}

// LogValue gives the counts in the order of their names.
func (t *tally) LogValue() slog.Value {
	t.mu.Lock()
	defer t.mu.Unlock()
	var counts []slog.Attr
	for _, name := range slices.Sorted(maps.Keys(t.counts)) {
		counts = append(counts, slog.Int64(name, t.counts[name]))
	}
	return slog.GroupValue(counts...)
}
