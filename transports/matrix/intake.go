package matrix

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// A pushed event is what intake reads of an event that the homeserver sends or
// gives as a full one.
type pushed struct {
	typ, id, sender, room string

	stateKey   string
	membership string // of an m.room.member
	invitee    string // of an m.call.invite
	ts         int64  // origin_server_ts; 0 if it does not say
}

func (e pushed) isMember() bool { return e.typ == "m.room.member" }

// maxID is how long an id may be (Matrix specification, "Common identifier format").
const maxID = 255

// readPushed reads a full event. The room may be "": then the event must name it.
func readPushed(raw gjson.Result, room string) (pushed, error) {
	if !raw.IsObject() {
		return pushed{}, errors.New("not a JSON object")
	}
	e := pushed{
		stateKey:   raw.Get("state_key").String(),
		membership: raw.Get("content.membership").String(),
		invitee:    raw.Get("content.invitee").String(),
		ts:         raw.Get("origin_server_ts").Int(),
		room:       room,
	}
	for _, field := range []struct {
		name string
		into *string
	}{{"type", &e.typ}, {"event_id", &e.id}, {"sender", &e.sender}, {"room_id", &e.room}} {
		v := raw.Get(field.name)
		if field.name == "room_id" && room != "" && !v.Exists() {
			continue
		}
		if v.Type != gjson.String || v.Str == "" || len(v.Str) > maxID || strings.IndexByte(v.Str, 0) >= 0 {
			return pushed{}, fmt.Errorf("an event whose %s is no id", field.name)
		}
		*field.into = v.Str
	}
	if e.isMember() && (e.stateKey == "" || len(e.stateKey) > maxID || e.membership == "") {
		return pushed{}, errors.New("an m.room.member that names no member or no membership")
	}
	return e, nil
}

// An intake brings events into the store, as part of one transaction of it: all
// that is given to it is taken, or nothing.
type intake struct {
	records
	ours  ours
	lines [][]byte // to be delivered, with what the transport adds
	drop  func(err error, line []byte)
}

// take runs f and queues what it took for delivery, as one batch. number is 0 if
// that is nothing. drop hears of events that cannot be used.
func (s *store) take(o ours, drop func(error, []byte), f func(*intake) error) (number uint64, err error) {
	err = s.update(func(r records) error {
		in := intake{records: r, ours: o, drop: drop}
		if err := f(&in); err != nil || len(in.lines) == 0 {
			return err
		}
		var err error
		number, err = r.addPending(in.lines)
		return err
	})
	return number, err
}

// event takes one event of room, or of the room that it names. What was seen
// before, what nobody asks for and a membership that is out of date end here.
// The error is that of the store.
func (in *intake) event(raw gjson.Result, room string) error {
	e, err := readPushed(raw, room)
	if err != nil {
		in.drop(err, []byte(raw.Raw))
		return nil
	}
	if !isAskedFor(e.typ) {
		return nil
	}
	if first, err := in.firstEvent(e.id, eventsKept); err != nil || !first {
		return err
	}
	if e.isMember() {
		if news, err := in.hear(in.ours, e); err != nil || !news {
			return err
		}
	}
	as, err := in.reached(in.ours, e)
	if err != nil {
		return err
	}
	line, err := fullEvent(raw.Raw, e.room, as)
	if err != nil {
		in.drop(err, []byte(raw.Raw))
		return nil
	}
	in.lines = append(in.lines, line)
	if e.typ == "m.room.encryption" || e.typ == "m.room.encrypted" && !in.ours.has(e.sender) {
		return in.encrypted(e.room, e.sender, as)
	}
	return nil
}

// encrypted says, once a room, that its calls cannot be read.
func (in *intake) encrypted(room, sender, as string) error {
	r, err := in.room(room)
	if err != nil || r.Encrypted {
		return err
	}
	r.Encrypted = true
	in.lines = append(in.lines, encryptedWord(room, sender, as))
	return in.setRoom(room, r)
}
