package rules

// Findings in how rules hang together. Nothing is said of shipped files.
var (
	unknownState = newKind(Kind{
		Code: "V101", Title: "Unknown state",
		What: "A rule asks for a state that no rule leads to, and one that some rule does lead to has nearly the same name.",
		Why:  "The rule never fires.",
		Example: `[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
next = "ringing"

[[rule]]
name = "the caller gives up"
on   = "verto verto.bye"
in   = "rining"
next = "end"

[[rule]]
name = "the server has lost the call"
on   = "verto verto.gone"
next = "end"
`,
		Cured: `[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
next = "ringing"

[[rule]]
name = "the caller gives up"
on   = "verto verto.bye"
in   = "ringing"
next = "end"

[[rule]]
name = "the server has lost the call"
on   = "verto verto.gone"
next = "end"
`,
	})
	unreachedState = newKind(Kind{
		Code: "V102", Severity: Warning, Title: "A state that no rule leads to",
		What: "A rule asks for a state, and no rule has it for its next. A rule that computes its next may lead to any state: then nothing is found.",
		Why:  "The rule never fires.",
		Example: `[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
next = "ringing"

[[rule]]
name = "the caller waits no longer"
on   = "verto verto.bye"
in   = "onHold"
next = "end"

[[rule]]
name = "the server has lost the call"
on   = "verto verto.gone"
next = "end"
`,
		Cured: `[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
next = "ringing"

[[rule]]
name = "the caller waits no longer"
on   = "verto verto.bye"
in   = "ringing"
next = "end"

[[rule]]
name = "the server has lost the call"
on   = "verto verto.gone"
next = "end"
`,
	})
	strayState = newKind(Kind{
		Code: "V103", Severity: Warning, Title: "A state that no rule asks for, with nearly the name of another",
		What: "A rule leads to a state that no rule asks for, and one that rules do ask for has nearly the same name.",
		Why:  "Calls in it would miss the rules that are for the other one.",
		Example: `[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
next = "rining"

[[rule]]
name = "the caller gives up"
on   = "verto verto.bye"
in   = "ringing"
next = "end"

[[rule]]
name = "the server has lost a call that rings"
on   = "verto verto.gone"
in   = "ringing"
next = "end"

[[rule]]
name = "the bridge stops"
on   = "engine call.stop"
next = "end"
`,
		Cured: `[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
next = "ringing"

[[rule]]
name = "the caller gives up"
on   = "verto verto.bye"
in   = "ringing"
next = "end"

[[rule]]
name = "the server has lost a call that rings"
on   = "verto verto.gone"
in   = "ringing"
next = "end"

[[rule]]
name = "the bridge stops"
on   = "engine call.stop"
next = "end"
`,
	})
	deadEnd = newKind(Kind{
		Code: "V104", Severity: Warning, Title: "A state that no rule leaves",
		What: "Calls come to a state, and no rule for calls in it has another next: neither a message nor a timer gets them out.",
		Why:  "A call would stay in it until it is too old, and with it all that it holds: a line, a place in a limit.",
		Example: `[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
next = "ringing"

[[rule]]
name = "the caller gives up"
on   = "verto verto.bye"
in   = "ringing"
next = "end"

[[rule]]
name = "the caller waits in a queue"
on   = "verto verto.media"
in   = "ringing"
next = "queued"
`,
		Cured: `[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
next = "ringing"

[[rule]]
name = "the caller gives up"
on   = "verto verto.bye"
in   = ["ringing", "queued"]
next = "end"

[[rule]]
name = "the caller waits in a queue"
on   = "verto verto.media"
in   = "ringing"
next = "queued"
`,
	})
	endlessCall = newKind(Kind{
		Code: "V105", Severity: Warning, Title: "Calls that no rule ends",
		What: "A rule begins calls, and from there no rule leads to the end.",
		Why:  "Each would stay until it is too old, and its end is in no call log before.",
		Example: `[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
`,
		Cured: `[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true

[[rule]]
name = "the caller gives up"
on   = "verto verto.bye"
next = "end"
`,
	})
	untoldSide = newKind(Kind{
		Code: "V106", Severity: Warning, Title: "A side that is not told of the end",
		What: "A call has two sides, and no rule that ends one sends anything to one of them, though the call can end without its doing.",
		Why:  "There the call stays open: it goes on ringing, or costs money.",
		Example: `[[rule]]
name = "a Matrix user calls"
on   = "matrix m.call.invite"
new  = true
next = "dialling"
[[rule.send]]
to   = "verto"
type = "verto.invite"
[rule.send.body]
sdp = '${ msg.content.offer.sdp }'
dialogParams = { callID = '${ call.uuid }', destination_number = "9196" }

[[rule]]
name = "the Matrix user hangs up"
on   = "matrix m.call.hangup"
next = "end"
`,
		Cured: `[[rule]]
name = "a Matrix user calls"
on   = "matrix m.call.invite"
new  = true
next = "dialling"
[[rule.send]]
to   = "verto"
type = "verto.invite"
[rule.send.body]
sdp = '${ msg.content.offer.sdp }'
dialogParams = { callID = '${ call.uuid }', destination_number = "9196" }

[[rule]]
name = "the Matrix user hangs up"
on   = "matrix m.call.hangup"
next = "end"
[[rule.send]]
to   = "verto"
type = "verto.bye"
[rule.send.body]
dialogParams = { callID = '${ call.verto.key }' }
cause = "NORMAL_CLEARING"
`,
	})
	unreadVariable = newKind(Kind{
		Code: "V107", Severity: Warning, Title: "A variable of the call that nothing reads",
		What: "A rule sets a variable, and no expression reads it. cause, direction, user, number and answered are read by the engine, for call.end.",
		Why:  "It was meant for something: most often its name, or that of another one, is misspelt.",
		Example: `[[rule]]
name = "the far end says who it is"
on   = "verto verto.display"
set  = { remoteName = 'msg.params.display_name' }
`,
		Cured: `[[rule]]
name = "the far end says who it is"
on   = "verto verto.display"
set  = { remoteName = 'msg.params.display_name' }

[[rule]]
name = "the Matrix user hangs up on somebody whose name is known"
on   = "matrix m.call.hangup"
when = 'call.remoteName != nil'
`,
	})
	unheardBuffer = newKind(Kind{
		Code: "V108", Severity: Warning, Title: "A buffer that no rule hears",
		What: "Rules fill a buffer, and none is for the message that it is complete.",
		Why:  "What it collects is lost.",
		Example: `[buffer.names]
idle = "2s"

[[rule]]
name = "the far end's name changes"
on   = "verto verto.display"
push.names = 'msg.params.display_name'
`,
		Cured: `[buffer.names]
idle = "2s"

[[rule]]
name = "the far end's name changes"
on   = "verto verto.display"
push.names = 'msg.params.display_name'

[[rule]]
name = "its names are known"
on   = "engine buffer.names"
`,
	})
	unfilledBuffer = newKind(Kind{
		Code: "V109", Severity: Warning, Title: "A buffer that no rule fills",
		What: "A rule is for the message that a buffer is complete, and none pushes anything to it.",
		Why:  "The rule never fires.",
		Example: `[buffer.names]
idle = "2s"

[[rule]]
name = "its names are known"
on   = "engine buffer.names"
`,
		Cured: `[buffer.names]
idle = "2s"

[[rule]]
name = "the far end's name changes"
on   = "verto verto.display"
push.names = 'msg.params.display_name'

[[rule]]
name = "its names are known"
on   = "engine buffer.names"
`,
	})
	unheardTimer = newKind(Kind{
		Code: "V110", Severity: Warning, Title: "A timer that no rule hears",
		What: "A rule starts a timer, and none is for the message that its time has come.",
		Why:  "Nothing happens then.",
		Example: `[[rule]]
name = "it rings for half a minute"
on   = "verto verto.media"
timer.ring = "30s"
`,
		Cured: `[[rule]]
name = "it rings for half a minute"
on   = "verto verto.media"
timer.ring = "30s"

[[rule]]
name = "nobody answers"
on   = "engine timer.ring"
next = "end"
`,
	})
	hiddenRule = newKind(Kind{
		Code: "V111", Severity: Warning, Title: "A rule that an earlier one hides",
		What: "An earlier rule without also is for the same messages and states, or more of them, and has no condition that this one has not.",
		Why:  "The first rule that matches fires, and so this one never does. A rule may hide one of a file that its own file includes: that is what including is for.",
		Example: `[[rule]]
name = "the far end hangs up"
on   = "verto verto.*"

[[rule]]
name = "the far end is busy"
on   = "verto verto.bye"
when = 'msg.params.cause == "USER_BUSY"'
`,
		Cured: `[[rule]]
name = "the far end is busy"
on   = "verto verto.bye"
when = 'msg.params.cause == "USER_BUSY"'

[[rule]]
name = "the far end hangs up"
on   = "verto verto.*"
`,
	})
	nearName = newKind(Kind{
		Code: "V112", Severity: Warning, Title: "A rule with nearly the name of an included one",
		What: "A rule is for the same messages as an included one, and its name differs from that one's by a letter or two.",
		Why:  "Only a rule of the very same name takes the place of an included one. This one stands before all of them, and the other one is still there.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[[rule]]
name = "what people write in room is not for the bridge"
on   = "matrix m.room.message"
when = 'msg.content.msgtype == "m.text"'
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[[rule]]
name = "what people write in rooms is not for the bridge"
on   = "matrix m.room.message"
when = 'msg.content.msgtype == "m.text"'
`,
	})
	idleInclude = newKind(Kind{
		Code: "V113", Severity: Warning, Title: "An include that brings in nothing",
		What: "All that an included file declares is there already, by another include, or it declares nothing.",
		Why:  "It looks as if it changed something.",
		Example: `include = ["matrix-verto", "permissions"]
vars = { emergency = "refuse" }
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }
`,
	})
	unreadVar = newKind(Kind{
		Code: "V114", Severity: Warning, Title: "A var that nothing reads",
		What: "No expression reads a [vars] entry.",
		Why:  "Most often it was meant to stand in for an included one, and its name is misspelt.",
		Example: `include = ["matrix-verto"]

[vars]
emergency = "refuse"
extention = "9198"
`,
		Cured: `include = ["matrix-verto"]

[vars]
emergency = "refuse"
extension = "9198"
`,
	})
	unusedLet = newKind(Kind{
		Code: "V115", Severity: Warning, Title: "A let that nothing uses",
		What: "No expression uses a name that a [let], or the let of a rule, gives.",
		Why:  "Most often it was meant to stand in for an included one, and its name is misspelt.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[let]
ownRefusl = 'call.user == "@kim:example.org" ? "Ask Mum." : nil'
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[let]
ownRefusal = 'call.user == "@kim:example.org" ? "Ask Mum." : nil'
`,
	})
	unusedTable = newKind(Kind{
		Code: "V116", Severity: Warning, Title: "A table that nothing looks anything up in",
		What: "No expression uses a [table.NAME].",
		Why:  "Most often it was meant to stand in for an included one, and its name is misspelt.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.rotues]
"!office:example.org" = "1001"
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.routes]
"!office:example.org" = "1001"
`,
	})
	unusedLimit = newKind(Kind{
		Code: "V117", Severity: Warning, Title: "A limit that no rule is within or beyond",
		What: "No rule names a [limit.NAME].",
		Why:  "It limits nothing. Most often it was meant to stand in for an included one, and its name is misspelt.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[limit.callPerMinute]
key = 'call.user'
max = 3
per = "1m"
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[limit.callsPerMinute]
key = 'call.user'
max = 3
per = "1m"
`,
	})
	unusedBuffer = newKind(Kind{
		Code: "V118", Severity: Warning, Title: "A buffer that nothing uses",
		What: "No rule fills a [buffer.NAME], and none hears it.",
		Why:  "Most often it was meant to stand in for an included one, and its name is misspelt.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[buffer.candidate]
timeout = "2s"
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[buffer.candidates]
timeout = "2s"
`,
	})
	exactTable = newKind(Kind{
		Code: "V119", Severity: Warning, Title: "A table of beginnings that does not say so",
		What: "All that look into a [table.NAME] do so by prefix(…), for the longest key that a number begins with, and the table has no match = \"prefix\".",
		Why:  "The setting is missing, or misspelt and so taken for an entry; NAME[…] would find whole numbers alone.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.numbers]
"+33" = "allow"
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.numbers]
match = "prefix"
"+33" = "allow"
`,
	})
	unusedIndex = newKind(Kind{
		Code: "V120", Severity: Warning, Title: "An index that nothing is looked up in",
		What: "No expression names the [index.NAME].",
		Why:  "Most often its name is misspelt, or a rule that used it is gone.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[index.callsOf]
key = 'call.user'
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[index.callsOf]
key = 'call.user'

[[rule]]
name = "who has left all rooms keeps the calls in others"
on   = "matrix m.room.member"
when = 'msg.content.membership == "leave" && callsOf[msg.sender] != nil'
`,
	})
)
