package phones

import (
	"embed"
	"fmt"
	"strconv"
	"testing"
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

// A FarEnd is a running sipp. It ends where a message comes that its script does
// not wait for. What it says goes by the exchange, and so do the answers to it;
// but requests of the other end reach it straight, once there is a call: see
// [FarEnd.Settled].
type FarEnd struct {
	t       testing.TB
	x       *Exchange
	address string
	p       *process
}

// StartFarEnd runs a far end which is called, so many times in all, under these
// numbers: then it ends.
func StartFarEnd(t testing.TB, x *Exchange, s Script, calls int, numbers ...string) *FarEnd {
	t.Helper()
	port := FreePort(t)
	f := startSipp(t, x, s, port, calls)
	f.p.until(t, soon(t), "listened", func() bool { return listensUDP(port) })
	for _, number := range numbers {
		x.Place(number, f.address)
	}
	return f
}

// StartCaller runs a far end that calls a number of the exchange once, under a
// number of its own, and hangs up at a key (SIP INFO).
func StartCaller(t testing.TB, x *Exchange, caller, number string) *FarEnd {
	t.Helper()
	return startSipp(t, x, "call", FreePort(t), 1, "-s", number, "-key", "caller", caller, x.Address)
}

func startSipp(t testing.TB, x *Exchange, s Script, port, calls int, more ...string) *FarEnd {
	t.Helper()
	need(t, "sipp")
	text, err := scripts.ReadFile("scripts/" + string(s) + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "script.xml", string(text))
	args := []string{
		"-sf", "script.xml", "-i", loopback, "-p", strconv.Itoa(port), "-mi", loopback, "-mp", strconv.Itoa(mediaPort(t)), "-rtp_echo",
		"-m", strconv.Itoa(calls), "-nostdin", "-trace_err",
	}
	p := start(t, dir, []string{"TERM=dumb"}, "sipp", append(args, more...)...)
	return &FarEnd{t, x, fmt.Sprintf("%s:%d", loopback, port), p}
}

// Settled waits until the far end has the answer to its offer of that number (1 is
// its first), and has acknowledged it. Before that its script waits for neither a
// key nor the end of the call: either could overtake the answer.
func (f *FarEnd) Settled(offer int) {
	f.t.Helper()
	if err := f.x.waitACK(soon(f.t), f.address, offer); err != nil {
		f.t.Fatal(err)
	}
}

// Done waits until all its calls are over, and makes sure that each of them went
// by the script.
func (f *FarEnd) Done() {
	f.t.Helper()
	select {
	case <-f.p.done:
	case <-soon(f.t).Done():
		f.t.Fatalf("sipp waits for more calls, or for more of one; the last requests were %s", f.x.last())
	}
	if f.p.err != nil {
		f.t.Errorf("a call did not go by the script: %v, %s", f.p.err, f.p.complaint(f.t))
	}
}
