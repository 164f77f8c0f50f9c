package matrix

import (
	"slices"

	"vertigo/engine"
	"vertigo/schema"
)

// Schema tells of all messages of Matrix that rules may see and send: the events
// that the transport asks for, what it says itself, what it can be asked to do,
// and what comes of that. Sources are the Matrix specification after version
// 1.19 (client-server API: "Voice over IP"; application service API), proposals
// where they are named, and what matrix-js-sdk 43 was seen to send.
var Schema = &schema.Set{
	Messages: slices.Concat(callMessages, roomMessages, wordMessages, actionMessages),
	Closed:   []string{"m.call.*", "transport.*", "room.*", "user.*", "alias.*", "query.*", "thirdparty.*"},
	OK:       replyType(schema.May("event_id", textType, "The id of the event that was made.")),
	Error: replyType(
		schema.Need("status", schema.Of(schema.Integer), "The status of HTTP; 0 if no server answered."),
		schema.Need("errcode", textType, "The Matrix error code; empty if the answer has none."),
		schema.Need("error", textType, "What is wrong, in words."),
	),
	Addresses: []schema.Address{
		{Key: "room", Begins: []string{"!", "#"}, Doc: "The id of a room begins with !, an alias with #."},
		{Key: "as", Begins: []string{"@"}, Doc: "The id of a user begins with @."},
	},
}

var (
	textType = schema.Of(schema.Text)
	msType   = schema.Of(schema.Integer)
	flagType = schema.Of(schema.Bool)
)

// eventType is an event of a room as it comes.
func eventType(contentType schema.Type, more ...schema.Field) *schema.Type {
	t := schema.Table(append([]schema.Field{
		schema.Need("type", textType, "The type of the event."),
		schema.Need("sender", textType, "The user who sent it."),
		schema.Need("room_id", textType, "The room in which it was sent."),
		schema.May("event_id", textType, "Its id; an invitation has none."),
		schema.May("origin_server_ts", msType, "When the sender's server took it, in ms since 1970."),
		schema.Need("content", contentType, "What it says."),
		schema.May("state_key", textType, "What a state event is about: the user, of an m.room.member."),
		schema.May("unsigned", unsignedType, "What the homeserver adds for the reader."),
		schema.May("as", textType, "Which of the bridge's users it is for, if it is an application service."),
	}, more...)...)
	return &t
}

var unsignedType = schema.Table(
	schema.May("age", msType, "How old the event was when the homeserver passed it on, in ms; Dendrite says nothing."),
	schema.May("transaction_id", textType, "The transaction id with which it was sent, if that was by this client."),
	schema.May("prev_content", schema.Of(schema.Object), "The content of the state event that this one takes the place of."),
	schema.May("prev_sender", textType, "Who sent that one."),
	schema.May("replaces_state", textType, "The id of that one."),
	schema.May("invite_room_state", schema.ListOf(schema.Of(schema.Object)), "Of an invitation: what is told of the room."),
	schema.May("membership", textType, "The membership that the reader had at that time."),
)

// contentType is what a call event says: the same whether it comes or is sent.
func contentType(fields ...schema.Field) schema.Type {
	return schema.Table(append([]schema.Field{
		schema.Need("call_id", textType, "The call's id, which its caller has chosen."),
		schema.Need("version", schema.Of(schema.Text|schema.Integer), `The version of the rules of the call: the text "1", or the integer 0.`),
		schema.May("party_id", textType, "The sender's device, the same throughout the call; a sender of version 0 has none.").From("version 1"),
	}, fields...)...)
}

// callMessage is an event of a call, which may come and be sent.
func callMessage(typ, doc string, fields ...schema.Field) schema.Message {
	said := contentType(fields...)
	sent := said.Opened()
	return schema.Message{Type: typ, Doc: doc, In: eventType(said), Out: &sent}
}

var (
	streamsType = schema.MapOf(schema.Table(
		schema.May("purpose", schema.Known("m.usermedia", "m.screenshare"), "What the stream is for."),
		schema.May("audio_muted", flagType, "Whether it has no sound just now."),
		schema.May("video_muted", flagType, "Whether it has no picture just now."),
	))
	metadataField     = schema.May("sdp_stream_metadata", streamsType, "What each stream of the SDP is, by its id (the first word of a=msid); where it names none of them there is no sound.").From("version 1")
	capabilitiesField = schema.May("capabilities", schema.Table(
		schema.May("m.call.dtmf", flagType, "Whether keys may be pressed during the call.").From("MSC2746"),
		schema.May("m.call.transferee", flagType, "Whether the call may be transferred.").From("MSC2747"),
	), "What the sender can do.").From("MSC2746, MSC2747")
	identityType = schema.Table(
		schema.May("id", textType, "A Matrix id for them."),
		schema.May("display_name", textType, "Their name."),
		schema.May("avatar_url", textType, "Their picture."),
	)
	lifetimeDoc = "How long it is valid, in ms from when it was made."
	reasonField = schema.May("reason", schema.Known(
		"user_hangup", "user_busy", "invite_timeout", "ice_failed", "ice_timeout", "user_media_failed", "unknown_error",
		"answered_elsewhere", "replaced", "transferred", "new_session", "signalling_timeout", "no_user_media", "send_invite", "send_answer",
		"create_offer", "create_answer", "set_local_description", "set_remote_description", "local_offer_failed",
	), "Why; without it: user_hangup. The specification has the first seven, clients have further ones of their own.")
)

func descriptionType(doc string, types ...string) schema.Type {
	return schema.Table(
		schema.Need("type", schema.One(types...), doc),
		schema.Need("sdp", textType, "The SDP."),
	)
}

var callMessages = []schema.Message{
	callMessage("m.call.invite", "Somebody calls the room. Every other call in the room hears of it, once the rules for the new one have acted.",
		schema.Need("offer", descriptionType("What the SDP is.", "offer"), "The caller's session description."),
		schema.Need("lifetime", msType, lifetimeDoc),
		schema.May("invitee", textType, "The only user who may answer; without it anybody else in the room may.").From("version 1"),
		metadataField, capabilitiesField,
	),
	callMessage("m.call.candidates", "ICE candidates that were found later.",
		schema.Need("candidates", schema.ListOf(schema.Table(
			schema.Need("candidate", textType, "The candidate as in an SDP, without a=; empty text says that there will be no more."),
			schema.May("sdpMid", textType, "Its section of the SDP, by mid."),
			schema.May("sdpMLineIndex", schema.Of(schema.Integer), "Its section of the SDP, counted from 0."),
			schema.May("usernameFragment", textType, "The ICE user name that it belongs to; browsers add it."),
		)), "The candidates."),
	),
	callMessage("m.call.answer", "Somebody takes the call.",
		schema.Need("answer", descriptionType("What the SDP is.", "answer"), "The session description of who answers."),
		metadataField, capabilitiesField,
	),
	callMessage("m.call.select_answer", "The caller says which answer has the call.",
		schema.Need("selected_party_id", textType, "The party whose answer it is."),
	),
	callMessage("m.call.reject", "The called user declines, on all devices. Version 1; to a caller of version 0 send m.call.hangup.", reasonField),
	callMessage("m.call.hangup", "One side ends the call. A caller of version 1 that has no answer yet may ignore it: send m.call.reject.", reasonField),
	callMessage("m.call.negotiate", "A new offer within the call, or the answer to one. Version 1, once the call is answered.",
		schema.Need("description", descriptionType("What the SDP is.", "offer", "answer"), "The session description."),
		schema.Need("lifetime", msType, lifetimeDoc),
		metadataField, capabilitiesField,
	),
	callMessage("m.call.sdp_stream_metadata_changed", "A stream was muted, or is heard again.", metadataField),
	callMessage("m.call.asserted_identity", "Who the other side is now, as a telephone network knows it. MSC3086.",
		schema.May("asserted_identity", identityType, "Who it is; null for whoever the room says."),
	),
	callMessage("m.call.replaces", "The sender transfers the call, and has left it. MSC2747.",
		schema.Need("replacement_id", textType, "The id of this transfer."),
		schema.May("target_user", identityType, "Whom to call."),
		schema.May("create_call", textType, "The id of the call that the receiver is to begin."),
		schema.May("await_call", textType, "The id of the call that the receiver is to expect."),
		schema.May("target_room", textType, "The room for that call."),
	),
	callMessage("m.call.reject_replacement", "A transfer is declined. MSC2747.",
		schema.Need("replacement_id", textType, "The id of the transfer."), reasonField,
	),
	callMessage("org.matrix.call.sdp_stream_metadata_changed", "The older name of m.call.sdp_stream_metadata_changed.",
		metadataField, schema.May("org.matrix.msc3077.sdp_stream_metadata", streamsType, "The older name of sdp_stream_metadata."),
	),
	callMessage("org.matrix.call.asserted_identity", "The older name of m.call.asserted_identity.",
		schema.May("asserted_identity", identityType, "Who it is; null for whoever the room says."),
	),
	{Type: "org.matrix.call.*", Doc: "Call events of further proposals.", In: eventType(schema.Of(schema.Object))},
}

var (
	membershipType = schema.Table(
		schema.Need("membership", schema.One("invite", "join", "leave", "ban", "knock"), "What the user is in the room from now on."),
		schema.May("displayname", textType, "The user's name."),
		schema.May("avatar_url", textType, "The user's picture."),
		schema.May("is_direct", flagType, "Of an invitation: whether the room is a direct chat."),
		schema.May("reason", textType, "Why."),
		schema.May("third_party_invite", schema.Of(schema.Object), "Of an invitation by e-mail: what stands behind it."),
		schema.May("join_authorised_via_users_server", textType, "Of a join to a restricted room: who let them in."),
	)
	messageType = schema.Table(
		schema.Need("msgtype", schema.Known("m.text", "m.notice", "m.emote", "m.image", "m.file", "m.audio", "m.video", "m.location"), "What kind of message it is; m.notice is for programs."),
		schema.Need("body", textType, "The text, or words that stand for what cannot be shown."),
		schema.May("format", schema.Known("org.matrix.custom.html"), "How formatted_body is written."),
		schema.May("formatted_body", textType, "The text with its looks."),
		schema.May("filename", textType, "Of a file: its name."),
		schema.May("url", textType, "Of a file: where it is."),
		schema.May("info", schema.Of(schema.Object), "Of a file: its size, type and so on."),
		schema.May("geo_uri", textType, "Of a location: where it is."),
	)
	sentMembershipType = membershipType.Opened()
	sentMessageType    = messageType.Opened()
)

var roomMessages = []schema.Message{
	{Type: "m.room.member", Doc: "Somebody is invited to a room, joins it or leaves it; the user is the state_key. Every call in the room hears of it.",
		In: eventType(membershipType), Out: &sentMembershipType},
	{Type: "m.room.message", Doc: "Somebody writes in a room. Every call in the room hears of it.",
		In: eventType(messageType), Out: &sentMessageType},
	{Type: "io.element.functional_members", Doc: "With the address key state = \"\": whom clients do not count among those who are in the room. A convention of Element.",
		Out: bodyType(schema.Need("service_members", schema.ListOf(textType), "The ids of these users."))},
	{Type: "*", Doc: "Any other event is sent as it is; none comes.", Out: bodyType()},
}

// bodyType is the body of a message that is sent.
func bodyType(fields ...schema.Field) *schema.Type {
	t := schema.Table(fields...)
	return &t
}

// wordMessage is something that the transport says itself.
func wordMessage(typ, doc string, fields ...schema.Field) schema.Message {
	return schema.Message{Type: typ, Doc: doc, In: bodyType(append([]schema.Field{schema.Need("type", textType, "The type.")}, fields...)...)}
}

var (
	queryField = schema.Need("query", textType, "The name of the question, for the query.reply.")
	askedField = schema.Need("user_id", textType, "The user.")
)

var wordMessages = []schema.Message{
	wordMessage(engine.TransportUp, "There is a session.",
		schema.Need("user_id", textType, "The bridge's own user."),
		schema.May("ghosts", textType, "Of an application service: how the user ids of numbers begin."),
	),
	wordMessage(engine.TransportDown, "The session is lost, or the program stops."),
	wordMessage(RoomEncrypted, "Somebody writes in a room whose calls cannot be read, or a room turns out to be one; said once a room.",
		schema.Need("room_id", textType, "The room."),
		schema.Need("sender", textType, "Who wrote, or had the room encrypted."),
		schema.May("as", textType, "Which of the bridge's users is there."),
	),
	wordMessage(ThirdPartyUser, "Somebody looks up a number, on a dial pad for example.", queryField,
		schema.Need("protocol", schema.Known(pstnProtocol), "Under which protocol it is looked up."),
		schema.Need("fields", schema.MapOf(textType), "What was typed: m.id.phone, mostly."),
	),
	wordMessage(ThirdPartyReverse, "A client asks which number a user stands for.", queryField, askedField),
	wordMessage(UserQuery, "The homeserver asks whether a user exists.", queryField, askedField),
	wordMessage(AliasQuery, "The homeserver asks whether a room of that alias exists.", queryField,
		schema.Need("alias", textType, "The alias."),
	),
}

// replyType is what came of something that was sent.
func replyType(fields ...schema.Field) *schema.Type { return replyTypeWith(nil, fields...) }

func replyTypeWith(more []schema.Field, fields ...schema.Field) *schema.Type {
	return bodyType(append([]schema.Field{
		schema.Need("type", textType, "The type."),
		schema.May("room_id", textType, "The room that it was sent to, or that was found or made."),
		schema.Need("txn_id", textType, "The transaction id with which it was sent."),
		schema.May("as", textType, "Which of the bridge's users it was sent by."),
		schema.Need("content", schema.Table(append([]schema.Field{
			schema.May("call_id", textType, "The call key that stood in what was sent."),
			schema.May("user", textType, "Of room.direct, room.invite and user.lookup: whom they were about."),
		}, more...)...), "What it was about."),
	}, fields...)...)
}

var (
	userField      = schema.Need("user", textType, "The full Matrix id of the user.")
	displaynameDoc = "The name that the user is to have."
)

// newRoomType is what a request to make a room may hold (client-server API, POST
// createRoom).
var newRoomType = schema.Table(
	schema.May("preset", schema.One("private_chat", "public_chat", "trusted_private_chat"), "Who may do what in the room."),
	schema.May("visibility", schema.One("private", "public"), "Whether the room is listed."),
	schema.May("name", textType, "Its name."),
	schema.May("topic", textType, "Its topic."),
	schema.May("invite", schema.ListOf(textType), "Whom to invite."),
	schema.May("is_direct", flagType, "Whether those who are invited are told that it is a direct chat."),
	schema.May("room_alias_name", textType, "The first part of its alias."),
	schema.May("room_version", textType, "Its version."),
	schema.May("initial_state", schema.ListOf(schema.Of(schema.Object)), "State events that it begins with."),
	schema.May("creation_content", schema.Of(schema.Object), "What else stands in its first event."),
	schema.May("power_level_content_override", schema.Of(schema.Object), "What differs in its power levels."),
).Opened()

var actionMessages = []schema.Message{
	{Type: RoomDirect, Doc: "Finds the direct chat with somebody, or makes it, and invites them if they are not there.", Out: bodyType(userField,
		schema.May("call_id", textType, "A call key, which the reply brings back: with the room it then belongs to the call."))},
	{Type: RoomDirect + ".ok", Doc: "The chat is room_id.", In: replyTypeWith([]schema.Field{
		schema.Need("membership", schema.One("join", "invite"), "Whether the user is in the room, or has yet to join."),
		schema.Need("created", flagType, "Whether the room was made just now."),
	})},
	{Type: RoomCreate, Doc: "Makes a room.", Source: "client-server API, POST createRoom", Out: &newRoomType},
	{Type: RoomInvite, Doc: "Invites somebody.", Out: bodyType(userField)},
	{Type: RoomJoin, Doc: "Accepts an invitation.", Out: bodyType(schema.May("reason", textType, "Why."))},
	{Type: RoomJoin + ".ok", Doc: "The bridge's user is in the room.", In: replyTypeWith([]schema.Field{
		schema.May("others", schema.ListOf(textType), "Others of the bridge's users, if they are there too."),
	})},
	{Type: RoomLeave, Doc: "Leaves a room, or declines an invitation.", Out: bodyType(schema.May("reason", textType, "Why."))},
	{Type: UserRegister, Doc: "The user of the address key as exists from now on. One that was never given a name gets this one.", Out: bodyType(
		schema.May("displayname", textType, displaynameDoc))},
	{Type: UserProfile, Doc: "Gives the user of the address key as a name.", Out: bodyType(
		schema.Need("displayname", textType, displaynameDoc))},
	{Type: UserLookup, Doc: "Asks for the name that a user goes by. Users give themselves any name.", Source: "client-server API, GET profile", Out: bodyType(userField)},
	{Type: UserLookup + ".ok", Doc: "The user's name.", In: replyTypeWith([]schema.Field{
		schema.May("displayname", textType, "The name; a user that has none goes by the Matrix id."),
	})},
	{Type: QueryReply, Doc: "Answers a question of the homeserver: with the user of the address key as, or with nobody if there is none.", Out: bodyType(queryField,
		schema.May("fields", schema.MapOf(textType), "To thirdparty.user and thirdparty.reverse: what the user stands for."),
		schema.May("room", newRoomType, "To alias.query: the request that makes the room."))},
}
