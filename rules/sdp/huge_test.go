package sdp

import (
	"fmt"
	"strings"
	"testing"
)

// Texts of a megabyte made to be slow: each takes milliseconds where the work is
// linear, and minutes where it is not.
func TestHugeInputIsReadInLinearTime(t *testing.T) {
	const n = 20_000
	var sections, mids strings.Builder
	list := make([]any, 0, 3*n)
	for i := range n {
		fmt.Fprintf(&sections, "m=audio 0 RTP/AVP 0\r\na=mid:%d\r\na=bundle-only\r\na=end-of-candidates\r\n", i)
		fmt.Fprintf(&mids, " %d", i)
		list = append(list, entry(""), entry(udp, fmt.Sprint(i)), entry(fmt.Sprintf("candidate:1 1 udp 1 2001:db8::%x %d typ host", i, i)))
	}
	many := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\na=group:BUNDLE" + mids.String() + "\r\n" + sections.String()
	lines := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n" + strings.Repeat("a=sendrecv\r\na="+udp+"\r\n\r\n", n)
	for _, sdp := range []string{many, lines, strings.Repeat("a=crypto:1 ", n), strings.Repeat("a=fingerprint:", n), "v=0" + strings.Repeat("\r", n), strings.Repeat(`a=ice-pwd:\\`, n)} {
		full, err := WithCandidates(sdp, list)
		Redact(sdp)
		if err != nil {
			continue
		}
		if ok, err := ICEComplete(full, list, "relay"); err != nil || !ok && len(Media(full)) > 0 {
			t.Errorf("complete: %v, %v", ok, err)
		}
		for _, f := range []func(string) (string, error){
			AudioOnly, NextVersion, WithFingerprintAltered, WithTelephoneEvent,
			func(s string) (string, error) { return Answer(s, s) },
			func(s string) (string, error) { return WithDirection(s, "inactive") },
		} {
			if got, err := f(full); err == nil && len(got) > 2*len(full) {
				t.Errorf("%d bytes became %d", len(full), len(got))
			}
		}
		Hold(full)
	}
}
