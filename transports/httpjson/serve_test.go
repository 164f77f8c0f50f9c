package httpjson

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"vertigo/engine"
)

func TestARequestIsAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{Path: "/hook"})
		status, header, text := r.ask("/hook/calls%2F7?a=1&a=2&b=%FF", `{"event":"bye", "call":1e400,"result":{"kind":"busy"}}`)
		if status != http.StatusAccepted || text != "" || header.Get("Content-Type") != "" {
			t.Errorf("got %d %v %q", status, header, text)
		}
		m := r.expect("bye.busy")
		id := m.ID
		want := `{"request":"` + id + `","path":"/hook/calls/7","query":{"a":"1","b":"\ufffd"},"body":{"event":"bye", "call":1e400,"result":{"kind":"busy"}}}`
		if string(m.Body) != want || id == "" {
			t.Errorf("got  %s\nwant %s", m.Body, want)
		}
		if m.Key != "1e400" || len(m.Keys) > 0 || m.Call != "" {
			t.Errorf("got %+v", m)
		}
		r.ask("/hook", `[1]`)
		if m := r.expect("message"); m.ID == id || m.Key != "" {
			t.Errorf("got %+v", m)
		}
	})
}

func TestARuleAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, status, body string
		want               int
		text               string
	}{
		{"with a body", "", `{"ok":true}`, 200, `{"ok":true}`},
		{"with a status", "409", `{"why":"busy"}`, 409, `{"why":"busy"}`},
		{"with nothing", "204", `{}`, 204, ``},
		{"with no body", "", ``, 200, ``},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startServer(t, Config{})
				a := engine.Action{Type: "reply", Call: "c1", ID: "id-1", Body: []byte(tc.body)}
				r.rules = func(m engine.Message) {
					a.Address = map[string]string{"request": m.ID, "status": tc.status}
					r.transport.Send(a)
				}
				status, _, text := r.ask("/", `{"event":"may"}`)
				if status != tc.want || text != tc.text {
					t.Errorf("got %d %s", status, text)
				}
				r.expect("may")
				r.quiet()
				said := r.tapped()[2]
				if said.dir != "out" || gjson.Get(said.data, "request").Str != a.Address["request"] || gjson.Get(said.data, "type").Str != "reply" {
					t.Errorf("got %+v", said)
				}

				r.transport.Send(a) // too late
				m := r.expect("reply.error")
				if m.Call != "c1" || gjson.GetBytes(m.Body, "error.reason").Str != nobodyWaits {
					t.Errorf("got %+v %s", m, m.Body)
				}
			})
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		r.rules = func(m engine.Message) {
			for _, status := range []string{"ok", "99", "100", "2000", "201", "202"} {
				r.transport.Send(engine.Action{Type: "reply", ID: status, Address: map[string]string{"request": m.ID, "status": status}, Body: []byte(`{}`)})
			}
		}
		if status, _, _ := r.ask("/", `{"event":"may"}`); status != http.StatusCreated {
			t.Errorf("got %d", status)
		}
		r.expect("may")
		for _, why := range []string{errStatus.Error(), errStatus.Error(), errStatus.Error(), errStatus.Error(), nobodyWaits} {
			if m := r.expect("reply.error"); gjson.GetBytes(m.Body, "error.reason").Str != why {
				t.Errorf("got %s, want %s", m.Body, why)
			}
		}
		r.send("x", "c1", `{}`)
		r.expectError("c1", noURL)
	})
}

func TestWhatIsToBeAcknowledgedIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		if status, _, text := r.ask("/", `{"challenge":1.50}`); status != 200 || text != `{"challenge":1.50}` {
			t.Errorf("got %d %s", status, text)
		}
		r.expect("message")
	})
}

// What a peer that means harm, or is broken, may ask.
var hostile = []struct {
	name, body string
	types      string // of the messages that it comes to
}{
	{"nothing", ``, ""},
	{"no JSON", `open the door`, ""},
	{"not ended", `{"event":"ring","call":"good`, ""},
	{"half a number", `{"event":"ring","n":-}`, ""},
	{"a way out of the body", `1,"type":"transport.down"`, ""},
	{"and another", `1},"type":"call.ok","id":"id-1","a":{"b":2`, ""},
	{"text after the end", `{"event":"ring"}{"event":"ring"}`, ""},
	{"no UTF-8", "{\"event\":\"ring\",\"call\":\"\xc3\x28\"}", ""},
	{"nested deep", `{"event":"ring","a":` + strings.Repeat("[", 400_000) + strings.Repeat("]", 400_000) + `}`, ""},
	{"nested deep in texts", `{"event":"ring","a":` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat("}", 100_000) + `}`, ""},
	{"a type without end", `{"event":"` + strings.Repeat("x", 500_000) + `"}`, ""},
	{"a key without end", `{"call":"` + strings.Repeat("x", 500_000) + `"}`, ""},
	{"our own words", `{"event":"transport.down"}`, ""},
	{"wrong types", `{"event":{"a":1},"call":["good"],"result":7}`, "message"},
	{"a text", `"ring"`, "message"},
	{"numbers beyond all", `{"event":"ring","call":1e400,"n":123456789012345678901234567890}`, "ring"},
	{"the same name often", `{"event":"ring","event":"transport.down","call":"bad","call":"good"}`, "ring"},
	{"very many names", `{"event":"ring"` + strings.Repeat(`,"a":1`, 170_000) + `}`, "ring"},
	{"what looks like ours", `{"event":"ring","request":"1","id":"id-1","status":200,"type":"call.ok"}`, "ring"},
	{"what looks like a template", `{"event":"ring","challenge":"${ msg.body.challenge }"}`, "ring"},
}

func TestHostileBodiesHarmNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		for _, h := range hostile {
			status, _, text := r.ask("/", h.body)
			switch {
			case h.types == "" && status != http.StatusBadRequest, h.types != "" && status/100 != 2:
				t.Errorf("%s: got %d %s", h.name, status, text)
			case h.types != "":
				if m := r.expect(h.types); m.Call != "" {
					t.Errorf("%s: of call %q", h.name, m.Call)
				}
			}
			r.quiet()
		}
		if n := strings.Count(r.log.String(), "request refused"); n == 0 || n > 10 {
			t.Errorf("%d lines:\n%s", n, r.log)
		}
		for _, l := range r.tapped() {
			if !gjson.Valid(l.data) {
				t.Errorf("no line of a capture can hold %.60q", l.data)
			}
		}
	})
}

// Who may send requests does not say what came of ours.
func TestARequestIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		for _, typ := range []string{"call.ok", "job.error"} { // nothing was sent so
			r.ask("/", `{"event":"`+typ+`","call":"c1"}`)
			if m := r.expect(typ); m.Answer {
				t.Errorf("%s is an answer", typ)
			}
		}
		r.send("id-1", "c1", `{}`)
		r.expectError("c1", noURL)
		codec := NewCodec("desk", desk)
		codec.Sent("", nil, engine.Action{Type: "call", ID: "id-1"})
		for _, body := range []string{`{"event":"call.ok","call":"c1"}`, `{"event":"call","result":{"kind":"error"},"id":"id-1"}`} {
			if status, _, text := r.ask("/", body); status != http.StatusBadRequest || !strings.Contains(text, "its type is that of an answer") {
				t.Errorf("%s: got %d %s", body, status, text)
			}
			r.quiet()
			if list, err := codec.In(t0, "", []byte(`{"request":"r","path":"/","body":`+body+`}`)); len(list) > 0 || err != nil {
				t.Errorf("replayed as %v, %v", list, err)
			}
		}
		r.ask("/", `{"event":"call.late","call":"c1"}`)
		r.expect("call.late")
		if list, err := codec.In(t0, "", []byte(`{"id":"id-1","type":"call.ok"}`)); len(list) != 1 || !list[0].Answer || err != nil {
			t.Errorf("got %v, %v", list, err)
		}
	})
}

func TestRequestsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{Path: "/hook/", MaxMessage: 100})
		long := `"` + strings.Repeat("x", 200) + `"`
		method := func(m string) func(*http.Request) { return func(q *http.Request) { q.Method = m } }
		without := func(name string) func(*http.Request) { return func(q *http.Request) { q.Header.Del(name) } }
		chunked := func(q *http.Request) { q.ContentLength = -1 }
		for _, tc := range []struct {
			path, body string
			change     func(*http.Request)
			want       int
		}{
			{"/hook", `{}`, with("Content-Type", "application/cloudevents+json; charset=UTF-8"), 202},
			{"/hook/below", `{}`, chunked, 202},
			{"/", `{}`, chunked, 404},
			{"/hooks", `{}`, chunked, 404},
			{"/hook", `{}`, without("Authorization"), 401},
			{"/hook", `{}`, with("Authorization", "Bearer "+secret+"s"), 401},
			{"/hook", `{}`, with("Authorization", "Bearer "), 401},
			{"/hook", `{}`, with("Authorization", "Basic "+secret), 401},
			{"/hook", `{}`, func(q *http.Request) { q.SetBasicAuth("", secret) }, 401},
			{"/hook", `{}`, method("GET"), 405},
			{"/hook", `{}`, method("PUT"), 405},
			{"/hook", `{}`, method("TRACE"), 405},
			{"/hook", `{}`, without("Content-Type"), 415},
			{"/hook", `{}`, with("Content-Type", "text/json"), 415},
			{"/hook", `{}`, with("Content-Type", "application/x-www-form-urlencoded"), 415},
			{"/hook", `{}`, with("Content-Type", "application/json; charset=latin1"), 415},
			{"/hook", `{}`, with("Content-Encoding", "gzip"), 415},
			{"/hook", long, method("POST"), 413},
			{"/hook", long, chunked, 413},
			{"/hook?" + strings.Repeat("a=b&", 10_000), `{}`, method("POST"), 431},
		} {
			status, header, text := r.ask(tc.path, tc.body, tc.change)
			if status != tc.want {
				t.Errorf("%.20s %.20s: got %d %s, want %d", tc.path, tc.body, status, text, tc.want)
			}
			if status == 202 {
				r.expect("message")
			}
			if status == 405 && header.Get("Allow") != "POST" || status == 401 && header.Get("Www-Authenticate") == "" {
				t.Errorf("%d comes with %v", status, header)
			}
			r.quiet()
		}
		// Our own word, two messages, and the beginning of what was too long.
		if lines := r.tapped(); len(lines) != 4 || lines[3].data != `"\"`+strings.Repeat("x", 99)+`"` {
			t.Errorf("captured %q", lines)
		}
	})
}

// Without a token a page in a browser could have its own name point here.
func TestWhoReachesOnlyThisMachineNeedsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Listen: "127.0.0.1:7490"})
		r.transport.listen = pipesOf(r)
		r.run()
		t.Cleanup(r.stop)
		for host, want := range map[string]int{
			"127.0.0.1:7490": 202, "localhost:7490": 202, "LOCALHOST": 202, "[::1]:7490": 202, "[::1]": 202,
			"evil.test:7490": 421, "evil.test": 421, "127.0.0.1.evil.test": 421, "localhost.evil.test:7490": 421,
		} {
			if status, _, text := r.ask("/", `{}`, func(q *http.Request) { q.Host = host }); status != want {
				t.Errorf("%s: got %d %s, want %d", host, status, text, want)
			}
		}
	})
}

// Who is slow is let go, and others do not wait for that.
func TestSlowClients(t *testing.T) {
	for name, said := range map[string]string{
		"nothing":   "",
		"half head": "POST / HTTP/1.1\r\nHost: x\r\n",
		"half body": "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + secret + "\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startServer(t, Config{})
				conn, err := r.pipes.dial()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(conn, said); err != nil {
					t.Fatal(err)
				}
				if status, _, _ := r.ask("/", `{"event":"ring"}`); status != 202 {
					t.Errorf("got %d", status)
				}
				r.expect("ring")
				began := time.Now()
				_, _ = io.Copy(io.Discard, conn) // until it is closed
				if took := time.Since(began); took > defaultTimes.read+time.Second {
					t.Errorf("let go after %s", took)
				}
				conn.Close()
				r.quiet()
			})
		})
	}
}

func TestRequestsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		let := make(chan struct{})
		r.rules = func(engine.Message) { <-let }
		statuses := make(chan int, mostRequests)
		for i := range mostRequests {
			go func() {
				status, _, _ := r.ask("/", fmt.Sprintf(`{"event":"ring","call":%d}`, i))
				statuses <- status
			}()
		}
		synctest.Wait()
		status, header, _ := r.ask("/", `{}`)
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") != "1" {
			t.Errorf("got %d %v", status, header)
		}
		close(let)
		for range mostRequests {
			if status := <-statuses; status != http.StatusAccepted {
				t.Errorf("got %d", status)
			}
			r.expect("ring")
		}
	})
}

// A body without an end is read no further than it may be.
func TestBodiesWithoutAnEndTakeNoMemory(t *testing.T) {
	for name, length := range map[string]string{"told": "Content-Length: 209715200", "not told": "Transfer-Encoding: chunked"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startServer(t, Config{})
				conn, err := r.pipes.dial()
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				before := heap()
				wrote := make(chan int64, 1)
				go func() {
					_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+secret+"\r\nContent-Type: application/json\r\n"+length+"\r\n\r\n")
					n := int64(0)
					for chunk := "10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n"; n < 200<<20; {
						wrote, err := io.WriteString(conn, chunk)
						n += int64(wrote)
						if err != nil {
							break
						}
					}
					wrote <- n
				}()
				head := make([]byte, len("HTTP/1.1 413"))
				if _, err := io.ReadFull(conn, head); err != nil || string(head) != "HTTP/1.1 413" {
					t.Errorf("got %q %v", head, err)
				}
				if grown := heap() - before; grown > 8<<20 {
					t.Errorf("it takes %d MB", grown>>20)
				}
				_, _ = io.Copy(io.Discard, conn)
				if n := <-wrote; n > 2<<20 {
					t.Errorf("%d bytes of it were read", n)
				}
				r.quiet()
			})
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Whoever waits for the engine when the program stops is told so.
func TestRequestsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		let, busy := make(chan struct{}), make(chan struct{}, 2)
		r.rules = func(engine.Message) {
			busy <- struct{}{}
			<-let
		}
		statuses := make(chan int, 2)
		ask := func() {
			status, _, _ := r.ask("/", `{"event":"ring"}`)
			statuses <- status
		}
		go ask()
		<-busy
		go ask()
		synctest.Wait()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.stop()
		}()
		if d := cmp.Diff([]int{503, 503}, []int{<-statuses, <-statuses}); d != "" {
			t.Error(d)
		}
		close(let)
		<-ended
		r.expect("ring")
		r.quiet()
	})
}

func TestAnAddressThatCannotBeListenedOn(t *testing.T) {
	r := newRig(t, Config{Listen: "127.0.0.1:7490"})
	r.transport.listen = refusing
	err := r.transport.Run(t.Context(), r.deliver)
	if want := `listen = "127.0.0.1:7490": in use`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
