package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"vertigo/internal/bridgetest"
	"vertigo/transports/matrix/hometest"
)

// A bridge is `vertigo run` as an operator starts it, and starts again.
type bridge struct{ *bridgetest.Bridge }

// settings are what the tests vary of a configuration.
type settings struct {
	matrix string   // the table [transport.matrix], but for its kind
	env    []string // what it refers to

	url, login, password, caFile string
	more                         string // of [transport.pbx], and tables after it
	rules                        string
	captures                     bool
}

// asBot is the table of a bridge that is one user.
func asBot(account *hometest.User, homeserver string) settings {
	planted.credential("the bot's token", account.Token)
	return settings{
		matrix: fmt.Sprintf("homeserver = %q\nuser = %q\ntoken = \"env:E2E_MATRIX_TOKEN\"\n", homeserver, account.ID),
		env:    []string{"E2E_MATRIX_TOKEN=" + account.Token},
	}
}

// newBridge makes a directory for a bridge. It stays until all tests are over:
// then it is searched for secrets.
func newBridge(t testing.TB) *bridge {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Join(suiteDir, "bridges"), "*")
	if err != nil {
		t.Fatal(err)
	}
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return &bridge{bridgetest.New(program, dir)}
}

// startBridge writes a configuration and runs the bridge with it until the test
// ends. It does not wait for the bridge to be ready.
func startBridge(t testing.TB, s settings) *bridge {
	t.Helper()
	b := newBridge(t)
	b.configure(t, s)
	b.Start(t)
	b.StopsWith(t)
	return b
}

// configure writes all that the bridge reads.
func (b *bridge) configure(t testing.TB, s settings) {
	t.Helper()
	config := fmt.Sprintf(`
rules = ["rules.toml"]

[log]
level = "debug"

[transport.matrix]
kind = "matrix"
%s
[transport.pbx]
kind     = "verto"
group    = "verto"
url      = %q
login    = %q
password = "file:verto-password"
`, s.matrix, s.url, s.login)
	if s.caFile != "" {
		config += fmt.Sprintf("ca_file = %q\n", s.caFile)
	}
	config += s.more
	if s.captures {
		config += "\n[capture]\ndir = \"captures\"\n"
	}
	b.Write(t, "vertigo.toml", config)
	b.Write(t, "verto-password", s.password+"\n")
	b.Write(t, "rules.toml", s.rules)
	b.Env = s.env
}

// restart stops the bridge as an operator does, and starts it again.
func (b *bridge) restart(t testing.TB) {
	t.Helper()
	b.Stop(t, syscall.SIGTERM)
	b.Start(t)
	b.ready(t)
}

// forget restarts the bridge without anything that it remembered.
func (b *bridge) forget(t testing.TB) {
	t.Helper()
	b.Stop(t, syscall.SIGTERM)
	if err := os.RemoveAll(filepath.Join(b.Dir, "state")); err != nil {
		t.Fatal(err)
	}
	b.Start(t)
	b.ready(t)
}

// ready waits until this run is connected to both sides.
func (b *bridge) ready(t testing.TB) { t.Helper(); b.Ready(t, "matrix", "pbx") }
