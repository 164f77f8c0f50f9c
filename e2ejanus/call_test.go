package e2ejanus_test

import (
	"fmt"
	"strings"
	"testing"

	"vertigo/e2ejanus/phones"
)

// What phones and clients say in these stories.
const (
	phoneTone  = 1000
	clientTone = 440
)

// talk makes sure that a client and a phone hear each other.
func talk(c *client, p *phones.Phone) {
	c.t.Helper()
	c.phone.Talk(clientTone)
	c.hears(phoneTone)
	p.Hears(clientTone)
}

// answeredBy starts a phone, and has a user call it.
func (s *site) answeredBy(t *testing.T, name, number string) (*client, *phones.Phone) {
	t.Helper()
	p := phones.StartPhone(t, s.x, number, phones.PhoneOptions{Tone: phoneTone})
	c := s.calls(t, name, number)
	c.take()
	p.Talks()
	return c, p
}

// A story is one call between a user and a telephone, each of its own.
type story struct {
	name string
	play func(t *testing.T, s *site, user, number string)
}

var outbound = []story{
	{"audio flows both ways, and the user hangs up", func(t *testing.T, s *site, user, number string) {
		c, p := s.answeredBy(t, user, number)
		talk(c, p)
		c.hangUp()
		p.Ended()
	}},
	{"audio flows both ways, and the telephone hangs up", func(t *testing.T, s *site, user, number string) {
		c, p := s.answeredBy(t, user, number)
		talk(c, p)
		p.HangUp()
		c.ends("m.call.hangup", "user_hangup")
	}},
	{"the telephone declines", func(t *testing.T, s *site, user, number string) {
		p := phones.StartPhone(t, s.x, number, phones.PhoneOptions{Manual: true})
		c := s.calls(t, user, number)
		p.Rings()
		p.HangUp()
		c.ends("m.call.reject", "user_busy") // it says 486
	}},
	{"the far end is busy", func(t *testing.T, s *site, user, number string) {
		far := phones.StartFarEnd(t, s.x, phones.Busy, 1, number)
		s.calls(t, user, number).ends("m.call.reject", "user_busy")
		far.Done()
	}},
	{"the far end declines", func(t *testing.T, s *site, user, number string) {
		far := phones.StartFarEnd(t, s.x, phones.Decline, 1, number)
		s.calls(t, user, number).ends("m.call.reject", "user_hangup")
		far.Done()
	}},
	{"nobody has the number", func(t *testing.T, s *site, user, number string) {
		s.calls(t, user, number).ends("m.call.reject", "user_hangup")
	}},
	{"the user gives up while it rings", func(t *testing.T, s *site, user, number string) {
		far := phones.StartFarEnd(t, s.x, phones.Ring, 1, number)
		c := s.calls(t, user, number)
		if err := s.x.WaitRequest(soon(t), "INVITE sip:"+number+"@"); err != nil {
			t.Fatal(err)
		}
		c.hangUp()
		far.Done()
	}},
	{"the far end is heard before it answers", func(t *testing.T, s *site, user, number string) {
		far := phones.StartFarEnd(t, s.x, phones.Early, 1, number)
		c := s.calls(t, user, number)
		c.take()
		c.phone.Talk(clientTone)
		c.hears(clientTone)
		s.bridge.WaitLine(t, 0, "the far end answers a call that was answered at its early media") // the rule: no other story has it
		c.hears(clientTone)
		c.hangUp()
		far.Done()
	}},
	{"keys are pressed on both sides", func(t *testing.T, s *site, user, number string) {
		c, p := s.answeredBy(t, user, number)
		talk(c, p)
		c.write("12#")
		p.HearsKeys("12#")
		c.phone.Press(keyPayload, "34*")
		p.HearsKeys("12#34*")
		p.Press('5')
		c.hearsKey('5')
		c.hangUp()
		p.Ended()
	}},
	{"the telephone holds the call, twice", func(t *testing.T, s *site, user, number string) {
		c, p := s.answeredBy(t, user, number)
		talk(c, p)
		for range 2 {
			p.Hold()
			c.isOffered("sendonly")
			p.Resume()
			c.isOffered("sendrecv")
			c.hears(phoneTone)
		}
		p.HangUp()
		c.ends("m.call.hangup", "user_hangup")
	}},
	{"after a hold by the far end audio flows both ways", func(t *testing.T, s *site, user, number string) {
		far := phones.StartFarEnd(t, s.x, phones.Hold, 1, number)
		c := s.calls(t, user, number)
		c.take()
		c.phone.Talk(clientTone)
		for i, direction := range []string{"sendonly", "sendrecv"} {
			c.write("1") // the far end waits for a key
			c.isOffered(direction)
			far.Settled(i + 1)
		}
		c.hears(clientTone)
		c.hangUp()
		far.Done()
	}},
	{"the user holds the call, twice", func(t *testing.T, s *site, user, number string) {
		c, p := s.answeredBy(t, user, number)
		talk(c, p)
		for range 2 {
			c.offers("sendonly", "recvonly")
			c.offers("sendrecv", "sendrecv")
			c.hears(phoneTone)
		}
		c.hangUp()
		p.Ended()
	}},
	{"the user hands the telephone on to another one", func(t *testing.T, s *site, user, number string) {
		c, p := s.answeredBy(t, user, number)
		talk(c, p)
		other := phones.StartPhone(t, s.x, "9"+number, phones.PhoneOptions{Tone: 1300})
		c.send("m.call.replaces", map[string]any{
			"create_call": "t" + c.callID, "replacement_id": "r" + c.callID, "target_user": map[string]any{"id": s.ghost("9" + number)},
		})
		c.ends("m.call.hangup", "user_hangup")
		p.Ended()
		other.Hears(phoneTone)
		p.Hears(1300)
		other.HangUp()
		p.Ended()
	}},
	{"the telephone may not hand the user on", func(t *testing.T, s *site, user, number string) {
		c, p := s.answeredBy(t, user, number)
		talk(c, p)
		p.Transfer("9" + number)
		c.ends("m.call.hangup", "user_hangup") // baresip hangs up then
		if s.x.Saw("INVITE sip:9" + number) {
			t.Error("the user was handed on")
		}
	}},
}

var inbound = []story{
	{"audio flows both ways, and the user hangs up", func(t *testing.T, s *site, user, number string) {
		c, p := s.answers(t, user, number)
		talk(c, p)
		c.hangUp()
		p.Ended()
	}},
	{"audio flows both ways, and the telephone hangs up", func(t *testing.T, s *site, user, number string) {
		c, p := s.answers(t, user, number)
		talk(c, p)
		p.HangUp()
		c.ends("m.call.hangup", "user_hangup")
	}},
	{"the user declines", func(t *testing.T, s *site, user, number string) {
		c, p := s.isCalled(t, user, number)
		c.send("m.call.reject", map[string]any{})
		if reason := p.Ended(); !strings.HasPrefix(reason, "603 ") {
			t.Errorf("the telephone is told %q", reason)
		}
	}},
	{"the user is busy", func(t *testing.T, s *site, user, number string) {
		c, p := s.isCalled(t, user, number)
		c.send("m.call.hangup", map[string]any{"reason": "user_busy"})
		if reason := p.Ended(); !strings.HasPrefix(reason, "486 ") {
			t.Errorf("the telephone is told %q", reason)
		}
		c.notice("Missed call from Phone " + number)
	}},
	{"the caller gives up", func(t *testing.T, s *site, user, number string) {
		c, p := s.isCalled(t, user, number)
		p.HangUp()
		c.ends("m.call.hangup", "user_hangup")
		c.notice("Missed call from Phone " + number)
	}},
	{"a far end calls that says what it hears, and hangs up", func(t *testing.T, s *site, user, number string) {
		u := s.user(t, user)
		far := phones.StartCaller(t, s.x, number, did(number))
		c := s.rings(t, u, number)
		c.accept()
		c.phone.Talk(clientTone)
		c.hears(clientTone)
		far.Settled(1)
		c.write("1") // the far end waits for a key
		c.ends("m.call.hangup", "user_hangup")
		far.Done()
	}},
	{"keys are pressed on both sides, and the telephone holds the call", func(t *testing.T, s *site, user, number string) {
		c, p := s.answers(t, user, number)
		talk(c, p)
		c.write("7")
		p.HearsKeys("7")
		p.Hold()
		c.isOffered("sendonly")
		p.Resume()
		c.isOffered("sendrecv")
		c.hears(phoneTone)
		c.hangUp()
		p.Ended()
	}},
}

// isCalled starts a phone, and has it call a user.
func (s *site) isCalled(t *testing.T, name, number string) (*client, *phones.Phone) {
	t.Helper()
	user := s.user(t, name)
	p := phones.StartPhone(t, s.x, number, phones.PhoneOptions{Tone: phoneTone})
	p.Dial(did(number))
	return s.rings(t, user, number), p
}

// answers starts a phone whose call a user answers.
func (s *site) answers(t *testing.T, name, number string) (*client, *phones.Phone) {
	t.Helper()
	c, p := s.isCalled(t, name, number)
	c.accept()
	p.Talks()
	return c, p
}

// did is what a telephone dials to reach its user.
func did(number string) string { return "+4420794601" + number[len(number)-2:] }

func TestCallsToTelephones(t *testing.T) {
	s := open(t, "out", phones.GatewayOptions{}, "", nil)
	t.Run("at once", func(t *testing.T) {
		for i, st := range outbound {
			t.Run(st.name, func(t *testing.T) {
				t.Parallel()
				st.play(t, s, fmt.Sprintf("caller%02d", i), fmt.Sprintf("20%02d", i))
			})
		}
	})
}

func TestCallsFromTelephones(t *testing.T) {
	numbers := map[string]string{}
	for i := range inbound {
		numbers[did(fmt.Sprintf("30%02d", i))] = fmt.Sprintf("callee%02d", i)
	}
	s := open(t, "in", phones.GatewayOptions{}, "", numbers)
	t.Run("at once", func(t *testing.T) {
		for i, st := range inbound {
			t.Run(st.name, func(t *testing.T) {
				t.Parallel()
				st.play(t, s, fmt.Sprintf("callee%02d", i), fmt.Sprintf("30%02d", i))
			})
		}
	})
}
