package main

import (
	"log/slog"
	"sync"

	"vertigo/capture"
)

// A recorder writes a capture to a directory that it opens when the first line
// comes. What it cannot write is reported once, until it can again. Any
// goroutine may use it; lines stand in the order in which write was called.
type recorder struct {
	path string
	opts capture.DirOptions
	log  *slog.Logger

	mu     sync.Mutex
	dir    *capture.Dir
	broken bool
	lost   int
}

// open makes sure that the directory can be written to.
func (r *recorder) open() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened()
}

func (r *recorder) opened() error {
	if r.dir != nil {
		return nil
	}
	dir, err := capture.OpenDir(r.path, r.opts)
	if err == nil {
		r.dir = dir
	}
	return err
}

func (r *recorder) write(l capture.Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.opened()
	if err == nil {
		err = r.dir.Write(l)
	}
	switch {
	case err != nil && !r.broken:
		r.log.Error("capture is not complete", "dir", r.path, "err", err)
	case err == nil && r.broken:
		r.log.Info("capture goes on", "dir", r.path, "lost", r.lost)
		r.lost = 0
	}
	if r.broken = err != nil; r.broken {
		r.lost++
	}
}

func (r *recorder) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dir == nil {
		return
	}
	if err := r.dir.Close(); err != nil {
		r.log.Error("capture not closed", "dir", r.path, "err", err)
	}
}
