package model

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

type clientState int

const (
	idle    clientState = iota
	calling             // its invite waits for an answer
	ringing
	talking
	gone // its call is over, as far as it knows
)

const (
	lifetime   = 60 * time.Second
	vanishTime = 260 * time.Second // after which a client that has vanished must have been found out
)

// A client is that of a Matrix user in one call, as matrix-js-sdk in Chromium is
// (matrix-voip, sections 3 to 5; sdp-interop, sections 5 and 7).
type client struct {
	c        *call
	caller   bool // of the call: then it is the impolite one
	v0       bool
	party    string
	state    clientState
	vanished bool
	deaf     bool // it never takes an answer: nothing of its SDP pleases it

	session  string
	version  int
	remote   int      // the last version of the bridge's descriptions
	layout   []string // kinds of the sections that were agreed on
	print    string
	current  *generation // of ICE credentials in use
	open     *offer      // of its own that waits for an answer
	undone   int         // offers of its own that it has taken back
	busy     bool        // it makes an answer
	inbox    []gjson.Result
	hold     bool // what its user wants
	agreed   bool // what was last agreed on
	restart  bool // it wants a new path
	video    bool // it wants video
	again    bool // it wants to negotiate for no reason
	answers  bool // it has answered an offer
	heardDir string
}

// A generation is ICE credentials and the address that goes with them.
type generation struct {
	creds    creds
	address  string
	gathered bool
}

// An offer is one of the client's that is open.
type offer struct {
	generation *generation
	kinds      []string
	hold       bool
	restart    bool
	at         time.Time
}

func newClient(c *call) *client {
	w := c.w
	n := w.name("")
	return &client{
		c: c, session: "51" + n, version: 1, party: "device" + n,
		print: fmt.Sprintf("sha-256 %02X:%s:11:22:33", w.random.IntN(256), strings.Repeat("AB:", 10)+n),
	}
}

// over tells that the client is in no call, as far as it knows.
func (k *client) over() bool { return k.state == idle || k.state == gone || k.vanished }

func (k *client) generation() *generation {
	w := k.c.w
	w.names++
	return &generation{creds{w.name("c"), w.name("clientpassword0123456789")}, fmt.Sprintf("192.0.2.%d:%d", 1+w.names%250, 20000+w.names%40000), false}
}

func (k *client) send(typ string, content map[string]any) {
	content["call_id"] = k.c.callID
	if k.v0 {
		content["version"] = 0
	} else {
		content["version"], content["party_id"] = "1", k.party
	}
	k.c.note("client -> %s", typ)
	k.c.w.home.upload(k.c.room, typ, content)
}

// sdp is a description of the client's, with these sections; those that it
// refuses are called "".
func (k *client) sdp(g *generation, kinds []string, setup, direction string) string {
	k.version++
	list := []string{"v=0", fmt.Sprintf("o=- %s %d IN IP4 127.0.0.1", k.session, k.version), "s=-", "t=0 0"}
	mids, sections := "", []string{}
	for i, kind := range kinds {
		payloads, port := "111 0 110", 9
		if kind != "audio" {
			payloads = "96"
		}
		if kind == "" {
			sections = append(sections, "m=video 0 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", fmt.Sprint("a=mid:", i), "a=inactive")
			continue
		}
		mids += fmt.Sprint(" ", i)
		sections = append(sections, fmt.Sprintf("m=%s %d UDP/TLS/RTP/SAVPF %s", kind, port, payloads), "c=IN IP4 0.0.0.0")
		if g.gathered && i == 0 {
			sections = append(sections, "a="+candidateLine(g.address))
		}
		sections = append(sections, "a=ice-ufrag:"+g.creds.ufrag, "a=ice-pwd:"+g.creds.pwd, "a=ice-options:trickle", "a=fingerprint:"+k.print,
			"a=setup:"+setup, fmt.Sprint("a=mid:", i), "a="+direction, "a=rtcp-mux")
		if kind == "audio" {
			sections = append(sections, "a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/48000")
		} else {
			sections = append(sections, "a=rtpmap:96 VP8/90000")
		}
	}
	return lines(append(append(list, "a=group:BUNDLE"+mids), sections...)...)
}

// trickle sends the candidates of a generation when they are there.
func (k *client) trickle(g *generation, after time.Duration) {
	k.c.w.after(after, func() {
		g.gathered = true
		if k.over() {
			return
		}
		entry := map[string]any{"candidate": candidateLine(g.address), "sdpMid": "0", "sdpMLineIndex": 0}
		if !k.v0 {
			entry["usernameFragment"] = g.creds.ufrag
		}
		list := []any{entry}
		if k.c.w.chance(50) {
			list = append(list, map[string]any{"candidate": ""})
		}
		k.send("m.call.candidates", map[string]any{"candidates": list})
		k.c.disturb()
	})
}

// call begins a call of the client's.
func (k *client) call() {
	k.state, k.caller = calling, true
	k.open = &offer{generation: k.generation(), kinds: []string{"audio"}, at: k.c.w.now}
	if k.video {
		k.open.kinds = append(k.open.kinds, "video")
	}
	k.video = false
	k.send("m.call.invite", map[string]any{
		"lifetime": lifetime.Milliseconds(), "capabilities": map[string]any{"m.call.transferee": false, "m.call.dtmf": false},
		"offer": map[string]any{"type": "offer", "sdp": k.sdp(k.open.generation, k.open.kinds, "actpass", "sendrecv")},
	})
	k.trickle(k.open.generation, k.c.w.between(15, 60))
	k.c.w.after(lifetime, func() {
		if k.state == calling {
			k.hangup("invite_timeout")
		}
	})
}

func (k *client) hangup(reason string) {
	if k.over() {
		return
	}
	content := map[string]any{}
	if reason != "" {
		content["reason"] = reason
	}
	k.send("m.call.hangup", content)
	k.end("it hangs up")
}

func (k *client) end(why string) {
	k.state = gone
	k.c.note("client: over, %s", why)
	k.c.disturb()
}

// receive takes an event of the bridge.
func (k *client) receive(typ string, content gjson.Result) {
	c := k.c
	if k.state == gone || k.vanished {
		return
	}
	c.note("client <- %s %s", typ, digest([]byte(content.Raw)))
	v0, party := content.Get("version").Raw == "0", content.Get("party_id").String()
	known := k.caller || typ != "m.call.hangup" // the bridge has seen its answer
	if typ != "m.call.invite" && k.state != ringing && known && (v0 != k.v0 || !v0 && party != bridgeID || v0 && party != "") {
		c.fault("%s has version %s and party %q", typ, content.Get("version").Raw, party)
	}
	switch typ {
	case "m.call.invite":
		k.ring(content)
	case "m.call.answer":
		if k.state != calling {
			c.fault("a second answer")
			return
		}
		k.answered(content.Get("answer.sdp").String())
	case "m.call.select_answer":
		if content.Get("selected_party_id").String() != k.party {
			k.end("another party was selected")
		}
	case "m.call.reject":
		if k.state != calling {
			c.fault("a call that was answered is rejected")
		}
		k.end("rejected")
	case "m.call.hangup":
		if k.state == calling && !k.v0 {
			c.fault("a hangup before the answer: clients ignore that")
		}
		k.end("the bridge hangs up")
	case "m.call.negotiate":
		if k.v0 {
			c.fault("m.call.negotiate to a client of version 0")
			return
		}
		if k.state != talking {
			c.fault("m.call.negotiate before the call is answered")
			return
		}
		k.inbox = append(k.inbox, content.Get("description"))
		k.next()
	case "m.call.asserted_identity":
		if k.v0 {
			c.fault("%s to a client of version 0", typ)
		}
	default:
		c.fault("a client knows no %s", typ)
	}
}

// ring is an invite: what the user does with it, the plan of the call says.
func (k *client) ring(content gjson.Result) {
	c := k.c
	if k.state != idle {
		c.fault("it is invited twice")
		return
	}
	k.state = ringing
	c.callID = content.Get("call_id").String()
	d := readSDP(content.Get("offer.sdp").String())
	k.remote = d.version
	c.w.after(c.rings, func() {
		if k.state != ringing || k.vanished {
			return
		}
		switch c.result {
		case "":
			k.accept(d)
		case "decline":
			if k.v0 {
				k.hangup("")
				return
			}
			k.send("m.call.reject", map[string]any{})
			k.end("it declines")
		case "busy":
			k.hangup("user_busy")
		}
	})
	c.w.after(time.Duration(content.Get("lifetime").Int())*time.Millisecond+time.Second, func() {
		if k.state == ringing {
			k.end("it has rung long enough")
		}
	})
}

// accept answers a call.
func (k *client) accept(d *description) {
	c := k.c
	if !k.take(d, "offer") {
		return
	}
	k.current = k.generation()
	k.current.gathered = c.w.chance(70)
	m := &c.media
	m.client.local, m.client.address, m.client.print = k.current.creds, k.current.address, k.print
	k.layout = []string{"audio"}
	k.state = talking
	k.heardDir = "sendrecv"
	k.send("m.call.answer", map[string]any{"answer": map[string]any{"type": "answer", "sdp": k.sdp(k.current, k.layout, "active", "sendrecv")}})
	if !k.current.gathered {
		k.trickle(k.current, c.w.between(20, 600))
	}
	m.settle()
	c.connected()
}

// answered takes the answer to the client's invite.
func (k *client) answered(sdp string) {
	c := k.c
	if k.deaf {
		k.end("it does not take the answer, and says nothing")
		return
	}
	c.media.client.print = k.print
	if !k.settleOffer(readSDP(sdp)) {
		return
	}
	k.state = talking
	if !k.v0 {
		c.w.after(c.w.between(20, 90), func() {
			if !k.over() {
				k.send("m.call.select_answer", map[string]any{"selected_party_id": bridgeID})
			}
		})
	}
	c.connected()
}

// take applies a description of the bridge's; it is false if a browser would not.
func (k *client) take(d *description, typ string) bool {
	c, m := k.c, &k.c.media
	if k.state == talking && d.version <= k.remote {
		c.fault("version %d in the o= line, after %d", d.version, k.remote)
	}
	k.remote = d.version
	s := d.audio()
	switch {
	case s == nil:
		c.fault("no sound in an %s", typ)
	case len(d.sections) < len(k.layout):
		c.fault("%d sections, after %d", len(d.sections), len(k.layout))
	case s.mid != "0" || d.bundle != "0":
		c.fault("mid %q, bundled %q", s.mid, d.bundle)
	case typ == "offer" && s.setup != "actpass":
		c.fault("an offer with a=setup:%s", s.setup)
	case typ == "answer" && s.setup != "active" && s.setup != "passive":
		c.fault("an answer with a=setup:%s", s.setup)
	default:
		role := m.client.role
		if typ == "answer" {
			role = map[string]string{"active": "passive", "passive": "active"}[s.setup]
		} else if role == "" {
			role = "active"
		}
		fresh := s.print != m.client.peerPrint
		if !fresh && role != m.client.role {
			c.unsound("the DTLS role in the answer (%s) is not the one in use: the client is stuck", s.setup)
			return false
		}
		if fresh {
			m.client.renew()
		}
		m.client.role, m.client.peerPrint, m.client.remote = role, s.print, s.creds
		k.heardDir = s.direction
		return true
	}
	return false
}

// settleOffer takes an answer to the open offer.
func (k *client) settleOffer(d *description) bool {
	c, m := k.c, &k.c.media
	o := k.open
	if len(d.sections) != len(o.kinds) {
		c.fault("%d sections answer %d", len(d.sections), len(o.kinds))
		return false
	}
	for i, s := range d.sections {
		if o.kinds[i] != "audio" && !s.rejected() {
			c.fault("video is accepted")
		}
	}
	if was := m.client.remote; was.ufrag != "" && !o.restart && d.audio() != nil && d.audio().creds != was {
		c.unsound("an answer changes the ICE credentials, and the offer did not")
	}
	if !k.take(d, "answer") {
		return false
	}
	k.layout, k.current, k.agreed, k.open = o.kinds, o.generation, o.hold, nil
	m.client.local, m.client.address = k.current.creds, k.current.address
	m.settle()
	c.disturb()
	return true
}

// next does what waits: what came from the bridge, or what the user wants.
func (k *client) next() {
	for !k.busy && !k.over() && k.state == talking && len(k.inbox) > 0 {
		d := k.inbox[0]
		k.inbox = k.inbox[1:]
		if d.Get("type").String() == "offer" {
			k.offered(readSDP(d.Get("sdp").String()))
			continue
		}
		switch {
		case k.open != nil:
			k.settleOffer(readSDP(d.Get("sdp").String()))
		case k.undone > 0:
			k.undone--
			k.remote = max(k.remote, readSDP(d.Get("sdp").String()).version)
			k.c.note("client: an answer to an offer that it has taken back")
		default:
			k.c.fault("an answer to no offer")
		}
	}
	if k.wants() && !k.busy && k.open == nil && k.state == talking && !k.over() && !k.v0 {
		k.offer()
	}
}

func (k *client) wants() bool { return k.hold != k.agreed || k.restart || k.video || k.again }

func direction(hold bool) string {
	if hold {
		return "sendonly"
	}
	return "sendrecv"
}

// offer offers what the user wants.
func (k *client) offer() {
	c := k.c
	o := &offer{generation: k.current, kinds: slices.Clone(k.layout), hold: k.hold, restart: k.restart, at: c.w.now}
	if k.video && !slices.Contains(o.kinds, "video") {
		o.kinds = append(o.kinds, "video")
	}
	for i := range o.kinds {
		if o.kinds[i] == "" && k.video {
			o.kinds[i] = "video" // the refused section is used again
		}
	}
	if k.restart {
		o.generation = k.generation()
	}
	k.restart, k.video, k.again = false, false, false
	k.open = o
	c.note("client: offers hold=%v restart=%v %s %v", o.hold, o.restart, o.generation.creds.ufrag, o.kinds)
	if o.hold != k.agreed && c.w.chance(50) {
		k.send("m.call.sdp_stream_metadata_changed", map[string]any{"sdp_stream_metadata": map[string]any{}})
	}
	k.send("m.call.negotiate", map[string]any{
		"lifetime": lifetime.Milliseconds(), "capabilities": map[string]any{"m.call.transferee": false, "m.call.dtmf": false},
		"description": map[string]any{"type": "offer", "sdp": k.sdp(o.generation, o.kinds, "actpass", direction(o.hold))},
	})
	if o.restart {
		wait := c.w.between(20, 400)
		if c.w.chance(30) {
			wait = c.w.between(400, 5000)
		}
		k.trickle(o.generation, wait)
	}
	c.disturb()
}

// offered takes an offer of the bridge's.
func (k *client) offered(d *description) {
	c, m := k.c, &k.c.media
	if k.open != nil && k.caller {
		k.remote = max(k.remote, d.version)
		c.note("client: ignores the offer, since its own is open")
		return
	}
	s := d.audio()
	restarts := s != nil && s.creds != m.client.remote
	if o := k.open; o != nil {
		c.note("client: takes its own offer back")
		k.undone++
		k.open = nil
		k.restart = o.restart && !restarts
		k.video = slices.Contains(o.kinds, "video") && !slices.Contains(k.layout, "video")
	}
	if !k.take(d, "offer") {
		return
	}
	kinds := []string{"audio"}
	for range len(d.sections) - 1 {
		kinds = append(kinds, "")
	}
	if restarts {
		k.current = k.generation()
		k.current.gathered = c.w.chance(40)
		if !k.current.gathered {
			k.trickle(k.current, c.w.between(20, 700))
		}
	}
	m.client.local, m.client.address = k.current.creds, k.current.address
	m.settle()
	k.busy = true
	wait := c.w.between(10, 80)
	if !k.caller {
		wait = c.w.between(10, 500)
	}
	c.w.after(wait, func() {
		k.busy = false
		if k.over() {
			return
		}
		k.agreed, k.layout, k.answers = k.hold, kinds, true
		c.note("client: answers hold=%v %s", k.hold, k.current.creds.ufrag)
		k.send("m.call.negotiate", map[string]any{
			"lifetime":    lifetime.Milliseconds(),
			"description": map[string]any{"type": "answer", "sdp": k.sdp(k.current, kinds, m.client.role, answering(direction(k.hold), s.direction))},
		})
		k.next()
	})
}
