package hometest

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/tidwall/gjson"
)

const thirdParty = "/_matrix/client/v3/thirdparty/"

// Protocols returns what the bridges declare, by protocol.
func (u *User) Protocols(t testing.TB) gjson.Result {
	t.Helper()
	return u.must(t, http.MethodGet, thirdParty+"protocols", nil)
}

// Lookup asks who has that phone number, as a dial pad does. Nobody is no
// error: Dendrite then answers 404, and Synapse an empty list.
func (u *User) Lookup(t testing.TB, number string) []gjson.Result {
	t.Helper()
	query := url.Values{"m.id.phone": {number}}
	return u.found(t, thirdParty+"user/m.protocol.pstn?"+query.Encode()).Array()
}

// LookupUser asks whom that user id stands for. Synapse asks no bridge and
// answers with nobody.
func (u *User) LookupUser(t testing.TB, id string) []gjson.Result {
	t.Helper()
	query := url.Values{"userid": {id}}
	return u.found(t, thirdParty+"user?"+query.Encode()).Array()
}

// Profile returns somebody's display name, empty if the homeserver knows none.
func (u *User) Profile(t testing.TB, id string) string {
	t.Helper()
	path := "/_matrix/client/v3/profile/" + url.PathEscape(id) + "/displayname"
	return u.found(t, path).Get("displayname").String()
}

// JoinedRooms returns the rooms that u is in.
func (u *User) JoinedRooms(t testing.TB) []string {
	t.Helper()
	var rooms []string
	for _, r := range u.must(t, http.MethodGet, "/_matrix/client/v3/joined_rooms", nil).Get("joined_rooms").Array() {
		rooms = append(rooms, r.String())
	}
	return rooms
}

// Members returns everybody's membership in a room that u is in.
func (u *User) Members(t testing.TB, room string) map[string]string {
	t.Helper()
	members := map[string]string{}
	for _, e := range u.must(t, http.MethodGet, roomPath(room, "members"), nil).Get("chunk").Array() {
		members[e.Get("state_key").String()] = e.Get("content.membership").String()
	}
	return members
}

// State returns the content of a state event, the zero Result if there is none.
func (u *User) State(t testing.TB, room, typ, key string) gjson.Result {
	t.Helper()
	return u.found(t, roomPath(room, "state", typ, key))
}

// Messages returns the last hundred events of a room, oldest first.
func (u *User) Messages(t testing.TB, room string) []gjson.Result {
	t.Helper()
	events := u.must(t, http.MethodGet, roomPath(room, "messages")+"?dir=b&limit=100", nil).Get("chunk").Array()
	slices.Reverse(events)
	return events
}

// found gets what may not be there: then it returns the zero Result.
func (u *User) found(t testing.TB, path string) gjson.Result {
	t.Helper()
	res, err := u.Do(t.Context(), http.MethodGet, path, nil)
	var refused *Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return gjson.Result{}
	}
	if err != nil {
		t.Fatal(err)
	}
	return res
}
