package matrixtest

import (
	"context"
	"encoding/json"
	"time"
)

// An Event is what happened in a room, as the homeserver has it.
type Event struct {
	ID, Room, Type, Sender string

	StateKey *string // nil: no state event
	Sent     time.Time
	Content  json.RawMessage
}

// event is one in the stream. It does not change.
type event struct {
	Event
	at     int            // position in the stream
	before *event         // the state event in whose place it is
	by     sending        // the request that sent it, zero for others
	shown  []*clientEvent // to who is invited by it
}

// A clientEvent is an event as clients and application services get it
// (Client-Server API, "Room event format").
type clientEvent struct {
	Content  json.RawMessage `json:"content"`
	ID       string          `json:"event_id,omitempty"`
	Sent     int64           `json:"origin_server_ts,omitempty"`
	Room     string          `json:"room_id,omitempty"`
	Sender   string          `json:"sender"`
	StateKey *string         `json:"state_key,omitempty"`
	Type     string          `json:"type"`
	Unsigned *unsigned       `json:"unsigned,omitempty"`
}

type unsigned struct {
	Age         int64           `json:"age"`
	InviteState []*clientEvent  `json:"invite_room_state,omitempty"`
	Before      json.RawMessage `json:"prev_content,omitempty"`
	Replaces    string          `json:"replaces_state,omitempty"`
	Txn         string          `json:"transaction_id,omitempty"`
}

// full is e for reader; nil stands for an application service.
func (e *event) full(reader *exchange) *clientEvent {
	u := &unsigned{Age: max(0, time.Since(e.Sent).Milliseconds()), InviteState: e.shown}
	if e.before != nil {
		u.Before, u.Replaces = e.before.Content, e.before.ID
	}
	if reader != nil && e.by.txn != "" && e.by.isBy(reader) {
		u.Txn = e.by.txn
	}
	return &clientEvent{
		Content: e.Content, ID: e.ID, Sent: e.Sent.UnixMilli(), Room: e.Room,
		Sender: e.Sender, StateKey: e.StateKey, Type: e.Type, Unsigned: u,
	}
}

// bare is e for reader where the room is said elsewhere.
func (e *event) bare(reader *exchange) *clientEvent {
	c := e.full(reader)
	c.Room = ""
	return c
}

// stripped is e as those see it who are not in the room (Client-Server API,
// "Stripped state").
func (e *event) stripped() *clientEvent {
	return &clientEvent{Content: e.Content, Sender: e.Sender, StateKey: e.StateKey, Type: e.Type}
}

// isAbout tells the event of a user's membership.
func (e *event) isAbout(user string) bool {
	return e.Type == "m.room.member" && e.StateKey != nil && *e.StateKey == user
}

// Events gives all that happened in all rooms so far, in order.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Event, len(s.events))
	for i, e := range s.events {
		all[i] = e.Event
	}
	return all
}

// WaitEvent gives the first event that match accepts, of those that there were
// and those to come.
func (s *Server) WaitEvent(ctx context.Context, match func(Event) bool) (Event, error) {
	for i := 0; ; {
		s.mu.Lock()
		news, changed := s.events[i:], s.changed
		s.mu.Unlock()
		i += len(news)
		for _, e := range news {
			if match(e.Event) {
				return e.Event, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}
