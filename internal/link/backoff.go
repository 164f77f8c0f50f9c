// Package link holds what transports share that keep connections to a peer up:
// waits between tries, what arrived and waits for the engine, failures in words
// for the operator. It knows no protocol.
package link

import (
	"math/rand/v2"
	"time"
)

// A Span is the shortest and the longest wait of a back-off.
type Span struct{ Min, Max time.Duration }

// A Backoff gives growing waits: each is drawn between a half and the whole of
// a length that doubles up to the longest, so that clients of one server do
// not come back all at once.
type Backoff struct {
	Span
	failures int
}

// Next gives the wait after one more failure.
func (b *Backoff) Next() time.Duration {
	whole := b.Max
	if b.failures < 32 {
		if d := b.Min << b.failures; d > 0 && d < b.Max {
			whole = d
		}
		b.failures++
	}
	half := whole / 2
	return half + rand.N(whole-half+1)
}

// Lasted notes for how long a connection was up. One that was for four of the
// shortest waits is a success: calls that it carried should not wait long for
// the next, whatever came before it.
func (b *Backoff) Lasted(up time.Duration) {
	if up >= 4*b.Min {
		b.Reset()
	}
}

// Reset begins anew, after a success.
func (b *Backoff) Reset() {
	b.failures = 0
}
