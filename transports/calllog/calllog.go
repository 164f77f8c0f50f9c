// Package calllog keeps records of calls: the body of each action that is sent
// to it becomes a line of an NDJSON file.
//
// It is addressed like a transport, but nobody is at the other end: it says
// nothing, and no message of it ever reaches the rules. What stands in a record
// it does not know; the rules say that.
package calllog

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"vertigo/engine"
)

// Name is what rules call the log: there is one, and it is always there.
const Name = "calllog"

// Protocol is how records are addressed: not at all.
var Protocol = engine.Protocol{Kind: "calllog"}

// Off in the place of a file means that no records are kept.
const Off = "off"

// A Config is what the table [calllog] says.
type Config struct {
	File string `toml:"file"` // where the lines are appended; STATE/calls.ndjson
}

// Options are what the program gives the log, beside its configuration.
type Options struct {
	Log *slog.Logger // nil: nothing is logged

	// Tap, if not nil, is called with each record that was written, one call at a
	// time, in order. Tap must not call the log.
	Tap func(at time.Time, dir, conn string, data []byte)
}

// queueLimit is how many records may wait to be written.
const queueLimit = 1024

var errQueueFull = errors.New("too many records wait to be written")

// A Log appends records to a file. The file is opened for each of them, so that
// it can be moved away at any time.
type Log struct {
	file  string // "": none
	log   *slog.Logger
	tap   func(at time.Time, dir, conn string, data []byte)
	queue chan engine.Action
	over  chan struct{} // closed when Run returns

	mu   sync.Mutex
	lost int // records that were not written, since one was
}

// New returns a log that [Log.Run] writes. name is what captures call it, and
// what its lines in the program's own log are marked with. In cfg.File stands
// the path, no default.
func New(name string, cfg Config, opts Options) *Log {
	l := &Log{
		file:  cfg.File,
		log:   opts.Log,
		tap:   opts.Tap,
		queue: make(chan engine.Action, queueLimit),
		over:  make(chan struct{}),
	}
	if l.file == Off {
		l.file = ""
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.log = l.log.With("transport", name, "file", l.file)
	return l
}

// Send takes one action for writing and returns at once. Any goroutine may call
// it. What finds more than enough waiting is lost, counted and told of.
func (l *Log) Send(a engine.Action) {
	if l.file == "" {
		return
	}
	select {
	case l.queue <- a:
	default:
		l.lose(errQueueFull)
	}
}

// Run writes what was sent, in order, until ctx is done, and then the rest of
// it. It never calls deliver, and the error is always nil. It is called once.
func (l *Log) Run(ctx context.Context, _ func([]engine.Message)) error {
	defer close(l.over)
	for {
		select {
		case a := <-l.queue:
			l.write(a)
		case <-ctx.Done():
			l.drain()
			return nil
		}
	}
}

// Close waits for [Log.Run] to return and writes what was sent since: others
// have their last word after a log was told to stop. Nothing may be sent any
// more when it is called.
func (l *Log) Close() {
	<-l.over
	l.drain()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost > 0 {
		l.log.Error("call log ends incomplete", "lost", l.lost)
	}
}

func (l *Log) drain() {
	for {
		select {
		case a := <-l.queue:
			l.write(a)
		default:
			return
		}
	}
}

func (l *Log) write(a engine.Action) {
	if err := appendRecord(l.file, a.Body); err != nil {
		l.lose(err)
		return
	}
	l.written()
	if l.tap != nil {
		l.tap(time.Now(), "out", "", frame(a))
	}
}

// lose counts a record that is not written, and says so of the first.
func (l *Log) lose(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == 0 {
		l.log.Error("call log is not complete", "err", err)
	}
	l.lost++
}

// written says how many records were lost, once they are written again and no
// more of them are likely to be lost.
func (l *Log) written() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost > 0 && len(l.queue) == 0 {
		l.log.Info("call log goes on", "lost", l.lost)
		l.lost = 0
	}
}
