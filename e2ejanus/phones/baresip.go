package phones

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/transports/verto/vertotest"
)

// A Phone is a running baresip, which is registered at an exchange and says a
// tone in each call, or all that it hears.
type Phone struct {
	Number string

	t       testing.TB
	x       *Exchange
	dir     string
	process *process
	control net.Conn
	read    chan struct{} // closed when the control connection is

	mu      sync.Mutex
	told    int                     // how many commands
	answers map[string]gjson.Result // to them
	events  []gjson.Result
	used    int // of them, those that were waited for
	keys    string
	changed chan struct{}
}

// PhoneOptions are what tests vary of a phone.
type PhoneOptions struct {
	Manual bool    // rings until it is told to answer; otherwise it answers at once
	Tone   float64 // that it says, in Hz; 1000 if 0
	Echo   bool    // says what it hears instead, in calls that it gets, until one is on hold
}

// shortDir makes a directory of a short name, until the test ends: baresip has
// room for 127 letters in the names of its recordings, and cuts off the rest.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "phone")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // after its programs have ended
	return dir
}

// StartPhone runs a phone until the test ends, and waits until it is registered.
func StartPhone(t testing.TB, x *Exchange, number string, o PhoneOptions) *Phone {
	t.Helper()
	need(t, "baresip")
	p := &Phone{
		Number: number, t: t, x: x, dir: shortDir(t), read: make(chan struct{}),
		answers: map[string]gjson.Result{}, changed: make(chan struct{}),
	}
	if o.Tone == 0 {
		o.Tone = 1000
	}
	x.Account(number, "phone-"+number)
	control := p.configure(o)
	p.process = start(t, p.dir, nil, "baresip", "-4", "-f", p.dir, "-v")
	p.process.until(t, soon(t), "listened", func() (ok bool) {
		var err error
		p.control, err = net.DialTimeout("tcp", control, patience)
		return err == nil
	})
	go p.listen()
	t.Cleanup(func() {
		p.control.Close()
		<-p.read
	})
	if err := x.WaitRegistered(soon(t), number); err != nil {
		t.Fatalf("phone %s is not registered: %v", number, err)
	}
	return p
}

// configure writes all that the phone reads, and gives where it is controlled.
func (p *Phone) configure(o PhoneOptions) (control string) {
	p.t.Helper()
	modules, err := filepath.Glob("/usr/lib*/baresip/modules/ctrl_tcp.so")
	if err != nil || len(modules) == 0 {
		unavailable(p.t, "baresip has no module ctrl_tcp")
	}
	control = fmt.Sprintf("%s:%d", loopback, FreePort(p.t))
	sound := "module aubridge.so\naudio_source aubridge,echo\naudio_player aubridge,echo\n"
	if !o.Echo {
		tone := filepath.Join(p.dir, "tone.wav")
		if err := writeTone(tone, o.Tone); err != nil {
			p.t.Fatal(err)
		}
		sound = fmt.Sprintf("module aufile.so\naudio_source aufile,%s\nmodule sndfile.so\nsnd_path %s\n", tone, p.dir)
	}
	write(p.t, p.dir, "config", fmt.Sprintf(`sip_listen %s:%d
net_interface %s
rtp_ports 30000-31999
module_path %s
module g711.so
module_tmp account.so
module_app menu.so
statmode_default off
module_app ctrl_tcp.so
ctrl_tcp_listen %s
%s`, loopback, FreePort(p.t), loopback, filepath.Dir(modules[0]), control, sound))
	answers := "auto"
	if o.Manual {
		answers = "manual"
	}
	write(p.t, p.dir, "accounts", fmt.Sprintf("\"Phone %s\" <sip:%s@%s>;auth_user=%s;auth_pass=phone-%s;answermode=%s;audio_codecs=PCMU/8000/1\n",
		p.Number, p.Number, p.x.Address, p.Number, p.Number, answers))
	write(p.t, p.dir, "contacts", "")
	return control
}

// listen reads what the phone tells, which is one JSON object in a netstring each.
func (p *Phone) listen() {
	defer close(p.read)
	for r := bufio.NewReader(p.control); ; {
		text, err := readNetstring(r)
		if err != nil {
			return
		}
		e := gjson.Parse(text)
		p.mu.Lock()
		switch {
		case e.Get("response").Bool():
			p.answers[e.Get("token").Str] = e
		case e.Get("event").Bool():
			p.events = append(p.events, e)
			if e.Get("type").Str == "CALL_DTMF_START" {
				p.keys += e.Get("param").Str
			}
		}
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

func readNetstring(r *bufio.Reader) (string, error) {
	length, err := r.ReadString(':')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil {
		return "", err
	}
	text := make([]byte, n+1) // with the comma
	if _, err := io.ReadFull(r, text); err != nil {
		return "", err
	}
	return string(text[:n]), nil
}

// do tells the phone to do something, and waits until it has begun to.
func (p *Phone) do(command, params string) {
	p.t.Helper()
	p.told++
	token := strconv.Itoa(p.told)
	text, err := json.Marshal(map[string]string{"command": command, "params": params, "token": token})
	if err == nil {
		_, err = fmt.Fprintf(p.control, "%d:%s,", len(text), text)
	}
	if err != nil {
		p.t.Fatalf("phone %s is not told %s: %v", p.Number, command, err)
	}
	var answer gjson.Result
	p.until("an answer to "+command, func() (answered bool) { answer, answered = p.answers[token]; return answered })
	if !answer.Get("ok").Bool() {
		p.t.Fatalf("phone %s does not %s: %s", p.Number, command, answer.Get("data").Str)
	}
}

// Dial calls a number of the exchange.
func (p *Phone) Dial(number string) { p.t.Helper(); p.do("dial", p.x.URI(number)) }

// Accept answers the call that rings.
func (p *Phone) Accept() { p.t.Helper(); p.do("accept", "") }

// HangUp ends the call, or declines the one that rings.
func (p *Phone) HangUp() {
	p.t.Helper()
	p.do("hangup", "")
	p.wait("CALL_CLOSED")
}

// Hold puts the far end on hold.
func (p *Phone) Hold() { p.t.Helper(); p.do("hold", "") }

// Resume goes on with it.
func (p *Phone) Resume() { p.t.Helper(); p.do("resume", "") }

// Press presses a key. Another one is for when this one was heard: in baresip 1.0.0
// the thread that is told of keys and the one that sends them share a queue without
// a lock.
func (p *Phone) Press(key byte) { p.t.Helper(); p.do("sndcode", string(key)) }

// Transfer hands the far end on to a number of the exchange.
func (p *Phone) Transfer(number string) { p.t.Helper(); p.do("transfer", p.x.URI(number)) }

// Rings waits until a call comes, and gives the URI of who calls.
func (p *Phone) Rings() (caller string) {
	p.t.Helper()
	return p.wait("CALL_INCOMING").Get("peeruri").Str
}

// Talks waits until the call is answered.
func (p *Phone) Talks() { p.t.Helper(); p.wait("CALL_ESTABLISHED") }

// Ended waits until the far end has ended the call, and gives what the phone
// says of it: "486 Busy Here" if the call was refused.
func (p *Phone) Ended() (reason string) {
	p.t.Helper()
	return p.wait("CALL_CLOSED").Get("param").Str
}

// wait waits for the next event of a type after those that were waited for.
func (p *Phone) wait(typ string) gjson.Result {
	p.t.Helper()
	var found gjson.Result
	p.until(typ, func() bool {
		for i, e := range p.events[p.used:] {
			if e.Get("type").Str == typ {
				found = e
				p.used += i + 1
				return true
			}
		}
		return false
	})
	return found
}

// HearsKeys waits until the phone has heard these keys since it runs, and no others.
func (p *Phone) HearsKeys(keys string) {
	p.t.Helper()
	var heard string
	p.until("the keys "+keys, func() bool { heard = p.keys; return heard == keys || !strings.HasPrefix(keys, heard) })
	if heard != keys {
		p.t.Fatalf("phone %s has heard the keys %s, not %s", p.Number, heard, keys)
	}
}

// until waits for something that what the phone tells brings about.
func (p *Phone) until(what string, condition func() bool) {
	p.t.Helper()
	for ctx, ended := soon(p.t), false; ; {
		p.mu.Lock()
		ok, changed := condition(), p.changed
		p.mu.Unlock()
		switch {
		case ok:
			return
		case ended:
			p.t.Fatalf("phone %s has ended, before %s; %s", p.Number, what, p.history())
		}
		select {
		case <-changed:
		case <-p.read:
			ended = true // what it told last may be it
		case <-ctx.Done():
			p.t.Fatalf("phone %s never had %s; %s", p.Number, what, p.history())
		}
	}
}

// history is what the phone has told of: events in their order, and keys.
func (p *Phone) history() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var types []string
	for _, e := range p.events {
		types = append(types, e.Get("type").Str)
	}
	return fmt.Sprintf("it had the keys %q and the events %v", p.keys, types)
}

// Hears waits until a fifth of a second on end of what the phone hears, from now
// on, is a tone. The phone must be no echo, and the call not have been on hold:
// baresip 1.0.0 does not go on recording then.
func (p *Phone) Hears(hz float64) {
	p.t.Helper()
	r := p.recordings()
	frames, silent, pure, run := 0, 0, 0, 0 // all that came; without any sound; of the tone; of the tone on end
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx := soon(p.t); run < heardFrames; {
		select {
		case <-tick.C:
		case <-p.process.done:
			p.t.Fatalf("phone %s has ended (%v), before it heard %v Hz", p.Number, p.process.err, hz)
		case <-ctx.Done():
			p.t.Fatalf("phone %s hears no tone of %v Hz: of %d frames it recorded %d are silent and %d the tone; %s",
				p.Number, hz, frames, silent, pure, p.history())
		}
		for _, samples := range r.more(p.t) {
			frames++
			switch power := vertotest.Power(samples, hz, rate); {
			case power >= 0.9:
				pure++
				run++
				continue
			case power == 0:
				silent++
			}
			run = 0
		}
	}
}
