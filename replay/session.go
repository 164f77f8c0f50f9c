package replay

import (
	"time"

	"vertigo/engine"
)

// A Session lets rules act on messages as they are given to it, one after the
// other, in the time that it is told. A capture can come first.
type Session struct{ p *player }

// SessionOptions are what a session can be given beside rules and peers.
type SessionOptions struct {
	// Given is played first; calls that it leaves behind go on.
	Given []Line
	// Emit, if not nil, is called with each thing that happens.
	Emit func(Event)
	// Explain, if not nil, is called with what became of each rule for a message.
	Explain func(*engine.Explanation)
}

// NewSession begins at a time, or where the lines given end, if that is later.
// An error means that the lines name a transport that is not there.
func NewSession(at time.Time, rules *engine.Ruleset, peers []Peer, o SessionOptions) (*Session, error) {
	emit := o.Emit
	if emit == nil {
		emit = func(Event) {}
	}
	p, err := begin(o.Given, rules, peers, engine.Options{Explain: o.Explain}, emit)
	if err != nil {
		return nil, err
	}
	p.advance(at)
	p.playAll(o.Given)
	for _, h := range p.held {
		p.give(h)
	}
	p.held = nil
	return &Session{p}, nil
}

// Now is how far time has come.
func (s *Session) Now() time.Time { return s.p.now }

// Wait lets time pass, and what is due in it happen, each at its own time.
func (s *Session) Wait(d time.Duration) {
	at := s.p.now.Add(d)
	s.p.until(at)
	s.p.advance(at)
}

// A Received is one raw message of a peer.
type Received struct {
	Transport string
	Place     string // where it is written
	Data      []byte
}

// Receive lets messages arrive together, now. It returns how many of them meant
// something to the engine: mechanics and echoes do not.
func (s *Session) Receive(list ...Received) (int, error) {
	var batch []engine.Message
	for _, r := range list {
		messages, err := s.p.peers[r.Transport].codec.In(s.p.now, "", r.Data)
		if err != nil {
			return 0, err
		}
		s.p.place = r.Place
		batch = append(batch, messages...)
	}
	s.p.step(s.p.now, batch...)
	s.p.place = ""
	return len(batch), nil
}

// Sent tells the transport that a raw message went out, so that a reply to it
// can be told.
func (s *Session) Sent(transport string, frame []byte) {
	if peer := s.p.peers[transport]; peer != nil {
		peer.codec.Out("", frame)
	}
}

// Stop ends all calls, as a bridge does that stops.
func (s *Session) Stop(reason string) { s.p.engine.Stop(s.p.now, reason) }

// Calls gives the calls under way in the order in which they began.
func (s *Session) Calls() []engine.CallInfo { return s.p.engine.Calls() }

// CallKey reads the call key out of a raw message.
func CallKey(p Peer, data []byte) string { return callKey(p, data) }

// TextChanges says, line by line, how one text became another one.
func TextChanges(was, is string) []string {
	var list []string
	for _, c := range changes(lines(was), lines(is)) {
		for _, l := range c.removed {
			list = append(list, "- "+clip(l))
		}
		for _, l := range c.added {
			list = append(list, "+ "+clip(l))
		}
	}
	return list
}
