package webphone

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// two phones, of which the first has called.
func two(t *testing.T) (caller, called *Phone) {
	t.Helper()
	var phones []*Phone
	for range 2 {
		p, err := New(PCMU)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		phones = append(phones, p)
	}
	caller, called = phones[0], phones[1]
	offer := offers(t, caller, OfferOptions{})
	if err := caller.Take(answers(t, called, offer)); err != nil {
		t.Fatal(err)
	}
	return caller, called
}

func offers(t *testing.T, p *Phone, o OfferOptions) string {
	t.Helper()
	sdp, err := p.Offer(o)
	if err != nil {
		t.Fatal(err)
	}
	return sdp
}

func answers(t *testing.T, p *Phone, offer string) string {
	t.Helper()
	sdp, err := p.Answer(offer)
	if err != nil {
		t.Fatal(err)
	}
	return sdp
}

// heard says something until the other one hears it.
func heard(t *testing.T, from, to *Phone) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(20 * time.Second)
	for n := uint16(1); ; n++ {
		select {
		case <-ticker.C:
			from.Say(rtp.Header{SequenceNumber: n, Timestamp: uint32(n) * 160}, make([]byte, 160))
		case <-to.Heard():
			return
		case <-timeout:
			t.Fatal("nothing is heard")
		}
	}
}

func TestPhonesHearEachOther(t *testing.T) {
	caller, called := two(t)
	heard(t, caller, called)
	heard(t, called, caller)
	if in, out := caller.Packets(); in == 0 || out == 0 {
		t.Errorf("%d packets came, %d were said", in, out)
	}
}

func TestRestartOfICEKeepsTheSession(t *testing.T) {
	caller, called := two(t)
	heard(t, caller, called)
	connected := caller.Connected()
	offer := offers(t, caller, OfferOptions{Restart: true})
	if err := caller.Take(answers(t, called, offer)); err != nil {
		t.Fatal(err)
	}
	heard(t, caller, called)
	if connected != caller.Connected() {
		t.Error("there is a new DTLS session")
	}
}

func TestAnotherFingerprintMakesANewSession(t *testing.T) {
	caller, called := two(t)
	heard(t, caller, called)
	connected := called.Connected()
	offer := offers(t, caller, OfferOptions{})
	own := attribute(offer, "fingerprint")
	answers(t, called, strings.Replace(offer, own, "sha-256 00:00", 1))
	if connected == called.Connected() {
		t.Error("there is no new DTLS session")
	}
}

func TestHeldPhoneSaysNothing(t *testing.T) {
	caller, called := two(t)
	heard(t, called, caller)
	answer := answers(t, called, offers(t, caller, OfferOptions{Direction: "sendonly"}))
	if direction(answer) != "recvonly" {
		t.Errorf("the answer is %s", direction(answer))
	}
	_, before := called.Packets()
	called.Say(rtp.Header{SequenceNumber: 1000}, nil)
	if _, after := called.Packets(); after != before {
		t.Error("a phone on hold speaks")
	}
}

func TestOffersThatCross(t *testing.T) {
	caller, called := two(t)
	theirs, own := offers(t, called, OfferOptions{}), offers(t, caller, OfferOptions{})
	if _, err := caller.Answer(theirs); !errors.Is(err, ErrIgnored) {
		t.Errorf("the caller answers: %v", err)
	}
	if err := caller.Take(answers(t, called, own)); err != nil {
		t.Error(err)
	}
}

func TestWhatABrowserDoesNotTake(t *testing.T) {
	for name, spoil := range map[string]func(answer string) string{
		"no mid":       func(s string) string { return strings.Replace(s, "a=mid:0\r\n", "", 1) },
		"no bundle":    func(s string) string { return strings.Replace(s, "a=group:BUNDLE 0\r\n", "", 1) },
		"another role": func(s string) string { return strings.Replace(s, "setup:active", "setup:passive", 1) },
		"no role":      func(s string) string { return strings.Replace(s, "setup:active", "setup:actpass", 1) },
		"more than was offered": func(s string) string {
			return s + "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			caller, called := two(t)
			answer := answers(t, called, offers(t, caller, OfferOptions{}))
			if err := caller.Take(spoil(answer)); err == nil {
				t.Error("taken")
			}
			if err := caller.Take(answer); err != nil {
				t.Errorf("the offer is no longer open: %v", err)
			}
		})
	}
}

func TestVideoMustBeRefused(t *testing.T) {
	caller, called := two(t)
	offer := offers(t, caller, OfferOptions{Videos: 1})
	if !strings.Contains(offer, "a=group:BUNDLE 0 1\r\n") {
		t.Errorf("the offer is\n%s", offer)
	}
	audio := answers(t, called, strings.Replace(offer[:strings.Index(offer, "m=video")], "BUNDLE 0 1", "BUNDLE 0", 1))
	if err := caller.Take(audio + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"); err == nil {
		t.Error("video was accepted")
	}
	if err := caller.Take(audio + "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"); err != nil {
		t.Error(err)
	}
}
