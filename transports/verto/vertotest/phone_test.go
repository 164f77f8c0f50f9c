package vertotest

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"vertigo/transports/verto/vertotest/webphone"
)

// A phone is a WebRTC client: what the server is heard by.
type phone struct {
	*webphone.Phone
	t *testing.T
}

func newPhone(t *testing.T, codec webrtc.RTPCodecParameters) *phone {
	t.Helper()
	p, err := webphone.New(codec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return &phone{p, t}
}

// ready waits until what the phone says is not lost.
func (p *phone) ready() {
	p.t.Helper()
	select {
	case <-p.Connected():
	case <-time.After(patience):
		p.t.Fatal("the phone does not connect")
	}
}

// offer makes an offer that holds its candidates.
func (p *phone) offer(o webphone.OfferOptions) string {
	p.t.Helper()
	sdp, err := p.Offer(o)
	if err != nil {
		p.t.Fatal(err)
	}
	return sdp
}

// answer takes what the server offered and answers it.
func (p *phone) answer(sdp string) string {
	p.t.Helper()
	answer, err := p.Answer(forBrowser(sdp))
	if err != nil {
		p.t.Fatal(err)
	}
	return answer
}

// take takes the server's answer.
func (p *phone) take(sdp string) {
	p.t.Helper()
	if err := p.Take(forBrowser(sdp)); err != nil {
		p.t.Fatal(err)
	}
}

// forBrowser gives the server's SDP what a browser cannot do without: a mid for
// each section, and BUNDLE; of its sections only the audio.
func forBrowser(sdp string) string {
	audio, _, _ := strings.Cut(sdp, "m=video")
	return strings.Replace(audio, "\r\nm=audio", "\r\na=group:BUNDLE 0\r\nm=audio", 1) + "a=mid:0\r\n"
}

// talk says a tone until the phone is closed.
func (p *phone) talk(hz float64) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wave, samples := NewTone(hz, 8000), make([]int16, 160)
		header := rtp.Header{}
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-p.Done():
				return
			}
			wave.Read(samples)
			header.SequenceNumber++
			header.Timestamp += 160
			p.Say(header, EncodePCMU(samples))
		}
	}()
	p.t.Cleanup(func() {
		_ = p.Close()
		<-done
	})
}

// hears waits until 10 packets on end are a tone of hz.
func (p *phone) hears(hz float64) {
	p.t.Helper()
	timeout := time.After(patience)
	var samples []int16
	for len(samples) < 1600 {
		select {
		case packet := <-p.Heard():
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
		case <-p.Heard():
		default:
			return
		}
	}
}
