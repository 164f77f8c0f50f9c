package matrix

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A chat is a room as it may serve for the direct chat of one of ours with a user.
type chat struct {
	room       string
	membership string // of the user; "" if there never was one
}

// open tells that the user is in the room or can come in.
func (c chat) open() bool { return c.membership == "join" || c.membership == "invite" }

// direct finds the direct chat of u with user, or makes one. The outbox carries
// out one at a time for both, so that there is one room.
func (u actor) direct(ctx context.Context, user string) (outcome, error) {
	if !userID.MatchString(user) || user == u.id {
		return outcome{}, failure{text: fmt.Sprintf("user %q: a direct chat needs the full Matrix id of somebody else", user)}
	}
	found, err := u.findChat(ctx, user)
	if err != nil {
		return outcome{}, err
	}
	if found.room != "" && !found.open() {
		if found, err = u.inviteAgain(ctx, found, user); err != nil {
			return outcome{}, err
		}
	}
	created := found.room == ""
	if created {
		body := mustJSON(map[string]any{"preset": "trusted_private_chat", "is_direct": true, "invite": []string{user}})
		room, err := u.create(ctx, []byte(body))
		if err != nil {
			return outcome{}, err
		}
		found = chat{room, "invite"}
	}
	u.note(func(r records) error {
		if err := r.setMember(u.ours, found.room, u.id, "join"); err != nil { // unknown if the store is new
			return err
		}
		if err := r.setMember(u.ours, found.room, user, found.membership); err != nil {
			return err
		}
		return r.setDirect(u.id, user, found.room)
	})
	return outcome{room: found.room, membership: found.membership, created: created}, nil
}

// inviteAgain brings back a user who has left. Where that is not allowed the
// room is of no use, unless the user has come by itself.
func (u actor) inviteAgain(ctx context.Context, found chat, user string) (chat, error) {
	err := u.invite(ctx, found.room, user)
	if err == nil {
		return chat{found.room, "invite"}, nil
	}
	if failureOf(err).status != http.StatusForbidden {
		return chat{}, err
	}
	members, err := u.members(ctx, found.room)
	if now := (chat{found.room, members[user]}); err != nil || now.open() {
		return now, err
	}
	return chat{}, nil
}

// findChat is the chat that the store knows, if it still serves, else the best
// that u is in.
func (u actor) findChat(ctx context.Context, user string) (chat, error) {
	var known string
	var about roomRecord
	err := u.store.view(func(r records) (err error) {
		known = r.direct(u.id, user)
		about, err = r.room(known)
		return err
	})
	if err != nil {
		return chat{}, err
	}
	if known != "" && !about.Encrypted {
		members, err := u.members(ctx, known)
		if err != nil {
			return chat{}, err
		}
		if members[u.id] == "join" && members[user] != "ban" {
			return chat{known, members[user]}, nil
		}
	}
	return u.searchChat(ctx, user)
}

// searchChat looks through the rooms that u is in. Where several serve, it is
// always the same one: the user is in it, or invited, or was there, and of
// these the first by id. What is said in an encrypted room cannot be read.
func (u actor) searchChat(ctx context.Context, user string) (chat, error) {
	rooms, err := u.joinedRooms(ctx)
	if err != nil {
		return chat{}, err
	}
	var chats []chat
	for _, room := range rooms {
		members, err := u.members(ctx, room)
		if err != nil {
			return chat{}, err
		}
		if u.isChat(members, user) {
			chats = append(chats, chat{room, members[user]})
		}
	}
	slices.SortFunc(chats, func(a, b chat) int {
		if rank := a.rank() - b.rank(); rank != 0 {
			return rank
		}
		return strings.Compare(a.room, b.room)
	})
	for _, c := range chats {
		encrypted, err := u.isEncrypted(ctx, c.room)
		if err != nil || !encrypted {
			return c, err
		}
	}
	return chat{}, nil
}

func (c chat) rank() int {
	return slices.Index([]string{"join", "invite", "leave"}, c.membership)
}

// isChat tells whether a room with those members is for u and user alone. Our
// own user may serve there. If the user has left, nobody else may ever have been
// there: it would be their room.
func (u actor) isChat(members map[string]string, user string) bool {
	theirs := members[user]
	if members[u.id] != "join" || theirs != "join" && theirs != "invite" && theirs != "leave" {
		return false
	}
	for other, membership := range members {
		switch {
		case other == u.id, other == user, other == u.ours.user:
		case theirs == "leave", membership == "join", membership == "invite":
			return false
		}
	}
	return true
}

// members are the memberships in a room that u is or was in: none if it never
// was, or the room is gone.
func (u actor) members(ctx context.Context, room string) (map[string]string, error) {
	reply, err := u.do(ctx, http.MethodGet, nil, "rooms", room, "members")
	if isGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	members := make(map[string]string)
	for _, e := range list(reply.Get("chunk")) {
		members[e.Get("state_key").String()] = e.Get("content.membership").String()
	}
	return members, nil
}

func (u actor) isEncrypted(ctx context.Context, room string) (bool, error) {
	_, err := u.do(ctx, http.MethodGet, nil, "rooms", room, "state", "m.room.encryption", "")
	if isGone(err) {
		return false, nil
	}
	return err == nil, err
}

// isGone tells that what was asked for is not there for us.
func isGone(err error) bool {
	if err == nil {
		return false
	}
	status := failureOf(err).status
	return status == http.StatusForbidden || status == http.StatusNotFound
}
