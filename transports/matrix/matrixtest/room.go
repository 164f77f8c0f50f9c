package matrixtest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"
	"time"
)

// roomVersion is that of all rooms.
const roomVersion = "10"

// A room is what happened in it, and what is so by now.
type room struct {
	id       string
	timeline []*event
	now      map[slot]*event
	members  map[string]string // memberships of now
	aliases  []string
	forgot   map[string]bool // who wants to know nothing of it any more
}

// A slot is where a state event stands.
type slot struct{ typ, key string }

func (s *Server) newRoom() *room {
	r := &room{id: "!" + rand.Text()[:18] + ":" + s.opts.ServerName, now: map[slot]*event{}, members: map[string]string{}, forgot: map[string]bool{}}
	s.rooms[r.id] = r
	return r
}

// add lets something happen in a room. It was checked that it may.
func (s *Server) add(r *room, e *event) *event {
	s.last++
	e.at, e.ID, e.Room = s.last, newEventID(), r.id
	if e.Sent.IsZero() {
		e.Sent = time.Now()
	}
	if e.StateKey != nil {
		at := slot{e.Type, *e.StateKey}
		e.before = r.now[at]
		r.now[at] = e
		if e.Type == "m.room.member" {
			s.setMembership(r, e)
		}
	}
	r.timeline = append(r.timeline, e)
	s.events = append(s.events, e)
	for _, v := range s.services {
		if v.wants(r, e) {
			v.queue = append(v.queue, e)
		}
	}
	for id, membership := range r.members {
		if u := s.users[id]; u != nil && (membership == "join" || e.isAbout(id)) {
			u.notify()
		}
	}
	s.notify()
	return e
}

// setMembership takes note of what a member event says.
func (s *Server) setMembership(r *room, e *event) {
	id, membership := *e.StateKey, membershipOf(e)
	if membership == "invite" {
		e.shown = r.preview()
	}
	if _, known := r.members[id]; !known {
		s.roomsOf[id] = append(s.roomsOf[id], r)
	}
	r.members[id] = membership
}

// addState lets a state event happen; content is marshalled.
func (s *Server) addState(r *room, sender, typ, key string, content any) *event {
	return s.add(r, &event{Event: Event{Type: typ, Sender: sender, StateKey: &key, Content: encode(content)}})
}

// newEventID looks like one of room version 4 and later.
func newEventID() string {
	var hash [32]byte
	rand.Read(hash[:])
	return "$" + base64.RawURLEncoding.EncodeToString(hash[:])
}

// content decodes a state event of r into v; without one v stays as it is.
func (r *room) content(typ, key string, v any) {
	if e := r.now[slot{typ, key}]; e != nil {
		_ = json.Unmarshal(e.Content, v) // what has another form says nothing
	}
}

// membership is "" for who never had one.
func (r *room) membership(user string) string { return r.members[user] }

// memberEvent is nil for who never had a membership.
func (r *room) memberEvent(user string) *event { return r.now[slot{"m.room.member", user}] }

func membershipOf(e *event) string {
	var m struct{ Membership string }
	_ = json.Unmarshal(e.Content, &m) // it was checked before it was added
	return m.Membership
}

// memberEvents are those of now, sorted by user.
func (r *room) memberEvents() []*event {
	return slices.DeleteFunc(sorted(r.now), func(e *event) bool { return e.Type != "m.room.member" })
}

func sorted(state map[slot]*event) []*event {
	return slices.SortedFunc(maps.Values(state), func(a, b *event) int {
		if c := strings.Compare(a.Type, b.Type); c != 0 {
			return c
		}
		return strings.Compare(*a.StateKey, *b.StateKey)
	})
}

// stateAt is what was so after the event at that position.
func (r *room) stateAt(at int) map[slot]*event {
	state := map[slot]*event{}
	for _, e := range r.between(-1, at) {
		if e.StateKey != nil {
			state[slot{e.Type, *e.StateKey}] = e
		}
	}
	return state
}

// between is what happened after since, up to another position.
func (r *room) between(since, upTo int) []*event {
	after := func(at int) int {
		return sort.Search(len(r.timeline), func(i int) bool { return r.timeline[i].at > at })
	}
	return r.timeline[after(since):after(upTo)]
}

// preview is what one who is invited is told of the room (Client-Server API,
// "Stripped state").
func (r *room) preview() []*clientEvent {
	var shown []*clientEvent
	for _, typ := range []string{
		"m.room.create", "m.room.name", "m.room.avatar", "m.room.topic",
		"m.room.join_rules", "m.room.canonical_alias", "m.room.encryption",
	} {
		if e := r.now[slot{typ, ""}]; e != nil {
			shown = append(shown, e.stripped())
		}
	}
	return shown
}

// visible is the position up to which a user may see a room; ok is false if
// that is nothing. Who is in it sees all, who was in it what happened until then.
func (r *room) visible(user string) (upTo int, ok bool) {
	switch e := r.memberEvent(user); {
	case e == nil || r.forgot[user]:
		return 0, false
	case membershipOf(e) == "join":
		return math.MaxInt, true
	case membershipOf(e) == "invite", e.before == nil || membershipOf(e.before) != "join":
		return 0, false
	default:
		return e.at, true
	}
}
