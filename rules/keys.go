package rules

import "strings"

// A Key is one that a table of a rule file may have. What is said of it here is
// what the reference and editors say.
type Key struct {
	Name  string // "on"; with what the user names in capitals: "timer.NAME"
	Form  Form
	Value string // what it can be, for the reference; Markdown
	Doc   string // what it means; Markdown
}

// A Form is what a value looks like.
type Form int

const (
	FormText        Form = iota // literal text
	FormTexts                   // text, or a list of texts
	FormExpression              // an expression in quotes
	FormTemplate                // text with ${ expressions }
	FormBody                    // a table of templates, or a template of one
	FormExpressions             // a table of expressions by name
	FormNumber                  // a whole number
	FormMaxNumber               // a whole number, or an expression for one
	FormFlag                    // true or false
	FormNew                     // true, false or "connection"
	FormTables                  // tables that begin with [[…]]
	FormTable                   // a table of any keys
	FormAny                     // any value
)

// The keys of each kind of table, in the order of the reference.
var (
	FileKeys = []Key{
		{"include", FormTexts, "name, or a list", "shipped rule sets by name, and files relative to this one, whose rules stand behind those of this file"},
		{"vars.NAME", FormAny, "`[vars]`: any value", "what expressions see as `vars.NAME`"},
		{"check", FormTables, "[`[[check]]`s](#checks)", "what the values of vars must be for the rules to work"},
		{"let.NAME", FormExpression, "`[let]`: expression", "a name for the expression in all rules of the file, computed at most once for a message"},
		{"table.NAME", FormTable, "`[table.NAME]`", "entries that expressions look up: `NAME[key]`"},
		{"buffer.NAME", FormTable, "`[buffer.NAME]`", "collects items of a call until they are worth acting on, and then says `engine buffer.NAME`"},
		{"limit.NAME", FormTable, "`[limit.NAME]`", "how many at once, or in what time; rules name it in `limit` and `beyond`"},
		{"index.NAME", FormTable, "`[index.NAME]`", "finds other calls by what rules know of them: `NAME[key]`"},
		{"protocol.NAME", FormTable, "[`[protocol.NAME]`](#peers-of-your-own)", "how the messages of a peer are laid out that speaks JSON"},
		{"rule", FormTables, "`[[rule]]` tables", "what becomes of a message; the first rule that matches fires"},
	}

	RuleKeys = []Key{
		{"name", FormText, "text, once in a file", "what it does, in words: ladders, logs and errors call the rule by it"},
		{"on", FormTexts, "`\"TRANSPORT TYPE\"`, or a list", "which messages. `*`, `?` and `[ab]` stand for any text, any letter, one of some. TRANSPORT is a transport's name or group, or `engine`"},
		{"in", FormTexts, "state, or a list", "in which states of the call; left out: any. Not together with `new`"},
		{"when", FormExpression, "expression: true or false", "a further condition; left out: true"},
		{"new", FormNew, "`true` or `\"connection\"`", "`true` begins a call. Such a rule is for messages that name a call which does not exist yet, and for no others. `\"connection\"` begins the conversation of a [connection](#connections)"},
		{"let", FormExpressions, "`{ name = expression }`", "names for this rule alone; one may use those before it"},
		{"set", FormExpressions, "`{ name = expression }`", "what the call remembers, as `call.name`. All values are computed before the first is set; `nil` forgets"},
		{"conn.NAME", FormExpression, "expression", "what the [connection](#connections) remembers, as `conn.NAME`; as `set` does for a call"},
		{"push.BUFFER", FormExpression, "expression", "appends the value to a [buffer](#buffers), or each item of a list"},
		{"timer.NAME", FormExpression, "expression, or `\"6s\"`", "starts a [timer](#timers), again if it runs; `nil` leaves it alone"},
		{"cancel", FormTexts, "name, or a list", "stops timers (before this rule starts any)"},
		{"limit", FormTexts, "name, or a list", "the rule matches only within these [limits](#limits)"},
		{"beyond", FormTexts, "name, or a list", "the rule matches only where these [limits](#limits) are exhausted, each of them"},
		{"send", FormTables, "`[[rule.send]]` tables", "messages to send, in this order"},
		{"next", FormTemplate, "[template](#templates)", "the call's next state; `\"end\"` ends the call. A call whose first rule names none is in state `\"begun\"`"},
		{"also", FormFlag, "`true`", "after this rule, look on for a further one"},
	}

	// SendKeys lack those that address a message on its transport.
	SendKeys = []Key{
		{"to", FormText, "name", "a transport, or a group of them (below)"},
		{"type", FormText, "text", "the message type: `\"verto.bye\"`, `\"m.call.answer\"`. Neither `to` nor `type` can be computed"},
		{"body", FormBody, "[template](#templates) of any shape", "`matrix`: the event's content; `verto`: the `params`; a [peer of your own](#peers-of-your-own): the message. Left out: `{}`"},
		{"when", FormExpression, "expression: true or false", "whether it is sent"},
		{"each", FormExpression, "expression: a list", "one message for each `item` of it; `nil` sends none"},
	}

	BufferKeys = []Key{
		{"complete", FormExpression, "expression: true or false", "it is true; asked at each push: `\"complete\"`"},
		{"idle", FormTemplate, "template: a time", "nothing was pushed for so long; asked at each push, `nil` waits: `\"idle\"`"},
		{"timeout", FormTemplate, "template: a time", "so long has passed since the first push: `\"timeout\"`"},
		{"limit", FormNumber, "whole number; 256", "it holds so many items: `\"limit\"`. What is pushed beyond it is left out, and reported"},
	}

	LimitKeys = []Key{
		{"key", FormExpression, "expression: text, whole number, true or false", "each key is counted by itself; left out: all together"},
		{"max", FormMaxNumber, "whole number, or an expression for one", "how many"},
		{"per", FormText, "a time", "so many in a sliding window of that time; or"},
		{"while", FormText, "`\"call\"`", "so many calls at once; a call counts from when a rule with the limit has fired for it until it ends"},
	}

	IndexKeys = []Key{
		{"key", FormExpression, "expression: text, or a list of texts", "what the call is found under; under each text of a list, and where it is `nil` under nothing. It sees `call`, `vars`, tables and functions"},
	}

	ProtocolKeys = []Key{
		{"type", FormTexts, "path, or a list; `\"type\"`", "where the type of a message stands; the texts that are found there are joined with dots. A message without any is of type `message`"},
		{"key", FormTexts, "path, or a list", "where the call keys stand. Of a message that comes the first counts that a call has; of one that is sent all become the call's"},
		{"reply", FormText, "path", "where the id stands that an answer repeats. It is put into what is sent; what comes back with it belongs to the call, or connection, that sent"},
		{"answers", FormTexts, "pattern, or a list", "the types that answer a request: they are called `SENT.TYPE`, as in `create.success`. A message with the id of a request and without a type answers too: it is called `SENT.ok` or `SENT.error`"},
		{"error", FormText, "path; `\"error\"`", "what only a failed answer has, where answers have no type"},
		{"schema", FormText, "path", "a [JSON Schema of the messages](schemas.md), relative to the rule file, or a shipped one: `\"janus.schema.json\"`. Left out: fields are not checked"},
		{"acknowledge", FormTable, "table", "what is answered at once to each message that has all the fields which it names: `{ id = '${ msg.id }' }`"},
		{"envelope", FormTable, "table of [templates](#templates)", "what is laid under the body of each message that is sent; what the body has itself counts, and tables are merged. It sees `conn`, `vars`, tables and functions"},
	}

	TableKeys = []Key{
		{tableFile, FormText, "path", "a CSV file, relative to the rule file, with all the entries"},
		{tableMatch, FormText, "text", "`\"exact\"` (if left out) or `\"prefix\"`"},
		{tableEntries, FormTable, "table", "entries, where one has to be called `file`, `match` or `entries`"},
	}

	CheckKeys = []Key{
		{"var", FormText, "name", "the var that the check is about"},
		{"that", FormExpression, "expression: true or false", "what must hold. It sees `vars`, tables and functions; there is no message and no call yet. One that fails counts as false"},
		{"hint", FormText, "text", "what to try next; may be left out"},
	}
)

// Their names, as they stand in a file.
var (
	topKeys    = namesOf(FileKeys)
	ruleKeys   = namesOf(RuleKeys)
	sendKeys   = namesOf(SendKeys)
	checkKeys  = namesOf(CheckKeys)
	bufferKeys = namesOf(BufferKeys)
	limitKeys  = namesOf(LimitKeys)
	indexKeys  = namesOf(IndexKeys)

	protocolKeys = namesOf(ProtocolKeys)
)

func namesOf(keys []Key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i], _, _ = strings.Cut(k.Name, ".")
	}
	return names
}
