package scenario_test

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/scenario"
)

const secretRules = `
[protocol.door]
type = "kind"
key  = "line"

[vars]
sent       = "geheim-1"
doorSecret = "geheim-3"

[[rule]]
name = "somebody knows the code"
on   = "door ring"
when = 'msg.secret == vars.doorSecret'
new  = true
next = "end"
send = { to = "door", type = "open" }

[[rule]]
name = "somebody rings"
on   = "door ring"
new  = true
next = "end"
send = { to = "door", type = "accept", body = { kind = "accept", line = '${ msg.line }', request = { secret = '${ vars.sent }' }, sdp = "a=mid:0\r\na=ice-pwd:geheim-2\r\n" } }
`

func secretly(t *testing.T, text string) (*scenario.Scenario, rules.Findings) {
	t.Helper()
	s, _, found := scenario.Load(file, scenario.Options{
		Peers: peers, Schemas: schemas, Unnamed: unnamed, Declared: declaredPeer,
		Peer: func(kind, name, group string) (replay.Peer, error) {
			return replay.Peer{Peer: engine.Peer{Name: name, Group: group, Protocol: engine.Protocol{Kind: kind}}}, nil
		},
		ReadFile: func(name string) ([]byte, error) {
			switch name {
			case file:
				return []byte(text), nil
			case "secret.toml":
				return []byte(secretRules), nil
			}
			return nil, fs.ErrNotExist
		},
	})
	return s, found
}

// Values are compared as they are, and reported without secrets.
func TestReportsHaveNoSecrets(t *testing.T) {
	const rings = "# Who is at the door?\nrules = \"secret.toml\"\n[[step]]\nname = \"rings\"\nreceive = { from = \"door\", type = \"ring\", body.secret = \"geheim-4\" }\n"
	for _, row := range []struct {
		name, expect string
		want         []string // of the report; none: it passes
	}{
		{"as expected", `expect = { to = "door", type = "accept", body = { request.secret = "geheim-1", sdp = "a=mid:0\r\na=ice-pwd:geheim-2\r\n" } }`, nil},
		{"not as expected", `expect = { to = "door", type = "accept", body = { request.secret = "geheim-5", sdp = "a=ice-pwd:geheim-6\r\n" } }`,
			[]string{"body.request.secret\n      - \"redacted\"\n      + \"redacted\"", "- a=ice-pwd:redacted\n      + a=mid:0\n      + a=ice-pwd:redacted", "false: msg.secret == vars.doorSecret", "msg.secret = \"redacted\""}},
		{"unexpected", `expect = "nothing"`, []string{"body.request\n      + {\"secret\":\"redacted\"}"}},
	} {
		s, found := secretly(t, rings+row.expect+"\n")
		if len(found) > 0 {
			t.Fatal(found)
		}
		result := s.Run(nil)
		var text, list, junit bytes.Buffer
		outcomes := []scenario.Outcome{{File: file, Result: result}}
		if err := result.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if err := scenario.WriteJSON(&list, outcomes, nil); err != nil {
			t.Fatal(err)
		}
		if err := scenario.WriteJUnit(&junit, outcomes); err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{text.String(), list.String(), junit.String()} {
			if strings.Contains(got, "geheim") || (text.Len() == 0) != (len(row.want) == 0) {
				t.Errorf("%s:\n%s", row.name, got)
			}
		}
		for _, part := range row.want {
			if !strings.Contains(text.String(), part) {
				t.Errorf("%s: the report has no %q:\n%s", row.name, part, &text)
			}
		}
	}
}

// A scenario made of a capture expects a text where rules send a secret, and
// passes.
func TestScenariosOfCapturesHaveNoSecrets(t *testing.T) {
	set, found := rules.Load([]string{"secret.toml"}, rules.Options{
		Unnamed: unnamed, ReadFile: func(string) ([]byte, error) { return []byte(secretRules), nil },
	})
	if set == nil {
		t.Fatal(found)
	}
	door := declaredPeer(set.Peers[0], set.ProtocolOf("door"))
	lines, err := replay.Read("door.ndjson", strings.NewReader(`{"ts":"2026-11-22T00:00:01Z","transport":"door","dir":"in","data":{"kind":"ring","line":"one"}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := scenario.FromCapture(&out, lines, set.Ruleset, []replay.Peer{door}, scenario.Written{Capture: "door.ndjson", Rules: []string{"secret.toml"}}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if strings.Contains(text, "geheim-1") || !strings.Contains(text, "secret = '${ text }'") {
		t.Errorf("%s", text)
	}
	s, found := secretly(t, text)
	if len(found) > 0 {
		t.Fatal(found)
	}
	if result := s.Run(nil); !result.OK() {
		var report bytes.Buffer
		_ = result.WriteText(&report)
		t.Errorf("%s\n%s", &report, text)
	}
}
