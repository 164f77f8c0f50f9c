package matrixtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"
)

// A syncReply is what is new for a client (Client-Server API, "Syncing").
type syncReply struct {
	Next        string   `json:"next_batch"`
	AccountData dataList `json:"account_data"`
	Rooms       struct {
		Join   map[string]*joinedRoom  `json:"join,omitempty"`
		Invite map[string]*invitedRoom `json:"invite,omitempty"`
		Leave  map[string]*leftRoom    `json:"leave,omitempty"`
	} `json:"rooms"`
}

type list struct {
	Events []*clientEvent `json:"events"`
}

type dataList struct {
	Events []*dataEvent `json:"events"`
}

type joinedRoom struct {
	leftRoom
	AccountData dataList `json:"account_data"`
	Summary     *summary `json:"summary,omitempty"`
}

type leftRoom struct {
	State    list     `json:"state"`
	Timeline timeline `json:"timeline"`
}

type timeline struct {
	list
	Limited bool   `json:"limited"`
	Before  string `json:"prev_batch"`
}

type invitedRoom struct {
	State list `json:"invite_state"`
}

type summary struct {
	Heroes  []string `json:"m.heroes"`
	Joined  int      `json:"m.joined_member_count"`
	Invited int      `json:"m.invited_member_count"`
}

func (r *syncReply) isEmpty() bool {
	return len(r.AccountData.Events)+len(r.Rooms.Join)+len(r.Rooms.Invite)+len(r.Rooms.Leave) == 0
}

// maxWait bounds how long a /sync waits for news.
const maxWait = 10 * time.Minute

// sync gives what is new, and waits for it.
func (x *exchange) sync() (any, error) {
	since := -1
	if token := x.query.Get("since"); token != "" {
		var err error
		if since, err = positionOf(token); err != nil {
			return nil, err
		}
	}
	f, err := x.chosenFilter()
	if err != nil {
		return nil, err
	}
	ms, err := strconv.Atoi(cmp.Or(x.query.Get("timeout"), "0"))
	if err != nil || ms < 0 {
		return nil, bad("M_INVALID_PARAM", "timeout is no number")
	}
	wait := min(time.Duration(ms)*time.Millisecond, maxWait)
	ctx, cancel := context.WithTimeout(x.req.Context(), wait)
	defer cancel()
	for {
		x.mu.Lock()
		reply, changed := x.news(since, f), x.user.changed
		x.mu.Unlock()
		if since < 0 || wait == 0 || !reply.isEmpty() {
			return reply, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return reply, nil
		}
	}
}

// news is what happened after since; -1 stands for the beginning.
func (x *exchange) news(since int, f filter) *syncReply {
	reply := &syncReply{Next: tokenOf(x.last), AccountData: dataList{x.dataAfter("", since, f.AccountData)}}
	rooms := &reply.Rooms
	rooms.Join, rooms.Invite, rooms.Leave = map[string]*joinedRoom{}, map[string]*invitedRoom{}, map[string]*leftRoom{}
	for _, r := range x.roomsOf[x.user.id] {
		own := r.memberEvent(x.user.id)
		if !f.takesRoom(r.id) || r.forgot[x.user.id] {
			continue
		}
		switch r.membership(x.user.id) {
		case "join":
			if j := x.joinedNews(r, own, since, f); j != nil {
				rooms.Join[r.id] = j
			}
		case "invite":
			if own.at > since {
				rooms.Invite[r.id] = &invitedRoom{list{append(slices.Clone(own.shown), own.stripped())}}
			}
		default:
			if own.at > since && (since >= 0 || f.Room.IncludeLeave) {
				rooms.Leave[r.id] = x.leftNews(r, own, since, f)
			}
		}
	}
	return reply
}

// joinedNews is nil if there is nothing new in a room.
func (x *exchange) joinedNews(r *room, own *event, since int, f filter) *joinedRoom {
	was := own
	for was != nil && was.at > since {
		was = was.before
	}
	if was == nil || membershipOf(was) != "join" {
		since = -1 // all is new
	}
	data := x.dataAfter(r.id, since, f.Room.AccountData)
	happened := r.between(since, x.last)
	if since >= 0 && len(data)+len(happened) == 0 {
		return nil
	}
	part := x.part(r, happened, f)
	if since >= 0 && len(data)+len(part.State.Events)+len(part.Timeline.Events) == 0 {
		return nil
	}
	j := &joinedRoom{leftRoom: *part, AccountData: dataList{data}}
	if slices.ContainsFunc(happened, func(e *event) bool { return e.Type == "m.room.member" }) {
		j.Summary = r.summary(x.user.id)
	}
	return j
}

// leftNews is what happened until a user left. Who never was in the room sees
// nothing but that.
func (x *exchange) leftNews(r *room, own *event, since int, f filter) *leftRoom {
	happened := []*event{own}
	if _, was := r.visible(x.user.id); was {
		happened = r.between(since, own.at)
	}
	return x.part(r, happened, f)
}

// part divides what happened into a timeline, which the filter bounds, and the
// state that is not in it.
func (x *exchange) part(r *room, happened []*event, f filter) *leftRoom {
	var line []*event
	for _, e := range happened {
		if f.Room.Timeline.passes(e) {
			line = append(line, e)
		}
	}
	p := &leftRoom{}
	if over := len(line) - f.Room.Timeline.Limit; over > 0 {
		line, p.Timeline.Limited = line[over:], true
	}
	p.Timeline.Before = tokenOf(x.last)
	if len(line) > 0 {
		p.Timeline.Before = tokenOf(line[0].at - 1)
	}
	p.Timeline.Events, p.State.Events = x.bareOf(line), x.bareOf(r.stateBeside(line, happened, f.Room.State, x.user.id))
	return p
}

func (x *exchange) bareOf(events []*event) []*clientEvent {
	all := make([]*clientEvent, len(events))
	for i, e := range events {
		all[i] = e.bare(x)
	}
	return all
}

// stateBeside is the state that happened and that a timeline does not show. Of
// members that are loaded lazily there are those who sent what it shows, and
// the reader.
func (r *room) stateBeside(line, happened []*event, f eventFilter, reader string) []*event {
	state := map[slot]*event{}
	for _, e := range happened {
		if e.StateKey != nil && f.passes(e) && !slices.Contains(line, e) {
			state[slot{e.Type, *e.StateKey}] = e
		}
	}
	if f.Lazy {
		senders := map[string]bool{reader: true}
		for _, e := range line {
			senders[e.Sender] = true
			member := r.memberEvent(e.Sender)
			if member != nil && f.passes(member) && !slices.Contains(line, member) {
				state[slot{"m.room.member", e.Sender}] = member
			}
		}
		maps.DeleteFunc(state, func(at slot, _ *event) bool { return at.typ == "m.room.member" && !senders[at.key] })
	}
	return sorted(state)
}

// summary names up to five others.
func (r *room) summary(reader string) *summary {
	s := &summary{Heroes: []string{}}
	for _, e := range r.memberEvents() {
		switch membershipOf(e) {
		case "join":
			s.Joined++
		case "invite":
			s.Invited++
		default:
			continue
		}
		if *e.StateKey != reader && len(s.Heroes) < 5 {
			s.Heroes = append(s.Heroes, *e.StateKey)
		}
	}
	return s
}
