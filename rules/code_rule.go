package rules

// Findings in rules: what they are for, and what they do.
var (
	noName = newKind(Kind{
		Code: "V011", Title: "A rule has no name",
		What: "A rule has no name, or one that is blank or no text.",
		Why:  "Logs, ladders and files that replace a rule call it by its name.",
		Example: `[[rule]]
on = "verto verto.answer"
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
	})
	noMessages = newKind(Kind{
		Code: "V012", Title: "A rule does not say which messages it is for",
		What: "A rule has no on.",
		Why:  "It would never fire.",
		Example: `[[rule]]
name = "answered"
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
	})
	badPattern = newKind(Kind{
		Code: "V013", Title: "An on that is no pattern",
		What: "An on is a transport and a message type with a space between them, each with the wildcards *, ? and [ab] where needed.",
		Why:  "It would match nothing.",
		Example: `[[rule]]
name = "answered"
on   = "verto.answer"
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
	})
	unknownTransport = newKind(Kind{
		Code: "V014", Title: "Unknown transport",
		What: "No transport and no group has the name that a rule hears or sends to. Rule files that are checked alone know one called matrix and one called verto; a configuration says which there are.",
		Why:  "No message would ever come from there, or go there.",
		Example: `[[rule]]
name = "answered"
on   = "vreto verto.answer"
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
	})
	unknownEngineMessage = newKind(Kind{
		Code: "V015", Title: "The engine says no such thing",
		What: "A rule hears a message of the engine that there is not.",
		Why:  "It would never fire.",
		Example: `[[rule]]
name = "a call has ended"
on   = "engine call.ended"
`,
		Cured: `[[rule]]
name = "a call has ended"
on   = "engine call.end"
`,
	})
	stateOfNew = newKind(Kind{
		Code: "V016", Title: "A rule that begins a call asks for a state",
		What: "A rule has both new and in.",
		Why:  "A call that has yet to begin is in no state.",
		Example: `[[rule]]
name = "a call that comes too late ends at once"
on   = "matrix m.call.invite"
new  = true
in   = "begun"
next = "end"
`,
		Cured: `[[rule]]
name = "a call that comes too late ends at once"
on   = "matrix m.call.invite"
new  = true
next = "end"
`,
	})
	unknownBuffer = newKind(Kind{
		Code: "V017", Title: "Unknown buffer",
		What: "A rule fills or hears a buffer that no [buffer.NAME] declares.",
		Why:  "Nothing would be collected, and nothing heard.",
		Example: `[buffer.names]
idle = "2s"

[[rule]]
name = "the far end's name changes"
on   = "verto verto.display"
push.names = 'msg.params.display_name'

[[rule]]
name = "its names are known"
on   = "engine buffer.names"

[[rule]]
name = "so is its number"
on   = "engine buffer.numbers"
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
	unknownTimer = newKind(Kind{
		Code: "V018", Title: "Unknown timer",
		What: "A rule hears or cancels a timer that no rule starts.",
		Why:  "A rule for it never fires, and what was to be stopped goes on.",
		Example: `[[rule]]
name = "it rings for half a minute"
on   = "verto verto.media"
timer.ring = "30s"

[[rule]]
name = "answered"
on   = "verto verto.answer"
cancel = "rings"

[[rule]]
name = "nobody answers"
on   = "engine timer.ring"
next = "end"
`,
		Cured: `[[rule]]
name = "it rings for half a minute"
on   = "verto verto.media"
timer.ring = "30s"

[[rule]]
name = "answered"
on   = "verto verto.answer"
cancel = "ring"

[[rule]]
name = "nobody answers"
on   = "engine timer.ring"
next = "end"
`,
	})
	unknownLimit = newKind(Kind{
		Code: "V019", Title: "Unknown limit",
		What: "A rule is within or beyond a limit that no [limit.NAME] declares.",
		Why:  "Nothing would be limited.",
		Example: `[limit.notices]
max = 1
per = "10m"

[[rule]]
name  = "a text message on the line"
on    = "verto verto.info"
limit = ["notices", "notice"]
`,
		Cured: `[limit.notices]
max = 1
per = "10m"

[[rule]]
name  = "a text message on the line"
on    = "verto verto.info"
limit = "notices"
`,
	})
	withinAndBeyond = newKind(Kind{
		Code: "V020", Title: "A rule is within a limit and beyond it",
		What: "The same limit stands in limit and in beyond of a rule.",
		Why:  "A limit has room or it has none: the rule could never match.",
		Example: `[limit.notices]
max = 1
per = "10m"

[[rule]]
name   = "a text message on the line"
on     = "verto verto.info"
limit  = "notices"
beyond = "notices"
`,
		Cured: `[limit.notices]
max = 1
per = "10m"

[[rule]]
name  = "a text message on the line"
on    = "verto verto.info"
limit = "notices"

[[rule]]
name   = "one message too many"
on     = "verto verto.info"
beyond = "notices"
`,
	})
	badName = newKind(Kind{
		Code: "V021", Title: "A name that expressions could not use",
		What: "A variable, table, let, timer or buffer has a name with other characters than letters, digits and _, or one that means something already.",
		Why:  "An expression that said it would mean something else, or nothing.",
		Example: `[table."by room"]
"!office:example.org" = "1001"

[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
		Cured: `[table.byRoom]
"!office:example.org" = "1001"

[[rule]]
name = "answered in the office"
on   = "verto verto.answer"
when = 'byRoom[call.matrix.key] == "1001"'
`,
	})
	badTime = newKind(Kind{
		Code: "V022", Title: "A time that is none",
		What: `A time is a number with its unit, such as "500ms" or "1m30s", and more than nothing.`,
		Why:  "A timer, buffer or limit would fail for each call.",
		Example: `[limit.notices]
max = 1
per = "10 minutes"

[[rule]]
name  = "a text message on the line"
on    = "verto verto.info"
limit = "notices"
`,
		Cured: `[limit.notices]
max = 1
per = "10m"

[[rule]]
name  = "a text message on the line"
on    = "verto verto.info"
limit = "notices"
`,
	})
	incompleteSend = newKind(Kind{
		Code: "V023", Title: "A message to send lacks to or type",
		What: "A message to send does not say to whom it goes, or of which type it is.",
		Why:  "It could not be sent.",
		Example: `[[rule]]
name = "the last call has ended"
on   = "engine call.end"
send = [{ to = "calllog", body = { cause = '${ msg.cause }' } }]
`,
		Cured: `[[rule]]
name = "the last call has ended"
on   = "engine call.end"
[[rule.send]]
to   = "calllog"
type = "call"
body = { cause = '${ msg.cause }' }
`,
	})
	computedSend = newKind(Kind{
		Code: "V024", Title: "to or type is computed",
		What: "The to or type of a message to send holds ${ … }.",
		Why:  "What a message needs is checked before any call, so it must be known then where it goes.",
		Example: `[[rule]]
name = "a call has ended"
on   = "engine call.end"
[[rule.send]]
to   = "calllog"
type = '${ msg.cause == nil ? "call" : "failure" }'
`,
		Cured: `[[rule]]
name = "a call has ended"
on   = "engine call.end"
[[rule.send]]
to   = "calllog"
type = "call"
body = { cause = '${ msg.cause }' }
`,
	})
	noScope = newKind(Kind{
		Code: "V025", Title: "A message without its address",
		What: "A message to a transport such as matrix does not say to which room it goes.",
		Why:  "It could not be sent.",
		Example: `[[rule]]
name = "who says hello gets an answer"
on   = "matrix m.room.message"
when = 'msg.content.body == "hello"'
[[rule.send]]
to   = "matrix"
type = "m.room.message"
body = { msgtype = "m.notice", body = "Hello." }
`,
		Cured: `[[rule]]
name = "who says hello gets an answer"
on   = "matrix m.room.message"
when = 'msg.content.body == "hello"'
[[rule.send]]
to   = "matrix"
type = "m.room.message"
room = '${ msg.room_id }'
body = { msgtype = "m.notice", body = "Hello." }
`,
	})
)
