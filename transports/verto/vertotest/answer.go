package vertotest

import "slices"

// dialogCall finds the call that a request is about, or says what is wrong
// with the request. needSDP is for the methods that carry one.
func (k *socket) dialogCall(params object, needSDP bool) (l *Leg, callID string, r reply) {
	dialog := params.object("dialogParams")
	callID = dialog.text("callID")
	sdp, _ := params.get("sdp")
	_, hasSDP := sdp.(string)
	switch {
	case params == nil:
		return nil, "", refusal("Params data missing")
	case dialog == nil:
		return nil, "", refusal("Dialog data missing")
	case callID == "":
		return nil, "", refusal("CallID missing")
	case needSDP && !hasSDP:
		return nil, callID, refusal("SDP missing")
	}
	k.srv.mu.Lock()
	defer k.srv.mu.Unlock()
	return k.srv.legs[callID], callID, reply{}
}

const noSuchCall = "CALL DOES NOT EXIST"

// answerMethod accepts a call that the server placed. Whose call it is nobody
// checks; on a live call it negotiates media anew (verto__answer_func).
func (k *socket) answerMethod(params object) reply {
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
	if err := l.accept(params.text("sdp")); err != nil {
		return refusal("CODEC ERROR")
	}
	if l.state == Ringing {
		l.state = Answered
		if l.turns {
			l.callerName, l.calleeName = l.calleeName, l.callerName
			l.callerNumber, l.calleeNumber = l.calleeNumber, l.callerNumber
		}
		l.settle()
	}
	s.notify()
	return reply{}
}

// accept takes a client's answer to what the server offered. The caller holds srv.mu.
func (l *Leg) accept(sdp string) error {
	a, err := negotiate(sdp, l.srv.opts.Codecs)
	if err != nil {
		return err
	}
	if l.outbound {
		if !l.offeredCodec(a.audio.codec.payload) {
			return errSDP
		}
		// FreeSWITCH did not offer digits; it hears them once an updateMedia
		// offers those of the answer again.
		l.events, a.audio.events = a.audio.events != nil, nil
	}
	l.agreement = a
	l.startMedia()
	return nil
}

func (l *Leg) offeredCodec(payload int) bool {
	return slices.ContainsFunc(l.offered, func(c codec) bool { return c.payload == payload })
}

// byeMethod ends any call there is, its owner is not told (verto__bye_func).
func (k *socket) byeMethod(params object) reply {
	l, callID, r := k.dialogCall(params, false)
	if r.fault != nil {
		return r
	}
	if l == nil {
		return reply{fault: append(object{{"callID", callID}}, refusal(noSuchCall).fault...)}
	}
	cause := byeCause(params)
	k.srv.mu.Lock()
	defer k.srv.mu.Unlock()
	k.srv.end(l, cause, ClientSide)
	return reply{result: object{
		{"callID", callID}, {"message", "CALL ENDED"}, {"causeCode", int(cause)}, {"cause", cause.String()},
	}}
}
