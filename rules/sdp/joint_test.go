package sdp

import "testing"

// What the throw-away bridge sent where sound flowed, byte for byte.

func TestOutboundAsInTheCaptures(t *testing.T) {
	for _, name := range []string{"joint/q1_out_9196_mid_bundle.ndjson", "joint/q7_video_9196_refused.ndjson"} {
		t.Run(name, func(t *testing.T) {
			offer := at[string](t, data(t, name, 7), "content", "offer", "sdp")
			list := at[[]any](t, data(t, name, 8), "content", "candidates")
			full, err := WithCandidates(offer, list)
			if err != nil {
				t.Fatal(err)
			}
			got, err := AudioOnly(full)
			same(t, got, err, at[string](t, data(t, name, 9), "params", "sdp"))

			answer := at[string](t, data(t, name, 11), "params", "sdp")
			got, err = Answer(offer, answer)
			same(t, got, err, at[string](t, data(t, name, 13), "content", "answer", "sdp"))
		})
	}
}

func TestInboundAsInTheCapture(t *testing.T) {
	const name = "joint/q4_in_mid_bundle_audio.ndjson"
	got, err := Offer(at[string](t, data(t, name, 5), "params", "sdp"), "0")
	same(t, got, err, at[string](t, data(t, name, 15), "content", "offer", "sdp"))
}

func TestHoldAsInTheCapture(t *testing.T) {
	const name = "joint/q5_hold_verto_modify.ndjson"
	sent := at[string](t, data(t, name, 21), "content", "description", "sdp")
	offer := at[string](t, data(t, name, 24), "content", "description", "sdp")
	got, err := Answer(offer, sent)
	if err == nil {
		got, err = WithDirection(got, AnswerDirection(offer))
	}
	if err == nil {
		got, err = WithSetup(got, "active")
	}
	if err == nil {
		got, err = NextVersion(got)
	}
	same(t, got, err, at[string](t, data(t, name, 27), "content", "description", "sdp"))
}

func TestReconnectAsInTheCapture(t *testing.T) {
	const name = "joint/q8_fptoggle_fast1.ndjson"
	attach := at[string](t, data(t, name, 19), "params", "sdp")
	first := at[string](t, data(t, name, 24), "content", "description", "sdp")
	second := at[string](t, data(t, name, 26), "content", "description", "sdp")

	whole, err := Offer(attach, "0")
	if err != nil {
		t.Fatal(err)
	}
	got, err := After(whole, first)
	same(t, got, err, second)
	altered, err := WithFingerprintAltered(second)
	if err != nil {
		t.Fatal(err)
	}
	got, err = After(altered, first)
	want, _ := NextVersion(first)
	same(t, got, err, want)
}
