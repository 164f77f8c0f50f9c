package vertotest

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"vertigo/transports/verto/vertotest/webphone"
)

// A lossy is an answered call, heard both ways, whose socket can get lost.
type lossy struct {
	t      *testing.T
	server *Server
	client *client
	phone  *phone
	callID string
	first  string // FreeSWITCH's first SDP
	last   string // the phone's last SDP
}

const lossySession = "5e551080-0000-4000-8000-000000000002"

// outbound is a call that the client placed, to an echo.
func outbound(t *testing.T) *lossy {
	t.Helper()
	s := quick(t, nil)
	l := &lossy{t: t, server: s, client: dial(t, s), phone: newPhone(t, webphone.PCMU), callID: "a"}
	l.client.login("1008", lossySession)
	l.last = l.phone.offer(webphone.OfferOptions{})
	l.client.invite(l.callID, "9196", l.last)
	l.first = l.client.await("verto.answer").Params.SDP
	l.phone.take(l.first)
	return l.talks()
}

// inbound is one that the server placed.
func inbound(t *testing.T) *lossy {
	t.Helper()
	s := quick(t, nil)
	l := &lossy{t: t, server: s, client: dial(t, s), phone: newPhone(t, webphone.PCMU)}
	l.client.login("1008", lossySession)
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = s.Originate(deadline(t), "1008@fs.test", OriginateOptions{Extension: "9196", Codecs: []string{"PCMU"}})
	}()
	t.Cleanup(func() {
		s.Close()
		<-over
	})
	invite := l.client.await("verto.invite")
	l.callID, l.first = invite.Params.CallID, invite.Params.SDP
	l.last = l.phone.answer(l.first)
	l.client.call("verto.answer", map[string]any{"dialogParams": dialog(l.callID), "sdp": l.last})
	return l.talks()
}

func (l *lossy) talks() *lossy {
	l.t.Helper()
	l.phone.talk(440)
	l.phone.hears(440)
	wait(l.t, l.server, func(c Call) bool { return c.State == Active })
	return l
}

// lose drops the socket and waits until the server knows.
func (l *lossy) lose() {
	l.t.Helper()
	l.server.DropSockets("1008@fs.test")
	wait(l.t, l.server, func(c Call) bool { return c.State == Detached })
}

// back logs in again and gives the SDP of verto.attach.
func (l *lossy) back() (attach string) {
	l.t.Helper()
	l.client = dial(l.t, l.server)
	l.client.call("login", map[string]any{"login": "1008@fs.test", "passwd": "1234", "sessid": lossySession})
	return l.client.await("verto.attach").Params.SDP
}

// falsified is an SDP with another fingerprint.
func falsified(sdp string) string {
	const name = "a=fingerprint:sha-256 "
	at := strings.Index(sdp, name) + len(name)
	other := "00"
	if strings.HasPrefix(sdp[at:], other) {
		other = "01"
	}
	return sdp[:at] + other + sdp[at+2:]
}

// offered is what the phone answers to an offer.
func (l *lossy) offered(sdp string) (answer string) {
	l.t.Helper()
	l.last = l.phone.answer(sdp)
	return l.last
}

// toggled has the phone make a new DTLS session with two offers, and gives its
// answer to the second.
func (l *lossy) toggled(attach string) (answer string) {
	l.t.Helper()
	l.offered(falsified(attach))
	return l.offered(attach)
}

func (l *lossy) attach(sdp string) {
	l.t.Helper()
	if r := l.client.call("verto.attach", map[string]any{"dialogParams": dialog(l.callID), "sdp": sdp}); r.Error != nil {
		l.t.Fatalf("attach: %+v", r.Error)
	}
}

// update gives the SDP of the result.
func (l *lossy) update(sdp string) string {
	l.t.Helper()
	r := l.client.call("verto.modify", map[string]any{"dialogParams": dialog(l.callID), "action": "updateMedia", "sdp": sdp})
	if r.Error != nil {
		l.t.Fatalf("updateMedia: %+v", r.Error)
	}
	return r.Result.SDP
}

// restarts has the phone restart ICE, and updateMedia take its offer.
func (l *lossy) restarts() (result string) {
	l.t.Helper()
	l.last = l.phone.offer(webphone.OfferOptions{Restart: true})
	return l.update(l.last)
}

// heard makes sure that sound flows both ways.
func (l *lossy) heard() {
	l.t.Helper()
	before := l.server.Calls()[0]
	l.phone.forget()
	l.phone.hears(440)
	wait(l.t, l.server, func(c Call) bool { return c.PacketsIn >= before.PacketsIn+25 && c.PacketsOut >= before.PacketsOut+25 })
}

// dead makes sure that nothing flows, although the phone speaks and is connected.
func (l *lossy) dead() {
	l.t.Helper()
	before := l.server.Calls()[0]
	after := wait(l.t, l.server, func(c Call) bool { return c.Dropped >= before.Dropped+50 })
	if after.PacketsIn != before.PacketsIn || after.PacketsOut != before.PacketsOut {
		l.t.Errorf("%d packets came and %d went", after.PacketsIn-before.PacketsIn, after.PacketsOut-before.PacketsOut)
	}
}

// actpass is an SDP as if its sender had not chosen a role.
func actpass(sdp string) string {
	return strings.NewReplacer("a=setup:active", "a=setup:actpass", "a=setup:passive", "a=setup:actpass").Replace(sdp)
}

// TestLostSocket holds the server against what section 7 of the interoperation
// notes saw of Chromium and FreeSWITCH: which sequences bring the sound back,
// and which do not.
func TestLostSocket(t *testing.T) {
	for name, sequence := range map[string]struct {
		begin func(*testing.T) *lossy
		play  func(l *lossy)
	}{
		"A0: the attach offer is passed on plainly": {outbound, func(l *lossy) {
			l.attach(l.offered(l.back()))
			l.dead()
		}},
		"A1: two offers, the first with another fingerprint": {outbound, func(l *lossy) {
			l.attach(l.toggled(l.back()))
			l.heard()
		}},
		"A1 on a call that the server placed": {inbound, func(l *lossy) {
			l.attach(l.toggled(l.back()))
			l.heard()
		}},
		"A1 twice, then hold and resume": {outbound, func(l *lossy) {
			l.attach(l.toggled(l.back()))
			l.heard()
			l.lose()
			l.attach(l.toggled(l.back()))
			l.heard()
			for _, action := range []string{"hold", "unhold"} {
				l.client.call("verto.modify", map[string]any{"dialogParams": dialog(l.callID), "action": action})
			}
			l.heard()
		}},
		"A1, then the client restarts ICE: dead by updateMedia alone": {outbound, func(l *lossy) {
			l.attach(l.toggled(l.back()))
			l.heard()
			l.phone.take(l.restarts())
			l.dead()
		}},
		"A1, then the client restarts ICE: heard by another toggle": {outbound, func(l *lossy) {
			attach := l.back()
			l.attach(l.toggled(attach))
			l.heard()
			l.phone.offer(webphone.OfferOptions{Restart: true})
			l.phone.take(falsified(strings.Replace(attach, "setup:actpass", "setup:active", 1)))
			if got := l.update(actpass(l.offered(attach))); !strings.Contains(got, "a=setup:active") {
				l.t.Errorf("not the role that the answer to verto.attach gave FreeSWITCH:\n%s", got)
			}
			l.heard()
		}},
		"B1: updateMedia with the answer, verto.attach is never answered": {outbound, func(l *lossy) {
			if got := l.update(actpass(l.offered(l.back()))); !strings.Contains(got, "a=setup:passive") {
				l.t.Errorf("after a verto.attach the result is\n%s", got)
			}
			l.heard()
		}},
		"B1 on a call that the server placed": {inbound, func(l *lossy) {
			l.update(actpass(l.offered(l.back())))
			l.heard()
		}},
		"B1, then the client restarts ICE: updateMedia stays right": {inbound, func(l *lossy) {
			l.update(actpass(l.offered(l.back())))
			l.heard()
			l.phone.take(l.restarts())
			l.heard()
		}},
		"B2: the client's own restart was pending": {outbound, func(l *lossy) {
			offer := l.phone.offer(webphone.OfferOptions{Restart: true})
			l.back()
			result := l.update(offer)
			l.phone.take(strings.Replace(result, "a=setup:passive", "a=setup:active", 1))
			l.heard()
		}},
		"C: verto.attach with the client's last SDP": {outbound, func(l *lossy) {
			l.back()
			l.attach(strings.Replace(l.last, "a=setup:actpass", "a=setup:passive", 1))
			l.heard()
		}},
		"D: hold and unhold alone": {outbound, func(l *lossy) {
			l.back()
			for _, action := range []string{"hold", "unhold"} {
				l.client.call("verto.modify", map[string]any{"dialogParams": dialog(l.callID), "action": action})
			}
			l.dead()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := sequence.begin(t)
			l.lose()
			l.dead()
			sequence.play(l)
		})
	}
}

// TestAttachSDP has what of a call's first SDP is still there in verto.attach.
func TestAttachSDP(t *testing.T) {
	l := outbound(t)
	l.lose()
	attach := l.back()
	for _, kept := range []string{"m=audio ", "a=fingerprint:", "a=candidate:"} {
		got, want := sdpLine(t, attach, kept), sdpLine(t, l.first, kept)
		if kept == "a=candidate:" { // its foundation is drawn anew
			_, got, _ = strings.Cut(got, " ")
			_, want, _ = strings.Cut(want, " ")
		}
		if got != want {
			t.Errorf("%s became %s", want, got)
		}
	}
	for _, renewed := range []string{"a=ice-ufrag:", "a=ice-pwd:", "a=msid-semantic:"} {
		if sdpLine(t, attach, renewed) == sdpLine(t, l.first, renewed) {
			t.Errorf("%s is that of before", renewed)
		}
	}
	if got := sdpLine(t, attach, "a=setup:"); got != "a=setup:actpass" {
		t.Error(got)
	}
}

// TestChecksAreAnsweredWithoutSocket has why a browser does not notice the loss.
func TestChecksAreAnsweredWithoutSocket(t *testing.T) {
	l := outbound(t)
	l.lose()
	ufrag := strings.TrimPrefix(sdpLine(t, l.first, "a=ice-ufrag:"), "a=ice-ufrag:")
	password := strings.TrimPrefix(sdpLine(t, l.first, "a=ice-pwd:"), "a=ice-pwd:")
	port := strings.Fields(sdpLine(t, l.first, "m=audio "))[1]
	for _, when := range []string{"without a socket", "with another one"} {
		if when == "with another one" {
			l.back()
		}
		request, err := stun.Build(stun.TransactionID, stun.BindingRequest,
			stun.NewUsername(ufrag+":x"), stun.NewShortTermIntegrity(password), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, "127.0.0.1:"+port, request); got.Type != stun.BindingSuccess {
			t.Errorf("%s: %s", when, got)
		}
	}
}

// ask sends a STUN request and gives the reply.
func ask(t *testing.T, address string, request *stun.Message) *stun.Message {
	t.Helper()
	conn, err := net.Dial("udp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(request.Raw); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 1500)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	reply := &stun.Message{Raw: buf[:n]}
	if err := reply.Decode(); err != nil {
		t.Fatal(err)
	}
	return reply
}

// TestServerHolds has a hold by the server: the client hears, and says nothing
// until the server resumes.
func TestServerHolds(t *testing.T) {
	l := outbound(t)
	for _, direction := range []string{"sendonly", "sendrecv"} {
		if !l.server.Renegotiate(l.callID, direction) {
			t.Fatal("there is no such call")
		}
		offer := l.client.await("verto.attach").Params.SDP
		if !strings.Contains(offer, "a="+direction+"\r\n") {
			t.Fatalf("not %s:\n%s", direction, offer)
		}
		l.attach(l.toggled(offer))
		if direction == "sendonly" {
			l.phone.ready()
			_, before := l.phone.Packets()
			wait(t, l.server, func(c Call) bool { return c.State == Active })
			if _, after := l.phone.Packets(); after != before {
				t.Errorf("the phone says %d packets on hold", after-before)
			}
		}
	}
	l.heard()
}
