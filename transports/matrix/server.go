package matrix

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"
)

// maxTransaction bounds the body of one transaction. Synapse sends a hundred
// events at most, of [maxEvent] each.
const maxTransaction = 32 << 20

// A server answers the homeserver (Matrix specification, "Application Service
// API"). It takes transactions into the store and puts questions to the rules.
type server struct {
	*Client
	wrongKey atomic.Bool // a wrong token was reported
}

// handler has the paths of the specification, and those of before it.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	add := func(method, path string, h http.HandlerFunc, prefixes ...string) {
		for _, prefix := range prefixes {
			mux.Handle(prefix+path, allow(s.authorized(h), method))
		}
	}
	const now, unstable, oldest = "/_matrix/app/v1", "/_matrix/app/unstable", ""
	add(http.MethodPut, "/transactions/{txn}", s.transaction, now, oldest)
	add(http.MethodGet, "/users/{user}", s.user, now, oldest)
	add(http.MethodGet, "/rooms/{alias}", s.room, now, oldest)
	add(http.MethodPost, "/ping", s.ping, now, oldest)
	add(http.MethodGet, "/thirdparty/protocol/{protocol}", s.protocol, now, unstable, oldest)
	add(http.MethodGet, "/thirdparty/user/{protocol}", s.lookUp, now, unstable, oldest)
	add(http.MethodGet, "/thirdparty/user", s.lookUpUser, now, unstable, oldest)
	add(http.MethodGet, "/thirdparty/location/{protocol}", s.location, now, unstable, oldest)
	add(http.MethodGet, "/thirdparty/location", s.location, now, unstable, oldest)
	mux.Handle("/health", allow(http.HandlerFunc(s.health), http.MethodGet, http.MethodHead))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "M_UNRECOGNIZED", "no such path")
	})
	return mux
}

// allow answers other methods itself.
func allow(h http.Handler, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			refuse(w, http.StatusMethodNotAllowed, "M_UNRECOGNIZED", "this path does not take "+r.Method)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// authorized lets the homeserver through: who shows hs_token, in the header, or
// where servers of before specification 1.4 have it.
func (s *server) authorized(h http.Handler) http.Handler {
	want := sha256.Sum256([]byte(s.registration.HSToken))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, inHeader := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !inHeader {
			token = r.URL.Query().Get("access_token")
		}
		if token == "" {
			refuse(w, http.StatusUnauthorized, "M_MISSING_TOKEN", "no hs_token")
			return
		}
		got := sha256.Sum256([]byte(token))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			if !s.wrongKey.Swap(true) {
				s.log.Warn("somebody showed a wrong hs_token: if that was the homeserver, it has read another registration",
					"remote", r.RemoteAddr, "registration", s.cfg.Registration)
			}
			refuse(w, http.StatusForbidden, "M_FORBIDDEN", "wrong hs_token")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// transaction takes events. They are on disk before the homeserver hears of it.
//
// A transaction that comes again brings nothing, as each of its events was seen.
// Its id alone would not do: when Dendrite 0.15.2 repeats one, it adds what came
// since, under the same id.
func (s *server) transaction(w http.ResponseWriter, r *http.Request) {
	txn := r.PathValue("txn")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTransaction))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		s.log.Error("a transaction is too long: the homeserver will send nothing else", "txn_id", txn, "limit", maxTransaction)
		refuse(w, http.StatusRequestEntityTooLarge, "M_TOO_LARGE", "the transaction is too long")
		return
	}
	root := gjson.ParseBytes(body)
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "M_NOT_JSON", "the body ends too early")
		return
	case !gjson.ValidBytes(body):
		refuse(w, http.StatusBadRequest, "M_NOT_JSON", "the body is not JSON")
		return
	case !root.IsObject() || !root.Get("events").IsArray():
		refuse(w, http.StatusBadRequest, "M_BAD_JSON", "the body is no transaction")
		return
	}
	number, err := s.store.take(s.ours, s.drop, func(in *intake) error {
		for _, e := range root.Get("events").Array() {
			if err := in.event(e, ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.log.Error("a transaction is not taken: the homeserver will send it again", "txn_id", txn, "err", err)
		refuse(w, http.StatusServiceUnavailable, "M_UNKNOWN", "the transaction cannot be stored")
		return
	}
	if number != 0 {
		s.feed.wake()
	}
	respond(w, []byte("{}"))
}

func (s *server) ping(w http.ResponseWriter, _ *http.Request) {
	respond(w, []byte("{}"))
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	if !s.Up() {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"status":"down"}`)
		return
	}
	respond(w, []byte(`{"status":"up"}`))
}

func respond(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(appendField([]byte(`{"errcode":"`+code+`"`), "error", text), '}'))
}

// serve answers on l until ctx is done; then stop waits for what is under way,
// for a short time. failed has the error that ended it before.
func (s *server) serve(ctx context.Context, l net.Listener) (failed <-chan error, stop func()) {
	web := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l) }()
	return ended, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if web.Shutdown(ctx) != nil {
			web.Close()
		}
	}
}
