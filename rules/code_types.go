package rules

// Findings in what rules do with the fields of messages.
var (
	neverComes = newKind(Kind{
		Code: "V201", Title: "A message that never comes",
		What: "A rule is on a message type that the transport does not know, or that it only sends.",
		Why:  "The rule would never fire.",
		Example: `[[rule]]
name = "the far end answers"
on   = "verto verto.anser"
`,
		Cured: `[[rule]]
name = "the far end answers"
on   = "verto verto.answer"
`,
	})
	neverSent = newKind(Kind{
		Code: "V202", Title: "A message that cannot be sent",
		What: "A rule sends a message type that the transport does not know, or that only ever comes from there.",
		Why:  "The peer would not understand it, or the transport refuse it.",
		Example: `[[rule]]
name = "the line is held"
on   = "verto verto.display"
[[rule.send]]
to   = "verto"
type = "verto.mofidy"
[rule.send.body]
action = "hold"
dialogParams = { callID = '${ call.verto.key }' }
`,
		Cured: `[[rule]]
name = "the line is held"
on   = "verto verto.display"
[[rule.send]]
to   = "verto"
type = "verto.modify"
[rule.send.body]
action = "hold"
dialogParams = { callID = '${ call.verto.key }' }
`,
	})
	unlikelyMessage = newKind(Kind{
		Code: "V203", Severity: Warning, Title: "A message type that is nearly another one",
		What: "The type is not known, but may exist, since anybody can make up types of the kind; its name is close to one that is known.",
		Why:  "Probably that one was meant.",
		Example: `[[rule]]
name = "the room is told of the far end's name"
on   = "verto verto.display"
[[rule.send]]
to   = "matrix"
type = "m.room.mesage"
room = '${ call.room }'
body = { msgtype = "m.notice", body = "hello" }

[[rule]]
name = "an answer"
on   = "verto verto.answer"
set  = { room = '"!room:example.org"' }
`,
		Cured: `[[rule]]
name = "the room is told of the far end's name"
on   = "verto verto.display"
[[rule.send]]
to   = "matrix"
type = "m.room.message"
room = '${ call.room }'
body = { msgtype = "m.notice", body = "hello" }

[[rule]]
name = "an answer"
on   = "verto verto.answer"
set  = { room = '"!room:example.org"' }
`,
	})
	unknownMsgField = newKind(Kind{
		Code: "V204", Title: "A field that no such message has",
		What: "An expression reads a field of msg that none of the messages has which the rule is for. docs/messages.md lists the fields of each. A name with a dot in it, as in msg.content[\"org.example.own\"], is somebody's own, and let be.",
		Why:  "The field would always be nil.",
		Example: `[[rule]]
name = "an invite without an offer"
on   = "matrix m.call.invite"
when = 'msg.content.ofer == nil'
also = true
`,
		Cured: `[[rule]]
name = "an invite without an offer"
on   = "matrix m.call.invite"
when = 'msg.content.offer == nil'
also = true
`,
	})
	unlikelyMsgField = newKind(Kind{
		Code: "V205", Severity: Warning, Title: "A field with nearly the name of another one",
		What: "An expression reads a field of a message that may have fields which nobody here knows; its name is close to one that is known.",
		Why:  "Probably that one was meant, and this one is always nil.",
		Example: `[[rule]]
name = "somebody comes or goes"
on   = "verto verto.event"
when = 'msg.params.eventChanel != nil'
`,
		Cured: `[[rule]]
name = "somebody comes or goes"
on   = "verto verto.event"
when = 'msg.params.eventChannel != nil'
`,
	})
	fieldMisused = newKind(Kind{
		Code: "V206", Title: "A field that is not of that kind",
		What: "An expression compares text with a number, calculates with text, gives a function a value of the wrong kind, or asks for a field of what has none.",
		Why:  "It would fail for every message, or never be true.",
		Example: `[[rule]]
name = "an invite that is over at once"
on   = "matrix m.call.invite"
when = 'msg.content.lifetime < "3000"'
also = true
`,
		Cured: `[[rule]]
name = "an invite that is over at once"
on   = "matrix m.call.invite"
when = 'msg.content.lifetime < 3000'
also = true
`,
	})
	impossibleValue = newKind(Kind{
		Code: "V207", Title: "A value that a field never has",
		What: "An expression compares a field with a text that is none of those which it may have.",
		Why:  "It would always be false, or always true.",
		Example: `[[rule]]
name = "somebody has come"
on   = "matrix m.room.member"
when = 'msg.content.membership == "joined"'
`,
		Cured: `[[rule]]
name = "somebody has come"
on   = "matrix m.room.member"
when = 'msg.content.membership == "join"'
`,
	})
	unlikelyValue = newKind(Kind{
		Code: "V208", Severity: Warning, Title: "A value that is nearly another one",
		What: "A field is compared with, or set to, a text that it is not known to have, and that is close to one which it has.",
		Why:  "Probably that one was meant.",
		Example: `[[rule]]
name = "the user is busy"
on   = "matrix m.call.hangup"
when = 'msg.content.reason == "user_bussy"'
also = true
`,
		Cured: `[[rule]]
name = "the user is busy"
on   = "matrix m.call.hangup"
when = 'msg.content.reason == "user_busy"'
also = true
`,
	})
	neverTrue = newKind(Kind{
		Code: "V209", Title: "A condition that is never true",
		What: "Parts of a condition that must all be true cannot be so together, or not in a state that the rule is for.",
		Why:  "The rule would never fire.",
		Example: `[[rule]]
name = "somebody has left"
on   = "matrix m.room.member"
when = '''
    msg.content.membership == "leave" && msg.content.membership == "ban"'''
`,
		Cured: `[[rule]]
name = "somebody has left"
on   = "matrix m.room.member"
when = 'msg.content.membership in ["leave", "ban"]'
`,
	})
	fieldMissing = newKind(Kind{
		Code: "V210", Title: "A message without what its receiver requires",
		What: "The body of a message to send has no such key.",
		Why:  "The peer would refuse the message, or take it for something else.",
		Example: `[[rule]]
name = "keys are not enough: the call is moved"
on   = "verto verto.display"
[[rule.send]]
to   = "verto"
type = "verto.modify"
body = { dialogParams = { callID = '${ call.verto.key }' } }
`,
		Cured: `[[rule]]
name = "keys are not enough: the call is moved"
on   = "verto verto.display"
[[rule.send]]
to   = "verto"
type = "verto.modify"
[rule.send.body]
action = "transfer"
destination = "1000"
dialogParams = { callID = '${ call.verto.key }' }
`,
	})
	fieldUnread = newKind(Kind{
		Code: "V211", Title: "A field that the receiver does not know",
		What: "The body of a message to send has a key that such a message does not have.",
		Why:  "The peer would pass it over.",
		Example: `[[rule]]
name = "a key is pressed"
on   = "verto verto.display"
[[rule.send]]
to   = "verto"
type = "verto.info"
body = { dmtf = "1", dialogParams = { callID = '${ call.verto.key }' } }
`,
		Cured: `[[rule]]
name = "a key is pressed"
on   = "verto verto.display"
[[rule.send]]
to   = "verto"
type = "verto.info"
body = { dtmf = "1", dialogParams = { callID = '${ call.verto.key }' } }
`,
	})
	fieldStrange = newKind(Kind{
		Code: "V212", Severity: Warning, Title: "A field that the receiver may not know",
		What: "The body of a message to send has a key that is not known, though anybody may add some. A name with a dot in it, as vendors choose, is let be.",
		Why:  "Most often it is misspelt.",
		Example: `[[rule]]
name = "the room is told"
on   = "matrix m.room.member"
[[rule.send]]
to   = "matrix"
type = "m.room.message"
room = '${ msg.room_id }'
[rule.send.body]
msgtype = "m.notice"
body = "hello"
formated_body = "<b>hello</b>"
`,
		Cured: `[[rule]]
name = "the room is told"
on   = "matrix m.room.member"
[[rule.send]]
to   = "matrix"
type = "m.room.message"
room = '${ msg.room_id }'
[rule.send.body]
msgtype = "m.notice"
body = "hello"
formatted_body = "<b>hello</b>"
`,
	})
	fieldWrong = newKind(Kind{
		Code: "V213", Title: "A field of another kind than the receiver takes",
		What: "What stands in the body of a message to send is of another kind, or none of the values that there are. The same goes for an address: a room's id begins with !, a user's with @.",
		Why:  "The peer would refuse the message, or take the field for missing.",
		Example: `[[rule]]
name = "the line is held"
on   = "verto verto.display"
[[rule.send]]
to   = "verto"
type = "verto.modify"
body = { action = true, dialogParams = { callID = '${ call.verto.key }' } }
`,
		Cured: `[[rule]]
name = "the line is held"
on   = "verto verto.display"
[[rule.send]]
to   = "verto"
type = "verto.modify"
[rule.send.body]
action = "hold"
dialogParams = { callID = '${ call.verto.key }' }
`,
	})
	oddPattern = newKind(Kind{
		Code: "V214", Severity: Warning, Title: "A pattern that is probably misspelt",
		What: "An on has a pattern in place of a message type. Of all the messages that are known just one fits it, and there is no star at its end to take in what is yet to come; or it lacks a dot before a star, and fits the same messages with it.",
		Why:  "Most often a ?, * or [ was meant to be another character, or a dot was left out.",
		Example: `[[rule]]
name = "answered"
on   = "verto verto?answer"
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
	})
	oddTemplate = newKind(Kind{
		Code: "V215", Severity: Warning, Title: "Text that is nearly a template",
		What: "The body of a message to send has text such as {$ … }, $ { … } or { call.… }: an expression is in it only as ${ … }.",
		Why:  "The peer would get the braces and what is between them, letter for letter.",
		Example: `[[rule]]
name = "the room is told"
on   = "matrix m.room.member"
[[rule.send]]
to   = "matrix"
type = "m.room.message"
room = '${ msg.room_id }'
body = { msgtype = "m.notice", body = "hello {$ msg.sender }" }
`,
		Cured: `[[rule]]
name = "the room is told"
on   = "matrix m.room.member"
[[rule.send]]
to   = "matrix"
type = "m.room.message"
room = '${ msg.room_id }'
body = { msgtype = "m.notice", body = "hello ${ msg.sender }" }
`,
	})
)
