// Package phones runs real telephony for tests, all of it on the loopback
// interface and gone with the test: Janus as the gateway between WebRTC and SIP,
// baresip as telephones, sipp as far ends that do just what a script says, and
// between them an [Exchange], which is a registrar and a proxy in Go.
//
// The programs are Debian's packages janus, baresip-core and sip-tester. Where
// one of them is missing the test is skipped, unless the environment says CI:
// there it fails. They need no rights, no configuration of the machine and no
// ports but free ones, so that several tests run at once.
package phones

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience is how long something may take that must happen.
const patience = time.Minute

// packages are where the programs come from.
var packages = map[string]string{"janus": "janus", "baresip": "baresip-core", "sipp": "sip-tester", "gcc": "gcc"}

// need skips the test, or fails it in CI, where a program is missing.
func need(t testing.TB, programs ...string) {
	t.Helper()
	var missing []string
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, packages[name])
		}
	}
	if len(missing) > 0 {
		unavailable(t, "real telephones are missing: apt-get install --no-install-recommends "+strings.Join(missing, " "))
	}
}

func unavailable(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// soon is the time that something has which must happen.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
