package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vertigo/engine"
	"vertigo/rules"
)

// secretRules send what nobody is to see, and look at it.
const secretRules = `
[vars]
janusSecret = "hunter1"
[[rule]]
name = "begins"
on = "matrix m.call.invite"
new = true
next = "ringing"
set.user = 'msg.sender'
send = { to = "verto", type = "verto.invite", session_id = '${ msg.sessid }', body = { sdp = '${ msg.sdp }', secret = '${ vars.janusSecret }', dialogParams = { callID = '${ call.uuid }' } } }
[[rule]]
name = "looks"
on = "verto verto.answer"
in = "ringing"
when = 'vars.janusSecret == ""'
[[rule]]
name = "fails"
on = "verto verto.answer"
when = 'int(msg.sender) > 0'
`

// Neither passwords, session ids and keys of media, nor what somebody typed, are
// told by any answer; all else is.
func TestSecretsAreNotTold(t *testing.T) {
	w := newWorld(t, plainRules)
	var peers []engine.Peer
	for _, p := range realPeers(nil) {
		if p.Name == "verto" {
			p.Protocol.Address = []string{"session_id"}
		}
		peers = append(peers, p.Peer)
	}
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{Peers: peers, Parts: true, ReadFile: func(string) ([]byte, error) { return []byte(secretRules), nil }})
	if set == nil {
		t.Fatal(found)
	}
	w.recorder.SetRules(Rules{Set: set}, w.now)
	w.engine = engine.New(set.Ruleset, engine.Options{Observe: w.recorder.Observe})
	page, leave := w.recorder.join("")
	defer leave()

	const sdp = `v=0\r\na=ice-ufrag:shown\r\na=ice-pwd:hunter2\r\n`
	body := func(sess string) json.RawMessage {
		return json.RawMessage(`{"sender":"@anna:example.org","sdp":"` + sdp + `","passwd":"hunter3","sessid":"` + sess + `","pin":{"x":["hunter5"]},"digits":"4711"}`)
	}
	invite := w.step(w.now, engine.Message{Transport: "matrix", Type: "m.call.invite", Key: "one", Scope: "!r", At: w.now, Body: body("hunter4")})
	id := string(invite[0].Call)
	page.call = invite[0].Call
	w.step(w.now, engine.Message{Transport: "verto", Type: "verto.answer", Key: invite[0].Key, At: w.now, Body: body("hunter6")})
	w.step(w.now, engine.Message{Transport: "verto", Type: "verto.noise", Key: invite[0].Key, At: w.now, Body: json.RawMessage(`passwd "passwd":"hunter7"`)})

	told := map[string]string{}
	for _, path := range []string{"", "/steps/0", "/steps/1", "/steps/2"} {
		answer := httptest.NewRecorder()
		w.api.ServeHTTP(answer, httptest.NewRequest("GET", "/api/calls/"+id+path, nil))
		told[path] = answer.Body.String()
	}
	live := &pipe{http.Header{}, func(text string) error {
		told["events"] += text
		return nil
	}}
	s := &stream{w: live, control: http.NewResponseController(live)}
	_, steps, _, _ := w.recorder.story(page.call)
	s.teller.meet(steps[:1])
	s.tell(id, w.recorder.take(page, true))

	for path, text := range told {
		if strings.Contains(text, "hunter") || strings.Contains(text, "4711") {
			t.Errorf("%s tells of a secret:\n%s", path, text)
		}
	}
	for path, want := range map[string][]string{
		"":         {`"passwd":"redacted"`, "ice-ufrag:shown", "@anna:example.org", `"digits":"0000"`, `"session_id":"redacted-1"`, `"sessid":"redacted-1"`, `"sessid":"redacted-2"`},
		"/steps/0": {`"secret":"redacted"`, "- digits = "},
		"/steps/1": {`"vars.janusSecret = \"redacted\""`, `"sessid":"redacted-2"`, "it failed: "},
		"events":   {`"sessid":"redacted-2"`},
	} {
		for _, piece := range want {
			if !strings.Contains(told[path], piece) {
				t.Errorf("%s does not tell %s:\n%s", path, piece, told[path])
			}
		}
	}
}

// What a rule says to people stays, as in captures.
func TestNoticesAreTold(t *testing.T) {
	var tell teller
	const notice = `{"msgtype":"m.notice","body":"The number is barred."}`
	if got := string(tell.went([]byte(notice))); got != notice {
		t.Errorf("%s", got)
	}
	for _, text := range []string{"", "[1]", "null", "no JSON {", "{"} {
		if got := string(tell.went([]byte(text))); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// Tables can hold passwords of telephones. They are not shown; rules that are
// tried read them all the same.
func TestTablesAreNotShown(t *testing.T) {
	w := newWorld(t, plainRules)
	with := strings.Replace(plainRules, "\n[[rule]]", "\n[table.secrets]\nfile = \"secrets.csv\"\n[[rule]]", 1)
	l := w.recorder.followed()
	l.Files = []File{{"rules.toml", with}, {"secrets.csv", "name,secret\nbob,hunter2\n"}, {"long.toml", strings.Repeat("#", shownText)}}
	w.recorder.SetRules(l, w.now)
	var files Files
	w.get("/api/rules/files", &files)
	if len(files.Files) != 1 || files.Files[0].Name != "rules.toml" || fmt.Sprint(files.LeftOut) != "[long.toml]" {
		t.Errorf("%d files, without %v", len(files.Files), files.LeftOut)
	}
	tried := w.tries(File{"rules.toml", with})
	for _, f := range tried.Findings {
		if f.Severity == "error" {
			t.Errorf("%+v", f)
		}
	}
	tried = w.tries(File{"rules.toml", strings.Replace(with, "[table.secrets]", "include = [\"./secrets.csv\"]\n[table.secrets]", 1)})
	if len(tried.Findings) == 0 || strings.Contains(fmt.Sprint(tried), "hunter") {
		t.Errorf("%+v", tried)
	}
}
