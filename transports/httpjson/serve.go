package httpjson

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"vertigo/engine"
	"vertigo/wire"
)

const (
	mostConnections = 1024 // of peers; further ones wait
	mostRequests    = 64   // of which each may hold max_message bytes; further ones are told to come later
)

// A server takes requests.
type server struct {
	*Transport
	ctx   context.Context // of Run
	slots chan struct{}   // one for each request that is read, or waits for the engine
}

// serve takes requests on l until ctx is done.
func (t *Transport) serve(ctx context.Context, l net.Listener) {
	s := &server{Transport: t, ctx: ctx, slots: make(chan struct{}, mostRequests)}
	web := &http.Server{
		Handler:           s,
		TLSConfig:         t.door,
		ReadHeaderTimeout: t.times.header,
		ReadTimeout:       t.times.read,
		WriteTimeout:      2 * t.times.read,
		IdleTimeout:       2 * t.times.read,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(t.log.Handler(), slog.LevelDebug),
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // one request at a time on a connection
	}
	l = netutil.LimitListener(l, mostConnections)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if t.door != nil {
			_ = web.ServeTLS(l, "", "")
		} else {
			_ = web.Serve(l)
		}
	}()
	t.log.Info("listens", "address", l.Addr().String(), "path", t.cfg.Path)
	<-ctx.Done()
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.times.drain)
	defer cancel()
	if web.Shutdown(bye) != nil {
		_ = web.Close()
	}
	<-ended
}

// ServeHTTP makes one request a message, and answers when the engine has seen it.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.letIn(w, r) {
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		s.turnAway(w, r, http.StatusServiceUnavailable, "too many requests at once")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxMessage))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		s.inbox.Record("in", "", quote(string(body)))
		s.turnAway(w, r, http.StatusRequestEntityTooLarge, s.tooLong())
		return
	case err != nil:
		s.turnAway(w, r, http.StatusBadRequest, "its body breaks off")
		return
	}
	s.take(w, r, body)
}

// letIn answers the requests whose bodies are not looked at.
func (s *server) letIn(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case !s.isOurs(r.URL.Path):
		http.NotFound(w, r)
	case s.cfg.credential().Rebound(r):
		s.turnAway(w, r, http.StatusMisdirectedRequest, "without a token, it must ask for this machine by address, or as localhost")
	case !s.cfg.credential().Shown(r):
		s.complainOf(r, "token or password missing or wrong")
		s.cfg.credential().Refuse(w)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		s.turnAway(w, r, http.StatusMethodNotAllowed, "it is no POST")
	case !isJSON(r.Header):
		s.turnAway(w, r, http.StatusUnsupportedMediaType, "its Content-Type is not application/json")
	case r.ContentLength > s.cfg.MaxMessage:
		s.turnAway(w, r, http.StatusRequestEntityTooLarge, s.tooLong())
	default:
		return true
	}
	return false
}

// isOurs tells the path that was configured, and those below it.
func (s *server) isOurs(path string) bool {
	root := strings.TrimSuffix(s.cfg.Path, "/")
	return path == root || strings.HasPrefix(path, root+"/")
}

func (s *server) tooLong() string {
	return fmt.Sprintf("it has more than %d bytes: raise max_message if it is a right one", s.cfg.MaxMessage)
}

// isJSON tells the media types of JSON (RFC 6839, section 3.1), as they are: not
// compressed, and in UTF-8 (RFC 8259, section 8.1).
func isJSON(h http.Header) bool {
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	return err == nil && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")) &&
		(charset == "" || charset == "utf-8") && h.Get("Content-Encoding") == ""
}

// take gives a request to the engine, and answers with what a rule has said.
func (s *server) take(w http.ResponseWriter, r *http.Request, body []byte) {
	id := rand.Text()
	data := asked(id, r.URL, body)
	format := s.codec.format.Load()
	found, err := format.Read(data)
	switch {
	case !json.Valid(body): // by itself: it could begin another field
		err = errors.New("it is not JSON")
	case err == nil && strings.HasPrefix(found.Type, "transport."):
		err = errors.New("its type is a word of Vertigo's own")
	case err == nil && s.codec.forged(found.Type):
		err = errors.New("its type is that of an answer, and it is a request")
	}
	if err != nil {
		s.inbox.Record("in", "", quote(string(body)))
		s.turnAway(w, r, http.StatusBadRequest, err.Error())
		return
	}
	if found.Type == "" {
		found.Type = wire.Untyped
	}
	one := s.asked.add(id)
	defer s.asked.forget(id)
	s.inbox.Frame(s.ctx, "", data, func(at time.Time) engine.Message { return s.codec.message(at, found, data) })
	select {
	case <-one.seen:
	case <-s.ctx.Done():
		http.Error(w, stopped, http.StatusServiceUnavailable)
		return
	}
	select {
	case said := <-one.answer:
		respond(w, said.status, said.body)
	default:
		if ack := format.Acknowledgement(found, data); ack != nil {
			respond(w, http.StatusOK, ack)
		} else {
			w.WriteHeader(http.StatusAccepted)
		}
	}
}

// respond answers with JSON, or nothing.
func respond(w http.ResponseWriter, status int, body []byte) {
	if len(body) > 0 {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a peer that is gone needs no answer; nor does 204 have a body
}

// turnAway answers a request that becomes no message.
func (s *server) turnAway(w http.ResponseWriter, r *http.Request, status int, why string) {
	s.complainOf(r, why)
	http.Error(w, why, status)
}

func (s *server) complainOf(r *http.Request, why string) {
	if number, due := s.refused.Due(why, s.times.remind); due {
		s.log.Warn("request refused", "why", why, "number", number, "remote", r.RemoteAddr)
	}
}
