package sdp

import (
	"fmt"
	"strings"
	"testing"
)

func TestTelephoneEventAsInTheCapture(t *testing.T) {
	const name = "joint/q6_in_dtmf_te_added_then_updatemedia.ndjson"
	offer := at[string](t, data(t, name, 5), "params", "sdp")
	got, err := WithTelephoneEvent(offer)
	if err != nil {
		t.Fatal(err)
	}
	got, err = Offer(got, "0")
	same(t, got, err, at[string](t, data(t, name, 15), "content", "offer", "sdp"))

	answer := at[string](t, data(t, name, 17), "content", "answer", "sdp")
	if TelephoneEvent(offer) || !TelephoneEvent(got) || !TelephoneEvent(answer) {
		t.Error("who has telephone-event is not seen")
	}
	update := at[string](t, data(t, name, 22), "params", "sdp")
	got, err = WithSetup(answer, "actpass")
	same(t, got, err, update)
}

func TestWithTelephoneEvent(t *testing.T) {
	audio := func(formats string, lines ...string) string {
		return text(append([]string{"v=0", "m=audio 9 UDP/TLS/RTP/SAVPF " + formats}, lines...)...)
	}
	var all []string
	for n := 96; n < 128; n++ {
		all = append(all, fmt.Sprint(n))
	}
	full := audio("0 " + strings.Join(all, " "))
	for _, c := range []struct{ name, sdp, want string }{
		{
			"the clock rate is the first codec's", audio("0 102", "a=rtpmap:102 opus/48000/2"),
			audio("0 102 110", "a=rtpmap:102 opus/48000/2", "a=rtpmap:110 telephone-event/8000"),
		}, {
			"comfort noise and redundancy are no codecs", audio("13 63 111", "a=rtpmap:13 CN/8000", "a=rtpmap:63 red/8000/2", "a=rtpmap:111 opus/48000/2"),
			audio("13 63 111 110", "a=rtpmap:13 CN/8000", "a=rtpmap:63 red/8000/2", "a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/48000"),
		}, {
			"comfort noise without a map is none either", audio("13 111", "a=rtpmap:111 opus/48000/2"),
			audio("13 111 110", "a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/48000"),
		}, {
			"110 is taken", audio("110", "a=rtpmap:110 opus/48000/2"),
			audio("110 127", "a=rtpmap:110 opus/48000/2", "a=rtpmap:127 telephone-event/48000"),
		}, {
			"110 is taken by the video that it may be bundled with",
			text("v=0", "m=video 9 UDP/TLS/RTP/SAVPF 110 127", "m=audio 9 UDP/TLS/RTP/SAVPF 0"),
			text("v=0", "m=video 9 UDP/TLS/RTP/SAVPF 110 127", "m=audio 9 UDP/TLS/RTP/SAVPF 0 126", "a=rtpmap:126 telephone-event/8000"),
		}, {
			"a rejected section gets none",
			text("v=0", "m=audio 0 RTP/AVP 0", "m=audio 9 RTP/AVP 8"),
			text("v=0", "m=audio 0 RTP/AVP 0", "m=audio 9 RTP/AVP 8 110", "a=rtpmap:110 telephone-event/8000"),
		}, {
			"one that has it is left alone, whatever its rate and spelling",
			audio("111 101", "a=rtpmap:111 opus/48000/2", "a=rtpmap:101 Telephone-Event/8000"),
			audio("111 101", "a=rtpmap:111 opus/48000/2", "a=rtpmap:101 Telephone-Event/8000"),
		}, {
			"the map of a payload type that is not in use says nothing", audio("0", "a=rtpmap:101 telephone-event/8000"),
			audio("0 110", "a=rtpmap:101 telephone-event/8000", "a=rtpmap:110 telephone-event/8000"),
		}, {"no payload type is left", full, full},
		{"no codec is known", audio("111"), audio("111")},
		{"a clock rate that is none", audio("111", "a=rtpmap:111 opus/x"), audio("111", "a=rtpmap:111 opus/x")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := WithTelephoneEvent(c.sdp)
			same(t, got, err, c.want)
			again, err := WithTelephoneEvent(got)
			same(t, again, err, got)
		})
	}
	_, err := WithTelephoneEvent("hello")
	fails(t, err, "not an SDP")
	_, err = WithTelephoneEvent(text("v=0", "m=audio 0 RTP/AVP 0"))
	fails(t, err, "no audio section")
	got, err := WithTelephoneEvent("v=0\nm=audio 9 RTP/AVP 0")
	same(t, got, err, "v=0\nm=audio 9 RTP/AVP 0 110\na=rtpmap:110 telephone-event/8000\n")
	for _, none := range []string{"", "v=0\r\n", text("v=0", "m=audio 0 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000")} {
		if TelephoneEvent(none) {
			t.Errorf("%q has telephone-event", none)
		}
	}
}

func lawsOfTelephoneEvent(t *testing.T, sdp string) {
	t.Helper()
	got, err := WithTelephoneEvent(sdp)
	if err != nil {
		return
	}
	if again, err := WithTelephoneEvent(got); err != nil || again != got {
		t.Fatalf("twice is not once: %v\n%q\n%q", err, got, again)
	}
	if got != sdp && (TelephoneEvent(sdp) || !TelephoneEvent(got) || len(Media(got)) != len(Media(sdp)) || Direction(got) != Direction(sdp)) {
		t.Fatalf("%q became %q", sdp, got)
	}
	unspoilt(t, "WithTelephoneEvent", got, sdp)
}
