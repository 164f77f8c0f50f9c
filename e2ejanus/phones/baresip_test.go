package phones

import (
	"strings"
	"testing"
)

func TestPhonesCallEachOther(t *testing.T) {
	t.Parallel()
	x := StartExchange(t)
	anna := StartPhone(t, x, "2001", PhoneOptions{Tone: 700})
	ben := StartPhone(t, x, "2002", PhoneOptions{Tone: 1000, Manual: true})
	cleo := StartPhone(t, x, "2003", PhoneOptions{Tone: 1300})

	anna.Dial("2002")
	if caller := ben.Rings(); caller != x.URI("2001") {
		t.Errorf("%s calls", caller)
	}
	ben.Accept()
	anna.Talks()
	anna.Hears(1000)
	ben.Hears(700)
	const keys = "12#"
	for i := range keys {
		anna.Press(keys[i])
		ben.HearsKeys(keys[:i+1])
	}
	anna.Transfer("2003")
	anna.Ended()
	ben.Ended()
	cleo.Hears(1000)
	ben.Hears(1300)
	ben.HangUp()
	cleo.Ended()

	anna.Dial("2002")
	ben.Rings()
	ben.HangUp()
	if reason := anna.Ended(); !strings.HasPrefix(reason, "486 ") {
		t.Errorf("a call that is declined ends with %q", reason)
	}
	anna.Dial("2002")
	ben.Rings()
	anna.HangUp()
	ben.Ended()
	anna.Dial("2009")
	if reason := anna.Ended(); !strings.HasPrefix(reason, "404 ") {
		t.Errorf("a call to nobody ends with %q", reason)
	}
}

func TestAnEchoSaysWhatItHears(t *testing.T) {
	t.Parallel()
	x := StartExchange(t)
	anna := StartPhone(t, x, "2001", PhoneOptions{Tone: 700})
	echo := StartPhone(t, x, "2002", PhoneOptions{Echo: true})
	anna.Dial("2002")
	anna.Hears(700)
	anna.HangUp()
	echo.Ended()
}
