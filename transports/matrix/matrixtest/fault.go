package matrixtest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Request is one of a client, as tests choose it to have a fault.
type Request struct {
	Method string
	Path   string // decoded, without /_matrix/client/v3
	User   string // who makes it, or as whom; "" where nobody need be known
	Body   []byte
}

// A Fault befalls a request. Its parts may be combined.
type Fault struct {
	Delay       time.Duration // before anything is done
	LoseRequest bool          // the connection breaks, and nothing is done
	Refusal     *Error        // the answer, and nothing is done
	LoseReply   bool          // the connection breaks in place of the answer, after all was done
}

// RateLimited is the fault of a client that asks too much at once, and is to
// wait so long.
func RateLimited(wait time.Duration) Fault {
	return Fault{Refusal: &Error{
		Status: http.StatusTooManyRequests, Code: "M_LIMIT_EXCEEDED", Text: "Too Many Requests", RetryAfter: wait,
	}}
}

// fault is one that waits for requests.
type fault struct {
	Fault
	left  int // how often; negative: always
	match func(Request) bool
}

// Fail lets f befall the next n requests that match accepts; all, if n is
// negative. Of several faults that wait for a request the oldest befalls it.
// undo ends it before. match must not call the server.
func (s *Server) Fail(n int, match func(Request) bool, f Fault) (undo func()) {
	added := &fault{f, n, match}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, added)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(f *fault) bool { return f == added })
	}
}

// faultOf is what befalls x, the zero Fault if nothing does.
func (s *Server) faultOf(x *exchange) Fault {
	r := Request{Method: x.req.Method, Path: clientPathOf(x.req.URL.Path), Body: x.body}
	if x.user != nil {
		r.User = x.user.id
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.left != 0 && f.match(r) {
			f.left--
			return f.Fault
		}
	}
	return Fault{}
}

func clientPathOf(path string) string {
	rest := strings.TrimPrefix(path, clientPath)
	for _, version := range []string{"v3", "r0"} {
		if after, ok := strings.CutPrefix(rest, version+"/"); ok {
			return "/" + after
		}
	}
	return path
}
