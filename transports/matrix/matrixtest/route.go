package matrixtest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const clientPath = "/_matrix/client/"

// A route is one endpoint of the Client-Server API, its path without the
// prefix and version.
type route struct {
	method, path string
	serve        func(*exchange) (any, error)
	open         bool // without a token
	waits        bool // for others: it takes the lock by itself
}

// routes are all that there are.
func routes() []route {
	const get, put, post, del = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete
	return []route{
		{method: get, path: "login", serve: (*exchange).loginFlows, open: true},
		{method: post, path: "login", serve: (*exchange).login, open: true},
		{method: post, path: "logout", serve: (*exchange).logout},
		{method: post, path: "register", serve: (*exchange).register, open: true},
		{method: get, path: "account/whoami", serve: (*exchange).whoami},
		{method: get, path: "capabilities", serve: (*exchange).capabilities},
		{method: get, path: "voip/turnServer", serve: (*exchange).empty},
		{method: get, path: "pushrules/", serve: (*exchange).pushRules},

		{method: get, path: "profile/{user}", serve: (*exchange).profile, open: true},
		{method: get, path: "profile/{user}/{field}", serve: (*exchange).profileField, open: true},
		{method: put, path: "profile/{user}/{field}", serve: (*exchange).setProfileField},
		{method: get, path: "user/{user}/account_data/{type}", serve: (*exchange).accountData},
		{method: put, path: "user/{user}/account_data/{type}", serve: (*exchange).setAccountData},
		{method: get, path: "user/{user}/rooms/{room}/account_data/{type}", serve: (*exchange).accountData},
		{method: put, path: "user/{user}/rooms/{room}/account_data/{type}", serve: (*exchange).setAccountData},
		{method: post, path: "user/{user}/filter", serve: (*exchange).addFilter},
		{method: get, path: "user/{user}/filter/{filter}", serve: (*exchange).filter},

		{method: post, path: "createRoom", serve: (*exchange).createRoom},
		{method: get, path: "joined_rooms", serve: (*exchange).joinedRooms},
		{method: post, path: "join/{room}", serve: (*exchange).joinByName, waits: true},
		{method: post, path: "rooms/{room}/join", serve: (*exchange).join},
		{method: post, path: "rooms/{room}/invite", serve: (*exchange).invite},
		{method: post, path: "rooms/{room}/leave", serve: (*exchange).leave},
		{method: post, path: "rooms/{room}/kick", serve: (*exchange).kick},
		{method: post, path: "rooms/{room}/ban", serve: (*exchange).ban},
		{method: post, path: "rooms/{room}/unban", serve: (*exchange).unban},
		{method: post, path: "rooms/{room}/forget", serve: (*exchange).forget},
		{method: put, path: "rooms/{room}/send/{type}/{txn}", serve: (*exchange).send},
		{method: get, path: "rooms/{room}/state", serve: (*exchange).state},
		{method: get, path: "rooms/{room}/state/{type}", serve: (*exchange).stateEvent},
		{method: get, path: "rooms/{room}/state/{type}/{key...}", serve: (*exchange).stateEvent},
		{method: put, path: "rooms/{room}/state/{type}", serve: (*exchange).setState},
		{method: put, path: "rooms/{room}/state/{type}/{key...}", serve: (*exchange).setState},
		{method: get, path: "rooms/{room}/members", serve: (*exchange).members},
		{method: get, path: "rooms/{room}/joined_members", serve: (*exchange).joinedMembers},
		{method: get, path: "rooms/{room}/messages", serve: (*exchange).messages},
		{method: get, path: "rooms/{room}/event/{event}", serve: (*exchange).event},
		{method: get, path: "sync", serve: (*exchange).sync, waits: true},

		{method: get, path: "directory/room/{alias}", serve: (*exchange).alias, open: true, waits: true},
		{method: put, path: "directory/room/{alias}", serve: (*exchange).setAlias},
		{method: del, path: "directory/room/{alias}", serve: (*exchange).removeAlias},

		{method: get, path: "thirdparty/protocols", serve: (*exchange).protocols, waits: true},
		{method: get, path: "thirdparty/protocol/{protocol}", serve: (*exchange).protocol, waits: true},
		{method: get, path: "thirdparty/{what}", serve: (*exchange).lookUp, waits: true},
		{method: get, path: "thirdparty/{what}/{protocol}", serve: (*exchange).lookUp, waits: true},
	}
}

// handler answers what clients ask.
func (s *Server) handler() http.Handler {
	byPath := map[string]map[string]route{}
	add := func(path string, r route) {
		if byPath[path] == nil {
			byPath[path] = map[string]route{}
		}
		byPath[path][r.method] = r
	}
	for _, r := range routes() {
		add(clientPath+"v3/"+r.path, r)
		add(clientPath+"r0/"+r.path, r)
	}
	add(clientPath+"versions", route{method: http.MethodGet, serve: (*exchange).versions, open: true})
	add(clientPath+"v1/appservice/{service}/ping", route{method: http.MethodPost, serve: (*exchange).ping, waits: true})

	mux := http.NewServeMux()
	for path, methods := range byPath {
		if strings.HasSuffix(path, "/") {
			path += "{$}"
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) { s.dispatch(w, req, methods) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) { s.dispatch(w, req, nil) })
	return mux
}

// dispatch answers one request. Every answer may be read by scripts of any
// origin (Client-Server API, "Web Browser Clients").
func (s *Server) dispatch(w http.ResponseWriter, req *http.Request, methods map[string]route) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "X-Requested-With, Content-Type, Authorization")
	if req.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !s.enter() {
		panic(http.ErrAbortHandler) // net/http then breaks the connection
	}
	defer s.wg.Done()
	r, ok := methods[req.Method]
	switch {
	case methods == nil:
		respond(w, nil, &Error{Status: http.StatusNotFound, Code: "M_UNRECOGNIZED", Text: "no such path"})
		return
	case !ok:
		respond(w, nil, &Error{Status: http.StatusMethodNotAllowed, Code: "M_UNRECOGNIZED", Text: "this path does not take " + req.Method})
		return
	}
	s.answer(w, req, r)
}

// enter counts a request in, unless the server closes.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.wg.Add(1)
	return true
}

// answer carries out a request, unless a fault befalls it.
func (s *Server) answer(w http.ResponseWriter, req *http.Request, r route) {
	x, err := s.newExchange(req, r)
	if err != nil {
		respond(w, nil, err)
		return
	}
	f := s.faultOf(x)
	if f.Delay > 0 && !pause(req.Context(), f.Delay) {
		return
	}
	if f.LoseRequest {
		panic(http.ErrAbortHandler)
	}
	var body any
	if f.Refusal != nil {
		err = f.Refusal
	} else {
		body, err = x.serve(r)
	}
	if f.LoseReply {
		panic(http.ErrAbortHandler)
	}
	respond(w, body, err)
}

// serve carries out what x asks for.
func (x *exchange) serve(r route) (any, error) {
	if !r.waits {
		x.mu.Lock()
		defer x.mu.Unlock()
	}
	return r.serve(x)
}

// respond answers with body, or with err, which is an [*Error].
func respond(w http.ResponseWriter, body any, err error) {
	w.Header().Set("Content-Type", "application/json")
	status := http.StatusOK
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Status: http.StatusInternalServerError, Code: "M_UNKNOWN", Text: err.Error()}
		}
		status, body = e.Status, e.body()
		if flows, ok := err.(*interactive); ok {
			body = flows.steps
		}
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(encode(body)) // nobody is left to hear that it failed
}

// encode gives the JSON of v, characters as they are.
func encode(v any) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // all that is answered marshals
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// maxBody bounds a request: the longest event, written as wastefully as JSON
// can be.
const maxBody = 1 << 20

func readBody(req *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, bad("M_NOT_JSON", "the body ends too early")
	case len(body) > maxBody:
		return nil, tooLarge("the body has more than %d bytes", maxBody)
	}
	return body, nil
}

// pause waits, unless ctx is done first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
