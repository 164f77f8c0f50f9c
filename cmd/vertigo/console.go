package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"

	"vertigo/console"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/telemetry"
)

// An upper is a transport that can say whether it is logged in.
type upper interface{ Up() bool }

// A sender is a transport that can say how many messages wait to be sent, and how
// often one had to be sent again.
type sender interface {
	Stats() (queued int, retried uint64)
}

// metrics gives what counts; nil where there is no console to show it.
func (p *program) metrics(peers []replay.Peer, transports map[string]Transport) *telemetry.Metrics {
	if p.cfg.Console.Listen == "" {
		return nil
	}
	o := telemetry.Options{Version: version()}
	known := schemas()
	for _, peer := range peers {
		counted := telemetry.Peer{Name: peer.Name, Schema: known[peer.Protocol.Kind]}
		if t, ok := transports[peer.Name].(upper); ok {
			counted.Up = t.Up
		}
		if t, ok := transports[peer.Name].(sender); ok {
			counted.Stats = t.Stats
		}
		o.Peers = append(o.Peers, counted)
	}
	return telemetry.New(o)
}

// records says whether what the engine does is kept: somebody can look at it.
func (p *program) records() bool { return p.cfg.Console.Listen != "" || p.showAPI != nil }

// recorder gives what keeps it; nil where nobody can look.
func (p *program) recorder(transports map[string]Transport, found rules.Findings) *console.Recorder {
	if !p.records() {
		return nil
	}
	o := console.RecorderOptions{Version: version()}
	for _, t := range p.cfg.Transports {
		one := console.Transport{Name: t.name, Kind: t.kind.name}
		if can, ok := transports[t.name].(upper); ok {
			one.Up = can.Up
		}
		o.Transports = append(o.Transports, one)
	}
	recorder := console.NewRecorder(o)
	recorder.Found(found)
	return recorder
}

// api gives what tells of it; nil where nobody can look.
func (p *program) api(recorder *console.Recorder, loader *ruleLoader) http.Handler {
	if recorder == nil {
		return nil
	}
	api := console.NewAPI(recorder, console.APIOptions{
		Limits: p.cfg.Limits, Compile: loader.compile,
		Peers: func(set *rules.Set) []replay.Peer { return withProtocols(p.cfg.peers(), set) },
	})
	if p.showAPI != nil {
		p.showAPI(api)
	}
	return api
}

// console serves the console, if there is to be one, until stop is called.
func (p *program) console(ctx context.Context, bridge *Bridge, api http.Handler) (stop func(), err error) {
	if p.cfg.Console.Listen == "" {
		return func() {}, nil
	}
	c, err := console.Listen(p.cfg.Console, console.Options{
		Log: p.log, Metrics: bridge.opts.Metrics.Handler(), Alive: bridge.Alive, NotReady: bridge.NotReady, API: api,
	})
	if err != nil {
		return nil, err
	}
	p.log.Info("console listens", "address", c.Addr())
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it shows how calls are ended, too
	over := make(chan struct{})
	go func() {
		defer close(over)
		c.Run(ctx)
	}()
	return func() {
		cancel()
		<-over
	}, nil
}

// errOver is what a bridge that no longer runs says of itself.
var errOver = errors.New("the bridge has stopped")

// Alive waits until the engine's goroutine takes notice, or ctx is done. Any
// goroutine may call it.
func (b *Bridge) Alive(ctx context.Context) error {
	select {
	case b.asks <- struct{}{}:
		return nil
	case <-b.over:
		return errOver
	case <-ctx.Done():
		return ctx.Err()
	}
}

// NotReady gives the names of the transports that are not logged in, in order.
// Any goroutine may call it.
func (b *Bridge) NotReady() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(b.transports)) {
		if t, ok := b.transports[name].(upper); ok && !t.Up() {
			names = append(names, name)
		}
	}
	return names
}

// hashOf tells versions of rule files apart, by their texts as they were loaded. The
// shipped rules belong to the version of the program.
func hashOf(files []console.File) string {
	sum := sha256.New()
	for _, f := range slices.SortedFunc(slices.Values(files), func(a, b console.File) int { return cmp.Compare(a.Name, b.Name) }) {
		one := sha256.Sum256([]byte(f.Text))
		sum.Write(one[:])
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}

// version is the module's version, as far as the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	return cmp.Or(info.Main.Version, "(devel)")
}
