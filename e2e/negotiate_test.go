package e2e_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
	"vertigo/transports/verto/vertotest/webphone"
)

// negotiates sends a description in mid-call.
func (c *client) negotiates(typ, sdp string) {
	c.t.Helper()
	c.send("m.call.negotiate", map[string]any{
		"description": map[string]any{"type": typ, "sdp": sdp}, "lifetime": 60000,
		"capabilities":        map[string]any{"m.call.dtmf": false, "m.call.transferee": true},
		"sdp_stream_metadata": streams,
	})
}

var streams = map[string]any{"phone": map[string]any{"purpose": "m.usermedia", "audio_muted": false, "video_muted": true}}

// offers makes an offer in mid-call, whatever the bridge has said meanwhile. One
// that restarts ICE holds no candidates yet; they are to be trickled.
func (c *client) offers(o webphone.OfferOptions) {
	c.t.Helper()
	sdp := c.makeOffer(o)
	c.open = &o
	if o.Restart {
		c.candidates = webphone.Candidates(sdp)
		sdp = webphone.WithoutCandidates(sdp)
	}
	c.negotiates("offer", sdp)
}

// holds offers to hold the far end, as the SDK does: after a word about its
// streams.
func (c *client) holds() {
	c.t.Helper()
	c.settle()
	c.send("m.call.sdp_stream_metadata_changed", map[string]any{"sdp_stream_metadata": streams})
	c.offers(webphone.OfferOptions{Direction: "sendonly"})
}

// resumes offers to go on.
func (c *client) resumes() {
	c.t.Helper()
	c.settle()
	c.offers(webphone.OfferOptions{})
	c.send("m.call.sdp_stream_metadata_changed", map[string]any{"sdp_stream_metadata": streams})
}

// moves offers a restart of ICE, as a client does whose network has changed.
func (c *client) moves() {
	c.t.Helper()
	c.settle()
	c.offers(webphone.OfferOptions{Restart: true})
}

// shows offers so many videos beside the audio.
func (c *client) shows(videos int) {
	c.t.Helper()
	c.settle()
	c.offers(webphone.OfferOptions{Videos: videos})
}

// unheeded tells whether the client has yet to act on an event of its call.
func (c *client) unheeded(e gjson.Result) bool {
	return e.Get("type").Str == "m.call.negotiate" && e.Get("content.call_id").Str == c.callID &&
		e.Get("room_id").Str == c.room && e.Get("sender").Str != c.user.ID && !c.heeded[e.Get("event_id").Str]
}

// heed acts on the bridge's next description as a browser does, and gives it.
func (c *client) heed() (typ, sdp string) {
	c.t.Helper()
	return c.act(c.wait("m.call.negotiate", c.unheeded))
}

func (c *client) act(e gjson.Result) (typ, sdp string) {
	c.t.Helper()
	c.heeded[e.Get("event_id").Str] = true
	typ, sdp = e.Get("content.description.type").Str, e.Get("content.description.sdp").Str
	if typ == "answer" {
		if c.open == nil {
			return "late answer", sdp // to an offer that it has taken back: the SDK logs that
		}
		c.open = nil
		c.takeAnswer(sdp)
		return typ, sdp
	}
	// A browser has no candidates yet when it answers an offer with a new ICE
	// user name, and does when it is offered the same again.
	gathering := webphone.Ufrag(sdp) != webphone.Ufrag(c.theirs)
	planted.sdp("a call's", []byte(sdp))
	answer, err := c.peer.Answer(sdp)
	switch {
	case errors.Is(err, webphone.ErrIgnored):
		return "ignored", sdp
	case err != nil:
		c.t.Fatalf("the client does not take the offer: %v\n%s", err, sdp)
	}
	c.theirs = sdp
	if gathering {
		c.candidates = webphone.Candidates(answer)
		answer = webphone.WithoutCandidates(answer)
	}
	planted.sdp("a call's", []byte(answer))
	c.negotiates("answer", answer)
	if own := c.open; own != nil { // it was taken back, and what it was for is still to be done
		c.offers(*own)
	}
	return typ, sdp
}

// answered waits for the answer to the client's offer, and makes sure of its
// direction.
func (c *client) answered(direction string) {
	c.t.Helper()
	typ, sdp := c.heed()
	for typ != "answer" { // offers may have crossed
		typ, sdp = c.heed()
	}
	if !strings.Contains(sdp, "a="+direction+"\r\n") {
		c.t.Fatalf("not an answer %s:\n%s", direction, sdp)
	}
}

// settle acts on all that the bridge has said so far of the call.
func (c *client) settle() {
	c.t.Helper()
	marker := c.user.Send(c.t, c.room, "m.room.message", map[string]any{"msgtype": "m.text", "body": "settled?"})
	for {
		e := c.wait("the marker", func(e gjson.Result) bool { return c.unheeded(e) || e.Get("event_id").Str == marker })
		if e.Get("event_id").Str == marker {
			return
		}
		c.act(e)
	}
}

// until acts on the bridge's descriptions until a condition holds for a call at
// the Verto server, and gives that call, and the last description.
func (c *client) until(what string, condition func(vertotest.Call) bool) (call vertotest.Call, last string) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(soon(c.t))
	defer cancel()
	found := make(chan error, 1)
	go func() {
		defer cancel()
		var err error
		call, err = c.pbx.WaitCall(ctx, condition)
		found <- err
	}()
	for {
		e, err := c.user.WaitEvent(ctx, c.unheeded)
		if err != nil {
			break
		}
		_, last = c.act(e)
	}
	if err := <-found; err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
	return call, last
}

// A conversation is an answered call to an echo, in which both sides hear each other.
type conversation struct {
	*client
	id string // at the Verto server
	hz float64
}

// echoNumber is answered by an echo.
const echoNumber = "+442079460080"

// callsOut lets a user call the echo, with that peer or a softphone.
func (s *site) callsOut(t *testing.T, user *hometest.User, with peer) *conversation {
	t.Helper()
	c := newClient(t, user, s.roomWith(t, user, echoNumber))
	c.uses(with)
	c.call()
	c.take()
	return s.talks(c, 440, func(call vertotest.Call) bool { return call.CallerNumber == localpart(user.ID) })
}

// roomWith makes a room of a user and a number.
func (s *site) roomWith(t *testing.T, user *hometest.User, number string) (room string) {
	t.Helper()
	ghost := s.lookUp(t, user, number)
	room = user.CreateRoom(t, ghost)
	comes(t, user, room, ghost)
	return room
}

// callsIn lets a number call a user, who answers with that peer or a softphone.
func (s *site) callsIn(t *testing.T, user *hometest.User, with peer, number, did string) *conversation {
	t.Helper()
	c := s.callTo(t, []*hometest.User{user}, number, did).rings(0)
	c.uses(with)
	c.accept()
	c.selected()
	return s.talks(c, 1000, func(call vertotest.Call) bool { return call.CallerNumber == nationalNumber(number) })
}

func (c *client) uses(p peer) {
	if p != nil {
		c.peer = p
	}
}

func (s *site) talks(c *client, hz float64, mine func(vertotest.Call) bool) *conversation {
	c.t.Helper()
	c.pbx = s.pbx
	c.echoes(hz)
	call, err := s.pbx.WaitCall(soon(c.t), func(call vertotest.Call) bool { return mine(call) && call.State == vertotest.Active })
	if err != nil {
		c.t.Fatal(err)
	}
	return &conversation{c, call.ID, hz}
}

// now is what the Verto server knows of the call.
func (k *conversation) now() vertotest.Call {
	k.t.Helper()
	return k.reaches("exists", func(vertotest.Call) bool { return true })
}

// reaches waits until something holds for the call, without a word to the bridge.
func (k *conversation) reaches(what string, condition func(vertotest.Call) bool) vertotest.Call {
	k.t.Helper()
	call, err := k.pbx.WaitCall(soon(k.t), func(call vertotest.Call) bool { return call.ID == k.id && condition(call) })
	if err != nil {
		k.t.Fatalf("the call never %s: %v", what, err)
	}
	return call
}

// becomes acts on the bridge's offers until the call is in a state, and gives
// the last description.
func (k *conversation) becomes(state vertotest.State) (last string) {
	k.t.Helper()
	_, last = k.until("the call becomes "+string(state), func(call vertotest.Call) bool { return call.ID == k.id && call.State == state })
	return last
}

// flows makes sure that packets go both ways, and that the client hears itself.
func (k *conversation) flows() {
	k.t.Helper()
	before := k.now()
	in, out := k.peer.Packets()
	k.hears(k.hz)
	k.reaches("flows", func(call vertotest.Call) bool {
		return call.PacketsIn >= before.PacketsIn+25 && call.PacketsOut >= before.PacketsOut+25
	})
	if gotIn, gotOut := k.peer.Packets(); gotIn < in+10 || gotOut < out+10 {
		k.t.Errorf("the client said %d packets and got %d", gotOut-out, gotIn-in)
	}
}

// silent makes sure that nothing goes either way, although the client speaks.
func (k *conversation) silent() {
	k.t.Helper()
	before := k.now()
	after := k.reaches("drops what the client says", func(call vertotest.Call) bool { return call.Dropped >= before.Dropped+25 })
	if after.PacketsIn != before.PacketsIn || after.PacketsOut != before.PacketsOut {
		k.t.Errorf("%d packets came and %d went", after.PacketsIn-before.PacketsIn, after.PacketsOut-before.PacketsOut)
	}
}

// isHeld waits until the Verto server holds the call, or no longer does.
func (k *conversation) isHeld(held bool) {
	k.t.Helper()
	k.reaches("is held, or resumed", func(call vertotest.Call) bool { return call.Held == held })
}

// over ends the call from the client's side.
func (k *conversation) over() {
	k.t.Helper()
	k.hangUp()
	wantEnd(k.t, k.reaches("ends", func(call vertotest.Call) bool { return call.State == vertotest.Ended }),
		vertotest.NormalClearing, vertotest.ClientSide)
	k.quiet()
}
