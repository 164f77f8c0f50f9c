package dendritetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/tidwall/gjson"
)

// A User is somebody's client, as far as tests need one. One goroutine at a
// time may use it.
type User struct {
	ID, Token, Device string

	server *Server
	since  string
	seen   []gjson.Result
}

// CreateRoom makes a room for two, as a client does for a direct chat, and
// invites those named.
func (u *User) CreateRoom(t testing.TB, invite ...string) string {
	t.Helper()
	return u.createRoom(t, map[string]any{"preset": "trusted_private_chat", "is_direct": true, "invite": invite})
}

// CreateEncryptedRoom makes the same, encrypted from the beginning.
func (u *User) CreateEncryptedRoom(t testing.TB, invite ...string) string {
	t.Helper()
	return u.createRoom(t, map[string]any{
		"preset": "trusted_private_chat", "is_direct": true, "invite": invite,
		"initial_state": []any{map[string]any{
			"type": "m.room.encryption", "state_key": "", "content": map[string]any{"algorithm": "m.megolm.v1.aes-sha2"},
		}},
	})
}

func (u *User) createRoom(t testing.TB, body map[string]any) string {
	t.Helper()
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

// WaitEvent returns the first event that match accepts, of those that u has
// seen so far in rooms it is in, and of those to come. Each has its room_id; an
// invitation is the stripped event that invites.
func (u *User) WaitEvent(ctx context.Context, match func(gjson.Result) bool) (gjson.Result, error) {
	for i := 0; ; {
		for ; i < len(u.seen); i++ {
			if match(u.seen[i]) {
				return u.seen[i], nil
			}
		}
		if err := u.sync(ctx); err != nil {
			return gjson.Result{}, fmt.Errorf("%d events seen, none as awaited: %w", len(u.seen), err)
		}
	}
}

// sync asks for what is new, and waits a while for it.
func (u *User) sync(ctx context.Context) error {
	query := url.Values{"timeout": {"10000"}, "filter": {`{"room":{"timeline":{"limit":1000}}}`}}
	if u.since != "" {
		query.Set("since", u.since)
	}
	res, err := u.call(ctx, http.MethodGet, "/_matrix/client/v3/sync?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	u.take(res.Get("rooms.invite"), "invite_state.events")
	u.take(res.Get("rooms.join"), "timeline.events")
	u.take(res.Get("rooms.leave"), "timeline.events")
	u.since = res.Get("next_batch").String()
	return nil
}

func (u *User) take(rooms gjson.Result, path string) {
	rooms.ForEach(func(room, r gjson.Result) bool {
		for _, e := range r.Get(path).Array() {
			with := e.Raw[:len(e.Raw)-1] + `,"room_id":` + room.Raw + "}"
			u.seen = append(u.seen, gjson.Parse(with))
		}
		return true
	})
}

// must makes a request that has to succeed.
func (u *User) must(t testing.TB, method, path string, body any) gjson.Result {
	t.Helper()
	res, err := u.call(t.Context(), method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func (u *User) call(ctx context.Context, method, path string, body any) (gjson.Result, error) {
	var sent io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if raw, ok := body.(json.RawMessage); ok {
			data, err = raw, nil
		}
		if err != nil {
			return gjson.Result{}, err
		}
		sent = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.server.URL+path, sent)
	if err != nil {
		return gjson.Result{}, err
	}
	if u.Token != "" {
		req.Header.Set("Authorization", "Bearer "+u.Token)
	}
	resp, err := u.server.http.Do(req)
	if err != nil {
		return gjson.Result{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return gjson.Result{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return gjson.Result{}, fmt.Errorf("%s %s: HTTP %d %s", method, path, resp.StatusCode, data)
	}
	return gjson.ParseBytes(data), nil
}

// roomPath is the path of a request about room.
func roomPath(room string, parts ...string) string {
	path := "/_matrix/client/v3/rooms/" + url.PathEscape(room)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}
