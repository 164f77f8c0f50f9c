package e2e_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// TestKeys has keys reach the far end: in the sound in calls of both directions,
// and as text in the room.
func TestKeys(t *testing.T) {
	tel := newService(t, "keys", "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{tel.AppService}})
	const dialled, calling = "+442079460291", "+442079460191"
	s := tel.open(t, home, vertotest.Options{Codecs: []string{"PCMU"}}, britain+
		table("users", map[string]string{dialled: "@keyed:" + hometest.ServerName}))
	s.pbx.Handle("9210", echo)
	t.Run("in the sound of a call to the telephone network", func(t *testing.T) {
		t.Parallel()
		c := s.dials(t, "keypad", "9202")
		(&keypad{client: c}).press(126, "1234#")
		call := s.waits(t, soon(t), func(call vertotest.Call) bool { return call.DTMF == "1234#" })
		if call.Destination != "9202" {
			t.Errorf("these keys are heard by %s", call.Destination)
		}
		c.wants("m.call.hangup user_hangup")
		s.ends(t, call.ID)
	})
	t.Run("as text", func(t *testing.T) {
		t.Parallel()
		c := s.dials(t, "writer", "9210")
		c.write("99")
		const sentence = "Your tones did not reach the telephone: there is no connection to it just now."
		notice(t, c.user, c.room, sentence)
		pass(t, 2*time.Second)
		for _, text := range []string{"ok 12", "*5, 12", "#"} {
			c.write(text)
		}
		call := s.waits(t, soon(t), func(call vertotest.Call) bool { return call.DTMF == "*512#" })
		c.hangUp()
		s.ends(t, call.ID)
		c.write("77")
		c.quiet()
		var notices []string
		for _, e := range c.user.Messages(t, c.room) {
			if e.Get("content.msgtype").Str == "m.notice" {
				notices = append(notices, e.Get("content.body").Str)
			}
		}
		if !slices.Equal(notices, []string{sentence}) {
			t.Errorf("the bridge says %q", notices)
		}
	})
	t.Run("in the sound of a call from the telephone network", func(t *testing.T) {
		t.Parallel()
		user := home.Register(t, "keyed", password("keyed"))
		r := s.callTo(t, []*hometest.User{user}, calling, dialled)
		c := keypad{client: r.rings(0)}
		if offer := c.offered.Get("offer.sdp").Str; !strings.Contains(offer, "a=rtpmap:110 telephone-event/8000\r\n") ||
			!c.offered.Get(`capabilities.m\.call\.dtmf`).Bool() {
			t.Errorf("no keypad is offered: %s", c.offered.Raw)
		}
		c.accept()
		c.selected()
		c.connected()
		ours := func(call vertotest.Call) bool { return call.CallerNumber == nationalNumber(calling) }
		s.waits(t, soon(t), func(call vertotest.Call) bool { return ours(call) && call.State == vertotest.Active })
		c.press(110, "1")
		heard := func(call vertotest.Call) bool { return ours(call) && call.PacketsIn > 0 }
		if call := s.waits(t, soon(t), heard); call.DTMF != "" {
			t.Fatalf("FreeSWITCH hears keys that it has not heard of: %q", call.DTMF)
		}
		// Once the channel is surely up it is told of them.
		told := func(call vertotest.Call) bool { return heard(call) && call.DTMF != "" }
		for ctx := soon(t); ; {
			c.press(110, "2")
			short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			call, err := s.pbx.WaitCall(short, told)
			cancel()
			if err == nil {
				if strings.Trim(call.DTMF, "2") != "" {
					t.Errorf("the keys are %q", call.DTMF)
				}
				break
			}
			if ctx.Err() != nil {
				t.Fatal("no key is heard")
			}
		}
		c.echoes(440)
		c.hangUp()
		r.ended()
	})
}

// dials has a new user call a number, which answers.
func (s *site) dials(t *testing.T, name, number string) *client {
	t.Helper()
	user := s.home.Register(t, name, password(name))
	c := newCaller(t, user, s.lookUp(t, user, number))
	c.pbx = s.pbx
	c.call()
	c.take()
	c.connected()
	s.waits(t, soon(t), func(call vertotest.Call) bool { return call.Destination == number && call.State == vertotest.Active })
	return c
}

// connected waits until there is sound.
func (c *client) connected() {
	c.t.Helper()
	select {
	case <-c.phone.Connected():
	case <-soon(c.t).Done():
		c.t.Fatal("there is no sound")
	}
}

// A keypad presses the keys of a client.
type keypad struct {
	*client
	pressed int
}

// press sends keys in the sound, each of them three times (RFC 4733, section
// 2.5.1.4), as packets of that payload type.
func (c *keypad) press(payload uint8, keys string) {
	c.t.Helper()
	for _, key := range []byte(keys) {
		event := strings.IndexByte("0123456789*#ABCD", key)
		c.pressed++
		for n := range 3 {
			c.phone.Say(rtp.Header{
				PayloadType: payload, Marker: n == 0, SequenceNumber: uint16(40000 + 3*c.pressed + n), Timestamp: uint32(2000 * c.pressed),
			}, []byte{byte(event), 0x8a, 800 >> 8, 800 & 0xff})
		}
	}
}

// write says something in the room.
func (c *client) write(text string) {
	c.t.Helper()
	c.user.Send(c.t, c.room, "m.room.message", map[string]any{"msgtype": "m.text", "body": text})
}

// waits waits for a call of that kind at the Verto server.
func (s *site) waits(t *testing.T, ctx context.Context, condition func(vertotest.Call) bool) vertotest.Call {
	t.Helper()
	call, err := s.pbx.WaitCall(ctx, condition)
	if err != nil {
		t.Fatal(err)
	}
	return call
}
