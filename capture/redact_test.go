package capture

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// clean gives what is written of the data of several lines.
func clean(t testing.TB, data ...string) []string {
	t.Helper()
	var lines []Line
	for _, d := range data {
		lines = append(lines, message(d))
	}
	var got []string
	for _, l := range messages(t, written(t, true, lines...)) {
		got = append(got, string(l.Data))
	}
	return got
}

func TestRedaction(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"nothing to hide", `{ "a":"b" , "c":[1,-2.5e3,true,null,{}] }`, `{ "a":"b" , "c":[1,-2.5e3,true,null,{}] }`},
		{"a login", `{"method":"login","params":{"login":"1008","passwd":"1234"},"id":1}`, `{"method":"login","params":{"login":"1008","passwd":"redacted"},"id":1}`},
		{"keys in any case, with blanks", `{"PassWd" : "x","access_token"	:"y"}`, `{"PassWd" : "redacted","access_token"	:"redacted"}`},
		{"keys by their end", `{"jsonrpc-password":"x","as_token":"y","client_secret":"z","passwords":"n","tokens":"n"}`,
			`{"jsonrpc-password":"redacted","as_token":"redacted","client_secret":"redacted","passwords":"n","tokens":"n"}`},
		{"a key that is escaped", `{"pass\u0077d":"x"}`, `{"pass\u0077d":"redacted"}`},
		{"a long key", `{"` + strings.Repeat("x", 40) + `_token":"x","` + strings.Repeat("x", 40) + `":"x"}`, `{"` + strings.Repeat("x", 40) + `_token":"redacted","` + strings.Repeat("x", 40) + `":"x"}`},
		{"a number", `{"token":-1.5e3,"a":1}`, `{"token":"redacted","a":1}`},
		{"what is no secret", `{"token":null,"passwd":"","secret":true,"a":"b"}`, `{"token":null,"passwd":"","secret":true,"a":"b"}`},
		{"a whole object", `{"secret":{"a":"x","b":[1,{"c":"y"}]},"d":"e","f":2}`, `{"secret":{"a":"redacted","b":["redacted",{"c":"redacted"}]},"d":"e","f":2}`},
		{"a text like a key", `["passwd","x"]`, `["passwd","x"]`},
		{"escapes at the end", `{"passwd":"x\\","a":"\"","token":"\\\""}`, `{"passwd":"redacted","a":"\"","token":"redacted"}`},
		{"an SDP", `{"sdp":"v=0\r\na=ice-pwd:x\/y\r\na=mid:0\r\n"}`, `{"sdp":"v=0\r\na=ice-pwd:redacted\r\na=mid:0\r\n"}`},
		{"an SDP in odd escapes", `{"sdp":"v=0\u000d\u000aa=ice\u002dpwd:x"}`, `{"sdp":"v=0\r\na=ice-pwd:redacted"}`},
		{"odd escapes alone", `{"a":"\u00e9\u003c\"b\""}`, `{"a":"\u00e9\u003c\"b\""}`},
		{"JSON in a text", `{"data":"{\"passwd\":\"x\",\"sdp\":\"a=ice-pwd:y\\r\\n\"} é"}`, `{"data":"{\"passwd\":\"redacted\",\"sdp\":\"a=ice-pwd:redacted\\r\\n\"} é"}`},
		{"a secret at the top", `"x"`, `"x"`},
		{"what somebody wrote", `{"type":"m.room.message","sender":"@anna:hs1","content":{"msgtype":"m.text","body":"*31# My PIN is 4711, \"Zoë\"\n","formatted_body":"<b>Ünï</b> ٤½"}}`,
			`{"type":"m.room.message","sender":"@anna:hs1","content":{"msgtype":"m.text","body":"*00# xx xxx xx 0000, \"xxx\"\n","formatted_body":"<x>xxx</x> 00"}}`},
		{"a text in other words", `{"org.matrix.msc1767.text":"Hi 1","org.matrix.msc1767.message":[{"mimetype":"text/html","body":"Hi 2"}],"m.new_content":{"body":"Hi 3"},"m.text":[{"body":"Hi 4"}]}`,
			`{"org.matrix.msc1767.text":"xx 0","org.matrix.msc1767.message":[{"mimetype":"text/html","body":"xx 0"}],"m.new_content":{"body":"xx 0"},"m.text":[{"body":"xx 0"}]}`},
		{"signs alone", `{"body":"\u002a#, +"}`, `{"body":"\u002a#, +"}`},
		{"digits that are dialled", `{"method":"verto.info","params":{"dtmf":"12#*A","dialogParams":{"callID":"c1","destination_number":"+442071234567"}}}`,
			`{"method":"verto.info","params":{"dtmf":"00#*x","dialogParams":{"callID":"c1","destination_number":"+442071234567"}}}`},
		{"digits that a call remembers", `{"digits":"47-11","number":"4711"}`, `{"digits":"00-00","number":"4711"}`},
		{"what becomes of a transfer", `{"content":"SIP/2.0 200 OK\r\n","a":{"content":"SIP/2.0 4711"}}`, `{"content":"SIP/2.0 200 OK\r\n","a":{"content":"xxx/0.0 0000"}}`},
		{"the digit that a call sends", `{"body":{"request":"dtmf_info","digit":"7"}}`, `{"body":{"request":"dtmf_info","digit":"0"}}`},
		{"digits as a number", `{"digits":-4711,"a":1}`, `{"digits":0,"a":1}`},
		{"chat of a telephone", `{"params":{"msg":{"to":"1008","body":"Hi"},"txt":{"chars":"a1"}}}`, `{"params":{"msg":{"to":"1008","body":"xx"},"txt":{"chars":"x0"}}}`},
		{"keys pressed that Janus tells of", `{"plugindata":{"data":{"result":{"event":"info","type":"application/dtmf-relay","content":"Signal=7\r\nDuration=160"}}}}`,
			`{"plugindata":{"data":{"result":{"event":"info","type":"application/dtmf-relay","content":"xxxxxx=0\r\nxxxxxxxx=000"}}}}`},
		{"a text that Janus tells of", `{"result":{"event":"message","content":"my PIN is 4711"},"content":{"number":"4711"}}`,
			`{"result":{"event":"message","content":"xx xxx xx 0000"},"content":{"number":"4711"}}`},
		{"keys of other peers", `{"pin":4711,"api_key":"k","apiKey":"k","X-Api-Key":"k","access_key":"k","auth":{"scheme":"x","n":1},"refreshToken":"x","passphrase":"x","private_key":"x"}`,
			`{"pin":"redacted","api_key":"redacted","apiKey":"redacted","X-Api-Key":"redacted","access_key":"redacted","auth":{"scheme":"redacted","n":"redacted"},"refreshToken":"redacted","passphrase":"redacted","private_key":"redacted"}`},
		{"a channel in what is secret", `{"secret":{"eventChannel":"x"}}`, `{"secret":{"eventChannel":"redacted"}}`},
		{"a text in what is secret", `{"secret":{"body":"x","digits":1}}`, `{"secret":{"body":"redacted","digits":"redacted"}}`},
		{"a body that is no text", `{"body":{"user":"@anna:hs1","number":"4711"}}`, `{"body":{"user":"@anna:hs1","number":"4711"}}`},
		{"a text within a text", `{"arg":"{\"body\":\"Hi\"}"}`, `{"arg":"{\"body\":\"xx\"}"}`},
		{"who is in the room", `{"type":"m.room.member","state_key":"@anna:hs1","content":{"membership":"join","displayname":"Anna 1","reason":"why 2"}}`,
			`{"type":"m.room.member","state_key":"@anna:hs1","content":{"membership":"join","displayname":"Anna 1","reason":"why 2"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := clean(t, tt.data)[0]; got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRedactionOfWhatIsNoJSON(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{`{"method":"login","params":{"passwd":"1234"`, `{"method":"login","params":{"passwd":"redacted"`},
		{`{"passwd":"1234`, `{"passwd":"redacted"`},
		{`{"passwd":"1`, `{"passwd":"redacted"`},
		{"hello \xff a=ice-pwd:x", "hello \ufffd a=ice-pwd:redacted"},
		{`{"body":"PIN 12`, `{"body":"xxx 00"`},
		{`{"passwd":1234} trailing`, `{"passwd":"redacted"} trailing`},
	} {
		l := messages(t, written(t, true, message(tt.data)))[0]
		if got := string(l.Message()); !l.Raw || got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestOwnNoticesStayReadable(t *testing.T) {
	notice := func(dir, msgtype string) Line {
		return Line{TS: t0, Transport: "matrix", Dir: dir, Data: []byte(
			`{"type":"m.room.message","content":{"body":"No call to 999.","msgtype":"` + msgtype + `","access_token":"x"}}`)}
	}
	raw := Line{TS: t0, Transport: "matrix", Dir: Out, Data: []byte(`{"content":{"msgtype":"m.notice","body":"No call to 999."}`)}
	const readable, hidden = `"body":"No call to 999."`, `"body":"xx xxxx xx 000."`
	for _, tt := range []struct {
		line Line
		want string
	}{
		{notice(Out, "m.notice"), readable},
		{notice(In, "m.notice"), hidden},
		{notice(Out, "m.text"), hidden},
		{notice(Out, "m.notice"), readable},
		{raw, hidden},
	} {
		got := string(messages(t, written(t, true, notice(Out, "m.notice"), tt.line))[1].Message())
		if !strings.Contains(got, tt.want) || strings.Contains(got, `"access_token":"x"`) {
			t.Errorf("%s became\n%s", tt.line.Data, got)
		}
	}
}

func TestWhatWasTypedIsDialledAlike(t *testing.T) {
	for _, digits := range []string{"4711#", "*31#", "0", "A1"} {
		got := clean(t, `{"content":{"body":"`+digits+`"}}`, `{"params":{"dtmf":"`+digits+`"}}`)
		body, dtmf := strings.TrimPrefix(got[0], `{"content":{"body":`), strings.TrimPrefix(got[1], `{"params":{"dtmf":`)
		if body != dtmf {
			t.Errorf("%s: the message is %s, the tones are %s", digits, body, dtmf)
		}
	}
}

func TestSessionIDsCanStillBeToldApart(t *testing.T) {
	got := clean(t,
		`{"params":{"sessid":"one","passwd":"one"}}`,
		`{"result":{"sessid":"two"},"eventChannel":"presence"}`,
		`{"sessid":"o\u006ee","eventChannel":"two","name":"one"}`,
		`{"sessid":17}`,
	)
	want := []string{
		`{"params":{"sessid":"redacted-1","passwd":"redacted"}}`,
		`{"result":{"sessid":"redacted-2"},"eventChannel":"presence"}`,
		`{"sessid":"redacted-1","eventChannel":"redacted-2","name":"one"}`,
		`{"sessid":1}`,
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

// A Janus session can be claimed by its id alone. It is a number, and stays one:
// what rules were written for numbers takes it when the capture is replayed.
func TestSessionsOfJanusCanStillBeToldApart(t *testing.T) {
	got := clean(t,
		`{"janus":"create","transaction":"t1","id":4829}`,
		`{"janus":"success","transaction":"t1","data":{"id":4829792425066868}}`,
		`{"janus":"success","session_id":4829792425066868,"transaction":"t2","data":{"id":4829}}`,
		`{"janus":"timeout","session_id":71}`,
		`{"janus":"claim","session_id":4829792425066868}`,
		`{"sessid":"71"}`,
	)
	want := []string{
		`{"janus":"create","transaction":"t1","id":4829}`,
		`{"janus":"success","transaction":"t1","data":{"id":1}}`,
		`{"janus":"success","session_id":1,"transaction":"t2","data":{"id":4829}}`,
		`{"janus":"timeout","session_id":2}`,
		`{"janus":"claim","session_id":1}`,
		`{"sessid":"redacted-1"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMessagesAndValuesAreRedactedByThemselves(t *testing.T) {
	var r Redactor
	for _, tt := range []struct{ got, want string }{
		{string(r.Message(Out, []byte(`{"body":{"secret":"x"},"content":"PIN 1"}`))), `{"body":{"secret":"redacted"},"content":"xxx 0"}`},
		{string(r.Message(In, []byte(`{"passwd":"x`))), `{"passwd":"redacted"`},
		{string(r.Value("body.secret", []byte(`"x"`))), `"redacted"`},
		{string(r.Value(`sipSecrets["anna"]`, []byte(`"x"`))), `"redacted"`},
		{string(r.Value("auth.0.name", []byte(`"x"`))), `"redacted"`},
		{string(r.Value("msg.session_id", []byte(`71`))), `1`},
		{string(r.Value("call.sessid", []byte(`"71"`))), `"redacted-1"`},
		{string(r.Value("msg", []byte(`{"id":1,"token":"x"}`))), `{"id":1,"token":"redacted"}`},
		{string(r.Value("msg.content.body", []byte(`"PIN 1"`))), `"PIN 1"`},
		{string(r.Value("params.sdp", []byte(`"a=ice-pwd:x"`))), `"a=ice-pwd:redacted"`},
		{string(r.Value("", []byte(`null`))), `null`},
	} {
		if tt.got != tt.want {
			t.Errorf("got  %s\nwant %s", tt.got, tt.want)
		}
	}
}

func TestSessionIDsAreRememberedWithinBounds(t *testing.T) {
	r := &Redactor{}
	for i := range maxSessions + 10 {
		r.session(strings.Repeat("x", i+1))
	}
	if len(r.sessions) != maxSessions || r.session("new") != redacted || r.session("x") != "redacted-1" || r.number("1") != "0" {
		t.Errorf("%d are remembered", len(r.sessions))
	}
}

func TestNoSecretOfTheCapturesSurvives(t *testing.T) {
	found := 0
	for _, path := range captures(t) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := messages(t, string(raw))
		got := written(t, true, lines...)
		for _, m := range regexp.MustCompile(`"sessid":"([^"]{6,})"|a=ice-pwd:([^\\"]+)|a=fingerprint:[^ ]+ ([^\\"]+)`).FindAllStringSubmatch(string(raw), -1) {
			secret := m[1] + m[2] + m[3]
			found++
			if strings.Contains(got, secret) {
				t.Fatalf("%s: %s survives", path, secret)
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d secrets in the captures", found)
	}
}

// lawsOfRedaction hold for any data.
func lawsOfRedaction(t *testing.T, data string) {
	t.Helper()
	before := messages(t, written(t, false, message(data)))[0]
	after := messages(t, written(t, true, message(data)))[0]
	if before.Raw != after.Raw {
		t.Fatalf("JSON before or after alone\n%s\n%s", before.Data, after.Data)
	}
	if !before.Raw && json.Valid([]byte(data)) != json.Valid(after.Data) {
		t.Fatalf("valid before or after alone\n%s\n%s", data, after.Data)
	}
	again := messages(t, written(t, true, after))[0]
	if a, b := nameless(again), nameless(after); a != b {
		t.Fatalf("twice is not once\n%s\n%s", b, a)
	}
}

// nameless gives a message with session ids and other secrets alike.
func nameless(l Line) string {
	return regexp.MustCompile(`redacted-[0-9]+`).ReplaceAllString(string(l.Message()), redacted)
}

func FuzzRedaction(f *testing.F) {
	f.Add(`{"params":{"passwd":"x","sdp":"v=0\r\na=mid:0"},"id":1}`, "1234")
	f.Add(`[{"sessid":"a"},{"eventChannel":"a"},"\ud800","\\"]`, "a\"b\\c")
	f.Add(`{"password":{"a":[1,{"b":"c"}]}} x`, "\xff")
	f.Add(`{"a":"{\"token\":\"x\"}"}`, "+/=")
	f.Add(`{"body":"a1*\ud800\q","digits":-1.5,"dtmf" : "\u0031#"}`, "é٤")
	f.Fuzz(func(t *testing.T, data, secret string) {
		lawsOfRedaction(t, data)
		if !json.Valid([]byte(data)) || strings.Contains(data, "PLANTED") {
			return
		}
		quoted, _ := json.Marshal("PLANTED" + secret)
		sdp, _ := json.Marshal("v=0\r\na=ice-pwd:PLANTED\r\na=fingerprint:sha-256 PLANTED\r\na=crypto:1 X inline:PLANTED\r\n" + strings.ToLower(secret))
		planted := `{"a":` + data + `,"passwd":` + string(quoted) + `,"b":[{"access_token" : [` + string(quoted) + `]}],"sessid":` + string(quoted) +
			`,"sdp":` + string(sdp) + `,"body":` + string(quoted) + `,"dtmf" : ` + string(quoted) + `,"c":` + data + `}`
		got := clean(t, planted)[0]
		if strings.Contains(got, "PLANTED") {
			t.Fatalf("a secret survives\n%s\n%s", planted, got)
		}
		nested, _ := json.Marshal(planted)
		if got := clean(t, `{"arg":`+string(nested)+`}`)[0]; strings.Contains(got, "PLANTED") {
			t.Fatalf("a secret survives\n%s\n%s", nested, got)
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"ts":"2026-11-22T00:29:03Z","transport":"verto","dir":"in","data":1}` + "\n\n{}\n" + `{"ts"`))
	f.Add([]byte(`{"ts":"2026-11-22T00:29:03+25:00","transport":"\u0000","dir":"out","conn":"A","raw":true,"data":"x"}` + "\r\n\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader("fuzz", strings.NewReader(string(data)))
		var lines []Line
		for range strings.Count(string(data), "\n") + 2 {
			if l, err := r.Next(); err == nil {
				lines = append(lines, l)
			}
		}
		if _, err := r.Next(); err == nil || err.Error() != "EOF" {
			t.Fatalf("more lines than line ends: %v", err)
		}
		for _, l := range lines {
			copied := messages(t, written(t, false, l))
			if len(copied) != 1 || !copied[0].TS.Equal(l.TS) || string(copied[0].Data) != string(l.Data) {
				t.Fatalf("%+v became %+v", l, copied)
			}
			lawsOfRedaction(t, string(l.Data))
		}
	})
}
