package vertotest

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// A phone is a WebRTC client as pion makes it: what the server is heard by.
type phone struct {
	t     *testing.T
	pc    *webrtc.PeerConnection
	voice *voice
	heard chan *rtp.Packet // the newest packets; older ones are lost
	lost  sync.WaitGroup   // goroutines
	stop  chan struct{}
	ready chan struct{} // closed once what the phone says is not lost
}

// voice is what a phone says. Unlike pion's own tracks it leaves the payload
// type to the caller, so it can say digits too.
type voice struct {
	payload uint8
	ssrc    uint32
	out     webrtc.TrackLocalWriter
}

func (v *voice) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	v.ssrc, v.out = uint32(c.SSRC()), c.WriteStream()
	return c.CodecParameters()[0], nil
}

func (v *voice) Unbind(webrtc.TrackLocalContext) error { return nil }
func (v *voice) ID() string                            { return "audio" }
func (v *voice) RID() string                           { return "" }
func (v *voice) StreamID() string                      { return "phone" }
func (v *voice) Kind() webrtc.RTPCodecType             { return webrtc.RTPCodecTypeAudio }

// say sends one packet. It must not be called before the phone is ready.
func (v *voice) say(header rtp.Header, payload []byte) error {
	header.Version, header.SSRC = 2, v.ssrc
	_, err := v.out.WriteRTP(&header, payload)
	return err
}

// newPhone makes a phone that speaks one codec and telephone-event.
func newPhone(t *testing.T, mime string, payload uint8) *phone {
	t.Helper()
	engine := &webrtc.MediaEngine{}
	rate, channels := uint32(8000), uint16(1)
	if mime == webrtc.MimeTypeOpus {
		rate, channels = 48000, 2
	}
	capability := webrtc.RTPCodecCapability{MimeType: mime, ClockRate: rate, Channels: channels}
	for pt, c := range map[uint8]webrtc.RTPCodecCapability{
		payload: capability, 126: {MimeType: "audio/telephone-event", ClockRate: 8000},
	} {
		parameters := webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: webrtc.PayloadType(pt)}
		if err := engine.RegisterCodec(parameters, webrtc.RTPCodecTypeAudio); err != nil {
			t.Fatal(err)
		}
	}
	setting := webrtc.SettingEngine{}
	setting.SetIncludeLoopbackCandidate(true)
	setting.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	setting.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(setting))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p := &phone{t: t, pc: pc, heard: make(chan *rtp.Packet, 100), stop: make(chan struct{}), ready: make(chan struct{})}
	var once sync.Once
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(p.ready) })
		}
	})
	p.voice = &voice{payload: payload}
	sender, err := pc.AddTrack(p.voice)
	if err != nil {
		t.Fatal(err)
	}
	p.lost.Go(func() { // RTCP must be read for the sender to go on
		for {
			if _, _, err := sender.ReadRTCP(); err != nil {
				return
			}
		}
	})
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.listen(track) })
	t.Cleanup(p.close)
	return p
}

func (p *phone) close() {
	select {
	case <-p.stop:
		return
	default:
	}
	close(p.stop)
	if err := p.pc.GracefulClose(); err != nil {
		p.t.Error(err)
	}
	p.lost.Wait()
}

func (p *phone) listen(track *webrtc.TrackRemote) {
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		select {
		case p.heard <- packet:
		default: // drop the oldest
			select {
			case <-p.heard:
			default:
			}
			p.heard <- packet
		}
	}
}

// offer makes an offer that holds its candidates.
func (p *phone) offer(options *webrtc.OfferOptions) string {
	p.t.Helper()
	offer, err := p.pc.CreateOffer(options)
	return p.gathered(offer, err)
}

// answer takes what the server offered and answers it.
func (p *phone) answer(sdp string) string {
	p.t.Helper()
	p.remote(webrtc.SDPTypeOffer, sdp)
	answer, err := p.pc.CreateAnswer(nil)
	return p.gathered(answer, err)
}

func (p *phone) gathered(d webrtc.SessionDescription, err error) string {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	done := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(d); err != nil {
		p.t.Fatal(err)
	}
	<-done
	return p.pc.LocalDescription().SDP
}

// remote gives pion the server's SDP with what pion cannot do without: a mid
// for each section, and BUNDLE; of its sections only the audio.
func (p *phone) remote(t webrtc.SDPType, sdp string) {
	p.t.Helper()
	audio, _, _ := strings.Cut(sdp, "m=video")
	audio = strings.Replace(audio, "\r\nm=audio", "\r\na=group:BUNDLE 0\r\nm=audio", 1) + "a=mid:0\r\n"
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: t, SDP: audio}); err != nil {
		p.t.Fatalf("%v in\n%s", err, audio)
	}
}

// talk sends a tone until the phone is closed.
func (p *phone) talk(hz float64) {
	p.lost.Go(func() {
		select {
		case <-p.ready:
		case <-p.stop:
			return
		}
		wave, samples := NewTone(hz, 8000), make([]int16, 160)
		header := rtp.Header{PayloadType: p.voice.payload}
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-p.stop:
				return
			}
			wave.Read(samples)
			header.SequenceNumber++
			header.Timestamp += 160
			_ = p.voice.say(header, EncodePCMU(samples)) // fails while ICE restarts
		}
	})
}

// hears waits until 10 packets on end are a tone of hz.
func (p *phone) hears(hz float64) {
	p.t.Helper()
	timeout := time.After(patience)
	var samples []int16
	for len(samples) < 1600 {
		select {
		case packet := <-p.heard:
			decoded := DecodePCMU(packet.Payload)
			if samples = append(samples, decoded...); Power(decoded, hz, 8000) < 0.9 {
				samples = nil
			}
		case <-timeout:
			p.t.Fatalf("no tone of %v Hz is heard", hz)
		}
	}
	if power := Power(samples, hz, 8000); power < 0.9 {
		p.t.Fatalf("power at %v Hz is %v", hz, power)
	}
}

// forget throws away what was heard so far.
func (p *phone) forget() {
	for {
		select {
		case <-p.heard:
		default:
			return
		}
	}
}
