package httpjson

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/wire"
)

var (
	_ replay.Codec    = (*Codec)(nil)
	_ replay.Answered = (*Codec)(nil)

	t0 = time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
)

// The lines of a capture are read as what they were when they came.
func TestACaptureIsReadAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		r.answer = func(w http.ResponseWriter, q *http.Request, _ string) {
			if q.Header.Get("Idempotency-Key") == "2" {
				w.WriteHeader(http.StatusGone)
			}
			_, _ = w.Write([]byte(`{"call":"desk-7"}`))
		}
		live := []engine.Message{{Transport: "desk", Type: engine.TransportUp, Body: []byte(`{"type":"transport.up"}`)}}
		sent := map[string]engine.Action{}
		for _, id := range []string{"1", "2"} {
			a := engine.Action{Type: "call", Call: "c", Key: "k", ID: id, Address: map[string]string{"path": "/x"}, Body: []byte(`{"call":"k"}`)}
			sent[id] = a
			r.transport.Send(a)
			live = append(live, <-r.got)
		}
		codec := NewCodec("desk", desk)
		var replayed []engine.Message
		for _, l := range r.tapped() {
			if l.dir == "out" {
				a := sent[gjson.Get(l.data, "id").Str]
				if frame := string(codec.Frame(a)); frame != l.data {
					t.Errorf("got %s, want %s", frame, l.data)
				}
				codec.Sent("", []byte(l.data), a)
				continue
			}
			list, err := codec.In(time.Time{}, "", []byte(l.data))
			if err != nil || len(list) != 1 {
				t.Fatalf("%s: %v %v", l.data, list, err)
			}
			replayed = append(replayed, list[0])
		}
		for i := range live {
			live[i].At = time.Time{}
		}
		if d := cmp.Diff(live, replayed); d != "" {
			t.Error(d)
		}
		if !replayed[2].Answer || replayed[2].Type != "call.error" || replayed[2].Call != "c" || replayed[2].Key != "desk-7" {
			t.Errorf("got %+v", replayed[2])
		}
	})
}

// After a reload messages are read as the new rules say.
func TestAFormatIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		r.ask("/", `{"event":"ring","what":"bell","call":"c1"}`)
		if m := r.expect("ring"); m.Key != "c1" {
			t.Errorf("got %+v", m)
		}
		r.transport.Follow(wire.Format{Type: []string{"body.what"}, Key: []string{"path"}})
		r.ask("/c2", `{"event":"ring","what":"bell","call":"c1"}`)
		if m := r.expect("bell"); m.Key != "/c2" {
			t.Errorf("got %+v", m)
		}
	})
}

func TestLinesThatAreNoMessages(t *testing.T) {
	c := NewCodec("desk", desk)
	for _, data := range []string{``, `{`, `"quoted"`, `{}`, `{"id":"1"}`, `{"type":""}`} {
		if list, err := c.In(t0, "", []byte(data)); len(list) > 0 || err != nil {
			t.Errorf("%s: got %v, %v", data, list, err)
		}
	}
	list, err := c.In(t0, "", []byte(`{"id":"1","type":"call.ok","status":200}`))
	want := []engine.Message{{Transport: "desk", Type: "call.ok", Answer: true, At: t0, Body: []byte(`{"id":"1","type":"call.ok","status":200}`)}}
	if d := cmp.Diff(want, list); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestAReplyIsShownWithItsRequest(t *testing.T) {
	c := NewCodec("desk", desk)
	for want, address := range map[string]map[string]string{
		`{"type":"reply","request":"r","status":200,"body":{"a":1}}`: {"request": "r"},
		`{"type":"reply","request":"r","status":404,"body":{"a":1}}`: {"request": "r", "status": "404"},
		`{"type":"reply","request":"r","body":{"a":1}}`:              {"request": "r", "status": "none"},
	} {
		a := engine.Action{Type: "reply", ID: "1", Call: "c", Address: address, Body: []byte(`{"a":1}`)}
		if got := string(c.Frame(a)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		c.Sent("", nil, a)
		if m, _ := c.In(t0, "", []byte(`{"id":"1","type":"reply.error"}`)); m[0].Call != "" || !m[0].Answer {
			t.Errorf("an answer is awaited: %+v", m)
		}
	}
}

// Whatever a peer asks or answers, the codec makes of it one message or none, that
// is as long as the body and no longer: nothing in a body stands beside it.
func FuzzCodec(f *testing.F) {
	for _, h := range hostile {
		if len(h.body) < 1000 {
			f.Add(h.body, "a=b&c", 200)
		}
	}
	f.Add("no\xffne", "%ff&&=;", 500)
	f.Fuzz(func(t *testing.T, body, query string, status int) {
		c := NewCodec("desk", desk)
		a := engine.Action{Type: "call", Call: "c", ID: "id-1"}
		o := outcome{status: status, body: jsonOf([]byte(body))}
		m := c.became(t0, a, o)
		check(t, m, body)
		if m.Type != "call.ok" || m.Call != "c" {
			t.Fatalf("%q is answered as %+v", body, m)
		}
		if !gjson.Valid(body) {
			return
		}
		data := asked("r", &url.URL{Path: "/", RawQuery: query}, []byte(body))
		list, err := c.In(t0, "", data)
		if err != nil || len(list) > 1 {
			t.Fatalf("%q gives %d messages, %v", data, len(list), err)
		}
		for _, m := range list {
			check(t, m, body)
			if m.ID != "r" || m.Call != "" {
				t.Fatalf("%q is asked as %+v", body, m)
			}
		}
	})
}

// check holds a message to what each one is.
func check(t *testing.T, m engine.Message, body string) {
	t.Helper()
	if m.Key == "" && len(m.Keys) > 0 || m.Type == "" || !gjson.ValidBytes(m.Body) {
		t.Fatalf("%q gives %+v", body, m)
	}
	found, err := (&wire.Format{Type: []string{"type"}, Key: []string{"request", "id"}}).Read(m.Body)
	switch {
	case err != nil:
		t.Fatalf("%s: %v", m.Body, err)
	case strings.Count(strings.Join(found.Keys, ","), ",") > 0:
		t.Fatalf("%s is asked and answered", m.Body)
	}
	if got := gjson.GetBytes(m.Body, "body"); gjson.Valid(body) && got.Raw != strings.TrimSpace(body) && got.Type != gjson.String {
		t.Fatalf("%q became %q", body, got.Raw)
	}
}
