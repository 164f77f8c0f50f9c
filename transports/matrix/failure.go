package matrix

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"maunium.net/go/mautrix"
)

// A failure is a request that did not succeed, worded for the operator.
type failure struct {
	status int           // of HTTP; 0 where no server answered
	code   string        // the Matrix errcode, "" if the answer has none
	text   string        // what is wrong
	retry  bool          // the same request may succeed later
	after  time.Duration // how long the server asks to wait; 0 if it does not say
}

func (f failure) Error() string {
	switch {
	case f.code != "":
		return fmt.Sprintf("%s (%s)", f.text, f.code)
	case f.status != 0:
		return fmt.Sprintf("%s (HTTP %d)", f.text, f.status)
	}
	return f.text
}

// refusesLogin tells that the credentials are no longer, or not, good.
func (f failure) refusesLogin() bool {
	return f.code == "M_UNKNOWN_TOKEN" || f.code == "M_MISSING_TOKEN"
}

// failureOf reads the error of a request.
func failureOf(err error) failure {
	var own failure
	if errors.As(err, &own) {
		return own
	}
	var he mautrix.HTTPError
	if !errors.As(err, &he) || he.Response == nil || he.WrappedError != nil {
		return failure{text: explain(err), retry: true}
	}
	f := failure{status: he.Response.StatusCode, text: http.StatusText(he.Response.StatusCode)}
	if he.RespError != nil {
		f.code, f.text = he.RespError.ErrCode, he.RespError.Err
	}
	f.retry = f.status >= 500 || f.refusesLogin()
	if f.status == http.StatusTooManyRequests {
		f.retry, f.after = true, retryAfter(he)
	}
	return f
}

// retryAfter reads how long a 429 asks to wait: the header, in seconds or as a
// date, else the older field of the body, in milliseconds.
func retryAfter(he mautrix.HTTPError) time.Duration {
	header := he.Response.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(date))
	}
	if he.RespError != nil {
		if ms, ok := he.RespError.ExtraData["retry_after_ms"].(float64); ok && ms > 0 && ms < 1e9 {
			return time.Duration(ms) * time.Millisecond
		}
	}
	return 0
}

// explain words a network error in one line, without the URL: that of /sync is
// long and the same each time.
func explain(err error) string {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	var (
		unknownCA  x509.UnknownAuthorityError
		wrongName  x509.HostnameError
		badCert    x509.CertificateInvalidError
		noTLS      tls.RecordHeaderError
		noHost     *net.DNSError
		unresolved = errors.As(err, &noHost) && noHost.IsNotFound
	)
	switch {
	case errors.As(err, &unknownCA):
		return "TLS: the certificate is signed by an authority that is not trusted; ca_file can name it: " + err.Error()
	case errors.As(err, &wrongName):
		return "TLS: the certificate is for another name than the homeserver URL: " + err.Error()
	case errors.As(err, &badCert):
		return "TLS: the certificate is not valid: " + err.Error()
	case errors.As(err, &noTLS), errors.Is(err, http.ErrSchemeMismatch):
		return "TLS: the homeserver does not speak it on this port; is the URL http:// rather than https://?"
	case unresolved:
		return "the name " + noHost.Name + " does not resolve: " + err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "the homeserver did not answer in time"
	}
	return err.Error()
}
