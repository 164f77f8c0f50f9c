package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/pion/rtp"

	"vertigo/transports/verto/vertotest"
	"vertigo/transports/verto/vertotest/webphone"
)

// A softphone is a peer that speaks and hears PCMU.
type softphone struct {
	*webphone.Phone
	t testing.TB
}

func (p softphone) talk(hz float64) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wave, samples := vertotest.NewTone(hz, 8000), make([]int16, 160)
		header := rtp.Header{SequenceNumber: 1}
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
			p.Say(header, vertotest.EncodePCMU(samples))
		}
	}()
	p.t.Cleanup(func() {
		_ = p.Close()
		<-done
	})
}

func (p softphone) hears(ctx context.Context, hz float64) bool {
	for { // what was heard before now does not count
		select {
		case <-p.Heard():
			continue
		default:
		}
		break
	}
	for samples := []int16(nil); len(samples) < 1600; {
		select {
		case packet := <-p.Heard():
			heard := vertotest.DecodePCMU(packet.Payload)
			if samples = append(samples, heard...); vertotest.Power(heard, hz, 8000) < 0.9 {
				samples = nil
			}
		case <-ctx.Done():
			return false
		}
	}
	return true
}
