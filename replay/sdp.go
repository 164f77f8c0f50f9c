package replay

import (
	"fmt"
	"slices"
	"strings"

	"vertigo/engine"
)

// isSDP says whether a text is a session description (RFC 8866, section 5.1).
func isSDP(text string) bool {
	return strings.HasPrefix(text, "v=0\r\n") || strings.HasPrefix(text, "v=0\n")
}

// An sdpLine is a line of an SDP: one that both have, or that only the new or only
// the old one has.
type sdpLine struct{ Class, Sign, Text string }

// An offer is an SDP that a peer sent, whether as an offer or as an answer.
type offer struct{ transport, typ, text string }

// plainSDP shows an SDP as it is.
func plainSDP(text string) pagePart {
	part := pagePart{Text: fmt.Sprintf("SDP, %d lines", len(lines(text)))}
	for _, l := range lines(text) {
		part.SDP = append(part.SDP, sdpLine{"same", " ", l})
	}
	return part
}

// compared shows how an SDP that is sent differs from the last one that the call
// got from anybody but its addressee.
func (b *pageBuilder) compared(call engine.CallID, to, text string) pagePart {
	for _, o := range slices.Backward(b.offers[call]) {
		if o.transport != to && max(len(lines(o.text)), len(lines(text))) <= mostLines {
			b.page.Diffs = true
			return comparedWith(o, text)
		}
	}
	return plainSDP(text)
}

func comparedWith(o offer, text string) pagePart {
	was := lines(o.text)
	part := pagePart{}
	at, added, removed := 0, 0, 0
	same := func(until int) {
		for ; at < until; at++ {
			part.SDP = append(part.SDP, sdpLine{"same", " ", was[at]})
		}
	}
	for _, c := range changes(was, lines(text)) {
		same(c.line - 1)
		for _, l := range c.removed {
			part.SDP = append(part.SDP, sdpLine{"gone", "−", l})
		}
		for _, l := range c.added {
			part.SDP = append(part.SDP, sdpLine{"new", "+", l})
		}
		at += len(c.removed)
		added, removed = added+len(c.added), removed+len(c.removed)
	}
	same(len(was))
	switch added {
	case 1:
		part.Text = fmt.Sprintf("SDP, beside that of %s: 1 line more, %d fewer", o.typ, removed)
	default:
		part.Text = fmt.Sprintf("SDP, beside that of %s: %d lines more, %d fewer", o.typ, added, removed)
	}
	if added+removed == 0 {
		part.Text = fmt.Sprintf("SDP, line for line that of %s", o.typ)
	}
	return part
}
