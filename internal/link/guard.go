package link

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// A Credential is what a client shows to a server, over HTTP: a token, or a
// user's password. Of one that is empty neither is asked.
type Credential struct {
	Token    string // Authorization: Bearer
	User     string // HTTP basic authentication
	Password string // likewise
}

// Check finds what does not go together. The error begins with the setting's key.
func (c Credential) Check() error {
	switch {
	case c.Token != "" && (c.User != "" || c.Password != ""):
		return errors.New("token and password are both set: there is one Authorization header")
	case c.User != "" && c.Password == "":
		return errors.New("password is missing: a user has one")
	case strings.Contains(c.User, ":"):
		return errors.New("user holds a colon, where HTTP begins the password")
	}
	return nil
}

// IsSet says whether there is anything to show.
func (c Credential) IsSet() bool { return c.Token != "" || c.Password != "" }

// Header is what stands after "Authorization: "; "" for nothing to show.
func (c Credential) Header() string {
	switch {
	case c.Token != "":
		return "Bearer " + c.Token
	case c.Password != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password))
	}
	return ""
}

// Shown says whether the request shows it; of a password without a user any
// user name will do. It takes a time that tells neither the secret nor its length.
func (c Credential) Shown(r *http.Request) bool {
	if !c.IsSet() {
		return true
	}
	if user, password, ok := r.BasicAuth(); ok {
		return c.Password != "" && same(password, c.Password) && (c.User == "" || same(user, c.User))
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return ok && strings.EqualFold(scheme, "Bearer") && c.Token != "" && same(token, c.Token)
}

// Rebound says whether a request came under a name where nothing has to be shown:
// then only this machine is let in, by its address or as localhost, and a name is
// that of a page which had it point here, to talk to us as to its own server.
func (c Credential) Rebound(r *http.Request) bool {
	if c.IsSet() {
		return false
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	_, err = netip.ParseAddr(host)
	return err != nil && !strings.EqualFold(host, "localhost")
}

// Refuse answers a request that does not show it.
func (c Credential) Refuse(w http.ResponseWriter) {
	scheme := "Bearer"
	if c.Password != "" {
		scheme = "Basic"
	}
	w.Header().Set("WWW-Authenticate", scheme+` realm="Vertigo"`)
	http.Error(w, "token or password missing or wrong", http.StatusUnauthorized)
}

func same(given, secret string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// A Door is where a server listens, and with which certificate.
type Door struct {
	Listen   string // address and port; :PORT for all addresses
	CertFile string // PEM, with the certificates between; for TLS
	KeyFile  string // PEM
}

// Check finds what is wrong with a door that lets in who shows c. The error
// begins with the setting's key.
func (d Door) Check(c Credential) error {
	host, port, err := net.SplitHostPort(d.Listen)
	n, portErr := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || portErr != nil || n == 0:
		return errors.New(`listen must be an address and a port, such as "127.0.0.1:7490"`)
	case !isLoopback(host) && !c.IsSet():
		return errors.New("listen is not on this machine alone, so that everybody who reaches the port could say anything: set a token or a password, or listen on 127.0.0.1")
	case (d.CertFile == "") != (d.KeyFile == ""):
		return errors.New("cert_file and key_file go together: a certificate and its key")
	}
	return nil
}

// TLS reads the certificate; nil where there is none, for plain HTTP.
func (d Door) TLS() (*tls.Config, error) {
	if d.CertFile == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(d.CertFile, d.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("cert_file or key_file cannot be used: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, nil
}

// isLoopback says whether who listens there is reached from this machine alone.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
