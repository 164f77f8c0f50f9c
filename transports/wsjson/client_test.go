package wsjson

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/internal/link"
	"vertigo/wire"
)

func TestNoSecretOfTheURLIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{URL: "wss://door.test/bell?access_token=hunter2"})
		r.pipes.refuse(true)
		r.transport.netDial = func(context.Context, string, string) (net.Conn, error) { return r.pipes.dial() }
		r.run()
		synctest.Wait()
		r.stop()
		if lines := r.log.String(); strings.Contains(lines, "hunter2") || !strings.Contains(lines, "url=wss://door.test/bell ") {
			t.Error(lines)
		}
	})
}

func TestConnectsAsTheSettingsSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{Subprotocol: "bell-protocol", User: "anna", Password: secret, Headers: map[string]string{"x-door": "front"}})
		r.next()
		up := r.expect(engine.TransportUp)
		if string(up.Body) != `{"type":"transport.up"}` || up.Key != "" || up.Call != "" {
			t.Errorf("got %+v", up)
		}
		shake := r.shakes[0]
		user, password, _ := shake.BasicAuth()
		got := []string{shake.URL.Path, shake.Header.Get("Sec-Websocket-Protocol"), user, password, shake.Header.Get("X-Door")}
		if d := cmp.Diff([]string{"/bell", "bell-protocol", "anna", secret, "front"}, got); d != "" {
			t.Error(d)
		}
		if !r.transport.Up() {
			t.Error("it is not up")
		}
	})
}

func TestMessagesCarryTypeAndKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		p := r.next()
		r.expect(engine.TransportUp)
		raw := `{"type":"event", "result":{"event":"ring"},"handle":7974813509302275,"call":"c1"}`
		p.say("%s", raw)
		m := r.expect("event.ring")
		if string(m.Body) != raw || m.Key != "c1" || cmp.Diff([]string{"7974813509302275"}, m.Keys) != "" || m.Call != "" {
			t.Errorf("got %+v", m)
		}
		p.say(`{"n":1}`)
		if m := r.expect(wire.Untyped); m.Key != "" || len(m.Keys) > 0 {
			t.Errorf("got %+v", m)
		}
	})
}

func TestAnswersFindTheirCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		p := r.next()
		r.expect(engine.TransportUp)
		id := r.send("open", "call 1", `{"type":"do","what":"open"}`)
		if heard := p.expect("what", "open").Raw; heard != `{"type":"do","what":"open","id":"`+id+`"}` {
			t.Errorf("heard %s", heard)
		}
		for _, said := range []struct{ data, typ, call string }{
			{`{"type":"progress","id":"%s"}`, "progress", "call 1"},
			{`{"type":"done","id":"%s"}`, "open.done", "call 1"},
			{`{"type":"failed","id":"%s","call":"late"}`, "open.failed", "call 1"},
			{`{"id":"%s"}`, "open.ok", "call 1"},
			{`{"id":"%s","error":"stuck"}`, "open.error", "call 1"},
			{`{"type":"done","id":"%s?"}`, "done", ""},
			{`{"type":"again","call":"%s"}`, "again", ""},
			{`{"type":"closed","result":{"event":"again"},"id":"%s"}`, "closed.again", "call 1"},
		} {
			p.say(said.data, id)
			if m := r.expect(said.typ); string(m.Call) != said.call || m.Answer != (said.call != "") {
				t.Errorf("%s is of call %q, and an answer: %v", m.Body, m.Call, m.Answer)
			}
		}
		time.Sleep(time.Hour) // what was answered does not run out
		r.quiet()
	})
}

func TestAMessageThatHasAReplyIDIsAnAnswerOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		p := r.next()
		r.expect(engine.TransportUp)
		p.say(`{"type":"may","id":7}`)
		r.expect("may")
		r.send("yes", "c", `{"type":"done","id":7}`)
		if m := p.expect("id", "7"); m.Raw != `{"type":"done","id":7}` {
			t.Errorf("heard %s", m.Raw)
		}
		time.Sleep(time.Minute)
		r.quiet() // and nothing is awaited
	})
}

func TestWhatIsToBeAcknowledgedIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		p := r.next()
		r.expect(engine.TransportUp)
		p.say(`{"type":"ring","ask":1.50}`)
		if m := p.expect("ack", "1.5"); m.Raw != `{"ack":1.50}` {
			t.Errorf("heard %s", m.Raw)
		}
		r.expect("ring")
		p.say(`{"type":"ring"}`)
		r.expect("ring")
		p.say(`{"ask":2}`)
		r.expect(wire.Untyped)
		synctest.Wait()
		if len(p.heard) > 0 {
			t.Errorf("heard %s", (<-p.heard).Raw)
		}
	})
}

// The acknowledgement goes out before what rules say to the message, and does not
// wait for them.
func TestAnAcknowledgementComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		p := r.next()
		r.expect(engine.TransportUp)
		r.busy <- struct{}{}
		for i := range link.InboxFrames {
			p.say(`{"type":"ring","ask":%d}`, i)
			p.expect("ack", fmt.Sprint(i))
		}
		<-r.busy
		for range link.InboxFrames {
			r.expect("ring")
		}
		for i := range 100 {
			p.say(`{"type":"ring","ask":%d}`, i)
			r.expect("ring")
			r.send("open", "c1", fmt.Sprintf(`{"what":"open %d"}`, i))
			p.expect("ack", fmt.Sprint(i))
			p.expect("what", fmt.Sprintf("open %d", i))
		}
		said := r.tapped()
		if got := said[1].dir + said[1].data + said[2].dir + said[2].data; got != `in{"type":"ring","ask":0}out{"ack":0}` {
			t.Errorf("captured as %s", got)
		}
	})
}

func TestWhatIsNotAnsweredFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{RequestTimeout: 5 * time.Second})
		p := r.next()
		r.expect(engine.TransportUp)
		id := r.send("open", "slow", `{"what":"open"}`)
		begun := time.Now()
		r.expectError("open", "slow", "no answer within 5s")
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
		p.say(`{"type":"done","id":"%s"}`, id)
		if m := r.expect("open.done"); m.Call != "slow" || !m.Answer {
			t.Errorf("a late answer is none: %+v", m)
		}
	})
}

func TestReconnectsAndTellsWhatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		p := r.next()
		r.expect(engine.TransportUp)
		answered := r.send("call", "c1", `{"what":"call"}`)
		p.expect("what", "call")
		p.say(`{"type":"done","id":"%s"}`, answered)
		r.expect("call.done")
		r.send("open", "c1", `{"what":"open"}`)
		p.expect("what", "open")
		r.pipes.refuse(true)
		p.drop()
		r.expect(engine.TransportDown)
		r.expectError("open", "c1", connectionLost)
		r.send("open", "c1", `{}`)
		r.expectError("open", "c1", notConnected)
		if r.transport.Up() {
			t.Error("it is up")
		}
		time.Sleep(10 * time.Minute)
		if n := r.pipes.refuse(false); n < 120 || n > 250 {
			t.Errorf("%d tries in ten minutes", n)
		}
		if n := strings.Count(r.log.String(), "not connected"); n < 2 || n > 3 {
			t.Errorf("%d lines about one failure", n)
		}
		p = r.next()
		r.expect(engine.TransportUp)
		p.say(`{"type":"hangup","id":"%s"}`, answered)
		if m := r.expect("hangup"); m.Call != "c1" || !m.Answer {
			t.Errorf("what belongs to a call is not known after a reconnect: %+v", m)
		}
	})
}

func TestASilentPeerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{Ping: 20 * time.Second})
		p := r.next()
		r.expect(engine.TransportUp)
		time.Sleep(10 * time.Minute)
		r.quiet() // it answers pings, that is enough
		p.silent()
		for range 20 {
			time.Sleep(15 * time.Second)
			p.say(`{"type":"ring"}`) // or says something
			r.expect("ring")
		}
		begun := time.Now()
		r.expect(engine.TransportDown)
		if took := time.Since(begun); took != 40*time.Second {
			t.Errorf("it took %s", took)
		}
		synctest.Wait()
		if !strings.Contains(r.log.String(), "the peer is silent: no message, and no answer to a ping, within 40s") {
			t.Error(r.log)
		}
		r.next()
		r.expect(engine.TransportUp)
	})
}

func TestThePeerWaitsForTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		p := r.next()
		r.expect(engine.TransportUp)
		r.busy <- struct{}{}
		const all = 3000
		written := make(chan int, all)
		go func() {
			for i := range all {
				p.say(`{"type":"%d"}`, i)
				written <- i
			}
		}()
		time.Sleep(time.Minute)
		if n := len(written); n >= all || n < 1000 {
			t.Errorf("%d of %d messages were taken while the engine saw none", n, all)
		}
		<-r.busy
		for i := range all {
			r.expect(fmt.Sprint(i))
		}
		r.quiet()
	})
}

func TestWhatThePeerDoesNotTakeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{RequestTimeout: time.Hour})
		p := r.next()
		r.expect(engine.TransportUp)
		p.deaf()
		r.send("ring", "c", `{}`)
		p.expect("id", "id-1")
		r.send("open", "c", `{}`)
		synctest.Wait() // it is being written
		for range queueLimit {
			r.send("open", "c", `{}`)
		}
		r.quiet()
		r.send("close", "c", `{}`)
		r.expectError("close", "c", queueFull)
		r.quiet()
		begun := time.Now()
		r.expect(engine.TransportDown)
		if took := time.Since(begun); took != defaultTimes.write {
			t.Errorf("it took %s", took)
		}
		r.expectError("ring", "c", connectionLost)
		for range 1 + queueLimit {
			r.expectError("open", "c", connectionLost)
		}
	})
}

func TestTooMuchIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{RequestTimeout: time.Hour})
		p := r.next()
		r.expect(engine.TransportUp)
		for i := range mostUnanswered {
			r.send("open", "c", `{}`)
			if i%100 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		r.send("close", "c", `{}`)
		r.expectError("close", "c", tooManyAsked)
		p.say(`{"type":"done","id":"id-1"}`)
		r.expect("open.done")
		r.send("close", "c", `{}`)
		synctest.Wait()
		r.quiet()
	})
}

func TestAnsweredMessagesAreForgottenInTime(t *testing.T) {
	r := newRequests()
	for i := range 3 * mostAnswered {
		r.add(&request{id: fmt.Sprint(i)})
		if i%2 == 0 {
			r.settle(r.oldest())
		}
		if r.find(fmt.Sprint(i)) == nil {
			t.Fatalf("%d is not known", i)
		}
	}
	if len(r.byID) != mostAnswered || len(r.unanswered) > 0 || r.oldest() != nil {
		t.Errorf("%d are known, %d wait", len(r.byID), len(r.unanswered))
	}
	if r.find("0") != nil || r.find(fmt.Sprint(2*mostAnswered)) == nil {
		t.Error("it is not the oldest that are forgotten")
	}
}

func TestLastMessagesGoOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		p := r.next()
		r.expect(engine.TransportUp)
		p.say(`{"type":"ring"}`)
		r.expect("ring")
		for i := range 10 {
			r.send("bye", "c", fmt.Sprintf(`{"what":"bye %d"}`, i))
		}
		begun := time.Now()
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			r.stop()
		}()
		for i := range 10 {
			id := p.expect("what", fmt.Sprintf("bye %d", i)).Get("id").Str
			time.Sleep(100 * time.Millisecond)
			p.say(`{"type":"done","id":"%s"}`, id)
		}
		<-stopped
		if took := time.Since(begun); took != time.Second {
			t.Errorf("it took %s", took)
		}
		r.quiet()
		if lines := r.log.String(); strings.Contains(lines, "WARN") {
			t.Error(lines)
		}
	})
}

func TestAPeerThatAnswersNothingAtTheEndIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		r.next()
		r.expect(engine.TransportUp)
		r.send("bye", "c", `{}`)
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took != defaultTimes.drain {
			t.Errorf("it took %s", took)
		}
		for _, line := range []string{"the peer did not answer the last messages in time", "messages without an answer at the end"} {
			if !strings.Contains(r.log.String(), line) {
				t.Errorf("the log lacks %q:\n%s", line, r.log)
			}
		}
		r.quiet()
	})
}

// A capture holds all that the engine saw of a connection, in the order in which
// it saw it, and what was sent.
func TestACaptureReadsAsItWasHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{RequestTimeout: time.Second})
		p := r.next()
		synctest.Wait()
		id := r.send("open", "c1", `{"what":"open","call":"c1"}`)
		late := r.send("shut", "c1", `{"what":"shut"}`)
		p.expect("what", "open")
		p.expect("what", "shut")
		p.say(`{"type":"done","id":"%s"}`, id)
		synctest.Wait()
		p.say("no JSON")
		p.say(`{"type":"transport.down"}`)
		p.say(`{"type":"ring","call":"c1","handle":1}`)
		p.say(`{"type":"open.done","call":"c1"}`)
		time.Sleep(time.Minute)
		p.say(`{"type":"done","id":"%s"}`, late)
		synctest.Wait()
		p.drop()
		synctest.Wait()
		r.stop()

		codec := NewCodec("door", door)
		var replayed []engine.Message
		for _, l := range r.tapped() {
			if l.dir == "out" {
				typ := "open"
				if strings.Contains(l.data, "shut") {
					typ = "shut"
				}
				codec.Sent(l.conn, []byte(l.data), engine.Action{Type: typ, Call: "c1", ID: idOf(t, l.data)})
				continue
			}
			list, err := codec.In(l.at, l.conn, []byte(l.data))
			if err != nil {
				t.Fatal(err)
			}
			replayed = append(replayed, list...)
		}
		close(r.got)
		var types []string
		for m := range r.got {
			if len(replayed) == 0 {
				t.Fatalf("%s is not replayed", m.Type)
			}
			if d := cmp.Diff(m, replayed[0]); d != "" {
				t.Errorf("%s: %s", m.Type, d)
			}
			types = append(types, m.Type)
			replayed = replayed[1:]
		}
		if d := cmp.Diff([]string{"transport.up", "open.done", "ring", "shut.error", "shut.done", "transport.down"}, types); d != "" || len(replayed) > 0 {
			t.Error(d, replayed)
		}
	})
}

func idOf(t *testing.T, data string) string {
	t.Helper()
	id := gjson.Get(data, "id").Str
	if id == "" {
		t.Fatalf("%s has no id", data)
	}
	return id
}
