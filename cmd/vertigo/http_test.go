package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// deskRules answer a question, hear of something else, and say where both are
// told apart.
func deskRules(typ string) string {
	return fmt.Sprintf(`
[protocol.desk]
type = %q
[[rule]]
name = "the desk asks"
on   = "desk may"
send = [{ to = "desk", type = "reply", request = '${ msg.request }', status = "403", body = { why = '${ msg.query.who }' } }]
[[rule]]
name = "the desk tells"
on   = "desk told"
`, typ)
}

// A request has its answer by the time that the rules are done with it; and those
// of a reload say how it is read.
func TestRequestsAreAnsweredByRules(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	write("vertigo.toml", fmt.Sprintf("[transport.desk]\nkind = \"http-json\"\nlisten = %q\n", address))
	write("rules.toml", deskRules("body.event"))
	p := startProcess(t, dir, "run")
	p.until("msg=listens")
	ask := func(body, want string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/?who=anna", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if got := fmt.Sprintf("%d %s", resp.StatusCode, text); got != want || err != nil {
			t.Errorf("%s: got %s, %v; want %s", body, got, err, want)
		}
	}
	ask(`{"event":"may"}`, `403 {"why":"anna"}`)
	ask(`{"event":"told"}`, `202 `)
	write("rules.toml", deskRules("body.kind"))
	p.signal(syscall.SIGHUP)
	p.until(`msg="rules reloaded"`)
	ask(`{"event":"told"}`, `202 `) // by either; then the engine follows the new ones
	ask(`{"event":"may"}`, `202 `)
	ask(`{"kind":"may"}`, `403 {"why":"anna"}`)
	p.signal(os.Interrupt)
	p.until("msg=stopped")
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.seen.String())
	}
}
