package matrix

import (
	"context"
	"math/rand/v2"
	"time"
)

// A span is the first and the longest pause of a back-off.
type span struct{ first, longest time.Duration }

// pause is how long to wait after the nth failure in a row, from 1. It doubles
// each time, and is drawn from the upper half, so that many clients do not come
// back at once.
func (s span) pause(n int) time.Duration {
	d := s.longest
	if n < 30 && s.first<<(n-1) < s.longest {
		d = s.first << (n - 1)
	}
	return d/2 + rand.N(d/2+1)
}

// sleep waits for d; false means that ctx was done first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
