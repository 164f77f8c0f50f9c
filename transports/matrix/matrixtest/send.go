package matrixtest

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// A sending is what makes two requests one (Client-Server API, "Transaction
// identifiers"): the same device, or ghost, in the same room.
type sending struct {
	user, device, room, typ, txn string
}

// isBy tells whether the reader is who sent it.
func (f sending) isBy(reader *exchange) bool {
	return f.user == reader.user.id && f.device == reader.device
}

// maxEvent is how long an event may be as servers send it to each other, with
// what they add ("Size limits"): references, hashes and a signature.
const (
	maxEvent = 65536
	addition = 600
	maxID    = 255
)

func checkSize(typ, key string, content json.RawMessage) error {
	switch {
	case len(typ) > maxID || len(key) > maxID:
		return tooLarge("a type or state key has more than %d bytes", maxID)
	case len(typ)+len(key)+len(content)+addition > maxEvent:
		return tooLarge("an event may not have more than %d bytes", maxEvent)
	}
	return nil
}

func (x *exchange) send() (any, error) {
	typ := x.path("type")
	as := sending{x.user.id, x.device, x.path("room"), typ, x.path("txn")}
	if id, done := x.sent[as]; done {
		return map[string]string{"event_id": id}, nil
	}
	content, err := x.object()
	if err != nil {
		return nil, err
	}
	r, err := x.roomOf()
	if err != nil {
		return nil, err
	}
	if err := r.maySend(x.user.id, typ, false); err != nil {
		return nil, err
	}
	if err := checkSize(typ, "", content); err != nil {
		return nil, err
	}
	e := x.add(r, &event{Event: Event{Type: typ, Sender: x.user.id, Sent: x.asserted(), Content: content}, by: as})
	x.sent[as] = e.ID
	return map[string]string{"event_id": e.ID}, nil
}

// asserted is the time that an application service gives to what it sends, zero
// if it does not (Application Service API, "Timestamp massaging").
func (x *exchange) asserted() time.Time {
	ms, err := strconv.ParseInt(x.query.Get("ts"), 10, 64)
	if x.service == nil || err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func (x *exchange) setState() (any, error) {
	typ, key := x.path("type"), x.path("key")
	content, err := x.object()
	if err != nil {
		return nil, err
	}
	r, err := x.roomOf()
	if err != nil {
		return nil, err
	}
	if typ == "m.room.member" {
		e, err := x.setMemberEvent(r, key, content)
		if err != nil {
			return nil, err
		}
		return map[string]string{"event_id": e.ID}, nil
	}
	if err := r.maySend(x.user.id, typ, true); err != nil {
		return nil, err
	}
	if strings.HasPrefix(key, "@") && key != x.user.id {
		return nil, forbidden("state of %s is for that user to set", key)
	}
	if err := checkSize(typ, key, content); err != nil {
		return nil, err
	}
	if old := r.now[slot{typ, key}]; old != nil && string(old.Content) == string(content) && old.Sender == x.user.id {
		return map[string]string{"event_id": old.ID}, nil
	}
	e := x.add(r, &event{Event: Event{Type: typ, Sender: x.user.id, StateKey: &key, Sent: x.asserted(), Content: content}})
	return map[string]string{"event_id": e.ID}, nil
}
