package e2ejanus_test

import (
	"testing"
	"time"

	"vertigo/e2ejanus/phones"
)

// patient keeps a session whose socket is lost for a while. Once in some twenty
// times Janus does not see that the socket is: then the other time ends it.
var patient = phones.GatewayOptions{Reclaim: 12 * time.Second, Session: 35 * time.Second}

// TestLostSocket pulls out the cable to Janus during calls in both directions.
func TestLostSocket(t *testing.T) {
	const caller, callee, number = "lost-out", "lost-in", "3000"
	s := open(t, "lost", patient, "", map[string]string{did(number): callee})
	far := phones.StartPhone(t, s.x, "2000", phones.PhoneOptions{Tone: phoneTone})
	near := phones.StartPhone(t, s.x, number, phones.PhoneOptions{Tone: phoneTone})
	anna, ben := s.user(t, caller), s.user(t, callee)
	room := s.roomWith(t, anna, "2000")
	var back string   // the room in which Ben is called
	var past []string // his calls

	// begin has a call in each direction.
	begin := func(t *testing.T) (out, in *client) {
		t.Helper()
		out = newClient(t, anna, room)
		out.call()
		out.take()
		near.Dial(did(number))
		if back == "" {
			in = s.rings(t, ben, number)
		} else {
			in = called(t, ben, back, past...)
		}
		back, past = in.room, append(past, in.callID)
		in.accept()
		talk(out, far)
		talk(in, near)
		return out, in
	}

	t.Run("for 5 s: the calls go on", func(t *testing.T) {
		out, in := begin(t)
		s.cable.Unplug()
		pass(t, 5*time.Second)
		s.replug(t)
		for _, c := range []*client{out, in} {
			c.hears(phoneTone)
		}
		far.Hears(clientTone)
		near.Hears(clientTone)
		out.hangUp()
		far.Ended()
		near.HangUp()
		in.ends("m.call.hangup", "user_hangup")
	})
	t.Run("and the telephones hang up meanwhile: that is noticed", func(t *testing.T) {
		out, in := begin(t)
		s.cable.Unplug()
		far.HangUp()
		near.HangUp()
		s.replug(t)
		out.ends("m.call.hangup", "user_hangup")
		in.ends("m.call.hangup", "user_hangup")
	})
	t.Run("for longer than Janus keeps it: both sides end, with a reason", func(t *testing.T) {
		out, in := begin(t)
		s.cable.Unplug()
		far.Ended() // Janus has given up
		near.Ended()
		from := len(s.bridge.Said())
		s.replug(t)
		for _, c := range []*client{out, in} {
			c.ends("m.call.hangup", "ice_timeout")
			c.notice("The connection to the telephone network was lost, and the call with it.")
		}
		s.bridge.WaitLine(t, from, "that is all of them") // in a new session
	})
	t.Run("and the next calls are as ever", func(t *testing.T) {
		out, in := begin(t)
		out.hangUp()
		far.Ended()
		in.hangUp()
		near.Ended()
	})
}

// replug plugs the cable in, and waits until the bridge has noticed.
func (s *site) replug(t *testing.T) {
	t.Helper()
	from := len(s.bridge.Said())
	s.cable.Plug()
	s.bridge.WaitLine(t, from, "transport.up", "transport=janus")
}
