package matrix

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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
					m.Heard = m.Type == "m.call.invite"
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

func TestACaptureOfAnApplicationServiceIsReadAsItHappened(t *testing.T) {
	c := NewCodec("matrix")
	for _, tt := range []struct {
		name, line string
		want       *engine.Message
	}{
		{"who we are", `{"type":"transport.up","user_id":"@phone:hs","ghosts":"tel_"}`, &engine.Message{Type: "transport.up"}},
		{"a ghost's echo", `{"type":"m.call.invite","event_id":"$1","sender":"@tel_1:hs","room_id":"!r","as":"@tel_1:hs","content":{"call_id":"c1","party_id":"?"}}`, nil},
		{"a ghost's membership", `{"type":"m.room.member","event_id":"$2","sender":"@tel_1:hs","state_key":"@tel_1:hs","room_id":"!r","as":"@tel_1:hs","content":{"membership":"join"}}`, nil},
		{"somebody's, for a ghost", `{"type":"m.room.member","event_id":"$3","sender":"@anna:hs","state_key":"@tel_1:hs","room_id":"!r","as":"@tel_1:hs","content":{"membership":"invite"}}`, &engine.Message{Type: "m.room.member", ID: "$3", Scope: "!r"}},
		{"one of that name elsewhere", `{"type":"m.call.invite","event_id":"$4","sender":"@tel_1:else","room_id":"!r","content":{"call_id":"c1"}}`, &engine.Message{Type: "m.call.invite", ID: "$4", Key: "c1", Scope: "!r", Heard: true}},
		{"a message", `{"type":"m.room.message","event_id":"$5","sender":"@anna:hs","room_id":"!r","content":{"call_id":"c1"}}`, &engine.Message{Type: "m.room.message", ID: "$5", Scope: "!r"}},
		{"a lookup", `{"type":"thirdparty.user","query":"q7","protocol":"m.protocol.pstn","fields":{"m.id.phone":"1"}}`, &engine.Message{Type: "thirdparty.user"}},
		{"a reverse lookup", `{"type":"thirdparty.reverse","query":"q8","user_id":"@tel_x:hs"}`, &engine.Message{Type: "thirdparty.reverse"}},
		{"a user query", `{"type":"user.query","query":"q9","user_id":"@tel_x:hs"}`, &engine.Message{Type: "user.query"}},
		{"an alias query", `{"type":"alias.query","query":"q10","alias":"#tel_x:hs"}`, &engine.Message{Type: "alias.query"}},
		{"a reply without a room", `{"type":"room.direct.error","txn_id":"t1","as":"@tel_1:hs","content":{"call_id":"c1","user":"@anna:hs"},"status":0,"errcode":"","error":"no"}`, &engine.Message{Type: "room.direct.error", Call: "call1"}},
		{"a reply with one", `{"type":"room.direct.ok","room_id":"!d","txn_id":"t1","as":"@tel_1:hs","content":{"call_id":"c1","user":"@anna:hs","membership":"join","created":false}}`, &engine.Message{Type: "room.direct.ok", Call: "call1", Key: "c1", Scope: "!d"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.Frame(engine.Action{Type: RoomDirect, ID: "t1", Call: "call1", Key: "c1", Body: json.RawMessage(`{}`)})
			got, err := c.In(time.Time{}, "", []byte(tt.line))
			if err != nil {
				t.Fatal(err)
			}
			var want []engine.Message
			if tt.want != nil {
				tt.want.Transport, tt.want.Body = "matrix", json.RawMessage(tt.line)
				want = []engine.Message{*tt.want}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	// A capture that begins later says who acted where it was sent.
	c = NewCodec("matrix")
	c.Out("", []byte(`{"type":"m.call.invite","room_id":"!r","txn_id":"t1","as":"@tel_1:hs","content":{"call_id":"c1","party_id":"US"}}`))
	if got, err := c.In(time.Time{}, "", []byte(`{"type":"m.call.invite","event_id":"$1","sender":"@tel_1:hs","room_id":"!r","content":{"call_id":"c1","party_id":"US"}}`)); err != nil || got != nil {
		t.Errorf("an echo is %v, %v", got, err)
	}
	frame := c.Frame(engine.Action{Type: QueryReply, ID: "t2", Address: map[string]string{"as": "@tel_1:hs"}, Body: json.RawMessage(`{"query":"q7"}`)})
	if want := `{"type":"query.reply","txn_id":"t2","as":"@tel_1:hs","content":{"query":"q7"}}`; string(frame) != want {
		t.Errorf("the frame is %s", frame)
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

// FuzzWithAs feeds anything to what says whom an event is for: afterwards it says
// that and nothing else, once, and all other fields are as they were.
func FuzzWithAs(f *testing.F) {
	f.Add([]byte(`{"type":"m.call.invite","as":"@evil:hs","content":{"as":"x"},"\u0061s":7}`), "@tel_1:hs")
	f.Add([]byte(`{ }`), "")
	f.Fuzz(func(t *testing.T, data []byte, as string) {
		if !gjson.ValidBytes(data) || !gjson.ParseBytes(data).IsObject() || !utf8.ValidString(as) {
			return
		}
		kept := func(data []byte) []string {
			var fields []string
			gjson.ParseBytes(data).ForEach(func(k, v gjson.Result) bool {
				if k.String() != "as" {
					fields = append(fields, k.Raw+":"+v.Raw)
				}
				return true
			})
			return fields
		}
		before := kept(data)
		line, err := withAs(string(bytes.TrimSpace(data)), as)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, kept(line)); diff != "" || !gjson.ValidBytes(line) {
			t.Fatalf("%q became %q", data, line)
		}
		var says []string
		gjson.ParseBytes(line).ForEach(func(k, v gjson.Result) bool {
			if k.String() == "as" {
				says = append(says, v.String())
			}
			return true
		})
		if as == "" && len(says) != 0 || as != "" && (len(says) != 1 || says[0] != as) {
			t.Fatalf("%q says %q", line, says)
		}
	})
}

// FuzzTransaction feeds anything to the intake: it never fails, and what it
// takes can be delivered.
func FuzzTransaction(f *testing.F) {
	f.Add([]byte(callAt(roomA, "$1", 1)))
	f.Add([]byte(became(roomA, "$2", alice, tel1, "invite", 2)))
	f.Add([]byte(`{"type":"m.room.encrypted","room_id":"!","event_id":"$","sender":"@","origin_server_ts":"1","content":[]}`))
	st, err := openStore("", botID)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { st.close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		if !gjson.ValidBytes(data) {
			return
		}
		n, err := st.take(newOurs(botID, "tel_"), func(error, []byte) {}, func(in *intake) error { return in.event(gjson.ParseBytes(data), "") })
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		_, lines, err := st.pending(n - 1)
		if err != nil || len(lines) == 0 || !gjson.ValidBytes(lines[0]) {
			t.Fatalf("pending %q, %v", lines, err)
		}
		if err := st.done(n); err != nil {
			t.Fatal(err)
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
