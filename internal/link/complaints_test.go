package link

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestComplaintsAreCountedByReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Complaints
		for i, want := range []struct {
			after  time.Duration
			reason string
			number int
			due    bool
		}{
			{0, "no token", 1, true},
			{time.Second, "too long", 1, true},
			{time.Second, "no token", 2, false},
			{time.Second, "too long", 2, false},
			{time.Minute, "no token", 3, true},
		} {
			time.Sleep(want.after)
			if number, due := c.Due(want.reason, time.Minute); number != want.number || due != want.due {
				t.Errorf("%d: got %d, %v; want %d, %v", i, number, due, want.number, want.due)
			}
		}
	})
}
