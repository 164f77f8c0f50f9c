package replay

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"vertigo/engine"
)

// Expect compares what the engine sent with what the capture itself did, and
// says what is not the same: bodies as JSON, ids apart. What was sent after the
// capture's end is not looked at: nobody knows what would have followed. Nor is
// what is sent to a transport that the capture has no line of: it was not there,
// or was not captured.
func (r *Result) Expect() []Difference {
	var found []Difference
	for _, s := range r.Sent {
		if s.Afterwards || !r.named[s.To] {
			continue
		}
		if s.Like == nil {
			found = append(found, sentOnly(s.Place, Added, s.Type, s.To, s.Rule).words("the rules send %s to %s (%s), the capture does not", s.Type, s.To, s.Rule))
			continue
		}
		if deltas := r.against(s); len(deltas) > 0 {
			d := sentOnly(s.Like.Place(), Changed, s.Type, s.To, s.Rule).words("%s to %s differs (%s)", s.Type, s.To, s.Rule)
			d.Deltas = deltas
			found = append(found, d)
		}
	}
	for _, l := range r.Missing {
		typ := r.peers[l.Transport].Shape.typeOf(l.Message())
		found = append(found, sentOnly(l.Place(), Removed, typ, l.Transport, "").words("the capture sends %s to %s, the rules do not", typ, l.Transport))
	}
	return found
}

// against compares an action with the capture's line that it stands for.
func (r *Result) against(s Sent) []Delta {
	return r.ids[s.To].diff(s.Like.Message(), s.Frame)
}

// diff compares the bodies of the capture's own message, theirs, and of ours.
func (n *names) diff(theirs, ours []byte) []Delta {
	return n.shape.diff(n.rewrite(theirs), ours)
}

// Compare says what other rules do differently in a replay of the same capture:
// what they send that is not the same, what they send no more and in addition,
// and what becomes of messages, in the order of the replay.
func Compare(old, now *Result) []Difference {
	type sameKey struct{ to, typ, call string }
	left := map[sameKey][]Sent{}
	for _, s := range old.Sent {
		k := sameKey{s.To, s.Type, string(s.Call)}
		left[k] = append(left[k], s)
	}
	found := became(old, now)
	for _, s := range now.Sent {
		k := sameKey{s.To, s.Type, string(s.Call)}
		if len(left[k]) == 0 {
			d := sentOnly(s.Place, Added, s.Type, s.To, s.Rule).words("+ %s to %s (%s)", s.Type, s.To, s.Rule)
			found = append(found, d.about(s))
			continue
		}
		was := left[k][0]
		left[k] = left[k][1:]
		if d, ok := now.changed(was, s); ok {
			found = append(found, d.about(s))
		}
	}
	for _, s := range old.Sent {
		k := sameKey{s.To, s.Type, string(s.Call)}
		if list := left[k]; len(list) > 0 && list[0].ID == s.ID {
			left[k] = list[1:]
			d := sentOnly(s.Place, Removed, s.Type, s.To, s.Rule).words("- %s to %s (%s)", s.Type, s.To, s.Rule)
			found = append(found, d.about(s))
		}
	}
	slices.SortStableFunc(found, func(a, b Difference) int { return a.Time.Compare(b.Time) })
	return found
}

// became finds the messages of peers of which something else became.
func became(old, now *Result) []Difference {
	type sameKey struct{ place, typ string }
	left := map[sameKey][]fate{}
	for _, f := range old.fates {
		k := sameKey{f.place, f.typ}
		left[k] = append(left[k], f)
	}
	var found []Difference
	for _, f := range now.fates {
		k := sameKey{f.place, f.typ}
		if len(left[k]) == 0 {
			continue
		}
		was := left[k][0]
		left[k] = left[k][1:]
		if was.outcome != f.outcome {
			d := Difference{Place: f.place, What: Became, Type: f.typ, Call: cmp.Or(f.call, was.call), Was: was.outcome, Is: f.outcome}
			found = append(found, d.words("%s: %s → %s", f.typ, was.outcome, f.outcome).at(f.at))
		}
	}
	return found
}

// A fate is what became of a message of a peer.
type fate struct {
	message    *engine.Message
	place, typ string
	call       engine.CallID
	outcome    engine.Outcome
	at         time.Time
}

// noteFate keeps what became of a message; of several rules that acted on it the
// first counts, unless one failed.
func (p *player) noteFate(t engine.Trace, place string) {
	if t.Message.Transport == ownTransport || place == "" {
		return
	}
	if n := len(p.fates); n > 0 && p.fates[n-1].message == t.Message {
		if t.Outcome == engine.Failed {
			p.fates[n-1].outcome = engine.Failed
		}
		return
	}
	p.fates = append(p.fates, fate{t.Message, place, t.Message.Type, t.Call, t.Outcome, t.Now})
}

// changed says how one action became another one; ok is false if it did not.
func (r *Result) changed(was, is Sent) (d Difference, ok bool) {
	var how []Delta
	if was.Place != is.Place {
		how = append(how, Delta{Note: fmt.Sprintf("sent for %s instead of %s", cause(is.Place), cause(was.Place))})
	} else if !was.At.Equal(is.At) {
		how = append(how, Delta{Note: sooner(is.At.Sub(was.At))})
	}
	for _, name := range addressKeys(was, is) {
		if a, b := address(was, name), address(is, name); a == nil || b == nil || *a != *b {
			how = append(how, valueDelta(name, a, b))
		}
	}
	shape := r.peers[is.To].Shape
	how = append(how, shape.diff(was.Frame, is.Frame)...)
	if len(how) == 0 {
		return Difference{}, false
	}
	d = sentOnly(is.Place, Changed, is.Type, is.To, is.Rule)
	d.Deltas = how
	rule := is.Rule
	if was.Rule != is.Rule {
		d.OldRule = was.Rule
		rule = was.Rule + " → " + is.Rule
	}
	return d.words("~ %s to %s (%s)", is.Type, is.To, rule), true
}

// cause words what a message was sent for: a line of the capture, or a word of
// the engine.
func cause(place string) string {
	if n := lineNumber(place); n > 0 {
		return fmt.Sprintf("line %d", n)
	}
	return place
}

func sooner(d time.Duration) string {
	if d < 0 {
		return fmt.Sprintf("sent %s earlier", -d)
	}
	return fmt.Sprintf("sent %s later", d)
}

// address gives a key of an address, nil if it is not there.
func address(s Sent, name string) *any {
	text, ok := s.Address[name]
	if !ok {
		return nil
	}
	v := any(text)
	return &v
}

func addressKeys(a, b Sent) []string {
	var keys []string
	for _, m := range []map[string]string{a.Address, b.Address} {
		for k := range m {
			if !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	slices.Sort(keys)
	return keys
}
