package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"vertigo/engine"
	"vertigo/rules"
)

const secretRules = `
[table.passwords]
anna = "geheim-1"

[[rule]]
name = "begins"
on   = "left invite"
when = 'passwords[msg.who] == "geheim-1" && msg.auth.code != "geheim-3"'
new  = true
next = "dialling"
send = [{ to = "right", type = "call", body = { key = '${ call.uuid }', body = { request = "register", secret = '${ passwords[msg.who] }' }, sdp = "v=0\r\na=ice-pwd:geheim-2\r\n" } }]

[[rule]]
name = "asks again"
on   = "left invite"
when = 'passwords[msg.who] == "geheim-0"'
also = true
send = [{ to = "right", type = "never" }]
`

// What replays show has no secrets, not even of a capture that has them; what
// they compare is as it was sent.
func TestReplaysShowNoSecrets(t *testing.T) {
	invite := `{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":{"type":"invite","key":"one","who":"anna","auth":{"code":"geheim-4"},"sdp":"v=0\r\na=ice-pwd:geheim-5\r\n"}}` + "\n"
	sent := func(secret string) string {
		return fmt.Sprintf(`{"ts":"2026-11-22T00:00:01Z","transport":"right","dir":"out","data":{"type":"call","body":{"key":"k1","body":{"request":"register","secret":%q},"sdp":"v=0\r\na=ice-pwd:geheim-2\r\n"}}}`, secret) + "\n"
	}
	clean := func(what, text string) {
		t.Helper()
		if text == "" || strings.Contains(text, "geheim") {
			t.Errorf("%s:\n%s", what, text)
		}
	}
	l := ladder(t, secretRules, invite)
	var drawn, diagram bytes.Buffer
	if err := l.Write(&drawn, "call"); err != nil {
		t.Fatal(err)
	}
	if err := l.WriteMermaid(&diagram, "call"); err != nil {
		t.Fatal(err)
	}
	page := htmlOf(t, l, "call")
	clean("ladder", drawn.String())
	clean("mermaid", diagram.String())
	clean("html", page)
	if !strings.Contains(page, "&#34;secret&#34;: &#34;redacted&#34;") || !strings.Contains(page, "a=ice-pwd:redacted") {
		t.Errorf("the page does not show what is sent:\n%s", page)
	}
	text, list := explain(t, unspoken(secretRules), invite)
	clean("explain", text)
	clean("explain as JSON", list)

	for _, tc := range []struct{ secret, want string }{
		{"geheim-1", ""},
		{"geheim-9", `body.body.secret: -"redacted" +"redacted"`},
	} {
		peers := testPeers()
		set, found := rules.Load([]string{"rules.toml"}, rules.Options{Peers: []engine.Peer{peers[0].Peer, peers[1].Peer}, ReadFile: func(string) ([]byte, error) { return []byte(secretRules), nil }})
		if set == nil {
			t.Fatal(found)
		}
		lines, err := Read("call.ndjson", strings.NewReader(invite+sent(tc.secret)), nil)
		if err != nil {
			t.Fatal(err)
		}
		result, err := Play(lines, set.Ruleset, peers, func(Event) {})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := WriteLines(&out, result.Sent, false); err != nil {
			t.Fatal(err)
		}
		clean("ndjson", out.String())
		differences := result.Expect()
		var shown []string
		for _, d := range differences {
			for _, delta := range d.Deltas {
				shown = append(shown, delta.String())
			}
		}
		if got := strings.Join(shown, "\n"); got != tc.want {
			t.Errorf("differences from %s: %q, want %q", tc.secret, got, tc.want)
		}
		asJSON, err := json.Marshal(differences)
		if err != nil {
			t.Fatal(err)
		}
		clean("differences as JSON", string(asJSON))
	}
}

// unspoken leaves no secret in the conditions themselves, which are shown
// as they are written.
func unspoken(text string) string {
	return strings.NewReplacer(`== "geheim-1" && msg.auth.code != "geheim-3"`, `!= nil`, `== "geheim-0"`, `== msg.auth.code`).Replace(text)
}
