package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix"

	"vertigo/engine"
)

// Types of actions that are no events. All other types are: with the address key
// state they are state events.
const (
	UserRegister = "user.register" // the user of the address key "as" exists; without a name it gets the displayname of the body
	UserProfile  = "user.profile"  // its displayname is that of the body
	UserLookup   = "user.lookup"   // which displayname the body's user has; content.displayname of the reply, if there is one

	RoomDirect = "room.direct" // finds or makes the direct chat with the body's user
	RoomCreate = "room.create" // makes a room; the body is that of the request
	RoomInvite = "room.invite" // invites the body's user
	RoomJoin   = "room.join"   // accepts an invitation to the addressed room; content.others of the reply are those of ours that were there
	RoomLeave  = "room.leave"  // declines it, or leaves

	QueryReply = "query.reply" // answers one of the queries below: nobody, without "as"
)

// Types of messages that are no events, nor replies to actions.
const (
	// RoomEncrypted is said once for a room whose calls cannot be read: when
	// somebody first writes there, or when it turns out to be encrypted.
	RoomEncrypted = "room.encrypted"

	ThirdPartyUser    = "thirdparty.user"    // whom do the fields stand for, as somebody typed them?
	ThirdPartyReverse = "thirdparty.reverse" // what does user_id stand for?
	UserQuery         = "user.query"         // does user_id exist?
	AliasQuery        = "alias.query"        // does the room of that alias exist?
)

// attempt does what a says once, as soon as there is a session.
func (c *Client) attempt(ctx context.Context, a engine.Action, deadline time.Time) (outcome, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	cli, err := c.session.wait(ctx)
	if err != nil {
		return outcome{}, failure{text: err.Error(), retry: true}
	}
	if a.Type == QueryReply {
		return outcome{}, c.answerQuery(ctx, cli, a)
	}
	u, err := c.actor(ctx, cli, a.Address["as"])
	if err != nil {
		return outcome{}, err
	}
	out, err := u.perform(ctx, a)
	if err != nil && u.isForgotten(ctx, err) {
		return u.perform(ctx, a)
	}
	return out, err
}

// perform does what a says as u.
func (u actor) perform(ctx context.Context, a engine.Action) (outcome, error) {
	room := a.Address["room"]
	switch a.Type {
	case UserRegister:
		if !gjson.GetBytes(a.Body, "displayname").Exists() {
			return outcome{}, nil
		}
		return outcome{}, u.setName(ctx, a.Body, false)
	case UserProfile:
		return outcome{}, u.setName(ctx, a.Body, true)
	case UserLookup:
		name, err := u.nameOf(ctx, gjson.GetBytes(a.Body, "user").String())
		return outcome{displayname: name}, err
	case RoomDirect:
		return u.direct(ctx, gjson.GetBytes(a.Body, "user").String())
	case RoomCreate:
		made, err := u.create(ctx, content(a))
		return outcome{room: made}, err
	case RoomInvite:
		return outcome{}, u.invite(ctx, room, gjson.GetBytes(a.Body, "user").String())
	case RoomJoin:
		return u.join(ctx, room, content(a))
	case RoomLeave:
		return outcome{}, u.leave(ctx, room, content(a))
	}
	if isReserved(a.Type) {
		return outcome{}, failure{text: a.Type + " is no action, and no event may have such a type"}
	}
	return u.send(ctx, room, a)
}

// send sends an event.
func (u actor) send(ctx context.Context, room string, a engine.Action) (outcome, error) {
	path := []any{"rooms", room, "send", a.Type, a.ID}
	if key, ok := a.Address["state"]; ok {
		path = []any{"rooms", room, "state", a.Type, key}
	}
	reply, err := u.do(ctx, http.MethodPut, content(a), path...)
	if err != nil {
		return outcome{}, err
	}
	id, err := textOf(reply, "event_id")
	return outcome{event: id}, err
}

func (u actor) create(ctx context.Context, body []byte) (string, error) {
	if err := u.making.enter(ctx); err != nil {
		return "", err
	}
	defer u.making.leave()
	reply, err := u.do(ctx, http.MethodPost, body, "createRoom")
	if err != nil {
		return "", err
	}
	room, err := textOf(reply, "room_id")
	if err == nil {
		u.note(func(r records) error { return r.setMember(u.ours, room, u.id, "join") })
	}
	return room, err
}

func (u actor) invite(ctx context.Context, room, user string) error {
	if !userID.MatchString(user) {
		return notFull(user)
	}
	if _, err := u.do(ctx, http.MethodPost, []byte(mustJSON(map[string]string{"user_id": user})), "rooms", room, "invite"); err != nil {
		return err
	}
	u.note(func(r records) error { return r.setMember(u.ours, room, user, "invite") })
	return nil
}

func (u actor) leave(ctx context.Context, room string, body []byte) error {
	if _, err := u.do(ctx, http.MethodPost, body, "rooms", room, "leave"); err != nil {
		return err
	}
	u.note(func(r records) error { return r.setMember(u.ours, room, u.id, "leave") })
	return nil
}

// answerQuery gives the homeserver the answer that it waits for, once the user
// and the room that it names exist. A failure that stays is an answer: nobody.
func (c *Client) answerQuery(ctx context.Context, cli *mautrix.Client, a engine.Action) error {
	id := gjson.GetBytes(a.Body, "query").String()
	q := c.queries.get(id)
	if q == nil {
		return failure{text: fmt.Sprintf("no query %q waits for an answer, or no longer", id)}
	}
	found, err := c.findAnswer(ctx, cli, q, a)
	if err == nil || !failureOf(err).retry {
		q.give(found)
	}
	return err
}

func (c *Client) findAnswer(ctx context.Context, cli *mautrix.Client, q *query, a engine.Action) (answer, error) {
	as := a.Address["as"]
	if as == "" {
		return answer{}, nil
	}
	if q.user != "" && as != q.user {
		return answer{}, failure{text: fmt.Sprintf("the query is about %s, so %s cannot be the answer", q.user, as)}
	}
	u, err := c.actor(ctx, cli, as)
	if err != nil {
		return answer{}, err
	}
	if q.alias != "" {
		if err := u.createNamed(ctx, q.alias, gjson.GetBytes(a.Body, "room")); err != nil {
			return answer{}, err
		}
	}
	found := answer{as: as}
	if fields := gjson.GetBytes(a.Body, "fields"); fields.IsObject() {
		found.fields = json.RawMessage(fields.Raw)
	}
	return found, nil
}

// createNamed makes the room of an alias, unless it is there by now.
func (u actor) createNamed(ctx context.Context, alias string, room gjson.Result) error {
	if !room.IsObject() {
		return failure{text: "the answer to an alias.query needs a room, with the body of the request that makes it"}
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(room.Raw), &body); err != nil {
		return failure{text: "room: " + err.Error()}
	}
	body["room_alias_name"] = localpart(alias)
	_, err := u.create(ctx, []byte(mustJSON(body)))
	if err != nil && failureOf(err).code == "M_ROOM_IN_USE" {
		return nil
	}
	return err
}

func notFull(user string) error {
	return failure{text: fmt.Sprintf("user %q is not a full Matrix id: it should read @name:server", user)}
}
