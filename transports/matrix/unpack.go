package matrix

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix"
)

// unpack turns a response into raw messages, in order within each room, and
// says what is then to be remembered of the rooms. At the first start it takes
// in nothing but the invitations that wait: what was said before is past.
func (s *syncer) unpack(ctx context.Context, cli *mautrix.Client, res *response) ([][]byte, map[string]*room) {
	var lines [][]byte
	changes := make(map[string]*room)
	for _, r := range res.invited {
		line, err := invitation(r.room, s.cfg.User, r.events)
		if err != nil {
			s.drop(err, nil)
			continue
		}
		lines = append(lines, line)
	}
	for _, r := range res.joined {
		known := s.state.Rooms[r.room]
		if s.state.Since != "" {
			if r.limited && !justJoined(r.events, s.cfg.User) {
				r.events = append(s.fillGap(ctx, cli, r, known.Last), r.events...)
			}
			var told bool
			lines, told = s.roomLines(lines, r, known.Told)
			known.Told = told
		}
		if last := lastID(r.events); last != "" {
			known.Last = last
		}
		if known != s.state.Rooms[r.room] {
			changes[r.room] = &known
		}
	}
	for _, r := range res.left {
		lines, _ = s.roomLines(lines, r, true)
		changes[r.room] = nil
	}
	return lines, changes
}

// roomLines appends the events of a room. told is whether RoomEncrypted was
// said; if not, it is said where the reason for it stands.
func (s *syncer) roomLines(lines [][]byte, r roomEvents, told bool) ([][]byte, bool) {
	tell := func(e gjson.Result) {
		if !told && s.tellsEncryption(e) {
			told = true
			lines = append(lines, encryptedWord(r.room, e.Get("sender").String(), ""))
		}
	}
	for _, e := range r.state {
		tell(e)
	}
	for _, e := range r.events {
		line, err := fullEvent(e.Raw, r.room, "")
		if err == nil && (e.Get("event_id").String() == "" || e.Get("sender").String() == "") {
			err = errors.New("an event without event_id or sender")
		}
		if err != nil {
			s.drop(err, []byte(e.Raw))
			continue
		}
		lines = append(lines, line)
		tell(e)
	}
	return lines, told
}

// tellsEncryption tells what shows that the calls of a room cannot be read: the
// setting, or what another user wrote.
func (s *syncer) tellsEncryption(e gjson.Result) bool {
	switch e.Get("type").String() {
	case "m.room.encryption":
		return true
	case "m.room.encrypted":
		return e.Get("sender").String() != s.cfg.User
	}
	return false
}

// justJoined tells whether user became a member within events: then what is
// missing before them was not meant for us. A change of name is a join, too,
// but follows one.
func justJoined(events []gjson.Result, user string) bool {
	return slices.ContainsFunc(events, func(e gjson.Result) bool {
		if e.Get("type").String() != "m.room.member" || e.Get("state_key").String() != user || e.Get("content.membership").String() != "join" {
			return false
		}
		before := e.Get("unsigned.prev_content.membership")
		return before.String() != "join" && (before.Exists() || !e.Get("unsigned.replaces_state").Exists())
	})
}

func lastID(events []gjson.Result) string {
	for _, e := range slices.Backward(events) {
		if id := e.Get("event_id").String(); id != "" {
			return id
		}
	}
	return ""
}

const (
	gapPages = 50  // how far back a gap is followed
	gapPage  = 100 // events of any type a page
)

// fillGap fetches what happened in a room between the event last seen there and
// the timeline of r, oldest first. It is told apart from what was there before
// by that event as well as by the since token, since Dendrite 0.15.2 goes back
// beyond the latter. Where a page cannot be had, the gap stays, and that is said:
// one room must not stop the others.
func (s *syncer) fillGap(ctx context.Context, cli *mautrix.Client, r roomEvents, last string) []gjson.Result {
	var newestFirst []gjson.Result
	from := r.prev
	for page := 1; from != ""; page++ {
		events, end, err := s.gapPage(ctx, cli, r.room, from)
		if err == nil && page == gapPages {
			err = errors.New("the gap is too long")
		}
		if i := slices.IndexFunc(events, func(e gjson.Result) bool { return last != "" && e.Get("event_id").String() == last }); i >= 0 {
			newestFirst = append(newestFirst, events[:i]...)
			break
		}
		newestFirst = append(newestFirst, events...)
		if ctx.Err() != nil {
			break // nothing of this will be delivered
		}
		if err != nil {
			s.log.Error("events of a room are lost", "room_id", r.room, "err", failureOf(err))
			break
		}
		if end == from {
			break
		}
		from = end
	}
	slices.Reverse(newestFirst)
	return newestFirst
}

// gapPage fetches the events before the token from, newest first, and the token
// of what is older: "" if there is nothing.
func (s *syncer) gapPage(ctx context.Context, cli *mautrix.Client, room, from string) ([]gjson.Result, string, error) {
	url := cli.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "rooms", room, "messages"}, map[string]string{
		"dir": "b", "from": from, "to": s.state.Since, "limit": strconv.Itoa(gapPage), "filter": gapFilter,
	})
	page, err := s.getPatiently(ctx, cli, url)
	return list(page.Get("chunk")), page.Get("end").String(), err
}
