package replay

import (
	"context"
	"errors"
	"time"

	"vertigo/engine"
)

// A Batch is messages as a running bridge gave them to its engine, together. What
// they answer has the ids that the bridge gave it.
type Batch struct {
	At       time.Time
	Messages []engine.Message
	Places   []string // what differences call each message
}

// Messages are what a running bridge has had.
type Messages struct {
	Batches []Batch
	Until   time.Time // how long time goes on after the last of them
	Limits  engine.Limits
}

// What rules may send in a replay of messages: edited rules may send without end.
const (
	mostSent      = 50_000   // messages
	mostSentBytes = 64 << 20 // in their bodies
)

var errTooManySent = errors.New("the rules send messages without end")

// Play lets rules act on the messages, as [Play] does on the lines of a capture,
// but for their ids: those are ours already. It gives up with ctx.
func (m Messages) Play(ctx context.Context, rules *engine.Ruleset, peers []Peer) (result *Result, err error) {
	p, err := begin(nil, rules, peers, engine.Options{Limits: m.Limits}, func(Event) {})
	if err != nil {
		return nil, err
	}
	p.bounded = true
	defer func() {
		switch r := recover(); r {
		case nil:
		case errTooManySent: // by the player's own bound
			result, err = nil, errTooManySent
		default:
			panic(r)
		}
	}()
	for i := range m.Batches {
		b := &m.Batches[i]
		if err := p.untilDone(ctx, b.At); err != nil {
			return nil, err
		}
		p.placeOf = b.place
		p.step(b.At, b.Messages...)
		p.placeOf = nil
	}
	if err := p.untilDone(ctx, m.Until); err != nil {
		return nil, err
	}
	return &Result{Failed: p.failed, Sent: p.sent, ids: p.ids, peers: p.peers, fates: p.fates}, nil
}

// bound stops the engine, by a panic with errTooManySent, where rules have sent too
// much: one step of it may already be more than there is memory for.
func (p *player) bound(actions []engine.Action) {
	if !p.bounded {
		return
	}
	for i := range actions {
		p.sentBytes += len(actions[i].Body)
	}
	if len(p.sent)+len(actions) > mostSent || p.sentBytes > mostSentBytes {
		panic(errTooManySent)
	}
}

// untilDone lets happen what is due by a time, unless that takes too long.
func (p *player) untilDone(ctx context.Context, t time.Time) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, ok := p.engine.NextDeadline()
		if !ok || at.After(t) {
			return nil
		}
		p.step(at)
	}
}

// place is what a message is called; "" for the engine's own.
func (b *Batch) place(m *engine.Message) string {
	for i := range b.Messages {
		if m == &b.Messages[i] {
			return b.Places[i]
		}
	}
	return ""
}
