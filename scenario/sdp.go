package scenario

import "strings"

// The SDPs of clients and of FreeSWITCH that stand in messages where a scenario
// has none of its own: as short as the shipped rules can do with.
var (
	clientOffer = sdpOf(
		"v=0", "o=- 5 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
		"m=audio 9 UDP/TLS/RTP/SAVPF 111 110", "c=IN IP4 0.0.0.0",
		"a=ice-ufrag:LmjS", "a=ice-pwd:yJZhvWwNxtT5zKK94s6ydJ9J", "a=setup:actpass",
		"a=mid:0", "a=sendrecv", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2")
	clientBareAnswer = sdpOf(
		"v=0", "o=- 4 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
		"m=audio 43569 UDP/TLS/RTP/SAVPF 102 0", "c=IN IP4 192.0.2.1",
		"a=ice-ufrag:HWby", "a=ice-pwd:h9NtmWGgtK76odLrzi750X0d", "a=setup:active",
		"a=mid:0", "a=sendrecv", "a=rtcp-mux", "a=rtpmap:102 opus/48000/2")
	clientAnswer = clientBareAnswer + "a=" + candidateLine + "\r\n"
	pbxOffer     = sdpOf(
		"v=0", "o=FreeSWITCH 7 8 IN IP4 198.51.100.1", "s=FreeSWITCH", "c=IN IP4 198.51.100.1", "t=0 0",
		"m=audio 41598 UDP/TLS/RTP/SAVPF 102 0", "a=rtpmap:102 opus/48000/2", "a=setup:actpass",
		"a=rtcp-mux", "a=candidate:1 1 udp 659136 198.51.100.1 41598 typ host", "a=end-of-candidates")
	pbxAnswer = sdpOf(
		"v=0", "o=FreeSWITCH 7 8 IN IP4 198.51.100.1", "s=FreeSWITCH", "c=IN IP4 198.51.100.1", "t=0 0",
		"m=audio 40910 UDP/TLS/RTP/SAVPF 111 110", "a=rtpmap:111 opus/48000/2", "a=sendrecv", "a=setup:active",
		"a=rtcp-mux", "a=candidate:1 1 udp 659136 198.51.100.1 40910 typ host", "a=end-of-candidates")
	pbxAttach = sdpOf(
		"v=0", "o=FreeSWITCH 3 4 IN IP4 198.51.100.1", "s=FreeSWITCH", "c=IN IP4 198.51.100.1", "t=0 0",
		"m=audio 40910 UDP/TLS/RTP/SAVPF 111 110", "a=rtpmap:111 opus/48000/2", "a=sendrecv",
		"a=fingerprint:sha-256 A1:B2", "a=setup:actpass", "a=rtcp-mux", "a=ice-ufrag:back",
		"a=candidate:1 1 udp 659136 198.51.100.1 40910 typ host", "a=end-of-candidates")
)

const candidateLine = "candidate:1 1 udp 2122260223 192.0.2.1 48595 typ host"

func sdpOf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// client and pbx are what expressions find under these names.
var client = map[string]any{
	"offer":      clientOffer,
	"holdOffer":  strings.Replace(clientOffer, "a=sendrecv", "a=sendonly", 1),
	"answer":     clientAnswer,
	"bareAnswer": clientBareAnswer,
	"candidate":  map[string]any{"candidate": candidateLine, "sdpMid": "0", "sdpMLineIndex": 0},
}

var pbx = map[string]any{"offer": pbxOffer, "answer": pbxAnswer, "attach": pbxAttach}
