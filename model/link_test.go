package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"vertigo/engine"
	"vertigo/transports/verto"
)

const (
	accountCount  = 16
	detachTimeout = 120 * time.Second // after which the transport gives calls up
)

// A link is the transport to FreeSWITCH with several accounts, as package verto
// behaves towards the rules (keeper.go, book.go there).
type link struct {
	w        *world
	codec    *verto.Codec
	accounts []*account
	request  int
}

// An account is one login, with one sessid for life.
type account struct {
	l         *link
	name      string
	connected bool // the transport has a socket, as far as it knows
	ready     bool // for new calls
	broken    bool // the socket is lost, and only FreeSWITCH knows
	life      int  // counts the sockets
	dialogs   map[string]*dialog
	pending   []*request
	toPBX     time.Time // when the last message on its way arrives
	toBridge  time.Time
	shaken    time.Time // when its connection last came or went
	downSince time.Time
}

// A dialog is a call at FreeSWITCH, as the transport knows it.
type dialog struct {
	life  int
	known bool
	lost  bool
	bye   json.RawMessage
}

type request struct {
	id     string
	action engine.Action
	own    bool // of the transport: no rule hears what comes of it
}

func newLink(w *world) *link {
	l := &link{w: w, codec: verto.NewCodec(vertoPeer.Name)}
	for i := range accountCount {
		l.accounts = append(l.accounts, &account{l: l, name: fmt.Sprint("bridge", i), dialogs: map[string]*dialog{}})
	}
	return l
}

func (l *link) up() {
	for _, a := range l.accounts {
		a.connect()
	}
}

// connect brings a new socket, and back what FreeSWITCH has kept.
func (a *account) connect() {
	a.life++
	a.connected, a.broken = true, false
	a.shaken = a.l.w.now
	a.l.w.pbx.login(a)
}

// clientReady ends a login: these calls are back.
func (a *account) clientReady(back []string) {
	for _, key := range a.keys() {
		d := a.dialogs[key]
		switch {
		case d.life == a.life:
		case !slices.Contains(back, key):
			delete(a.dialogs, key)
			if d.bye == nil {
				a.say("verto.gone", map[string]any{"callID": key, "cause": "DESTINATION_OUT_OF_ORDER", "causeCode": 27})
			}
		default:
			d.life, d.known, d.lost = a.life, true, false
			if d.bye != nil {
				a.write(&request{action: engine.Action{Type: "verto.bye", Key: key, Body: d.bye}, own: true})
			}
		}
	}
	first := !slices.ContainsFunc(a.l.accounts, func(a *account) bool { return a.ready })
	a.ready = true
	if first {
		a.say(engine.TransportUp, map[string]any{"account": a.name, "reattached": back})
	}
}

// keys are the calls on the account, in an order that is always the same.
func (a *account) keys() []string {
	keys := make([]string, 0, len(a.dialogs))
	for key := range a.dialogs {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// lose breaks the socket. FreeSWITCH sees it at once, the bridge within skew;
// after away there is another one.
func (a *account) lose(skew, away time.Duration) {
	if !a.connected || a.broken {
		return
	}
	w := a.l.w
	a.broken, a.shaken = true, w.now
	w.pbx.detach(a)
	w.after(skew, func() {
		a.notice()
		w.after(away, a.connect)
	})
}

// notice is what the transport does when it sees that its socket is lost.
func (a *account) notice() {
	w := a.l.w
	a.connected, a.shaken, a.downSince = false, w.now, w.now
	if a.ready {
		a.ready = false
		if !slices.ContainsFunc(a.l.accounts, func(a *account) bool { return a.ready }) {
			a.say(engine.TransportDown, map[string]any{"account": a.name})
		}
	}
	pending := a.pending
	a.pending = nil
	for _, r := range pending {
		if d := a.dialogs[r.action.Key]; d != nil && r.action.Type == "verto.invite" && !d.known {
			delete(a.dialogs, r.action.Key)
		}
	}
	for _, key := range a.keys() {
		if d := a.dialogs[key]; d.known && d.bye == nil && !d.lost {
			d.lost = true
			a.say("verto.lost", map[string]any{"callID": key})
		}
	}
	for _, r := range pending {
		a.fail(r, "connection lost")
	}
	life := a.life
	w.after(detachTimeout, func() {
		if a.life == life && !a.connected {
			a.giveUp()
		}
	})
}

func (a *account) giveUp() {
	for _, key := range a.keys() {
		if d := a.dialogs[key]; d.bye == nil {
			d.bye = json.RawMessage(fmt.Sprintf(`{"cause":"NORMAL_TEMPORARY_FAILURE","dialogParams":{"callID":%q}}`, key))
			a.say("verto.gone", map[string]any{"callID": key, "cause": "DESTINATION_OUT_OF_ORDER", "causeCode": 27})
		}
	}
}

// say delivers a word of the transport itself.
func (a *account) say(method string, params map[string]any) {
	data, err := json.Marshal(map[string]any{"method": method, "params": params})
	if err != nil {
		panic(err) // texts and lists of texts always marshal
	}
	a.deliver(data)
}

func (a *account) deliver(data []byte) {
	messages, err := a.l.codec.In(a.l.w.now, a.name, data)
	if err != nil {
		a.l.w.fault(nil, "the codec cannot read %s: %v", data, err)
	}
	a.l.w.step(messages...)
}

// fail says that a request got no response.
func (a *account) fail(r *request, problem string) {
	if r.own {
		return
	}
	frame := map[string]any{"jsonrpc": "2.0", "error": map[string]any{"code": -1, "message": problem}}
	if r.id == "" { // it never went out
		r.id = a.note(r.action)
	}
	id, _ := strconv.Atoi(r.id)
	frame["id"] = id
	a.respond(r, frame)
}

// note lets the codec know of a request, and gives its id.
func (a *account) note(action engine.Action) string {
	frame := a.l.codec.Frame(action)
	a.l.codec.Out(a.name, frame)
	var head struct {
		ID json.Number `json:"id"`
	}
	if err := json.Unmarshal(frame, &head); err != nil {
		panic(err) // the codec's own frame
	}
	return head.ID.String()
}

// respond delivers the response to a request.
func (a *account) respond(r *request, frame map[string]any) {
	data, err := json.Marshal(frame)
	if err != nil {
		panic(err) // the model makes nothing that is no JSON
	}
	messages, err := a.l.codec.In(a.l.w.now, a.name, data)
	if err != nil {
		a.l.w.fault(nil, "the codec cannot read %s: %v", data, err)
	}
	if r.own {
		return
	}
	for i := range messages {
		messages[i].Call = r.action.Call
	}
	a.l.w.step(messages...)
}

// send takes an action of the rules.
func (l *link) send(action engine.Action) {
	var at *account
	for _, a := range l.accounts {
		if a.dialogs[action.Key] != nil {
			at = a
		}
	}
	if at == nil {
		for _, a := range l.accounts {
			if a.ready && (at == nil || len(a.dialogs) < len(at.dialogs)) {
				at = a
			}
		}
		if at == nil {
			l.w.after(0, func() { l.accounts[0].fail(&request{action: action}, "not connected") })
			return
		}
		if action.Type == "verto.invite" {
			at.dialogs[action.Key] = &dialog{life: at.life}
		}
	}
	if d := at.dialogs[action.Key]; d != nil && action.Type == "verto.bye" && d.bye == nil {
		d.bye = action.Body
	}
	if !at.connected {
		l.w.after(0, func() { at.fail(&request{action: action}, "not connected") })
		return
	}
	at.write(&request{action: action})
}

// write sends a request on its way to FreeSWITCH.
func (a *account) write(r *request) {
	w := a.l.w
	r.id = a.note(r.action)
	a.pending = append(a.pending, r)
	a.toPBX = later(a.toPBX, w.now.Add(w.between(1, 8)))
	life := a.life
	w.agenda.add(a.toPBX, func() {
		if a.life == life && a.connected && !a.broken {
			w.pbx.asked(a, r)
		}
	})
}

// reply is FreeSWITCH's response to a request, on its way.
func (a *account) reply(r *request, after time.Duration, ok bool, fields map[string]any) {
	a.fromPBX(after, func() {
		i := slices.Index(a.pending, r)
		if i < 0 {
			return
		}
		a.pending = slices.Delete(a.pending, i, i+1)
		if d := a.dialogs[r.action.Key]; d != nil {
			switch {
			case r.action.Type == "verto.bye", r.action.Type == "verto.invite" && !ok && !d.known:
				delete(a.dialogs, r.action.Key)
			case r.action.Type == "verto.invite":
				d.known = true
			}
		}
		id, _ := strconv.Atoi(r.id)
		frame := map[string]any{"jsonrpc": "2.0", "id": id}
		if ok {
			frame["result"] = fields
		} else {
			frame["error"] = fields
		}
		a.respond(r, frame)
	})
}

// tell is a request of FreeSWITCH about a call, on its way.
func (a *account) tell(after time.Duration, method, key string, params map[string]any) {
	a.fromPBX(after, func() {
		switch d := a.dialogs[key]; {
		case method == "verto.bye":
			delete(a.dialogs, key)
		case d == nil && method != "verto.invite" && method != "verto.attach":
		case d == nil:
			a.dialogs[key] = &dialog{life: a.life, known: true}
		default:
			d.known, d.lost = true, false
		}
		a.l.request++
		params["callID"] = key
		data, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": a.l.request, "method": method, "params": params})
		if err != nil {
			panic(err) // the model makes nothing that is no JSON
		}
		a.deliver(data)
	})
}

// fromPBX lets something arrive at the bridge, after all that was sent before it,
// if the socket lives that long.
func (a *account) fromPBX(after time.Duration, do func()) {
	w := a.l.w
	a.toBridge = later(a.toBridge, w.now.Add(after))
	life := a.life
	w.agenda.add(a.toBridge, func() {
		if a.life == life && a.connected && !a.broken {
			do()
		}
	})
}
