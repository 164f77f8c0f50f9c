package scenario

import (
	"vertigo/replay"
)

// compare compares what was sent with what the step expects, in order. What goes
// to a transport that is only written to, such as the call log, counts where the
// step expects something there.
func (r *runner) compare(s *step) {
	sent := r.sent[:0:0]
	for _, one := range r.sent {
		if r.counts(&one, s) {
			sent = append(sent, one)
		}
	}
	for _, p := range align(s.expect, sent, r.fits) {
		switch {
		case p.got == nil:
			r.faults = append(r.faults, Fault{Kind: Missing, Pos: p.want.pos, Message: p.want.to + " " + p.want.typ})
		case p.want == nil:
			r.faults = append(r.faults, unexpected(s, p.got))
		default:
			r.differ(p.want, p.got)
		}
	}
}

func (r *runner) counts(one *replay.Sent, s *step) bool {
	peer := r.peer(one.To)
	if peer == nil || !peer.Shape.Mute {
		return true
	}
	for _, o := range s.expect {
		if o.to == one.To {
			return true
		}
	}
	return false
}

func (r *runner) peer(name string) *replay.Peer {
	for i := range r.scenario.peers {
		if p := &r.scenario.peers[i]; p.Name == name {
			return p
		}
	}
	return nil
}

// fits says whether a message can be the one that is expected.
func (r *runner) fits(o *outgoing, one *replay.Sent) bool {
	if o.typ != one.Type {
		return false
	}
	peer := r.peer(one.To)
	return o.to == one.To || peer != nil && o.to == peer.Group
}

func unexpected(s *step, one *replay.Sent) Fault {
	f := Fault{Kind: Unexpected, Pos: s.pos, Message: one.To + " " + one.Type, Rule: one.Rule}
	d := &differences{exact: true}
	if body, err := decode(one.Body); err == nil {
		d.compare("body", map[string]any{}, body, true)
	}
	f.Differences = d.list
	return f
}

// differ compares one message with the expected one.
func (r *runner) differ(o *outgoing, one *replay.Sent) {
	d := &differences{exact: o.exact}
	names := r.world.expecting(map[string]any{"now": r.session.Now(), "who": "anna", "type": o.typ, "request": nil})
	for _, name := range r.peer(one.To).Protocol.Address {
		v := o.address[name]
		if v == nil {
			continue
		}
		want, f := v.eval(names)
		if f != nil {
			r.wrong(f.pos, "%s", f.msg)
			return
		}
		got, there := one.Address[name]
		d.compare(name, want, got, there)
	}
	if o.body != nil {
		want, f := o.body.eval(names)
		if f != nil {
			r.wrong(f.pos, "%s", f.msg)
			return
		}
		got, err := decode(one.Body)
		d.compare("body", want, got, err == nil)
	}
	if len(d.list) > 0 {
		r.faults = append(r.faults, Fault{Kind: Different, Pos: o.pos, Message: one.To + " " + one.Type, Rule: one.Rule, Differences: d.list})
	}
}

// A pair is an expected message and the one that was sent for it; one of them
// can be nil.
type pair struct {
	want *outgoing
	got  *replay.Sent
}

// align pairs what was expected with what was sent: as many as can be, in order
// (their longest common subsequence).
func align(want []*outgoing, got []replay.Sent, fits func(*outgoing, *replay.Sent) bool) []pair {
	common := make([][]int, len(want)+1)
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if fits(want[i], &got[j]) {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var list []pair
	for i, j := 0, 0; i < len(want) || j < len(got); {
		switch {
		case i < len(want) && j < len(got) && fits(want[i], &got[j]):
			list = append(list, pair{want[i], &got[j]})
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			list = append(list, pair{want: want[i]})
			i++
		default:
			list = append(list, pair{got: &got[j]})
			j++
		}
	}
	return list
}
