package verto

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/tidwall/gjson"

	"vertigo/engine"
)

func TestLoginComesFirstAndUpWhenTheServerIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.next()
		login := c.expect("login")
		for path, want := range map[string]string{"jsonrpc": "2.0", "params.login": "1008@pbx.test", "params.passwd": "top secret"} {
			if got := login.Get(path).String(); got != want {
				t.Errorf("%s of the login is %q, want %q", path, got, want)
			}
		}
		sessid := login.Get("params.sessid").String()
		if id, err := uuid.Parse(sessid); err != nil || id.Version() != 4 {
			t.Errorf("sessid %q is no random UUID", sessid)
		}
		if r.client.Up() {
			t.Error("up before the login was accepted")
		}
		c.result(login, `{"message":"logged in"}`)
		synctest.Wait()
		r.quiet()
		c.say("verto.clientReady", `{"reattached_sessions":[]}`)
		up := r.expect(engine.TransportUp, "")
		if want := `{"method":"transport.up","params":{"account":"1008@pbx.test","reattached":[]}}`; string(up.Body) != want {
			t.Errorf("got %s, want %s", up.Body, want)
		}
		if !r.client.Up() {
			t.Error("not up when ready")
		}
		if strings.Contains(r.log.String(), sessid) {
			t.Error("the sessid stands in the log")
		}
		r.stop()
		if r.client.Up() {
			t.Error("up after the end")
		}
	})
}

func TestMessageWithMethodIsNeverTakenForTheReplyOfThatID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		r.send("verto.invite", "A")
		invite := c.expect("verto.invite")
		c.lastID = int(invite.Get("id").Int()) - 1
		c.say("verto.invite", `{"callID":"B","sdp":"v=0"}`)
		if m := r.expect("verto.invite", "B"); m.Call != "" {
			t.Errorf("a call of the server is tied to %q", m.Call)
		}
		c.result(invite, `{"message":"CALL CREATED","callID":"A"}`)
		if m := r.expect("verto.invite.ok", "A"); m.Call != "call of A" {
			t.Errorf("the reply is tied to %q", m.Call)
		}
		c.result(invite, `{"message":"CALL CREATED","callID":"A"}`)
		synctest.Wait()
		r.quiet()
	})
}

func TestMechanicsAreAcknowledgedAndNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		c.say("verto.ping", `{"serno":1790000000}`)
		c.say("verto.clientReady", `{"reattached_sessions":["never heard of"]}`)
		c.text(`{"jsonrpc":"2.0","method":"verto.ping"}`) // without an id there is nothing to acknowledge
		c.say("verto.display", `{"callID":"A"}`)
		r.expect("verto.display", "A")
		r.quiet()
	})
}

func TestErrorWithDuplicateKeysKeepsItsDetail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		r.send("verto.invite", "A")
		id := c.expect("verto.invite").Get("id").Raw
		c.text(`{"jsonrpc":"2.0","id":%s,"error":{"message":"Cannot create channel","causeCode":27,"message":"CALL ERROR","code":-32002}}`, id)
		if got := problem(r.expect("verto.invite.error", "A")); got != "Cannot create channel" {
			t.Errorf("the detail is %q", got)
		}
	})
}

func TestNonsenseIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		c.raw(websocket.BinaryMessage, "\x00\xff\xfe")
		for _, nonsense := range []string{
			"", " ", "hello", "#SPU 10", "#SPB .....", "[]", "{}", "null", "5", `"x"`, `{"jsonrpc":`,
			`[{"jsonrpc":"2.0","id":1,"result":{}}]`, `{"method":5,"id":1}`, `{"method":null,"id":1,"result":{}}`,
			`{"id":null,"error":{"code":-32600}}`, `{"id":{"a":1},"result":{}}`,
			`{"method":"transport.down","id":1}`, `{"method":"verto.gone","params":{"callID":"A"}}`, `{"method":"verto.lost","params":{"callID":"A"}}`, `{"method":"verto.invite.ok","id":1}`,
			strings.Repeat("[", 500_000),
		} {
			c.text("%s", nonsense)
		}
		c.say("verto.display", `{"callID":"A"}`)
		r.expect("verto.display", "A")
		r.quiet()
	})
}

func TestOddTypesAreReadLeniently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		c.say("verto.info", `[1]`)
		r.expect("verto.info", "")
		c.say("verto.info", `{"callID":12345678901234567890}`)
		r.expect("verto.info", "12345678901234567890")
		c.text("%s", `{"id":"x","id":7,"method":"verto.info","method":"verto.bye","params":{"callID":"A","callID":"B"}}`)
		r.expect("verto.info", "A")
		if m := <-c.replies; m.Get("id").Raw != `"x"` {
			t.Errorf("acknowledged as %s", m.Raw)
		}
		c.text("%s", "{\"id\":8,\"method\":\"verto.display\",\"params\":{\"callID\":\"A\",\"display_name\":\"J\xfcrgen\"}}")
		m := r.expect("verto.display", "A")
		if got := gjson.GetBytes(m.Body, "params.display_name").String(); got != "J\uFFFDrgen" {
			t.Errorf("the name is %q", got)
		}
	})
}

func TestRequestWithoutReplyFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		r.send("verto.info", "A")
		c.expect("verto.info")
		m := r.expect("verto.info.error", "A")
		if problem(m) != "no reply within 10s" || m.Call != "call of A" {
			t.Errorf("got %s for %q", m.Body, m.Call)
		}
		if got := gjson.GetBytes(m.Body, "error.code").Int(); got != -1 {
			t.Errorf("code %d", got)
		}
		c.say("verto.display", `{"callID":"A"}`)
		r.expect("verto.display", "A")
	})
}

func TestTooLargeRequestIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		frame := len(requestFrame("verto.info", []byte(`""`), 2))
		for _, size := range []int{maxRequest, maxRequest + 1} {
			body := `"` + strings.Repeat("x", size-frame) + `"`
			r.client.Send(engine.Action{Type: "verto.info", Key: "A", Body: []byte(body)})
		}
		if got := len(c.expect("verto.info").Raw); got != maxRequest {
			t.Errorf("the largest message that is sent has %d bytes", got)
		}
		m := r.expect("verto.info.error", "A")
		if want := "the message has 1000000 bytes, the server takes 999999 at most"; problem(m) != want {
			t.Errorf("got %q, want %q", problem(m), want)
		}
	})
}

func TestTooLargeMessageEndsTheSocketAndSaysWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{MaxMessage: 2000})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		c.text(`{"method":"verto.info","params":{"x":%q}}`, strings.Repeat("x", 2000))
		r.expect(engine.TransportDown, "")
		r.server.ready()
		if len(r.log.lines("connection lost", "more than 2000 bytes: raise max_message")) != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

func TestMessageGoesOutInOneFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		conn := r.server.next()
		body := `"` + strings.Repeat("x", 900_000) + `"`
		conn.login()
		r.expect(engine.TransportUp, "")
		r.client.Send(engine.Action{Type: "verto.info", Body: []byte(body)})
		conn.expect("verto.info")
		// A client's frame begins with FIN and the opcode of text in one write.
		const wholeText = 0x81
		for _, b := range r.server.firstBytes() {
			if b != wholeText {
				t.Errorf("a frame begins with %#x", b)
			}
		}
	})
}

func TestSilentServerIsProbedAndThenLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		time.Sleep(10 * time.Minute)
		r.quiet() // each probe was answered
		c.silent()
		from := time.Now()
		c.expect("verto.ping")
		if took := time.Since(from); took > 15*time.Second {
			t.Errorf("probed after %s of silence", took)
		}
		from = time.Now()
		r.expect(engine.TransportDown, "")
		if took := time.Since(from); took != 10*time.Second {
			t.Errorf("left %s after the probe", took)
		}
		if r.server.ready().sessid != c.sessid {
			t.Error("came back with another sessid")
		}
	})
}

func TestRequestsArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		time.Sleep(time.Second)
		begun := time.Now()
		for i := range 20 {
			r.send("verto.info", fmt.Sprint(i))
		}
		var at []time.Duration
		for range 20 {
			c.expect("verto.info")
			at = append(at, time.Since(begun))
		}
		for i, d := range at {
			if want := time.Duration(i/paceBurst) * 60 * time.Millisecond; d != want {
				t.Errorf("request %d came after %s, want %s", i, d, want)
			}
		}
	})
}

func TestEventOfTheServerEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{Pace: time.Hour, ReplyTimeout: 100 * time.Hour})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		for i := range paceBurst + 1 {
			r.send("verto.info", fmt.Sprint(i))
		}
		for range paceBurst {
			c.expect("verto.info")
		}
		begun := time.Now()
		c.say("verto.display", `{"callID":"A"}`)
		c.expect("verto.info")
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited %s", took)
		}
	})
}

func TestFullQueueRefusesAtOnceButNotTheByeOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{Pace: time.Hour, ReplyTimeout: 100 * time.Hour})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		r.call(c, "A")
		c.say("verto.display", `{"callID":"A"}`) // lets a burst begin
		r.expect("verto.display", "A")
		for i := range paceBurst {
			r.send("verto.info", fmt.Sprint(i))
			c.expect("verto.info")
		}
		for range queueLimit {
			r.send("verto.info", "waits")
		}
		r.quiet()
		r.send("verto.info", "full")
		if got := problem(r.expect("verto.info.error", "full")); got != queueFull {
			t.Errorf("got %q", got)
		}
		r.send("verto.invite", "new")
		r.expect("verto.invite.error", "new")
		r.send("verto.bye", "A")
		synctest.Wait()
		r.quiet()
		r.stop() // which sends what is queued
		for range queueLimit {
			c.expect("verto.info")
		}
		c.expect("verto.bye")
	})
}

func TestQueuedByesGoOutAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		for i := range 50 {
			r.call(c, fmt.Sprint(i))
		}
		for i := range 50 {
			r.send("verto.bye", fmt.Sprint(i))
		}
		begun := time.Now()
		stopped := make(chan time.Duration)
		go func() {
			r.stop()
			stopped <- time.Since(begun)
		}()
		for range 50 {
			bye := c.expect("verto.bye")
			time.Sleep(time.Millisecond)
			c.result(bye, `{"message":"CALL ENDED"}`)
		}
		if took := <-stopped; took >= 2*time.Second {
			t.Errorf("the end took %s", took)
		}
		<-c.ended
		r.quiet()
	})
}

func TestEndDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		r.send("verto.info", "A")
		c.expect("verto.info")
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("the end took %s", took)
		}
		r.quiet()
		r.send("verto.info", "A") // nobody hears it, nothing breaks
	})
}

func TestCaptureReplaysToWhatWasDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		var live []engine.Message
		note := func(typ, key string) {
			t.Helper()
			m := r.expect(typ, key)
			m.Call = ""
			live = append(live, m)
		}
		c := r.server.ready()
		note(engine.TransportUp, "")
		c.text("hello")
		r.send("verto.invite", "A")
		c.result(c.expect("verto.invite"), `{"message":"CALL CREATED"}`)
		note("verto.invite.ok", "A")
		c.say("verto.answer", `{"callID":"A","sdp":"v=0"}`)
		note("verto.answer", "A")
		r.send("verto.info", "A")
		note("verto.info.error", "A") // no reply
		r.send("verto.modify", "A")
		c.expect("verto.info")
		c.expect("verto.modify")
		c.drop()
		note(engine.TransportDown, "")
		note("verto.lost", "A")
		note("verto.modify.error", "A") // connection lost
		r.server.ready()
		note("verto.gone", "A")
		note(engine.TransportUp, "")
		r.stop()

		codec := NewCodec("pbx")
		var replayed []engine.Message
		for _, l := range r.tapped() {
			if !json.Valid([]byte(l.data)) {
				t.Errorf("tapped data is no JSON: %q", l.data)
			}
			if l.dir == "out" {
				codec.Out(l.conn, []byte(l.data))
				continue
			}
			messages, err := codec.In(l.at, l.conn, []byte(l.data))
			if err != nil {
				t.Fatal(err)
			}
			replayed = append(replayed, messages...)
		}
		if got, want := fmt.Sprintf("%+v", replayed), fmt.Sprintf("%+v", live); got != want {
			t.Errorf("replayed\n%s\nlive\n%s", got, want)
		}
	})
}
