// Package webphone is a WebRTC phone for tests, which takes descriptions as
// Chromium takes them under matrix-js-sdk, where pion would do more or less:
//
//   - each section needs its mid and the group BUNDLE, an answer each section of
//     the offer, and the DTLS role that the far end has had from the first;
//   - another ICE user name restarts ICE, another fingerprint makes a new DTLS
//     session, and nothing else does: pion cannot do that, so the phone goes on
//     with a new PeerConnection that has the same certificate and role;
//   - an offer that meets one of the phone's own is ignored by the phone that
//     called, and wins over that of the one that was called (MSC2746).
//
// There is audio alone. Video is offered in words, and must be refused.
package webphone

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// The codecs of phones, each together with telephone-event.
var (
	PCMU = webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000, Channels: 1},
		PayloadType:        0,
	}
	Opus = webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2},
		PayloadType:        111,
	}
	digits = webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/telephone-event", ClockRate: 8000},
		PayloadType:        126,
	}
)

// ErrIgnored says that an offer came to a phone that has made one itself, and
// wins.
var ErrIgnored = errors.New("the phone has an offer of its own open, and is the caller")

// A Phone is one WebRTC client in one call. Its methods may be called from any
// goroutine, descriptions by one at a time.
type Phone struct {
	codec       webrtc.RTPCodecParameters
	certificate webrtc.Certificate
	session     uint64 // of the o= line
	version     int
	voice       *voice
	heard       chan *rtp.Packet
	running     sync.WaitGroup
	done        chan struct{}
	closing     sync.Once

	conn    *connection
	local   string // the last description that pion made, with all candidates
	remote  string // the last description that was taken, as it came
	role    string // own, in DTLS: "active" or "passive"; "" until it is known
	caller  bool   // made the first offer
	wish    string // direction of the last own offer: "sendonly" while the phone holds the far end
	offered *offer // and unanswered

	mu        sync.Mutex
	connected chan struct{} // closed once there is sound; made anew with each DTLS session
	muted     bool          // by the far end
	in, out   int
}

// An offer is one of the phone's own that is open.
type offer struct {
	sdp     string
	restart bool
}

// A connection is a PeerConnection with one DTLS session.
type connection struct {
	*webrtc.PeerConnection
	stop context.CancelFunc // of its DTLS handshake
}

// New makes a phone that speaks one codec.
func New(codec webrtc.RTPCodecParameters) (*Phone, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, err
	}
	p := &Phone{
		codec: codec, certificate: *certificate, session: mathrand.Uint64() >> 1, version: 1,
		voice: &voice{}, heard: make(chan *rtp.Packet, 100), done: make(chan struct{}),
	}
	return p, p.connect()
}

// connect makes the PeerConnection of a DTLS session that is to come.
func (p *Phone) connect() error {
	codecs := &webrtc.MediaEngine{}
	for _, c := range []webrtc.RTPCodecParameters{p.codec, digits} {
		if err := codecs.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	setting := webrtc.SettingEngine{}
	setting.SetIncludeLoopbackCandidate(true)
	setting.SetIPFilter(net.IP.IsLoopback)
	setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	setting.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	setting.SetICEMaxBindingRequests(150) // 200 ms each: the far end may be busy with a hundred other calls
	setting.DisableCloseByDTLS(true)      // a far end that begins a session anew may say that the old one is over
	setting.SetDTLSConnectContextMaker(func() (context.Context, func()) { return ctx, stop })
	role := webrtc.DTLSRoleClient
	if p.role == "passive" {
		role = webrtc.DTLSRoleServer
	}
	if err := setting.SetAnsweringDTLSRole(role); err != nil {
		stop()
		return err
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(codecs), webrtc.WithSettingEngine(setting)).
		NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{p.certificate}})
	if err != nil {
		stop()
		return err
	}
	p.conn = &connection{pc, stop}
	connected := make(chan struct{})
	p.mu.Lock()
	p.connected = connected
	p.mu.Unlock()
	var once sync.Once
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.listen(track) })
	sender, err := pc.AddTrack(p.voice)
	if err != nil {
		return err
	}
	p.running.Go(func() { // RTCP must be read for the sender to go on
		for {
			if _, _, err := sender.ReadRTCP(); err != nil {
				return
			}
		}
	})
	return nil
}

// renew goes on with a new DTLS session.
func (p *Phone) renew() error {
	if err := p.conn.close(); err != nil {
		return err
	}
	return p.connect()
}

func (c *connection) close() error {
	c.stop()
	return c.GracefulClose()
}

// Close ends the phone; once is enough.
func (p *Phone) Close() (err error) {
	p.closing.Do(func() {
		close(p.done)
		err = p.conn.close()
		p.running.Wait()
	})
	return err
}

// Done is closed with the phone.
func (p *Phone) Done() <-chan struct{} { return p.done }

// Connected is closed once there is sound; it is another one after each new
// DTLS session.
func (p *Phone) Connected() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connected
}

// Local is the phone's last description, "" before the first.
func (p *Phone) Local() string { return p.local }

// Heard gives the newest packets that came; older ones are lost.
func (p *Phone) Heard() <-chan *rtp.Packet { return p.heard }

// Packets counts what came and what was said.
func (p *Phone) Packets() (in, out int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.in, p.out
}

func (p *Phone) listen(track *webrtc.TrackRemote) {
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.in++
		p.mu.Unlock()
		select {
		case p.heard <- packet:
			continue
		default:
		}
		select { // the oldest makes room
		case <-p.heard:
		default:
		}
		select {
		case p.heard <- packet:
		default:
		}
	}
}

// Say sends one packet, unless there is nobody to hear it or the far end holds
// the phone: then it is lost.
func (p *Phone) Say(header rtp.Header, payload []byte) {
	p.mu.Lock()
	muted := p.muted
	select {
	case <-p.connected:
	default:
		muted = true
	}
	p.mu.Unlock()
	if !muted && p.voice.say(header, payload) == nil {
		p.mu.Lock()
		p.out++
		p.mu.Unlock()
	}
}

// voice is what a phone says. Unlike pion's own tracks it leaves the payload
// type to the caller, so it can say digits too.
type voice struct {
	mu   sync.Mutex
	ssrc uint32
	out  webrtc.TrackLocalWriter
}

func (v *voice) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ssrc, v.out = uint32(c.SSRC()), c.WriteStream()
	return c.CodecParameters()[0], nil
}

func (v *voice) Unbind(webrtc.TrackLocalContext) error { return nil }
func (v *voice) ID() string                            { return "audio" }
func (v *voice) RID() string                           { return "" }
func (v *voice) StreamID() string                      { return "phone" }
func (v *voice) Kind() webrtc.RTPCodecType             { return webrtc.RTPCodecTypeAudio }

func (v *voice) say(header rtp.Header, payload []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.out == nil {
		return net.ErrClosed
	}
	header.Version, header.SSRC = 2, v.ssrc
	_, err := v.out.WriteRTP(&header, payload)
	return err
}

// OfferOptions say what an offer is for.
type OfferOptions struct {
	Restart   bool   // of ICE
	Direction string // "sendonly" holds the far end; "sendrecv" if empty
	Videos    int    // so many sections of video: a camera, a screen
}

// Offer makes an offer, which is open until [Phone.Take] gets its answer. It
// holds all candidates.
func (p *Phone) Offer(o OfferOptions) (string, error) {
	if p.offered != nil {
		return "", errors.New("the last offer is not answered")
	}
	first := p.local == ""
	p.caller = p.caller || first
	if first || o.Restart {
		if err := p.gatherOffer(o.Restart, first); err != nil {
			return "", err
		}
	}
	if o.Direction == "" {
		o.Direction = "sendrecv"
	}
	p.wish = o.Direction
	sdp := p.describe("actpass", o.Direction)
	if o.Videos > 0 {
		mids := "0"
		for n := range o.Videos {
			mid := fmt.Sprint(n + 1)
			mids += " " + mid
			sdp += video(sdp, mid)
		}
		sdp = strings.Replace(sdp, "a=group:BUNDLE 0", "a=group:BUNDLE "+mids, 1)
	}
	p.offered = &offer{sdp, o.Restart}
	return sdp, nil
}

// gatherOffer lets pion make an offer. A later one becomes pion's own not
// before it is answered: pion cannot take an offer back.
func (p *Phone) gatherOffer(restart, first bool) error {
	description, err := p.conn.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(p.conn.PeerConnection)
	if first {
		if err := p.conn.SetLocalDescription(description); err != nil {
			return err
		}
		<-gathered
		p.local = p.conn.LocalDescription().SDP
		return nil
	}
	<-gathered
	if description, err = p.conn.CreateOffer(nil); err == nil {
		p.local = description.SDP
	}
	return err
}

// Take takes the answer to the phone's own offer. If it cannot, the offer stays
// open for good, as Chromium's does.
func (p *Phone) Take(answer string) error {
	if p.offered == nil {
		return errors.New("an answer without an offer")
	}
	if err := check(answer, sections(p.offered.sdp)); err != nil {
		return err
	}
	role, err := opposite(attribute(answer, "setup"))
	switch {
	case err != nil:
		return err
	case p.role == "":
		p.role = role
	case p.role != role:
		return fmt.Errorf("the far end says that its DTLS role is another than before:\n%s", answer)
	}
	made := p.offered
	p.offered = nil
	before := p.remote
	p.remote = answer
	p.follow(mirrored[direction(answer)])
	switch {
	case before == "":
		return p.conn.SetRemoteDescription(plain(webrtc.SDPTypeAnswer, answer))
	case attribute(before, "fingerprint") != attribute(answer, "fingerprint"):
		return p.renew() // nothing is heard until an offer makes a session that can be
	case !made.restart:
		return nil
	}
	description, err := p.conn.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := p.conn.SetLocalDescription(description); err != nil {
		return err
	}
	return p.conn.SetRemoteDescription(plain(webrtc.SDPTypeAnswer, answer))
}

// Answer takes an offer and answers it, with all candidates.
func (p *Phone) Answer(sdp string) (string, error) {
	if p.offered != nil && p.caller {
		return "", ErrIgnored
	}
	if err := check(sdp, 1); err != nil {
		return "", err
	}
	if setup := attribute(sdp, "setup"); setup != "actpass" {
		return "", fmt.Errorf("an offer with a=setup:%s", setup)
	}
	if p.offered != nil && p.offered.restart && attribute(p.remote, "ice-ufrag") == attribute(sdp, "ice-ufrag") {
		return "", errors.New("pion cannot take a restart of ICE back")
	}
	p.offered = nil
	if p.role == "" {
		p.role = "active"
	}
	before := p.remote
	p.remote = sdp
	if before != "" && attribute(before, "fingerprint") != attribute(sdp, "fingerprint") {
		if err := p.renew(); err != nil {
			return "", err
		}
		before = ""
	}
	if before == "" || attribute(before, "ice-ufrag") != attribute(sdp, "ice-ufrag") {
		if err := p.gatherAnswer(sdp); err != nil {
			return "", err
		}
	}
	way := p.within(mirrored[direction(sdp)])
	p.follow(way)
	return p.describe(p.role, way), nil
}

// within is what is left of a direction that the far end would have, for a
// phone that may hold it.
func (p *Phone) within(way string) string {
	switch {
	case p.wish != "sendonly":
		return way
	case strings.HasPrefix(way, "send"):
		return "sendonly"
	}
	return "inactive"
}

func (p *Phone) gatherAnswer(sdp string) error {
	if err := p.conn.SetRemoteDescription(plain(webrtc.SDPTypeOffer, sdp)); err != nil {
		return err
	}
	answer, err := p.conn.CreateAnswer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(p.conn.PeerConnection)
	if err := p.conn.SetLocalDescription(answer); err != nil {
		return err
	}
	<-gathered
	p.local = p.conn.LocalDescription().SDP
	return nil
}

// follow says nothing where the direction that was agreed on, as it is here,
// forbids it.
func (p *Phone) follow(direction string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = direction == "recvonly" || direction == "inactive"
}

var mirrored = map[string]string{"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}

// opposite is the role of one side as the other side's a=setup has it.
func opposite(setup string) (string, error) {
	role, ok := map[string]string{"active": "passive", "passive": "active"}[setup]
	if !ok {
		return "", fmt.Errorf("an answer with a=setup:%s", setup)
	}
	return role, nil
}

// check finds what Chromium would not take: sections without mid or bundle, or
// others than so many, of which only the first is not refused.
func check(sdp string, wanted int) error {
	if n := sections(sdp); n != wanted {
		return fmt.Errorf("%d sections, want %d, in\n%s", n, wanted, sdp)
	}
	for n, section := range strings.Split(sdp, "\nm=")[1:] {
		_, rest, _ := strings.Cut(section, " ")
		refused := strings.HasPrefix(rest, "0 ")
		if mid := attribute(section, "mid"); mid != fmt.Sprint(n) || refused != (n > 0) {
			return fmt.Errorf("section %d has the mid %q; refused: %t, in\n%s", n, mid, refused, sdp)
		}
	}
	if attribute(sdp, "group") != "BUNDLE 0" {
		return fmt.Errorf("not a bundle of section 0 alone:\n%s", sdp)
	}
	return nil
}
