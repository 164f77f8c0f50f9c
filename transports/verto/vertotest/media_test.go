package vertotest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"vertigo/transports/verto/vertotest/webphone"
)

// calling is a client with a phone in a call that it placed.
func calling(t *testing.T, s *Server, callID, number string) (*client, *phone) {
	t.Helper()
	c := dial(t, s)
	c.login("1008", "5e551080-0000-4000-8000-000000000001")
	p := newPhone(t, webphone.PCMU)
	c.invite(callID, number, p.offer(webphone.OfferOptions{}))
	return c, p
}

func wait(t *testing.T, s *Server, want func(Call) bool) Call {
	t.Helper()
	c, err := s.WaitCall(deadline(t), want)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEchoIsHeard(t *testing.T) {
	s := quick(t, nil)
	c, p := calling(t, s, "a", "9196")
	p.take(c.await("verto.answer").Params.SDP)
	p.talk(440)
	p.hears(440)
	call := wait(t, s, func(c Call) bool { return c.PacketsIn >= 25 && c.PacketsOut >= 25 })
	if call.State != Active || call.Codec != "PCMU" || call.Destination != "9196" || call.CallerName != "Ann" {
		t.Errorf("call %+v", call)
	}
	bye := c.call("verto.bye", map[string]any{"dialogParams": dialog("a"), "cause": "USER_BUSY"})
	if bye.Result.Cause != "USER_BUSY" {
		t.Errorf("bye: %+v", bye)
	}
	call = s.Calls()[0]
	if call.State != Ended || call.Cause != UserBusy || call.EndedBy != ClientSide {
		t.Errorf("call %+v", call)
	}
}

func TestToneAndEarlyMediaAreHeard(t *testing.T) {
	s := quick(t, nil)
	c, p := calling(t, s, "a", "9197")
	p.take(c.await("verto.answer").Params.SDP)
	p.hears(440)

	s = quick(t, func(o *Options) { o.Timing.Dialplan = 1 })
	c, p = calling(t, s, "b", "9198")
	p.take(c.await("verto.media").Params.SDP)
	p.hears(440)
	if call := s.Calls()[0]; call.State != Early {
		t.Errorf("the tone came in state %v", call.State)
	}
	if answer := c.await("verto.answer"); answer.Params.SDP != "" {
		t.Error("verto.answer has an SDP after verto.media")
	}
	p.talk(600)
	p.hears(600)
}

func TestOpusIsEchoedAsItIs(t *testing.T) {
	s := quick(t, nil)
	c := dial(t, s)
	c.login("1008", "")
	p := newPhone(t, webphone.Opus)
	c.invite("a", "9196", p.offer(webphone.OfferOptions{}))
	p.take(c.await("verto.answer").Params.SDP)
	sent := []byte{0xf8, 1, 2, 3, 4, 5}
	p.ready()
	header := rtp.Header{PayloadType: 111}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for timeout := time.After(patience); ; {
		select {
		case <-ticker.C:
			header.SequenceNumber++
			header.Timestamp += 960
			p.Say(header, sent)
			continue
		case packet := <-p.Heard():
			if packet.PayloadType != 111 || !bytes.Equal(packet.Payload, sent) {
				t.Errorf("came back as %v", packet)
			}
		case <-timeout:
			t.Error("nothing came back")
		}
		return
	}
}

func TestDigitsInRTPAreCollected(t *testing.T) {
	s := quick(t, func(o *Options) { o.Timing.Dialplan = 1 })
	c, p := calling(t, s, "a", "9202")
	p.take(c.await("verto.answer").Params.SDP)
	p.ready()
	wait(t, s, func(c Call) bool { return c.State == Active })
	header := rtp.Header{PayloadType: 126}
	for _, event := range []byte{1, 2, 3, 4, 11} {
		header.Timestamp += 1000
		for range 3 { // an event is sent several times
			header.SequenceNumber++
			p.Say(header, []byte{event, 10, 0, 160})
		}
	}
	if got := c.await("verto.display").Params.Name; got != "DTMF 1234" {
		t.Errorf("display name %q", got)
	}
	if got := s.Calls()[0].DTMF; got != "1234#" {
		t.Errorf("digits %q", got)
	}
}

func TestHoldStopsTheSound(t *testing.T) {
	s := quick(t, nil)
	c, p := calling(t, s, "a", "9197")
	p.take(c.await("verto.answer").Params.SDP)
	p.hears(440)
	modify := func(action string) message {
		return c.call("verto.modify", map[string]any{"dialogParams": dialog("a"), "action": action})
	}
	if got := modify("HOLD").Result.HoldState; got != "held" {
		t.Errorf("holdState %q", got)
	}
	held := s.Calls()[0]
	modify("videoRefresh")
	if call := s.Calls()[0]; !call.Held || call.PacketsOut != held.PacketsOut {
		t.Errorf("after hold %+v, then %+v", held, call)
	}
	if got := modify("unhold").Result.HoldState; got != "active" {
		t.Errorf("holdState %q", got)
	}
	p.forget()
	p.hears(440)
}

func TestUpdateMediaFollowsAnICERestart(t *testing.T) {
	s := quick(t, nil)
	c, p := calling(t, s, "a", "9196")
	first := c.await("verto.answer").Params.SDP
	p.take(first)
	p.talk(440)
	p.hears(440)
	m := c.call("verto.modify", map[string]any{
		"dialogParams": dialog("a"), "action": "updateMedia",
		"sdp": p.offer(webphone.OfferOptions{Restart: true}),
	})
	if got, want := sdpLine(t, m.Result.SDP, "a=ice-ufrag:"), sdpLine(t, first, "a=ice-ufrag:"); got != want {
		t.Errorf("own %s became %s", want, got)
	}
	p.take(m.Result.SDP)
	p.forget()
	p.hears(440)
}

func TestOriginatedCallIsHeard(t *testing.T) {
	s := quick(t, nil)
	c := dial(t, s)
	c.login("1008", "")
	p := newPhone(t, webphone.PCMU)
	over := make(chan Call, 1)
	go func() {
		call, err := s.Originate(deadline(t), "1008@fs.test", OriginateOptions{
			CallerName: "Bob", CallerNumber: "+1555", Extension: "9197", Codecs: []string{"PCMU"},
		})
		if err != nil {
			t.Error(err)
		}
		over <- call
	}()
	invite := c.await("verto.invite")
	r := c.call("verto.answer", map[string]any{
		"dialogParams": dialog(invite.Params.CallID), "sdp": p.answer(invite.Params.SDP),
	})
	if r.Error != nil {
		t.Fatalf("answer: %+v", r.Error)
	}
	p.hears(440)
	c.call("verto.bye", map[string]any{"dialogParams": dialog(invite.Params.CallID)})
	if call := <-over; call.Cause != NormalClearing || call.EndedBy != ClientSide || call.ID != invite.Params.CallID {
		t.Errorf("call %+v", call)
	}
}

func TestTwoUsersHearEachOther(t *testing.T) {
	s := quick(t, nil)
	called := dial(t, s)
	called.login("1002", "")
	c, p := calling(t, s, "a", "1002")
	invite := called.await("verto.invite")
	if strings.Contains(invite.Params.SDP, "opus") {
		t.Error("offers more than the caller can")
	}
	other := newPhone(t, webphone.PCMU)
	called.call("verto.answer", map[string]any{
		"dialogParams": dialog(invite.Params.CallID), "sdp": other.answer(invite.Params.SDP),
	})
	p.take(c.await("verto.media").Params.SDP)
	c.await("verto.display")
	p.talk(440)
	other.talk(600)
	other.hears(440)
	p.hears(600)
	r := called.call("verto.modify", map[string]any{
		"dialogParams": dialog(invite.Params.CallID), "action": "transfer", "destination": "9196",
	})
	if r.Result.Message != "CALL TRANSFERRED" {
		t.Errorf("transfer: %+v", r)
	}
	called.await("verto.bye")
	p.forget()
	p.hears(440) // its own voice, from the echo
}

// sdpLine gives the line of an SDP that begins so.
func sdpLine(t *testing.T, sdp, begin string) string {
	t.Helper()
	for l := range strings.Lines(sdp) {
		if strings.HasPrefix(l, begin) {
			return strings.TrimSpace(l)
		}
	}
	t.Fatalf("no %s in %s", begin, sdp)
	return ""
}

func TestMediaThatNeverConnects(t *testing.T) {
	s := quick(t, nil)
	c := dial(t, s)
	c.login("1008", "")
	c.invite("a", "9201", pcmuOffer)
	c.await("verto.answer")
	modify := func(action string) message {
		return c.call("verto.modify", map[string]any{"dialogParams": dialog("a"), "action": action, "sdp": pcmuOffer})
	}
	if got := modify("hold").Result.HoldState; got != "active" {
		t.Errorf("holdState %q", got)
	}
	if call := s.Calls()[0]; call.State != Answered {
		t.Errorf("state %v", call.State)
	}
	if r := modify("updateMedia"); r.Error == nil || r.Error.Message != "Cannot update a call that has not been answered." {
		t.Errorf("updateMedia: %+v", r)
	}
	if bye := c.await("verto.bye"); bye.Params.CauseCode != 27 {
		t.Errorf("bye %+v", bye.Params)
	}
}

func TestWrongFingerprintEndsTheCall(t *testing.T) {
	s := quick(t, nil)
	c := dial(t, s)
	c.login("1008", "")
	p := newPhone(t, webphone.PCMU)
	offer := p.offer(webphone.OfferOptions{})
	right := sdpLine(t, offer, "a=fingerprint:")
	last := "0"
	if strings.HasSuffix(right, last) {
		last = "1"
	}
	c.invite("a", "9196", strings.Replace(offer, right, right[:len(right)-1]+last, 1))
	p.take(c.await("verto.answer").Params.SDP)
	if bye := c.await("verto.bye"); bye.Params.CauseCode != 27 {
		t.Errorf("bye %+v", bye.Params)
	}
}
