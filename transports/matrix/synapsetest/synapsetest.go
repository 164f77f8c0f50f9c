// Package synapsetest runs a real Matrix homeserver for tests: a Synapse with
// SQLite, on the loopback interface, with a data directory of its own. Media,
// federation, presence, the user directory and reports are off.
//
// The first test that asks for one installs it from the Python package index,
// which takes half a minute; it stays in the user's cache directory. It needs
// python3, 3.10 or later, with venv. Where it cannot be had the test is skipped,
// unless the environment says CI: there it fails.
//
// A start takes about two seconds, nearly all of them Python importing Synapse.
package synapsetest

import (
	"crypto/rand"
	_ "embed"
	"path/filepath"
	"testing"

	"vertigo/transports/matrix/hometest"
)

//go:embed launch.py
var launcher []byte

// Start starts a homeserver that ends with the test, and also if the test
// binary dies before it can clean up. It takes one set of options, or none.
func Start(t testing.TB, o ...hometest.Options) *hometest.Server {
	t.Helper()
	python, err := install()
	if err != nil {
		hometest.Unavailable(t, hometest.Synapse, err)
	}
	var opts hometest.Options
	if len(o) > 0 {
		opts = o[0]
	}
	s := &synapse{dir: t.TempDir(), python: python, secret: rand.Text(), limited: opts.RateLimits}
	s.registrations, err = opts.WriteRegistrations(filepath.Join(s.dir, "appservices"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("synapse does not stop: %v", err)
		}
	})
	return hometest.New(t, hometest.Synapse, s.secret, s)
}
