package replay

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"

	"vertigo/engine"
	"vertigo/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = "testdata/" + name
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is drawn; go test ./replay -update writes it anew\n%s", name, got)
	}
}

// sdpRules pass an SDP on with a line more and one less; the call ends by a timer.
const sdpRules = `
[[rule]]
name = "begins"
on   = "left invite"
new  = true
next = "dialling"
timer.over = '"5s"'
send = [{ to = "right", type = "call", body = { key = '${ call.uuid }', about = { sdp = '${ replace(msg.sdp, "a=two\r\n", "a=three\r\na=mid:0\r\n") }', n = 1 } } }]
[[rule]]
name = "over"
on   = "engine timer.over"
next = "end"
`

const sdpCapture = `
{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":{"type":"invite","key":"one","sdp":"v=0\r\na=one\r\na=two\r\nm=audio\r\n","reason":"why"}}
{"ts":"2026-11-22T00:00:02.5Z","transport":"left","dir":"in","data":{"type":"hum","key":"one"}}
{"ts":"2026-11-22T00:00:03Z","transport":"left","dir":"in","data":{"type":"invite","key":"two","sdp":"v=0\r\na=one\r\n"}}
{"ts":"2026-11-22T00:00:04Z","transport":"left","dir":"in","data":{"bad":1}}
`

// ladder replays a capture by rules, with the peers of the tests.
func ladder(t *testing.T, text, capture string) *Ladder {
	t.Helper()
	peers := testPeers()
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers: []engine.Peer{peers[0].Peer, peers[1].Peer}, ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if set == nil {
		t.Fatal(found)
	}
	lines, err := Read("call.ndjson", strings.NewReader(capture), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := NewLadder(peers)
	if _, err := Play(lines, set.Ruleset, peers, l.Add); err != nil {
		t.Fatal(err)
	}
	return l
}

func htmlOf(t *testing.T, l *Ladder, title string) string {
	t.Helper()
	var out bytes.Buffer
	if err := l.WriteHTML(&out, title); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The page is compared from its heading on: its looks are for eyes.
func TestALadderAsAPage(t *testing.T) {
	text := htmlOf(t, ladder(t, sdpRules, sdpCapture), "call.ndjson")
	begin, end := strings.Index(text, "<header>"), strings.Index(text, "<script>")
	golden(t, "ladder.html", text[begin:end])
}

func TestALadderAsMermaid(t *testing.T) {
	var out bytes.Buffer
	if err := ladder(t, sdpRules, sdpCapture).WriteMermaid(&out, "call.ndjson"); err != nil {
		t.Fatal(err)
	}
	golden(t, "ladder.mmd", out.String())
}

func TestALadderOfNothing(t *testing.T) {
	l := ladder(t, sdpRules, `{"ts":"2026-11-22T00:00:01Z","transport":"right","dir":"out","data":{"type":"login"}}`)
	if text := htmlOf(t, l, "empty"); !strings.Contains(text, "no message of this capture is for the rules") {
		t.Errorf("the page says nothing:\n%s", text)
	}
}

// A browser runs and shows what the policy names, and nothing else.
func TestThePolicyNamesWhatIsOnThePage(t *testing.T) {
	text := htmlOf(t, ladder(t, sdpRules, sdpCapture), "call.ndjson")
	policy := html.UnescapeString(regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(text)[1])
	want := fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
		hash(between(text, "<style>", "</style>")), hash(between(text, "<script>", "</script>")))
	if policy != want {
		t.Errorf("the policy is\n%s\nwant\n%s", policy, want)
	}
	if strings.Contains(text, " style=") || strings.Contains(text, "//") && strings.Contains(text, "http:") {
		t.Error("the page has what its policy would not let through")
	}
}

func between(text, a, b string) string {
	_, text, _ = strings.Cut(text, a)
	text, _, _ = strings.Cut(text, b)
	return text
}

// hostile are texts that mean something where they are not escaped.
var hostile = []string{
	`</script><script>window.pwned = 1; alert("pwned")</script>`,
	`<img src=x onerror="window.pwned = 1">`,
	`" onfocus="window.pwned = 1" autofocus x="`,
	`'; window.pwned = 1; '`,
	`javascript:window.pwned=1`,
	`{{.Title}}{{range .Marks}}</style><style>*{display:none}</style>`,
	"<!--\u2028\x00\u202e]]>",
}

// hostileLadder has such a text wherever a peer, or who writes rules, can put one.
func hostileLadder(t *testing.T) (*Ladder, string) {
	t.Helper()
	all := strings.Join(hostile, " ")
	quoted, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	tomlText := strings.NewReplacer("\u2028", "\u2028", `\u003c`, "<").Replace(string(quoted))
	text := fmt.Sprintf(`
[[rule]]
name = %[1]s
on   = "left *"
new  = true
next = %[1]s
send = [{ to = "right", type = %[1]s, body = { key = '${ call.uuid }', sdp = '${ msg.sdp }' } }]
[[rule]]
name = "fails"
on   = "left *"
when = 'int(msg.number) > 0'
`, tomlText)
	sdp, err := json.Marshal("v=0\r\ns=" + all + "\r\n")
	if err != nil {
		t.Fatal(err)
	}
	line := `{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":{"type":%[1]s,"key":%[1]s,"displayname":%[1]s,"user":%[1]s,"reason":%[1]s,"number":%[1]s,"room":{%[1]s:[%[1]s]},"sdp":%[2]s}}` + "\n"
	return ladder(t, text, strings.Repeat(fmt.Sprintf(line, quoted, sdp), 2)), all
}

func TestNothingThatPeersSayIsMarkup(t *testing.T) {
	l, title := hostileLadder(t)
	text := htmlOf(t, l, title)
	for _, markup := range []string{"<img", "<script", "<style", "<!--", `onfocus="`} {
		most := map[string]int{"<script": 1, "<style": 1}[markup]
		if n := strings.Count(text, markup); n > most {
			t.Errorf("%s stands there %d times", markup, n)
		}
	}
}
