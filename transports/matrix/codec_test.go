package matrix

import (
	"bufio"
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

// captureLine is what a capture says of one message.
type captureLine struct {
	Transport, Dir string
	Data           json.RawMessage
}

// readCapture gives the Matrix lines of a capture.
func readCapture(t testing.TB, path string) []captureLine {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []captureLine
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var line captureLine
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if line.Transport == "matrix" {
			lines = append(lines, line)
		}
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func captures(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, dir := range []string{"matrix", "joint"} {
		found, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", dir, "*.ndjson"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no captures of %s: %v", dir, err)
		}
		all = append(all, found...)
	}
	return all
}

func TestEveryCapturedEventIsAMessageOrAnOwnEcho(t *testing.T) {
	for _, path := range captures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			lines := readCapture(t, path)
			c, senders := NewCodec("matrix"), map[string]bool{}
			for _, line := range lines {
				if line.Dir == "out" {
					c.Out("", line.Data)
					senders[gjson.GetBytes(line.Data, "sender").String()] = true
				}
			}
			for _, line := range lines {
				if line.Dir != "in" {
					continue
				}
				got, err := c.In(time.Time{}, "", line.Data)
				if err != nil {
					t.Fatalf("%v in %s", err, line.Data)
				}
				e := gjson.ParseBytes(line.Data)
				var want []engine.Message
				if !senders[e.Get("sender").String()] {
					m := engine.Message{Transport: "matrix", Type: e.Get("type").String(), ID: e.Get("event_id").String(), Body: line.Data}
					if strings.HasPrefix(m.Type, "m.call.") {
						m.Key = e.Get("content.call_id").String()
					}
					m.Scope = e.Get("room_id").String()
					want = append(want, m)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestACaptureOfOursIsReadAsItHappened(t *testing.T) {
	// Its sends name no sender: who we are, transport.up says.
	c := NewCodec("hs1")
	a := engine.Action{Type: "m.call.answer", ID: "t1", Call: "call1", Key: "c1", Scope: "!r", Address: map[string]string{"room": "!r"}, Body: json.RawMessage(`{"call_id":"c1","party_id":"US"}`)}
	frame := c.Frame(a)
	if want := `{"type":"m.call.answer","room_id":"!r","txn_id":"t1","content":{"call_id":"c1","party_id":"US"}}`; string(frame) != want {
		t.Errorf("the frame is %s", frame)
	}
	c.Out("", frame)
	for _, tt := range []struct {
		name, line string
		want       *engine.Message
	}{
		{"own word", `{"type":"transport.up","user_id":"@bot:hs"}`, &engine.Message{Type: "transport.up"}},
		{"own echo before the reply", `{"type":"m.call.answer","event_id":"$1","sender":"@bot:hs","room_id":"!r","content":{"call_id":"c1","party_id":"US"}}`, nil},
		{"other device", `{"type":"m.call.answer","event_id":"$2","sender":"@bot:hs","room_id":"!r","content":{"call_id":"c1","party_id":"ELEMENT"}}`, &engine.Message{Type: "m.call.answer", ID: "$2", Key: "c1", Scope: "!r"}},
		{"reply", `{"type":"m.call.answer.ok","room_id":"!r","txn_id":"t1","event_id":"$3","content":{"call_id":"c1"}}`, &engine.Message{Type: "m.call.answer.ok", ID: "$3", Call: "call1", Key: "c1", Scope: "!r"}},
		{"echo of what the reply named", `{"type":"m.call.answer","event_id":"$3","sender":"@bot:hs","room_id":"!r","content":{"call_id":"c1","party_id":"?"}}`, nil},
		{"encrypted event", `{"type":"m.room.encrypted","event_id":"$4","sender":"@a:hs","room_id":"!r","content":{}}`, nil},
		{"encryption", `{"type":"m.room.encryption","event_id":"$5","sender":"@a:hs","room_id":"!r","content":{}}`, nil},
		{"what that means", `{"type":"room.encrypted","room_id":"!r","sender":"@a:hs"}`, &engine.Message{Type: "room.encrypted", Scope: "!r"}},
		{"call without an id", `{"type":"m.call.invite","event_id":"$6","sender":"@a:hs","room_id":"!r","content":{"call_id":7}}`, &engine.Message{Type: "m.call.invite", ID: "$6"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.In(time.Time{}, "", []byte(tt.line))
			if err != nil {
				t.Fatal(err)
			}
			var want []engine.Message
			if tt.want != nil {
				tt.want.Transport, tt.want.Body = "hs1", json.RawMessage(tt.line)
				want = []engine.Message{*tt.want}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNoEventIsAnError(t *testing.T) {
	for _, line := range []string{
		"", "{", "[]", "7", `{}`, `{"type":""}`, `{"type":5}`, "{\"type\":\"\xff\"}",
		`{"type":"transport.up","event_id":"$1","sender":"@evil:hs","user_id":"@evil:hs"}`,
		`{"type":"m.call.answer.ok","event_id":"$1","sender":"@evil:hs"}`,
		`{"type":"m.call.invite","content":"` + strings.Repeat("x", maxEvent) + `"}`,
	} {
		if got, err := NewCodec("matrix").In(time.Time{}, "", []byte(line)); err == nil {
			t.Errorf("%.80q is %v", line, got)
		}
	}
	long := `{"type":"m.room.member","content":{},"unsigned":{"x":"` + strings.Repeat("x", maxEvent) + `"}}`
	if _, err := NewCodec("matrix").In(time.Time{}, "", []byte(long)); err != nil {
		t.Errorf("what the server adds counts: %v", err)
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	r := newRecent[int](3)
	for i, key := range []string{"a", "b", "a", "c", "d", "e"} {
		r.add(key, i)
	}
	if diff := cmp.Diff([]string{"c", "d", "e"}, r.keys()); diff != "" {
		t.Error(diff)
	}
	if r.has("a") || r.has("b") || len(r.known) != 3 || r.known["e"] != 5 {
		t.Errorf("knows %v", r.known)
	}
}

// FuzzEvent feeds anything to the reader: what it accepts has a type, and what
// is put into an event changes nothing else in it.
func FuzzEvent(f *testing.F) {
	for _, path := range captures(f) {
		for _, line := range readCapture(f, path) {
			f.Add([]byte(line.Data))
		}
	}
	f.Add([]byte(`{"type":"m.call.answer.ok","txn_id":"t","event_id":"$1","content":{"call_id":"c"}}`))
	f.Add([]byte(`{ }`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := NewCodec("matrix")
		c.Out("", data)
		messages, err := c.In(time.Time{}, "", data)
		if err != nil && messages != nil {
			t.Fatal("both messages and an error")
		}
		for _, m := range messages {
			if m.Type == "" || string(m.Body) != string(data) || m.Key != "" && gjson.GetBytes(data, "content.call_id").Type != gjson.String {
				t.Fatalf("got %+v", m)
			}
		}
		if !gjson.ValidBytes(data) || !gjson.ParseBytes(data).IsObject() {
			return
		}
		line, err := withRoom(string(data), "!r\"<\u00e9>:hs")
		if err != nil {
			return
		}
		if !gjson.ValidBytes(line) || gjson.GetBytes(line, "room_id").String() != "!r\"<\u00e9>:hs" {
			t.Fatalf("put in: %s", line)
		}
		body := strings.TrimRight(string(data), " \t\r\n}")
		if !strings.HasPrefix(string(line), body) {
			t.Fatalf("%q became %q", data, line)
		}
	})
}

// FuzzResponse feeds anything to the reader of /sync.
func FuzzResponse(f *testing.F) {
	f.Add([]byte(inviteReply))
	f.Add([]byte(syncOf("s2", roomA, numbered(1), roomB, numbered(2)+",7").body))
	f.Add([]byte(`{"next_batch":"s","rooms":{"join":{"!a":{"timeline":{"events":{},"limited":"yes"}}},"invite":[],"leave":7}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		res, err := readResponse(data)
		if err != nil {
			return
		}
		if res.next == "" {
			t.Fatal("no place to go on from")
		}
		for _, r := range res.invited {
			if line, err := invitation(r.room, botID, r.events); err == nil {
				if _, err := readEvent(line); err != nil && json.Valid(line) && !strings.Contains(err.Error(), "UTF-8") && !strings.Contains(err.Error(), "more than an event") {
					t.Fatalf("%v: %s", err, line)
				}
			}
		}
		for _, r := range res.joined {
			for _, e := range r.events {
				if line, err := withRoom(e.Raw, r.room); err == nil && !gjson.ValidBytes(line) {
					t.Fatalf("not JSON: %s", line)
				}
			}
		}
	})
}
