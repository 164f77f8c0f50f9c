package httpjson

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"vertigo/internal/link"
)

// An outcome is what came of one request.
type outcome struct {
	status  int           // of HTTP; 0 where no server answered
	body    []byte        // JSON; nil for none
	problem string        // why the message was not taken, for the operator; "": it was
	retry   bool          // the same request may succeed later
	after   time.Duration // how long the server asks to wait; 0 if it does not say
}

// passing are the refusals, beside 5xx, that another time may not meet.
var passing = []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}

// answered says what an answer means.
func answered(resp *http.Response, body []byte) outcome {
	o := outcome{status: resp.StatusCode, body: jsonOf(body)}
	if o.status >= 200 && o.status < 300 {
		return o
	}
	o.problem = strings.TrimSpace(fmt.Sprintf("the server answers HTTP %d %s", o.status, http.StatusText(o.status)))
	switch {
	case o.status >= 500, slices.Contains(passing, o.status):
		o.retry, o.after = true, retryAfter(resp.Header.Get("Retry-After"))
	case o.status >= 300 && o.status < 400:
		o.problem += ": it is to be reached by another url"
	}
	return o
}

// retryAfter reads how long a server asks to wait: in seconds, or until a time
// (RFC 9110, section 10.2.3).
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}

// wait says for how long to wait before the message is sent again, and notes in o
// where there is not time enough for that.
func (o *outcome) wait(until time.Time, backoff *link.Backoff) time.Duration {
	left := time.Until(until)
	switch {
	case !o.retry:
	case left <= 0:
		o.retry = false
		o.problem += ", for as long as retry_for says"
	case o.after > left:
		o.retry = false
		o.problem += fmt.Sprintf(", and asks to wait for %s: longer than retry_for", o.after)
	}
	return min(max(backoff.Next(), o.after), left)
}

// explain words the failure of a request for the operator. The URL is not in it:
// there may be secrets in the path.
func explain(err error, addr string, limit time.Duration) string {
	if reason := link.ExplainCertificate(err, addr); reason != nil {
		return reason.Error()
	}
	var (
		dns     *net.DNSError
		noTLS   tls.RecordHeaderError
		network net.Error
		outer   *url.Error
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("no address is known for %s: check the host in url, and the name service", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s: check that the server runs, and the port in url", addr)
	case errors.As(err, &noTLS), errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf("%s does not speak TLS: check the port, and whether url begins with http://", addr)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("no answer from %s within %s", addr, limit)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Sprintf("%s closes the connection: check whether the port is one of https", addr)
	case errors.As(err, &outer):
		err = outer.Err
	}
	return fmt.Sprintf("%s: %v", addr, link.WithoutAddresses(err))
}

// A fault is why the server does not take messages. The zero fault is none. Any
// goroutine may use it.
type fault struct {
	mu   sync.Mutex
	last link.Complaint
	is   bool
}

// due notes a failure, and says whether it is to be logged.
func (f *fault) due(problem string, every time.Duration) (failures int, due bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.is = true
	return f.last.Due(problem, every)
}

// over says whether this success is the first one after a failure.
func (f *fault) over() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.is
	f.is, f.last = false, link.Complaint{}
	return was
}
