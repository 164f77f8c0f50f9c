package matrixtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// roomOf gives the room of the path.
func (x *exchange) roomOf() (*room, error) {
	id := x.path("room")
	if r := x.rooms[id]; r != nil {
		return r, nil
	}
	return nil, forbidden("%s is not in room %s", x.user.id, id)
}

// setMember changes a membership, of which it was checked that it may be so.
// more goes into the content.
func (s *Server) setMember(r *room, sender, target, membership string, more map[string]any) *event {
	content := map[string]any{}
	for key, value := range more {
		content[key] = value
	}
	if membership == "join" || membership == "invite" {
		delete(r.forgot, target)
		if u := s.users[target]; u != nil {
			for key, value := range u.fields("displayname", "avatar_url") {
				content[key] = value
			}
		}
	}
	content["membership"] = membership
	return s.addState(r, sender, "m.room.member", target, content)
}

// mayBecome refuses memberships as the authorization rules of the room version
// do ("m.room.member").
func (r *room) mayBecome(sender, target, membership string) error {
	l, was := r.levels(), r.membership(target)
	inside := r.membership(sender) == "join"
	switch membership {
	case "join":
		var rules struct {
			Rule string `json:"join_rule"`
		}
		r.content("m.room.join_rules", "", &rules)
		switch {
		case sender != target:
			return forbidden("nobody joins for somebody else")
		case was == "ban":
			return forbidden("%s is banned from room %s", target, r.id)
		case was != "join" && was != "invite" && rules.Rule != "public":
			return forbidden("%s is not invited to room %s", target, r.id)
		}
	case "invite":
		switch {
		case !inside:
			return forbidden("%s is not in room %s", sender, r.id)
		case was == "join" || was == "ban":
			return forbidden("%s is in room %s, or banned", target, r.id)
		case l.of(sender) < l.Invite:
			return forbidden("%s may not invite", sender)
		}
	case "leave":
		if sender == target {
			if was != "join" && was != "invite" {
				return forbidden("%s is not in room %s", sender, r.id)
			}
			return nil
		}
		switch {
		case !inside:
			return forbidden("%s is not in room %s", sender, r.id)
		case was != "join" && was != "invite" && was != "ban":
			return forbidden("%s is not in room %s", target, r.id)
		case was == "ban" && l.of(sender) < l.Ban, l.of(sender) < l.Kick, l.of(sender) <= l.of(target):
			return forbidden("%s may not remove %s", sender, target)
		}
	case "ban":
		switch {
		case !inside:
			return forbidden("%s is not in room %s", sender, r.id)
		case l.of(sender) < l.Ban, l.of(sender) <= l.of(target):
			return forbidden("%s may not ban %s", sender, target)
		}
	default:
		return forbidden("no membership %q", membership)
	}
	return nil
}

// become changes the membership of target, if it is not so already. The reason
// in the body is told.
func (x *exchange) become(r *room, target, membership string) error {
	var body struct{ Reason *string }
	if err := x.read(&body); err != nil {
		return err
	}
	if err := r.mayBecome(x.user.id, target, membership); err != nil {
		return err
	}
	var more map[string]any
	if body.Reason != nil {
		more = map[string]any{"reason": *body.Reason}
	}
	if membership == "join" && r.membership(target) == "join" {
		return nil
	}
	x.setMember(r, x.user.id, target, membership, more)
	return nil
}

func (x *exchange) join() (any, error) {
	r := x.rooms[x.path("room")]
	if r == nil {
		return nil, notFound("no room %s", x.path("room"))
	}
	return map[string]string{"room_id": r.id}, x.become(r, x.user.id, "join")
}

// joinByName joins a room by its id or alias.
func (x *exchange) joinByName() (any, error) {
	name := x.path("room")
	var r *room
	if strings.HasPrefix(name, "#") {
		var err error
		if r, err = x.resolve(name); err != nil {
			return nil, err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if r == nil {
		return x.join()
	}
	return map[string]string{"room_id": r.id}, x.become(r, x.user.id, "join")
}

// target is the user that the body names.
func (x *exchange) target() (string, error) {
	var body struct {
		User string `json:"user_id"`
	}
	if err := x.read(&body); err != nil {
		return "", err
	}
	switch {
	case body.User == "":
		return "", bad("M_MISSING_PARAM", "user_id is missing")
	case !fullUserID.MatchString(body.User):
		return "", bad("M_INVALID_PARAM", "%q is no user id", body.User)
	}
	return body.User, nil
}

// other changes the membership of somebody else, where was accepts what that
// is now.
func (x *exchange) other(membership string, was func(string) bool) (any, error) {
	target, err := x.target()
	if err != nil {
		return nil, err
	}
	r, err := x.roomOf()
	if err != nil {
		return nil, err
	}
	if now := r.membership(target); !was(now) {
		return nil, &Error{Status: http.StatusForbidden, Code: "M_BAD_STATE", Text: fmt.Sprintf("the membership of %s is %q", target, now)}
	}
	return struct{}{}, x.become(r, target, membership)
}

func anything(string) bool    { return true }
func banned(now string) bool  { return now == "ban" }
func atLarge(now string) bool { return now != "ban" }

func (x *exchange) invite() (any, error) { return x.other("invite", anything) }
func (x *exchange) kick() (any, error)   { return x.other("leave", atLarge) }
func (x *exchange) ban() (any, error)    { return x.other("ban", anything) }
func (x *exchange) unban() (any, error)  { return x.other("leave", banned) }

func (x *exchange) leave() (any, error) {
	r := x.rooms[x.path("room")]
	if r == nil {
		return nil, &Error{Status: http.StatusNotFound, Code: "M_UNKNOWN", Text: "no room " + x.path("room")}
	}
	return struct{}{}, x.become(r, x.user.id, "leave")
}

func (x *exchange) forget() (any, error) {
	r, err := x.roomOf()
	if err != nil {
		return nil, err
	}
	switch r.membership(x.user.id) {
	case "join", "invite":
		return nil, bad("M_UNKNOWN", "%s is in room %s", x.user.id, r.id)
	}
	r.forgot[x.user.id] = true
	return struct{}{}, nil
}

func (x *exchange) joinedRooms() (any, error) {
	joined := []string{}
	for _, r := range x.roomsOf[x.user.id] {
		if r.membership(x.user.id) == "join" {
			joined = append(joined, r.id)
		}
	}
	return map[string][]string{"joined_rooms": joined}, nil
}

// setMemberEvent is a membership set as any state event is.
func (x *exchange) setMemberEvent(r *room, target string, content json.RawMessage) (*event, error) {
	var m struct{ Membership string }
	if err := json.Unmarshal(content, &m); err != nil {
		return nil, bad("M_BAD_JSON", "membership is no text")
	}
	if err := r.mayBecome(x.user.id, target, m.Membership); err != nil {
		return nil, err
	}
	var more map[string]any
	if err := json.Unmarshal(content, &more); err != nil {
		return nil, err
	}
	return x.setMember(r, x.user.id, target, m.Membership, more), nil
}
