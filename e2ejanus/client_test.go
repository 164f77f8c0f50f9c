package e2ejanus_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/tidwall/gjson"

	"vertigo/internal/softphone"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest/webphone"
)

// A client is a device of a Matrix user during one call.
type client struct {
	t       testing.TB
	user    *hometest.User
	room    string
	callID  string
	party   string
	phone   *softphone.Phone
	offered string          // what it is to answer
	heeded  map[string]bool // the m.call.negotiate that it has acted on
}

func newClient(t testing.TB, user *hometest.User, room string) *client {
	t.Helper()
	phone, err := softphone.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := phone.Close(); err != nil {
			t.Error(err)
		}
	})
	return &client{
		t: t, user: user, room: room, callID: uuid.NewString(), party: "PION" + uuid.NewString()[:8],
		phone: phone, heeded: map[string]bool{},
	}
}

func (c *client) send(typ string, fields map[string]any) {
	c.t.Helper()
	fields["call_id"], fields["version"], fields["party_id"] = c.callID, "1", c.party
	c.user.Send(c.t, c.room, typ, fields)
}

// call places a call as clients do: each candidate in an event of its own.
func (c *client) call() {
	c.t.Helper()
	sdp, err := c.phone.Offer(webphone.OfferOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.send("m.call.invite", map[string]any{
		"lifetime": time.Minute.Milliseconds(), "offer": map[string]any{"type": "offer", "sdp": webphone.WithoutCandidates(sdp)},
	})
	c.trickle(sdp)
}

func (c *client) trickle(sdp string) {
	c.t.Helper()
	for _, candidate := range append(webphone.Candidates(sdp), "") {
		c.send("m.call.candidates", map[string]any{"candidates": []any{
			map[string]any{"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0},
		}})
	}
}

// take waits for the answer and takes it.
func (c *client) take() {
	c.t.Helper()
	e := c.waitCall("m.call.answer", "m.call.reject", "m.call.hangup")
	if e.Get("type").Str != "m.call.answer" {
		c.t.Fatalf("the call ended with %s", e.Raw)
	}
	if err := c.phone.Take(e.Get("content.answer.sdp").Str); err != nil {
		c.t.Fatalf("the client does not take the answer: %v", err)
	}
	c.send("m.call.select_answer", map[string]any{"selected_party_id": e.Get("content.party_id").Str})
}

// accept answers the call that rings, and trickles candidates after the answer.
func (c *client) accept() {
	c.t.Helper()
	sdp, err := c.phone.Answer(c.offered)
	if err != nil {
		c.t.Fatalf("the client does not take the offer: %v\n%s", err, c.offered)
	}
	c.send("m.call.answer", map[string]any{"answer": map[string]any{"type": "answer", "sdp": webphone.WithoutCandidates(sdp)}})
	c.trickle(sdp)
	c.waitCall("m.call.select_answer")
}

func (c *client) hangUp() {
	c.t.Helper()
	c.send("m.call.hangup", map[string]any{"reason": "user_hangup"})
}

// ends waits for the event that ends the call.
func (c *client) ends(typ, reason string) {
	c.t.Helper()
	e := c.waitCall("m.call.reject", "m.call.hangup")
	if got := e.Get("type").Str + " " + e.Get("content.reason").Str; got != typ+" "+reason {
		c.t.Errorf("the call ended with %s, not with %s %s", got, typ, reason)
	}
}

// wait returns the first event that the condition holds for.
func (c *client) wait(what string, condition func(gjson.Result) bool) gjson.Result {
	c.t.Helper()
	var others []string // of the bridge, in the client's room
	e, err := c.user.WaitEvent(soon(c.t), func(e gjson.Result) bool {
		if condition(e) {
			return true
		}
		if e.Get("room_id").Str == c.room && e.Get("sender").Str != c.user.ID {
			others = append(others, e.Get("type").Str)
		}
		return false
	})
	if err != nil {
		c.t.Fatalf("%s never gets %s, but %v: %v", c.user.ID, what, others, err)
	}
	return e
}

// waitCall returns the bridge's next event of a type for the call.
func (c *client) waitCall(types ...string) gjson.Result {
	c.t.Helper()
	return c.wait(strings.Join(types, " or "), func(e gjson.Result) bool {
		return e.Get("content.call_id").Str == c.callID && e.Get("room_id").Str == c.room &&
			e.Get("sender").Str != c.user.ID && slices.Contains(types, e.Get("type").Str)
	})
}

// notice waits for a sentence of the bridge in the room.
func (c *client) notice(part string) {
	c.t.Helper()
	c.wait("the notice "+part, func(e gjson.Result) bool {
		return e.Get("room_id").Str == c.room && e.Get("sender").Str != c.user.ID &&
			e.Get("type").Str == "m.room.message" && strings.Contains(e.Get("content.body").Str, part)
	})
}

// write says something in the room.
func (c *client) write(text string) {
	c.t.Helper()
	c.user.Send(c.t, c.room, "m.room.message", map[string]any{"msgtype": "m.text", "body": text})
}

// hears makes sure that a tone is heard.
func (c *client) hears(hz float64) {
	c.t.Helper()
	if c.phone.Hears(soon(c.t), hz) {
		return
	}
	way := "ICE and DTLS never came about"
	select {
	case <-c.phone.Connected():
		way = "ICE and DTLS had come about"
	default:
	}
	in, out := c.phone.Packets()
	c.t.Fatalf("%s hears no tone of %v Hz; %d packets came, %d went; %s", c.user.ID, hz, in, out, way)
}

// keyPayload is the payload type of keys in the offers of a [webphone.Phone].
const keyPayload = 126

// hearsKey waits until a key is heard in the sound.
func (c *client) hearsKey(key byte) {
	c.t.Helper()
	for ctx := soon(c.t); ; {
		select {
		case p := <-c.phone.Heard():
			if p.PayloadType == keyPayload && len(p.Payload) > 0 && softphone.Keys[p.Payload[0]&15] == key {
				return
			}
		case <-ctx.Done():
			c.t.Fatalf("the key %c is not heard", key)
		}
	}
}

// negotiates sends a description in mid-call.
func (c *client) negotiates(typ, sdp string) {
	c.t.Helper()
	c.send("m.call.negotiate", map[string]any{"description": map[string]any{"type": typ, "sdp": sdp}, "lifetime": 60000})
}

// offers makes an offer in mid-call, and waits for its answer.
func (c *client) offers(direction, answered string) {
	c.t.Helper()
	sdp, err := c.phone.Offer(webphone.OfferOptions{Direction: direction})
	if err != nil {
		c.t.Fatal(err)
	}
	c.negotiates("offer", sdp)
	answer := c.negotiated("answer", answered)
	if err := c.phone.Take(answer); err != nil {
		c.t.Fatalf("the client does not take the answer: %v\n%s", err, answer)
	}
}

// isOffered waits for an offer of the bridge in mid-call, and answers it.
func (c *client) isOffered(direction string) {
	c.t.Helper()
	offer := c.negotiated("offer", direction)
	answer, err := c.phone.Answer(offer)
	if err != nil {
		c.t.Fatalf("the client does not take the offer: %v\n%s", err, offer)
	}
	c.negotiates("answer", answer)
}

// negotiated waits for the bridge's next description in mid-call.
func (c *client) negotiated(typ, direction string) (sdp string) {
	c.t.Helper()
	e := c.wait("m.call.negotiate", func(e gjson.Result) bool {
		return e.Get("type").Str == "m.call.negotiate" && e.Get("content.call_id").Str == c.callID &&
			e.Get("sender").Str != c.user.ID && !c.heeded[e.Get("event_id").Str]
	})
	c.heeded[e.Get("event_id").Str] = true
	sdp = e.Get("content.description.sdp").Str
	if got := e.Get("content.description.type").Str; got != typ || !strings.Contains(sdp, "a="+direction+"\r\n") {
		c.t.Fatalf("not an %s %s, but an %s:\n%s", typ, direction, got, sdp)
	}
	return sdp
}
