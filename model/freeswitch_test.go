package model

import (
	"fmt"
	"time"

	"github.com/tidwall/gjson"
)

// detachAfter is when FreeSWITCH ends a detached call.
const detachAfter = 122 * time.Second

const pbxPrint = "sha-256 F5:0A:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE"

// A freeswitch is FreeSWITCH as its signalling shows it (verto-protocol,
// sections 4, 5 and 11; sdp-interop, section 7).
type freeswitch struct {
	w    *world
	legs map[string]*leg
}

type legState int

const (
	offered  legState = iota // an invite went one way or the other
	answered                 // verto.answer went one way or the other
	detached                 // its socket was lost, or it was offered anew: no sound
	ended
)

// A leg is one call at FreeSWITCH.
type leg struct {
	id      string
	call    *call
	account *account
	placed  bool // by the bridge
	state   legState
	up      bool // the channel is answered, in truth

	fresh      creds // that a new offer of FreeSWITCH names
	attached   bool  // such an offer has no answer
	reattached bool  // one had
	held       bool  // by the bridge
	farHeld    bool  // its last offer was sendonly
	bridged    bool  // with a partner
	version    int
	detaches   int
}

func newFreeSWITCH(w *world) *freeswitch { return &freeswitch{w: w, legs: map[string]*leg{}} }

func (f *freeswitch) add(id string, c *call, a *account, placed bool) *leg {
	l := &leg{id: id, call: c, account: a, placed: placed, bridged: f.w.chance(70), fresh: f.creds()}
	f.legs[id] = l
	c.leg = l
	c.media.pbx = end{local: l.fresh, print: pbxPrint}
	c.media.connected = func() {
		f.w.after(f.w.between(20, 300), func() { l.up = l.up || l.state == answered })
	}
	return l
}

func (f *freeswitch) creds() creds { return creds{f.w.name("F"), f.w.name("pbxpassword0123456789")} }

// sdp is a description of FreeSWITCH's, as it stands on the wire: no mid, no group.
func (l *leg) sdp(setup, direction string) string {
	l.version++
	profile := "UDP/TLS/RTP/SAVPF 111 110"
	if setup == "actpass" {
		profile = "RTP/SAVPF 111 0"
	}
	const host, port = "198.51.100.1", 16384
	return lines("v=0", fmt.Sprintf("o=FreeSWITCH 1790000000 %d IN IP4 %s", l.version, host), "s=FreeSWITCH", "c=IN IP4 "+host, "t=0 0", "a=msid-semantic: WMS pbx",
		fmt.Sprintf("m=audio %d %s", port, profile), "a=rtpmap:111 opus/48000/2", "a=fingerprint:"+pbxPrint, "a=setup:"+setup, "a=rtcp-mux",
		"a=ice-ufrag:"+l.fresh.ufrag, "a=ice-pwd:"+l.fresh.pwd,
		fmt.Sprintf("a=candidate:1 1 udp 659136 %s %d typ host generation 0", host, port), "a=end-of-candidates", "a="+direction)
}

// detach is what becomes of calls whose socket is lost.
func (f *freeswitch) detach(a *account) {
	for _, l := range f.on(a) {
		switch {
		case l.state == detached && l.attached: // offered anew, and not answered yet
			l.pause()
			l.call.note("FreeSWITCH: the socket is lost again")
		case l.state == detached:
		case l.state != answered || !l.up:
			l.call.note("FreeSWITCH: the socket is lost, and the call with it")
			l.end()
		default:
			l.call.note("FreeSWITCH: the socket is lost, the call detached")
			l.pause()
		}
		if l.state == detached {
			l.detaches++
			n := l.detaches
			f.w.after(detachAfter, func() {
				if l.detaches == n && l.state == detached && !a.connected {
					l.hangup("RECOVERY_ON_TIMER_EXPIRE")
				}
			})
		}
	}
}

// on gives the legs of an account that are not over, in the order of their calls.
func (f *freeswitch) on(a *account) (list []*leg) {
	for _, c := range f.w.calls {
		for _, l := range c.legs() {
			if l.account == a && l.state != ended {
				list = append(list, l)
			}
		}
	}
	return list
}

func (l *leg) pause() {
	l.state = detached
	l.attached = false
	l.call.media.muted = true
	l.fresh = l.call.w.pbx.creds()
	l.call.disturb()
}

// login is a new socket for a sessid.
func (f *freeswitch) login(a *account) {
	f.w.after(f.w.between(90, 140), func() {
		if !a.connected || a.broken {
			return
		}
		back := []string{}
		for _, l := range shuffled(f.w, f.on(a)) {
			if l.state == detached {
				l.offerAgain(pick(f.w, "sendrecv", "sendrecv", "sendrecv", "sendonly"))
				back = append(back, l.id)
			}
		}
		a.fromPBX(f.w.between(1, 20), func() { a.clientReady(back) })
	})
}

func (l *leg) offerAgain(direction string) {
	if !l.farHeld && direction == "sendonly" && !l.call.w.chance(20) {
		direction = "sendrecv"
	}
	l.attached = true
	l.farHeld = direction == "sendonly"
	l.call.disturb()
	l.call.note("FreeSWITCH -> verto.attach %s %s", l.fresh.ufrag, direction)
	l.account.tell(l.call.w.between(1, 10), "verto.attach", l.id, map[string]any{"sdp": l.sdp("actpass", direction)})
}

// renegotiate offers a call anew by itself: so FreeSWITCH puts a Matrix user on hold.
func (l *leg) renegotiate(direction string) {
	if l.state != answered || !l.up || !l.account.connected || l.account.broken {
		return
	}
	l.pause()
	l.farHeld = direction == "sendonly"
	l.attached = true
	l.call.note("FreeSWITCH -> verto.attach by itself, %s %s", l.fresh.ufrag, direction)
	l.account.tell(l.call.w.between(1, 30), "verto.attach", l.id, map[string]any{"sdp": l.sdp("actpass", direction)})
}

// resume brings the sound back: the client has these credentials and address.
func (l *leg) resume(d *description) {
	s := d.audio()
	m := &l.call.media
	moved := s.candidates[0] != m.pbx.address
	m.pbx.local, m.pbx.remote = l.fresh, s.creds
	m.pbx.address = s.candidates[0]
	if s.print != m.pbx.peerPrint || l.reattached && moved {
		switch s.setup {
		case "passive":
			m.pbx.role = "active"
		case "active":
			m.pbx.role = "passive"
		case "actpass":
			if m.pbx.role == "" {
				m.pbx.role = "active"
			}
		}
		m.pbx.renew()
	}
	m.pbx.peerPrint = s.print
	m.muted = false
	l.state = answered
	m.settle()
}

func (l *leg) end() {
	l.state = ended
	l.call.disturb()
}

// hangup ends a leg from FreeSWITCH's side.
func (l *leg) hangup(cause string) {
	if l.state == ended {
		return
	}
	l.call.note("FreeSWITCH -> verto.bye %s", cause)
	l.end()
	l.account.tell(l.call.w.between(1, 50), "verto.bye", l.id, map[string]any{"cause": cause, "causeCode": 16})
}

func (l *leg) display(name string) {
	if l.state == ended {
		return
	}
	l.account.tell(l.call.w.between(1, 50), "verto.display", l.id, map[string]any{
		"display_name": name, "display_number": l.call.room.number, "display_direction": "inbound",
	})
}

// asked handles a request of the bridge.
func (f *freeswitch) asked(a *account, r *request) {
	body := gjson.ParseBytes(r.action.Body)
	id := body.Get("dialogParams.callID").String()
	l := f.legs[id]
	method := r.action.Type
	if method == "verto.invite" {
		f.invited(a, r, id, body)
		return
	}
	if l == nil && method == "verto.bye" { // its invite was lost
		a.reply(r, f.w.between(1, 6), false, map[string]any{"callID": id, "message": "CALL DOES NOT EXIST", "code": -32002})
		return
	}
	if l == nil {
		f.w.fault(f.w.byID[r.action.Call], "%s for callID %q, which was never heard of", method, id)
		return
	}
	c := l.call
	c.note("FreeSWITCH <- %s %s", method, digest(r.action.Body))
	if r.action.Call != "" && f.w.byID[r.action.Call] != c {
		f.w.fault(c, "%s of another call reaches it", method)
	}
	delay := f.w.between(1, 6)
	if l.state == ended {
		switch method {
		case "verto.info":
			a.reply(r, delay, true, map[string]any{})
		case "verto.modify":
			a.reply(r, delay, false, map[string]any{"callID": id, "action": body.Get("action").String(), "message": "CALL DOES NOT EXIST", "code": -32002})
		default:
			a.reply(r, delay, false, map[string]any{"callID": id, "message": "CALL DOES NOT EXIST", "code": -32002})
		}
		return
	}
	if !l.up && method != "verto.bye" && method != "verto.answer" && !c.client.deaf {
		f.w.fault(c, "%s %s before the channel is up", method, body.Get("action"))
	}
	switch method {
	case "verto.bye":
		l.end()
		a.reply(r, delay, true, map[string]any{"callID": id, "message": "CALL ENDED", "causeCode": 16, "cause": body.Get("cause").String()})
	case "verto.answer":
		d := readSDP(body.Get("sdp").String())
		if len(d.audio().candidates) == 0 {
			a.reply(r, delay, false, map[string]any{"callID": id, "message": "CODEC ERROR", "code": -32002})
			return
		}
		l.state = answered
		c.media.pbx.role = "" // the answer says it
		l.resume(d)
		a.reply(r, delay, true, map[string]any{})
	case "verto.attach":
		d := readSDP(body.Get("sdp").String())
		c.disturb()
		if len(d.audio().candidates) == 0 {
			a.reply(r, delay, false, map[string]any{"callID": id, "message": "CODEC NEGOTIATION ERROR", "code": -32002})
			l.hangup("BEARERCAPABILITY_NOTAVAIL")
			return
		}
		l.attached, l.reattached = false, true
		l.resume(d)
		a.reply(r, delay, true, map[string]any{})
	case "verto.info":
		a.reply(r, delay, true, map[string]any{"message": "SENT"})
	case "verto.modify":
		f.modify(a, r, l, body)
	default:
		f.w.fault(c, "FreeSWITCH knows no %s", method)
	}
}

// invited is a call of the bridge's.
func (f *freeswitch) invited(a *account, r *request, id string, body gjson.Result) {
	c := f.w.byID[r.action.Call]
	switch {
	case c == nil || !c.out:
		f.w.fault(c, "an invite of no call of a client")
		return
	case f.legs[id] != nil:
		f.w.fault(c, "callID %s is used twice", id)
		return
	}
	if c.invites++; c.invites > 2 {
		f.w.fault(c, "it is dialled for the third time")
	}
	if c.leg != nil && c.leg.state != ended {
		f.w.fault(c, "it is dialled anew while FreeSWITCH has it")
	}
	if got := body.Get("dialogParams.destination_number").String(); got != c.room.number {
		f.w.fault(c, "%s is dialled in place of %s", got, c.room.number)
	}
	c.note("FreeSWITCH <- verto.invite %s", digest(r.action.Body))
	l := f.add(id, c, a, true)
	d := readSDP(body.Get("sdp").String())
	if len(d.audio().candidates) == 0 {
		f.w.fault(c, "verto.invite has no candidate")
	}
	m := &c.media
	m.pbx.remote, m.pbx.peerPrint, m.pbx.address = d.audio().creds, d.audio().print, d.audio().candidates[0]
	m.pbx.role = "active"
	m.muted = false
	a.reply(r, f.w.between(1, 5), true, map[string]any{"message": "CALL CREATED", "callID": id})
	f.w.after(c.rings, func() { l.farEnd() })
	if c.early && c.rings > time.Second {
		f.w.after(c.rings/2, func() {
			if l.state == offered && l.account.connected {
				l.version = 1
				l.account.tell(f.w.between(1, 50), "verto.media", l.id, map[string]any{"sdp": l.sdp("active", "sendrecv")})
			}
		})
	}
}

// farEnd does what whom the bridge has called does in the end.
func (l *leg) farEnd() {
	if l.state != offered || !l.account.connected {
		return
	}
	c := l.call
	if c.result != "" {
		l.hangup(c.result)
		return
	}
	l.state = answered
	params := map[string]any{}
	if l.version == 0 {
		params["sdp"] = l.sdp("active", "sendrecv")
	}
	c.note("FreeSWITCH -> verto.answer")
	l.account.tell(c.w.between(1, 50), "verto.answer", l.id, params)
	l.call.media.settle()
	if c.w.chance(60) {
		c.w.after(c.w.between(1, 400), func() { l.display("Bob") })
	}
}

func (f *freeswitch) modify(a *account, r *request, l *leg, body gjson.Result) {
	c := l.call
	action := body.Get("action").String()
	delay := f.w.between(1, 6)
	ok := func(more map[string]any) {
		fields := map[string]any{"callID": l.id, "action": action, "holdState": map[bool]string{true: "held", false: "active"}[l.held]}
		for k, v := range more {
			fields[k] = v
		}
		a.reply(r, delay, true, fields)
	}
	no := func(message string) {
		a.reply(r, delay, false, map[string]any{"callID": l.id, "action": action, "message": message, "code": -32002})
	}
	switch action {
	case "hold", "unhold":
		if want := action == "hold"; l.state == answered && l.up && l.held != want {
			l.held = want
			delay += 250 * time.Millisecond
			a.toPBX = later(a.toPBX, f.w.now.Add(250*time.Millisecond))
		}
		c.disturb()
		ok(nil)
	case "updateMedia":
		c.disturb()
		if !l.up {
			no("Cannot update a call that has not been answered.")
			l.hangup("DESTINATION_OUT_OF_ORDER")
			return
		}
		d := readSDP(body.Get("sdp").String())
		if len(d.audio().candidates) == 0 {
			no("CODEC NEGOTIATION ERROR")
			return
		}
		setup := l.call.media.pbx.role
		if l.attached {
			setup = "passive"
		}
		l.resume(d)
		ok(map[string]any{"sdp": l.sdp(setup, answering("sendrecv", d.audio().direction))})
	case "transfer":
		if !l.bridged {
			no("call is not bridged")
			return
		}
		l.end()
		ok(map[string]any{"message": "CALL TRANSFERRED"})
		a.tell(50*time.Millisecond, "verto.bye", l.id, map[string]any{"cause": "NORMAL_CLEARING", "causeCode": 16})
	case "replace":
		other := f.legs[body.Get("replaceCallID").String()]
		if other == nil || other.state != answered || !l.bridged || !other.bridged {
			no("transfer failed")
			return
		}
		ok(nil)
		l.hangup("ATTENDED_TRANSFER")
		other.hangup("NORMAL_CLEARING")
	case "videoRefresh":
		ok(nil)
	default:
		f.w.fault(c, "FreeSWITCH knows no action %q", action)
	}
}

// ring lets FreeSWITCH call the user of a call, on any account that is there.
func (f *freeswitch) ring(c *call) bool {
	for _, a := range shuffled(f.w, f.w.link.accounts) {
		if !a.connected || a.broken || !a.ready {
			continue
		}
		l := f.add("fs-"+c.name, c, a, false)
		c.note("FreeSWITCH -> verto.invite")
		a.tell(f.w.between(1, 20), "verto.invite", l.id, map[string]any{
			"sdp": l.sdp("actpass", "sendrecv"), "caller_id_number": c.room.number, "caller_id_name": "Bob",
			"callee_id_number": "1008", "verto_h_did": c.room.user.number,
		})
		f.w.after(c.rings, func() {
			if l.state == offered && c.result != "" {
				l.hangup("ORIGINATOR_CANCEL")
			}
		})
		return true
	}
	return false
}
