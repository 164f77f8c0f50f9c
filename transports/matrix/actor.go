package matrix

import (
	"context"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix"
)

// An actor is one of our users, at work on the homeserver.
type actor struct {
	*Client
	cli *mautrix.Client
	id  string

	// remembered says that the user was registered in an earlier run, by the
	// store alone.
	remembered bool
}

// actor gives the user of that id, "" for our own. A ghost that does not exist
// yet does then.
func (c *Client) actor(ctx context.Context, cli *mautrix.Client, id string) (actor, error) {
	u := actor{Client: c, cli: cli, id: id}
	switch {
	case id == "" || id == c.ours.user:
		u.id = c.ours.user
		return u, nil
	case !c.isAppService():
		return actor{}, failure{text: fmt.Sprintf("as %s: this bridge is the user %s alone; others need mode = %q", id, c.ours.user, ModeAppService)}
	case !c.ours.isGhost(id):
		return actor{}, failure{text: fmt.Sprintf("as %s: ours are %s and those that read %sNAME%s", id, c.ours.user, c.ours.ghosts, c.ours.server)}
	}
	if _, ok := c.exists.Load(id); ok {
		return u, nil
	}
	var known userRecord
	if err := c.store.view(func(r records) (err error) { known, err = r.user(id); return err }); err != nil {
		return actor{}, err
	}
	if u.remembered = known.Registered; u.remembered {
		return u, nil
	}
	_, err := u.register(ctx)
	return u, err
}

// isForgotten finds out whether err came of a homeserver that does not have the
// user any more, as after its database was lost. Then the user is made anew.
func (u actor) isForgotten(ctx context.Context, err error) bool {
	if !u.remembered || failureOf(err).status != http.StatusForbidden {
		return false
	}
	made, err := u.register(ctx)
	return made && err == nil
}

// register makes the user; made is false if it was there already.
func (u actor) register(ctx context.Context) (made bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, u.times.request)
	defer cancel()
	body := mustJSON(map[string]any{"type": "m.login.application_service", "username": localpart(u.id), "inhibit_login": true})
	_, err = u.request(ctx, u.cli, http.MethodPost, u.cli.BuildClientURL("v3", "register"), []byte(body))
	if err != nil {
		f := failureOf(err)
		if f.code != "M_USER_IN_USE" {
			f.text = fmt.Sprintf("%s cannot be registered: %s", u.id, f.text)
			return false, f
		}
	}
	made = err == nil
	var known userRecord
	if err := u.store.view(func(r records) (err error) { known, err = r.user(u.id); return err }); err != nil {
		return false, err
	}
	var rooms []string
	if !made && !known.Registered {
		if rooms, err = u.joinedRooms(ctx); err != nil {
			return false, err
		}
	}
	u.exists.Store(u.id, nil)
	u.note(func(r records) error {
		if known.Registered && !made {
			return nil
		}
		for _, room := range rooms {
			if err := r.setMember(u.ours, room, u.id, "join"); err != nil {
				return err
			}
		}
		return r.setUser(u.id, userRecord{Registered: true})
	})
	return made, nil
}

// joinedRooms gives the rooms that u is in: of a user that is there though the
// store does not know it, as after its loss. Without them, nobody could tell
// for whom what happens in these rooms is.
func (u actor) joinedRooms(ctx context.Context) ([]string, error) {
	reply, err := u.do(ctx, http.MethodGet, nil, "joined_rooms")
	if err != nil {
		return nil, err
	}
	var rooms []string
	for _, room := range list(reply.Get("joined_rooms")) {
		rooms = append(rooms, room.String())
	}
	return rooms, nil
}

// setName gives the user the displayname of body, unless it had that last. Where
// rename is false, a user that was given a name keeps it.
func (u actor) setName(ctx context.Context, body []byte, rename bool) error {
	name := gjson.GetBytes(body, "displayname")
	if name.Type != gjson.String {
		return failure{text: "displayname is missing: it is the name that the user is to have"}
	}
	var known userRecord
	err := u.store.view(func(r records) (err error) { known, err = r.user(u.id); return err })
	if err != nil || known.Name == name.Str || known.Name != "" && !rename {
		return err
	}
	if _, err := u.do(ctx, http.MethodPut, []byte(mustJSON(map[string]string{"displayname": name.Str})), "profile", u.id, "displayname"); err != nil {
		return err
	}
	u.note(func(r records) error {
		known, err := r.user(u.id)
		if err != nil {
			return err
		}
		known.Name = name.Str
		return r.setUser(u.id, known)
	})
	return nil
}

// nameOf gives the displayname of any user, "" for one that has none. A homeserver
// refuses to tell of users that it does not know.
func (u actor) nameOf(ctx context.Context, user string) (string, error) {
	if !userID.MatchString(user) {
		return "", notFull(user)
	}
	reply, err := u.do(ctx, http.MethodGet, nil, "profile", user, "displayname")
	return reply.Get("displayname").String(), err
}

// url is that of a request to the client-server API as u.
func (u actor) url(query map[string]string, path ...any) string {
	if u.id != u.ours.user {
		if query == nil {
			query = make(map[string]string)
		}
		query["user_id"] = u.id
	}
	return u.cli.BuildURLWithQuery(mautrix.ClientURLPath(append([]any{"v3"}, path...)), query)
}

// do makes one request as u.
func (u actor) do(ctx context.Context, method string, body []byte, path ...any) (gjson.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, u.times.request)
	defer cancel()
	reply, err := u.request(ctx, u.cli, method, u.url(nil, path...), body)
	if err != nil {
		return gjson.Result{}, err
	}
	return parseReply(reply)
}

// note writes down what is known now. Without it the homeserver is asked again.
func (u actor) note(f func(records) error) {
	if err := u.store.update(f); err != nil {
		u.log.Error("state not saved", "err", err)
	}
}
