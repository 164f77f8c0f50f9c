package matrix

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

const (
	missedLimit = 100             // events between an invitation and the join that are looked at
	missedAge   = 5 * time.Minute // and how old they may be: no call waits for longer
	missedTries = 5
)

// join accepts an invitation. It may have to wait for other servers, so it gets
// all the time there is.
//
// A client calls as soon as it has made the room, and a homeserver pushes
// nothing of a room where none of ours is yet. So what was said since the
// invitation is then fetched, and delivered before the reply.
func (u actor) join(ctx context.Context, room string, body []byte) (outcome, error) {
	if err := u.enter(ctx, room, body); err != nil {
		return outcome{}, err
	}
	if !u.isAppService() {
		return outcome{}, nil
	}
	state, err := u.getPatiently(ctx, u.cli, u.url(nil, "rooms", room, "state"))
	if err != nil {
		u.log.Error("a room's state is not known: that it is encrypted may not be said", "room_id", room, "as", u.id, "err", err)
	}
	missed, err := u.missed(ctx, room)
	if err != nil {
		u.log.Error("what was said before the join is lost", "room_id", room, "as", u.id, "err", err)
	}
	var out outcome
	out.after, err = u.store.take(u.ours, u.drop, func(in *intake) (err error) {
		out.others, err = u.arrive(in, room, list(state), missed)
		return err
	})
	if err != nil {
		u.log.Error("state not saved: what was said before the join is lost", "room_id", room, "as", u.id, "err", err)
	}
	if out.after != 0 {
		u.feed.wake()
	}
	return out, nil
}

func (u actor) enter(ctx context.Context, room string, body []byte) error {
	if err := u.joining.enter(ctx); err != nil {
		return err
	}
	defer u.joining.leave()
	reply, err := u.request(ctx, u.cli, http.MethodPost, u.url(nil, "rooms", room, "join"), body)
	if err == nil && !gjson.GetBytes(reply, "room_id").Exists() { // Dendrite 0.15.2 under load: 202, it goes on in the background
		return failure{text: "the homeserver has not joined the room yet", retry: true}
	}
	return err
}

// missed gives what was said in room since u was invited, oldest first.
func (u actor) missed(ctx context.Context, room string) ([]gjson.Result, error) {
	var m member
	err := u.store.view(func(r records) (err error) {
		m, err = r.member(u.ours, room, u.id)
		return err
	})
	if err != nil || m.Invited == 0 {
		return nil, err
	}
	since := max(m.Invited, u.clock.now().Add(-missedAge).UnixMilli())
	url := u.url(map[string]string{"dir": "b", "limit": strconv.Itoa(missedLimit), "filter": gapFilter}, "rooms", room, "messages")
	var page gjson.Result
	for try := 1; try <= missedTries; try++ {
		if page, err = u.getPatiently(ctx, u.cli, url); err != nil {
			return nil, err
		}
		// On a busy machine Dendrite 0.15.2 may not show yet what was said last:
		// then the join is not there either.
		if slices.ContainsFunc(list(page.Get("chunk")), func(e gjson.Result) bool { return u.isAbout(e, "join") }) || !sleep(ctx, u.times.resend.pause(1)) {
			break
		}
	}
	var events []gjson.Result
	for _, e := range list(page.Get("chunk")) {
		if u.isAbout(e, "invite") {
			break // what is older was not meant for u
		}
		if e.Get("origin_server_ts").Int() >= since {
			events = append(events, e)
		}
	}
	slices.Reverse(events)
	return events, nil
}

// isAbout tells the event that says that u has that membership.
func (u actor) isAbout(e gjson.Result, membership string) bool {
	return e.Get("type").String() == "m.room.member" && e.Get("state_key").String() == u.id && e.Get("content.membership").String() == membership
}

// arrive takes in what u finds in a room, and gives those of ours that were
// there already.
func (u actor) arrive(in *intake, room string, state, missed []gjson.Result) ([]string, error) {
	var encryptedBy string
	for _, raw := range state {
		e, err := readPushed(raw, room)
		switch {
		case err != nil:
		case e.typ == "m.room.encryption":
			encryptedBy = e.sender
		case e.isMember() && u.ours.has(e.stateKey):
			if _, err := in.hear(u.ours, e); err != nil {
				return nil, err
			}
		}
	}
	if err := in.setMember(u.ours, room, u.id, "join"); err != nil {
		return nil, err
	}
	if encryptedBy != "" {
		if err := in.encrypted(room, encryptedBy, u.id); err != nil {
			return nil, err
		}
	}
	for _, raw := range missed {
		if err := in.event(raw, room); err != nil {
			return nil, err
		}
	}
	others, err := in.ourMembers(room, "join")
	return slices.DeleteFunc(others, func(user string) bool { return user == u.id }), err
}
