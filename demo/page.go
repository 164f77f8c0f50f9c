// Package demo serves the page of `vertigo demo`: a telephone that is a Matrix
// client with real sound, and beside it the ladder of its call, as the engine
// tells it.
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
	"time"

	"vertigo/engine"
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
	feed     feed
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

// Observe is told of what the engine does, by the engine's goroutine.
func (p *Page) Observe(t engine.Trace) {
	p.feed.tell("step", func() any { return stepOf(t) })
}

// Reloaded is told that the rules were read anew, whether they are used now, and
// what was found in them.
func (p *Page) Reloaded(used bool, findings string) {
	p.feed.tell("rules", func() any {
		return map[string]any{"used": used, "findings": findings}
	})
}

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
	mux.HandleFunc("GET /events", p.events)
	mux.HandleFunc("POST /ring", func(w http.ResponseWriter, _ *http.Request) {
		if !p.opts.Ring() {
			http.Error(w, "the telephone calls already", http.StatusConflict)
		}
	})
	mux.HandleFunc("POST /hangup", func(http.ResponseWriter, *http.Request) { p.opts.HangUp() })
	return p.guard(http.NewCrossOriginProtection().Handler(mux))
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

// alive is how often a page that hears nothing is told so.
const alive = 15 * time.Second

// events tells one page what happens, as server-sent events.
func (p *Page) events(w http.ResponseWriter, r *http.Request) {
	messages, leave := p.feed.join()
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	stream := http.NewResponseController(w)
	tick := time.NewTicker(alive)
	defer tick.Stop()
	text := []byte(": welcome\n\n")
	for {
		if _, err := w.Write(text); err != nil || stream.Flush() != nil {
			return
		}
		select {
		case message, ok := <-messages:
			if !ok {
				return
			}
			text = message
		case <-tick.C:
			text = []byte(": alive\n\n")
		case <-r.Context().Done():
			return
		}
	}
}
