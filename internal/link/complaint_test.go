package link

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestComplaintIsRepeatedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Complaint
		for i, want := range []struct {
			after  time.Duration
			text   string
			number int
			due    bool
		}{
			{0, "refused", 1, true},
			{time.Second, "refused", 2, false},
			{58 * time.Second, "refused", 3, false},
			{time.Second, "refused", 4, true},
			{time.Second, "refused", 5, false},
			{time.Second, "no address", 1, true},
			{time.Second, "refused", 1, true},
		} {
			time.Sleep(want.after)
			if number, due := c.Due(want.text, time.Minute); number != want.number || due != want.due {
				t.Errorf("%d: got %d, %v; want %d, %v", i, number, due, want.number, want.due)
			}
		}
	})
}
