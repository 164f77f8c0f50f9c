package e2e_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/tidwall/gjson"

	"vertigo/internal/softphone"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
	"vertigo/transports/verto/vertotest/webphone"
)

// A client is a device of a Matrix user during one call, which it places or gets.
type client struct {
	t      testing.TB
	user   *hometest.User
	room   string
	callID string
	party  string // "" for a client of call version 0

	phone      *softphone.Phone
	peer       peer                   // what it negotiates with: the phone, or a browser
	candidates []string               // of its last description, not sent yet
	offered    gjson.Result           // the content of the m.call.invite that it got
	answer     gjson.Result           // the content of the m.call.answer that it got
	theirs     string                 // the last description that it took
	open       *webphone.OfferOptions // of its offer in mid-call that is not answered
	heeded     map[string]bool        // the m.call.negotiate that it has acted on
	talked     bool
	left       bool              // the room
	pbx        *vertotest.Server // where its call arrives
}

// A peer is the WebRTC end of a client.
type peer interface {
	Offer(webphone.OfferOptions) (sdp string, err error)
	Answer(offer string) (sdp string, err error)
	Take(answer string) error
	Local() string
	Packets() (in, out int)
	Talk(hz float64)                            // until the test ends
	Hears(ctx context.Context, hz float64) bool // a fifth of a second on end of it
}

// newCaller makes a client in a room of its own with the bridge.
func newCaller(t testing.TB, user *hometest.User, bot string) *client {
	t.Helper()
	room := user.CreateRoom(t, bot)
	comes(t, user, room, bot)
	return newClient(t, user, room)
}

// newClient makes a client that is about to call in a room.
func newClient(t testing.TB, user *hometest.User, room string) *client {
	t.Helper()
	c := &client{
		t: t, user: user, room: room, callID: uuid.NewString(), party: "PION" + uuid.NewString()[:8],
		heeded: map[string]bool{},
	}
	var err error
	if c.phone, err = softphone.New(); err != nil {
		t.Fatal(err)
	}
	c.peer = c.phone
	t.Cleanup(func() {
		if err := c.phone.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// called waits until a user is called in a room, and gives the client that rings
// there. Calls named in but are not meant.
func called(t testing.TB, user *hometest.User, room string, but ...string) *client {
	t.Helper()
	c := newClient(t, user, room)
	e := c.wait("an invite", func(e gjson.Result) bool {
		return e.Get("type").Str == "m.call.invite" && e.Get("room_id").Str == room && e.Get("sender").Str != user.ID &&
			!slices.Contains(but, e.Get("content.call_id").Str)
	})
	c.offered = e.Get("content")
	c.callID = c.offered.Get("call_id").Str
	if version := c.offered.Get("version").Raw; version != `"1"` {
		t.Errorf("an invite of version %s", version)
	}
	if invitee := c.offered.Get("invitee").Str; invitee != user.ID {
		t.Errorf("the invite is for %q, not %s", invitee, user.ID)
	}
	if lifetime := c.offered.Get("lifetime").Int(); lifetime <= 0 {
		t.Errorf("the invite has a lifetime of %d", lifetime)
	}
	return c
}

// offer makes the offer, and has candidates to send after it.
func (c *client) offer() string {
	c.t.Helper()
	sdp := c.fullOffer()
	c.candidates = webphone.Candidates(sdp)
	return webphone.WithoutCandidates(sdp)
}

// fullOffer makes an offer that holds all candidates.
func (c *client) fullOffer() string {
	c.t.Helper()
	return c.makeOffer(webphone.OfferOptions{})
}

func (c *client) makeOffer(o webphone.OfferOptions) string {
	c.t.Helper()
	sdp, err := c.peer.Offer(o)
	if err != nil {
		c.t.Fatal(err)
	}
	planted.sdp("a call's", []byte(sdp))
	return sdp
}

// content adds to the content of an event what every call event has.
func (c *client) content(fields map[string]any) map[string]any {
	fields["call_id"] = c.callID
	if c.party == "" {
		fields["version"] = 0
	} else {
		fields["version"], fields["party_id"] = "1", c.party
	}
	return fields
}

func (c *client) send(typ string, fields map[string]any) {
	c.t.Helper()
	c.user.Send(c.t, c.room, typ, c.content(fields))
}

func (c *client) invite(sdp string, lifetime time.Duration) {
	c.t.Helper()
	c.send("m.call.invite", map[string]any{
		"lifetime": lifetime.Milliseconds(), "offer": map[string]any{"type": "offer", "sdp": sdp},
	})
}

// call places a call as clients do.
func (c *client) call() {
	c.t.Helper()
	c.invite(c.offer(), time.Minute)
	c.trickle()
}

func (c *client) hangUp() {
	c.t.Helper()
	c.send("m.call.hangup", map[string]any{"reason": "user_hangup"})
}

// trickle sends the candidates, each in an event of its own.
func (c *client) trickle() {
	c.t.Helper()
	ufrag := webphone.Ufrag(c.peer.Local())
	for _, candidate := range c.candidates {
		c.send("m.call.candidates", map[string]any{"candidates": []any{
			map[string]any{"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": ufrag},
		}})
	}
	c.send("m.call.candidates", map[string]any{"candidates": []any{map[string]any{"candidate": ""}}})
}

// accept answers the call that it got, with all candidates in the answer.
func (c *client) accept() {
	c.t.Helper()
	c.sendAnswer(c.makeAnswer(c.offered.Get("offer.sdp").Str))
}

// acceptTrickling answers with the candidates after the answer.
func (c *client) acceptTrickling() {
	c.t.Helper()
	sdp := c.makeAnswer(c.offered.Get("offer.sdp").Str)
	c.candidates = webphone.Candidates(sdp)
	c.sendAnswer(webphone.WithoutCandidates(sdp))
	c.trickle()
}

func (c *client) makeAnswer(offer string) string {
	c.t.Helper()
	planted.sdp("a call's", []byte(offer))
	c.theirs = offer
	sdp, err := c.peer.Answer(offer)
	if err != nil {
		c.t.Fatalf("the client does not take the offer: %v\n%s", err, offer)
	}
	planted.sdp("a call's", []byte(sdp))
	return sdp
}

func (c *client) sendAnswer(sdp string) {
	c.t.Helper()
	c.send("m.call.answer", map[string]any{"answer": map[string]any{"type": "answer", "sdp": sdp}})
}

// selected waits until the bridge says whose answer it took, and gives that
// party.
func (c *client) selected() string {
	c.t.Helper()
	return c.waitCall("m.call.select_answer").Get("content.selected_party_id").Str
}

// wait returns the first event that the condition holds for.
func (c *client) wait(what string, condition func(gjson.Result) bool) gjson.Result {
	c.t.Helper()
	return await(c.t, c.user, what, condition)
}

func await(t testing.TB, user *hometest.User, what string, condition func(gjson.Result) bool) gjson.Result {
	t.Helper()
	e, err := user.WaitEvent(soon(t), condition)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return e
}

// comes waits until somebody is in a room.
func comes(t testing.TB, user *hometest.User, room, who string) {
	t.Helper()
	await(t, user, who+" joins the room", func(e gjson.Result) bool {
		return e.Get("type").Str == "m.room.member" && e.Get("room_id").Str == room && e.Get("state_key").Str == who &&
			e.Get("content.membership").Str == "join"
	})
}

// waitCall returns the bridge's next event of a type for the call.
func (c *client) waitCall(types ...string) gjson.Result {
	c.t.Helper()
	return c.wait(strings.Join(types, " or "), func(e gjson.Result) bool {
		return e.Get("content.call_id").Str == c.callID && e.Get("room_id").Str == c.room &&
			e.Get("sender").Str != c.user.ID && slices.Contains(types, e.Get("type").Str)
	})
}

// notice waits for a sentence in a room that is not the user's own.
func notice(t testing.TB, user *hometest.User, room, part string) {
	t.Helper()
	await(t, user, "the notice "+part, func(e gjson.Result) bool {
		return e.Get("room_id").Str == room && e.Get("sender").Str != user.ID &&
			e.Get("type").Str == "m.room.message" && strings.Contains(e.Get("content.body").Str, part)
	})
}

// ended returns the type and reason of the event that ends the call.
func (c *client) ended() string {
	c.t.Helper()
	e := c.waitCall("m.call.reject", "m.call.hangup")
	return e.Get("type").Str + " " + e.Get("content.reason").Str
}

func (c *client) wants(end string) {
	c.t.Helper()
	if got := c.ended(); got != end {
		c.t.Errorf("the call ended with %q, not %q", got, end)
	}
}

// take waits for the answer and applies it, as a client does.
func (c *client) take() {
	c.t.Helper()
	e := c.waitCall("m.call.answer", "m.call.reject", "m.call.hangup")
	if e.Get("type").Str != "m.call.answer" {
		c.t.Fatalf("the call ended with %s", e.Raw)
	}
	c.answer = e.Get("content")
	sdp := c.answer.Get("answer.sdp").Str
	c.takeAnswer(sdp)
	if c.party != "" {
		c.send("m.call.select_answer", map[string]any{"selected_party_id": c.answer.Get("party_id").Str})
	}
}

func (c *client) takeAnswer(sdp string) {
	c.t.Helper()
	planted.sdp("a call's", []byte(sdp))
	c.theirs = sdp
	if err := c.peer.Take(sdp); err != nil {
		c.t.Fatalf("the client does not take the answer: %v\n%s", err, sdp)
	}
}

// echoes makes sure that sound goes out and comes back.
func (c *client) echoes(hz float64) {
	c.t.Helper()
	c.talk(hz)
	c.hears(hz)
}

// talk sends a tone until the test ends.
func (c *client) talk(hz float64) {
	c.talked = true
	c.peer.Talk(hz)
}

// hears waits until a fifth of a second on end is a tone.
func (c *client) hears(hz float64) {
	c.t.Helper()
	if !c.peer.Hears(soon(c.t), hz) {
		c.t.Fatalf("no tone of %v Hz is heard", hz)
	}
}

// quiet checks that the bridge has said nothing more of the call than one end.
func (c *client) quiet() {
	c.t.Helper()
	marker := c.user.Send(c.t, c.room, "m.room.message", map[string]any{"msgtype": "m.text", "body": "over"})
	ends := 0
	c.wait("the marker", func(e gjson.Result) bool {
		if e.Get("content.call_id").Str == c.callID && e.Get("room_id").Str == c.room && e.Get("sender").Str != c.user.ID {
			if typ := e.Get("type").Str; typ == "m.call.hangup" || typ == "m.call.reject" {
				ends++
			}
		}
		return e.Get("event_id").Str == marker
	})
	if ends > 1 {
		c.t.Errorf("the bridge ended the call %d times", ends)
	}
}
