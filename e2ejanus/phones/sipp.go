package phones

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

//go:embed scripts
var scripts embed.FS

// A Script is what a far end does in a call, to the letter. It sends back the
// sound that it gets.
type Script string

// Scripts of far ends that are called.
const (
	Answer  Script = "answer"  // answers, and the caller hangs up
	Early   Script = "early"   // is heard for two seconds before it answers
	Hold    Script = "hold"    // answers, and holds the caller from a key (SIP INFO) to the next
	Busy    Script = "busy"    // 486
	Decline Script = "decline" // 603
	Ring    Script = "ring"    // rings until the caller gives up
)

// A FarEnd is a running sipp.
type FarEnd struct {
	t testing.TB
	p *process
}

// StartFarEnd runs a far end which is called, so many times in all, under these
// numbers: then it ends.
func StartFarEnd(t testing.TB, x *Exchange, s Script, calls int, numbers ...string) *FarEnd {
	t.Helper()
	port := FreePort(t)
	f := startSipp(t, s, port, calls)
	f.p.until(t, soon(t), "listened", func() bool { return listensUDP(port) })
	for _, number := range numbers {
		x.Place(number, fmt.Sprintf("%s:%d", loopback, port))
	}
	return f
}

// StartCaller runs a far end that calls a number of the exchange once, under a
// number of its own, and hangs up so long after it was answered.
func StartCaller(t testing.TB, x *Exchange, caller, number string, after time.Duration) *FarEnd {
	t.Helper()
	return startSipp(t, "call", FreePort(t), 1, "-s", number, "-key", "caller", caller, "-d", strconv.FormatInt(after.Milliseconds(), 10), x.Address)
}

func startSipp(t testing.TB, s Script, port, calls int, more ...string) *FarEnd {
	t.Helper()
	need(t, "sipp")
	text, err := scripts.ReadFile("scripts/" + string(s) + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "script.xml", string(text))
	args := []string{
		"-sf", "script.xml", "-i", loopback, "-p", strconv.Itoa(port), "-mi", loopback, "-mp", strconv.Itoa(mediaPort()), "-rtp_echo",
		"-m", strconv.Itoa(calls), "-nostdin", "-trace_err", "-timeout", "120s", "-timeout_error",
	}
	return &FarEnd{t, start(t, dir, []string{"TERM=dumb"}, "sipp", append(args, more...)...)}
}

// mediaPort is where sipp begins to look for ports for sound.
func mediaPort() int { return 32000 + 4*rand.IntN(190) }

// Done waits until all its calls are over, and makes sure that each of them went
// by the script.
func (f *FarEnd) Done() {
	f.t.Helper()
	select {
	case <-f.p.done:
	case <-soon(f.t).Done():
		f.t.Fatalf("sipp waits for more calls, or for more of one:\n%s", f.p.said(f.t))
	}
	if f.p.err != nil {
		f.t.Errorf("a call did not go by the script: %v\n%s", f.p.err, f.p.said(f.t))
	}
}
