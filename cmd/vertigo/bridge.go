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
	"vertigo/engine"
	"vertigo/rules"
	"vertigo/telemetry"
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
	// Watch, if not nil, is told of each step by the engine's goroutine, which
	// waits for it.
	Watch func(engine.Trace)
	// Reloaded, if not nil, is told of each reload once new calls follow it; of
	// rules that cannot be used too. Reloads wait for it.
	Reloaded func(used bool, found rules.Findings)
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

// loadedRules are rules to follow, with what tells their texts from others.
type loadedRules struct {
	*rules.Set
	hash string
}

// loaded tells the texts apart where somebody asks.
func (b *Bridge) loaded(set *rules.Set) loadedRules {
	if b.opts.Metrics == nil {
		return loadedRules{Set: set}
	}
	return loadedRules{set, hashOf(set)}
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
	observe := b.story.observe
	if o.Metrics != nil {
		o.Metrics.SetRules(set.Ruleset, b.loaded(set).hash, time.Now())
		observe = func(t engine.Trace) {
			o.Metrics.Observe(t)
			b.story.observe(t)
		}
	}
	if watch, others := o.Watch, observe; watch != nil {
		observe = func(t engine.Trace) {
			others(t)
			watch(t)
		}
	}
	b.engine = engine.New(set.Ruleset, engine.Options{Limits: o.Limits, Observe: observe})
	return b
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
	if b.opts.Metrics == nil {
		b.carryOut(decide())
		return
	}
	began := time.Now()
	actions := decide()
	b.opts.Metrics.Stepped(time.Since(began))
	b.carryOut(actions)
}

// follow makes these the rules that calls begin with from now on.
func (b *Bridge) follow(loaded loadedRules) {
	b.engine.SetRules(loaded.Ruleset)
	if b.opts.Metrics != nil {
		b.opts.Metrics.SetRules(loaded.Ruleset, loaded.hash, time.Now())
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
		b.log.Error("rules unchanged: the new ones are faulty", "findings", len(found))
		b.reloaded(false, found)
		return
	}
	select {
	case b.newSets <- b.loaded(set):
		b.counts.reloads.Add(1)
		if b.opts.Metrics != nil {
			b.opts.Metrics.Reloaded(true)
		}
		b.log.Info("rules reloaded", "rules", len(set.Rules), "findings", len(found))
		b.reloaded(true, found)
	case <-b.over:
	}
}

func (b *Bridge) reloaded(used bool, found rules.Findings) {
	if b.opts.Reloaded != nil {
		b.opts.Reloaded(used, found)
	}
}
