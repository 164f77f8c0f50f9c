package verto

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

func TestReconnectKeepsSessidAndReportsTheCallsThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		r.call(c, "answered")
		r.call(c, "ringing")
		c.say("verto.invite", `{"callID":"inbound"}`)
		r.expect("verto.invite", "inbound")
		c.drop()
		r.expect(engine.TransportDown, "")
		for _, key := range []string{"answered", "inbound", "ringing"} {
			if lost := r.expect("verto.lost", key); string(lost.Body) != `{"method":"verto.lost","params":{"callID":"`+key+`"}}` {
				t.Errorf("got %s", lost.Body)
			}
		}

		again := r.server.next()
		login := again.expect("login")
		if got := login.Get("params.sessid").String(); got != c.sessid {
			t.Errorf("came back with sessid %q, was %q", got, c.sessid)
		}
		again.result(login, `{"message":"logged in"}`)
		again.say("verto.attach", `{"callID":"answered","sdp":"v=0"}`)
		r.expect("verto.attach", "answered")
		r.send("verto.attach", "answered") // its answer need not wait for clientReady
		again.result(again.expect("verto.attach"), `{}`)
		r.expect("verto.attach.ok", "answered")
		r.send("verto.invite", "new") // a new call must
		if got := problem(r.expect("verto.invite.error", "new")); got != notConnected {
			t.Errorf("got %q", got)
		}
		again.say("verto.clientReady", `{"reattached_sessions":["answered"]}`)

		gone := r.expect("verto.gone", "inbound")
		if want := `{"method":"verto.gone","params":{"callID":"inbound","cause":"DESTINATION_OUT_OF_ORDER","causeCode":27}}`; string(gone.Body) != want {
			t.Errorf("got %s, want %s", gone.Body, want)
		}
		r.expect("verto.gone", "ringing")
		up := r.expect(engine.TransportUp, "")
		if got := gjson.GetBytes(up.Body, "params.reattached").Raw; got != `["answered"]` {
			t.Errorf("reattached: %s", got)
		}
		r.quiet()
	})
}

func TestSessionTakenOverWaitsBeforeNewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		r.server.ready().drop()
		r.server.ready()
		r.expect(engine.TransportUp, "")
		r.expect(engine.TransportDown, "")
		synctest.Wait()
		r.quiet()
		begun := time.Now()
		r.expect(engine.TransportUp, "")
		if took := time.Since(begun); took != r.client.times.takeover {
			t.Errorf("up after %s", took)
		}
	})
}

func TestLostConnectionFailsWhatWasUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{Pace: time.Hour})
		r.send("verto.invite", "early")
		if m := r.expect("verto.invite.error", "early"); string(m.Body) != `{"jsonrpc":"2.0","error":{"code":-1,"message":"not connected"}}` || m.Call != "call of early" {
			t.Errorf("got %s for %q", m.Body, m.Call)
		}
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		for i := range paceBurst {
			r.send("verto.invite", fmt.Sprint(i))
			c.expect("verto.invite")
		}
		r.send("verto.invite", "queued")
		synctest.Wait()
		c.drop()
		r.expect(engine.TransportDown, "")
		for i := range paceBurst {
			if got := problem(r.expect("verto.invite.error", fmt.Sprint(i))); got != connectionLost {
				t.Errorf("got %q", got)
			}
		}
		r.expect("verto.invite.error", "queued")
		r.send("verto.info", "0")
		if got := problem(r.expect("verto.info.error", "0")); got != notConnected {
			t.Errorf("got %q", got)
		}
		r.server.ready() // calls that never came to be are not gone
		r.expect(engine.TransportUp, "")
		r.quiet()
	})
}

func TestByeOfACallWhoseSocketIsLostIsMadeGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		for _, key := range []string{"A", "B", "C"} {
			r.call(c, key)
		}
		r.send("verto.bye", "A")
		c.expect("verto.bye") // the server has it, or not
		c.drop()
		r.expect(engine.TransportDown, "")
		r.expect("verto.lost", "B")
		r.expect("verto.lost", "C")
		r.expect("verto.bye.error", "A")
		r.send("verto.bye", "B")
		r.expect("verto.bye.error", "B")
		r.send("verto.bye", "C")
		r.expect("verto.bye.error", "C")

		c = r.server.ready("A", "B")
		r.expect(engine.TransportUp, "")
		for _, key := range []string{"A", "B"} {
			bye := c.expect("verto.bye")
			if got := bye.Get("params.dialogParams.callID").String(); got != key {
				t.Errorf("bye for %q, want %q", got, key)
			}
			c.result(bye, `{"message":"CALL ENDED"}`)
		}
		synctest.Wait()
		r.quiet()
		if n := len(r.client.book.dialogs); n != 0 {
			t.Errorf("%d calls are remembered", n)
		}
		if queued, retried := r.client.Stats(); queued != 0 || retried != 2 {
			t.Errorf("%d wait, and %d were sent again", queued, retried)
		}
	})
}

func TestCallsAreGoneWhenTheServerHasDetachedThemForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		r.call(c, "A")
		lost := time.Now()
		c.drop()
		r.expect(engine.TransportDown, "")
		r.expect("verto.lost", "A")
		for range 12 { // comes back and is thrown out, again and again
			c = r.server.next()
			time.Sleep(9 * time.Second)
			c.drop()
		}
		r.expect("verto.gone", "A")
		if took := time.Since(lost); took < 120*time.Second {
			t.Errorf("gone after %s", took)
		}
		c = r.server.ready("A") // a server with more patience has it still
		r.expect(engine.TransportUp, "")
		if got := c.expect("verto.bye").Get("params.dialogParams.callID").String(); got != "A" {
			t.Errorf("bye for %q", got)
		}
	})
}

func TestPuntIsObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		r.call(c, "A")
		c.text(`{"jsonrpc":"2.0","id":9,"method":"verto.punt","params":{}}`)
		begun := time.Now()
		r.expect(engine.TransportDown, "")
		r.expect("verto.lost", "A")
		r.expect("verto.gone", "A")
		if len(r.log.lines("level=ERROR", "another instance has logged in with the session", "1008@pbx.test")) != 1 {
			t.Errorf("log:\n%s", r.log)
		}
		again := r.server.ready()
		if took := time.Since(begun); took < 5*time.Minute {
			t.Errorf("came back after %s", took)
		}
		if again.sessid == c.sessid {
			t.Error("came back with the sessid that another instance has")
		}
		r.expect(engine.TransportUp, "")
		r.quiet()
	})
}

func TestRefusedLoginIsToldPlainlyAndRetriedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		begun := time.Now()
		for range 20 {
			c := r.server.next()
			c.error(c.expect("login"), -32001, "Authentication Failure")
			<-c.ended
		}
		if took := time.Since(begun); took < 19*time.Minute {
			t.Errorf("20 tries took just %s", took)
		}
		lines := r.log.lines("level=ERROR", "login refused", "ws://pbx.test:8081/", "1008@pbx.test", `answer="Authentication Failure"`)
		if n := len(lines); n < 2 || n > 16 {
			t.Errorf("%d lines:\n%s", n, r.log)
		}
		r.server.ready()
		r.expect(engine.TransportUp, "")
		if len(r.log.lines("level=INFO", "connected")) != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

func TestSessidOfAnotherUserIsLeftToHim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.next()
		login := c.expect("login")
		c.error(login, -32001, "Session in use")
		if got := r.server.ready().sessid; got == login.Get("params.sessid").String() {
			t.Error("the sessid in use was tried again")
		}
		r.expect(engine.TransportUp, "")
	})
}

func TestServerThatSaysNothingIsLeft(t *testing.T) {
	for _, test := range []struct {
		name  string
		serve func(c *testConn)
		want  string
	}{
		{"no login result", func(c *testConn) { c.expect("login") }, "did not answer the login within 10s"},
		{"no clientReady", func(c *testConn) { c.result(c.expect("login"), `{}`) }, "no verto.clientReady within 10s"},
		{"closes", func(c *testConn) { c.expect("login"); c.drop() }, "broke off"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, Config{})
				c := r.server.next()
				test.serve(c)
				<-c.ended
				r.server.ready()
				r.expect(engine.TransportUp, "")
				if len(r.log.lines("not connected", test.want)) != 1 {
					t.Errorf("log:\n%s", r.log)
				}
			})
		})
	}
}

func TestSameFailureIsNotLoggedAtEachTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.server.ready()
		r.expect(engine.TransportUp, "")
		r.server.refuse(true)
		c.drop()
		time.Sleep(time.Hour)
		tries := r.server.refuse(false)
		lines := r.log.lines("not connected", "nothing listens at pbx.test:8081: check that FreeSWITCH runs with mod_verto loaded")
		if tries < 700 || tries > 1500 || len(lines) < 10 || len(lines) > 13 {
			t.Errorf("%d lines for %d tries", len(lines), tries)
		}
		if last := lines[len(lines)-1]; !strings.Contains(last, "failures=") || strings.Contains(last, "failures=1 ") {
			t.Errorf("the last line does not count: %s", last)
		}
	})
}

func TestCallsAreSpreadOverTheSocketsAndStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{Accounts: []Account{{"one", "x"}, {"two", "x"}}})
		conns := make(map[string]*testConn)
		for range 2 {
			c := r.server.next()
			login := c.expect("login")
			c.result(login, `{}`)
			c.say("verto.clientReady", `{}`)
			conns[login.Get("params.login").String()] = c
			if c.sessid = login.Get("params.sessid").String(); len(conns) == 2 && conns["one"].sessid == conns["two"].sessid {
				t.Error("both accounts have one sessid")
			}
		}
		r.expect(engine.TransportUp, "")
		synctest.Wait()
		one, two := conns["one"], conns["two"]
		r.call(one, "A")
		r.call(two, "B")
		r.call(one, "C")
		r.send("verto.info", "B")
		info := two.expect("verto.info")
		two.result(info, `{}`)
		r.expect("verto.info.ok", "B")
		one.say("verto.bye", `{"callID":"A"}`)
		r.expect("verto.bye", "A")
		r.send("verto.bye", "C")
		one.result(one.expect("verto.bye"), `{}`)
		r.expect("verto.bye.ok", "C")
		two.say("verto.invite", `{"callID":"D"}`)
		r.expect("verto.invite", "D")
		for _, key := range []string{"E", "F"} {
			r.call(one, key)
		}
		r.send("verto.invite", "G") // two each
		failed := one.expect("verto.invite")
		if failed.Get("id").Raw == info.Get("id").Raw {
			t.Error("two sockets have used one id")
		}
		one.error(failed, -32002, "CALL ERROR")
		r.expect("verto.invite.error", "G")

		one.drop()
		r.expect("verto.lost", "E")
		r.expect("verto.lost", "F")
		synctest.Wait()
		r.quiet() // one socket is left
		if !r.client.Up() {
			t.Error("down while one socket is left")
		}
		r.call(two, "H")
		two.drop()
		r.expect(engine.TransportDown, "")
		for _, key := range []string{"B", "D", "H"} {
			r.expect("verto.lost", key)
		}
	})
}

func TestStateFileKeepsTheSessid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	var sessids []string
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			r := startWith(t, Config{}, file)
			sessids = append(sessids, r.server.ready().sessid)
			r.expect(engine.TransportUp, "")
		})
	}
	if sessids[0] == "" || sessids[0] != sessids[1] {
		t.Errorf("sessids %q", sessids)
	}
}
