package sdp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const udp = "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host generation 0"

// text joins lines with CRLF.
func text(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// small is an offer of one audio and one video section.
var small = text("v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE a v",
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 0", "c=IN IP4 0.0.0.0", "a=ice-ufrag:u1", "a=ice-pwd:secret1", "a=mid:a", "a=sendrecv",
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=ice-ufrag:u2", "a=ice-pwd:secret2", "a=mid:v", "a=sendonly")

// entry makes an entry of m.call.candidates: text, then mid and index if given.
func entry(candidate string, where ...any) any {
	e := map[string]any{"candidate": candidate}
	for _, w := range where {
		if mid, ok := w.(string); ok {
			e["sdpMid"] = mid
		} else {
			e["sdpMLineIndex"] = w
		}
	}
	return e
}

func chromium(t testing.TB) string {
	return at[string](t, data(t, "joint/q1_out_9196_mid_bundle.ndjson", 7), "content", "offer", "sdp")
}

func video(t testing.TB) string {
	return at[string](t, data(t, "joint/q7_video_9196_refused.ndjson", 7), "content", "offer", "sdp")
}

func same(t *testing.T, got string, err error, want string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// fails expects an error that says the words.
func fails(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("error is %v, want one that says %q", err, words)
	}
}

func TestFaultyTextIsNoSDP(t *testing.T) {
	for _, tt := range []struct{ name, sdp, words string }{
		{"nothing", "", "not an SDP"},
		{"another format", `{"sdp":"v=0"}`, "not an SDP"},
		{"another version", text("v=1", "m=audio 9 RTP/AVP 0"), "not an SDP"},
		{"an m-line without formats", text("v=0", "s=-", "m=audio 9 RTP/AVP"), `SDP line 3: malformed m-line "m=audio 9 RTP/AVP"`},
		{"a port beyond 65535", text("v=0", "m=audio 65536 RTP/AVP 0"), "SDP line 2: malformed m-line"},
		{"a port that is no number", text("v=0", "m=audio -1 RTP/AVP 0"), "SDP line 2: malformed m-line"},
		{"a very long m-line", text("v=0", "m="+strings.Repeat("x", 1<<20)), "…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := WithCandidates(tt.sdp, nil)
			fails(t, err, tt.words)
			_, err = AudioOnly(tt.sdp)
			fails(t, err, tt.words)
			_, err = Answer(tt.sdp, small)
			fails(t, err, "offer: ")
			_, err = Answer(small, tt.sdp)
			fails(t, err, "answer: ")
			_, err = ICEComplete(tt.sdp, nil, "")
			fails(t, err, tt.words)
			_, err = WithDirection(tt.sdp, "sendrecv")
			fails(t, err, tt.words)
			_, err = WithFingerprintAltered(tt.sdp)
			fails(t, err, tt.words)
			_, err = NextVersion(tt.sdp)
			fails(t, err, tt.words)
			_, err = After(small, tt.sdp)
			fails(t, err, "last SDP: ")
			if Usable(tt.sdp, []any{entry(udp)}) || Hold(tt.sdp) || Direction(tt.sdp) != "" ||
				len(Media(tt.sdp)) > 0 || len(Candidates(tt.sdp)) > 0 {
				t.Error("something was found in it")
			}
		})
	}
}

func TestWithCandidates(t *testing.T) {
	cut := strings.Index(small, "m=video")
	audio := func(lines ...string) string { return small[:cut] + text(lines...) + small[cut:] }
	video := func(lines ...string) string { return small + text(lines...) }
	for _, tt := range []struct {
		name string
		list []any
		want string
	}{
		{"the mid names the section", []any{entry(udp, "v", 0)}, video("a=" + udp)},
		{"the index counts where no mid is given", []any{entry(udp, 1)}, video("a=" + udp)},
		{"the index as JSON decodes it", []any{entry(udp, 1.0)}, video("a=" + udp)},
		{"the index as a JSON number", []any{entry(udp, json.Number("1"))}, video("a=" + udp)},
		{"an empty mid is none", []any{entry(udp, "", 1)}, video("a=" + udp)},
		{"the first section, where neither is given", []any{entry(udp)}, audio("a=" + udp)},
		{"order is kept, across events", []any{entry(udp), entry("candidate:2 1 udp 1 2001:db8::1 6000 typ relay raddr 192.0.2.1 rport 5000")},
			audio("a="+udp, "a=candidate:2 1 udp 1 2001:db8::1 6000 typ relay raddr 192.0.2.1 rport 5000")},
		{"a prefix a= is not doubled", []any{entry("a=" + udp)}, audio("a=" + udp)},
		{"twice the same address is once", []any{entry(udp), entry("candidate:7 1 UDP 5 192.0.2.1 5000 typ host ufrag x")}, audio("a=" + udp)},
		{"the same address in two sections is two", []any{entry(udp, "v")}, video("a=" + udp)},
		{"the end marker is left out", []any{entry(""), entry("", "a", 0)}, small},
		{"an unknown mid is left out", []any{entry(udp, "x"), entry(udp, "x", 0)}, small},
		{"an unknown index is left out", []any{entry(udp, 2), entry(udp, -1), entry(udp, 0.5), entry(udp, 1e300)}, small},
		{"an index that is no number is left out", []any{entry(udp, true), entry(udp, json.Number("x"))}, small},
		{"what is no candidate is left out", []any{nil, "x", 1, map[string]any{}, map[string]any{"candidate": 1},
			entry("candidate:1 1 udp 1 192.0.2.1 5000"), entry("candidate: 1 udp 1 192.0.2.1 5000 typ host"),
			entry("candidate:1 x udp 1 192.0.2.1 5000 typ host"), entry("candidate:1 1 udp 1 192.0.2.1 70000 typ host"),
			entry("x:1 1 udp 1 192.0.2.1 5000 typ host")}, small},
		{"a candidate cannot bring other lines", []any{entry(udp + "\r\na=inactive"), entry(udp + "\na=inactive"), entry(udp + "\ra=inactive")}, small},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := WithCandidates(small, tt.list)
			same(t, got, err, tt.want)
		})
	}
}

func TestWithCandidatesKeepsLineEnds(t *testing.T) {
	for _, tt := range []struct{ name, sdp, want string }{
		{"LF", "v=0\nm=audio 9 RTP/AVP 0\n", "v=0\nm=audio 9 RTP/AVP 0\na=" + udp + "\n"},
		{"none at the end", "v=0\r\nm=audio 9 RTP/AVP 0", "v=0\r\nm=audio 9 RTP/AVP 0\r\na=" + udp + "\r\n"},
		{"an empty line at the end", "v=0\r\nm=audio 9 RTP/AVP 0\r\n\r\n", "v=0\r\nm=audio 9 RTP/AVP 0\r\na=" + udp + "\r\n\r\n"},
		{"no section", "v=0\r\ns=-\r\n", "v=0\r\ns=-\r\n"},
		{"no mids: the index counts", "v=0\r\nm=audio 9 RTP/AVP 0\r\n", "v=0\r\nm=audio 9 RTP/AVP 0\r\na=" + udp + "\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := WithCandidates(tt.sdp, []any{entry(udp, "0", 0)})
			same(t, got, err, tt.want)
		})
	}
}

func TestCandidates(t *testing.T) {
	sdp, err := WithCandidates(small, []any{entry(udp, "v"), entry(udp, "a")})
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		map[string]any{"candidate": udp, "sdpMid": "a", "sdpMLineIndex": 0},
		map[string]any{"candidate": udp, "sdpMid": "v", "sdpMLineIndex": 1},
	}
	if diff := cmp.Diff(want, Candidates(sdp)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want = []any{map[string]any{"candidate": udp, "sdpMLineIndex": 0}}
	if diff := cmp.Diff(want, Candidates("v=0\nm=audio 9 RTP/AVP 0\na="+udp+"\na=candidate:broken\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestICEComplete(t *testing.T) {
	const (
		v6    = "candidate:1 1 udp 1 2001:db8::1 5000 typ host"
		local = "candidate:1 1 udp 1 6b1d2c1e.local 5000 typ host"
		srflx = "candidate:1 1 UDP 1 198.51.100.1 5000 typ srflx raddr 0.0.0.0 rport 0"
	)
	bundled := strings.ReplaceAll(small, "u2", "u1")
	type wanted struct{ first, any, relay, quiet, usable bool }
	for _, tt := range []struct {
		name string
		sdp  string
		list []any
		want wanted
	}{
		{"no candidate", small, nil, wanted{}},
		{"a host candidate", small, []any{entry(udp, "a")}, wanted{first: true, any: true, usable: true}},
		{"an IPv6 host candidate", small, []any{entry(v6, 0)}, wanted{any: true, usable: true}},
		{"an IPv6 and an IPv4 host candidate", small, []any{entry(v6, 0), entry(udp, "a")}, wanted{first: true, any: true, usable: true}},
		{"one in the SDP", strings.Replace(small, "a=sendrecv", "a="+udp, 1), nil, wanted{first: true, any: true, usable: true}},
		{"one seen from outside", small, []any{entry(srflx)}, wanted{first: true, any: true, relay: true, usable: true}},
		{"one that relays", small, []any{entry(strings.Replace(srflx, "srflx", "relay", 1))}, wanted{first: true, any: true, relay: true, usable: true}},
		{"one for video", small, []any{entry(udp, "v")}, wanted{}},
		{"one for the transport that audio shares with video", bundled, []any{entry(udp, "v")}, wanted{first: true, any: true, usable: true}},
		{"a name", small, []any{entry(local)}, wanted{}},
		{"TCP", small, []any{entry("candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active")}, wanted{}},
		{"RTCP", small, []any{entry("candidate:1 2 udp 1 192.0.2.1 5000 typ host")}, wanted{}},
		{"no port", small, []any{entry("candidate:1 1 udp 1 192.0.2.1 0 typ host")}, wanted{}},
		{"no address", small, []any{entry("candidate:1 1 udp 1 0.0.0.0 5000 typ host")}, wanted{}},
		{"a link-local IPv6 address", small, []any{entry("candidate:1 1 udp 1 fe80::1 5000 typ host")}, wanted{}},
		{"an address with a zone", small, []any{entry("candidate:1 1 udp 1 2001:db8::1%eth0 5000 typ host")}, wanted{}},
		{"a multicast address", small, []any{entry("candidate:1 1 udp 1 224.0.0.1 5000 typ host")}, wanted{}},
		{"no type", small, []any{entry("candidate:1 1 udp 1 192.0.2.1 5000")}, wanted{}},
		{"the end marker", small, []any{entry(local), entry("")}, wanted{first: true, any: true, relay: true, quiet: true}},
		{"the end marker for audio", small, []any{entry("", "a", 0)}, wanted{first: true, any: true, relay: true, quiet: true}},
		{"the end marker for video", small, []any{entry("", "v", 1)}, wanted{}},
		{"the end marker for an unknown section", small, []any{entry("", "x"), entry("", 7)}, wanted{}},
		{"the end in the SDP, for audio", strings.Replace(small, "a=sendrecv", "a=end-of-candidates", 1), nil, wanted{first: true, any: true, relay: true, quiet: true}},
		{"the end in the SDP, for all", strings.Replace(small, "m=audio", "a=end-of-candidates\r\nm=audio", 1), nil, wanted{first: true, any: true, relay: true, quiet: true}},
		{"the end in the SDP, for video", small + "a=end-of-candidates\r\n", nil, wanted{}},
		{"no audio", strings.Replace(small, "m=audio 9", "m=audio 0", 1), []any{entry(udp), entry("")}, wanted{}},
		{"the first audio section that is not rejected counts", text("v=0", "m=audio 0 RTP/AVP 0", "a=mid:x", "m=audio 9 RTP/AVP 0", "a=mid:y"),
			[]any{entry(udp, "y")}, wanted{first: true, any: true, usable: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got wanted
			for policy, to := range map[string]*bool{"first": &got.first, "": &got.first, "any": &got.any, "relay": &got.relay, "quiet": &got.quiet} {
				var err error
				if *to, err = ICEComplete(tt.sdp, tt.list, policy); err != nil {
					t.Fatal(err)
				}
			}
			got.usable = Usable(tt.sdp, tt.list)
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	_, err := ICEComplete(small, nil, "first usable")
	fails(t, err, `unknown candidate policy "first usable": use "first", "any", "relay" or "quiet"`)
}

func TestMedia(t *testing.T) {
	sdp := text("v=0", "s=-", "a=inactive", "m=audio 5000/2 RTP/AVP 0", "a=sendonly", "m=audio 0 RTP/AVP 0", "a=mid:b", "a=bundle-only",
		"m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "a=mid: c ")
	want := []any{
		map[string]any{"kind": "audio", "port": 5000, "direction": "sendonly", "mid": "", "protocol": "RTP/AVP", "rejected": false},
		map[string]any{"kind": "audio", "port": 0, "direction": "inactive", "mid": "b", "protocol": "RTP/AVP", "rejected": false},
		map[string]any{"kind": "application", "port": 0, "direction": "inactive", "mid": "c", "protocol": "UDP/DTLS/SCTP", "rejected": true},
	}
	if diff := cmp.Diff(want, Media(sdp)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDirectionAndHold(t *testing.T) {
	for _, tt := range []struct {
		name              string
		sdp               string
		direction, answer string
		hold              bool
	}{
		{"none is sendrecv", text("v=0", "m=audio 9 RTP/AVP 0"), "sendrecv", "sendrecv", false},
		{"the section's", text("v=0", "a=inactive", "m=audio 9 RTP/AVP 0", "a=sendrecv"), "sendrecv", "sendrecv", false},
		{"the session's", text("v=0", "a=sendonly", "m=audio 9 RTP/AVP 0"), "sendonly", "recvonly", true},
		{"inactive", text("v=0", "m=audio 9 RTP/AVP 0", "a=inactive"), "inactive", "inactive", true},
		{"recvonly", text("v=0", "m=audio 9 RTP/AVP 0", "a=recvonly"), "recvonly", "sendonly", false},
		{"video still flows", text("v=0", "m=audio 9 RTP/AVP 0", "a=sendonly", "m=video 9 RTP/AVP 96"), "sendonly", "recvonly", false},
		{"video is refused", text("v=0", "m=audio 9 RTP/AVP 0", "a=sendonly", "m=video 0 RTP/AVP 96"), "sendonly", "recvonly", true},
		{"no section", text("v=0"), "", "sendrecv", false},
		{"all refused", text("v=0", "m=audio 0 RTP/AVP 0", "a=inactive"), "", "sendrecv", false},
		{"Chromium's hold", at[string](t, data(t, "joint/q5_hold_verto_modify.ndjson", 18), "content", "description", "sdp"), "sendonly", "recvonly", true},
		{"Chromium's resume", at[string](t, data(t, "joint/q5_hold_verto_modify.ndjson", 24), "content", "description", "sdp"), "sendrecv", "sendrecv", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Direction(tt.sdp); got != tt.direction {
				t.Errorf("direction %q, want %q", got, tt.direction)
			}
			if got := AnswerDirection(tt.sdp); got != tt.answer {
				t.Errorf("answered by %q, want %q", got, tt.answer)
			}
			if got := Hold(tt.sdp); got != tt.hold {
				t.Errorf("hold is %v, want %v", got, tt.hold)
			}
		})
	}
}

func TestAudioOnly(t *testing.T) {
	for _, tt := range []struct{ name, sdp, want string }{
		{
			"audio alone is left as it is",
			text("v=0", "a=group:BUNDLE 0", "a=group:LS 0", "m=audio 9 RTP/AVP 0", "a=mid:0"),
			text("v=0", "a=group:BUNDLE 0", "a=group:LS 0", "m=audio 9 RTP/AVP 0", "a=mid:0"),
		}, {
			"groups shrink, and go where audio is in none",
			text("v=0", "a=group:BUNDLE 1 0", "a=group:LS 1 2", "m=video 9 RTP/AVP 96", "a=mid:1", "m=audio 9 RTP/AVP 0", "a=mid:0"),
			text("v=0", "a=group:BUNDLE 0", "m=audio 9 RTP/AVP 0", "a=mid:0"),
		}, {
			"a rejected audio section is passed over",
			text("v=0", "m=audio 0 RTP/AVP 0", "a=mid:0", "m=audio 9 RTP/AVP 8", "a=mid:1"),
			text("v=0", "m=audio 9 RTP/AVP 8", "a=mid:1"),
		}, {
			"audio bundled with video before it gets its port and candidates",
			text("v=0", "a=group:BUNDLE 0 1", "m=video 9 RTP/AVP 96", "a=mid:0", "a=ice-ufrag:u", "a="+udp,
				"m=audio 0 RTP/AVP 0 8", "a=mid:1", "a=ice-ufrag:u", "a=bundle-only", "a=sendrecv"),
			text("v=0", "a=group:BUNDLE 1", "m=audio 9 RTP/AVP 0 8", "a=mid:1", "a=ice-ufrag:u", "a=sendrecv", "a="+udp),
		}, {
			"malformed candidates are left out, odd ones stay",
			text("v=0", "m=audio 9 RTP/AVP 0", "a=candidate:1 1 udp 1 192.0.2.1 5000", "a=candidate", "a="+udp, "a=candidate:1 1 tcp 1 x.local 9 typ host tcptype active"),
			text("v=0", "m=audio 9 RTP/AVP 0", "a="+udp, "a=candidate:1 1 tcp 1 x.local 9 typ host tcptype active"),
		}, {
			"candidates of another transport stay away",
			text("v=0", "a=group:BUNDLE 0 1", "m=video 9 RTP/AVP 96", "a=mid:0", "a=ice-ufrag:u", "a="+udp, "m=audio 9 RTP/AVP 0", "a=mid:1", "a=ice-ufrag:w"),
			text("v=0", "a=group:BUNDLE 1", "m=audio 9 RTP/AVP 0", "a=mid:1", "a=ice-ufrag:w"),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AudioOnly(tt.sdp)
			same(t, got, err, tt.want)
		})
	}
	_, err := AudioOnly(text("v=0", "m=video 9 RTP/AVP 96", "m=audio 0 RTP/AVP 0"))
	fails(t, err, "SDP has no audio section that is not rejected")
}

func TestAnswer(t *testing.T) {
	freeswitch := text("v=0", "o=FreeSWITCH 1 2 IN IP4 127.0.0.1", "m=audio 4000 UDP/TLS/RTP/SAVPF 111", "a=setup:active")
	for _, tt := range []struct{ name, offer, answer, want string }{
		{
			"no group is answered by none",
			text("v=0", "m=audio 9 RTP/AVP 0", "a=mid:x"), freeswitch + "",
			text("v=0", "o=FreeSWITCH 1 2 IN IP4 127.0.0.1", "m=audio 4000 UDP/TLS/RTP/SAVPF 111", "a=setup:active", "a=mid:x"),
		}, {
			"a group without audio is answered by none",
			text("v=0", "a=group:BUNDLE v", "m=audio 9 RTP/AVP 0", "a=mid:x", "m=video 9 RTP/AVP 96", "a=mid:v"), freeswitch,
			text("v=0", "o=FreeSWITCH 1 2 IN IP4 127.0.0.1", "m=audio 4000 UDP/TLS/RTP/SAVPF 111", "a=setup:active", "a=mid:x",
				"m=video 0 RTP/AVP 96", "c=IN IP4 0.0.0.0", "a=mid:v", "a=inactive"),
		}, {
			"no mid is answered by none",
			text("v=0", "m=audio 9 RTP/AVP 0"), freeswitch + text("a=mid:7"), freeswitch,
		}, {
			"the order is the offer's, and a second audio section is refused",
			text("v=0", "a=group:BUNDLE d a b", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:d", "m=audio 9 RTP/AVP 0", "a=mid:a", "m=audio 9 RTP/AVP 8", "a=mid:b"),
			freeswitch,
			text("v=0", "o=FreeSWITCH 1 2 IN IP4 127.0.0.1", "a=group:BUNDLE a",
				"m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:d", "a=inactive",
				"m=audio 4000 UDP/TLS/RTP/SAVPF 111", "a=setup:active", "a=mid:a",
				"m=audio 0 RTP/AVP 8", "c=IN IP4 0.0.0.0", "a=mid:b", "a=inactive"),
		}, {
			"FreeSWITCH's own video is left out",
			text("v=0", "m=audio 9 RTP/AVP 0"), freeswitch + text("m=video 4002 RTP/AVP 96"), freeswitch,
		}, {
			"other groups and mids of the answer give way",
			small, text("v=0", "a=group:BUNDLE x y", "a=group:BUNDLE z", "m=audio 4000 RTP/AVP 0", "a=mid:x", "a=mid:y"),
			text("v=0", "a=group:BUNDLE a", "m=audio 4000 RTP/AVP 0", "a=mid:a",
				"m=video 0 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:v", "a=inactive"),
		}, {
			"line ends are the answer's",
			text("v=0", "a=group:BUNDLE x", "m=audio 9 RTP/AVP 0", "a=mid:x", "m=text 9 RTP/AVP 98"), "v=0\nm=audio 4000 RTP/AVP 0",
			"v=0\na=group:BUNDLE x\nm=audio 4000 RTP/AVP 0\na=mid:x\nm=text 0 RTP/AVP 98\nc=IN IP4 0.0.0.0\na=inactive\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Answer(tt.offer, tt.answer)
			same(t, got, err, tt.want)
		})
	}
	_, err := Answer(text("v=0", "m=video 9 RTP/AVP 96"), freeswitch)
	fails(t, err, "offer: SDP has no audio section")
	_, err = Answer(small, text("v=0", "m=audio 0 RTP/AVP 0"))
	fails(t, err, "answer: SDP has no audio section")
}

func TestOffer(t *testing.T) {
	for _, mid := range []string{"", "0 1", "0\r\na=inactive", " "} {
		_, err := Offer(small, mid)
		fails(t, err, "is not one word")
	}
	_, err := Offer(text("v=0", "m=video 9 RTP/AVP 96"), "0")
	fails(t, err, "SDP has no audio section")
}

func TestRenegotiation(t *testing.T) {
	sdp := text("v=0", "o=FreeSWITCH 17 99 IN IP4 127.0.0.1", "a=sendrecv", "m=audio 9 RTP/AVP 0", "a=setup:actpass", "a=inactive", "a=sendonly", "a=mid:0",
		"m=video 0 RTP/AVP 96", "a=inactive", "m=text 9 RTP/AVP 98")

	got, err := WithDirection(sdp, "recvonly")
	same(t, got, err, text("v=0", "o=FreeSWITCH 17 99 IN IP4 127.0.0.1", "a=sendrecv", "m=audio 9 RTP/AVP 0", "a=setup:actpass", "a=recvonly", "a=mid:0",
		"m=video 0 RTP/AVP 96", "a=inactive", "m=text 9 RTP/AVP 98", "a=recvonly"))
	_, err = WithDirection(sdp, "held")
	fails(t, err, `unknown direction "held": use sendrecv, sendonly, recvonly, inactive`)

	got, err = WithSetup(sdp, "passive")
	same(t, got, err, strings.Replace(sdp, "actpass", "passive", 1)+text("a=setup:passive"))
	_, err = WithSetup(sdp, "server")
	fails(t, err, `unknown DTLS role "server": use active, passive, actpass or holdconn`)

	got, err = NextVersion(sdp)
	same(t, got, err, strings.Replace(sdp, " 99 ", " 100 ", 1))
	got, err = After(strings.Replace(sdp, "17 99", "18 1", 1), sdp)
	same(t, got, err, strings.Replace(sdp, " 99 ", " 100 ", 1))
	for _, tt := range []struct{ origin, words string }{
		{"o=- 1 x IN IP4 127.0.0.1", `version "x" in the o= line is no number that can be raised`},
		{"o=- 1 -1 IN IP4 127.0.0.1", "no number that can be raised"},
		{"o=- 1 9223372036854775808 IN IP4 127.0.0.1", "no number that can be raised"},
		{"o=- 1 1 IN IP4", `malformed origin "o=- 1 1 IN IP4"`},
		{"s=-", "SDP has no o= line"},
	} {
		_, err = NextVersion(text("v=0", tt.origin))
		fails(t, err, tt.words)
	}
	_, err = After(text("v=0"), sdp)
	fails(t, err, "SDP has no o= line")
}

func TestWithFingerprintAltered(t *testing.T) {
	for _, tt := range []struct{ sdp, want string }{
		{text("v=0", "a=fingerprint:sha-256 95:2A", "m=audio 9 RTP/AVP 0", "a=fingerprint:sha-1 00:2A ", "a=fingerprint:sha-1 "),
			text("v=0", "a=fingerprint:sha-256 00:2A", "m=audio 9 RTP/AVP 0", "a=fingerprint:sha-1 FF:2A ", "a=fingerprint:sha-1 ")},
		{text("v=0", "a=fingerprint:sha-256 redacted"), text("v=0", "a=fingerprint:sha-256 00dacted")},
	} {
		got, err := WithFingerprintAltered(tt.sdp)
		same(t, got, err, tt.want)
	}
	for _, line := range []string{"a=fingerprint:sha-256", "a=fingerprint:sha-256 9", "a=fingerprint:sha-256 \u00e9\u00e9", "a=setup:active"} {
		_, err := WithFingerprintAltered(text("v=0", line))
		fails(t, err, "SDP has no fingerprint to alter")
	}
}

func TestRedact(t *testing.T) {
	const fp = "a=fingerprint:sha-256 "
	for _, tt := range []struct{ name, text, want string }{
		{"nothing to hide", "a=mid:0\r\na=ice-ufrag:abc\r\n", "a=mid:0\r\na=ice-ufrag:abc\r\n"},
		{"an ICE password", "a=ice-pwd:ab+/c\r\na=mid:0", "a=ice-pwd:redacted\r\na=mid:0"},
		{"a fingerprint", fp + "AB:CD\na=mid:0", fp + "redacted\na=mid:0"},
		{"an SDES key", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20|1:4 KDR=1\r\na=mid:0", "a=crypto:1 redacted\r\na=mid:0"},
		{"within JSON", `{"sdp":"a=ice-pwd:ab\r\n` + fp + `AB:CD\r\na=crypto:1 X inline:k"}`, `{"sdp":"a=ice-pwd:redacted\r\n` + fp + `redacted\r\na=crypto:1 redacted"}`},
		{"within JSON, last", `{"sdp":"a=ice-pwd:ab"}`, `{"sdp":"a=ice-pwd:redacted"}`},
		{"within JSON that escapes much", `"a=ice-pwd:ab\/c\u002bd\u000d\u000aa=mid:0"`, `"a=ice-pwd:redacted\u000d\u000aa=mid:0"`},
		{"within JSON within JSON", `"{\"sdp\":\"a=ice-pwd:ab\\/c\\r\\na=mid:0\"}"`, `"{\"sdp\":\"a=ice-pwd:redacted\\r\\na=mid:0\"}"`},
		{"before an escaped quotation mark", `"a=ice-pwd:ab\"c"`, `"a=ice-pwd:redacted\"c"`},
		{"an attribute without a value", "a=ice-pwd:\r\n" + fp + "\r\na=crypto:1\r\n", "a=ice-pwd:\r\n" + fp + "\r\na=crypto:1\r\n"},
		{"one in another", "a=ice-pwd:a=ice-pwd:ab", "a=ice-pwd:redacted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Redact(tt.text); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			lawsOfRedact(t, tt.text)
		})
	}
}

func TestUfrag(t *testing.T) {
	for sdp, want := range map[string]string{
		small: "u1",
		strings.Replace(small, "m=audio 9", "m=audio 0", 1):               "",
		"v=0\r\na=ice-ufrag:session\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n": "session",
		"v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n":                        "",
		"no SDP": "",
	} {
		if got := Ufrag(sdp); got != want {
			t.Errorf("%q, want %q of\n%s", got, want, sdp)
		}
	}
}
