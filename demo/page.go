// Package demo serves the page of `vertigo demo`: a telephone that is a Matrix
// client with real sound, and beside it the ladder of its call, as the console
// shows it. The console itself is there too.
//
// The page is plain HTML, CSS and JavaScript, asks nobody but this program and
// the homeserver that it is told of, and shows what peers say as text alone. It
// is for one person on their own machine: whoever can reach it can call.
package demo

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"vertigo/console"
)

//go:embed page
var files embed.FS

// Options are what a page is about.
type Options struct {
	Homeserver     string // base URL
	User, Password string // who the page logs in as: a full id
	Rules          string // path of the rule file, for the page to name
	// Ring has a telephone call the user. It returns at once; false: one rings
	// already. Any goroutine may call it.
	Ring func() bool
	// HangUp has the far end hang up whatever call there is. Any goroutine may
	// call it.
	HangUp func()
}

// A Page is served on one port of this machine.
type Page struct {
	URL string

	listener net.Listener
	opts     Options
	api      atomic.Pointer[http.Handler]
}

// Listen opens the page's port. An address that is not of this machine alone is
// refused: the page lets everybody in.
func Listen(address string, o Options) (*Page, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: an address and a port are wanted, such as 127.0.0.1:7481", address)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--listen %s: the demonstration is for this machine alone, say 127.0.0.1 and a port", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		var call *os.SyscallError
		if errors.As(err, &call) {
			err = call.Err
		}
		return nil, fmt.Errorf("--listen %s: %w", address, err)
	}
	return &Page{URL: "http://" + l.Addr().String() + "/", listener: l, opts: o}, nil
}

// Show has the page show what the console's API tells. Until then it tells that
// there is nothing yet. Any goroutine may call it.
func (p *Page) Show(api http.Handler) { p.api.Store(&api) }

// Run serves the page until ctx is done.
func (p *Page) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           p.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(p.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("the page is no longer served: %w", err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(bounded) != nil {
		server.Close()
	}
	<-ended
	return nil
}

// Close gives up the port of a page that does not run.
func (p *Page) Close() { _ = p.listener.Close() }

func (p *Page) handler() http.Handler {
	root, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // it is embedded above
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(root))
	mux.HandleFunc("GET /config.json", p.config)
	mux.HandleFunc("GET /api/", p.tell)
	mux.HandleFunc("POST /api/", p.tell)
	mux.Handle("GET /console/", console.Page())
	mux.HandleFunc("POST /ring", func(w http.ResponseWriter, _ *http.Request) {
		if !p.opts.Ring() {
			http.Error(w, "the telephone calls already", http.StatusConflict)
		}
	})
	mux.HandleFunc("POST /hangup", func(http.ResponseWriter, *http.Request) { p.opts.HangUp() })
	return p.guard(http.NewCrossOriginProtection().Handler(mux))
}

// tell answers what the API tells.
func (p *Page) tell(w http.ResponseWriter, r *http.Request) {
	api := p.api.Load()
	if api == nil {
		http.Error(w, "the bridge is starting", http.StatusServiceUnavailable)
		return
	}
	(*api).ServeHTTP(w, r)
}

// guard answers those alone who call the page by its address: a name of somebody
// else's may lead here as well (DNS rebinding). It gives every answer its
// headers.
func (p *Page) guard(h http.Handler) http.Handler {
	address := p.listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' " + p.opts.Homeserver +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		if r.Host != address && r.Host != net.JoinHostPort("localhost", port) {
			http.Error(w, "this page is at "+p.URL, http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// config tells the page what it must know.
func (p *Page) config(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{ // whoever asked may be gone
		"homeserver": p.opts.Homeserver, "user": p.opts.User, "password": p.opts.Password, "rules": p.opts.Rules,
	})
}
