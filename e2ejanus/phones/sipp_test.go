package phones

import (
	"strings"
	"testing"
)

func TestFarEndsKeepToTheirScripts(t *testing.T) {
	t.Parallel()
	x := StartExchange(t)
	p := StartPhone(t, x, "2001", PhoneOptions{Tone: 700, Manual: true})
	for _, tc := range []struct {
		script Script
		play   func()
	}{
		{Answer, func() { p.Hears(700); p.HangUp() }},
		{Early, func() { p.Hears(700); p.Talks(); p.HangUp() }},
		{Busy, func() { refuses(t, p, "486 ") }},
		{Decline, func() { refuses(t, p, "603 ") }},
		{Ring, func() { p.wait("CALL_RINGING"); p.HangUp() }},
	} {
		number := "far-" + string(tc.script)
		far := StartFarEnd(t, x, tc.script, 2, number)
		for range 2 {
			p.Dial(number)
			tc.play()
		}
		far.Done()
	}
}

func refuses(t *testing.T, p *Phone, status string) {
	t.Helper()
	if reason := p.Ended(); !strings.HasPrefix(reason, status) {
		t.Errorf("refused with %q, not %s", reason, status)
	}
}
