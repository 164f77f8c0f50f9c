package calllog

import "vertigo/schema"

// Schema tells what the shipped rules write. A record may hold anything else: the
// log does not look into it.
var Schema = &schema.Set{Messages: []schema.Message{
	{Type: "call", Doc: "The record of a call: the line in the file. It may have any further fields.", Out: &recordType},
	{Type: "*", Doc: "A record of any other kind.", Out: &anythingType},
}}

var (
	textType     = schema.Of(schema.Text)
	msType       = schema.Of(schema.Number)
	anythingType = schema.Of(schema.Object)
	valueType    = schema.Of(schema.Any)

	recordType = schema.Type{Kind: schema.Object, Each: &valueType, Fields: []schema.Field{
		schema.May("call", textType, "The id of the call."),
		schema.May("direction", schema.Known("in", "out"), "Where the call came from: out is from Matrix."),
		schema.May("user", textType, "The Matrix user."),
		schema.May("number", textType, "The number at the other end."),
		schema.May("dialled", textType, "Of an inbound call: the number that was dialled."),
		schema.May("name", textType, "Of an inbound call: the name of the caller."),
		schema.May("transferred", textType, "The number that the user transferred the far end to."),
		schema.May("begun", textType, "When it began (RFC 3339)."),
		schema.May("answered", textType, "When it was answered."),
		schema.May("ended", textType, "When it ended."),
		schema.May("duration", msType, "How long it was in all, in ms."),
		schema.May("talked", msType, "How long from the answer on, in ms."),
		schema.May("cause", textType, "Why it ended, as FreeSWITCH names it."),
		schema.May("refusal", textType, "The sentence with which it was refused."),
		schema.May("rule", textType, "The rule that ended it."),
	}}
)
