package hometest

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/tidwall/gjson"
)

// A User is somebody's client, as far as tests need one. One goroutine at a
// time may use it.
type User struct {
	ID, Token, Device string

	server *Server
	masked bool // acts by a token that is not its own
	since  string
	seen   []gjson.Result
	taken  map[string]int // by who invites: how many of seen came before what [User.WaitInvite] last returned, and that
}

// CreateRoom makes a room for two, as a client does for a direct chat, and
// invites those named. All have full power in it, so nobody can be kicked.
func (u *User) CreateRoom(t testing.TB, invite ...string) string {
	t.Helper()
	return u.createRoom(t, invite, map[string]any{"preset": "trusted_private_chat", "is_direct": true})
}

// CreateGroup makes a room in which only u has power: the others can be kicked.
func (u *User) CreateGroup(t testing.TB, invite ...string) string {
	t.Helper()
	return u.createRoom(t, invite, map[string]any{"preset": "private_chat"})
}

// CreateEncryptedRoom makes what CreateRoom does, encrypted from the beginning.
func (u *User) CreateEncryptedRoom(t testing.TB, invite ...string) string {
	t.Helper()
	return u.createRoom(t, invite, map[string]any{
		"preset": "trusted_private_chat", "is_direct": true,
		"initial_state": []any{map[string]any{
			"type": "m.room.encryption", "state_key": "", "content": map[string]any{"algorithm": "m.megolm.v1.aes-sha2"},
		}},
	})
}

func (u *User) createRoom(t testing.TB, invite []string, body map[string]any) string {
	t.Helper()
	if len(invite) > 0 { // Synapse fails on null
		body["invite"] = invite
	}
	return u.must(t, http.MethodPost, "/_matrix/client/v3/createRoom", body).Get("room_id").String()
}

// Invite invites one more user.
func (u *User) Invite(t testing.TB, room, user string) {
	t.Helper()
	u.must(t, http.MethodPost, roomPath(room, "invite"), map[string]any{"user_id": user})
}

// Join joins a room that u is invited to.
func (u *User) Join(t testing.TB, room string) {
	t.Helper()
	u.must(t, http.MethodPost, roomPath(room, "join"), map[string]any{})
}

// Kick removes somebody from a room.
func (u *User) Kick(t testing.TB, room, user string) {
	t.Helper()
	u.must(t, http.MethodPost, roomPath(room, "kick"), map[string]any{"user_id": user})
}

// Leave leaves a room.
func (u *User) Leave(t testing.TB, room string) {
	t.Helper()
	u.must(t, http.MethodPost, roomPath(room, "leave"), map[string]any{})
}

// Send sends an event and returns its id. content is marshalled; a
// [json.RawMessage] goes out as it is.
func (u *User) Send(t testing.TB, room, typ string, content any) string {
	t.Helper()
	return u.must(t, http.MethodPut, roomPath(room, "send", typ, uuid.NewString()), content).Get("event_id").String()
}

// SendState sends a state event with an empty state key and returns its id.
func (u *User) SendState(t testing.TB, room, typ string, content any) string {
	t.Helper()
	return u.must(t, http.MethodPut, roomPath(room, "state", typ, ""), content).Get("event_id").String()
}
