package sdp

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func lawsOfWithCandidates(t *testing.T, sdp string, list []any) {
	t.Helper()
	if got, err := WithCandidates(sdp, nil); err == nil && got != sdp {
		t.Fatalf("without candidates %q became %q", sdp, got)
	}
	if got, err := WithCandidates(sdp, Candidates(sdp)); err == nil && got != sdp {
		t.Fatalf("with its own candidates %q became %q", sdp, got)
	}
	got, err := WithCandidates(sdp, list)
	if err != nil {
		if len(Media(sdp)) > 0 {
			t.Fatalf("%v, but it has media", err)
		}
		return
	}
	if again, err := WithCandidates(got, list); err != nil || again != got {
		t.Fatalf("twice is not once: %v\n%q\n%q", err, got, again)
	}
	if len(Media(got)) != len(Media(sdp)) {
		t.Fatalf("candidates changed the number of sections: %q", got)
	}
	if Usable(sdp, list) != Usable(got, nil) {
		t.Fatalf("usable apart: %v, folded in: %v\n%q", Usable(sdp, list), Usable(got, nil), got)
	}
	unspoilt(t, "WithCandidates", got, sdp)
	lawsOfAudioOnly(t, got)
}

func lawsOfAudioOnly(t *testing.T, sdp string) {
	t.Helper()
	got, err := AudioOnly(sdp)
	if err != nil {
		return
	}
	if m := Media(got); len(m) != 1 || m[0].(map[string]any)["kind"] != "audio" || m[0].(map[string]any)["port"] == 0 {
		t.Fatalf("not audio alone: %q", got)
	}
	if Usable(sdp, nil) != Usable(got, nil) || Direction(sdp) != Direction(got) {
		t.Fatalf("candidates or direction were lost\n%q\n%q", sdp, got)
	}
	if again, err := AudioOnly(got); err != nil || again != got {
		t.Fatalf("twice is not once: %v\n%q\n%q", err, got, again)
	}
	unspoilt(t, "AudioOnly", got, sdp)
}

func lawsOfAnswer(t *testing.T, offer, answer string) {
	t.Helper()
	got, err := Answer(offer, answer)
	if err != nil {
		return
	}
	if again, err := Answer(offer, got); err != nil || again != got {
		t.Fatalf("twice is not once: %v\n%q\n%q", err, got, again)
	}
	o, a := Media(offer), Media(got)
	if len(o) != len(a) {
		t.Fatalf("%d sections answer %d\n%q", len(a), len(o), got)
	}
	accepted := 0
	for i := range o {
		o, a := o[i].(map[string]any), a[i].(map[string]any)
		if o["kind"] != a["kind"] || o["mid"] != a["mid"] {
			t.Fatalf("section %d answers %v by %v", i, o, a)
		}
		if a["rejected"] == false {
			accepted++
		}
	}
	if accepted != 1 {
		t.Fatalf("%d sections are accepted: %q", accepted, got)
	}
	if Direction(got) != Direction(answer) || Usable(got, nil) && !Usable(answer, nil) {
		t.Fatalf("the audio is another\n%q\n%q", answer, got)
	}
	unspoilt(t, "Answer", got, offer, answer)
}

func lawsOfRedact(t *testing.T, text string) {
	t.Helper()
	got := Redact(text)
	if again := Redact(got); again != got {
		t.Fatalf("twice is not once\n%q\n%q", got, again)
	}
	if utf8.ValidString(text) && !utf8.ValidString(got) {
		t.Fatalf("%q is not UTF-8 any more", got)
	}
	if json.Valid([]byte(text)) != json.Valid([]byte(got)) {
		t.Fatalf("valid JSON before or after alone\n%q\n%q", text, got)
	}
	// What is hidden in a text is hidden in the JSON of the text.
	once, _ := json.Marshal(text)
	twice, _ := json.Marshal(string(once))
	for _, j := range []string{string(once), string(twice)} {
		if !json.Valid([]byte(Redact(j))) {
			t.Fatalf("no JSON: %s", Redact(j))
		}
	}
}

func FuzzWithCandidates(f *testing.F) {
	f.Add(chromium(f), `[{"candidate":"`+udp+`","sdpMid":"0","sdpMLineIndex":0},{"candidate":""}]`)
	f.Add(video(f), `[{"candidate":"`+udp+`","sdpMLineIndex":1}]`)
	f.Add(small, `[{"candidate":"`+udp+`","sdpMid":"v"},{"candidate":"`+udp+`\r\n"},null,{"candidate":1}]`)
	f.Add("v=0\nm=audio 0 a b\na=bundle-only\na=mid:1\n\n\r\r\n", `[]`)
	f.Fuzz(func(t *testing.T, sdp, candidates string) {
		var list []any
		if json.Unmarshal([]byte(candidates), &list) != nil {
			list = []any{entry(candidates)}
		}
		lawsOfWithCandidates(t, sdp, list)
	})
}

func FuzzAnswer(f *testing.F) {
	freeswitch := at[string](f, data(f, "joint/q1_out_9196_mid_bundle.ndjson", 11), "params", "sdp")
	f.Add(chromium(f), freeswitch)
	f.Add(video(f), freeswitch)
	f.Add(small, "v=0\nm=audio 1 a b")
	f.Add(text("v=0", "m=audio 9 RTP/AVP 0"), small)
	f.Fuzz(func(t *testing.T, offer, answer string) {
		lawsOfAnswer(t, offer, answer)
		for _, s := range []string{offer, answer} {
			if got, err := Offer(s, "0"); err == nil {
				unspoilt(t, "Offer", got, s)
				lawsOfAnswer(t, got, s)
			}
			if got, err := NextVersion(s); err == nil {
				unspoilt(t, "NextVersion", got, s)
			}
			if got, err := WithFingerprintAltered(s); err == nil && (len(got) != len(s) || got == s) {
				t.Fatalf("altered %q to %q", s, got)
			}
			lawsOfTelephoneEvent(t, s)
			Hold(s)
		}
	})
}

func FuzzRedact(f *testing.F) {
	f.Add(chromium(f), "s3cr3t")
	f.Add(`"a=ice-pwd:ab\/c\u002bd\u000d\u000aa=mid:0"`, "x+/y")
	f.Add("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20|1:4 KDR=1\r\n", "AB:CD")
	f.Fuzz(func(t *testing.T, around, secret string) {
		lawsOfRedact(t, around)
		secret = strings.Map(func(r rune) rune {
			if r < 128 && (isAlphanumeric(byte(r)) || r == '+' || r == '/' || r == ':') {
				return r
			}
			return -1
		}, secret)
		secret = "PLANTED" + secret
		if strings.Contains(around, "PLANTED") {
			return
		}
		for _, line := range []string{"a=ice-pwd:" + secret, "a=fingerprint:sha-256 " + secret, "a=crypto:1 X inline:" + secret} {
			sdp := around + "\r\n" + line + "\r\n" + around
			once, _ := json.Marshal(sdp)
			twice, _ := json.Marshal(string(once))
			for _, s := range []string{sdp, string(once), string(twice)} {
				if strings.Contains(Redact(s), "PLANTED") {
					t.Fatalf("%q survives in %q", secret, Redact(s))
				}
			}
		}
	})
}
