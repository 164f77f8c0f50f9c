package vertotest

import "strings"

// modifyMethod changes a call (verto__modify_func). Every outcome names the
// call and the action; only a success tells the hold state.
func (k *socket) modifyMethod(params object) reply {
	l, callID, r := k.dialogCall(params, false)
	if r.fault != nil {
		return r
	}
	action := params.text("action")
	if action == "" {
		return refusal("action missing")
	}
	head := object{{"callID", callID}, {"action", action}}
	var message string
	var extra object
	if l == nil {
		message = noSuchCall
	} else {
		extra, message = k.modify(l, strings.ToLower(action), params)
	}
	if message != "" {
		return reply{fault: append(head, refusal(message).fault...)}
	}
	k.srv.mu.Lock()
	defer k.srv.mu.Unlock()
	state := "active"
	if l.held {
		state = "held"
	}
	return reply{result: append(head, extra...).with("holdState", state)}
}

// modify gives what a success adds to the result, or an error's message. What
// it does not know it accepts.
func (k *socket) modify(l *Leg, action string, params object) (extra object, message string) {
	switch action {
	case "hold":
		k.hold(l, true)
	case "unhold":
		k.hold(l, false)
	case "togglehold":
		k.hold(l, !l.Call().Held)
	case "transfer":
		return k.transfer(l, params.text("destination"))
	case "replace":
		return k.replace(l, params.text("replaceCallID"))
	case "updatemedia":
		return k.updateMedia(l, params)
	}
	return nil, ""
}

// hold pauses or resumes the sound of an answered call, and the socket with it.
func (k *socket) hold(l *Leg, held bool) {
	k.srv.mu.Lock()
	change := l.state == Active && l.held != held
	if change {
		l.held = held
		if l.media != nil {
			l.media.pause(held)
		}
		k.srv.notify()
	}
	k.srv.mu.Unlock()
	if change {
		k.sleep(k.srv.opts.Timing.Hold)
	}
}

// transfer sends the partner of a bridged call to another extension and ends
// the call itself.
func (k *socket) transfer(l *Leg, destination string) (extra object, message string) {
	s := k.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case destination == "":
		return nil, "destination missing"
	case l.partner == nil:
		return nil, "call is not bridged"
	}
	partner := l.partner
	l.part()
	partner.goOn(destination, s.route(destination))
	s.hangup(l, NormalClearing)
	return object{{"message", "CALL TRANSFERRED"}}, ""
}

// replace joins the partners of two bridged calls and ends both of these: an
// attended transfer.
func (k *socket) replace(l *Leg, otherID string) (extra object, message string) {
	s := k.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	other := s.legs[otherID]
	switch {
	case otherID == "":
		return nil, "replaceCallID missing"
	case other == nil || other == l:
		return nil, "invalid transfer leg"
	case l.partner == nil || other.partner == nil:
		return nil, "transfer failed"
	}
	a, b := l.partner, other.partner
	l.part()
	other.part()
	a.goOn(b.destination, bridgeWith(b))
	b.goOn(b.destination, park)
	s.hangup(l, AttendedTransfer)
	s.hangup(other, NormalClearing)
	return nil, ""
}

// updateMedia takes a client's new offer. FreeSWITCH keeps its own ICE
// credentials, and its DTLS session unless the client's fingerprint changed.
func (k *socket) updateMedia(l *Leg, params object) (extra object, message string) {
	s := k.srv
	sdp, _ := params.get("sdp")
	offer, ok := sdp.(string)
	if !ok {
		return nil, "SDP missing"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.state != Active && l.state != Detached {
		s.hangup(l, DestinationOutOfOrder)
		return nil, "Cannot update a call that has not been answered."
	}
	a, err := negotiate(offer, s.opts.Codecs)
	if err != nil {
		return nil, "CODEC NEGOTIATION ERROR"
	}
	a.audio.setup = l.role()
	if l.outbound && !l.events {
		a.audio.events = nil
	}
	l.agreement = a
	l.identity.version++
	l.resume(a.peer)
	if l.media != nil {
		l.media.speak(a.audio)
	}
	s.notify()
	components := 1
	if l.outbound || l.reattached {
		components = 2
	}
	return object{{"sdp", l.identity.update(a, s.dtls.fingerprint(), components)}}, ""
}

// role is the DTLS role that FreeSWITCH writes into later answers: its own of
// before, but passive from a verto.attach on until that is answered.
func (l *Leg) role() string {
	if l.attached {
		return "passive"
	}
	return l.agreement.audio.setup
}
