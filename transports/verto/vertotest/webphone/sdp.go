package webphone

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"
)

// describe is the phone's present description, with the next version.
func (p *Phone) describe(setup, direction string) string {
	p.version++
	var b strings.Builder
	for line := range strings.Lines(p.local) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "o="):
			line = fmt.Sprintf("o=- %d %d IN IP4 127.0.0.1", p.session, p.version)
		case strings.HasPrefix(line, "a=setup:"):
			line = "a=setup:" + setup
		case slices.Contains(directions, line):
			line = "a=" + direction
		}
		b.WriteString(line + "\r\n")
	}
	return b.String()
}

var directions = []string{"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"}

// video is a section in which a browser offers a camera or a screen, bundled
// with the audio.
func video(sdp, mid string) string {
	return "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n" +
		"a=ice-ufrag:" + attribute(sdp, "ice-ufrag") + "\r\na=ice-pwd:" + attribute(sdp, "ice-pwd") + "\r\n" +
		"a=fingerprint:" + attribute(sdp, "fingerprint") + "\r\na=setup:actpass\r\na=mid:" + mid + "\r\n" +
		"a=sendrecv\r\na=msid:stream" + mid + " video\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n"
}

// plain is what pion gets of a description: its audio, in both directions. The
// rest is the phone's affair.
func plain(t webrtc.SDPType, sdp string) webrtc.SessionDescription {
	audio, _, _ := strings.Cut(sdp, "m=video")
	for _, d := range directions[1:] {
		audio = strings.Replace(audio, "\n"+d+"\r", "\n"+directions[0]+"\r", 1)
	}
	return webrtc.SessionDescription{Type: t, SDP: audio}
}

func sections(sdp string) int { return strings.Count(sdp, "\nm=") }

// attribute is the value of the first a= line of that name, "" if there is none.
func attribute(sdp, name string) string {
	for line := range strings.Lines(sdp) {
		if value, ok := strings.CutPrefix(line, "a="+name+":"); ok {
			return strings.TrimRight(value, "\r\n")
		}
	}
	return ""
}

// Ufrag is the ICE user name of a description.
func Ufrag(sdp string) string { return attribute(sdp, "ice-ufrag") }

// direction is that of the first section.
func direction(sdp string) string {
	for line := range strings.Lines(sdp) {
		if line = strings.TrimRight(line, "\r\n"); slices.Contains(directions, line) {
			return line[len("a="):]
		}
	}
	return "sendrecv"
}

// WithoutCandidates is a description as a client sends it that has not gathered
// any yet.
func WithoutCandidates(sdp string) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		if !strings.HasPrefix(line, "a=candidate:") && !strings.HasPrefix(line, "a=end-of-candidates") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// Candidates are those of a description for RTP, without "a=".
func Candidates(sdp string) []string {
	var list []string
	for line := range strings.Lines(sdp) {
		if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") && len(f) > 1 && f[1] == "1" {
			list = append(list, strings.TrimSpace(line[len("a="):]))
		}
	}
	return list
}
