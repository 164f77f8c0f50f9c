package rules

// Findings in limits, buffers, tables, checks and vars.
var (
	badLimit = newKind(Kind{
		Code: "V040", Title: "A limit that does not say how much",
		What: `A limit needs a max, and either per (a time) or while = "call".`,
		Why:  "Without them it would limit nothing, or everything.",
		Example: `[limit.notices]
per = "10m"

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
	tooSmall = newKind(Kind{
		Code: "V041", Title: "A number that is too small",
		What: "A buffer holds at least one item, and the max of a limit is a whole number from 0 on.",
		Why:  "With less nothing could ever happen.",
		Example: `[buffer.names]
limit = 0

[[rule]]
name = "the far end's name changes"
on   = "verto verto.display"
push.names = 'msg.params.display_name'

[[rule]]
name = "its names are known"
on   = "engine buffer.names"
`,
		Cured: `[buffer.names]
limit = 10

[[rule]]
name = "the far end's name changes"
on   = "verto verto.display"
push.names = 'msg.params.display_name'

[[rule]]
name = "its names are known"
on   = "engine buffer.names"
`,
	})
	unreadableTable = newKind(Kind{
		Code: "V042", Title: "A table's file cannot be read",
		What: "The CSV file of a table is not there, or is empty. Its name is relative to the rule file.",
		Why:  "Every look-up would come to nothing.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.routes]
file = "room.csv"
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.routes]
file = "rooms.csv"
`,
		Beside: map[string]string{"rooms.csv": "room,number\n!office:example.org,1001\n"},
	})
	badTable = newKind(Kind{
		Code: "V043", Title: "A table that cannot be understood",
		What: `A table has a file and entries of its own, or a file or match that is none: match is "exact" or "prefix".`,
		Why:  "What is looked up could be found in two ways, or in none.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.numbers]
match = "begins"
"+33" = "allow"
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.numbers]
match = "prefix"
"+33" = "allow"
`,
	})
	badEntry = newKind(Kind{
		Code: "V044", Title: "An entry of a table that is faulty",
		What: "A key is empty or there twice, or a row of a CSV file has more or fewer columns than the first one names, or its quotes do not match.",
		Why:  "It would be found under another key, or not at all.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.routes]
"!office:example.org" = "1001"
[table.routes.entries]
"!office:example.org" = "1002"
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.routes]
"!office:example.org" = "1001"
[table.routes.entries]
"!home:example.org" = "1002"
`,
	})
	badHeader = newKind(Kind{
		Code: "V045", Title: "The first row of a table's file names no columns",
		What: "The first row of a CSV file has to name at least two columns, separated by commas, each by a name of its own.",
		Why:  "The first column is the key, the others are the value.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.routes]
file = "bad.csv"
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.routes]
file = "good.csv"
`,
		Beside: map[string]string{
			"bad.csv":  "room;number\n!office:example.org;1001\n",
			"good.csv": "room,number\n!office:example.org,1001\n",
		},
	})
	numberHeader = newKind(Kind{
		Code: "V046", Severity: Warning, Title: "The first row of a table's file looks like an entry",
		What: "The first row of a CSV file names the columns, and here its first field is a number.",
		Why:  "That number has no entry.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.users]
file = "bad.csv"
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[table.users]
file = "good.csv"
`,
		Beside: map[string]string{
			"bad.csv":  "+442079460001,@anna:example.org\n+442079460002,@ben:example.org\n",
			"good.csv": "number,users\n+442079460001,@anna:example.org\n+442079460002,@ben:example.org\n",
		},
	})
	incompleteCheck = newKind(Kind{
		Code: "V047", Title: "A check that is not complete",
		What: "A [[check]] needs var, the name of the var that it is about, and that, the condition.",
		Why:  "It could not be asked, or nobody could say what to change.",
		Example: `[vars]
greeting = "Hello"

[[check]]
that = 'vars.greeting != ""'

[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
		Cured: `[vars]
greeting = "Hello"

[[check]]
var  = "greeting"
that = 'vars.greeting != ""'

[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
	})
	unknownVar = newKind(Kind{
		Code: "V048", Title: "A check of an unknown var",
		What: "The var that a [[check]] is about does not exist.",
		Why:  "Nobody could say what to change.",
		Example: `[vars]
greeting = "Hello"

[[check]]
var  = "greting"
that = 'vars.greeting != ""'

[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
		Cured: `[vars]
greeting = "Hello"

[[check]]
var  = "greeting"
that = 'vars.greeting != ""'

[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
	})
	refusedVar = newKind(Kind{
		Code: "V049", Title: "A var cannot have this value",
		What: "The rules say by a [[check]] what a var must be, and it is something else; or nobody has said what it is.",
		Why:  "The rules were not written for that value.",
		Example: `include = ["matrix-verto"]

[vars]
emergency = "refuse"
country   = "Germany"
`,
		Cured: `include = ["matrix-verto"]

[vars]
emergency = "refuse"
country   = "DE"
`,
	})
	otherKindOfVar = newKind(Kind{
		Code: "V050", Title: "A var of another kind than the included one",
		What: "A var stands in for an included one, and is a number instead of text, or text instead of true or false.",
		Why:  "The rules that read it were written for the other kind.",
		Example: `include = ["matrix-verto"]

[vars]
emergency = "refuse"
extension = 9196
`,
		Cured: `include = ["matrix-verto"]

[vars]
emergency = "refuse"
extension = "9196"
`,
	})
	readsMessage = newKind(Kind{
		Code: "V051", Title: "A check reads what is not there yet",
		What: "The condition of a [[check]] names the message, the call or the time.",
		Why:  "It is asked when the rules are loaded: there are vars, tables and functions, and no call.",
		Example: `[vars]
greeting = "Hello"

[[check]]
var  = "greeting"
that = 'vars.greeting != msg.content.body'

[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
		Cured: `[vars]
greeting = "Hello"

[[check]]
var  = "greeting"
that = 'vars.greeting != ""'

[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
	})
	badIndex = newKind(Kind{
		Code: "V052", Title: "An index without a key",
		What: "An [index.NAME] needs a key: what a call is found under.",
		Why:  "No call would ever be found.",
		Example: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[index.callsOf]

[[rule]]
name = "a second call is left alone"
on   = "matrix m.call.invite"
when = 'callsOf[msg.sender] != nil'
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }

[index.callsOf]
key = 'call.user'

[[rule]]
name = "a second call is left alone"
on   = "matrix m.call.invite"
when = 'callsOf[msg.sender] != nil'
`,
	})
)
