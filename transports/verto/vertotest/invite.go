package vertotest

import "github.com/google/uuid"

// inviteMethod begins a call of the client: it is created at once, whatever
// its SDP; the extension then decides (verto__invite_func).
func (k *socket) inviteMethod(params object) reply {
	dialog := params.object("dialogParams")
	callID := dialog.text("callID")
	sdp, _ := params.get("sdp")
	offer, hasSDP := sdp.(string)
	switch {
	case params == nil:
		return inviteFault("Params data missing", InvalidMessage)
	case dialog == nil:
		return inviteFault("Dialog data missing", InvalidMessage)
	case callID == "":
		return inviteFault("CallID missing", InvalidMessage)
	case !hasSDP:
		return inviteFault("SDP missing", InvalidMessage)
	}
	l, extension, err := k.newLeg(callID, offer, dialog)
	if err != nil {
		return inviteFault("Cannot create channel", DestinationOutOfOrder)
	}
	k.srv.wg.Go(func() { l.execute(extension) })
	return reply{result: object{{"message", "CALL CREATED"}, {"callID", callID}}}
}

// inviteFault has its message twice, as on the wire: the detail first, the
// general one last.
func inviteFault(detail string, cause Cause) reply {
	return reply{fault: object{
		{"message", detail}, {"causeCode", int(cause)}, {"cause", cause.String()},
		{"message", "CALL ERROR"}, {"code", codeCall},
	}}
}

func (k *socket) newLeg(callID, offer string, dialog object) (*Leg, Extension, error) {
	s := k.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.callerName == "" {
		k.callerName = dialog.text("caller_id_name")
	}
	l := &Leg{
		callID: callID, sessid: k.sessid, login: k.user.Login, recover: true, offer: offer,
		destination: dialog.text("destination_number"),
		callerName:  dialog.text("caller_id_name"), callerNumber: dialog.text("caller_id_number"),
		calleeName: dialog.text("remote_caller_id_name"), calleeNumber: dialog.text("remote_caller_id_number"),
	}
	if l.destination == "" {
		l.destination = "service"
	}
	if l.callerName == "" {
		l.callerName = k.callerName
	}
	if keep, ok := dialog.get("recoverCall"); ok && keep == false {
		l.recover = false
	}
	if err := s.begin(l); err != nil {
		return nil, nil, err
	}
	return l, s.route(l.destination), nil
}

// An invitation says who calls with what, to every socket of a user.
type invitation struct {
	callerName, callerNumber, calleeNumber string
	variables, headers                     object
	audio, video                           []codec
}

// inviteAll begins a call to every socket of a user. The caller holds s.mu.
func (s *Server) inviteAll(login string, i invitation) []*Leg {
	var legs []*Leg
	for _, k := range s.sockets {
		if k.user == nil || k.user.Login != login || s.sessions[k.sessid] != k {
			continue
		}
		l, err := s.invite(k, i)
		if err != nil {
			s.log.Debug("cannot call", "login", login, "err", err)
			continue
		}
		legs = append(legs, l)
	}
	return legs
}

// invite begins a call to one socket's client, with a callID of its own, and
// sends verto.invite. The caller holds s.mu.
func (s *Server) invite(k *socket, i invitation) (*Leg, error) {
	l := &Leg{
		callID: uuid.NewString(), sessid: k.sessid, login: k.user.Login, outbound: true, recover: true,
		destination: i.calleeNumber, offered: i.audio,
		callerName: i.callerName, callerNumber: i.callerNumber,
		calleeName: k.callerName, calleeNumber: i.calleeNumber,
		variables: i.variables, headers: i.headers,
	}
	if l.calleeName == "" {
		l.calleeName = "Outbound Call"
	}
	if err := s.begin(l); err != nil {
		return nil, err
	}
	if err := l.openMedia(); err != nil {
		s.end(l, NormalTemporaryFailure, ServerSide)
		return nil, err
	}
	params := object{
		{"variables", s.channelVariables(l.variables)},
		{"sdp", l.identity.invite(i.audio, i.video, s.dtls.fingerprint())},
	}
	l.send("verto.invite", append(append(params, l.ids()...), l.headers...))
	return l, nil
}
