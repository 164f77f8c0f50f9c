package matrix

import (
	"cmp"
	"strconv"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// An outcome is what came of an action that was done, beyond that it was.
type outcome struct {
	event       string   // the id of the event that it made, if any
	room        string   // the room, where the action names none
	membership  string   // of the user in it: [RoomDirect]
	created     bool     // the room is new: [RoomDirect]
	displayname string   // of the user, "" for none: [UserLookup]
	others      []string // ours that were in the room already: [RoomJoin]
	after       uint64   // a batch that must be delivered no later; 0 for none
}

// okReply says that a was done.
func okReply(a engine.Action, out outcome) []byte {
	line := appendReplyHead(nil, a, ".ok", out.room)
	if out.event != "" {
		line = appendField(line, "event_id", out.event)
	}
	line = appendContent(line, a)
	if out.membership != "" {
		line = appendField(line, "membership", out.membership)
		line = strconv.AppendBool(append(line, `,"created":`...), out.created)
	}
	if out.displayname != "" {
		line = appendField(line, "displayname", out.displayname)
	}
	if len(out.others) > 0 {
		if line[len(line)-1] != '{' {
			line = append(line, ',')
		}
		line = append(line, `"others":`...)
		line = append(line, mustJSON(out.others)...)
	}
	return append(line, "}}"...)
}

// errorReply says why a was not done. status is 0 where no server answered.
func errorReply(a engine.Action, f failure) []byte {
	line := append(appendContent(appendReplyHead(nil, a, ".error", ""), a), '}')
	line = append(line, `,"status":`...)
	line = strconv.AppendInt(line, int64(f.status), 10)
	line = appendField(line, "errcode", f.code)
	line = appendField(line, "error", f.text)
	return append(line, '}')
}

// appendReplyHead begins what a capture shows of a. room is where it happened,
// if the action does not say.
func appendReplyHead(line []byte, a engine.Action, suffix, room string) []byte {
	line = append(line, `{"type":`...)
	line = gjson.AppendJSONString(line, a.Type+suffix)
	if room = cmp.Or(a.Address["room"], room); room != "" {
		line = appendField(line, "room_id", room)
	}
	line = appendField(line, "txn_id", a.ID)
	if as := a.Address["as"]; as != "" {
		line = appendField(line, "as", as)
	}
	return line
}

// appendContent begins the content of a reply: the call that it is about, and
// the user. It leaves the object open.
func appendContent(line []byte, a engine.Action) []byte {
	line = append(line, `,"content":{`...)
	if a.Key != "" {
		line = append(line, `"call_id":`...)
		line = gjson.AppendJSONString(line, a.Key)
	}
	if a.Type == RoomDirect || a.Type == RoomInvite || a.Type == UserLookup {
		if a.Key != "" {
			line = append(line, ',')
		}
		line = append(line, `"user":`...)
		line = gjson.AppendJSONString(line, gjson.GetBytes(a.Body, "user").String())
	}
	return line
}
