package wire

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

// intercom is a made-up format in which each path matters.
var intercom = Format{
	Type:    []string{"event", "data.result.kind"},
	Key:     []string{"data.call", "body.call", "from"},
	Reply:   "re",
	Answers: []string{"done", "fail*"},
	Error:   "data.fault",
}

func TestReadFindsTypeKeysAndReply(t *testing.T) {
	for _, test := range []struct {
		data string
		want Message
	}{
		{`{}`, Message{}},
		{`{"event":"ring"}`, Message{Type: "ring"}},
		{`{"data":{"result":{"kind":"busy"}}}`, Message{Type: "busy"}},
		{`{"event":"ring","data":{"result":{"kind":"late"},"call":"c1"},"from":709023500888748,"re":"t1"}`, Message{Type: "ring.late", Keys: []string{"c1", "709023500888748"}, Reply: "t1"}},
		{`{"event":10,"re":7}`, Message{Type: "10", Reply: "7"}},
		{`{"event":{"no":"text"},"data":[1],"from":true,"re":null}`, Message{}},
		{`{"event":"first","event":"second","from":1e400,"from":2}`, Message{Type: "first", Keys: []string{"1e400"}}},
		{`{"from":"one","data":{"call":"one"},"body":{"call":"two"}}`, Message{Keys: []string{"one", "two"}}},
		{`{"from":"","data":{"fault":0}}`, Message{Failed: true}},
		{`{"data":{"fault":null}}`, Message{}},
		{`{"\u0065vent":"r\u0069ng"}`, Message{Type: "ring"}},
	} {
		got, err := intercom.Read([]byte(test.data))
		if err != nil {
			t.Errorf("%s: %v", test.data, err)
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s: %s", test.data, d)
		}
	}
}

func TestFormatThatSaysNothingReadsTypeAndError(t *testing.T) {
	got, err := new(Format).Read([]byte(`{"type":"ring","error":{},"id":3}`))
	if d := cmp.Diff(Message{Type: "ring", Failed: true}, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestUnusableMessagesSayWhy(t *testing.T) {
	long := strings.Repeat("x", longest+1)
	for data, want := range map[string]string{
		"":                                       "it is not JSON",
		"{":                                      "it is not JSON",
		`{"event":ring}`:                         "it is not JSON",
		`[{}]`:                                   "it is JSON, but no object",
		`"ring"`:                                 "it is JSON, but no object",
		" 7":                                     "it is JSON, but no object",
		"{\"event\":\"\xff\"}":                   "it is not UTF-8",
		`{"event":"` + long + `"}`:               "its type has more than 256 bytes",
		`{"from":"` + long + `"}`:                "a key of it has more than 256 bytes",
		`{"re":"` + long + `"}`:                  "its reply id has more than 256 bytes",
		strings.Repeat(`{"a":`, 1<<20):           "it is nested more than 128 deep",
		`{"a":` + strings.Repeat("[", 128) + `}`: "it is nested more than 128 deep",
	} {
		if _, err := intercom.Read([]byte(data)); err == nil || err.Error() != want {
			t.Errorf("%.40s: got %v, want %q", data, err, want)
		}
	}
	if _, err := intercom.Read([]byte(`{"a":"` + strings.Repeat(`[\"{`, 200) + `"}`)); err != nil {
		t.Errorf("brackets in a text count: %v", err)
	}
}

func TestAnswersAreNamedAfterWhatWasSent(t *testing.T) {
	for _, test := range []struct{ data, typ, sent, answer string }{
		{`{"event":"done"}`, "open.door.done", "open.door", "done"},
		{`{"event":"failed"}`, "open.door.failed", "open.door", "failed"},
		{`{"re":"1"}`, "open.door.ok", "open.door", ""},
		{`{"data":{"fault":"stuck"}}`, "open.door.error", "open.door", ""},
	} {
		m, err := intercom.Read([]byte(test.data))
		if err != nil {
			t.Fatal(err)
		}
		if typ, ok := intercom.Answer("open.door", m); !ok || typ != test.typ {
			t.Errorf("%s: got %q, %v", test.data, typ, ok)
		}
		if sent, answer, ok := intercom.Answered(test.typ); !ok || sent != test.sent || answer != test.answer {
			t.Errorf("%s: got %q, %q, %v", test.typ, sent, answer, ok)
		}
	}
	if typ, ok := intercom.Answer("open", Message{Type: "ring"}); ok {
		t.Errorf("an event answers as %q", typ)
	}
	for _, typ := range []string{"ring", "ring.late", "done", ".done"} {
		if sent, answer, ok := intercom.Answered(typ); ok {
			t.Errorf("%s answers %q by %q", typ, sent, answer)
		}
	}
	if _, _, ok := new(Format).Answered("open.ok"); ok {
		t.Error("there are answers without a reply id")
	}
}

func TestTypesThatClaimToAnswer(t *testing.T) {
	for _, test := range []struct {
		typ, sent string
		want      bool
	}{
		{"open.done", "open", true},
		{"open.failed", "open", true},
		{"open.ok", "open", true},
		{"open.error", "open", true},
		{"open.door.done", "open.door", true},
		{"open.door.done", "open", false},
		{"open.late", "open", false},
		{"open.", "open", false},
		{"open", "open", false},
		{"opens.done", "open", false},
		{"done", "", false},
	} {
		if got := intercom.Claims(test.typ, test.sent); got != test.want {
			t.Errorf("%s claims to answer %s: %v", test.typ, test.sent, got)
		}
	}
	if !new(Format).Claims("open.error", "open") {
		t.Error("what could not be sent has no type")
	}
}

func TestNumberPutsTheReplyIDWhereItBelongs(t *testing.T) {
	for _, test := range []struct {
		path, body, want string
		set              bool
	}{
		{"", `{"a":1}`, `{"a":1}`, false},
		{"re", ``, `{"re":"x"}`, true},
		{"re", `{}`, `{"re":"x"}`, true},
		{"re", ` { "a" : 1e400 } `, ` { "a" : 1e400,"re":"x"}`, true},
		{"re", `{"re":7}`, `{"re":7}`, false},
		{"head.re", `{"a":1}`, `{"a":1,"head":{"re":"x"}}`, true},
		{"head.re", `{"a":1,"head":{"b":2},"c":3}`, `{"a":1,"head":{"b":2,"re":"x"},"c":3}`, true},
		{"head.re", ` {"head": {} }`, ` {"head": {"re":"x"} }`, true},
		{"head.re", `{"head":"text"}`, `{"head":"text"}`, false},
		{"head.re", `{"head":{"re":null}}`, `{"head":{"re":null}}`, false},
		{"a.b.c", `{"a":{"b":{}}}`, `{"a":{"b":{"c":"x"}}}`, true},
	} {
		got, set := (&Format{Reply: test.path}).Number([]byte(test.body), "x")
		if strings.TrimSpace(string(got)) != strings.TrimSpace(test.want) || set != test.set {
			t.Errorf("%s in %s: got %s, %v; want %s, %v", test.path, test.body, got, set, test.want, test.set)
		}
	}
}

func TestWordsAndFailuresAreReadAsSuch(t *testing.T) {
	for name, f := range map[string]Format{
		"plain":   {},
		"replies": {Reply: "id", Answers: []string{"error"}},
		"nested":  {Type: []string{"head.type", "body.event"}, Reply: "head.id", Error: "body.error"},
	} {
		m, err := f.Read(f.Word("transport.up"))
		if m.Type != "transport.up" || err != nil {
			t.Errorf("%s: %s is read as %+v, %v", name, f.Word("transport.up"), m, err)
		}
		failure := f.Failure("x", "not connected")
		m, err = f.Read(failure)
		if err != nil {
			t.Fatal(err)
		}
		if typ, ok := f.Answer("open", m); typ != "open.error" || !ok || f.Reply != "" && m.Reply != "x" {
			t.Errorf("%s: %s is read as %+v, %q", name, failure, m, typ)
		}
	}
	want := `{"error":{"code":-1,"reason":"not connected"}}`
	if got := (&Format{Reply: "id"}).Failure("", "not connected"); string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMadeMessagesAreReadAsTheirType(t *testing.T) {
	for _, test := range []struct{ typ, request, want string }{
		{"ring", "", `{"event":"ring"}`},
		{"ring.late", "", `{"event":"ring","data":{"result":{"kind":"late"}}}`},
		{"ring.late.again", "", `{"event":"ring","data":{"result":{"kind":"late.again"}}}`},
		{"open.done", `{"re":"t1"}`, `{"re":"t1","event":"done"}`},
		{"open.ok", `{"re":"t1"}`, `{"re":"t1"}`},
		{"open.error", `{"re":"t1"}`, `{"re":"t1","data":{"fault":{}}}`},
	} {
		var request []byte
		if test.request != "" {
			request = []byte(test.request)
		}
		made := intercom.Make(test.typ, request)
		if string(made) != test.want {
			t.Errorf("%s: got %s, want %s", test.typ, made, test.want)
		}
		m, err := intercom.Read(made)
		if err != nil {
			t.Fatal(err)
		}
		typ := m.Type
		if request != nil {
			typ, _ = intercom.Answer("open", m)
		}
		if typ != test.typ {
			t.Errorf("%s is read as %s", made, typ)
		}
	}
}

func TestAcknowledgement(t *testing.T) {
	f := Format{Type: []string{"method"}, Answers: []string{"ack"}, Acknowledge: json.RawMessage(
		`{"jsonrpc":"2.0","id":"${ msg.id }","result":{"method":"${msg.method}","list":["${ msg.params.n }",true],"text":"for ${ msg.id }"}}`)}
	for data, want := range map[string]string{
		`{"method":"ring","id":709023500888748.0,"params":{"n":{"deep":[1]}}}`: `{"jsonrpc":"2.0","id":709023500888748.0,"result":{"method":"ring","list":[{"deep":[1]},true],"text":"for ${ msg.id }"}}`,
		`{"method":"ring","id":null,"params":{"n":1}}`:                         `{"jsonrpc":"2.0","id":null,"result":{"method":"ring","list":[1,true],"text":"for ${ msg.id }"}}`,
		`{"method":"ring","params":{"n":1}}`:                                   "",
		`{"id":1,"params":{"n":1}}`:                                            "",
		`{"method":"ack","id":1,"params":{"n":1}}`:                             "",
	} {
		m, err := f.Read([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Acknowledgement(m, []byte(data)); string(got) != want {
			t.Errorf("%s: got %s, want %s", data, got, want)
		}
	}
	if got := intercom.Acknowledgement(Message{Type: "ring"}, []byte(`{}`)); got != nil {
		t.Errorf("a format without acknowledgements says %s", got)
	}
}

// What can be used stays the same message when it is numbered, but for its reply
// id; what cannot be used is never taken for a message.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{"event":"ring","data":{"call":"c1","result":{"kind":"late"}},"from":1e400,"re":"1"}`,
		`{"event":"a","event":"b"}`, `[]`, `{"re":{}}`, `{"a":[[[{}]]]}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, ` {} `, `{"":{"":0}}`,
	} {
		f.Add([]byte(seed))
	}
	nested := intercom
	nested.Reply = "data.re"
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range []Format{intercom, nested} {
			before, err := format.Read(data)
			if err != nil {
				continue
			}
			if !gjson.ParseBytes(data).IsObject() {
				t.Fatalf("%q is no object", data)
			}
			numbered, set := format.Number(data, "x")
			after, err := format.Read(numbered)
			if err != nil {
				t.Fatalf("%q became %q: %v", data, numbered, err)
			}
			if set {
				before.Reply = "x"
			}
			if d := cmp.Diff(before, after); d != "" {
				t.Fatalf("%q became %q: %s", data, numbered, d)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	data := fmt.Appendf(nil, `{"event":"ring","re":"t1","from":1,"data":{"call":"c1","result":{"kind":"late"}},"sdp":%q}`, strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", 60))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := intercom.Read(data); err != nil {
			b.Fatal(err)
		}
	}
}

// Who keeps what was found in messages does not keep the messages.
func TestNoMessageIsHeldByItsNames(t *testing.T) {
	f := Format{Type: []string{"event"}, Key: []string{"call"}, Reply: "id"}
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	long := strings.Repeat("x", 30_000)
	before := heap()
	var kept []Message
	for i := range 300 {
		m, err := f.Read(fmt.Appendf(nil, `{"event":"ring","call":"c%d","id":%d,"noise":%q}`, i, i, long))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, m)
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d KiB are kept", grown>>10)
	}
	runtime.KeepAlive(kept)
}
