package matrix

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// maxEvent is how long an event may be: servers take no longer one (Matrix
// specification, "Size limits"). What the server adds for the reader alone,
// under unsigned, does not count.
const maxEvent = 64 << 10

// An event is what the transport itself reads of a raw message.
type event struct {
	typ    string
	id     string // "" in what is no event of a timeline: an invitation, a reply, an own word
	sender string
	room   string
	call   string // content.call_id
	party  string // content.party_id
	txn    string // the transaction id, where we sent it
	as     string // which of ours it is for, or by
}

// readEvent checks one raw message and reads it. A field that is not text
// counts as absent; type may not be.
func readEvent(data []byte) (event, error) {
	if !gjson.ValidBytes(data) {
		return event{}, errors.New("not JSON")
	}
	if !utf8.Valid(data) {
		return event{}, errors.New("not valid UTF-8")
	}
	root := gjson.ParseBytes(data)
	if !root.IsObject() {
		return event{}, errors.New("not a JSON object")
	}
	var e event
	var unsigned int
	root.ForEach(func(k, v gjson.Result) bool {
		switch k.String() {
		case "type":
			keepFirst(&e.typ, v)
		case "event_id":
			keepFirst(&e.id, v)
		case "sender":
			keepFirst(&e.sender, v)
		case "room_id":
			keepFirst(&e.room, v)
		case "as":
			keepFirst(&e.as, v)
		case "txn_id":
			keepFirst(&e.txn, v)
		case "content":
			keepFirst(&e.call, v.Get("call_id"))
			keepFirst(&e.party, v.Get("party_id"))
		case "unsigned":
			unsigned += len(v.Raw)
			keepFirst(&e.txn, v.Get("transaction_id"))
		}
		return true
	})
	switch {
	case e.typ == "":
		return event{}, errors.New("no type")
	case len(data)-unsigned > maxEvent:
		return event{}, fmt.Errorf("%s of %d bytes, more than an event may have (%d)", e.typ, len(data)-unsigned, maxEvent)
	case e.id != "" && e.sender != "" && isReserved(e.typ):
		return event{}, fmt.Errorf("%s sent by %s: only the transport itself may say that", e.typ, e.sender)
	}
	return e, nil
}

// keepFirst takes the first of several values, as the engine does.
func keepFirst(field *string, v gjson.Result) {
	if *field == "" && v.Type == gjson.String {
		*field = v.String()
	}
}

// isReserved tells the types that stand for what the transport says: an event
// in a room must not pass for a reply or for the transport's state.
func isReserved(typ string) bool {
	family, _, _ := strings.Cut(typ, ".")
	switch family {
	case "transport", "room", "user", "alias", "query", "thirdparty":
		return true
	}
	return strings.HasSuffix(typ, ".ok") || strings.HasSuffix(typ, ".error")
}

// isReply tells what came of a send.
func (e event) isReply() bool {
	return e.sender == "" && (strings.HasSuffix(e.typ, ".ok") || strings.HasSuffix(e.typ, ".error"))
}

// fullEvent is an event as the rules see it: with the room where it happened, and
// with which of ours it is for, if that is told apart.
func fullEvent(raw, room, as string) ([]byte, error) {
	line, err := withRoom(raw, room)
	if err != nil {
		return nil, err
	}
	return withAs(string(line), as)
}

// withRoom puts room into an event that does not say where it happened, as /sync
// gives them; everything else stays as it is. raw is a JSON object.
func withRoom(raw, room string) ([]byte, error) {
	if v := gjson.Get(raw, "room_id"); v.Exists() {
		if v.Type != gjson.String || v.String() != room {
			return nil, fmt.Errorf("the event says that it is from another room: %s", v.Raw)
		}
		return []byte(raw), nil
	}
	return withField(raw, "room_id", room)
}

// withField puts a text field at the end of a JSON object; everything else stays
// as it is.
func withField(raw, name, value string) ([]byte, error) {
	body := strings.TrimRight(raw, " \t\r\n")
	if !strings.HasPrefix(body, "{") || !strings.HasSuffix(body, "}") {
		return nil, errors.New("not a JSON object")
	}
	body = body[:len(body)-1]
	line := make([]byte, 0, len(body)+len(name)+len(value)+16)
	line = append(line, body...)
	if strings.TrimRight(body, " \t\r\n") != "{" {
		line = append(line, ',')
	}
	line = append(append(append(line, '"'), name...), `":`...)
	line = gjson.AppendJSONString(line, value)
	return append(line, '}'), nil
}

// withAs says in an event which of ours it is for; "" says nothing. What the
// event itself has there is not from us, and goes.
func withAs(raw, as string) ([]byte, error) {
	root := gjson.Parse(raw)
	if root.Get("as").Exists() {
		kept := []byte{'{'}
		root.ForEach(func(k, v gjson.Result) bool {
			if k.String() != "as" {
				if len(kept) > 1 {
					kept = append(kept, ',')
				}
				kept = append(append(append(kept, k.Raw...), ':'), v.Raw...)
			}
			return true
		})
		raw = string(append(kept, '}'))
	}
	if as == "" {
		return []byte(raw), nil
	}
	return withField(raw, "as", as)
}

// invitation is the message of a room that invites us: the stripped event that
// does so, and the rest of what the server tells about the room under unsigned,
// where an invite_room_state stands in a full event as well. It has no event id.
func invitation(room, user string, stripped []gjson.Result) ([]byte, error) {
	var member gjson.Result
	var state []byte
	for _, e := range stripped {
		if e.Get("type").String() == "m.room.member" && e.Get("state_key").String() == user {
			member = e
		}
		if len(state)+len(e.Raw) < maxEvent {
			if state != nil {
				state = append(state, ',')
			}
			state = append(state, e.Raw...)
		}
	}
	if !member.Get("content").IsObject() {
		return nil, errors.New("an invitation without the event that invites")
	}
	line := []byte(`{"type":"m.room.member","room_id":`)
	line = gjson.AppendJSONString(line, room)
	line = appendField(line, "sender", member.Get("sender").String())
	line = appendField(line, "state_key", user)
	line = append(append(line, `,"content":`...), member.Get("content").Raw...)
	line = append(append(line, `,"unsigned":{"invite_room_state":[`...), state...)
	return append(line, "]}}"...), nil
}

// upWord says that the transport works, and as whom: the user, and each whose
// name begins with ghosts, if that is not "".
func upWord(user, ghosts string) []byte {
	line := appendField([]byte(`{"type":"`+engine.TransportUp+`"`), "user_id", user)
	if ghosts != "" {
		line = appendField(line, "ghosts", ghosts)
	}
	return append(line, '}')
}

func downWord() []byte {
	return []byte(`{"type":"` + engine.TransportDown + `"}`)
}

// encryptedWord says that calls in room cannot be read; sender wrote there.
func encryptedWord(room, sender, as string) []byte {
	line := appendField([]byte(`{"type":"`+RoomEncrypted+`"`), "room_id", room)
	line = appendField(line, "sender", sender)
	if as != "" {
		line = appendField(line, "as", as)
	}
	return append(line, '}')
}

// appendField adds a text field to a JSON object that is still open and has
// one at least.
func appendField(line []byte, name, value string) []byte {
	line = append(append(append(line, `,"`...), name...), `":`...)
	return gjson.AppendJSONString(line, value)
}
