package wsjson

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"vertigo/engine"
)

// What a peer that means harm, or is broken, may say.
var hostile = []struct {
	name, data string
	types      string // of the messages that it comes to
}{
	{"no JSON", `open the door`, ""},
	{"nothing", ``, ""},
	{"not ended", `{"type":"ring","call":"good`, ""},
	{"half a number", `{"type":"ring","n":-}`, ""},
	{"text after the end", `{"type":"ring"}{"type":"ring"}`, ""},
	{"a list", `[{"type":"ring"}]`, ""},
	{"no UTF-8", "{\"type\":\"ring\",\"call\":\"\xc3\x28\"}", ""},
	{"wrong types", `{"type":{"type":"ring"},"call":["good"],"handle":{},"id":[],"result":7,"error":[]}`, "message"},
	{"numbers beyond all", `{"type":"ring","call":1e400,"handle":-1e-400,"n":123456789012345678901234567890}`, "ring"},
	{"nested deep", `{"type":"ring","a":` + strings.Repeat("[", 400_000) + strings.Repeat("]", 400_000) + `}`, ""},
	{"nested deep in texts", `{"type":"ring","a":` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat("}", 100_000) + `}`, ""},
	{"the same name often", `{"type":"ring","type":"transport.down","call":"bad","call":"good","id":"bad","id":"id-1"}`, "ring"},
	{"very many names", `{"type":"ring"` + strings.Repeat(`,"a":1`, 170_000) + `}`, "ring"},
	{"a million names", `{"type":"ring"` + manyNames() + `}`, ""},
	{"5 MB", `{"type":"ring","a":"` + strings.Repeat("x", 5<<20) + `"}`, ""},
	{"a type without end", `{"type":"` + strings.Repeat("x", 500_000) + `"}`, ""},
	{"a key without end", `{"type":"ring","call":"` + strings.Repeat("x", 500_000) + `"}`, ""},
	{"an id without end", `{"type":"done","id":"` + strings.Repeat("x", 500_000) + `"}`, ""},
	{"our own words", `{"type":"transport.down"}`, ""},
	{"an answer to nobody", `{"type":"done","id":"nobody","call":"bad"}`, "done"},
	{"an answer to another", `{"type":"done","id":"id-1"}`, "done"},
	{"the call of another", `{"type":"bye","id":"id-1","call":"bad"}`, "bye"},
	{"texts that look like templates", `{"type":"ring","ask":"${ msg.ask }","call":"bad"}`, "ring"},
	{"zeros", "\x00\x00\x00", ""},
}

func manyNames() string {
	var b strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&b, `,"%d":0`, i)
	}
	return b.String()
}

// Issue: a hostile peer changes nothing but its own counters.
func TestAHostileClientHarmsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{RequestTimeout: time.Hour})
		good := r.enter()
		r.expect(engine.TransportUp)
		bad := r.enter()
		good.say(`{"type":"ring","call":"good"}`)
		r.expect("ring")
		id := r.send("open", "good", `{"what":"open","call":"good"}`)
		good.expect("what", "open")

		unusable := 0
		for _, h := range hostile {
			if err := bad.ws.WriteMessage(websocket.TextMessage, []byte(h.data)); err != nil {
				t.Fatalf("%s: the connection is lost: %v", h.name, err)
			}
			if h.types == "" {
				unusable++
			} else if m := r.expect(h.types); m.Call != "" {
				t.Errorf("%s: of call %q", h.name, m.Call)
			}
			synctest.Wait()
			r.quiet()
			good.say(`{"type":"still here","call":"good"}`)
			if m := r.expect("still here"); m.Key != "good" {
				t.Errorf("%s: got %+v", h.name, m)
			}
		}
		good.say(`{"type":"done","id":"%s"}`, id)
		if m := r.expect("open.done"); m.Call != "good" {
			t.Errorf("got %+v", m)
		}
		if n := strings.Count(r.log.String(), "unusable message ignored"); n == 0 || n > 10 {
			t.Errorf("%d lines about %d messages:\n%s", n, unusable, r.log)
		}
		for _, l := range r.tapped() {
			if !json.Valid([]byte(l.data)) {
				t.Errorf("no line of a capture can hold %.60q", l.data)
			}
		}
	})
}

// What a server does that means harm stays on its own connection.
func TestAHostileServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{RequestTimeout: time.Hour})
		p := r.next()
		r.expect(engine.TransportUp)
		for _, h := range hostile {
			if err := p.ws.WriteMessage(websocket.BinaryMessage, []byte(h.data)); err != nil {
				t.Fatalf("%s: the connection is lost: %v", h.name, err)
			}
			if h.types != "" {
				r.expect(h.types)
			}
			synctest.Wait()
			r.quiet()
		}
		if !r.transport.Up() {
			t.Error("it is down")
		}
	})
}

func TestMessagesWithoutAnEndTakeNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		good, bad := r.enter(), r.enter()
		r.expect(engine.TransportUp)
		w, err := bad.ws.NextWriter(websocket.TextMessage)
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		chunk := make([]byte, 1<<20)
		for range 200 {
			if _, err := w.Write(chunk); err != nil {
				t.Fatal(err)
			}
		}
		if grown := heap() - before; grown > 32<<20 {
			t.Errorf("200 MB of one message take %d MB", grown>>20)
		}
		good.say(`{"type":"ring"}`)
		r.expect("ring")
		if err := w.Close(); err != nil { // it ends after all
			t.Fatal(err)
		}
		bad.say(`{"type":"sorry"}`)
		r.expect("sorry")
		if !strings.Contains(r.log.String(), "it has more than 1048576 bytes: raise max_message") {
			t.Error(r.log)
		}
	})
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAMessageThatStopsMidwayEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		p := r.next()
		r.expect(engine.TransportUp)
		p.silent()
		w, err := p.ws.NextWriter(websocket.TextMessage)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", 10_000)); err != nil {
			t.Fatal(err)
		}
		r.expect(engine.TransportDown)
		r.next()
		r.expect(engine.TransportUp)
	})
}

func TestWhatIsNoWebSocketEndsTheConnection(t *testing.T) {
	for name, bytes := range map[string]string{
		"no frame at all":         "GET / HTTP/1.1\r\n\r\n",
		"a frame of 2^63 bytes":   "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
		"reserved bits":           "\xf1\x80\x00\x00\x00\x00",
		"a client without a mask": "\x81\x02{}",
		"a ping of 200 bytes":     "\x89\xfe\x00\xc8\x00\x00\x00\x00" + strings.Repeat("x", 200),
		"the middle of a message": "\x80\x80\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startServer(t, Config{})
				good, bad := r.enter(), r.enter()
				r.expect(engine.TransportUp)
				if _, err := bad.ws.NetConn().Write([]byte(bytes)); err != nil {
					t.Fatal(err)
				}
				<-bad.ended
				good.say(`{"type":"ring"}`)
				r.expect("ring")
				r.quiet()
			})
		})
	}
}

// Whatever comes, the codec makes of it one message or none, with the text as it
// came and a key of it, and only an answer belongs to a call.
func FuzzCodec(f *testing.F) {
	for _, h := range hostile {
		if len(h.data) < 1000 {
			f.Add(h.data)
		}
	}
	f.Add(`{"type":"done","id":"id-1"}`)
	f.Add(`{"type":"open.done","id":"id-1"}`)
	f.Add(`{"type":"open","result":{"event":"failed"},"id":"id-2"}`)
	f.Fuzz(func(t *testing.T, data string) {
		c := NewCodec("door", door)
		sent := engine.Action{Type: "open", Call: "c", ID: "id-1", Body: []byte(`{}`)}
		c.Sent("A", c.Frame(sent), sent)
		list, err := c.In(time.Unix(0, 0), "A2", []byte(data))
		again, _ := NewCodec("door", door).In(time.Unix(0, 0), "A", []byte(data))
		switch {
		case err == nil && len(list) == 0 && len(again) == 1 && door.Claims(again[0].Type, "open"):
			return // forged, where messages are sent as open
		case err != nil || len(list) > 1 || len(list) != len(again):
			t.Fatalf("%q gives %d messages, %v", data, len(list), err)
		case len(list) == 0:
			return
		}
		m := list[0]
		if string(m.Body) != data || m.Type == "" || m.Key == "" && len(m.Keys) > 0 || again[0].Call != "" {
			t.Fatalf("%q gives %+v", data, m)
		}
		if m.Answer != (m.Call != "") || !m.Answer && door.Claims(m.Type, "open") {
			t.Fatalf("%q is taken for an answer: %+v", data, m)
		}
		if m.Call != "" && !strings.Contains(data, `\`) && !strings.Contains(data, `"id-1"`) {
			t.Fatalf("%q belongs to a call", data)
		}
		if d := cmp.Diff(m.Keys, again[0].Keys); d != "" {
			t.Fatal(d)
		}
	})
}
