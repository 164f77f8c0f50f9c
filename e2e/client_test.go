package e2e_test

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// A client is a device of a Matrix user during one call, which it places or gets.
type client struct {
	t      testing.TB
	user   *hometest.User
	room   string
	callID string
	party  string // "" for a client of call version 0

	pc         *webrtc.PeerConnection
	track      *webrtc.TrackLocalStaticRTP
	candidates chan webrtc.ICECandidateInit // closed when gathering has ended
	heard      chan []int16
	stop       chan struct{}
	running    sync.WaitGroup
	offered    gjson.Result // the content of the m.call.invite that it got
	answer     gjson.Result // the content of the m.call.answer that it got
	talked     bool
	left       bool              // the room
	pbx        *vertotest.Server // where its call arrives
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
		candidates: make(chan webrtc.ICECandidateInit, 16), heard: make(chan []int16, 64), stop: make(chan struct{}),
	}
	c.connect()
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

func (c *client) connect() {
	c.t.Helper()
	codecs := &webrtc.MediaEngine{}
	for pt, mime := range map[webrtc.PayloadType]string{0: webrtc.MimeTypePCMU, 126: "audio/telephone-event"} {
		if err := codecs.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 8000, Channels: 1}, PayloadType: pt,
		}, webrtc.RTPCodecTypeAudio); err != nil {
			c.t.Fatal(err)
		}
	}
	network := webrtc.SettingEngine{}
	network.SetIncludeLoopbackCandidate(true)
	network.SetIPFilter(net.IP.IsLoopback)
	network.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	network.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(codecs), webrtc.WithSettingEngine(network)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.pc = pc
	c.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000, Channels: 1}, "audio", "client")
	if err != nil {
		c.t.Fatal(err)
	}
	sender, err := pc.AddTrack(c.track)
	if err != nil {
		c.t.Fatal(err)
	}
	c.running.Go(func() {
		for {
			if _, _, err := sender.ReadRTCP(); err != nil {
				return
			}
		}
	})
	pc.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		if candidate == nil {
			close(c.candidates)
			return
		}
		c.candidates <- candidate.ToJSON()
	})
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case c.heard <- vertotest.DecodePCMU(packet.Payload):
			default: // nobody listens just now
			}
		}
	})
	c.t.Cleanup(func() {
		for _, d := range []*webrtc.SessionDescription{pc.LocalDescription(), pc.RemoteDescription()} {
			if d != nil {
				planted.sdp("a call's", []byte(d.SDP))
			}
		}
		close(c.stop)
		if err := pc.GracefulClose(); err != nil {
			c.t.Error(err)
		}
		c.running.Wait()
	})
}

// offer makes the offer and begins to gather candidates.
func (c *client) offer() string {
	c.t.Helper()
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.pc.SetLocalDescription(offer); err != nil {
		c.t.Fatal(err)
	}
	return offer.SDP
}

// fullOffer makes an offer that holds all candidates.
func (c *client) fullOffer() string {
	c.t.Helper()
	c.offer()
	return c.gathered()
}

// gathered is the description of this side, with all candidates.
func (c *client) gathered() string {
	for range c.candidates {
	}
	return c.pc.LocalDescription().SDP
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
	for candidate := range c.candidates {
		c.send("m.call.candidates", map[string]any{"candidates": []any{candidate}})
	}
	c.send("m.call.candidates", map[string]any{"candidates": []any{map[string]any{"candidate": ""}}})
}

// accept answers the call that it got, with all candidates in the answer.
func (c *client) accept() {
	c.t.Helper()
	c.prepareAnswer()
	c.sendAnswer(c.gathered())
}

// acceptTrickling answers with the candidates after the answer.
func (c *client) acceptTrickling() {
	c.t.Helper()
	c.sendAnswer(c.prepareAnswer())
	c.trickle()
}

// prepareAnswer takes the offer, as a browser does: one section, bundled, audio.
func (c *client) prepareAnswer() string {
	c.t.Helper()
	sdp := c.offered.Get("offer.sdp").Str
	if strings.Count(sdp, "\nm=") != 1 || !strings.Contains(sdp, "\nm=audio ") ||
		!strings.Contains(sdp, "a=group:BUNDLE 0\r\n") || !strings.Contains(sdp, "a=mid:0\r\n") {
		c.t.Errorf("no browser takes this offer:\n%s", sdp)
	}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdp}); err != nil {
		c.t.Fatalf("the client does not take the offer: %v\n%s", err, sdp)
	}
	answer, err := c.pc.CreateAnswer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.pc.SetLocalDescription(answer); err != nil {
		c.t.Fatal(err)
	}
	return answer.SDP
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
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}); err != nil {
		c.t.Fatalf("the client does not take the answer: %v\n%s", err, sdp)
	}
	if c.party != "" {
		c.send("m.call.select_answer", map[string]any{"selected_party_id": c.answer.Get("party_id").Str})
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
	c.running.Go(func() {
		wave, samples := vertotest.NewTone(hz, 8000), make([]int16, 160)
		header := rtp.Header{Version: 2, SequenceNumber: 1}
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-c.stop:
				return
			}
			wave.Read(samples)
			header.SequenceNumber++
			header.Timestamp += 160
			if err := c.track.WriteRTP(&rtp.Packet{Header: header, Payload: vertotest.EncodePCMU(samples)}); err != nil {
				return
			}
		}
	})
}

// hears waits until a fifth of a second on end is a tone.
func (c *client) hears(hz float64) {
	c.t.Helper()
	for { // what was heard before now does not count
		select {
		case <-c.heard:
			continue
		default:
		}
		break
	}
	ctx := soon(c.t)
	for samples := []int16(nil); len(samples) < 1600; {
		select {
		case heard := <-c.heard:
			if samples = append(samples, heard...); vertotest.Power(heard, hz, 8000) < 0.9 {
				samples = nil
			}
		case <-ctx.Done():
			c.t.Fatalf("no tone of %v Hz is heard", hz)
		}
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
