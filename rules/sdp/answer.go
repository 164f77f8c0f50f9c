package sdp

import (
	"fmt"
	"strings"
)

// Answer makes FreeSWITCH's answer fit for the browser that made the offer.
// A browser wants a section for each one that it offered, in the same order;
// it wants its mids back, and the BUNDLE group if it offered one. FreeSWITCH
// writes no mid and no group, and it leaves sections out. So the audio section
// (see [AudioOnly]) is FreeSWITCH's, with its mid; every other one is refused.
// It fails if either SDP is none or has no audio section that is not rejected.
// Applied to its own result it changes nothing.
//
// In a rule: sdpAnswer(call.offer, msg.params.sdp)
func Answer(offer, answer string) (string, error) {
	o, err := parse(offer)
	if err != nil {
		return "", fmt.Errorf("offer: %w", err)
	}
	a, err := parse(answer)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	to, from := o.audio(), a.audio()
	if to < 0 {
		return "", fmt.Errorf("offer: %w", errNoAudio)
	}
	if from < 0 {
		return "", fmt.Errorf("answer: %w", errNoAudio)
	}
	mid := o.sections[to].mid
	var b strings.Builder
	b.WriteString(a.group(mid, o.bundle(mid) != nil))
	for i := range o.sections {
		if i == to {
			b.WriteString(a.named(from, mid))
			continue
		}
		b.WriteString(o.sections[i].refusal(a.eol))
	}
	return b.String(), nil
}

// Offer makes FreeSWITCH's offer fit for a browser: the audio section alone,
// called mid, and bundled, since browsers with bundlePolicy max-bundle refuse an
// offer without a group. It fails if sdp is no SDP or has no audio, or if mid
// is not one word.
//
// In a rule: sdpOffer(msg.params.sdp, "0")
func Offer(sdp, mid string) (string, error) {
	if mid == "" || firstField(mid) != mid {
		return "", fmt.Errorf("mid %q is not one word", mid)
	}
	audio, err := AudioOnly(sdp)
	if err != nil {
		return "", err
	}
	d, err := parse(audio)
	if err != nil {
		return "", err
	}
	return d.group(mid, true) + d.named(0, mid), nil
}

// group gives the session part with a BUNDLE group of just mid, or with none.
func (d *description) group(mid string, bundled bool) string {
	match := func(line string) bool {
		name, value, ok := attribute(line)
		return ok && name == "group" && firstField(value) == "BUNDLE"
	}
	if !bundled {
		return dropLines(d.session, match)
	}
	return setLine(d.session, match, "a=group:BUNDLE "+mid, d.eol)
}

// named gives the text of section i, called mid; of none, if mid is "".
func (d *description) named(i int, mid string) string {
	text := endLine(d.sections[i].text, d.eol)
	if mid == "" {
		return dropLines(text, is("mid"))
	}
	return setLine(text, is("mid"), "a=mid:"+mid, d.eol)
}

// refusal gives the section that refuses s.
func (s *section) refusal(eol string) string {
	lines := []string{
		"m=" + s.kind + " 0 " + s.protocol + " " + s.format,
		"c=IN IP4 0.0.0.0",
	}
	if s.mid != "" {
		lines = append(lines, "a=mid:"+s.mid)
	}
	lines = append(lines, "a=inactive")
	return strings.Join(lines, eol) + eol
}

// endLine gives the last line a line end.
func endLine(text, eol string) string {
	if strings.HasSuffix(text, "\n") {
		return text
	}
	return strings.TrimRight(text, "\r") + eol
}
