package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/transports/matrix"
)

const (
	domain    = "hs.test"
	bridgeID  = "vertigo-bridge" // its party id
	ghostName = "tel_"
)

// A homeserver is one as the bridge sees it through its transport: events of a
// room in their order, replies to what is sent, sometimes late.
type homeserver struct {
	w     *world
	codec *matrix.Codec
	rooms map[string]*room
	users []*user
	event int
}

// A user has a number of their own, and a room with each of a few contacts.
type user struct {
	id     string
	number string
	rooms  []*room
}

// A room is one of a user and a ghost.
type room struct {
	id     string
	user   *user
	number string // of the ghost
	ghost  string

	calls    map[string]*call // by call_id
	last     *call            // that began here
	toBridge time.Time        // when the last event on its way arrives
	toClient time.Time
}

// busy tells that a call goes on in the room.
func (r *room) busy() bool { return r.last != nil && !r.last.over() }

const (
	userCount    = 30
	contactCount = 3
)

func newHomeserver(w *world) *homeserver {
	h := &homeserver{w: w, codec: matrix.NewCodec(matrixPeer.Name), rooms: map[string]*room{}}
	for i := range userCount {
		u := &user{id: fmt.Sprintf("@u%d:%s", i, domain), number: fmt.Sprintf("+442071230%03d", i)}
		for k := range contactCount {
			number := fmt.Sprintf("+44207124%d%03d", k, i)
			r := &room{
				id: fmt.Sprintf("!r%d-%d:%s", i, k, domain), user: u, number: number,
				ghost: "@" + ghostName + number + ":" + domain, calls: map[string]*call{},
			}
			u.rooms = append(u.rooms, r)
			h.rooms[r.id] = r
		}
		h.users = append(h.users, u)
	}
	return h
}

// up is the transport's word that it is connected.
func (h *homeserver) up() {
	h.deliver(map[string]any{"type": engine.TransportUp, "user_id": "@phone:" + domain, "ghosts": ghostName})
}

// deliver lets the bridge have a raw message.
func (h *homeserver) deliver(raw map[string]any) {
	data, err := json.Marshal(raw)
	if err != nil {
		panic(err) // the model makes nothing that is no JSON
	}
	messages, err := h.codec.In(h.w.now, "", data)
	if err != nil {
		h.w.fault(nil, "the codec cannot read %s: %v", data, err)
	}
	h.w.step(messages...)
}

// upload is an event of a user, on its way to the bridge.
func (h *homeserver) upload(r *room, typ string, content map[string]any) {
	h.pass(r, map[string]any{"type": typ, "content": content})
}

func (h *homeserver) pass(r *room, raw map[string]any) {
	h.event++
	raw["event_id"] = fmt.Sprintf("$e%d", h.event)
	raw["room_id"] = r.id
	raw["sender"] = r.user.id
	raw["as"] = r.ghost
	raw["origin_server_ts"] = h.w.now.UnixMilli()
	delay := h.w.between(5, 60)
	if h.w.chance(2) {
		delay = h.w.between(100, 1500)
	}
	r.toBridge = later(r.toBridge, h.w.now.Add(delay))
	h.w.agenda.add(r.toBridge, func() { h.deliver(raw) })
}

// member is a change of membership in a room.
func (h *homeserver) member(r *room, who, membership string) {
	h.pass(r, map[string]any{"type": "m.room.member", "state_key": who, "content": map[string]any{"membership": membership}})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// send carries out an action of the bridge.
func (h *homeserver) send(a engine.Action) {
	h.codec.Frame(a) // notes what will come back
	c := h.w.byID[a.Call]
	switch a.Type {
	case "user.profile", "user.lookup", "user.register", "query.reply", "room.join", "io.element.functional_members":
		content := map[string]any{}
		if a.Type == "user.lookup" {
			content = map[string]any{"user": gjson.GetBytes(a.Body, "user").String(), "displayname": "Somebody"}
		}
		h.w.after(h.w.between(5, 50), func() { h.ok(a, "", content) })
		return
	case "room.direct":
		h.direct(a, c)
		return
	}
	r := h.rooms[a.Address["room"]]
	if r == nil || a.Address["as"] != r.ghost {
		h.w.fault(c, "%s goes to room %q as %q", a.Type, a.Address["room"], a.Address["as"])
		return
	}
	if c != nil && c.room != r {
		h.w.fault(c, "%s goes to the room %s of another call", a.Type, r.id)
		return
	}
	delay := h.w.between(2, 60)
	if h.w.chance(1) {
		delay = h.w.between(100, 800)
	}
	r.toClient = later(r.toClient, h.w.now.Add(delay))
	refused := c != nil && c.wild && h.w.chance(1)
	h.w.agenda.add(r.toClient, func() {
		if refused {
			c.refused(a.Type)
			h.w.after(h.w.between(1, 30), func() { h.failed(a) })
			return
		}
		h.event++
		event := fmt.Sprintf("$e%d", h.event)
		h.echo(a, r, event)
		wait := h.w.between(1, 30)
		if h.w.chance(2) {
			wait = h.w.between(100, 3000)
		}
		h.w.after(wait, func() { h.ok(a, event, nil) })
		h.arrive(a, r)
	})
}

// echo is what the homeserver gives back of the bridge's own events: often
// before the reply.
func (h *homeserver) echo(a engine.Action, r *room, event string) {
	raw, err := json.Marshal(map[string]any{"type": a.Type, "event_id": event, "room_id": r.id, "sender": r.ghost, "as": r.ghost, "content": a.Body})
	if err != nil {
		panic(err) // the engine sends nothing that is no JSON
	}
	if messages, err := h.codec.In(h.w.now, "", raw); err != nil || len(messages) > 0 {
		h.w.fault(h.w.byID[a.Call], "the echo of %s is no echo: %v", a.Type, err)
	}
}

// arrive lets the clients of a room have an event of the bridge.
func (h *homeserver) arrive(a engine.Action, r *room) {
	if !strings.HasPrefix(a.Type, "m.call.") {
		return // what people read
	}
	content := gjson.ParseBytes(a.Body)
	id := content.Get("call_id").String()
	c := r.calls[id]
	if c == nil && a.Type == "m.call.invite" {
		if c = h.w.byID[a.Call]; c != nil {
			r.calls[id] = c
		}
	}
	if c == nil || c != h.w.byID[a.Call] {
		h.w.fault(h.w.byID[a.Call], "%s of call %q reaches a room without it", a.Type, id)
		return
	}
	c.client.receive(a.Type, content)
}

func (h *homeserver) direct(a engine.Action, c *call) {
	userID := gjson.GetBytes(a.Body, "user").String()
	if c == nil || c.room.user.id != userID || c.room.ghost != a.Address["as"] {
		h.w.fault(c, "a room is asked for with %q as %q", userID, a.Address["as"])
		return
	}
	delay := h.w.between(10, 150)
	if !c.wild || h.w.chance(90) {
		h.w.after(delay, func() { h.okIn(c.room, a, "", map[string]any{"user": userID, "membership": "join", "created": false}) })
		return
	}
	if h.w.chance(30) {
		c.refused(a.Type)
		h.w.after(delay, func() { h.failed(a) })
		return
	}
	h.w.after(delay, func() { h.okIn(c.room, a, "", map[string]any{"user": userID, "membership": "invite", "created": true}) })
	h.w.after(delay+h.w.between(1, 3000), func() { h.member(c.room, userID, pick(h.w, "join", "join", "leave")) })
	c.refused(a.Type)
}

func (h *homeserver) ok(a engine.Action, event string, more map[string]any) {
	h.okIn(h.rooms[a.Address["room"]], a, event, more)
}

func (h *homeserver) okIn(r *room, a engine.Action, event string, more map[string]any) {
	raw := h.reply(a, ".ok", more)
	if r != nil {
		raw["room_id"] = r.id
	}
	if event != "" {
		raw["event_id"] = event
	}
	h.deliver(raw)
}

func (h *homeserver) failed(a engine.Action) {
	more := map[string]any{}
	if user := gjson.GetBytes(a.Body, "user"); user.Exists() {
		more["user"] = user.String()
	}
	raw := h.reply(a, ".error", more)
	if room := a.Address["room"]; room != "" {
		raw["room_id"] = room
	}
	raw["status"], raw["errcode"], raw["error"] = 403, "M_FORBIDDEN", "no"
	h.deliver(raw)
}

// reply is what the transport says of an action.
func (h *homeserver) reply(a engine.Action, suffix string, more map[string]any) map[string]any {
	content := map[string]any{}
	if a.Key != "" {
		content["call_id"] = a.Key
	}
	maps.Copy(content, more)
	raw := map[string]any{"type": a.Type + suffix, "txn_id": a.ID, "content": content}
	if as := a.Address["as"]; as != "" {
		raw["as"] = as
	}
	return raw
}
