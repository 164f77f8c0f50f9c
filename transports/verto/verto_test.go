package verto

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vertigo/engine"
)

func TestWrongConfigurationIsRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		cfg  Config
		want string // "": fine
	}{
		{"one account", Config{URL: "ws://pbx.test:8081/", Login: "a", Password: "b"}, ""},
		{"a list of accounts", Config{URL: "wss://pbx.test", Accounts: []Account{{"a", "b"}, {"c", "d"}}}, ""},
		{"both", Config{URL: "WSS://pbx.test", Login: "a", Password: "b", Accounts: []Account{{"c", "d"}}}, ""},
		{"no url", Config{Login: "a", Password: "b"}, "url is missing"},
		{"a web address", Config{URL: "https://pbx.test", Login: "a", Password: "b"}, `the scheme must be ws or wss, not "https"`},
		{"a bare host", Config{URL: "pbx.test:8081", Login: "a", Password: "b"}, "the scheme must be ws or wss"},
		{"no host", Config{URL: "ws://:8081", Login: "a", Password: "b"}, "names no host"},
		{"no URL at all", Config{URL: "ws://%", Login: "a", Password: "b"}, "url is not a URL"},
		{"a password in the url", Config{URL: "ws://a:b@pbx.test", Login: "a", Password: "b"}, "belong in login and password"},
		{"no login", Config{URL: "ws://pbx.test", Password: "b"}, "login is missing"},
		{"nobody", Config{URL: "ws://pbx.test"}, "login is missing"},
		{"no password", Config{URL: "ws://pbx.test", Login: "a"}, "password of a is missing"},
		{"one account twice", Config{URL: "ws://pbx.test", Login: "a", Password: "b", Accounts: []Account{{"a", "b"}}}, "login a stands twice"},
		{"no CA file", Config{URL: "wss://pbx.test", Login: "a", Password: "b", CAFile: "/does/not/exist"}, "ca_file: open /does/not/exist"},
		{"an empty CA file", Config{URL: "wss://pbx.test", Login: "a", Password: "b", CAFile: empty}, "holds no certificate"},
		{"a negative size", Config{URL: "ws://pbx.test", Login: "a", Password: "b", MaxMessage: -1}, "max_message is negative"},
		{"a negative time", Config{URL: "ws://pbx.test", Login: "a", Password: "b", Pace: -1}, "pace is negative"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := New("pbx", test.cfg, Options{})
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestRunFailsOnlyForItsStateFile(t *testing.T) {
	cfg := Config{URL: "ws://pbx.test", Login: "a", Password: "b"}
	client, err := New("pbx", cfg, Options{StateFile: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Run(context.Background(), func([]engine.Message) {}); err == nil {
		t.Error("a directory did as a state file")
	}
}
