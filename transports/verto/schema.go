package verto

import (
	"vertigo/engine"
	"vertigo/schema"
)

// Schema tells of all messages of Verto that rules may see and send. It was read
// from mod_verto.c of FreeSWITCH 1.11.3 and held against captures of it. What is
// mechanics (login, verto.ping, verto.clientReady, verto.punt) no rule gets to
// see.
var Schema = &schema.Set{
	Messages: []schema.Message{
		both("verto.invite", "the server calls this account.", "begins a call.",
			requestType(offeredFields...),
			paramsType(
				schema.Need("sdp", textType, "The offer."),
				schema.Need("dialogParams", schema.Table(append([]schema.Field{
					schema.Need("callID", textType, "The call's id, of at most 255 characters; no other call of the whole server may have it."),
					schema.May("destination_number", textType, `The number to dial; without it: "service".`),
					schema.May("caller_id_name", textType, "The name to show; always send it, since the first one of a socket sticks."),
					schema.May("caller_id_number", textType, "The number to show."),
					schema.May("remote_caller_id_name", textType, "The name of who is called."),
					schema.May("remote_caller_id_number", textType, "The number of who is called."),
					schema.May("ani", textType, "The number that is charged."),
					schema.May("aniii", textType, "What kind of line that is."),
					schema.May("rdnis", textType, "The number that passed the call on."),
				}, dialogFields...)...), "Which call it is, and how it is to be."),
			)),
		{Type: "verto.invite.ok", Doc: "The channel exists; nobody has looked at the SDP yet.", In: resultType(messageField, callIDField)},
		{Type: "verto.invite.error", Doc: "There is no call. Cause DESTINATION_OUT_OF_ORDER stands for a callID that is in use, and for a server that takes no more calls.",
			In: failedType(causeField, causeCodeField)},
		{Type: "verto.media", Doc: "The far end is heard before it answers.", In: requestType(callIDField, answerField, variablesField)},
		both("verto.answer", "the far end answers.", "answers a call of the server.",
			requestType(callIDField, answerField, variablesField),
			paramsType(schema.Need("sdp", textType, "The answer."), ofCall(
				schema.May("callee_id_name", textType, "The name of who answers."),
				schema.May("callee_id_number", textType, "The number of who answers."),
			))),
		both("verto.bye", "the call is over.", "ends a call. The server says no verto.bye then.",
			requestType(callIDField, causeField, causeCodeField),
			paramsType(ofCall(),
				schema.May("cause", schema.One(causeNames...), "Why. It goes before causeCode; what the server does not know it takes for NORMAL_CLEARING."),
				schema.May("causeCode", schema.Of(schema.Integer|schema.Text), "The same as a number."))),
		{Type: "verto.bye.ok", Doc: "The call was ended.", In: resultType(messageField, callIDField, causeField, causeCodeField)},
		{Type: "verto.bye.error", Doc: "There is no such call.", In: failedType(callIDField)},
		both("verto.attach", "a call of a lost socket comes back with a new offer, or the server wants to negotiate anew.", "answers such an offer.",
			requestType(offeredFields...),
			paramsType(schema.Need("sdp", textType, "The answer."), ofCall())),
		{Type: "verto.display", Doc: "The far end has another name or number, or the call was just connected.", In: requestType(append([]schema.Field{
			callIDField,
			schema.May("display_name", textType, "The name of the far end."),
			schema.May("display_number", textType, "The number of the far end."),
		}, identityFields...)...)},
		{Type: "verto.modify", Doc: "Changes a call.", Out: paramsType(ofCall(),
			schema.Need("action", schema.One("hold", "unhold", "toggleHold", "transfer", "replace", "updateMedia", "videoRefresh"), "What is to be done; anything else the server accepts, and does nothing."),
			schema.May("destination", textType, "To transfer: the number that the far end is connected with."),
			schema.May("replaceCallID", textType, "To replace: the other call."),
			schema.May("sdp", textType, "To updateMedia: the offer."))},
		{Type: "verto.modify.ok", Doc: "The call was changed.", In: resultType(callIDField, actionField, holdStateField, messageField,
			schema.May("sdp", textType, "Of updateMedia: the answer."))},
		{Type: "verto.modify.error", Doc: "The call was not changed. After updateMedia of a call that was not answered it is over.", In: failedType(callIDField, actionField)},
		both("verto.info", "text for a call, or for the account.", "keys, or text.",
			requestType(
				schema.May("callID", textType, "The call; chat outside of one has none."),
				schema.May("msg", chatType, "A chat message."),
				schema.May("txt", schema.Table(schema.May("chars", textType, "The letters.")), "Text as it is typed.")),
			paramsType(dialogParams(false),
				schema.May("dtmf", textType, "Keys: 0-9 A-D * # F, w and W to pause, digits@ms for how long."),
				schema.May("msg", chatType, "A chat message."),
				schema.May("txt", schema.Table(
					schema.May("chars", schema.Of(schema.Text|schema.Integer), "The letters."),
					schema.May("code", schema.Of(schema.Integer), "One letter, by its number."),
				), "Text as it is typed."),
				schema.May("command", schema.Of(schema.Any), "Something for the call's channel."),
				schema.May("type", schema.One("mediaSettings"), "Other devices are in use."))),
		{Type: "verto.info.ok", Doc: "It was taken. For keys only a message of SENT says that there was a call to press them in.", In: resultType(messageField)},
		{Type: "verto.prompt", Doc: "The dialplan asks for keys.", In: requestType(callIDField,
			schema.Need("type", schema.One("dtmf", "message"), "What is asked for."),
			schema.May("text", textType, "The question."),
			schema.May("regex", textType, "What fits as an answer."))},
		{Type: "verto.mediaParams", Doc: "How the client is to send its picture.", In: requestType(callIDField,
			schema.Need("mediaParams", schema.Of(schema.Object), "The settings."))},
		{Type: "verto.announce", Doc: "An operator of the server says something to all.", In: requestType(
			schema.Need("msg", schema.ListOf(textType), "The words."))},
		{Type: "verto.event", Doc: "Something happened that was subscribed to, or in a conference.", In: openRequestType(
			schema.May("eventChannel", textType, "On which channel."),
			schema.May("eventType", textType, "What kind of event it is."),
			schema.May("eventSerno", schema.Of(schema.Integer), "Its number."),
			schema.May("subscribedChannel", textType, "The channel by which this session hears of it."),
			schema.May("data", schema.Of(schema.Any), "What it says."),
			schema.May("pvtData", schema.Of(schema.Object), "Of a conference: its channels, and who one is in it."),
			schema.May("userid", textType, "The user who sent it."),
			schema.May("sessid", textType, "The session that sent it."),
			schema.May("fromDisplay", textType, "The name of who sent it."),
			schema.May("localBroadcast", schema.Of(schema.Bool), "Whether it stays on this server."))},
		{Type: "verto.subscribe", Doc: "Subscribes to events.", Out: paramsType(channelsField,
			schema.May("subParams", schema.Of(schema.Object), "What further is wished."))},
		{Type: "verto.unsubscribe", Doc: "Subscribes no longer.", Out: paramsType(channelsField)},
		{Type: "verto.broadcast", Doc: "Sends an event to all who have subscribed to its channel.", Out: paramsType(
			schema.Need("eventChannel", textType, "The channel."),
			schema.May("data", schema.Of(schema.Any), "What it says."),
			schema.May("eventData", schema.Of(schema.Object), "What it says, as older clients have it."),
			schema.May("localBroadcast", schema.Of(schema.Bool), "Whether it stays on this server."))},
		{Type: "fsapi", Doc: "A command of FreeSWITCH. The account needs permission.", Out: paramsType(
			schema.Need("cmd", textType, "The command."),
			schema.May("arg", textType, "What follows it."))},
		{Type: "jsapi", Doc: "A JSON command of FreeSWITCH. The account needs permission.", Out: paramsType(
			schema.Need("command", textType, "The command."),
			schema.May("data", schema.Of(schema.Object), "What it needs."))},
		{Type: "echo", Doc: "The server gives back what it gets.", Out: freeType()},
		{Type: lostType, Doc: "The socket of a call is lost. The server keeps the call, mute, if it was answered: verto.attach or verto.gone follows. The transport says so itself.", In: requestType(callIDField)},
		{Type: goneType, Doc: "The server no longer has a call; the transport says so itself.", In: requestType(callIDField, causeField, causeCodeField)},
		{Type: engine.TransportUp, Doc: "There is a session.", In: requestType(accountField,
			schema.Need("reattached", schema.ListOf(textType), "The callIDs that the server still has."))},
		{Type: engine.TransportDown, Doc: "The session is lost, or the program stops.", In: requestType(accountField)},
	},
	OK:    openResultType(),
	Error: failedType(causeField, causeCodeField, schema.May("callID", textType, "The call."), actionField),
}

var (
	textType       = schema.Of(schema.Text)
	callIDField    = schema.May("callID", textType, "The call.")
	answerField    = schema.May("sdp", textType, "The answer. It stands in the first of verto.media and verto.answer alone.")
	variablesField = schema.May("variables", schema.MapOf(textType), "Variables of the channel; the dialplan adds those that begin with verto_svar_.")
	causeField     = schema.May("cause", schema.Known(causeNames...), "Why, as FreeSWITCH names it.")
	causeCodeField = schema.May("causeCode", schema.Of(schema.Integer), "The same as a number.")
	messageField   = schema.May("message", textType, "What the server says to it.")
	actionField    = schema.May("action", textType, "What was to be done.")
	holdStateField = schema.May("holdState", schema.One("held", "active"), "Whether the call is on hold.")
	accountField   = schema.Need("account", textType, "The login.")
	channelsField  = schema.Need("eventChannel", schema.Of(schema.Text|schema.List), "The channel, or a list of them.")
	chatType       = schema.Table(
		schema.May("to", textType, "For whom it is."),
		schema.May("from", textType, "Whom it is from."),
		schema.May("body", textType, "The text."),
		schema.May("inDialog", schema.Of(schema.Bool), "Whether it is for the call's channel."),
		schema.May("from_*", textType, "More of whom it is from."),
		schema.May("to_*", textType, "More of for whom it is."),
	)
)

// identityFields say who is on the line.
var identityFields = []schema.Field{
	schema.May("caller_id_name", textType, "The name of the caller."),
	schema.May("caller_id_number", textType, "The number of the caller."),
	schema.May("callee_id_name", textType, "The name of who is called."),
	schema.May("callee_id_number", textType, "The number of who is called; unless the dialplan says otherwise: the Verto user."),
	schema.May("display_direction", schema.One("inbound", "outbound"), "Which of them is the far end: outbound stands for the caller, since FreeSWITCH called here."),
	schema.May("verto_h_*", textType, "Variables that the dialplan has exported under such names."),
}

var offeredFields = append([]schema.Field{callIDField, variablesField, schema.May("sdp", textType, "The offer.")}, identityFields...)

// dialogFields are what a verto.invite may say of the call, and stock clients
// repeat in each message of it.
var dialogFields = []schema.Field{
	schema.May("userVariables", schema.MapOf(schema.Of(schema.Text|schema.Bool)), "Variables of the channel: verto_dvar_ and the name."),
	schema.May("recoverCall", schema.Of(schema.Bool), "false: the call does not survive the loss of the socket."),
	schema.May("audio", schema.MapOf(schema.Of(schema.Bool)), "How the microphone is treated."),
	schema.May("screenShare", schema.Of(schema.Bool), "The picture is that of a screen."),
	schema.May("secondSource", schema.Of(schema.Bool), "It is a second picture of the same user."),
	schema.May("dedEnc", schema.Of(schema.Bool), "It is encoded for this user alone."),
	schema.May("mirrorInput", schema.Of(schema.Bool), "It is mirrored."),
	schema.May("conferenceCanvasID", schema.Of(schema.Integer|schema.Text), "The conference's picture to begin with."),
	schema.May("outgoingBandwidth", schema.Of(schema.Integer|schema.Text), "How much the client can send, for the picture."),
	schema.May("incomingBandwidth", schema.Of(schema.Integer|schema.Text), "How much the client can receive, for the picture."),
	schema.May("useVideo", schema.Of(schema.Bool), unreadDoc),
	schema.May("useStereo", schema.Of(schema.Bool), unreadDoc),
	schema.May("useCamera", schema.Of(schema.Any), unreadDoc),
	schema.May("useMic", schema.Of(schema.Any), unreadDoc),
	schema.May("useSpeak", schema.Of(schema.Any), unreadDoc),
	schema.May("videoParams", schema.Of(schema.Object), unreadDoc),
	schema.May("tag", textType, unreadDoc),
	schema.May("localTag", textType, unreadDoc),
	schema.May("login", textType, unreadDoc),
}

const unreadDoc = "Stock clients send it; the server does not read it."

// dialogParams name the call. Stock clients say there all that they said of it
// when it began.
func dialogParams(required bool, more ...schema.Field) schema.Field {
	callIDField := schema.Field{Name: "callID", Type: textType, Required: required, Doc: "The call."}
	fields := append([]schema.Field{callIDField}, more...)
	for _, name := range []string{"destination_number", "caller_id_name", "caller_id_number", "remote_caller_id_name", "remote_caller_id_number"} {
		fields = append(fields, schema.May(name, textType, unreadDoc))
	}
	for _, f := range dialogFields {
		f.Doc = unreadDoc
		fields = append(fields, f)
	}
	return schema.Field{Name: "dialogParams", Type: schema.Table(fields...), Required: required, Doc: "Which call it is."}
}

func ofCall(more ...schema.Field) schema.Field { return dialogParams(true, more...) }

// paramsType is what a rule's body comes to.
func paramsType(fields ...schema.Field) *schema.Type {
	t := schema.Table(append(fields,
		schema.May("sessid", textType, "The session; the transport does without."))...)
	return &t
}

func freeType() *schema.Type {
	t := schema.Of(schema.Object)
	return &t
}

// requestType is a request of the server, or a word of the transport in its shape.
func requestType(fields ...schema.Field) *schema.Type {
	return requestTypeWith(schema.Table(fields...))
}

func openRequestType(fields ...schema.Field) *schema.Type {
	return requestTypeWith(schema.Table(fields...).Opened())
}

func requestTypeWith(said schema.Type) *schema.Type {
	t := schema.Table(append(envelopeFields,
		schema.Need("method", textType, "The type of the message."),
		schema.Need("params", said, "What it says."))...)
	return &t
}

var envelopeFields = []schema.Field{
	schema.May("jsonrpc", schema.One("2.0"), "The version of JSON-RPC."),
	schema.May("id", schema.Of(schema.Integer|schema.Text), "The number of the request."),
}

var sessidField = schema.May("sessid", textType, "The session.")

// resultType is the answer to a request that succeeded.
func resultType(fields ...schema.Field) *schema.Type {
	return resultTypeWith(schema.Table(append(fields, sessidField)...))
}

func openResultType() *schema.Type {
	return resultTypeWith(schema.Table(messageField, sessidField).Opened())
}

func resultTypeWith(said schema.Type) *schema.Type {
	t := schema.Table(append(envelopeFields, schema.Need("result", said, "What came of it."))...)
	return &t
}

// failedType is the answer to a request that did not.
func failedType(fields ...schema.Field) *schema.Type {
	t := schema.Table(append(envelopeFields, schema.Need("error", schema.Table(append([]schema.Field{
		schema.May("code", schema.Of(schema.Integer), "The number of the error: -32002 for a call, -1 if the server gave no answer."),
		schema.May("message", textType, "What is wrong; of a verto.invite mostly CALL ERROR."),
		schema.May("unauthorizedChannels", schema.ListOf(textType), "Of verto.subscribe: the channels that the account may not hear."),
		schema.May("notSubscribedChannels", schema.ListOf(textType), "Of verto.unsubscribe: the channels that were not subscribed to."),
	}, fields...)...), "Why it was refused."))...)
	return &t
}

// both is a message that either side may say.
func both(typ, comes, sent string, in, out *schema.Type) schema.Message {
	return schema.Message{Type: typ, Doc: "Comes: " + comes + " Sent: " + sent, In: in, Out: out}
}

// causeNames are those that FreeSWITCH knows (switch_types.h and the table in
// switch_channel.c).
var causeNames = []string{
	"NONE", "UNALLOCATED_NUMBER", "NO_ROUTE_TRANSIT_NET", "NO_ROUTE_DESTINATION", "CHANNEL_UNACCEPTABLE", "CALL_AWARDED_DELIVERED",
	"NORMAL_CLEARING", "USER_BUSY", "NO_USER_RESPONSE", "NO_ANSWER", "SUBSCRIBER_ABSENT", "CALL_REJECTED", "NUMBER_CHANGED",
	"REDIRECTION_TO_NEW_DESTINATION", "EXCHANGE_ROUTING_ERROR", "DESTINATION_OUT_OF_ORDER", "INVALID_NUMBER_FORMAT", "FACILITY_REJECTED",
	"RESPONSE_TO_STATUS_ENQUIRY", "NORMAL_UNSPECIFIED", "NORMAL_CIRCUIT_CONGESTION", "NETWORK_OUT_OF_ORDER", "NORMAL_TEMPORARY_FAILURE",
	"SWITCH_CONGESTION", "ACCESS_INFO_DISCARDED", "REQUESTED_CHAN_UNAVAIL", "PRE_EMPTED", "FACILITY_NOT_SUBSCRIBED", "OUTGOING_CALL_BARRED",
	"INCOMING_CALL_BARRED", "BEARERCAPABILITY_NOTAUTH", "BEARERCAPABILITY_NOTAVAIL", "SERVICE_UNAVAILABLE", "BEARERCAPABILITY_NOTIMPL",
	"CHAN_NOT_IMPLEMENTED", "FACILITY_NOT_IMPLEMENTED", "SERVICE_NOT_IMPLEMENTED", "INVALID_CALL_REFERENCE", "INCOMPATIBLE_DESTINATION",
	"INVALID_MSG_UNSPECIFIED", "MANDATORY_IE_MISSING", "MESSAGE_TYPE_NONEXIST", "WRONG_MESSAGE", "IE_NONEXIST", "INVALID_IE_CONTENTS",
	"WRONG_CALL_STATE", "RECOVERY_ON_TIMER_EXPIRE", "MANDATORY_IE_LENGTH_ERROR", "PROTOCOL_ERROR", "INTERWORKING", "SUCCESS",
	"ORIGINATOR_CANCEL", "CRASH", "SYSTEM_SHUTDOWN", "LOSE_RACE", "MANAGER_REQUEST", "BLIND_TRANSFER", "ATTENDED_TRANSFER",
	"ALLOTTED_TIMEOUT", "USER_CHALLENGE", "MEDIA_TIMEOUT", "PICKED_OFF", "USER_NOT_REGISTERED", "PROGRESS_TIMEOUT", "INVALID_GATEWAY",
	"GATEWAY_DOWN", "INVALID_URL", "INVALID_PROFILE", "NO_PICKUP", "SRTP_READ_ERROR", "BOWOUT", "BUSY_EVERYWHERE", "DECLINE",
	"DOES_NOT_EXIST_ANYWHERE", "NOT_ACCEPTABLE", "UNWANTED", "NO_IDENTITY", "BAD_IDENTITY_INFO", "UNSUPPORTED_CERTIFICATE",
	"INVALID_IDENTITY", "STALE_DATE", "REJECT_ALL",
}
