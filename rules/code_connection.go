package rules

// Findings in protocols, and in rules for connections.
var (
	badProtocol = newKind(Kind{
		Code: "V053", Title: "A protocol that cannot be understood",
		What: "In a [protocol.NAME] a path is none, a pattern is none, a setting needs another one, or an acknowledgement would answer every message.",
		Why:  "Messages could not be told apart, or no answer would find its request.",
		Example: `[protocol.door]
type    = "event"
key     = "call id"
reply   = "id"
answers = "done"

[[rule]]
name = "somebody rings"
on   = "door ring"
`,
		Cured: `[protocol.door]
type    = "event"
key     = "call_id"
reply   = "id"
answers = "done"

[[rule]]
name = "somebody rings"
on   = "door ring"
`,
	})
	unreadableSchema = newKind(Kind{
		Code: "V054", Title: "A schema that cannot be used",
		What: "The JSON Schema of a [protocol.NAME] is not there, or something in it cannot be understood. Its name is relative to the rule file.",
		Why:  "What rules do with the messages could not be checked.",
		Example: `[protocol.door]
type   = "event"
schema = "dor.schema.json"

[[rule]]
name = "somebody rings"
on   = "door ring"
`,
		Cured: `[protocol.door]
type   = "event"
schema = "door.schema.json"

[[rule]]
name = "somebody rings"
on   = "door ring"
`,
		Beside: map[string]string{"door.schema.json": doorSchema},
	})
	strayPath = newKind(Kind{
		Code: "V055", Severity: Warning, Title: "A path that no message has",
		What: "The schema of the messages has nothing where a [protocol.NAME] says that the type, a call key, or the id of a request stands. Or, without a schema, no rule reads or sends a field there, and one of nearly that name they do.",
		Why:  "Messages would belong to no call, or all be of one type.",
		Example: `[protocol.door]
type   = "event"
key    = "callid"
schema = "door.schema.json"

[[rule]]
name = "somebody rings"
on   = "door ring"
`,
		Cured: `[protocol.door]
type   = "event"
key    = "call_id"
schema = "door.schema.json"

[[rule]]
name = "somebody rings"
on   = "door ring"
`,
		Beside: map[string]string{"door.schema.json": doorSchema},
	})
	notOfConnections = newKind(Kind{
		Code: "V056", Title: "What a connection does not have",
		What: "A rule for the connection reads or sets what only calls have: call., set, buffers, limits. Or a rule that begins a call sets a variable of the connection. A rule is the connection's if it says new = \"connection\", sets a conn.NAME, or is only for states that such rules lead to.",
		Why:  "There is no call when such a rule acts.",
		Example: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
set  = { cause = '"connected"' }
`,
		Cured: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
`,
	})
	mixedState = newKind(Kind{
		Code: "V057", Title: "A state of calls and of a connection",
		What: "Rules for calls and rules for the connection lead to the same state, or a rule is for states of both.",
		Why:  "Which of them a rule is for follows from its states.",
		Example: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
next = "greeting"

[[rule]]
name = "it knows us"
on   = "door welcome"
in   = "greeting"
next = "ready"

[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
next = "ringing"

[[rule]]
name = "it has gone to sleep, or the caller gives up"
on   = ["door asleep", "verto verto.bye"]
in   = ["ready", "ringing"]
next = "end"
`,
		Cured: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
next = "greeting"

[[rule]]
name = "it knows us"
on   = "door welcome"
in   = "greeting"
next = "ready"

[[rule]]
name = "a call begins"
on   = "verto verto.invite"
new  = true
next = "ringing"

[[rule]]
name = "it has gone to sleep"
on   = "door asleep"
in   = "ready"
next = "end"

[[rule]]
name = "the caller gives up"
on   = "verto verto.bye"
in   = "ringing"
next = "end"
`,
	})
	neverSetConn = newKind(Kind{
		Code: "V058", Title: "A variable of the connection that no rule sets",
		What: "An expression reads conn.NAME, and no rule sets it.",
		Why:  "It would always be nil.",
		Example: `[protocol.door]
type = "event"

[[rule]]
name = "somebody rings, and it says which door it is"
on   = "door ring"
when = 'msg.where == conn.door'
`,
		Cured: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"

[[rule]]
name = "it says which door it is"
on   = "door hello"
conn.door = 'msg.door'

[[rule]]
name = "somebody rings, and it says which door it is"
on   = "door ring"
when = 'msg.where == conn.door'
`,
	})
	badBeginning = newKind(Kind{
		Code: "V059", Title: "A connection that begins by another message",
		What: "A rule with new = \"connection\" is for something else than transport.up.",
		Why:  "A connection begins when its transport is up, and by nothing else.",
		Example: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door hello"
new  = "connection"
`,
		Cured: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
`,
	})
	openBody = newKind(Kind{
		Code: "V060", Title: "An envelope for a body that is computed",
		What: "A message goes to a peer whose protocol has an envelope, and its body is one ${ … } as a whole.",
		Why:  "Which keys the body has shows only when it is sent, so nothing can be laid under it.",
		Example: `[protocol.door]
type     = "event"
envelope = { version = 2 }

[[rule]]
name = "somebody rings: it is asked who"
on   = "door ring"
[[rule.send]]
to   = "door"
type = "ask"
body = '${ msg.question }'
`,
		Cured: `[protocol.door]
type     = "event"
envelope = { version = 2 }

[[rule]]
name = "somebody rings: it is asked who"
on   = "door ring"
[[rule.send]]
to   = "door"
type = "ask"
body = { question = '${ msg.question }' }
`,
	})
)

// Findings in how rules for connections hang together.
var (
	unreadConn = newKind(Kind{
		Code: "V121", Severity: Warning, Title: "A variable of the connection that nothing reads",
		What: "Rules set conn.NAME, and no expression reads it.",
		Why:  "Most often its name is misspelt where it is read or set.",
		Example: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
conn.since = 'now'
`,
		Cured: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
`,
	})
	unbegun = newKind(Kind{
		Code: "V122", Severity: Warning, Title: "A connection that no rule begins",
		What: "Rules set variables of a connection, and no rule for that transport says new = \"connection\".",
		Why:  "They never fire: there is no connection that they could be for.",
		Example: `[protocol.door]
type = "event"

[[rule]]
name = "it says which door it is"
on   = "door hello"
conn.door = 'msg.door'

[[rule]]
name = "somebody rings at another door"
on   = "door ring"
when = 'msg.door != conn.door'
`,
		Cured: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"

[[rule]]
name = "it says which door it is"
on   = "door hello"
conn.door = 'msg.door'

[[rule]]
name = "somebody rings at another door"
on   = "door ring"
when = 'msg.door != conn.door'
`,
	})
	otherHears = newKind(Kind{
		Code: "V123", Severity: Warning, Title: "A rule for calls that waits for what a connection is told",
		What: "Only rules for the connection start the timer, or send the request, and the rule that waits for the timer, or for the answer, is for calls; or the other way round. Or it waits for what the engine says to the others alone.",
		Why:  "The rule never fires.",
		Example: `[protocol.door]
type    = "event"
reply   = "id"
answers = "done"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
next = "greeting"
send = [{ to = "door", type = "hello" }]

[[rule]]
name = "it has heard us: now and then it is asked how it is"
on   = "door hello.done"
in   = "greeting"
next = "ready"
timer.ask = "1m"

[[rule]]
name = "it is asked"
on   = "engine timer.ask"
timer.ask = "1m"
send = [{ to = "door", type = "status" }]
`,
		Cured: `[protocol.door]
type    = "event"
reply   = "id"
answers = "done"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
next = "greeting"
send = [{ to = "door", type = "hello" }]

[[rule]]
name = "it has heard us: now and then it is asked how it is"
on   = "door hello.done"
in   = "greeting"
next = "ready"
timer.ask = "1m"

[[rule]]
name = "it is asked"
on   = "engine timer.ask"
in   = "ready"
timer.ask = "1m"
send = [{ to = "door", type = "status" }]
`,
	})
	endsAllCalls = newKind(Kind{
		Code: "V124", Severity: Warning, Title: "A rule that ends calls, and not the connection",
		What: "A rule with next = \"end\" names no state in in, so it is for calls. It is for a message that no rule for the connection hears, and nothing in it is about a call.",
		Why:  "The message ends each call on that transport, and the connection goes on as if it had never come.",
		Example: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
next = "ready"

[[rule]]
name = "somebody rings"
on   = "door ring"
new  = true
next = "ringing"

[[rule]]
name = "it goes to sleep: the connection is over"
on   = "door asleep"
next = "end"
`,
		Cured: `[protocol.door]
type = "event"

[[rule]]
name = "connected"
on   = "door transport.up"
new  = "connection"
next = "ready"

[[rule]]
name = "somebody rings"
on   = "door ring"
new  = true
next = "ringing"

[[rule]]
name = "it goes to sleep: the connection is over"
on   = "door asleep"
in   = "ready"
next = "end"

[[rule]]
name = "and so are calls"
on   = "door asleep"
in   = "ringing"
next = "end"
`,
	})
)

// doorSchema is what the door of the examples says.
const doorSchema = `{
  "$defs": {
    "in ring": {
      "description": "Somebody rings.",
      "properties": {
        "event": { "const": "ring" },
        "call_id": { "type": "string" },
        "door": { "type": "string", "description": "At which door." }
      },
      "required": ["event", "call_id"],
      "additionalProperties": false
    }
  }
}
`
