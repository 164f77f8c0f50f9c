package sdp

import "net/netip"

// WithAddress puts the address of a candidate into each c= line that says
// 0.0.0.0 or ::, as a browser writes it that has not gathered candidates yet.
// FreeSWITCH takes such an answer for hold as RFC 3264, section 8.4 has it, and
// repeats a=sendonly in its later offers. The candidate is the first UDP one of the section
// that is of the line's own family, else the first UDP one; for the session's
// line that of the first section that has one. Without such a candidate the
// line stays. It fails if sdp is no SDP.
//
// In a rule: sdpWithAddress(sdpWithCandidates(call.answer, msg.items))
func WithAddress(sdp string) (string, error) {
	d, err := parse(sdp)
	if err != nil {
		return "", err
	}
	for i := range d.sections {
		s := &d.sections[i]
		if !s.rejected() {
			s.text = withAddress(s.text, s)
			d.session = withAddress(d.session, s)
		}
	}
	return d.String(), nil
}

// withAddress edits the c= lines of text by the candidates of s.
func withAddress(text string, s *section) string {
	text, _ = editLines(text, func(line string) (string, bool) {
		var wanted string
		switch line {
		case "c=IN IP4 0.0.0.0":
			wanted = "IP4"
		case "c=IN IP6 ::":
			wanted = "IP6"
		default:
			return "", false
		}
		found := ""
		for c := range s.candidates {
			family, ok := c.family()
			if !ok || found != "" && family != wanted {
				continue
			}
			found = "c=IN " + family + " " + c.key.address
			if family == wanted {
				break
			}
		}
		return found, found != ""
	})
	return text
}

// family is how c= lines name the candidate's kind of address; ok is false for
// one that is not usable.
func (c candidate) family() (name string, ok bool) {
	if !c.usable() {
		return "", false
	}
	if netip.MustParseAddr(c.key.address).Is4() {
		return "IP4", true
	}
	return "IP6", true
}
