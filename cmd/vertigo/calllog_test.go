package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vertigo/engine"
	"vertigo/transports/calllog"
)

// recordRules leave a record of each call that ends.
const recordRules = `
[[rule]]
name = "begins"
on   = "matrix m.call.invite"
new  = true
next = "talking"
[[rule]]
name = "ends"
on   = "matrix m.call.hangup"
next = "end"
[[rule]]
name = "record"
on   = "engine call.end"
send = [{ to = "calllog", type = "call", body = { key = '${ call.matrix.key }', duration = '${ msg.duration }' } }]
`

// A lastWord is a transport that has a message to deliver after it was told to
// stop.
type lastWord struct{ *fakeTransport }

func (l lastWord) Run(ctx context.Context, deliver func([]engine.Message)) error {
	err := l.fakeTransport.Run(ctx, deliver)
	deliver([]engine.Message{event("m.call.invite", "three", "")})
	return err
}

func TestEachCallLeavesARecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.ndjson")
	synctest.Test(t, func(t *testing.T) {
		b := newTestBridge(t, BridgeOptions{})
		b.rules = recordRules
		set, found := b.load()
		if set == nil {
			t.Fatal(found)
		}
		log := calllog.New(calllog.Name, calllog.Config{File: file}, calllog.Options{})
		b.matrix.linger = time.Second
		b.Bridge = NewBridge(map[string]Transport{"matrix": lastWord{b.matrix}, calllog.Name: log}, set, b.opts)
		stop := b.start(t)
		b.matrix.in <- []engine.Message{event("m.call.invite", "one", ""), event("m.call.invite", "two", "")}
		time.Sleep(3 * time.Second)
		b.matrix.in <- []engine.Message{event("m.call.hangup", "two", "")}
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Error(err)
		}
		log.Close()
	})
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"key":"two","duration":3000}
{"key":"one","duration":4000}
{"key":"three","duration":0}
`
	if string(text) != want {
		t.Errorf("the file has\n%swant\n%s", text, want)
	}
}

func TestWhereRecordsAreKept(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{``, "state/calls.ndjson"},
		{`state = "/var/lib/vertigo"`, "/var/lib/vertigo/calls.ndjson"},
		{"[calllog]\nfile = \"log/calls\"", "log/calls"},
		{"[calllog]\nfile = \"/log/calls\"", "/log/calls"},
		{"[calllog]\nfile = \"off\"", "off"},
	} {
		dir := t.TempDir()
		name := filepath.Join(dir, "vertigo.toml")
		if err := os.WriteFile(name, []byte(tt.text+"\n[transport.verto]\nkind = \"verto\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := readConfig(name, withoutSecrets)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimPrefix(cfg.CallLog.File, dir+"/"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestADryRunPrintsRecords(t *testing.T) {
	var out strings.Builder
	p := &program{cfg: &config{}, dryRun: true, std: streams{out: &out}}
	p.dry(p.cfg.peers())(engine.Action{To: calllog.Name, Type: "call", Rule: "record", Body: []byte(`{"user":"@anna:hs1"}`)})
	want := `"transport":"calllog","dir":"out","rule":"record","data":{"type":"call","content":{"user":"@anna:hs1"}}}` + "\n"
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}
