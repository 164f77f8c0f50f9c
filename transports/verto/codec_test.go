package verto

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"vertigo/engine"
)

var t0 = time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)

// captureLines gives the lines of a capture file.
func captureLines(t testing.TB, file string) []gjson.Result {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []gjson.Result
	scan := bufio.NewScanner(bytes.NewReader(data))
	scan.Buffer(nil, 8<<20)
	for scan.Scan() {
		lines = append(lines, gjson.ParseBytes(append([]byte(nil), scan.Bytes()...)))
	}
	return lines
}

func captures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "verto", "*.ndjson"))
	if err != nil || len(files) < 80 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	return files
}

func TestEveryResponseInTheCapturesFindsItsRequest(t *testing.T) {
	// In these a client says what no client should, and the server answers
	// what was no request at all.
	strays := map[string]int{"malformed.ndjson": 18, "call_error_replies.ndjson": 3, "ws_ping_frames.ndjson": 3}
	for _, file := range captures(t) {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".ndjson"), func(t *testing.T) {
			codec := NewCodec("verto")
			unpaired := 0
			for _, l := range captureLines(t, file) {
				conn, data := l.Get("conn").String(), l.Get("data")
				if l.Get("dir").String() == "out" {
					codec.Out(conn, []byte(data.Raw))
					continue
				}
				id, method := data.Get("id").Raw, data.Get("method").String()
				sent, known := codec.sent[sentKey{conn, id}]
				messages, err := codec.In(t0, conn, []byte(data.Raw))
				if err != nil {
					t.Fatal(err)
				}
				var want []engine.Message
				switch {
				case !data.IsObject():
				case method != "":
					if !isMechanics(method) {
						want = []engine.Message{{Type: method, Key: data.Get("params.callID").String()}}
					}
				case !known:
					unpaired++
				case !isMechanics(sent.method):
					typ := sent.method + ".ok"
					if data.Get("error").Exists() {
						typ = sent.method + ".error"
					}
					want = []engine.Message{{Type: typ, Key: sent.key}}
				}
				for i := range want {
					want[i].Transport, want[i].At, want[i].Body = "verto", t0, json.RawMessage(data.Raw)
				}
				if d := cmp.Diff(want, messages); d != "" {
					t.Errorf("%s\n%s", data.Raw, d)
				}
			}
			if unpaired != strays[name] {
				t.Errorf("%d responses found no request, want %d", unpaired, strays[name])
			}
		})
	}
}

func TestRepliesOfACallCarryItsKey(t *testing.T) {
	codec := NewCodec("verto")
	got := make(map[string]int)
	for _, l := range captureLines(t, filepath.Join("..", "..", "testdata", "captures", "verto", "reconnect_same_sessid_attach.ndjson")) {
		data := []byte(l.Get("data").Raw)
		if l.Get("dir").String() == "out" {
			codec.Out(l.Get("conn").String(), data)
			continue
		}
		messages, _ := codec.In(t0, l.Get("conn").String(), data)
		for _, m := range messages {
			got[m.Type+" "+m.Key]++
		}
	}
	const call = " b9ab548b-e281-421a-a763-0a898141663e"
	want := map[string]int{
		"verto.invite.ok" + call: 1, "verto.answer" + call: 1, "verto.attach" + call: 1,
		"verto.attach.ok" + call: 1, "verto.bye.ok" + call: 1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFailedInviteOfARealServerSaysItsCause(t *testing.T) {
	codec := NewCodec("verto")
	var causes []string
	for _, l := range captureLines(t, filepath.Join("..", "..", "testdata", "captures", "verto", "duplicate_callid.ndjson")) {
		data := []byte(l.Get("data").Raw)
		if l.Get("dir").String() == "out" {
			codec.Out(l.Get("conn").String(), data)
			continue
		}
		messages, _ := codec.In(t0, l.Get("conn").String(), data)
		for _, m := range messages {
			if m.Type == "verto.invite.error" {
				causes = append(causes, gjson.GetBytes(m.Body, "error.cause").String())
			}
		}
	}
	if d := cmp.Diff([]string{"DESTINATION_OUT_OF_ORDER"}, causes); d != "" {
		t.Error(d)
	}
}

func TestIn(t *testing.T) {
	const sent = `{"jsonrpc":"2.0","method":"verto.invite","params":{"dialogParams":{"callID":"A"}},"id":7}`
	tests := []struct {
		name, data string
		typ, key   string
	}{
		{"a result", `{"id":7,"result":{}}`, "verto.invite.ok", "A"},
		{"an error without a code", `{"id":7,"error":{}}`, "verto.invite.error", "A"},
		{"an error that is a text", `{"id":7,"error":"no"}`, "verto.invite.error", "A"},
		{"both", `{"id":7,"result":{},"error":{}}`, "verto.invite.error", "A"},
		{"an error that is null", `{"id":7,"result":{},"error":null}`, "verto.invite.ok", "A"},
		{"neither", `{"id":7}`, "", ""},
		{"another id", `{"id":8,"result":{}}`, "", ""},
		{"an id that is a text", `{"id":"7","result":{}}`, "", ""},
		{"a method under the same id", `{"id":7,"method":"verto.bye","result":{},"params":{"callID":"B"}}`, "verto.bye", "B"},
		{"a method that is no text", `{"id":7,"method":1,"result":{}}`, "", ""},
		{"an empty method", `{"id":7,"method":"","result":{}}`, "", ""},
		{"a method that sounds like a reply", `{"id":7,"method":"verto.invite.ok"}`, "", ""},
		{"a word of the transport, from a capture", `{"method":"verto.gone","params":{"callID":"A"}}`, "verto.gone", "A"},
		{"a call named as a client does", `{"method":"verto.x","params":{"dialogParams":{"callID":"C"}}}`, "verto.x", "C"},
		{"a callID of null", `{"method":"verto.x","params":{"callID":null}}`, "verto.x", ""},
		{"an escaped method", `{"m\u0065thod":"verto.x"}`, "verto.x", ""},
		{"login", `{"method":"login"}`, "", ""},
		{"punt", `{"method":"verto.punt","id":1}`, "", ""},
		{"a batch", `[` + sent + `]`, "", ""},
		{"no JSON", `#SPU 10`, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			codec := NewCodec("pbx")
			codec.Out("A", []byte(sent))
			if m, _ := codec.In(t0, "B", []byte(`{"id":7,"result":{}}`)); m != nil {
				t.Errorf("another connection's response came as %s", m[0].Type)
			}
			messages, err := codec.In(t0, "A", []byte(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if test.typ == "" {
				if messages != nil {
					t.Errorf("got %s", messages[0].Type)
				}
				return
			}
			want := []engine.Message{{Transport: "pbx", Type: test.typ, Key: test.key, At: t0, Body: json.RawMessage(test.data)}}
			if d := cmp.Diff(want, messages); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFrame(t *testing.T) {
	codec := NewCodec("pbx")
	tests := []struct {
		action engine.Action
		want   string
	}{
		{
			engine.Action{Type: "verto.bye", Body: json.RawMessage(`{"dialogParams":{"callID":"A"}}`)},
			`{"jsonrpc":"2.0","method":"verto.bye","params":{"dialogParams":{"callID":"A"}},"id":1}`,
		},
		{engine.Action{Type: `odd"type`}, `{"jsonrpc":"2.0","method":"odd\"type","params":{},"id":2}`},
	}
	for _, test := range tests {
		if got := string(codec.Frame(test.action)); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// FuzzCodec holds the law that a message with a method is never taken for a
// reply, whatever its id, and that nothing breaks the codec.
func FuzzCodec(f *testing.F) {
	const sent = `{"jsonrpc":"2.0","method":"verto.invite","params":{"dialogParams":{"callID":"A"}},"id":1}`
	for _, name := range []string{"malformed", "duplicate_callid", "auth"} {
		for _, l := range captureLines(f, filepath.Join("..", "..", "testdata", "captures", "verto", name+".ndjson")) {
			f.Add([]byte(sent), []byte(l.Get("data").Raw))
		}
	}
	f.Add([]byte(sent), []byte(`{"id":1,"method":"verto.invite.ok","result":{}}`))
	f.Fuzz(func(t *testing.T, out, in []byte) {
		codec := NewCodec("pbx")
		codec.Out("A", out)
		messages, err := codec.In(t0, "A", in)
		if err != nil || len(messages) > 1 {
			t.Fatalf("%d messages, %v", len(messages), err)
		}
		for _, m := range messages {
			var keys map[string]json.RawMessage
			if err := json.Unmarshal(m.Body, &keys); err != nil {
				t.Fatalf("%s has a body that is no object: %v", m.Type, err)
			}
			if _, ok := keys["method"]; ok && isReplyType(m.Type) {
				t.Fatalf("%s is taken for %s", m.Body, m.Type)
			}
			again, _ := codec.In(t0, "A", in)
			if isReplyType(m.Type) && again != nil {
				t.Fatalf("%s was answered twice", m.Type)
			}
		}
	})
}
