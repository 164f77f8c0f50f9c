package httpjson

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsThatGoTogether(t *testing.T) {
	for name, cfg := range map[string]Config{
		"a server":                     {URL: "https://crm.example.org/api?v=2", Method: "PATCH", Token: "t", Headers: map[string]string{"X-Key": "k"}},
		"a header in place of a token": {URL: "http://[::1]:8080", Headers: map[string]string{"authorization": "Key k"}},
		"this machine alone":           {Listen: "127.0.0.1:7490"},
		"everybody with a password":    {Listen: ":7490", Path: "/hook", Password: "p"},
		"both ways":                    {URL: "http://crm.example.org", Listen: "localhost:7490", Token: "t", Headers: map[string]string{"Authorization": "Bearer u"}},
	} {
		if _, err := New("x", cfg, Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFaultsInSettings(t *testing.T) {
	noCA := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noCA, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "url is missing: it is http://HOST:PORT/ or https://HOST:PORT/ of the server, or else listen says where requests come to"},
		{Config{URL: "ftp://x"}, `url ftp://x: the scheme must be http or https, not "ftp"`},
		{Config{URL: "http://user:word@x"}, "url holds a user name or password: they belong in user and password"},
		{Config{URL: "http:///x"}, "url http:///x names no host"},
		{Config{URL: "ws://x/?token=hunter2"}, `url ws://x/: the scheme must be http or https, not "ws"`},
		{Config{URL: "http://x/#y"}, "url http://x/: what follows # never reaches a server"},
		{Config{URL: "http://x:y"}, "url is not a URL; it should read http://HOST:PORT/ or https://HOST:PORT/"},
		{Config{URL: "http://x", Method: "GET"}, `method "GET" is none of POST, PUT, PATCH`},
		{Config{URL: "http://x", Headers: map[string]string{"a b": "c"}}, `headers: "a b" is no name of a header`},
		{Config{URL: "http://x", Headers: map[string]string{"a": "b\r\nc: d"}}, "headers: the value of a holds what no header can"},
		{Config{URL: "http://x", Headers: map[string]string{"idempotency-key": "1"}}, "headers: idempotency-key is one of the transport's own"},
		{Config{URL: "http://x", Token: "t", Headers: map[string]string{"authorization": "1"}}, "headers has Authorization, and so have token or password"},
		{Config{URL: "http://x", Token: "t", Password: "p"}, "token and password are both set: there is one Authorization header"},
		{Config{URL: "http://x", Path: "/a"}, "path is for listen: that of the server stands in url, and a rule's send may add to it"},
		{Config{URL: "http://x", CertFile: "a"}, "cert_file is for listen: nothing is shown to the server"},
		{Config{URL: "http://x", KeyFile: "a"}, "key_file is for listen: nothing is shown to the server"},
		{Config{URL: "http://x", CAFile: noCA}, "ca_file " + noCA + " holds no certificate in PEM form"},
		{Config{URL: "http://x", Timeout: -1, RetryFor: -1, MaxMessage: -1}, "max_message is negative\ntimeout is negative\nretry_for is negative"},
		{Config{Listen: "127.0.0.1:1", Path: "a"}, `path "a" must begin with /`},
		{Config{Listen: "127.0.0.1:1", Method: "POST"}, "method is for url: requests that come are POST"},
		{Config{Listen: "127.0.0.1:1", Headers: map[string]string{"a": "b"}}, "headers are for url: answers have none of their own"},
		{Config{Listen: "127.0.0.1:1", CAFile: noCA}, "ca_file is for url: who comes shows no certificate"},
		{Config{Listen: "127.0.0.1:1", Timeout: 1}, "timeout is for url"},
		{Config{Listen: "127.0.0.1:1", RetryFor: 1}, "retry_for is for url"},
		{Config{Listen: ":1"}, "listen is not on this machine alone, so that everybody who reaches the port could say anything: set a token or a password, or listen on 127.0.0.1"},
		{Config{Listen: "x", Method: "GET", Token: "t"}, "method is for url: requests that come are POST\nlisten must be an address and a port, such as \"127.0.0.1:7490\""},
	} {
		if _, err := New("x", tc.cfg, Options{}); err == nil || err.Error() != tc.want {
			t.Errorf("%+v: got %v, want %s", tc.cfg, err, tc.want)
		}
	}
	if _, err := New("x", Config{Listen: ":1", Token: "t", CertFile: noCA, KeyFile: noCA}, Options{}); err == nil || !strings.HasPrefix(err.Error(), "cert_file or key_file cannot be used: ") {
		t.Error(err)
	}
}

func TestDefaults(t *testing.T) {
	want := Config{Method: "POST", Timeout: 10 * time.Second, RetryFor: 15 * time.Minute, Path: "/", MaxMessage: 1 << 20}
	if d := cmp.Diff(want, Config{}.withDefaults()); d != "" {
		t.Error(d)
	}
}

// What those show who come is not told to the server.
func TestACredentialIsForOneWay(t *testing.T) {
	there := Config{URL: "http://x", Token: "t"}.header().Get("Authorization")
	both := Config{URL: "http://x", Listen: "127.0.0.1:1", Token: "t"}.header()
	if there != "Bearer t" || both.Get("Authorization") != "" {
		t.Errorf("got %q and %q", there, both.Get("Authorization"))
	}
	own := Config{URL: "http://x", Headers: map[string]string{"content-type": "application/cloudevents+json", "Host2": "a"}}.header()
	names := slices.Sorted(maps.Keys(own))
	if d := cmp.Diff([]string{"Accept", "Content-Type", "Host2", "User-Agent"}, names); d != "" || own.Get("Content-Type") != "application/cloudevents+json" {
		t.Error(d, own)
	}
	if own.Get("accept") != "application/json" || http.CanonicalHeaderKey(idempotencyKey) != idempotencyKey {
		t.Error(own)
	}
}
