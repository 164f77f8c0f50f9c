package matrix

import (
	"errors"

	"github.com/tidwall/gjson"
)

// A response is what /sync says about rooms, read leniently: a part of an
// unexpected shape counts as absent, so that it cannot stop the stream.
type response struct {
	next    string
	invited []roomEvents // events: the stripped state
	joined  []roomEvents
	left    []roomEvents
}

type roomEvents struct {
	room    string
	state   []gjson.Result
	events  []gjson.Result
	limited bool   // older events are missing
	prev    string // the token that leads to them
}

func readResponse(body []byte) (*response, error) {
	if !gjson.ValidBytes(body) {
		return nil, errors.New("not JSON")
	}
	root := gjson.ParseBytes(body)
	next := root.Get("next_batch")
	if next.Type != gjson.String || next.String() == "" {
		return nil, errors.New("no next_batch")
	}
	return &response{
		next:    next.String(),
		invited: readRooms(root.Get("rooms.invite"), "invite_state"),
		joined:  readRooms(root.Get("rooms.join"), "timeline"),
		left:    readRooms(root.Get("rooms.leave"), "timeline"),
	}, nil
}

// readRooms reads one object of rooms by id, whose events stand under part.
func readRooms(byID gjson.Result, part string) []roomEvents {
	var rooms []roomEvents
	if !byID.IsObject() {
		return nil
	}
	byID.ForEach(func(id, r gjson.Result) bool {
		rooms = append(rooms, roomEvents{
			room:    id.String(),
			state:   list(r.Get("state.events")),
			events:  list(r.Get(part).Get("events")),
			limited: r.Get(part).Get("limited").Bool(),
			prev:    r.Get(part).Get("prev_batch").String(),
		})
		return true
	})
	return rooms
}

func list(v gjson.Result) []gjson.Result {
	if !v.IsArray() {
		return nil
	}
	return v.Array()
}
