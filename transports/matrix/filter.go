package matrix

import (
	"encoding/json"
	"slices"
	"strconv"
)

// timelineLimit is how many events of a room one /sync may bring; what is
// older is fetched apart.
const timelineLimit = 200

// eventTypes are the events that are asked for. The globs are for types that
// are yet to come: Dendrite 0.15.2 on SQLite takes them literally, so all that
// is known stands here by name.
var eventTypes = []string{
	"m.call.*",
	"m.call.invite", "m.call.candidates", "m.call.answer", "m.call.select_answer",
	"m.call.reject", "m.call.hangup", "m.call.negotiate",
	"m.call.sdp_stream_metadata_changed", "m.call.asserted_identity",
	"m.call.replaces", "m.call.reject_replacement",
	"org.matrix.call.*",
	"org.matrix.call.sdp_stream_metadata_changed", "org.matrix.call.asserted_identity",
	"m.room.member", "m.room.message", "m.room.encrypted", "m.room.encryption",
}

// isAskedFor tells them where the homeserver does not ask which are wanted.
func isAskedFor(typ string) bool {
	return isCall(typ) || slices.Contains(eventTypes, typ)
}

// gapFilter asks /messages for the same events as /sync brings.
var gapFilter = `{"types":` + mustJSON(eventTypes) + `}`

// syncFilter asks for those events alone, limit of them a room at most.
func syncFilter(limit int) string {
	const none = `{"not_types":["*"]}`
	return `{"event_format":"client","presence":` + none + `,"account_data":` + none +
		`,"room":{"account_data":` + none + `,"ephemeral":` + none +
		`,"state":{"types":["m.room.encryption"],"lazy_load_members":true}` +
		`,"timeline":{"types":` + mustJSON(eventTypes) + `,"limit":` + strconv.Itoa(limit) + `}}}`
}

func mustJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}
