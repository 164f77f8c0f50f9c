// Package console is what a running bridge shows of itself over HTTP: metrics,
// whether it is alive and ready, and a page with the calls, what happened in them
// and why.
//
// A [Recorder] observes the engine; an [API] tells what it has kept, and lets an
// engine of its own go through it once more where somebody asks why. It answers
// those alone who may ask, by a name that is its own. It sends nothing, and nothing
// that it is asked changes the running bridge.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Options are what a console shows. All may be called from any goroutine.
type Options struct {
	Log     *slog.Logger
	Metrics http.Handler
	// Alive asks the engine's goroutine for a sign of life, and waits for it until
	// ctx is done.
	Alive func(ctx context.Context) error
	// NotReady names the transports that are not logged in.
	NotReady func() []string
	// API, if not nil, answers the page, which is shown then.
	API http.Handler
}

// A Console is an HTTP server that listens.
type Console struct {
	listener net.Listener
	server   *http.Server
	log      *slog.Logger
	wrong    *wrongLog
}

// Times that bound what a client can hold, and how long the end waits for
// answers under way.
const (
	aliveWithin  = time.Second
	headerWithin = 5 * time.Second
	readWithin   = 10 * time.Second
	writeWithin  = 30 * time.Second
	idleFor      = time.Minute
	endWithin    = time.Second
	maxHeader    = 16 << 10
)

// Listen opens the port of a configuration that has been checked.
func Listen(cfg Config, o Options) (*Console, error) {
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		var call *os.SyscallError
		if errors.As(err, &call) {
			err = call.Err
		}
		return nil, fmt.Errorf("console: cannot listen on %s: %w", cfg.Listen, err)
	}
	wrong := &wrongLog{log: o.Log}
	return &Console{
		listener: l,
		log:      o.Log,
		wrong:    wrong,
		server: &http.Server{
			Handler:           handler(cfg, o, wrong),
			ReadHeaderTimeout: headerWithin, ReadTimeout: readWithin, WriteTimeout: writeWithin, IdleTimeout: idleFor,
			MaxHeaderBytes: maxHeader,
			ErrorLog:       slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
		},
	}, nil
}

// Addr is where the console listens.
func (c *Console) Addr() string { return c.listener.Addr().String() }

// Run answers until ctx is done. Answers under way then have a second.
func (c *Console) Run(ctx context.Context) {
	defer c.wrong.close()
	c.server.BaseContext = func(net.Listener) context.Context { return ctx } // streams of events end with it
	ended := make(chan error, 1)
	go func() { ended <- c.server.Serve(c.listener) }()
	select {
	case err := <-ended:
		c.log.Error("console stopped", "err", err)
		return
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	if c.server.Shutdown(bounded) != nil {
		c.server.Close()
	}
	<-ended
}

func handler(cfg Config, o Options, wrong *wrongLog) http.Handler {
	g := newGuard(cfg, wrong)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", g.protect(o.Metrics))
	mux.Handle("GET /healthz", healthz(o))
	mux.Handle("GET /readyz", readyz(o, g))
	if o.API != nil {
		page := g.protect(Page())
		mux.Handle("GET /{$}", page)
		mux.Handle("GET /console/", page)
		mux.Handle("/api/", g.protect(o.API))
	}
	return g.wrap(mux)
}

// healthz answers 200 while the engine's goroutine does.
func healthz(o Options) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), aliveWithin)
		defer cancel()
		if err := o.Alive(ctx); err != nil {
			http.Error(w, "the engine does not answer", http.StatusServiceUnavailable)
			return
		}
		plain(w, "alive\n")
	}
}

// readyz answers 200 while every transport is logged in. It needs no password,
// as whoever balances loads has none; but without it names nothing.
func readyz(o Options, g *guard) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		missing := o.NotReady()
		switch {
		case len(missing) == 0:
			plain(w, "ready\n")
		case g.authorized(r):
			http.Error(w, "not logged in: "+strings.Join(missing, ", "), http.StatusServiceUnavailable)
		default:
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	}
}

func plain(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text)) // whoever asked may be gone
}
