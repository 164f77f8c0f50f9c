package sdp

import (
	"fmt"
	"strconv"
	"strings"
)

// eventPayload is the payload type that browsers give to telephone-event at the
// clock rate of opus, and so the one that they are offered where it is free.
const eventPayload = 110

// A format is one payload type of a section.
type format struct {
	payload string
	codec   string // as it is spelt: "opus"; "" if no line says it
	clock   string // "48000"
}

// TelephoneEvent tells whether the first audio section that is not rejected has
// telephone-event (RFC 4733): whether keys that are pressed go along in the
// sound. It is false if sdp is no SDP.
//
// In a rule: sdpTelephoneEvent(msg.content.answer.sdp)
func TelephoneEvent(sdp string) bool {
	d, err := parse(sdp)
	if err != nil {
		return false
	}
	i := d.audio()
	return i >= 0 && hasEvent(d.sections[i].formats())
}

// WithTelephoneEvent adds telephone-event to the first audio section that is not
// rejected, so that a browser which is called offers its keypad: mod_verto never
// does in offers of its own. It has one clock rate, that of the section's first
// codec: with a second one browsers take 8000, and FreeSWITCH drops what they
// send. An SDP that has the format already, or no payload type left for it, is
// given back as it is. It fails if sdp is no SDP, or has no audio.
//
// In a rule: sdpOffer(sdpWithTelephoneEvent(msg.params.sdp), "0")
func WithTelephoneEvent(sdp string) (string, error) {
	d, err := parse(sdp)
	if err != nil {
		return "", err
	}
	i := d.audio()
	if i < 0 {
		return "", errNoAudio
	}
	s := &d.sections[i]
	formats := s.formats()
	payload, clock := d.freePayload(), clockOf(formats)
	if hasEvent(formats) || payload == "" || clock == "" {
		return sdp, nil
	}
	line, rest := cutLine(s.text)
	end := s.text[len(line) : len(s.text)-len(rest)]
	s.text = addLines(strings.TrimRight(line, " ")+" "+payload+end+rest, d.eol, fmt.Sprintf("a=rtpmap:%s telephone-event/%s", payload, clock))
	return d.String(), nil
}

// formats lists the payload types of the section, in its order. Without a=rtpmap
// they are those of RFC 3551, table 4, that are spoken at 8000 Hz.
func (s *section) formats() []format {
	payloads, rest := s.payloads()
	maps := make(map[string]string, len(payloads))
	for rest != "" {
		var line string
		line, rest = cutLine(rest)
		if name, value, ok := attribute(line); ok && name == "rtpmap" {
			payload, codec, _ := strings.Cut(strings.TrimSpace(value), " ")
			maps[payload] = strings.TrimSpace(codec)
		}
	}
	list := make([]format, 0, len(payloads))
	for _, payload := range payloads {
		f := format{payload: payload}
		switch codec, ok := maps[payload]; {
		case ok:
			parts := strings.Split(codec, "/")
			f.codec = parts[0]
			if len(parts) > 1 {
				f.clock = parts[1]
			}
		case isStatic8000(payload):
			f.codec, f.clock = "static", "8000"
		}
		list = append(list, f)
	}
	return list
}

// payloads are what the m-line lists; rest is what follows it.
func (s *section) payloads() (list []string, rest string) {
	line, rest := cutLine(s.text)
	return strings.Fields(strings.TrimPrefix(line, "m="))[3:], rest
}

// isStatic8000 knows PCMU, GSM, G723, DVI4, LPC, PCMA, G722, QCELP, G728 and G729.
func isStatic8000(payload string) bool {
	switch payload {
	case "0", "3", "4", "5", "7", "8", "9", "12", "15", "18":
		return true
	}
	return false
}

func (f format) is(codec string) bool { return strings.EqualFold(f.codec, codec) }

func hasEvent(formats []format) bool {
	for _, f := range formats {
		if f.is("telephone-event") {
			return true
		}
	}
	return false
}

// clockOf is the clock rate of the first codec for speech: "" if none is known.
func clockOf(formats []format) string {
	for _, f := range formats {
		if rate, err := strconv.ParseUint(f.clock, 10, 32); err == nil && rate > 0 && !f.is("CN") && !f.is("red") {
			return f.clock
		}
	}
	return ""
}

// freePayload is a dynamic payload type that no section uses, since those of a
// bundle are one (RFC 9143, section 9.1): "" if all are taken.
func (d *description) freePayload() string {
	taken := make(map[string]bool)
	for i := range d.sections {
		payloads, _ := d.sections[i].payloads()
		for _, payload := range payloads {
			taken[payload] = true
		}
	}
	if free := strconv.Itoa(eventPayload); !taken[free] {
		return free
	}
	for n := 127; n >= 96; n-- {
		if free := strconv.Itoa(n); !taken[free] {
			return free
		}
	}
	return ""
}
