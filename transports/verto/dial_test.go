package verto

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// An authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its certificate, in PEM form
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, file}
}

// certificate is one for the names, valid until then.
func (a *authority) certificate(t *testing.T, until time.Time, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveTLS is a Verto server that takes every login, on loopback.
func serveTLS(t *testing.T, cert tls.Certificate) (wss string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = ws.Close() }()
		for {
			_, data, err := ws.ReadMessage()
			if err != nil {
				return
			}
			m := gjson.ParseBytes(data)
			if m.Get("method").String() != "login" {
				continue
			}
			for _, text := range []string{
				fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{}}`, m.Get("id").Raw),
				`{"jsonrpc":"2.0","id":1,"method":"verto.clientReady","params":{"reattached_sessions":[]}}`,
			} {
				if ws.WriteMessage(websocket.TextMessage, []byte(text)) != nil {
					return
				}
			}
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what some tests want
	server.StartTLS()
	t.Cleanup(server.Close)
	return "wss://" + server.Listener.Addr().String()
}

// awaitLog is a log whose lines can be waited for.
type awaitLog struct{ lines chan string }

func (l *awaitLog) Write(p []byte) (int, error) {
	l.lines <- string(p)
	return len(p), nil
}

func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	tomorrow, yesterday := time.Now().Add(24*time.Hour), time.Now().Add(-24*time.Hour)
	tests := []struct {
		name string
		cert tls.Certificate
		host string // "": 127.0.0.1
		cfg  Config
		want string // in the line that tells why not; "": connected
	}{
		{"own CA", ca.certificate(t, tomorrow, "127.0.0.1"), "", Config{CAFile: ca.file}, ""},
		{"own CA, by name", ca.certificate(t, tomorrow, "localhost"), "localhost", Config{CAFile: ca.file}, ""},
		{"unknown CA", ca.certificate(t, tomorrow, "127.0.0.1"), "", Config{}, "authority that is not trusted: name the CA's certificate in ca_file"},
		{"another CA", ca.certificate(t, tomorrow, "127.0.0.1"), "", Config{CAFile: other.file}, "authority that is not trusted"},
		{"another name", ca.certificate(t, tomorrow, "pbx.example.org", "10.0.0.1"), "", Config{CAFile: ca.file}, `is not for \"127.0.0.1\" but for pbx.example.org, 10.0.0.1: put a name that it holds in url`},
		{"expired", ca.certificate(t, yesterday, "127.0.0.1"), "", Config{CAFile: ca.file}, yesterday.UTC().Format(time.DateOnly) + ", not now: renew it"},
		{"not checked", other.certificate(t, yesterday, "pbx.example.org"), "", Config{InsecureSkipVerify: true}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := test.cfg
			cfg.URL, cfg.Login, cfg.Password = serveTLS(t, test.cert), "a", "b"
			if test.host != "" {
				cfg.URL = strings.Replace(cfg.URL, "127.0.0.1", test.host, 1)
			}
			line, warned := firstWord(t, cfg)
			switch {
			case test.want == "" && !strings.Contains(line, "msg=connected"):
				t.Errorf("not connected: %s", line)
			case test.want != "" && (!strings.Contains(line, `msg="not connected"`) || !strings.Contains(line, test.want)):
				t.Errorf("got %s\nwant %q in it", line, test.want)
			}
			if warned != cfg.InsecureSkipVerify {
				t.Errorf("warned of an unchecked certificate: %v", warned)
			}
		})
	}
}

// firstWord runs a client until it has said how its first try went.
func firstWord(t *testing.T, cfg Config) (line string, warned bool) {
	t.Helper()
	said := &awaitLog{lines: make(chan string, 100)}
	client, err := New("pbx", cfg, Options{Log: slogTo(said)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := client.Run(ctx, func([]engine.Message) {}); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	defer func() {
		cancel()
		<-done
	}()
	for {
		select {
		case line = <-said.lines:
		case <-ctx.Done():
			t.Fatal("nothing was logged")
		}
		if !strings.Contains(line, "insecure_skip_verify is on") {
			return line, warned
		}
		warned = true
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	op := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	tests := []struct {
		name, url string
		err       error
		resp      *http.Response
		want      string
	}{
		{"refused", "ws://pbx.test:8081", op(syscall.ECONNREFUSED), nil, "nothing listens at pbx.test:8081: check that FreeSWITCH runs"},
		{"unknown host", "ws://pbx.test:8081", op(&net.DNSError{Name: "pbx.test", IsNotFound: true}), nil, "no address is known for pbx.test: check the host in url"},
		{"no answer", "wss://pbx.test", op(os.ErrDeadlineExceeded), nil, "no answer from pbx.test:443 within 10s"},
		{"no answer in the handshake", "ws://pbx.test", context.DeadlineExceeded, nil, "no answer from pbx.test:80 within 10s"},
		{"a web server", "ws://pbx.test:80", websocket.ErrBadHandshake, &http.Response{StatusCode: 404}, "pbx.test:80 answers HTTP 404, not WebSocket: is this the port of mod_verto?"},
		{"not a TLS port", "wss://pbx.test:8081", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, nil, "pbx.test:8081 does not speak TLS: use the wss:// port, or ws:// in url"},
		{"a TLS port", "ws://pbx.test:8082", io.ErrUnexpectedEOF, nil, "and whether the port is a wss:// one"},
		{"shut out", "wss://pbx.test:8082", op(syscall.ECONNRESET), nil, "check mod_verto's connection ACL"},
		{"not HTTP", "ws://pbx.test:22", errors.New(`malformed HTTP response "SSH-2.0"`), nil, "does not speak WebSocket"},
		{"a certificate for nothing", "wss://pbx.test", x509.HostnameError{Certificate: new(x509.Certificate), Host: "pbx.test"}, nil, "but for no name at all"},
		{"a certificate for clients", "wss://pbx.test", x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}, nil, "the certificate of pbx.test:443 does not do"},
		{"anything else", "ws://pbx.test:8081", op(syscall.EHOSTUNREACH), nil, "pbx.test:8081: dial tcp: no route to host"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := advice.Explain(test.err, test.resp, test.url, 10*time.Second).Error()
			if !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q in it", got, test.want)
			}
		})
	}
}

func TestWrongPortsOfRealServersAreTold(t *testing.T) {
	plain := httptest.NewUnstartedServer(http.NotFoundHandler())
	plain.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain.Start()
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for from, want := range map[string]string{
		strings.Replace(plain.URL, "http:", "ws:", 1):   "answers HTTP 404, not WebSocket",
		strings.Replace(plain.URL, "http:", "wss:", 1):  "does not speak TLS",
		strings.Replace(secure.URL, "https:", "ws:", 1): "answers HTTP 400, not WebSocket",
		strings.Replace(gone.URL, "http:", "ws:", 1):    "nothing listens at",
	} {
		u, err := url.Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		line, _ := firstWord(t, Config{URL: u.String(), Login: "a", Password: "b"})
		if !strings.Contains(line, want) {
			t.Errorf("%s: got %s, want %q in it", from, line, want)
		}
	}
}
