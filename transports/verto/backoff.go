package verto

import (
	"math/rand/v2"
	"time"
)

// A span is the shortest and the longest wait of a back-off.
type span struct{ min, max time.Duration }

// A backoff gives growing waits: each is drawn between a half and the whole of
// a length that doubles up to the longest, so that clients of one server do
// not come back all at once.
type backoff struct {
	span
	failures int
}

func (b *backoff) next() time.Duration {
	whole := b.max
	if b.failures < 32 {
		if d := b.min << b.failures; d > 0 && d < b.max {
			whole = d
		}
		b.failures++
	}
	half := whole / 2
	return half + rand.N(whole-half+1)
}

func (b *backoff) reset() {
	b.failures = 0
}
