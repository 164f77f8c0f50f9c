package e2e_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/verto/vertotest"
)

// A caller is a Matrix user's client during one call.
type caller struct {
	t      testing.TB
	user   *dendritetest.User
	room   string
	callID string
	party  string // "" for a client of call version 0

	pc         *webrtc.PeerConnection
	track      *webrtc.TrackLocalStaticRTP
	candidates chan webrtc.ICECandidateInit // closed when gathering has ended
	heard      chan []int16
	stop       chan struct{}
	running    sync.WaitGroup
	answer     gjson.Result // the content of m.call.answer
	talked     bool
	left       bool              // the room
	pbx        *vertotest.Server // where the call arrives
}

// newCaller makes a client in a room of its own with the bridge.
func newCaller(t testing.TB, user *dendritetest.User, bot string) *caller {
	t.Helper()
	room := user.CreateRoom(t, bot)
	c := &caller{
		t: t, user: user, room: room, callID: uuid.NewString(), party: "PION" + uuid.NewString()[:8],
		candidates: make(chan webrtc.ICECandidateInit, 16), heard: make(chan []int16, 64), stop: make(chan struct{}),
	}
	c.wait("the bridge joins the room", func(e gjson.Result) bool {
		return e.Get("type").Str == "m.room.member" && e.Get("state_key").Str == bot && e.Get("content.membership").Str == "join"
	})
	c.connect()
	return c
}

func (c *caller) connect() {
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
	c.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000, Channels: 1}, "audio", "caller")
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
		close(c.stop)
		if err := pc.GracefulClose(); err != nil {
			c.t.Error(err)
		}
		c.running.Wait()
	})
}

// offer makes the offer and begins to gather candidates.
func (c *caller) offer() string {
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
func (c *caller) fullOffer() string {
	c.t.Helper()
	c.offer()
	for range c.candidates {
	}
	return c.pc.LocalDescription().SDP
}

// content adds to the content of an event what every call event has.
func (c *caller) content(fields map[string]any) map[string]any {
	fields["call_id"] = c.callID
	if c.party == "" {
		fields["version"] = 0
	} else {
		fields["version"], fields["party_id"] = "1", c.party
	}
	return fields
}

func (c *caller) send(typ string, fields map[string]any) {
	c.t.Helper()
	c.user.Send(c.t, c.room, typ, c.content(fields))
}

func (c *caller) invite(sdp string, lifetime time.Duration) {
	c.t.Helper()
	c.send("m.call.invite", map[string]any{
		"lifetime": lifetime.Milliseconds(), "offer": map[string]any{"type": "offer", "sdp": sdp},
	})
}

// trickle sends the candidates, each in an event of its own.
func (c *caller) trickle() {
	c.t.Helper()
	for candidate := range c.candidates {
		c.send("m.call.candidates", map[string]any{"candidates": []any{candidate}})
	}
	c.send("m.call.candidates", map[string]any{"candidates": []any{map[string]any{"candidate": ""}}})
}

// wait returns the first event that the condition holds for.
func (c *caller) wait(what string, condition func(gjson.Result) bool) gjson.Result {
	c.t.Helper()
	e, err := c.user.WaitEvent(soon(c.t), condition)
	if err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
	return e
}

// waitCall returns the content of the bridge's next event of a type for the call.
func (c *caller) waitCall(types ...string) gjson.Result {
	c.t.Helper()
	e := c.wait(strings.Join(types, " or "), func(e gjson.Result) bool {
		if e.Get("content.call_id").Str != c.callID || e.Get("sender").Str == c.user.ID {
			return false
		}
		for _, typ := range types {
			if e.Get("type").Str == typ {
				return true
			}
		}
		return false
	})
	return e
}

// ended returns the type and reason of the event that ends the call.
func (c *caller) ended() string {
	c.t.Helper()
	e := c.waitCall("m.call.reject", "m.call.hangup")
	return e.Get("type").Str + " " + e.Get("content.reason").Str
}

// take waits for the answer and applies it, as a client does.
func (c *caller) take() {
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

// talk sends a tone until the test ends.
func (c *caller) talk(hz float64) {
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
func (c *caller) hears(hz float64) {
	c.t.Helper()
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
