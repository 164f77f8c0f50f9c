package verto

import (
	"testing"
	"time"
)

// A client that always has something to say must still leave a pause of gap
// before it has spoken for two gaps.
func TestPacerNeverStarvesTheServer(t *testing.T) {
	for _, every := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond, 40 * time.Millisecond, 59 * time.Millisecond} {
		p := pacer{gap: 60 * time.Millisecond}
		now := t0
		spoken := now
		for range 1000 {
			at := p.next(now)
			if at.Before(now) {
				t.Fatalf("every %s: next lies in the past", every)
			}
			if !p.last.IsZero() && at.Sub(p.last) >= p.gap {
				spoken = at
			}
			if d := at.Sub(spoken); d > 2*p.gap {
				t.Fatalf("every %s: spoke for %s without a pause", every, d)
			}
			p.sent(at)
			now = at.Add(every)
		}
	}
}

// Each event is acknowledged, and that is inbound data for the server as well:
// requests must get their turn all the same.
func TestPacerIsNotStarvedByTheServer(t *testing.T) {
	p := pacer{gap: 60 * time.Millisecond}
	now, sent := t0, 0
	for range 100 {
		for !p.next(now).After(now) {
			p.sent(now)
			sent++
		}
		now = now.Add(50 * time.Millisecond)
		p.flushed()
		p.acknowledged(now)
	}
	if sent != 100*paceBurst {
		t.Errorf("%d requests went out", sent)
	}
}
