package matrixtest

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// readable gives the room of the path, and the position up to which it may be
// seen.
func (x *exchange) readable() (*room, int, error) {
	r, err := x.roomOf()
	if err != nil {
		return nil, 0, err
	}
	upTo, ok := r.visible(x.user.id)
	if !ok {
		return nil, 0, forbidden("%s is not in room %s", x.user.id, r.id)
	}
	return r, upTo, nil
}

func (x *exchange) state() (any, error) {
	r, upTo, err := x.readable()
	if err != nil {
		return nil, err
	}
	return x.fullOf(sorted(r.stateAt(upTo))), nil
}

func (x *exchange) fullOf(events []*event) []*clientEvent {
	all := make([]*clientEvent, len(events))
	for i, e := range events {
		all[i] = e.full(x)
	}
	return all
}

func (x *exchange) stateEvent() (any, error) {
	r, upTo, err := x.readable()
	if err != nil {
		return nil, err
	}
	e := r.stateAt(upTo)[slot{x.path("type"), x.path("key")}]
	if e == nil {
		return nil, notFound("room %s has no %s", r.id, x.path("type"))
	}
	return e.Content, nil
}

func (x *exchange) members() (any, error) {
	r, upTo, err := x.readable()
	if err != nil {
		return nil, err
	}
	want, not := x.query.Get("membership"), x.query.Get("not_membership")
	chosen := slices.DeleteFunc(sorted(r.stateAt(upTo)), func(e *event) bool {
		m := membershipOf(e)
		return e.Type != "m.room.member" || want != "" && m != want || not != "" && m == not
	})
	return map[string]any{"chunk": x.fullOf(chosen)}, nil
}

func (x *exchange) joinedMembers() (any, error) {
	r, err := x.roomOf()
	if err != nil {
		return nil, err
	}
	if r.membership(x.user.id) != "join" {
		return nil, forbidden("%s is not in room %s", x.user.id, r.id)
	}
	type profile struct {
		Name   *string `json:"display_name"`
		Avatar *string `json:"avatar_url"`
	}
	joined := map[string]profile{}
	for _, e := range r.memberEvents() {
		if membershipOf(e) != "join" {
			continue
		}
		var m struct {
			Name   *string `json:"displayname"`
			Avatar *string `json:"avatar_url"`
		}
		if err := json.Unmarshal(e.Content, &m); err != nil {
			return nil, err
		}
		joined[*e.StateKey] = profile(m)
	}
	return map[string]any{"joined": joined}, nil
}

func (x *exchange) event() (any, error) {
	r, upTo, err := x.readable()
	if err != nil {
		return nil, err
	}
	for _, e := range r.timeline {
		if e.ID == x.path("event") && e.at <= upTo {
			return e.full(x), nil
		}
	}
	return nil, notFound("room %s has no event %s", r.id, x.path("event"))
}

// A position in the stream, as clients have it, is after the event of that
// number.
func tokenOf(at int) string { return "s" + strconv.Itoa(at) }

func positionOf(token string) (int, error) {
	digits, ok := strings.CutPrefix(token, "s")
	at, err := strconv.Atoi(digits)
	if !ok || err != nil || at < 0 {
		return 0, bad("M_INVALID_PARAM", "%q is no token of this homeserver", token)
	}
	return at, nil
}

// messages gives a page of a room's history.
func (x *exchange) messages() (any, error) {
	r, upTo, err := x.readable()
	if err != nil {
		return nil, err
	}
	back := cmp.Or(x.query.Get("dir"), "b") == "b"
	from := x.last
	if !back {
		from = 0
	}
	if token := x.query.Get("from"); token != "" {
		if from, err = positionOf(token); err != nil {
			return nil, err
		}
	}
	to := -1
	if token := x.query.Get("to"); token != "" {
		if to, err = positionOf(token); err != nil {
			return nil, err
		}
	}
	limit, err := strconv.Atoi(cmp.Or(x.query.Get("limit"), "10"))
	if err != nil || limit < 0 {
		return nil, bad("M_INVALID_PARAM", "limit is no number")
	}
	var f eventFilter
	if text := x.query.Get("filter"); text != "" {
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			return nil, bad("M_INVALID_PARAM", "filter: %v", err)
		}
	}
	within := func(e *event) bool {
		if back {
			return e.at <= from && e.at > to && e.at <= upTo
		}
		return e.at > from && (to < 0 || e.at <= to) && e.at <= upTo
	}
	events := slices.Clone(r.timeline)
	if back {
		slices.Reverse(events)
	}
	chunk := []*clientEvent{}
	page := map[string]any{"start": tokenOf(from)}
	for _, e := range events {
		if !within(e) || !f.passes(e) {
			continue
		}
		if len(chunk) == limit {
			page["end"] = tokenOf(from)
			break
		}
		chunk = append(chunk, e.full(x))
		if from = e.at; back {
			from--
		}
	}
	page["chunk"] = chunk
	return page, nil
}
