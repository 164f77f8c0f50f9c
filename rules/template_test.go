package rules

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTemplates(t *testing.T) {
	const msg = `{"a":"x\"\u0041\/é\r\n","n":7,"f":1.50,"big":9007199254740993123,"t":true,"z":null,"l":[ 1, "b" ],"m":{"k" : "v"},"s":"}\"'"}`
	for _, tc := range []struct{ name, body, want string }{
		{"a text that is one expression keeps the type", `{ a = '${ msg.n }', b = '${ msg.t }', c = '${ msg.n + 1 }', d = '${ [msg.n, "x"] }', e = '${ {"k": msg.n} }' }`,
			`{"a":7,"b":true,"c":8,"d":[7,"x"],"e":{"k":7}}`},
		{"a field is copied as it came, escapes and all", `{ a = '${ msg.a }', f = '${ msg.f }', big = '${ msg.big }', l = '${msg.l}', m = '${ msg.m }' }`,
			`{"a":"x\"\u0041\/é\r\n","f":1.50,"big":9007199254740993123,"l":[ 1, "b" ],"m":{"k" : "v"}}`},
		{"a value that is nil leaves its key out", `{ a = '${ msg.z }', b = '${ msg.none }', c = '${ nil }', d = 1, e = '${ msg.none.more }' }`,
			`{"d":1}`},
		{"an item that is nil is null", `{ a = ['${ msg.z }', 1, '${ msg.none }'] }`,
			`{"a":[null,1,null]}`},
		{"text with expressions in it is text", `{ a = '<${ msg.a }>', b = '${ msg.n }${ msg.f }', c = ' ${ msg.t }', d = '${ msg.n * 1000000.0 }/${ 1.5 }' }`,
			`{"a":"<x\"\u0041\/é\r\n>","b":"71.5","c":" true","d":"7000000/1.5"}`},
		{"literal text is JSON text", `{ a = "\"\\\n\u0001é", b = '', "k\"e\ny" = 1 }`,
			`{"a":"\"\\\n\u0001é","b":"","k\"e\ny":1}`},
		{"other values are literal", `{ i = 1, f = 1.5, t = true, l = [1, [2.0]], m = { x = {} }, hex = 0xff }`,
			`{"i":1,"f":1.5,"t":true,"l":[1,[2]],"m":{"x":{}},"hex":255}`},
		{"$${ stands for itself", `{ a = '$${ msg.n }', b = 'a $${ ${ msg.n } $$${ b', c = '$ { } $', d = '$$' }`,
			`{"a":"${ msg.n }","b":"a ${ 7 $${ b","c":"$ { } $","d":"$$"}`},
		{"braces and quotes of the expression do not close it", `{ a = '${ {"x": {"y": "}"}}.x.y }', b = '${ "\"}" }', c = "${ '}' + msg.s }", d = '${ [{"a": 1}, {"b": 2}] }' }`,
			`{"a":"}","b":"\"}","c":"}}\"'","d":[{"a":1},{"b":2}]}`},
		{"keys keep their order", `{ z = 1, y = '${ msg.n }', x = { b = 1, a = '${ msg.n }' } }`,
			`{"z":1,"y":7,"x":{"b":1,"a":7}}`},
		{"the whole body can be one expression", `'${ msg.m }'`,
			`{"k" : "v"}`},
		{"the whole message can be passed on", `{ all = '${ msg }' }`,
			`{"all":` + msg + `}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := mustLoad(t, map[string]string{"rules.toml": aRule + "send = { to = 'pbx1', type = 'y', body = " + tc.body + " }\n"})
			if diff := cmp.Diff(tc.want, send(t, set, msg)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnSDPIsCopiedByteForByte(t *testing.T) {
	sdp := strings.Repeat(`v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\na=ice-ufrag:\u0041\/+\"\\\u00e9é\ud83d\ude00\r\n`, 40)
	set := mustLoad(t, map[string]string{"rules.toml": aRule + `
set = { offer = "msg.content.offer.sdp" }
new = true
[[rule.send]]
to = "pbx1"
type = "y"
body = { sdp = "${ msg.content.offer.sdp }", kept = "${ call.offer }", in = "<${ call.offer }>" }
`})
	msg := `{"content":{"call_id":"c","offer":{"type":"offer","sdp":"` + sdp + `"}}}`
	got, want := sendCall(t, set, msg), `{"sdp":"`+sdp+`","kept":"`+sdp+`","in":"<`+sdp+`>"}`
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestTemplatesThatFailSayWhere(t *testing.T) {
	for _, tc := range []struct{ name, body, want string }{
		{"nil within text", `{ a = 'x ${ msg.none }' }`, `rules.toml:4:53: nil cannot stand within text`},
		{"a list within text", `{ a = 'é ${ [1] }' }`, `rules.toml:4:53: a list of 1 cannot stand within text`},
		{"bytes that are no text", `{ a = 'x ${ fromBase64("/w==") }' }`, `rules.toml:4:53: text that is not valid UTF-8`},
		{"such bytes alone", `{ a = '${ fromBase64("/w==") }' }`, `rules.toml:4:51: text that is not valid UTF-8`},
		{"a time", `{ a = '${ now }' }`, `rules.toml:4:51: a time.Time has no JSON form; make it text or a number first`},
		{"a body that is nil", `'${ msg.none }'`, `the body is nil`},
		{"a failing function", `{ a = '${ sdpHold(msg.n) }' }`, `rules.toml:4:52: sdpHold: argument 1 must be text, not a number`},
		{"a failing list function", `{ a = '${ map(msg.l, # + "x") }' }`, `rules.toml:4:65: invalid operation: a whole number + text`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := mustLoad(t, map[string]string{"rules.toml": aRule + "send = { to = 'pbx1', type = 'y', body = " + tc.body + " }\n"})
			got, err := trySend(set, `{"n":7,"l":[1]}`)
			if got != "" {
				t.Errorf("it sent %s", got)
			}
			want := fmt.Sprintf(`rule "r" (rules.toml:1:1): %s`, tc.want)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}

func TestTemplatesAreValidJSON(t *testing.T) {
	set := mustLoad(t, map[string]string{"rules.toml": aRule + `
[[rule.send]]
to = "pbx1"
type = "y"
[rule.send.body]
a = "${ msg.a }"
b = "x${ msg.a }y"
c = ["${ msg.a }", { d = "${ msg.b }" }]
e = '${ [msg.a, msg.b ?? "none"] }'
f = '${ {"k": msg.a} }'
`})
	for _, value := range []string{`"x"`, `""`, `"\u0000\ud800\"\\"`, `"é"`, "\"\u2028\x7f\"", `1e400`, `-0`} {
		got, err := trySend(set, `{"a":`+value+`,"b":[`+value+`]}`)
		if err != nil {
			if value[0] == '"' {
				t.Errorf("%s: %v", value, err)
			}
			continue
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s made %s", value, got)
		}
	}
}
