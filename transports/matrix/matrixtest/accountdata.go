package matrixtest

import (
	"cmp"
	"encoding/json"
	"slices"
)

// A dataKey names account data (Client-Server API, "Client Config"). Without a
// room it is of the account as a whole.
type dataKey struct{ room, typ string }

type datum struct {
	at      int
	content json.RawMessage
}

func (x *exchange) accountData() (any, error) {
	if err := x.isSelf(); err != nil {
		return nil, err
	}
	d := x.user.data[dataKey{x.path("room"), x.path("type")}]
	if d == nil {
		return nil, notFound("no account data %s", x.path("type"))
	}
	return d.content, nil
}

func (x *exchange) setAccountData() (any, error) {
	if err := x.isSelf(); err != nil {
		return nil, err
	}
	content, err := x.object()
	if err != nil {
		return nil, err
	}
	x.last++
	x.user.data[dataKey{x.path("room"), x.path("type")}] = &datum{x.last, content}
	x.user.notify()
	return struct{}{}, nil
}

// dataAfter is the account data that changed since, in that order. A dataEvent
// has a type and a content alone.
func (x *exchange) dataAfter(room string, since int, f eventFilter) []*dataEvent {
	var keys []dataKey
	for key, d := range x.user.data {
		if key.room == room && d.at > since && f.takes(key.typ) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b dataKey) int { return cmp.Compare(x.user.data[a].at, x.user.data[b].at) })
	events := make([]*dataEvent, len(keys))
	for i, key := range keys {
		events[i] = &dataEvent{key.typ, x.user.data[key].content}
	}
	return events
}

// A dataEvent is account data in a /sync.
type dataEvent struct {
	Type    string          `json:"type"`
	Content json.RawMessage `json:"content"`
}
