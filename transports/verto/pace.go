package verto

import "time"

// paceBurst is how many requests may go out back to back.
const paceBurst = 8

// A pacer says when the next request may go out on a socket. mod_verto writes
// its queued events only after 50 ms without inbound data, so a client that
// never pauses gets replies but no verto.answer and no verto.bye. Requests may
// go in a short burst; then nothing more until the socket has rested for gap,
// or until an event shows that the queue has just been written.
type pacer struct {
	gap   time.Duration
	last  time.Time // of the last frame out, acknowledgements too
	begun time.Time // of the burst under way
	n     int       // requests in it
}

// next is when a request may go out: not after now if at once.
func (p *pacer) next(now time.Time) time.Time {
	switch {
	case p.n == 0, now.Sub(p.last) >= p.gap:
		return now
	case p.n < paceBurst && now.Sub(p.begun) < p.gap:
		return now
	}
	return p.last.Add(p.gap)
}

// sent notes a request that went out.
func (p *pacer) sent(now time.Time) {
	if p.n == 0 || now.Sub(p.last) >= p.gap {
		p.begun, p.n = now, 0
	}
	p.last = now
	p.n++
}

// acknowledged notes a frame out that is not a request.
func (p *pacer) acknowledged(now time.Time) {
	p.last = now
}

// flushed notes an event of the server: its queue has been written, so another
// burst may begin. Without this a server that always has events would keep
// requests back for ever, as each acknowledgement is inbound data as well.
func (p *pacer) flushed() {
	p.n = 0
}
