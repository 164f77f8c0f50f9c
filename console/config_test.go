package console

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want []string // what each error begins with; none: it is well
	}{
		{"no console", Config{}, nil},
		{"this machine", Config{Listen: "127.0.0.1:7480"}, nil},
		{"this machine, all of 127", Config{Listen: "127.1.2.3:7480"}, nil},
		{"this machine, version 6", Config{Listen: "[::1]:7480"}, nil},
		{"this machine by name", Config{Listen: "localhost:7480"}, nil},
		{"all addresses with a password", Config{Listen: ":7480", Password: "p"}, nil},
		{"all addresses with a token", Config{Listen: "0.0.0.0:7480", Token: "t", Hosts: []string{"vertigo.example.org"}}, nil},
		{"all addresses", Config{Listen: ":7480"}, []string{"listen is not on this machine alone"}},
		{"all addresses of version 6", Config{Listen: "[::]:7480"}, []string{"listen is not on this machine alone"}},
		{"an address of the network", Config{Listen: "192.0.2.1:7480"}, []string{"listen is not on this machine alone"}},
		{"a name that says localhost", Config{Listen: "localhost.example.org:7480"}, []string{"listen is not on this machine alone"}},
		{"no port", Config{Listen: "127.0.0.1"}, []string{"listen must be an address and a port"}},
		{"a port that is none", Config{Listen: "127.0.0.1:http"}, []string{"listen must be an address and a port"}},
		{"a password alone", Config{Password: "p"}, []string{"listen is missing"}},
		{"hosts alone", Config{Hosts: []string{"a"}}, []string{"listen is missing"}},
		{"a host with a scheme", Config{Listen: "127.0.0.1:1", Hosts: []string{"https://a"}}, []string{`hosts has "https://a"`}},
		{"a host with a port", Config{Listen: "127.0.0.1:1", Hosts: []string{"a:1", "*"}}, []string{`hosts has "a:1"`, `hosts has "*"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			if err := c.cfg.Check(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(c.want) {
				t.Fatalf("%q, want %q", got, c.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("%q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}
