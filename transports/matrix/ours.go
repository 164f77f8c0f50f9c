package matrix

import "strings"

// ours tells which users are the bridge's: its own, and in application-service
// mode each on its server whose name begins as those of ghosts do.
type ours struct {
	user   string // the bridge's own, a full id
	ghosts string // how the full id of each ghost begins: "@tel_"; "" for none
	server string // and how it ends: ":hs.test"
}

// newOurs takes the prefix of the ghosts' localparts, "" for none.
func newOurs(user, prefix string) ours {
	o := ours{user: user}
	if at := strings.IndexByte(user, ':'); prefix != "" && at > 0 {
		o.ghosts, o.server = "@"+prefix, user[at:]
	}
	return o
}

func (o ours) has(user string) bool {
	return user != "" && user == o.user || o.isGhost(user)
}

func (o ours) isGhost(user string) bool {
	return o.ghosts != "" && strings.HasPrefix(user, o.ghosts) &&
		strings.HasSuffix(user, o.server) && strings.IndexByte(user, ':') == len(user)-len(o.server) &&
		len(user) > len(o.ghosts)+len(o.server)
}

// localpart is the name in a full id: "tel_1" of "@tel_1:hs.test".
func localpart(id string) string {
	name, _, _ := strings.Cut(id, ":")
	return strings.TrimLeft(name, "@#")
}
