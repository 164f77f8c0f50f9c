package wsjson

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsThatCannotBe(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	client := Config{URL: "ws://door.test/"}
	server := Config{Listen: "127.0.0.1:7490"}
	for _, test := range []struct {
		name   string
		base   Config
		change func(*Config)
		want   string // "": it can be
	}{
		{"client", client, func(*Config) {}, ""},
		{"server", server, func(*Config) {}, ""},
		{"all of a client", client, func(c *Config) {
			c.URL, c.Headers, c.Subprotocol, c.User, c.Password, c.Ping = "wss://door.test:8443/a?b=c", map[string]string{"X-Door": "front"}, "bell", "anna", "x", time.Minute
		}, ""},
		{"a server for all", server, func(c *Config) { c.Listen, c.Token, c.Path = ":7490", "x", "/bell" }, ""},
		{"nothing", Config{}, func(*Config) {}, "url is missing"},
		{"both", client, func(c *Config) { c.Listen = "127.0.0.1:7490" }, "url and listen are both set"},
		{"no URL", client, func(c *Config) { c.URL = "ws://[/" }, "url is not a URL"},
		{"HTTP", client, func(c *Config) { c.URL = "http://door.test" }, `url http://door.test: the scheme must be ws or wss, not "http"`},
		{"HTTP, and a secret", client, func(c *Config) { c.URL = "https://door.test/?token=hunter2" }, `url https://door.test/: the scheme must be ws or wss, not "https"`},
		{"no host", client, func(c *Config) { c.URL = "ws:///x" }, "url ws:///x names no host"},
		{"a password in the URL", client, func(c *Config) { c.URL = "ws://anna:x@door.test" }, "url holds a user name or password"},
		{"a fragment", client, func(c *Config) { c.URL = "ws://door.test/#a" }, "url ws://door.test/: what follows #"},
		{"two secrets", client, func(c *Config) { c.Token, c.Password = "x", "y" }, "token and password are both set"},
		{"a user alone", client, func(c *Config) { c.User = "anna" }, "password is missing"},
		{"a user with a colon", client, func(c *Config) { c.User, c.Password = "a:b", "x" }, "user holds a colon"},
		{"a header without a name", client, func(c *Config) { c.Headers = map[string]string{"a b": "c"} }, `headers: "a b" is no name`},
		{"a header of two lines", client, func(c *Config) { c.Headers = map[string]string{"A": "b\r\nC: d"} }, "headers: the value of A"},
		{"a header of the handshake", client, func(c *Config) { c.Headers = map[string]string{"sec-websocket-protocol": "bell"} }, "headers: sec-websocket-protocol is one of the transport's own"},
		{"two Authorizations", client, func(c *Config) { c.Headers, c.Token = map[string]string{"authorization": "x"}, "y" }, "headers has Authorization"},
		{"an Authorization of another scheme", client, func(c *Config) { c.Headers = map[string]string{"authorization": "Digest x"} }, ""},
		{"a path for a client", client, func(c *Config) { c.Path = "/" }, "path is for listen"},
		{"a certificate for a client", client, func(c *Config) { c.CertFile = "x" }, "cert_file is for listen"},
		{"a key for a client", client, func(c *Config) { c.KeyFile = "x" }, "key_file is for listen"},
		{"clients of a client", client, func(c *Config) { c.Clients = 1 }, "clients is for listen"},
		{"no CA", client, func(c *Config) { c.CAFile = empty }, "ca_file " + empty + " holds no certificate"},
		{"CA not there", client, func(c *Config) { c.CAFile = empty + "x" }, "ca_file: "},
		{"a subprotocol of two words", client, func(c *Config) { c.Subprotocol = "a, b" }, "subprotocol is one word"},
		{"no time between pings", client, func(c *Config) { c.Ping = -1 }, "ping is negative"},
		{"messages of less than nothing", client, func(c *Config) { c.MaxMessage = -1 }, "max_message is negative"},
		{"answers before the question", client, func(c *Config) { c.RequestTimeout = -1 }, "request_timeout is negative"},
		{"headers of a server", server, func(c *Config) { c.Headers = map[string]string{"A": "b"} }, "headers are for url"},
		{"CA of a server", server, func(c *Config) { c.CAFile = "x" }, "ca_file is for url"},
		{"a path from nowhere", server, func(c *Config) { c.Path = "bell" }, `path "bell" must begin with /`},
		{"no port", server, func(c *Config) { c.Listen = "127.0.0.1" }, "listen must be an address and a port"},
		{"any port", server, func(c *Config) { c.Listen = "127.0.0.1:0" }, "listen must be an address and a port"},
		{"everybody", server, func(c *Config) { c.Listen = ":7490" }, "listen is not on this machine alone"},
		{"a certificate alone", server, func(c *Config) { c.CertFile = "x" }, "cert_file and key_file go together"},
		{"a certificate that is none", server, func(c *Config) { c.CertFile, c.KeyFile = empty, empty }, "cert_file or key_file cannot be used"},
		{"no client", server, func(c *Config) { c.Clients = -1 }, "clients is negative"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := test.base
			test.change(&cfg)
			_, err := New("door", cfg, Options{})
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestAllFaultsAreTold(t *testing.T) {
	_, err := New("door", Config{URL: "x", Token: "a", Password: "b", Ping: -1}, Options{})
	if n := len(strings.Split(err.Error(), "\n")); n != 3 {
		t.Errorf("%d faults are told: %v", n, err)
	}
}

func TestDefaults(t *testing.T) {
	got := Config{URL: "ws://door.test"}.withDefaults()
	want := Config{URL: "ws://door.test", Path: "/", Clients: 16, Ping: 30 * time.Second, MaxMessage: 1 << 20, RequestTimeout: 10 * time.Second}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
