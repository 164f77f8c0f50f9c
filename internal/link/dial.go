package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// TLSConfig gives how a server's certificate is checked: against the system's
// CAs, or just those of the PEM file caFile. Its name must be that in the URL.
func TLSConfig(caFile string) (*tls.Config, error) {
	t := &tls.Config{}
	if caFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	t.RootCAs = x509.NewCertPool()
	if !t.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file %s holds no certificate in PEM form", caFile)
	}
	return t, nil
}

// Advice is what the operator can look at when a server does not open a
// WebSocket; each stands at the end of a sentence.
type Advice struct {
	Handshake string // it answers HTTP
	Refused   string // nothing listens
	Closes    string // it closes the connection
}

// Explain words err, of dialling rawURL for limit at most, for the operator:
// what is wrong, and what to try. resp is what came with a handshake that
// failed.
func (a Advice) Explain(err error, resp *http.Response, rawURL string, limit time.Duration) error {
	addr, secure := address(rawURL)
	if reason := ExplainCertificate(err, addr); reason != nil {
		return reason
	}
	var (
		dns     *net.DNSError
		record  tls.RecordHeaderError
		network net.Error
	)
	switch {
	case errors.As(err, &record):
		return fmt.Errorf("%s does not speak TLS: use the wss:// port, or ws:// in url", addr)
	case errors.Is(err, websocket.ErrBadHandshake) && resp != nil:
		return fmt.Errorf("%s answers HTTP %d, not WebSocket: %s", addr, resp.StatusCode, a.Handshake)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("no address is known for %s: check the host in url, and the name service", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at %s: %s, and the port in url", addr, a.Refused)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("no answer from %s within %s: check the host and port in url, and firewalls", addr, limit)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		if secure {
			return fmt.Errorf("%s closes the connection: %s, and that the port is the wss:// one", addr, a.Closes)
		}
		return fmt.Errorf("%s closes the connection: %s, and whether the port is a wss:// one", addr, a.Closes)
	case strings.Contains(err.Error(), "malformed HTTP"):
		return fmt.Errorf("%s does not speak WebSocket: check the port, and whether it is a wss:// one", addr)
	}
	return fmt.Errorf("%s: %w", addr, err)
}

// ExplainCertificate words err for the operator, if the certificate of the server
// at addr does not do; nil if it is something else.
func ExplainCertificate(err error, addr string) error {
	var (
		name      x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &name):
		return fmt.Errorf("the certificate of %s is not for %q but for %s: put a name that it holds in url, or give the server a certificate for this one", addr, name.Host, certificateNames(name.Certificate))
	case errors.As(err, &authority):
		return fmt.Errorf("the certificate of %s is signed by an authority that is not trusted: name the CA's certificate in ca_file", addr)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("the certificate of %s is valid from %s to %s, not now: renew it, or set the clock", addr,
			invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly))
	case errors.As(err, &invalid):
		return fmt.Errorf("the certificate of %s does not do: %w", addr, invalid)
	}
	return nil
}

func certificateNames(cert *x509.Certificate) string {
	names := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	return strings.Join(names, ", ")
}

// address gives host and port of a URL that was found right.
func address(rawURL string) (addr string, secure bool) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL, false
	}
	secure = u.Scheme == "wss"
	if u.Port() != "" {
		return u.Host, secure
	}
	if secure {
		return u.Host + ":443", true
	}
	return u.Host + ":80", false
}
