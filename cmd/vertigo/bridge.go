package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"vertigo/capture"
	"vertigo/console"
	"vertigo/engine"
	"vertigo/rules"
	"vertigo/telemetry"
	"vertigo/tracing"
	"vertigo/wire"
)

// A Transport is one peer, as far as the bridge needs to know it.
type Transport interface {
	// Run stays connected and calls deliver with each batch of messages, in
	// order, until ctx is done; then it sends what it was given before, within a
	// bounded time. deliver returns when the engine has seen the batch. Run
	// returns only an error that retrying will not cure.
	Run(ctx context.Context, deliver func([]engine.Message)) error
	// Send takes one action for sending and returns at once. Any goroutine may
	// call it.
	Send(a engine.Action)
}

// A formatted transport speaks what the rules declare. Any goroutine may call
// Follow.
type formatted interface{ Follow(wire.Format) }

// drainTime is how long transports have to say goodbye.
const drainTime = 3 * time.Second

// BridgeOptions are what a bridge works with.
type BridgeOptions struct {
	// Load compiles the rules anew; the set is nil if they cannot be used.
	Load func() (*rules.Set, rules.Findings)
	Log  *slog.Logger
	// Findings is where those of a reload are printed, as check prints them.
	Findings io.Writer
	// Limits bound what peers can make the engine hold.
	Limits engine.Limits
	// DeadLetter, if not nil, is given each message that failed, as a line of a
	// capture. It must not block for long: the engine waits for it.
	DeadLetter func(capture.Line)
	// DryRun, if not nil, is given each action in place of the transports.
	DryRun func(engine.Action)
	// Metrics, if not nil, count what the engine does.
	Metrics *telemetry.Metrics
	// Tracer, if not nil, makes traces of what the engine does. Whoever made it
	// closes it, when Run has returned.
	Tracer *tracing.Tracer
	// Recorder, if not nil, keeps what the engine does. With it, or with Metrics,
	// Files gives the texts of the last Load.
	Recorder *console.Recorder
	Files    func() []console.File
	// Watch, if not nil, is told of each step by the engine's goroutine, which
	// waits for it.
	Watch func(engine.Trace)
}

// A Bridge lets the engine act on what transports deliver, and hands them what
// it sends. The engine belongs to the goroutine of [Bridge.Run]; others send to
// it.
type Bridge struct {
	transports map[string]Transport
	opts       BridgeOptions
	log        *slog.Logger
	engine     *engine.Engine
	story      *story

	batches chan delivery
	newSets chan loadedRules
	asks    chan struct{}
	over    chan struct{} // closed when Run returns

	reloading sync.Mutex
	counts    counters
}

// loadedRules are rules to follow, with their texts and what tells these from
// others, where somebody asks.
type loadedRules struct {
	*rules.Set
	hash  string
	files []console.File
}

func (b *Bridge) loaded(set *rules.Set) loadedRules {
	l := loadedRules{Set: set}
	if b.opts.Metrics != nil || b.opts.Recorder != nil {
		l.files = b.opts.Files()
		l.hash = hashOf(l.files)
	}
	return l
}

type delivery struct {
	messages []engine.Message
	seen     chan<- struct{}
}

// NewBridge returns a bridge between transports, by name, that follows set.
func NewBridge(transports map[string]Transport, set *rules.Set, o BridgeOptions) *Bridge {
	b := &Bridge{
		transports: transports,
		opts:       o,
		log:        o.Log,
		batches:    make(chan delivery),
		newSets:    make(chan loadedRules),
		asks:       make(chan struct{}),
		over:       make(chan struct{}),
	}
	b.story = &story{log: o.Log, counts: &b.counts, deadLetter: o.DeadLetter}
	b.describe(b.loaded(set))
	b.engine = engine.New(set.Ruleset, engine.Options{Limits: o.Limits, Observe: b.observe()})
	return b
}

// observe gives what tells all who want to know of what the engine does.
func (b *Bridge) observe() func(engine.Trace) {
	var list []func(engine.Trace)
	if b.opts.Metrics != nil {
		list = append(list, b.opts.Metrics.Observe)
	}
	list = append(list, b.story.observe)
	if b.opts.Tracer != nil {
		list = append(list, b.opts.Tracer.Observe)
	}
	if b.opts.Recorder != nil {
		list = append(list, b.opts.Recorder.Observe)
	}
	if b.opts.Watch != nil {
		list = append(list, b.opts.Watch)
	}
	return func(t engine.Trace) {
		for _, tell := range list {
			tell(t)
		}
	}
}

// Run bridges until ctx is done or a transport gives up. Then the rules end the
// calls under way, and the transports have a bounded time to say so to their
// peers. The error is that of a transport that gave up. Run is called once.
func (b *Bridge) Run(ctx context.Context) error {
	defer close(b.over)
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	defer disconnect()
	ends := make(chan transportEnd, len(b.transports))
	for _, name := range slices.Sorted(maps.Keys(b.transports)) {
		go func() { ends <- transportEnd{name, b.transports[name].Run(connected, b.deliver)} }()
	}

	due := time.NewTimer(time.Hour)
	defer due.Stop()
	stopping, stopped := ctx.Done(), false
	stop := func() {
		stopping, stopped = nil, true
		b.endCalls()
		disconnect()
	}
	var late <-chan time.Time
	var gaveUp error
	for left := len(b.transports); left > 0; {
		b.setTimer(due)
		select {
		case d := <-b.batches:
			b.step(timeOf(d.messages), d.messages...)
			if stopped {
				b.endCalls() // one that has just begun
			}
			d.seen <- struct{}{}
		case loaded := <-b.newSets:
			b.follow(loaded)
		case <-b.asks:
		case <-due.C:
			b.step(time.Now())
		case <-stopping:
			b.log.Info("stopping", "calls", len(b.engine.Calls()))
			stop()
			late = time.After(drainTime)
		case end := <-ends:
			left--
			if !stopped {
				gaveUp = errors.Join(gaveUp, end.err())
				stop()
				late = time.After(drainTime)
			}
		case <-late:
			b.log.Warn("gave up waiting for transports to say goodbye", "transports", left, "waited", drainTime)
			return gaveUp
		}
	}
	return gaveUp
}

// A transportEnd is a transport whose Run has returned.
type transportEnd struct {
	name  string
	cause error
}

func (e transportEnd) err() error {
	if e.cause == nil {
		return fmt.Errorf("transport %s stopped by itself", e.name)
	}
	return fmt.Errorf("transport %s: %w", e.name, e.cause)
}

// deliver waits until the engine has seen the batch, or the bridge is over.
func (b *Bridge) deliver(messages []engine.Message) {
	if len(messages) == 0 {
		return
	}
	seen := make(chan struct{}, 1)
	select {
	case b.batches <- delivery{messages, seen}:
	case <-b.over:
		return
	}
	select {
	case <-seen:
	case <-b.over:
	}
}

// timeOf is when a batch arrived: when its last message did.
func timeOf(batch []engine.Message) time.Time {
	if at := batch[len(batch)-1].At; !at.IsZero() {
		return at
	}
	return time.Now()
}

func (b *Bridge) step(now time.Time, batch ...engine.Message) {
	b.timed(func() []engine.Action { return b.engine.Step(now, batch...) })
}

// endCalls lets the rules end all calls under way.
func (b *Bridge) endCalls() {
	b.timed(func() []engine.Action { return b.engine.Stop(time.Now(), "shutdown") })
}

// timed carries out what the engine decides, and counts how long it took to.
func (b *Bridge) timed(decide func() []engine.Action) {
	began := time.Now()
	actions := decide()
	if b.opts.Metrics != nil {
		b.opts.Metrics.Stepped(time.Since(began))
	}
	if b.opts.Tracer != nil {
		b.opts.Tracer.Stepped()
	}
	b.carryOut(actions)
	if b.opts.Recorder != nil {
		b.opts.Recorder.Stepped(b.engine)
	}
}

// follow makes these the rules that calls begin with from now on.
func (b *Bridge) follow(loaded loadedRules) {
	for name, t := range b.transports {
		if t, ok := t.(formatted); ok {
			t.Follow(loaded.ProtocolOf(name).Format)
		}
	}
	b.engine.SetRules(loaded.Ruleset)
	b.describe(loaded)
}

// describe tells whoever wants to know which rules calls begin with.
func (b *Bridge) describe(loaded loadedRules) {
	now := time.Now()
	if b.opts.Metrics != nil {
		b.opts.Metrics.SetRules(loaded.Ruleset, loaded.hash, now)
	}
	if b.opts.Recorder != nil {
		b.opts.Recorder.SetRules(console.Rules{Set: loaded.Set, Files: loaded.files, Hash: loaded.hash}, now)
	}
}

func (b *Bridge) carryOut(actions []engine.Action) {
	for _, a := range actions {
		b.counts.sent.Add(1)
		if b.opts.DryRun != nil {
			b.opts.DryRun(a)
			continue
		}
		t := b.transports[a.To]
		if t == nil {
			b.log.Error("nothing sent: there is no such transport", "transport", a.To, "type", a.Type, "call", a.Call, "rule", a.Rule)
			continue
		}
		if b.opts.Metrics != nil {
			b.opts.Metrics.Sent(a)
		}
		t.Send(a)
	}
}

// setTimer sets due to the engine's next deadline. Without one, due fires now
// and then for nothing.
func (b *Bridge) setTimer(due *time.Timer) {
	at, ok := b.engine.NextDeadline()
	if !ok {
		due.Reset(time.Hour)
		return
	}
	due.Reset(time.Until(at))
}

// Reload compiles the rules anew. If they are free of errors, calls that begin
// from now on follow them; calls under way keep theirs. Otherwise nothing
// changes, and the findings are printed. It returns when that has happened;
// messages do not wait for it. Any goroutine may call it while Run runs.
func (b *Bridge) Reload() {
	b.reloading.Lock()
	defer b.reloading.Unlock()
	set, found := b.opts.Load()
	if err := rules.Format(b.opts.Findings, found); err != nil {
		b.log.Error("findings not printed", "err", err)
	}
	if set == nil {
		b.counts.reloadsFailed.Add(1)
		if b.opts.Metrics != nil {
			b.opts.Metrics.Reloaded(false)
		}
		b.reloaded(false, found)
		b.log.Error("rules unchanged: the new ones are faulty", "findings", len(found))
		return
	}
	select {
	case b.newSets <- b.loaded(set):
		_ = b.Alive(context.Background()) // it follows them now, unless it is over
		b.counts.reloads.Add(1)
		if b.opts.Metrics != nil {
			b.opts.Metrics.Reloaded(true)
		}
		b.reloaded(true, found)
		b.log.Info("rules reloaded", "rules", len(set.Rules), "findings", len(found))
	case <-b.over:
	}
}

func (b *Bridge) reloaded(used bool, found rules.Findings) {
	if b.opts.Recorder != nil {
		b.opts.Recorder.Reloaded(used, found)
	}
}
