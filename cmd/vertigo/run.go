package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"vertigo/capture"
	"vertigo/engine"
	"vertigo/replay"
	"vertigo/transports/calllog"
	"vertigo/transports/httpjson"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
	"vertigo/transports/wsjson"
	"vertigo/wire"
)

var (
	_ Transport = (*matrix.Client)(nil)
	_ Transport = (*verto.Client)(nil)
	_ Transport = (*wsjson.Transport)(nil)
	_ Transport = (*httpjson.Transport)(nil)
	_ Transport = (*calllog.Log)(nil)
)

type runCommand struct {
	Config string `short:"c" default:"vertigo.toml" placeholder:"FILE" help:"The configuration (${default})."`
	DryRun bool   `help:"Connect and listen, but send nothing: print what would be sent, in the capture format."`
}

// Help is what --help adds.
func (runCommand) Help() string {
	return `SIGHUP compiles the rules anew; calls under way keep those that they began
with, and faulty rules change nothing. The first SIGTERM or SIGINT ends all
calls and stops, the second kills.

    VERTIGO_MATRIX_TOKEN=... vertigo run -c vertigo.toml`
}

// Run bridges until it is told to stop.
func (c *runCommand) Run(ctx context.Context, std streams) error {
	cfg, err := readConfig(c.Config, withSecrets)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal kills

	std.err = &lockedWriter{w: std.err} // log and findings, each whole
	p := &program{cfg: cfg, dryRun: c.DryRun, std: std, log: newLogger(std.err, cfg.Log)}
	return p.run(ctx)
}

// A program is what run connects: the configuration's transports, its rules and
// its captures.
type program struct {
	cfg    *config
	dryRun bool
	std    streams
	log    *slog.Logger

	watch   func(engine.Trace) // of [BridgeOptions]
	showAPI func(http.Handler) // is given the console's API before anything connects; nil: nobody wants it

	captures    *recorder // nil: none are written
	deadLetters *recorder
}

func (p *program) run(ctx context.Context) error {
	loader := p.cfg.loader(nil)
	loader.parts = p.records()
	set, found, err := loader.loadOrReport(p.std.err)
	if err != nil {
		return err
	}
	peers := withProtocols(p.cfg.peers(), set)
	if err := p.openRecorders(); err != nil {
		return err
	}
	defer p.closeRecorders()

	opts := transportOptions{
		log: p.log, tap: p.tap, deadLetter: p.deadLetters.write,
		format: func(transport string) wire.Format { return set.ProtocolOf(transport).Format },
	}
	if !p.dryRun { // a dry run leaves no trace: what it has seen still waits for the real one
		opts.state = p.cfg.State
		if err := os.MkdirAll(opts.state, 0o700); err != nil {
			return fmt.Errorf("state: %w", err)
		}
	}
	transports, err := p.cfg.transports(opts)
	if err != nil {
		return err
	}
	callLog := calllog.New(calllog.Name, p.cfg.CallLog, calllog.Options{Log: p.log, Tap: p.tap(calllog.Name)})
	transports[calllog.Name] = callLog
	tracer, closeTracer, err := p.tracer()
	if err != nil {
		return err
	}
	defer closeTracer()
	recorder := p.recorder(transports, found)
	bridge := NewBridge(transports, set, BridgeOptions{
		Load: loader.load, Log: p.log, Findings: p.std.err,
		Limits: p.cfg.Limits, DeadLetter: p.deadLetters.write, DryRun: p.dry(peers),
		Metrics: p.metrics(peers, transports), Tracer: tracer, Watch: p.watch,
		Recorder: recorder, Files: loader.texts,
	})
	closeConsole, err := p.console(ctx, bridge, p.api(recorder, loader))
	if err != nil {
		return err
	}
	defer closeConsole()
	defer p.reloads(ctx, loader, bridge)()

	p.log.Info("started", "transports", len(p.cfg.Transports), "rules", len(set.Rules), "dry_run", p.dryRun)
	err = bridge.Run(ctx)
	callLog.Close()
	closeTracer()
	p.log.Info("stopped", "total", &bridge.counts)
	return err
}

func (p *program) openRecorders() error {
	dir := p.cfg.Capture.Dir
	letters := filepath.Join(orDefault(dir, p.cfg.State), "dead-letter")
	p.deadLetters = &recorder{path: letters, log: p.log, opts: capture.DirOptions{Prefix: "dead-letter", Raw: p.cfg.Capture.Raw}}
	if dir == "" {
		return nil
	}
	p.captures = &recorder{path: dir, log: p.log, opts: capture.DirOptions{Raw: p.cfg.Capture.Raw}}
	return p.captures.open()
}

func (p *program) closeRecorders() {
	p.deadLetters.close()
	if p.captures != nil {
		p.captures.close()
	}
}

// tap gives what captures a transport's messages; nil where nothing is captured.
func (p *program) tap(transport string) func(at time.Time, dir, conn string, data []byte) {
	if p.captures == nil {
		return nil
	}
	return func(at time.Time, dir, conn string, data []byte) {
		p.captures.write(capture.Line{TS: at, Transport: transport, Dir: dir, Conn: conn, Data: data})
	}
}

// dry gives what stands in for sending in a dry run; nil in a real one.
func (p *program) dry(peers []replay.Peer) func(engine.Action) {
	if !p.dryRun {
		return nil
	}
	codecs := map[string]replay.Codec{}
	for _, peer := range peers {
		codecs[peer.Name] = peer.NewCodec(peer.Name)
	}
	out := capture.NewWriter(p.std.out, !p.cfg.Capture.Raw)
	return func(a engine.Action) {
		line := capture.Line{
			TS: a.At, Transport: a.To, Dir: capture.Out, Data: codecs[a.To].Frame(a),
			Rule: a.Rule, Call: string(a.Call),
		}
		if err := out.Write(line); err != nil {
			p.log.Error("not printed", "err", err)
		}
		if p.captures != nil {
			p.captures.write(line)
		}
	}
}

// reloads reloads at SIGHUP and, if the configuration says so, when a rule file
// changes. The function it returns stops that.
func (p *program) reloads(ctx context.Context, loader *ruleLoader, bridge *Bridge) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-hangups:
				bridge.Reload()
			case <-ctx.Done():
				return
			}
		}
	})
	if p.cfg.Reload.Watch {
		all.Go(func() { loader.watch(ctx, bridge.Reload) })
	}
	return func() {
		signal.Stop(hangups)
		cancel()
		all.Wait()
	}
}

// transportOptions are what the transports of a configuration are made with.
type transportOptions struct {
	log   *slog.Logger
	tap   func(transport string) func(at time.Time, dir, conn string, data []byte)
	state string // directory of the state files; "": none
	// format says how the messages of a transport are laid out whose protocol rule
	// files declare.
	format func(transport string) wire.Format
	// deadLetter is given what a peer did not take, as a line of a capture.
	deadLetter func(capture.Line)
}

// undelivered keeps a message that a peer did not take.
func (o *transportOptions) undelivered(at time.Time, a engine.Action, data []byte) {
	o.deadLetter(capture.Line{TS: at, Transport: a.To, Dir: capture.Out, Data: data, Rule: a.Rule, Call: string(a.Call)})
}

// transports makes the transports, by name. The error is all [faults] in their
// settings.
func (cfg *config) transports(o transportOptions) (map[string]Transport, error) {
	made := map[string]Transport{}
	d := &decoder{source: cfg.source}
	for _, t := range cfg.Transports {
		var tap func(at time.Time, dir, conn string, data []byte)
		if o.tap != nil {
			tap = o.tap(t.name)
		}
		state := ""
		if o.state != "" {
			state = filepath.Join(o.state, t.name+".json")
		}
		var err error
		switch t.kind.name {
		case "matrix":
			made[t.name], err = matrix.New(t.name, t.matrix, matrix.Options{Log: o.log, Tap: tap, StateFile: state})
		case "verto":
			made[t.name], err = verto.New(t.name, t.verto, verto.Options{Log: o.log, Tap: tap, StateFile: state})
		case "ws-json":
			made[t.name], err = wsjson.New(t.name, t.wsjson, wsjson.Options{Format: o.format(t.name), Log: o.log, Tap: tap})
		case "http-json":
			made[t.name], err = httpjson.New(t.name, t.httpjson, httpjson.Options{Format: o.format(t.name), Log: o.log, Tap: tap, DeadLetter: o.undelivered})
		}
		d.settings([]string{"transport", t.name}, err)
	}
	if err := d.faults(); err != nil {
		return nil, err
	}
	return made, nil
}

// settings reports what a transport says of its settings: each fault at the key
// that it begins with, if it does.
func (d *decoder) settings(path []string, err error) {
	if err == nil {
		return
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			d.settings(path, one)
		}
		return
	}
	key, _, _ := strings.Cut(err.Error(), " ")
	d.report(append(path[:len(path):len(path)], strings.TrimSuffix(key, ":")), strings.Join(path, ".")+": "+err.Error(), "")
}

func newLogger(w io.Writer, cfg logConfig) *slog.Logger {
	o := &slog.HandlerOptions{Level: logLevels[cfg.Level]} // the zero Level is info
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// A lockedWriter lets several write, one at a time.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
