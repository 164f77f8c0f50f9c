package rules

import "vertigo/schema"

// EngineSchema tells what the engine itself says. Which timers and buffers there
// are, the rules decide.
var EngineSchema = &schema.Set{Messages: []schema.Message{
	engineMessage("timer.*", "The time of a timer has come.", "timer.NAME"),
	engineMessage("buffer.*", "A buffer is complete, idle, late or full.", "buffer.NAME",
		schema.Need("reason", schema.One("complete", "idle", "timeout", "limit"), "Which of these it is."),
		schema.Need("items", schema.ListOf(schema.Of(schema.Any)), "What it held; it is empty now."),
	),
	engineMessage("call.stop", "A call has to end: the program stops, or the call is too old. A call that no rule ends then is ended all the same.", "call.stop",
		schema.Need("reason", schema.One("shutdown", "age"), "age: the call is too old."),
	),
	engineMessage("conn.stop", "The program stops, and all calls have ended. It is said to each connection.", "conn.stop",
		schema.Need("reason", schema.One("shutdown"), "Why."),
	),
	engineMessage("call.end", "A call has ended.", "call.end",
		schema.Need("state", schema.Of(schema.Text), "The last state before the end."),
		schema.May("rule", schema.Of(schema.Text), "The rule that ended it."),
		schema.Need("begun", schema.Of(schema.Text), "When it began (RFC 3339)."),
		schema.Need("ended", schema.Of(schema.Text), "When it ended."),
		schema.Need("duration", schema.Of(schema.Integer), "How long it was, in ms."),
		schema.May("answered", schema.Of(schema.Text), "When it was answered, if a rule has set the variable answered to a time."),
		schema.May("talked", schema.Of(schema.Integer), "How long from then on, in ms."),
		schema.May("cause", schema.Of(schema.Text), "The variable cause, if a rule has set it to text; likewise the next three."),
		schema.May("direction", schema.Of(schema.Text), "The variable direction."),
		schema.May("user", schema.Of(schema.Text), "The variable user."),
		schema.May("number", schema.Of(schema.Text), "The variable number."),
	),
}}

func engineMessage(typ, doc, says string, fields ...schema.Field) schema.Message {
	in := schema.Table(append([]schema.Field{schema.Need("type", schema.Of(schema.Text), "The type: "+says+".")}, fields...)...)
	return schema.Message{Type: typ, Doc: doc, In: &in}
}
