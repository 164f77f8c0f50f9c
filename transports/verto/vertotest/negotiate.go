package vertotest

import (
	"net/netip"
	"slices"
	"strings"
)

// An agreement is what a client's description and FreeSWITCH's own settings
// come to: what will be spoken, and where the client is.
type agreement struct {
	audio agreed
	video *agreed // nil: none offered; a zero codec: offered, and refused
	peer  remote
}

// agreed is one media section.
type agreed struct {
	proto     string
	codec     codec
	events    *codec // telephone-event, nil where there is none
	direction string // FreeSWITCH's own
	setup     string // FreeSWITCH's own DTLS setup attribute
	mux       bool
	feedback  []string // of video: what is answered of the offered rtcp-fb
}

// secure tells DTLS-SRTP from plain RTP.
func (a agreed) secure() bool { return strings.Contains(a.proto, "SAVP") }

// remote is the client's end of the audio section.
type remote struct {
	ufrag, password string
	fingerprint     string // "sha-256 AB:CD…", as it stands in the SDP
	setup           string
	candidates      []netip.AddrPort
}

// videoFeedback is what FreeSWITCH answers of a client's rtcp-fb lines.
var videoFeedback = []string{"ccm fir", "nack", "nack pli"}

// negotiate finds what a client's SDP has in common with the codecs that this
// server speaks. Any error means that FreeSWITCH would not take the SDP: no
// audio, no common codec, or no usable candidate.
func negotiate(text string, speak []string) (*agreement, error) {
	d, err := parseSDP(text)
	if err != nil {
		return nil, err
	}
	s := d.section("audio")
	if s == nil {
		return nil, errSDP
	}
	a := &agreement{audio: d.agree(s, speak)}
	if a.audio.codec.name == "" {
		return nil, errSDP
	}
	a.audio.events = telephoneEvent(s.codecs(), a.audio.codec.clock)
	if a.audio.secure() {
		a.peer = d.remote(s)
		if len(a.peer.candidates) == 0 || a.peer.fingerprint == "" {
			return nil, errSDP
		}
	}
	if v := d.section("video"); v != nil {
		video := d.agree(v, speak)
		video.feedback = v.feedback(video.codec.payload)
		a.video = &video
	}
	return a, nil
}

func (d *description) agree(s *section, speak []string) agreed {
	a := agreed{proto: s.proto, direction: mirrored[d.direction(s)], setup: "active"}
	if setup, _ := d.attribute(s, "setup"); setup == "active" {
		a.setup = "passive"
	}
	_, a.mux = d.attribute(s, "rtcp-mux")
	for _, c := range s.codecs() {
		if slices.ContainsFunc(speak, c.is) {
			a.codec = c
			break
		}
	}
	return a
}

func (d *description) remote(s *section) remote {
	r := remote{candidates: s.candidates()}
	r.ufrag, _ = d.attribute(s, "ice-ufrag")
	r.password, _ = d.attribute(s, "ice-pwd")
	r.fingerprint, _ = d.attribute(s, "fingerprint")
	r.setup, _ = d.attribute(s, "setup")
	return r
}

// telephoneEvent finds the event payload at the codec's clock rate, else at 8000.
func telephoneEvent(codecs []codec, clock int) *codec {
	for _, rate := range []int{clock, 8000} {
		for _, c := range codecs {
			if c.is("telephone-event") && c.clock == rate {
				return &c
			}
		}
	}
	return nil
}

func (s *section) feedback(payload int) []string {
	var list []string
	for _, fb := range videoFeedback {
		for _, a := range s.attributes {
			if strings.TrimSpace(a) == "rtcp-fb:"+itoa(payload)+" "+fb {
				list = append(list, fb)
				break
			}
		}
	}
	return list
}
