package httpjson

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

func TestFailuresAreWorded(t *testing.T) {
	for want, err := range map[string]error{
		"no address is known for crm.test: check the host in url, and the name service":                                      &net.DNSError{Name: "crm.test", IsNotFound: true},
		"nothing listens at crm.test:80: check that the server runs, and the port in url":                                    &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
		"crm.test:80 does not speak TLS: check the port, and whether url begins with http://":                                tls.RecordHeaderError{Msg: "first record"},
		"no answer from crm.test:80 within 5s":                                                                               context.DeadlineExceeded,
		"crm.test:80 closes the connection: check whether the port is one of https":                                          fmt.Errorf("reading: %w", io.ErrUnexpectedEOF),
		"the certificate of crm.test:80 is signed by an authority that is not trusted: name the CA's certificate in ca_file": x509.UnknownAuthorityError{},
		"crm.test:80: no route to host":                                                                                      &net.OpError{Op: "dial", Net: "tcp", Addr: &net.UnixAddr{Name: "x"}, Err: syscall.EHOSTUNREACH},
		"crm.test:80: something else":                                                                                        errors.New("something else"),
	} {
		outer := &url.Error{Op: "Post", URL: "http://crm.test/" + secret, Err: err}
		if got := explain(outer, "crm.test:80", 5*time.Second); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestHowLongAServerAsksToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for header, want := range map[string]time.Duration{
			"": 0, "0": 0, "120": 2 * time.Minute, "-1": 0, "1.5": 0, "soon": 0, "99999999999": 0,
			time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  time.Hour,
			time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
		} {
			if got := retryAfter(header); got != want {
				t.Errorf("%q: got %s, want %s", header, got, want)
			}
		}
	})
}

// Two transports speak with each other, over TLS.
func TestOverTLS(t *testing.T) {
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	defer certificates.Close()
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	certificate := file("cert.pem", "CERTIFICATE", certificates.Certificate().Raw)
	key, err := x509.MarshalPKCS8PrivateKey(certificates.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	desk := start(t, Config{Listen: "127.0.0.1:1", CertFile: certificate, KeyFile: file("key.pem", "PRIVATE KEY", key), Token: secret}, func(tr *Transport, m engine.Message) {
		tr.Send(engine.Action{Type: "reply", ID: m.ID, Address: map[string]string{"request": m.ID, "status": "201"}, Body: []byte(`{"call":"desk-7"}`)})
	})
	for _, tc := range []struct {
		name, ca, token, scheme string
		want                    string
	}{
		{"trusted", certificate, secret, "https", `"status":201,"body":{"call":"desk-7"}}`},
		{"a wrong token", certificate, "wrong", "https", `"reason":"the server answers HTTP 401 Unauthorized"`},
		{"not trusted", "", secret, "https", `is signed by an authority that is not trusted: name the CA's certificate in ca_file`},
		{"plain HTTP", "", secret, "http", `"reason":"the server answers HTTP 400 Bad Request"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ours := start(t, Config{URL: tc.scheme + "://" + desk.address, CAFile: tc.ca, Token: tc.token, RetryFor: time.Nanosecond}, nil)
			ours.Send(engine.Action{Type: "call", ID: "id-1", Call: "c1", Body: []byte(`{"call":"c1"}`)})
			if m := <-ours.got; !strings.Contains(string(m.Body), tc.want) || m.Call != "c1" {
				t.Errorf("got %s of %q, want %s", m.Body, m.Call, tc.want)
			}
		})
	}
	if asked := <-desk.got; gjson.GetBytes(asked.Body, "body").Raw != `{"call":"c1"}` {
		t.Errorf("got %s", asked.Body)
	}
}

// started is a transport on a real network.
type started struct {
	*Transport
	address string // of a server
	got     chan engine.Message
}

func start(t *testing.T, cfg Config, rules func(*Transport, engine.Message)) *started {
	t.Helper()
	tr, err := New("desk", cfg, Options{Format: desk})
	if err != nil {
		t.Fatal(err)
	}
	s := &started{Transport: tr, got: make(chan engine.Message, 100)}
	up := make(chan struct{})
	tr.listen = func(network, _ string) (net.Listener, error) {
		l, err := net.Listen(network, "127.0.0.1:0")
		if err == nil {
			s.address = l.Addr().String()
		}
		return l, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := tr.Run(ctx, func(batch []engine.Message) {
			for _, m := range batch {
				if m.Type == engine.TransportUp {
					close(up)
					continue
				}
				if rules != nil {
					rules(tr, m)
				}
				s.got <- m
			}
		}); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	<-up
	return s
}
