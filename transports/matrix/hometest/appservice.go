package hometest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// An AppService is a bridge as its homeserver knows it: the registration of
// the application service API. Each of several needs an id, tokens, a sender
// and a prefix of its own.
type AppService struct {
	ID      string
	URL     string // where it listens
	ASToken string // it shows this to the homeserver
	HSToken string // the homeserver shows it this
	Sender  string // local part of its own user
	Ghosts  string // local parts of its other users, and of its aliases, begin with this
}

// Registration returns the registration file. The bridge answers for
// m.protocol.pstn, and no limits hold for it.
func (a AppService) Registration() []byte {
	type namespace struct {
		Exclusive bool   `json:"exclusive"`
		Regex     string `json:"regex"`
	}
	mine := regexp.QuoteMeta(a.Ghosts) + ".*:" + regexp.QuoteMeta(ServerName)
	data, err := json.MarshalIndent(map[string]any{ // JSON is YAML
		"id": a.ID, "url": a.URL, "as_token": a.ASToken, "hs_token": a.HSToken,
		"sender_localpart": a.Sender, "rate_limited": false, "protocols": []string{"m.protocol.pstn"},
		"namespaces": map[string]any{
			"users":   []namespace{{true, "^@" + mine + "$"}},
			"aliases": []namespace{{true, "^#" + mine + "$"}},
			"rooms":   []namespace{},
		},
	}, "", "  ")
	if err != nil {
		panic(err) // texts, booleans and lists always marshal
	}
	return append(data, '\n')
}

// WriteRegistrations writes a file into dir, which it makes, for each
// registration of o, and returns their paths.
func (o Options) WriteRegistrations(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var files [][]byte
	for _, a := range o.AppServices {
		files = append(files, a.Registration())
	}
	for _, name := range o.RegistrationFiles {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, data)
	}
	paths := []string{} // not nil, which would be null in a configuration
	for i, data := range files {
		path := filepath.Join(dir, fmt.Sprintf("%02d.yaml", i))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// Ghost registers a user of the bridge a, if need be, and returns it. It acts
// with the bridge's token and has no device.
func (s *Server) Ghost(t testing.TB, a AppService, localpart string) *User {
	t.Helper()
	u := &User{Token: a.ASToken, server: s}
	_, err := u.Do(t.Context(), http.MethodPost, "/_matrix/client/v3/register", map[string]any{
		"type": "m.login.application_service", "username": localpart, "inhibit_login": true,
	})
	var refused *Error
	if err != nil && !(errors.As(err, &refused) && refused.Code == "M_USER_IN_USE") {
		t.Fatal(err)
	}
	u.ID = "@" + localpart + ":" + s.ServerName
	u.masked = true
	return u
}
