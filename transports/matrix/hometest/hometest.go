// Package hometest is what tests know of a Matrix homeserver, whichever it is:
// a [Server], the people on it ([User]) and the bridges it works for
// ([AppService]).
//
// It starts none: packages dendritetest and synapsetest do, and package
// homeservers tells one story on both, and on the one of package matrixtest. What
// differs between them is written down there.
package hometest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// ServerName is the part after the colon of every user id: tests write
// registrations before a homeserver runs.
const ServerName = "hs.test"

// A Kind says which homeserver it is.
type Kind string

// The homeservers there are.
const (
	Dendrite   Kind = "dendrite"
	Synapse    Kind = "synapse"
	Matrixtest Kind = "matrixtest" // in this process
)

// Options are what a homeserver is started with.
type Options struct {
	AppServices       []AppService // registered with it
	RegistrationFiles []string     // the same, as YAML files; read once, at the start
	RateLimits        bool         // the homeserver's own limits are on
}

// A Server is one running homeserver.
type Server struct {
	URL        string
	ServerName string
	Kind       Kind

	secret  string
	program Program
	http    *http.Client
}

// A Program is a homeserver to be run. It ends by itself with the test.
type Program interface {
	// Start returns where the homeserver is, once it answers there: at every
	// start the same place.
	Start() (url string, err error)

	// Stop stops it, and keeps all that it knows.
	Stop() error
}

// A Registrar is a [Program] that makes users by itself, without a secret.
type Registrar interface {
	AddUser(name, password string) (id string)
}

// New starts p. Users are registered with secret, the shared secret of p, unless
// p is a [Registrar].
func New(t testing.TB, kind Kind, secret string, p Program) *Server {
	t.Helper()
	s := &Server{
		ServerName: ServerName, Kind: kind, secret: secret, program: p,
		http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}},
	}
	t.Cleanup(s.http.CloseIdleConnections)
	s.Resume(t)
	return s
}

// Stop stops the homeserver as a restart would: [Server.Resume] brings it back
// at the same URL, with all that it knew.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.program.Stop(); err != nil {
		t.Fatalf("%s does not stop: %v", s.Kind, err)
	}
}

// Resume starts the homeserver again after [Server.Stop].
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	url, err := s.program.Start()
	if err != nil {
		t.Fatalf("%s does not start: %v", s.Kind, err)
	}
	s.URL = url
}

// Register makes a user of that local name and returns it, logged in. The
// password must have 8 characters or more.
func (s *Server) Register(t testing.TB, name, password string) *User {
	t.Helper()
	const path = "/_synapse/admin/v1/register"
	u := &User{server: s}
	if p, ok := s.program.(Registrar); ok {
		got := u.must(t, http.MethodPost, "/_matrix/client/v3/login", map[string]any{
			"type": "m.login.password", "password": password,
			"identifier": map[string]string{"type": "m.id.user", "user": p.AddUser(name, password)},
		})
		return u.as(got)
	}
	nonce := u.must(t, http.MethodGet, path, nil).Get("nonce").String()
	mac := hmac.New(sha1.New, []byte(s.secret))
	fmt.Fprintf(mac, "%s\x00%s\x00%s\x00notadmin", nonce, name, password)
	got := u.must(t, http.MethodPost, path, map[string]any{
		"nonce": nonce, "username": name, "password": password, "admin": false,
		"mac": hex.EncodeToString(mac.Sum(nil)),
	})
	return u.as(got)
}

// as makes u whom the reply to a login or registration says.
func (u *User) as(got gjson.Result) *User {
	u.ID, u.Token, u.Device = got.Get("user_id").String(), got.Get("access_token").String(), got.Get("device_id").String()
	return u
}

// Unavailable skips a test that cannot have its homeserver, unless the
// environment says CI: there it fails.
func Unavailable(t testing.TB, kind Kind, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("no %s to test with: %v", kind, err)
	}
	t.Skipf("no %s to test with: %v", kind, err)
}
