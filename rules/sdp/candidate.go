package sdp

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
)

// A candidate is an ICE candidate as RFC 8839, section 5.1 writes it, without
// the leading a=.
type candidate struct {
	text string
	key  candidateKey
}

// A candidateKey is what makes two candidates of a section the same: the
// address that they stand for, not their foundation, priority or extensions,
// which Chromium writes differently in an event and in an SDP.
type candidateKey struct {
	component, transport, address, port, kind string
}

// WithCandidates folds trickled candidates into an SDP, for a peer that takes
// them in no other way: each becomes an a=candidate line at the end of its
// section. The section is the one that sdpMid names; without sdpMid, or where
// the SDP has no a=mid at all, the one that sdpMLineIndex counts; without both,
// the first. Left out are the empty end marker, what the section has already,
// what is no candidate, and candidates for a section that does not exist. It
// fails if sdp is no SDP.
//
// In a rule: sdpWithCandidates(call.offer, msg.items)
func WithCandidates(sdp string, candidates []any) (string, error) {
	d, err := parse(sdp)
	if err != nil {
		return "", err
	}
	type place struct {
		section int
		key     candidateKey
	}
	seen := make(map[place]bool)
	for i := range d.sections {
		for c := range d.sections[i].candidates {
			seen[place{i, c.key}] = true
		}
	}
	added := make([][]string, len(d.sections))
	for _, item := range candidates {
		t, ok := parseTrickled(item)
		if !ok || t.end {
			continue
		}
		if i, to := d.find(t); i < to {
			if p := (place{i, t.key}); !seen[p] {
				seen[p] = true
				added[i] = append(added[i], "a="+t.text)
			}
		}
	}
	for i, lines := range added {
		if len(lines) > 0 {
			d.sections[i].text = addLines(d.sections[i].text, d.eol, lines...)
		}
	}
	return d.String(), nil
}

// Candidates gives the candidates that an SDP holds, in the shape of
// m.call.candidates: candidate, sdpMid (where the section has one) and
// sdpMLineIndex. The list is empty if there are none or sdp is no SDP.
//
// In a rule: sdpCandidates(msg.content.offer.sdp)
func Candidates(sdp string) []any {
	list := []any{}
	d, err := parse(sdp)
	if err != nil {
		return list
	}
	for i := range d.sections {
		for c := range d.sections[i].candidates {
			item := map[string]any{"candidate": c.text, "sdpMLineIndex": i}
			if mid := d.sections[i].mid; mid != "" {
				item["sdpMid"] = mid
			}
			list = append(list, item)
		}
	}
	return list
}

// candidates yields the well-formed candidates of the section.
func (s *section) candidates(yield func(candidate) bool) {
	for rest := s.text; rest != ""; {
		var line string
		line, rest = cutLine(rest)
		if !strings.HasPrefix(line, "a=candidate:") {
			continue
		}
		if c, ok := parseCandidate(line); ok && !yield(c) {
			return
		}
	}
}

// parseCandidate reads "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host …",
// with or without a= before it. The type must be there: mod_verto reads it
// unchecked. Anything that could end the line early is no candidate.
func parseCandidate(text string) (candidate, bool) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "a=")
	if !strings.HasPrefix(text, "candidate:") {
		return candidate{}, false
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return candidate{}, false
		}
	}
	f := strings.Fields(text)
	if len(f) < 8 || f[0] == "candidate:" || f[6] != "typ" ||
		!isNumber(f[1], 16) || !isNumber(f[3], 32) || !isNumber(f[5], 16) {
		return candidate{}, false
	}
	key := candidateKey{f[1], strings.ToLower(f[2]), strings.ToLower(f[4]), f[5], f[7]}
	return candidate{text, key}, true
}

func malformedCandidate(line string) bool {
	if !is("candidate")(line) {
		return false
	}
	_, ok := parseCandidate(line)
	return !ok
}

func isNumber(text string, bits int) bool {
	_, err := strconv.ParseUint(text, 10, bits)
	return err == nil
}

// usable tells whether FreeSWITCH can begin with the candidate: it takes UDP
// and literal addresses alone, of component 1 since RTCP is multiplexed. A
// link-local IPv6 address means nothing without its zone.
func (c candidate) usable() bool {
	if c.key.transport != "udp" || c.key.component != "1" || c.key.port == "0" {
		return false
	}
	addr, err := netip.ParseAddr(c.key.address)
	if err != nil || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
		return false
	}
	return addr.Is4() || !addr.IsLinkLocalUnicast()
}

// reflexive tells whether the candidate is an address seen from outside.
func (c candidate) reflexive() bool { return c.key.kind == "srflx" || c.key.kind == "relay" }

// trickled is one entry of m.call.candidates.
type trickled struct {
	candidate
	end   bool   // the end marker
	mid   string // "" if it names none
	index int    // -1 if it names none
}

// parseTrickled reads one entry; ok is false for what is neither a candidate
// nor the end marker.
func parseTrickled(item any) (t trickled, ok bool) {
	entry, _ := item.(map[string]any)
	text, ok := entry["candidate"].(string)
	if !ok {
		return t, false
	}
	t.mid, _ = entry["sdpMid"].(string)
	if t.index, ok = lineIndex(entry["sdpMLineIndex"]); !ok {
		return t, false
	}
	if t.end = text == ""; t.end {
		return t, true
	}
	t.candidate, ok = parseCandidate(text)
	return t, ok
}

// lineIndex reads sdpMLineIndex; it gives -1 where there is none.
func lineIndex(v any) (index int, ok bool) {
	switch v := v.(type) {
	case nil:
		return -1, true
	case int:
		return v, v >= 0
	case int64:
		return int(v), v >= 0
	case float64:
		return int(v), v >= 0 && v < 1<<31 && v == float64(int(v))
	case json.Number:
		n, err := strconv.Atoi(v.String())
		return n, err == nil && n >= 0
	}
	return 0, false
}

// find gives the sections that an entry is for, as a range: an empty one where
// the entry names none that exists, all for an end marker that names none.
func (d *description) find(t trickled) (from, to int) {
	switch {
	case len(d.sections) == 0:
		return 0, 0
	case t.mid != "" && len(d.mids) > 0:
		return d.findMid(t)
	case t.index >= len(d.sections):
		return 0, 0
	case t.index >= 0:
		return t.index, t.index + 1
	case t.end:
		return 0, len(d.sections)
	}
	return 0, 1
}

// findMid looks at the index only where two sections claim the same mid.
func (d *description) findMid(t trickled) (from, to int) {
	if t.index >= 0 && t.index < len(d.sections) && d.sections[t.index].mid == t.mid {
		return t.index, t.index + 1
	}
	if i, ok := d.mids[t.mid]; ok {
		return i, i + 1
	}
	return 0, 0
}
