package rules

// Findings in expressions and templates.
var (
	badTemplate = newKind(Kind{
		Code: "V030", Title: "A template that cannot be read",
		What: "A ${ is never closed, or holds no expression; or a value is none that JSON has.",
		Why:  "The message could not be made.",
		Example: `[[rule]]
name = "a call has ended"
on   = "engine call.end"
[[rule.send]]
to   = "calllog"
type = "call"
body = { cause = '${ msg.cause' }
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
	badExpression = newKind(Kind{
		Code: "V031", Title: "An expression that cannot be read",
		What: "The text is no expression: something is missing, or stands where it cannot.",
		Why:  "Nobody can tell what it would come to.",
		Example: `[[rule]]
name = "answered"
on   = "verto verto.answer"
when = 'msg.params.sdp != nil &&'
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
when = 'msg.params.sdp != nil'
`,
	})
	wrongType = newKind(Kind{
		Code: "V032", Title: "Values that do not go together",
		What: "An expression does something with a value that its type cannot: compares text with a number, gives a function what it does not take.",
		Why:  "It would fail for every message.",
		Example: `[[rule]]
name = "answered"
on   = "verto verto.answer"
when = 'now.Hour() > "18"'
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
when = 'now.Hour() > 18'
`,
	})
	unknownNameKind = newKind(Kind{
		Code: "V033", Title: "Unknown name",
		What: "An expression names something that there is not: no let, table or function, and nothing that expressions see, is called so.",
		Why:  "It would fail for every message.",
		Example: `[[rule]]
name = "an offer that holds the call"
on   = "matrix m.call.negotiate"
when = 'sdpHld(msg.content.description.sdp)'
`,
		Cured: `[[rule]]
name = "an offer that holds the call"
on   = "matrix m.call.negotiate"
when = 'sdpHold(msg.content.description.sdp)'
`,
	})
	unknownFieldKind = newKind(Kind{
		Code: "V034", Title: "Unknown field",
		What: "An expression reads a field that does not exist, of vars for example.",
		Why:  "It would never hold a value.",
		Example: `[vars]
office = "!office:example.org"

[[rule]]
name = "somebody writes in the office"
on   = "matrix m.room.message"
when = 'msg.room_id == vars.ofice'
`,
		Cured: `[vars]
office = "!office:example.org"

[[rule]]
name = "somebody writes in the office"
on   = "matrix m.room.message"
when = 'msg.room_id == vars.office'
`,
	})
	neverSet = newKind(Kind{
		Code: "V035", Title: "A variable of the call that no rule sets",
		What: "An expression reads call.NAME, and no rule sets NAME.",
		Why:  "It would always be nil.",
		Example: `[[rule]]
name = "the far end says who it is"
on   = "verto verto.display"
set  = { remoteName = 'msg.params.display_name' }

[[rule]]
name = "the Matrix user hangs up on somebody whose name is known"
on   = "matrix m.call.hangup"
when = 'call.remotName != nil'
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
	noCondition = newKind(Kind{
		Code: "V036", Title: "A condition that is neither true nor false",
		What: "A when, a complete or a that comes to something else than true or false, or to what shows only at run time.",
		Why:  "A value that is there is not the same as true: compare it with something.",
		Example: `[[rule]]
name = "answered with an SDP"
on   = "verto verto.answer"
when = 'msg.params.sdp ?? call.matrix.key'
`,
		Cured: `[[rule]]
name = "answered with an SDP"
on   = "verto verto.answer"
when = '(msg.params.sdp ?? call.matrix.key) != nil'
`,
	})
	unbounded = newKind(Kind{
		Code: "V037", Title: "An expression that could run for long",
		What: "A range has bounds that are no plain numbers, or a list function stands in another one's condition; or the expression itself has more than 16 KiB; or there are more than 1000 lets, or 100 of one rule.",
		Why:  "Its time would grow with what a peer sends, or with its own length; that of loading with the number of lets.",
		Example: `[[rule]]
name = "somebody writes"
on   = "matrix m.room.message"
when = 'len(1..now.Hour()) > 3'
`,
		Cured: `[[rule]]
name = "somebody writes"
on   = "matrix m.room.message"
when = 'now.Hour() > 3'
`,
	})
	alwaysFails = newKind(Kind{
		Code: "V038", Title: "A call of a function that always fails",
		What: "A function is given what it does not take: a time zone or country that does not exist, for example.",
		Why:  "The rule would fail for every message.",
		Example: `[[rule]]
name = "a call out of hours has ended"
on   = "engine call.end"
when = 'now.In(timezone("Europe/Lundon")).Hour() > 18'
`,
		Cured: `[[rule]]
name = "a call out of hours has ended"
on   = "engine call.end"
when = 'now.In(timezone("Europe/London")).Hour() > 18'
`,
	})
	noValue = newKind(Kind{
		Code: "V039", Title: "A name that is no value by itself",
		What: "An expression uses call, or a side of it such as call.matrix, or an index, as a whole.",
		Why:  "What there is to read is their fields, and what is found under a key.",
		Example: `[[rule]]
name = "the far end hangs up on a caller"
on   = "verto verto.bye"
when = 'call.matrix != nil'
`,
		Cured: `[[rule]]
name = "the far end hangs up on a caller"
on   = "verto verto.bye"
when = 'call.matrix.key != nil'
`,
	})
)
