package sdp

import (
	"fmt"
	"slices"
	"strings"
)

// ICEComplete tells whether an offer, with the candidates that trickled in so
// far, can go to FreeSWITCH. Only the section that will go there counts (see
// [AudioOnly]), with the sections whose transport it shares. The end marker,
// or a=end-of-candidates, always completes; apart from that the policy decides:
//
//   - "first", or "": as soon as there is one usable candidate, which is UDP,
//     component 1, with an IPv4 address and not a name. FreeSWITCH finds a better
//     address by the client's own checks. A FreeSWITCH without an IPv6 rtp-ip
//     refuses an offer with IPv6 alone, and a client may well send that first.
//   - "any": the same, and IPv6 will do.
//   - "relay": as soon as a usable candidate is one seen from outside (typ
//     srflx or relay), for a FreeSWITCH that reaches its callers through NAT.
//   - "quiet": never; the buffer's idle time decides.
//
// It fails if sdp is no SDP or the policy is another one. An SDP without audio
// is never complete.
//
// In a rule: iceComplete(call.offer, items, vars.candidatePolicy)
func ICEComplete(sdp string, candidates []any, policy string) (bool, error) {
	switch policy {
	case "", "first", "any", "relay", "quiet":
	default:
		return false, fmt.Errorf(`unknown candidate policy %q: use "first", "any", "relay" or "quiet"`, policy)
	}
	d, err := parse(sdp)
	if err != nil {
		return false, err
	}
	g := d.gather(candidates)
	switch policy {
	case "quiet":
		return g.ended, nil
	case "relay":
		return g.ended || g.reflexive, nil
	case "any":
		return g.ended || g.usable, nil
	}
	return g.ended || g.ipv4, nil
}

// Usable tells whether the section that will go to FreeSWITCH has a candidate
// that FreeSWITCH can begin with, in the SDP or in the list. It refuses an
// offer that has none: INCOMPATIBLE_DESTINATION.
//
// In a rule: sdpUsable(call.offer, msg.items)
func Usable(sdp string, candidates []any) bool {
	d, err := parse(sdp)
	return err == nil && d.gather(candidates).usable
}

// gathered is what is known of the candidates of the audio section.
type gathered struct {
	usable    bool // one that FreeSWITCH can begin with
	ipv4      bool // one of these is an IPv4 address
	reflexive bool // one of these is seen from outside
	ended     bool // no more will come
}

func (g *gathered) add(c candidate) {
	if c.usable() {
		g.usable = true
		g.ipv4 = g.ipv4 || !strings.Contains(c.key.address, ":")
		g.reflexive = g.reflexive || c.reflexive()
	}
}

// gather looks at the candidates of the audio section, in d and in the list.
func (d *description) gather(list []any) (g gathered) {
	audio := d.audio()
	if audio < 0 {
		return g
	}
	counts := d.transport(audio)
	g.ended = d.ended
	for i := range d.sections {
		if !counts[i] {
			continue
		}
		g.ended = g.ended || d.sections[i].ended
		for c := range d.sections[i].candidates {
			g.add(c)
		}
	}
	for _, item := range list {
		t, ok := parseTrickled(item)
		if !ok || t.end && g.ended {
			continue
		}
		from, to := d.find(t)
		switch {
		case !slices.Contains(counts[from:to], true):
		case t.end:
			g.ended = true
		default:
			g.add(t.candidate)
		}
	}
	return g
}

// transport marks section i and the sections that share its ICE transport: those
// bundled with it under the same ufrag. A client that bundles from the start
// gathers for the first section of the bundle alone.
func (d *description) transport(i int) []bool {
	shared := make([]bool, len(d.sections))
	shared[i] = true
	for _, mid := range d.bundle(d.sections[i].mid) {
		if j, ok := d.mids[mid]; ok && d.ufragOf(j) == d.ufragOf(i) {
			shared[j] = true
		}
	}
	return shared
}

// ufragOf gives the ICE ufrag that holds for section i.
func (d *description) ufragOf(i int) string {
	if u := d.sections[i].ufrag; u != "" {
		return u
	}
	return d.ufrag
}
