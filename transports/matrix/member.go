package matrix

import (
	"bytes"
	"slices"
)

// A member is what is known of one user in one room.
type member struct {
	Membership string `json:"membership"`
	TS         int64  `json:"ts,omitempty"`      // origin_server_ts of the last event about it
	Invited    int64  `json:"invited,omitempty"` // and of the last invitation
}

func (r records) memberTable(o ours, user string) []byte {
	if o.has(user) {
		return ourMemberTable
	}
	return otherMemberTable
}

func (r records) member(o ours, room, user string) (member, error) {
	return getJSON[member](r, r.memberTable(o, user), pair(room, user))
}

// hear takes an event about a member. false means that it is older than what is
// known, so that it says nothing.
func (r records) hear(o ours, e pushed) (bool, error) {
	m, err := r.member(o, e.room, e.stateKey)
	if err != nil || e.ts != 0 && e.ts < m.TS {
		return false, err
	}
	m.Membership, m.TS = e.membership, max(m.TS, e.ts)
	if m.Membership == "invite" {
		m.Invited = e.ts
	}
	return true, putJSON(r, r.memberTable(o, e.stateKey), pair(e.room, e.stateKey), m)
}

// setMember notes what an action of ours brought about. It has no time of the
// homeserver's, so the event about it will count as news.
func (r records) setMember(o ours, room, user, membership string) error {
	m, err := r.member(o, room, user)
	if err != nil || m.Membership == membership {
		return err
	}
	m.Membership = membership
	return putJSON(r, r.memberTable(o, user), pair(room, user), m)
}

// ourMembers are those of ours that have that membership in room.
func (r records) ourMembers(room, membership string) ([]string, error) {
	var users []string
	prefix := pair(room, "")
	c := r.tx.Bucket(ourMemberTable).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		m, err := getJSON[member](r, ourMemberTable, k)
		if err != nil {
			return nil, err
		}
		if m.Membership == membership {
			users = append(users, string(k[len(prefix):]))
		}
	}
	return users, nil
}

// reached is which of ours an event is for, "" if that cannot be told: the one
// that it is about, the one that it names, the one ghost in the room, our own
// user where there is no ghost. A ghost that is merely invited counts last: its
// joining is then under way, since nothing else would bring us the event.
func (r records) reached(o ours, e pushed) (string, error) {
	if e.isMember() && o.has(e.stateKey) {
		return e.stateKey, nil
	}
	joined, err := r.ourMembers(e.room, "join")
	if err != nil {
		return "", err
	}
	invited, err := r.ourMembers(e.room, "invite")
	if err != nil {
		return "", err
	}
	if e.invitee != "" && (slices.Contains(joined, e.invitee) || slices.Contains(invited, e.invitee)) {
		return e.invitee, nil
	}
	ghosts := slices.DeleteFunc(slices.Clone(joined), func(user string) bool { return user == o.user })
	switch {
	case len(ghosts) == 1:
		return ghosts[0], nil
	case len(ghosts) > 1:
		return "", nil
	case len(joined) > 0:
		return o.user, nil
	case len(invited) == 1:
		return invited[0], nil
	}
	return "", nil
}
