package vertotest

import "time"

// detach lets go of the calls of a session without a socket: what was not
// answered ends, what was lives on, mute, until [Timing.Detach] is over
// (detach_calls). The caller holds s.mu.
func (s *Server) detach(sessid string) {
	for _, l := range s.history {
		switch {
		case l.sessid != sessid || l.state == Ended || l.state == Detached:
		case l.state != Active:
			s.end(l, DestinationOutOfOrder, ServerSide)
		case !l.recover:
			s.end(l, NormalClearing, ServerSide)
		default:
			l.pause()
			l.startDetachTimer()
		}
	}
	s.notify()
}

// pause stops the sound and draws new ICE credentials for the next offer.
func (l *Leg) pause() {
	l.state = Detached
	l.identity.renew()
	if l.media != nil {
		l.media.pause(true)
	}
}

// startDetachTimer ends the call unless stopDetachTimer comes first. The caller
// holds srv.mu.
func (l *Leg) startDetachTimer() {
	s := l.srv
	var timer *time.Timer
	timer = time.AfterFunc(s.opts.Timing.Detach, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.detachTimer == timer {
			s.hangup(l, RecoveryOnTimerExpire)
		}
	})
	l.detachTimer = timer
}

func (l *Leg) stopDetachTimer() {
	if l.detachTimer != nil {
		l.detachTimer.Stop()
		l.detachTimer = nil
	}
}

// ready gives a socket that logged in a round ago the calls of its session
// back, and tells it so.
func (s *Server) ready(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reattached := []string{}
	if s.sessions[k.sessid] == k {
		for _, l := range s.history {
			if l.sessid == k.sessid && l.state == Detached {
				l.identity.session++
				l.identity.version = l.identity.session + 1
				l.offerAgain("sendrecv")
				reattached = append(reattached, l.callID)
			}
		}
	}
	s.enqueue(k, "verto.clientReady", object{{"reattached_sessions", reattached}})
}

// offerAgain sends verto.attach and stops the clock of a detached call. The
// caller holds srv.mu.
func (l *Leg) offerAgain(direction string) {
	l.stopDetachTimer()
	l.attached, l.wanted = true, direction
	if l.media != nil {
		l.media.expect(l.identity.audio)
	}
	params := object{
		{"variables", l.srv.channelVariables(l.variables)},
		{"sdp", l.identity.attach(l.agreement, direction, l.srv.dtls.fingerprint())},
	}
	l.send("verto.attach", append(append(params, l.ids()...), l.headers...))
}

// Renegotiate has the server offer a live call anew in mid-call, as a media
// renegotiation of FreeSWITCH does; the other calls of its session suffer the
// same detachment as there. The direction is that of the offer: "sendrecv", or
// "sendonly" for a server that holds the client. False if there is no such call,
// or it is not active.
func (s *Server) Renegotiate(callID, direction string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.legs[callID]
	if !ok || l.state != Active {
		return false
	}
	s.detach(l.sessid)
	l.offerAgain(direction)
	return true
}

// attachMethod is the client's answer to verto.attach, or comes unasked
// (verto__attach_func).
func (k *socket) attachMethod(params object) reply {
	l, _, r := k.dialogCall(params, true)
	if r.fault != nil {
		return r
	}
	if l == nil {
		return refusal(noSuchCall)
	}
	s := k.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.state != Active && l.state != Detached {
		s.hangup(l, DestinationOutOfOrder)
		return refusal("Cannot attach to a call that has not been answered.")
	}
	if err := l.reattach(params.text("sdp")); err != nil {
		s.hangup(l, BearerNotAvailable)
		return refusal("CODEC NEGOTIATION ERROR")
	}
	if l.shown != nil {
		l.send("verto.display", l.shown)
	}
	s.notify()
	return reply{}
}

// reattach takes the client's answer and lets the sound go on. The caller holds srv.mu.
func (l *Leg) reattach(sdp string) error {
	a, err := negotiate(sdp, l.srv.opts.Codecs)
	if err != nil {
		return err
	}
	l.attached, l.reattached = false, true
	l.agreement.audio.setup = a.audio.setup
	if l.agreement.audio.direction = a.audio.direction; l.wanted == "sendonly" {
		l.agreement.audio.direction = heldDirection[a.audio.direction]
	}
	l.resume(a.peer)
	if l.media != nil {
		l.media.speak(l.agreement.audio)
	}
	return nil
}

// heldDirection is what is left of what a client agrees to while the server
// holds it.
var heldDirection = map[string]string{"sendrecv": "sendonly", "sendonly": "sendonly", "recvonly": "inactive", "inactive": "inactive"}

// resume lets the sound of an active or detached call go on, with a client
// that may be elsewhere now. The caller holds srv.mu.
func (l *Leg) resume(peer remote) {
	l.agreement.peer = peer
	l.stopDetachTimer()
	l.state = Active
	if l.media != nil {
		l.media.pause(l.held)
		l.media.meet(peer, l.reattached)
	}
}
