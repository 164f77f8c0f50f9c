package softphone

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vertigo/transports/verto/vertotest/webphone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTwoPhonesHearEachOther(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var phones [2]*Phone
	for i := range phones {
		p, err := New()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		phones[i] = p
	}
	a, b := phones[0], phones[1]
	offer, err := a.Offer(webphone.OfferOptions{})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := b.Answer(offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Take(answer); err != nil {
		t.Fatal(err)
	}
	a.Talk(440)
	b.Talk(700)
	if !a.Hears(ctx, 700) || !b.Hears(ctx, 440) {
		t.Fatal("one of them does not hear the other")
	}
	short, stop := context.WithTimeout(ctx, 500*time.Millisecond)
	defer stop()
	if a.Hears(short, 440) {
		t.Error("a phone hears a tone that nobody says to it")
	}
}
