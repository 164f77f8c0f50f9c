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

// Answered is a codec that knows what answers an action by the action alone.
type Answered interface {
	Codec
	// Sent notes that the raw message of an action went out.
	Sent(conn string, frame []byte, a engine.Action)
}

// A Peer is one transport that captures name.
type Peer struct {
	engine.Peer
	NewCodec func(transport string) Codec
	Shape    Shape
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
	worded map[string]bool // transports of which the capture itself says that they come up; false: they are up before
	emit   func(Event)

	now        time.Time
	place      string                       // of the line that is being played
	placeOf    func(*engine.Message) string // if not nil, knows places in its stead
	afterwards bool
	last       *engine.Message // what the last event was about
	held       []heldMessage
	settled    bool // something was sent since held was looked at
	sent       []Sent
	bounded    bool // what is sent
	sentBytes  int  // where that is bounded
	failed     int
	fates      []fate
}

type peer struct {
	Peer
	codec Codec
	conn  string // that the last message came by
	begun bool   // its transport is up
}

// Play lets rules act on the lines of one capture and calls emit with each
// thing that happens, in order. The same lines and rules always give the same
// events. An error means that the capture names a transport that is not there.
func Play(lines []Line, rules *engine.Ruleset, peers []Peer, emit func(Event)) (*Result, error) {
	p, err := begin(lines, rules, peers, engine.Options{}, emit)
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

// begin prepares a replay of the lines, by an engine with these options, but for
// its observer.
func begin(lines []Line, rules *engine.Ruleset, peers []Peer, o engine.Options, emit func(Event)) (*player, error) {
	p := &player{peers: map[string]*peer{}, emit: emit}
	for _, one := range peers {
		p.peers[one.Name] = &peer{Peer: one, codec: one.NewCodec(one.Name)}
	}
	if err := p.known(lines); err != nil {
		return nil, err
	}
	p.worded = map[string]bool{}
	for _, l := range lines {
		shape := p.shape(l.Transport)
		if _, heard := p.worded[l.Transport]; heard || shape == nil || shape.Word == nil || l.Dir != capture.In {
			continue
		}
		if word := shape.typeOf(l.Message()); strings.HasPrefix(word, transportWords) {
			p.worded[l.Transport] = word == engine.TransportUp
		}
	}
	p.ids = newIDs(lines, peers)
	p.pairs = newPairs(lines, p.peers)
	o.Observe = p.observe
	p.engine = engine.New(rules, o)
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

// transportWords is how the types begin of what a transport says of itself.
const transportWords = "transport."

func (p *player) shape(transport string) *Shape {
	if peer := p.peers[transport]; peer != nil {
		return &peer.Shape
	}
	return nil
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
	if word := peer.Shape.Word; word != nil && !peer.begun {
		peer.begun = true
		if !p.worded[l.Transport] {
			p.deliver(heldMessage{raw: &rawMessage{l.Transport, l.Conn, l.TS, word(engine.TransportUp)}})
		}
	}
	data := p.ids[l.Transport].rewrite(l.Message())
	if l.Dir == capture.Out {
		if !peer.Shape.Echoes {
			peer.codec.Out(l.Conn, data)
		}
		return
	}
	peer.conn = l.Conn
	if _, ok := peer.codec.(Answered); ok {
		p.deliver(heldMessage{place: l.Place(), raw: &rawMessage{l.Transport, l.Conn, l.TS, l.Message()}})
		return
	}
	p.place = l.Place()
	for _, m := range p.read(l.Transport, l.TS, l.Conn, data) {
		p.deliver(heldMessage{message: m, place: p.place})
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
	place := p.place
	if p.placeOf != nil {
		place = p.placeOf(t.Message)
	}
	e := Event{Trace: t, Message: m, Place: place, Again: p.last == t.Message}
	e.Trace.Message = &e.Message
	p.last = t.Message
	cause := place
	if cause == "" {
		cause = m.Type
	}
	p.noteFate(t, place)
	if t.Outcome == engine.Failed {
		p.failed++
	}
	p.bound(t.Actions)
	for _, a := range t.Actions {
		s := Sent{Action: a, Place: cause, Afterwards: p.afterwards}
		if peer := p.peers[a.To]; peer != nil {
			s.Frame = peer.codec.Frame(a)
			s.Like = p.pair(peer, s)
			if codec, ok := peer.codec.(Answered); ok {
				codec.Sent(peer.conn, s.Frame, a)
			}
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
