// Package replay lets rules act on a capture, with the capture's own clock: a
// dry run that says what would be sent, when, and by which rule.
//
// It opens no connection and sends nothing. It knows no protocol: how the
// messages of a peer are read, and where ids stand in them, it is told.
package replay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vertigo/capture"
	"vertigo/engine"
)

// A Codec reads and makes the raw messages of one transport. It does no I/O.
type Codec interface {
	// In reads one raw message of the peer. It returns the engine messages it
	// amounts to, none if it is mechanics or an echo.
	In(at time.Time, conn string, data []byte) ([]engine.Message, error)
	// Out notes one raw message that was sent to the peer.
	Out(conn string, data []byte)
	// Frame gives the raw message for an action.
	Frame(a engine.Action) []byte
}

// A Peer is one transport that captures name.
type Peer struct {
	engine.Peer
	NewCodec func(transport string) Codec
	Shape    Shape
}

// A Shape says where things stand in the raw messages of a kind of transport,
// as gjson paths.
type Shape struct {
	Type string // the message's type
	Body string // what an action's body becomes: call keys stand in it
	// IDs are the ids that the sender of a message makes up, and by which later
	// messages refer to it.
	IDs []string
	// Mechanics are types of messages that a transport sends for itself.
	Mechanics []string
	// Echoes says that what is sent comes back, and that a capture may have it
	// come back before it was sent.
	Echoes bool
	// Mute says that nothing ever comes from it: it is written to.
	Mute bool
}

// An Event is one thing that the engine did with a message.
type Event struct {
	Trace   engine.Trace // its Message is Message
	Message engine.Message
	Place   string // file:line of the message; "" if the engine said it by itself
	Again   bool   // a further outcome of the same message
	Sent    []Sent // what Trace.Actions come to
	// CaptureEnd stands between the last line of the capture and what time alone
	// brings about afterwards; all else is empty.
	CaptureEnd bool
}

// Sent is one action, and the raw message that it comes to.
type Sent struct {
	engine.Action
	Frame []byte
	Place string // file:line of the message that caused it, or the type of the engine's own
	Like  *Line  // the capture's own line that it stands for; nil if there is none
	// Afterwards says that it was sent after the capture's last line.
	Afterwards bool
}

// A Result is what is known at the end of a replay.
type Result struct {
	Failed  int             // messages that could not be read or evaluated
	Sent    []Sent          // all actions, in order
	Missing []Line          // messages that the capture sent and no action stands for
	named   map[string]bool // the transports that the capture has lines of
	ids     ids
	peers   map[string]*peer
	fates   []fate // of the messages of peers
}

// After the last line of a capture time goes on until its calls have ended, but
// not for longer than this; and for a little while after that, so that messages
// that still wait for a call are seen to be unmatched.
const (
	longestAfter = 24 * time.Hour
	quietAfter   = 30 * time.Second
	mostSteps    = 1_000_000
)

// ownTransport is what the engine calls itself: a dead-letter capture may hold
// such messages, but no peer sent them.
const ownTransport = "engine"

// A player is one replay under way.
type player struct {
	engine *engine.Engine
	peers  map[string]*peer
	ids    ids
	pairs  *pairs
	emit   func(Event)

	now        time.Time
	place      string // of the line that is being played
	afterwards bool
	last       *engine.Message // what the last event was about
	held       []heldMessage
	settled    bool // something was sent since held was looked at
	sent       []Sent
	failed     int
	fates      []fate
}

type peer struct {
	Peer
	codec Codec
}

// Play lets rules act on the lines of one capture and calls emit with each
// thing that happens, in order. The same lines and rules always give the same
// events. An error means that the capture names a transport that is not there.
func Play(lines []Line, rules *engine.Ruleset, peers []Peer, emit func(Event)) (*Result, error) {
	p, err := begin(lines, rules, peers, nil, emit)
	if err != nil {
		return nil, err
	}
	p.playAll(lines)
	p.finish()
	named := map[string]bool{}
	for _, l := range lines {
		named[l.Transport] = true
	}
	return &Result{Failed: p.failed, Sent: p.sent, Missing: p.pairs.missing(), named: named, ids: p.ids, peers: p.peers, fates: p.fates}, nil
}

// begin prepares a replay of the lines.
func begin(lines []Line, rules *engine.Ruleset, peers []Peer, explain func(*engine.Explanation), emit func(Event)) (*player, error) {
	p := &player{peers: map[string]*peer{}, emit: emit}
	for _, one := range peers {
		p.peers[one.Name] = &peer{one, one.NewCodec(one.Name)}
	}
	if err := p.known(lines); err != nil {
		return nil, err
	}
	p.ids = newIDs(lines, peers)
	p.pairs = newPairs(lines, p.peers)
	p.engine = engine.New(rules, engine.Options{Observe: p.observe, Explain: explain})
	return p, nil
}

func (p *player) playAll(lines []Line) {
	for i := range lines {
		if peer := p.peers[lines[i].Transport]; peer != nil && peer.Shape.Echoes && lines[i].Dir == capture.Out {
			peer.codec.Out(lines[i].Conn, lines[i].Message())
		}
	}
	for i := range lines {
		p.play(&lines[i])
	}
}

// known reports the first line of a transport that is not there.
func (p *player) known(lines []Line) error {
	for _, l := range lines {
		if p.peers[l.Transport] != nil || l.Transport == ownTransport {
			continue
		}
		names := make([]string, 0, len(p.peers))
		for name := range p.peers {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Errorf("%s: no transport is called %q: there are %s", l.Place(), l.Transport, strings.Join(names, ", "))
	}
	return nil
}

func (p *player) play(l *Line) {
	peer := p.peers[l.Transport]
	if peer == nil {
		return // the engine's own message: it will say it again, or not
	}
	p.until(l.TS)
	p.advance(l.TS)
	data := p.ids[l.Transport].rewrite(l.Message())
	if l.Dir == capture.Out {
		if !peer.Shape.Echoes {
			peer.codec.Out(l.Conn, data)
		}
		return
	}
	p.place = l.Place()
	messages, err := peer.codec.In(l.TS, l.Conn, data)
	if err != nil {
		m := engine.Message{Transport: l.Transport, At: l.TS, Body: data}
		p.observe(engine.Trace{Now: p.now, Message: &m, Outcome: engine.Failed, Err: err})
	}
	for _, m := range messages {
		p.deliver(heldMessage{m, p.place})
	}
	p.place = ""
}

// until lets happen what is due by a time.
func (p *player) until(t time.Time) {
	for {
		at, ok := p.engine.NextDeadline()
		if !ok || at.After(t) {
			return
		}
		p.step(at)
	}
}

func (p *player) advance(t time.Time) {
	if t.After(p.now) {
		p.now = t
	}
}

// step steps the engine, and then lets it have the messages that waited for an
// id that it has now sent.
func (p *player) step(at time.Time, batch ...engine.Message) {
	p.advance(at)
	p.engine.Step(p.now, batch...)
	for p.settled {
		p.settled = false
		held := p.held
		p.held = nil
		for _, h := range held {
			p.deliver(h)
		}
	}
}

// finish lets the calls that the capture leaves behind come to their ends.
func (p *player) finish() {
	for _, h := range p.held {
		p.give(h)
	}
	p.held = nil
	p.afterwards = true
	p.emit(Event{CaptureEnd: true, Trace: engine.Trace{Now: p.now}})
	limit := p.now.Add(longestAfter)
	quiet := p.now
	for range mostSteps {
		at, ok := p.engine.NextDeadline()
		if len(p.engine.Calls()) > 0 {
			quiet = p.now
		}
		if !ok || at.After(limit) || at.After(quiet.Add(quietAfter)) && len(p.engine.Calls()) == 0 {
			return
		}
		p.step(at)
	}
}

// observe notes what the engine did, and finds the capture's own line for what
// it sends.
func (p *player) observe(t engine.Trace) {
	m := *t.Message
	e := Event{Trace: t, Message: m, Place: p.place, Again: p.last == t.Message}
	e.Trace.Message = &e.Message
	p.last = t.Message
	cause := p.place
	if cause == "" {
		cause = m.Type
	}
	p.noteFate(t)
	if t.Outcome == engine.Failed {
		p.failed++
	}
	for _, a := range t.Actions {
		s := Sent{Action: a, Place: cause, Afterwards: p.afterwards}
		if peer := p.peers[a.To]; peer != nil {
			s.Frame = peer.codec.Frame(a)
			s.Like = p.pair(peer, s)
		}
		e.Sent = append(e.Sent, s)
	}
	p.sent = append(p.sent, e.Sent...)
	p.emit(e)
}

// pair finds the capture's own line that stands for what is sent, and takes its
// ids.
func (p *player) pair(peer *peer, s Sent) *Line {
	n := p.ids[peer.Name]
	l := p.pairs.take(peer, s, n)
	if l != nil {
		n.tie(l.Message(), s.Frame)
	}
	n.noteSent(s.Frame)
	p.settled = true
	return l
}
