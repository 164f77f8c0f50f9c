package hometest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tidwall/gjson"
)

// WaitEvent returns the first event that match accepts, of those that u has
// seen so far in rooms it is in, and of those to come. Each has its room_id; an
// invitation is the stripped event that invites.
func (u *User) WaitEvent(ctx context.Context, match func(gjson.Result) bool) (gjson.Result, error) {
	_, e, err := u.wait(ctx, 0, match)
	return e, err
}

// WaitInvite returns the room of the first invitation by from that it has not
// returned yet.
func (u *User) WaitInvite(ctx context.Context, from string) (room string, err error) {
	at, e, err := u.wait(ctx, u.taken[from], func(e gjson.Result) bool {
		return e.Get("type").String() == "m.room.member" && e.Get("content.membership").String() == "invite" &&
			e.Get("state_key").String() == u.ID && e.Get("sender").String() == from
	})
	if err != nil {
		return "", err
	}
	if u.taken == nil {
		u.taken = map[string]int{}
	}
	u.taken[from] = at + 1
	return e.Get("room_id").String(), nil
}

// wait returns the first event that match accepts, and where it is in seen,
// from the i-th on.
func (u *User) wait(ctx context.Context, i int, match func(gjson.Result) bool) (int, gjson.Result, error) {
	for {
		for ; i < len(u.seen); i++ {
			if match(u.seen[i]) {
				return i, u.seen[i], nil
			}
		}
		if err := u.sync(ctx); err != nil {
			return 0, gjson.Result{}, fmt.Errorf("%d events seen, none as awaited: %w", len(u.seen), err)
		}
	}
}

// sync asks for what is new, and waits a while for it.
func (u *User) sync(ctx context.Context) error {
	query := url.Values{"timeout": {"10000"}, "filter": {`{"room":{"timeline":{"limit":1000}}}`}}
	if u.since != "" {
		query.Set("since", u.since)
	}
	res, err := u.Do(ctx, http.MethodGet, "/_matrix/client/v3/sync?"+query.Encode(), nil)
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
