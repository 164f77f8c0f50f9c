package sdp

import (
	"slices"
	"strings"
)

// Media lists the sections of an SDP, in order: kind, port, direction, mid ("" if
// it has none), protocol, and rejected, which is true for a port of 0 (unless
// a=bundle-only explains it). The list is empty if sdp is no SDP.
//
// In a rule: any(sdpMedia(call.offer), .kind == "video" && !.rejected)
func Media(sdp string) []any {
	list := []any{}
	d, err := parse(sdp)
	if err != nil {
		return list
	}
	for i := range d.sections {
		s := &d.sections[i]
		list = append(list, map[string]any{
			"kind":      s.kind,
			"port":      s.port,
			"direction": d.directionOf(i),
			"mid":       s.mid,
			"protocol":  s.protocol,
			"rejected":  s.rejected(),
		})
	}
	return list
}

// Hold tells whether an offer asks for hold: every section that is not rejected
// is sendonly or inactive.
//
// In a rule: sdpHold(msg.content.description.sdp)
func Hold(sdp string) bool {
	d, err := parse(sdp)
	if err != nil {
		return false
	}
	held := false
	for i := range d.sections {
		if d.sections[i].rejected() {
			continue
		}
		if dir := d.directionOf(i); dir != "sendonly" && dir != "inactive" {
			return false
		}
		held = true
	}
	return held
}

// Direction gives the direction of the first audio section that is not
// rejected: sendrecv, sendonly, recvonly or inactive; "" if there is none.
//
// In a rule: sdpDirection(msg.content.answer.sdp) == "recvonly"
func Direction(sdp string) string {
	d, err := parse(sdp)
	if err != nil {
		return ""
	}
	i := d.audio()
	if i < 0 {
		return ""
	}
	return d.directionOf(i)
}

// Ufrag gives the ICE user name that holds for the first audio section that is
// not rejected: it changes when the client restarts ICE, and not when it holds
// or resumes. It is "" if there is none.
//
// In a rule: sdpUfrag(msg.content.description.sdp) != call.ufrag
func Ufrag(sdp string) string {
	d, err := parse(sdp)
	if err != nil {
		return ""
	}
	audio := d.audio()
	if audio < 0 {
		return ""
	}
	return d.ufragOf(audio)
}

// AnswerDirection gives the direction that answers an offer which the answerer
// would follow in every wish: recvonly for sendonly, sendonly for recvonly,
// inactive for inactive, else sendrecv.
//
// In a rule: sdpWithDirection(call.answer, sdpAnswerDirection(msg.content.description.sdp))
func AnswerDirection(offer string) string {
	switch dir := Direction(offer); dir {
	case "sendonly":
		return "recvonly"
	case "recvonly":
		return "sendonly"
	case "inactive":
		return dir
	}
	return "sendrecv"
}

// AudioOnly makes of a browser's offer the one for FreeSWITCH, which has no
// video for a browser: the session part and the first audio section that is not
// rejected, with a=group lines that name this section alone. Candidates that a
// bundle keeps in another section are moved along, so fold in the trickled ones
// first. Malformed candidates are left out: mod_verto reads their fields
// unchecked. It fails if there is no such section.
//
// In a rule: sdpAudioOnly(sdpWithCandidates(call.offer, msg.items))
func AudioOnly(sdp string) (string, error) {
	d, err := parse(sdp)
	if err != nil {
		return "", err
	}
	audio := d.audio()
	if audio < 0 {
		return "", errNoAudio
	}
	s := &d.sections[audio]
	if s.port == 0 {
		s.unbundle()
	}
	s.text = dropLines(s.text, malformedCandidate)
	s.take(d, d.transport(audio))
	if len(d.sections) > 1 {
		d.session = keepInGroups(d.session, s.mid)
	}
	return d.session + s.text, nil
}

// unbundle gives a section that had no port of its own the port that stands for
// "see the candidates". mod_verto takes port 0 for a rejection.
func (s *section) unbundle() {
	line, rest := cutLine(s.text)
	end := s.text[len(line) : len(s.text)-len(rest)]
	f := strings.Fields(strings.TrimPrefix(line, "m="))
	f[1] = "9"
	s.text = "m=" + strings.Join(f, " ") + end + dropLines(rest, is("bundle-only"))
}

// take adds the candidates of the other marked sections that s has not got.
func (s *section) take(d *description, from []bool) {
	seen := make(map[candidateKey]bool)
	for c := range s.candidates {
		seen[c.key] = true
	}
	var lines []string
	for i := range d.sections {
		if !from[i] {
			continue
		}
		for c := range d.sections[i].candidates {
			if !seen[c.key] {
				seen[c.key] = true
				lines = append(lines, "a="+c.text)
			}
		}
	}
	if len(lines) > 0 {
		s.text = addLines(s.text, d.eol, lines...)
	}
}

// keepInGroups leaves mid alone in the a=group lines that have it, and leaves
// out the others.
func keepInGroups(session, mid string) string {
	var b strings.Builder
	for rest := session; rest != ""; {
		all := rest
		var line string
		line, rest = cutLine(rest)
		raw := all[:len(all)-len(rest)]
		name, value, _ := attribute(line)
		if name != "group" {
			b.WriteString(raw)
			continue
		}
		if f := strings.Fields(value); len(f) > 1 && mid != "" && slices.Contains(f[1:], mid) {
			b.WriteString("a=group:" + f[0] + " " + mid + raw[len(line):])
		}
	}
	return b.String()
}
