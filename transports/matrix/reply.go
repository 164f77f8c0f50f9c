package matrix

import (
	"strconv"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// okReply says that a was done; eventID is "" where that made no event of ours.
func okReply(a engine.Action, eventID string) []byte {
	line := appendReplyHead(nil, a, ".ok")
	if eventID != "" {
		line = appendField(line, "event_id", eventID)
	}
	return append(appendCall(line, a), '}')
}

// errorReply says why a was not done. status is 0 where no server answered.
func errorReply(a engine.Action, f failure) []byte {
	line := appendCall(appendReplyHead(nil, a, ".error"), a)
	line = append(line, `,"status":`...)
	line = strconv.AppendInt(line, int64(f.status), 10)
	line = appendField(line, "errcode", f.code)
	line = appendField(line, "error", f.text)
	return append(line, '}')
}

// appendReplyHead begins what a capture shows of a.
func appendReplyHead(line []byte, a engine.Action, suffix string) []byte {
	line = append(line, `{"type":`...)
	line = gjson.AppendJSONString(line, a.Type+suffix)
	line = appendField(line, "room_id", a.Address["room"])
	return appendField(line, "txn_id", a.ID)
}

// appendCall adds the content of a reply: the call that it is about.
func appendCall(line []byte, a engine.Action) []byte {
	line = append(line, `,"content":{`...)
	if a.Key != "" {
		line = append(line, `"call_id":`...)
		line = gjson.AppendJSONString(line, a.Key)
	}
	return append(line, '}')
}
