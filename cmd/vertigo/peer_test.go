package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/tidwall/gjson"
)

// Two peers that nobody wrote Go for. The rules are for PEER, whose messages have
// their type in the field TYPE.
const (
	peerConfig = `
[transport.good]
kind        = "ws-json"
url         = "%[1]s/good"
subprotocol = "door"
headers     = { X-Door = "front" }

[transport.bad]
kind = "ws-json"
url  = "%[1]s/bad"

[capture]
dir = "captures"
raw = true
`
	peerRules = `
[protocol.PEER]
type        = "TYPE"
key         = "call"
reply       = "id"
answers     = "done"
acknowledge = { ack = '${ msg.ask }' }

[protocol.PEER.envelope]
session = '${ conn.session }'

[[rule]]
name = "PEER: a door is there"
on   = "PEER transport.up"
new  = "connection"
next = "opening"
send = [{ to = "PEER", type = "hello", body = { TYPE = "hello" } }]

[[rule]]
name = "PEER: it has a session"
on   = "PEER hello.done"
in   = "opening"
next = "ready"
conn = { session = 'msg.session' }

[[rule]]
name = "PEER: somebody rings"
on   = "PEER ring"
new  = true
next = "ringing"
set  = { times = 'msg.times + 1' }
send = [{ to = "PEER", type = "open", body = { TYPE = "open", call = '${ msg.call }', times = '${ call.times }' } }]

[[rule]]
name = "PEER: the door is open"
on   = "PEER open.done"
next = "end"
send = [{ to = "PEER", type = "thanks", body = { TYPE = "thanks" } }]
`
)

// A doorway is the server of both peers.
type doorway struct {
	t     *testing.T
	url   string
	doors map[string]chan *door
}

type door struct {
	t     *testing.T
	ws    *websocket.Conn
	heard chan gjson.Result
}

func openDoorway(t *testing.T) *doorway {
	d := &doorway{t: t, doors: map[string]chan *door{"/good": make(chan *door, 10), "/bad": make(chan *door, 10)}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{Subprotocols: []string{"door"}}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		one := &door{t, ws, make(chan gjson.Result, 1000)}
		d.doors[r.URL.Path] <- one
		for {
			_, data, err := ws.ReadMessage()
			if err != nil {
				close(one.heard)
				return
			}
			one.heard <- gjson.ParseBytes(data)
		}
	}))
	t.Cleanup(server.Close)
	d.url = strings.Replace(server.URL, "http:", "ws:", 1)
	return d
}

func (d *doorway) next(path string) *door {
	d.t.Helper()
	select {
	case one := <-d.doors[path]:
		return one
	case <-time.After(time.Minute):
		d.t.Fatalf("nobody connected to %s", path)
		return nil
	}
}

func (d *door) say(format string, args ...any) {
	d.t.Helper()
	if err := d.ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)); err != nil {
		d.t.Fatal(err)
	}
}

// expect waits for a message with that text at a path.
func (d *door) expect(path, text string) gjson.Result {
	d.t.Helper()
	select {
	case m := <-d.heard:
		if got := m.Get(path).String(); got != text {
			d.t.Fatalf("heard %s, want %s %q", m.Raw, path, text)
		}
		return m
	case <-time.After(time.Minute):
		d.t.Fatalf("heard no %s %q", path, text)
		return gjson.Result{}
	}
}

// ring is a whole call, and what the door hears of it.
func (d *door) ring(typ, call, session string) {
	d.t.Helper()
	d.say(`{"%s":"ring","call":%q,"times":41}`, typ, call)
	open := d.expect("call", call)
	if open.Get("times").Raw != "42" || open.Get("session").Raw != session {
		d.t.Errorf("heard %s", open.Raw)
	}
	d.say(`{"%s":"done","id":%s}`, typ, open.Get("id").Raw)
	d.welcome(typ)
}

// welcome is the end of a call.
func (d *door) welcome(typ string) {
	d.t.Helper()
	thanks := d.expect(typ, "thanks")
	d.say(`{"%s":"done","id":%s}`, typ, thanks.Get("id").Raw)
}

func writePeerRules(t *testing.T, dir, typ string) {
	t.Helper()
	text := ""
	for _, peer := range []string{"good", "bad"} {
		text += strings.NewReplacer("PEER", peer, "TYPE", typ).Replace(peerRules)
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func startPeers(t *testing.T) (dir string, d *doorway, p *process) {
	t.Helper()
	dir, d = t.TempDir(), openDoorway(t)
	if err := os.WriteFile(filepath.Join(dir, "vertigo.toml"), fmt.Appendf(nil, peerConfig, d.url), 0o600); err != nil {
		t.Fatal(err)
	}
	writePeerRules(t, dir, "type")
	return dir, d, startProcess(t, dir, "run")
}

// hello opens the session of a door. A whole number of 54 bits stays whole.
func (d *door) hello(session string) {
	d.t.Helper()
	id := d.expect("type", "hello").Get("id")
	d.say(`{"type":"done","id":%s,"session":%s}`, id.Raw, session)
}

// What a peer that means harm says changes nothing but its own counters: of the
// messages that it can send, each is ignored, unmatched or has failed, and what
// the other peer begins and ends is as it was.
func TestAHostilePeerHarmsNobodyElse(t *testing.T) {
	dir, d, p := startPeers(t)
	good, bad := d.next("/good"), d.next("/bad")
	if got := good.ws.Subprotocol(); got != "door" {
		t.Errorf("the subprotocol is %q", got)
	}
	const session = "9007199254740993"
	good.hello(session)
	bad.hello("1")
	good.ring("type", "first", session)
	good.say(`{"type":"ring","call":"lasting","times":41}`)
	lasting := good.expect("call", "lasting")
	for i, said := range []string{
		`open`, ``, `[]`, `{"type":"ring"`, "{\"type\":\"\xff\"}",
		`{"type":"ring","times":1}`,
		`{"type":"ring","call":"bad","times":"many"}`,
		`{"type":"ring","call":"bad","times":{"times":[]}}`,
		`{"type":"ring","call":["lasting"],"times":1}`,
		`{"type":"ring","call":"bad 1e400","times":1e400}`,
		`{"type":["ring"],"call":{},"times":1,"id":{}}`,
		`{"type":"transport.down"}`,
		`{"type":"done","id":` + lasting.Get("id").Raw + `}`,
		`{"type":"done","id":"nobody","call":"lasting"}`,
		`{"type":"ring","type":"done","call":"lasting","call":"first","times":1e999999999}`,
		`{"type":"ring","call":"deep","times":` + strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000) + `}`,
		`{"type":"ring","call":"wide"` + strings.Repeat(`,"times":{}`, 90_000) + `}`,
		`{"type":"ring","call":"long","times":"` + strings.Repeat("1", 5<<20) + `"}`,
		`{"type":"` + strings.Repeat("ring", 1000) + `"}`,
		`{"ask":[{"deep":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}],"type":"ask"}`,
	} {
		bad.say("%s", said)
		good.ring("type", fmt.Sprint("call ", i), session)
	}
	many := &strings.Builder{}
	for i := range 1_000_000 {
		fmt.Fprintf(many, `,"%d":1`, i)
	}
	bad.say(`{"type":"ring"%s}`, many)
	w, err := bad.ws.NextWriter(websocket.TextMessage) // and one without an end
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, strings.Repeat("[", 20<<20)); err != nil {
		t.Fatal(err)
	}
	good.say(`{"type":"done","id":%s}`, lasting.Get("id").Raw)
	good.welcome("type")
	good.ring("type", "last", session)

	// New calls speak what the rules declare now.
	writePeerRules(t, dir, "kind")
	p.signal(syscall.SIGHUP)
	p.until(`msg="rules reloaded"`)
	good.ring("kind", "anew", session)
	p.signal(syscall.SIGTERM)
	p.until("msg=stopped")
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.seen.String())
	}
	for _, line := range strings.Split(p.seen.String(), "\n") {
		if strings.Contains(line, "transport=good") && (strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR")) {
			t.Errorf("the good one is told of: %s", line)
		}
	}
}

// A capture of a live peer replays as it was, answers and all.
func TestACaptureOfAPeerReplays(t *testing.T) {
	dir, d, p := startPeers(t)
	good, bad := d.next("/good"), d.next("/bad")
	good.hello("709023500888748")
	bad.hello("1")
	for i := range 3 {
		good.ring("type", fmt.Sprint("call ", i), "709023500888748")
	}
	p.signal(syscall.SIGTERM)
	p.until("msg=stopped")
	if code := p.exitCode(); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, p.seen.String())
	}
	files, err := filepath.Glob(filepath.Join(dir, "captures", "*.ndjson"))
	if err != nil || len(files) != 1 {
		t.Fatalf("captures: %q, %v", files, err)
	}
	replay := startProcess(t, dir, "replay", "-c", "vertigo.toml", "--expect", "--format", "json", files[0])
	if code := replay.exitCode(); code != 0 {
		text, _ := io.ReadAll(replay.stderr)
		capture, _ := os.ReadFile(files[0])
		t.Errorf("exit code %d: %s\n%s", code, text, capture)
	}
}
