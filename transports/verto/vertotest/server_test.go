package vertotest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const sessid = "5e551080-0000-4000-8000-00000000000a"

func TestTLS(t *testing.T) {
	s := NewUnstartedServer(Options{Timing: Timing{Poll: 5 * time.Millisecond}})
	s.StartTLS()
	t.Cleanup(s.Close)
	if !strings.HasPrefix(s.URL, "wss://127.0.0.1:") {
		t.Errorf("URL %s", s.URL)
	}
	dial(t, s).login("1000", "")
	if _, _, err := websocket.DefaultDialer.DialContext(deadline(t), s.URL, nil); err == nil {
		t.Error("a client that does not know the certificate got in")
	}
}

func TestSecondSocketOfASessionPuntsTheFirst(t *testing.T) {
	s := quick(t, nil)
	first := dial(t, s)
	first.login("1008", sessid)
	second := dial(t, s)
	second.login("1008", sessid)
	first.await("verto.punt")
	if _, open := <-first.in; open {
		t.Error("the punted socket got more")
	}
	_, _, err := first.ws.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("closed by %v, want code 1000", err)
	}
	if r := second.call("verto.ping", map[string]any{}); r.Result.Message != "PONG" {
		t.Errorf("ping: %+v", r)
	}
}

func TestOversizedMessageClosesTheSocket(t *testing.T) {
	s := quick(t, nil)
	c := dial(t, s)
	c.login("1010", "")
	pad := strings.Repeat("x", 900_000)
	if r := c.call("echo", map[string]any{"pad": pad}); r.Error != nil {
		t.Errorf("900 kB: %+v", r.Error)
	}
	c.send([]byte(`{"jsonrpc":"2.0","method":"echo","params":{"pad":"` + strings.Repeat("x", maxMessage) + `"},"id":1}`))
	if data, open := <-c.in; open {
		t.Errorf("1 MB got %.100s", data)
	}
	if _, _, err := c.ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("closed by %v, want code 1000", err)
	}
}

func TestInviteErrorHasItsMessageTwice(t *testing.T) {
	s := quick(t, nil)
	c := dial(t, s)
	c.login("1008", "")
	c.send([]byte(`{"jsonrpc":"2.0","method":"verto.invite","params":{"sdp":5,"dialogParams":{"callID":"a"}},"id":"x"}`))
	want := `{"jsonrpc":"2.0","id":"x","error":{"message":"SDP missing","causeCode":95,"cause":"INVALID_MSG_UNSPECIFIED",` +
		`"message":"CALL ERROR","code":-32002}}`
	if got := string(c.next()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestForgottenCallIsNotReattached(t *testing.T) {
	s := quick(t, func(o *Options) { o.NoMedia = true })
	c := dial(t, s)
	c.login("1008", sessid)
	c.invite("a", "9196", pcmuOffer)
	c.await("verto.answer")
	s.DropSockets("1008@fs.test")
	wait(t, s, func(c Call) bool { return c.State == Detached })
	s.ForgetCalls()
	if ready := dial(t, s).login("1008", sessid); len(ready.Params.Reattached) != 0 {
		t.Errorf("reattached %v", ready.Params.Reattached)
	}
}

func TestRingTimeout(t *testing.T) {
	s := quick(t, func(o *Options) { o.Timing.Dialplan = 0.002 })
	c := dial(t, s)
	c.login("1008", "")
	c.invite("a", "9200", pcmuOffer)
	if bye := c.await("verto.bye"); bye.Params.CauseCode != 19 || bye.Params.Cause != "NO_ANSWER" {
		t.Errorf("bye %+v", bye.Params)
	}
}

// TestOtherExtensions has those that no capture in the folder is about.
func TestOtherExtensions(t *testing.T) {
	s := quick(t, func(o *Options) { o.NoMedia, o.Timing.Dialplan = true, 0.01 })
	c := dial(t, s)
	c.login("1008", "")
	c.invite("late", "9206", pcmuOffer)
	if answer := c.await("verto.answer"); answer.Params.SDP == "" {
		t.Error("9206: no SDP")
	}
	c.invite("never", "9207", pcmuOffer)
	c.await("verto.media")
	if bye := c.await("verto.bye"); bye.Params.CallID != "never" || bye.Params.CauseCode != 19 {
		t.Errorf("9207: %+v", bye.Params)
	}
	c.invite("parked", "9208", pcmuOffer)
	c.call("verto.bye", map[string]any{"dialogParams": dialog("parked")})
	if r := c.call("verto.bye", map[string]any{"dialogParams": dialog("parked")}); r.Error == nil || r.Error.Message != noSuchCall {
		t.Errorf("second bye: %+v", r)
	}
}

func TestAttendedTransfer(t *testing.T) {
	s := quick(t, func(o *Options) { o.NoMedia = true })
	phones := map[string]*client{}
	for _, user := range []string{"1001", "1002", "1003"} {
		phones[user] = dial(t, s)
		phones[user].login(user, "")
	}
	for callID, number := range map[string]string{"to2": "1002", "to3": "1003"} {
		phones["1001"].invite(callID, number, pcmuOffer)
		callee := phones[number]
		invite := callee.await("verto.invite")
		callee.call("verto.answer", map[string]any{"dialogParams": dialog(invite.Params.CallID), "sdp": pcmuAnswer})
		callee.await("verto.display")
	}
	r := phones["1001"].call("verto.modify", map[string]any{
		"dialogParams": dialog("to2"), "action": "replace", "replaceCallID": "to3",
	})
	if r.Error != nil {
		t.Fatalf("replace: %+v", r.Error)
	}
	phones["1001"].await("verto.bye")
	phones["1001"].await("verto.bye")
	wait(t, s, func(c Call) bool { return c.Login == "1002@fs.test" && c.State == Active })
	s.Hangup(wait(t, s, func(c Call) bool { return c.Login == "1002@fs.test" }).ID, NormalClearing)
	if bye := phones["1003"].await("verto.bye"); bye.Params.CauseCode != 16 {
		t.Errorf("the partner: %+v", bye.Params)
	}
}

func TestOriginateToNobody(t *testing.T) {
	s := quick(t, nil)
	call, err := s.Originate(deadline(t), "1008@fs.test", OriginateOptions{})
	if err != nil || call.Cause != UserNotRegistered {
		t.Errorf("%+v, %v", call, err)
	}
}

func TestManySilentCallsAtOnce(t *testing.T) {
	s := quick(t, func(o *Options) { o.NoMedia = true })
	c := dial(t, s)
	c.login("1008", "")
	const calls = 200
	for i := range calls {
		c.invite(fmt.Sprint("call-", i), "9196", pcmuOffer)
	}
	active := 0
	wait(t, s, func(c Call) bool {
		if c.ID == "call-0" {
			active = 0
		}
		if c.State == Active {
			active++
		}
		return active == calls
	})
}

func TestFramesAreRecorded(t *testing.T) {
	s := quick(t, nil)
	c := dial(t, s)
	c.login("1008", "")
	c.call("verto.ping", map[string]any{})
	var dirs []string
	for _, f := range s.Frames() {
		var m message
		if err := json.Unmarshal(f.Data, &m); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, f.Dir+" "+m.Method+m.Result.Message)
	}
	want := "in login, out logged in, out verto.clientReady, in verto.ping, out PONG"
	if got := strings.Join(dirs, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	s := quick(t, nil)
	c := dial(t, s)
	c.login("1008", "")
	c.invite("a", "9196", pcmuOffer)
	done := make(chan error, 1)
	go func() {
		_, err := s.WaitCall(deadline(t), func(c Call) bool { return c.State == Ended })
		done <- err
	}()
	s.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for range c.in {
	}
	s.Close()
}

func TestCauses(t *testing.T) {
	for name, tt := range map[string]struct {
		params object
		want   Cause
	}{
		"none at all":           {object{}, NormalClearing},
		"a name in any case":    {object{{"cause", "user_busy"}}, UserBusy},
		"the name wins":         {object{{"cause", "NO_ANSWER"}, {"causeCode", 17.0}}, NoAnswer},
		"a number as text":      {object{{"cause", "17"}}, UserBusy},
		"an unknown code":       {object{{"causeCode", 9999.0}}, NormalClearing},
		"keys in any case":      {object{{"CAUSECODE", 21.0}}, CallRejected},
		"a name no one knows":   {object{{"cause", "NONSENSE"}}, NormalClearing},
		"an empty name is none": {object{{"cause", ""}, {"causeCode", 17.0}}, UserBusy},
	} {
		if got := byeCause(tt.params); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	if err := error(UserBusy); !errors.Is(err, UserBusy) || err.Error() != "USER_BUSY" {
		t.Errorf("as an error %v", err)
	}
}

func TestUnreachableServerKeepsItsCalls(t *testing.T) {
	s := quick(t, func(o *Options) { o.NoMedia = true })
	c := dial(t, s)
	c.login("1008", sessid)
	c.invite("a", "9196", pcmuOffer)
	c.await("verto.answer")
	s.SetReachable(false)
	wait(t, s, func(c Call) bool { return c.State == Detached })
	again := dial(t, s)
	if data, open := <-again.in; open {
		t.Errorf("a server that is away says %s", data)
	}
	s.SetReachable(true)
	if ready := dial(t, s).login("1008", sessid); len(ready.Params.Reattached) != 1 {
		t.Errorf("reattached %v", ready.Params.Reattached)
	}
}
