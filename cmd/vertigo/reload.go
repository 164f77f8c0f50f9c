package main

import (
	"context"
	"maps"
	"os"
	"time"
)

// A stamp is what tells that a file has changed. The zero value is that of a
// file that is not there.
type stamp struct {
	size    int64
	changed time.Time
}

func stampOf(name string) stamp {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

// seen gives the stamps of the files as they were loaded.
func (l *ruleLoader) seen() map[string]stamp {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stamps
}

// watchInterval is how often files are looked at. A file system's own
// notifications would be sooner, but not on every file system.
const watchInterval = time.Second

// watch calls reload when a file has changed, and then not until one has
// changed again, whether its rules could be used or not. A file must have been
// left alone for an interval: it may be half written.
func (l *ruleLoader) watch(ctx context.Context, reload func()) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	var before map[string]stamp
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		loaded := l.seen()
		now := make(map[string]stamp, len(loaded))
		for name := range loaded {
			now[name] = stampOf(name)
		}
		if !maps.Equal(now, loaded) && maps.Equal(now, before) {
			reload()
		}
		before = now
	}
}
