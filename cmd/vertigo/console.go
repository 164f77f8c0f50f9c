package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"runtime/debug"
	"slices"

	"vertigo/console"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/telemetry"
)

// An upper is a transport that can say whether it is logged in.
type upper interface{ Up() bool }

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
		o.Peers = append(o.Peers, counted)
	}
	return telemetry.New(o)
}

// console serves the console, if there is to be one, until stop is called.
func (p *program) console(ctx context.Context, bridge *Bridge) (stop func(), err error) {
	if p.cfg.Console.Listen == "" {
		return func() {}, nil
	}
	c, err := console.Listen(p.cfg.Console, console.Options{
		Log: p.log, Metrics: bridge.opts.Metrics.Handler(), Alive: bridge.Alive, NotReady: bridge.NotReady,
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

// hashOf tells versions of rule files apart: it is of their texts as they are now,
// which is as they were just loaded. The shipped rules belong to the version of
// the program.
func hashOf(set *rules.Set) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(slices.Values(set.Files)) {
		text, err := os.ReadFile(name)
		if err != nil {
			return "unknown"
		}
		one := sha256.Sum256(text)
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
