package matrixtest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"vertigo/transports/matrix/matrixtest"
)

// What package homeservers compares is not told again here: these are requests
// that no client makes.
func TestWhatCannotBeReadIsRefused(t *testing.T) {
	_, home := start(t, matrixtest.Options{})
	alice := home.Register(t, "alice", "password1")
	room := alice.CreateRoom(t)
	in := func(path string) string { return "rooms/" + url.PathEscape(room) + "/" + path }
	mine := "user/" + url.PathEscape(alice.ID) + "/"
	const get, put, post, del = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete
	broken, list := json.RawMessage("{"), json.RawMessage("[]")
	long := strings.Repeat("x", 256)
	for _, tt := range []struct {
		name, method, path string
		body               any
		want               string
	}{
		{"a login that is no JSON", post, "login", broken, "400 M_NOT_JSON"},
		{"a login that is no object", post, "login", list, "400 M_BAD_JSON"},
		{"a registration that is no JSON", post, "register", broken, "400 M_NOT_JSON"},
		{"a room that is no JSON", post, "createRoom", broken, "400 M_NOT_JSON"},
		{"a room with state that is a list", post, "createRoom", json.RawMessage(`{"initial_state":[{"type":"t","content":[]}]}`), "400 M_BAD_JSON"},
		{"a room with power that is a list", post, "createRoom", json.RawMessage(`{"power_level_content_override":[]}`), "400 M_BAD_JSON"},
		{"a room with a bad alias", post, "createRoom", json.RawMessage(`{"room_alias_name":"a b"}`), "400 M_INVALID_PARAM"},
		{"a body that is too long", post, "createRoom", strings.Repeat("x", 1<<20), "413 M_TOO_LARGE"},
		{"a leave that is no JSON", post, in("leave"), broken, "400 M_NOT_JSON"},
		{"an invitation that is no JSON", post, in("invite"), broken, "400 M_NOT_JSON"},
		{"a join of no room", post, "join/" + url.PathEscape("!nowhere:hs.test"), nil, "404 M_NOT_FOUND"},
		{"a join for somebody else", put, in("state/m.room.member/" + url.PathEscape("@bob:hs.test")), json.RawMessage(`{"membership":"join"}`), "403 M_FORBIDDEN"},
		{"a membership that is a number", put, in("state/m.room.member/" + url.PathEscape("@bob:hs.test")), json.RawMessage(`{"membership":1}`), "400 M_BAD_JSON"},
		{"an event type that is too long", put, in("send/" + long + "/t"), json.RawMessage("{}"), "413 M_TOO_LARGE"},
		{"a state key that is too long", put, in("state/t/" + long), json.RawMessage("{}"), "413 M_TOO_LARGE"},
		{"a state that is a list", put, in("state/t/k"), list, "400 M_BAD_JSON"},
		{"fractions in a list", put, in("state/t/k"), json.RawMessage(`{"l":[{"n":0.5}]}`), "400 M_BAD_JSON"},
		{"a page from nowhere", get, in("messages?from=x"), nil, "400 M_INVALID_PARAM"},
		{"a page to nowhere", get, in("messages?to=x"), nil, "400 M_INVALID_PARAM"},
		{"a page of some length", get, in("messages?limit=x"), nil, "400 M_INVALID_PARAM"},
		{"a page by no filter", get, in("messages?filter=x"), nil, "400 M_INVALID_PARAM"},
		{"a sync for some time", get, "sync?timeout=x", nil, "400 M_INVALID_PARAM"},
		{"a sync by no filter", get, "sync?filter=x", nil, "404 M_NOT_FOUND"},
		{"data that is no JSON", put, mine + "account_data/t", broken, "400 M_NOT_JSON"},
		{"data of somebody else", put, "user/@bob:hs.test/account_data/t", json.RawMessage("{}"), "403 M_FORBIDDEN"},
		{"a filter of somebody else", post, "user/@bob:hs.test/filter", json.RawMessage("{}"), "403 M_FORBIDDEN"},
		{"a profile of nobody", get, "profile/@bob:hs.test", nil, "404 M_NOT_FOUND"},
		{"a field that profiles have not", get, "profile/" + alice.ID + "/colour", nil, "404 M_NOT_FOUND"},
		{"a field that is not to be set", put, "profile/" + alice.ID + "/colour", json.RawMessage("{}"), "400 M_UNRECOGNIZED"},
		{"a name that is no JSON", put, "profile/" + alice.ID + "/displayname", broken, "400 M_NOT_JSON"},
		{"an alias that is none", put, "directory/room/alias", map[string]string{"room_id": room}, "400 M_INVALID_PARAM"},
		{"an alias for no room", put, "directory/room/" + url.PathEscape("#a:hs.test"), map[string]string{"room_id": "!x"}, "400 M_UNKNOWN"},
		{"an alias that is no JSON", put, "directory/room/" + url.PathEscape("#a:hs.test"), broken, "400 M_NOT_JSON"},
		{"no alias to take away", del, "directory/room/" + url.PathEscape("#a:hs.test"), nil, "404 M_NOT_FOUND"},
		{"a lookup of a kind that there is not", get, "thirdparty/colour/red", nil, "404 M_UNRECOGNIZED"},
		{"a ping of no service", post, "../v1/appservice/x/ping", nil, "403 M_FORBIDDEN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := "/_matrix/client/v3/" + tt.path
			if rest, ok := strings.CutPrefix(tt.path, "../"); ok {
				path = "/_matrix/client/" + rest
			}
			_, err := alice.Do(t.Context(), tt.method, path, tt.body)
			if got := refusal(t, err); got != tt.want {
				t.Errorf("%q, not %q: %v", got, tt.want, err)
			}
		})
	}
}
