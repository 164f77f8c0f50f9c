package model

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"vertigo/engine"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

var (
	matrixPeer  = engine.Peer{Name: "matrix", Protocol: matrix.Protocol}
	vertoPeer   = engine.Peer{Name: "pbx", Group: "verto", Protocol: verto.Protocol}
	calllogPeer = engine.Peer{Name: calllog.Name, Protocol: calllog.Protocol}
)

// mostFaults is how many calls that went wrong a run reports before it stops.
const mostFaults = 3

// A world is the engine with the shipped rules, and all that is around it: a
// homeserver with clients on one side, and the transport to FreeSWITCH with
// FreeSWITCH on the other, in a time of its own. The same seed always makes the
// same world.
type world struct {
	random *rand.Rand
	now    time.Time
	begun  time.Time
	agenda agenda

	engine *engine.Engine
	home   *homeserver
	link   *link
	pbx    *freeswitch

	calls  []*call
	byID   map[engine.CallID]*call
	names  int
	fired  map[string]int
	logged int // lines of the call log
	faults []fault
}

// A fault is something that must not be.
type fault struct {
	what string
	call *call // nil: of no one call
}

func newWorld(rules *engine.Ruleset, seed uint64) *world {
	w := &world{
		random: rand.New(rand.NewPCG(seed, 5)),
		begun:  time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		byID:   map[engine.CallID]*call{},
		fired:  map[string]int{},
	}
	w.now = w.begun
	w.engine = engine.New(rules, engine.Options{Observe: w.observe})
	w.home = newHomeserver(w)
	w.pbx = newFreeSWITCH(w)
	w.link = newLink(w)
	return w
}

// run lets happen what is due, until nothing is.
func (w *world) run() {
	for len(w.faults) < mostFaults {
		next, some := w.agenda.next()
		due, waits := w.engine.NextDeadline()
		switch {
		case waits && (!some || due.Before(next)):
			w.now = due
			w.step()
		case some:
			w.now = next
			w.agenda.take().do()
		default:
			return
		}
	}
}

// after puts something down for later.
func (w *world) after(d time.Duration, do func()) { w.agenda.add(w.now.Add(d), do) }

// step lets messages reach the engine together, and hands out what it sends.
func (w *world) step(batch ...engine.Message) {
	for _, a := range w.engine.Step(w.now, batch...) {
		if c := w.byID[a.Call]; c != nil {
			c.note("   sends  %s %s", a.Type, digest(a.Body))
		}
		switch a.To {
		case matrixPeer.Name:
			w.home.send(a)
		case vertoPeer.Name:
			w.link.send(a)
		case calllogPeer.Name:
			w.logged++
		}
	}
}

// observe is told what became of each message.
func (w *world) observe(t engine.Trace) {
	m := t.Message
	c := w.byID[t.Call]
	if c == nil && t.Call != "" && t.Outcome == engine.Fired {
		c = w.owner(m)
		if c != nil && c.id == "" {
			c.id = t.Call
			w.byID[t.Call] = c
		}
	}
	switch t.Outcome {
	case engine.Failed:
		w.fault(c, "a rule failed on %s: %v", m.Type, t.Err)
	case engine.Unmatched:
		w.fault(c, "no rule is for %s: %s", m.Type, m.Body)
	case engine.Fired:
		w.fired[t.Rule.Name]++
	}
	if c == nil {
		return
	}
	what := fmt.Sprintf("%s %s", m.Type, digest(m.Body))
	switch {
	case t.Outcome != engine.Fired:
		c.note(" %s: %s", t.Outcome, what)
	case t.From == t.To:
		c.note(" %s: %q (%s)", what, t.Rule.Name, t.To)
	default:
		c.note(" %s: %q (%s -> %s)", what, t.Rule.Name, t.From, t.To)
	}
	if t.Outcome == engine.Fired {
		c.fired(t)
	}
}

// owner is the call that a message begins.
func (w *world) owner(m *engine.Message) *call {
	if l := w.pbx.legs[m.Key]; l != nil && m.Transport == vertoPeer.Name {
		return l.call
	}
	if r := w.home.rooms[m.Scope]; r != nil && m.Key != "" {
		return r.calls[m.Key]
	}
	return nil
}

func (w *world) fault(c *call, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if c != nil {
		if c.faulty {
			return
		}
		c.faulty = true
		c.note("WRONG: %s", what)
	}
	w.faults = append(w.faults, fault{what, c})
}

// chance is true so often, of 100 times.
func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

// between is a span of time of that many milliseconds.
func (w *world) between(least, most int) time.Duration {
	return time.Duration(least+w.random.IntN(most-least+1)) * time.Millisecond
}

// name makes a name that nothing else has.
func (w *world) name(prefix string) string {
	w.names++
	return fmt.Sprintf("%s%d", prefix, w.names)
}

// digest is what says most of a message, in few words.
func digest(body []byte) string {
	var words []string
	var find func(v any)
	find = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range []string{"reason", "cause", "action", "dtmf", "message", "membership", "type"} {
				if text, ok := v[key].(string); ok && !strings.HasPrefix(text, "m.") && !strings.HasPrefix(text, "timer.") && len(text) < 80 {
					words = append(words, text)
				}
			}
			if text, ok := v["sdp"].(string); ok {
				words = append(words, sdpDigest(text))
			}
			for _, key := range []string{"content", "params", "result", "error", "description", "offer", "answer"} {
				find(v[key])
			}
		}
	}
	var v any
	if json.Unmarshal(body, &v) == nil {
		find(v)
	}
	return strings.Join(words, " ")
}

func sdpDigest(text string) string {
	d := readSDP(text)
	var parts []string
	for _, s := range d.sections {
		if s.rejected() {
			parts = append(parts, s.kind+" refused")
			continue
		}
		print := s.print
		if _, after, ok := strings.Cut(print, " "); ok {
			print = after[:5]
		}
		parts = append(parts, fmt.Sprintf("%s %s %s %s %s %d cand", s.kind, s.creds.ufrag, s.setup, s.direction, print, len(s.candidates)))
	}
	return fmt.Sprintf("{v%d %s}", d.version, strings.Join(parts, "; "))
}

// report tells of what went wrong.
func (w *world) report(seed uint64) string {
	var b strings.Builder
	for _, f := range w.faults {
		fmt.Fprintf(&b, "\nseed %d: %s\n", seed, f.what)
		if f.call != nil {
			fmt.Fprintf(&b, "%s\n", f.call)
		}
	}
	fmt.Fprintf(&b, "\nTo see it again: go test -tags goolm ./model -run TestStories -seed %d\n", seed)
	return b.String()
}

// left says what is still there when nothing is due any more.
func (w *world) left() {
	for _, info := range w.engine.Calls() {
		w.fault(w.byID[info.ID], "call %s is still in state %s", info.ID, info.State)
	}
	for _, c := range w.calls {
		if !c.client.over() {
			w.fault(c, "the client is still in the call")
		}
		if c.leg != nil && c.leg.state != ended {
			w.fault(c, "FreeSWITCH still has a leg")
		}
	}
	for _, a := range w.link.accounts {
		if left := len(a.dialogs); left > 0 {
			w.fault(nil, "the transport still has %d dialogs", left)
		}
	}
}

// pick takes one of a list.
func pick[T any](w *world, list ...T) T { return list[w.random.IntN(len(list))] }

// shuffled is the list in another order.
func shuffled[T any](w *world, list []T) []T {
	list = slices.Clone(list)
	w.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
