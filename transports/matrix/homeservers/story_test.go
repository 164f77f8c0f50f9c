package homeservers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/hometest"
)

// inRoom is the path of a request about a room.
func inRoom(room string, parts ...string) string {
	path := "rooms/" + url.PathEscape(room)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

func member(user, membership string) func(gjson.Result) bool {
	return func(e gjson.Result) bool {
		return e.Get("type").String() == "m.room.member" && e.Get("state_key").String() == user && e.Get("content.membership").String() == membership
	}
}

func aboutCall(typ, call string) func(gjson.Result) bool {
	return func(e gjson.Result) bool {
		return e.Get("type").String() == typ && e.Get("content.call_id").String() == call
	}
}

func within(room string, match func(gjson.Result) bool) func(gjson.Result) bool {
	return func(e gjson.Result) bool { return e.Get("room_id").String() == room && match(e) }
}

const (
	get  = http.MethodGet
	put  = http.MethodPut
	post = http.MethodPost
)

var nothing = map[string]any{}

// tell tells the story of a call, and of all that can go wrong with it.
func (l *tale) tell() {
	l.accounts()
	l.lookUps()
	room := l.talk()
	l.refusals(room)
	l.group()
	l.ownRoom()
	l.open()
	l.config()
}

func (l *tale) accounts() {
	s, b := l.server, l.bridge
	s.Register(l.t, "carol", "password1")
	login := func(password string) map[string]any {
		return map[string]any{"type": "m.login.password", "password": password,
			"identifier": map[string]string{"type": "m.id.user", "user": "carol"}}
	}
	nobody, bot := s.Client(""), s.Client(b.ASToken)
	l.ask("login", nobody, post, "login", login("password1"), "user_id")
	l.ask("login with a wrong password", nobody, post, "login", login("password2"))
	l.ask("login of nobody", nobody, post, "login", map[string]any{"type": "m.login.password", "password": "password1",
		"identifier": map[string]string{"type": "m.id.user", "user": "nobody"}})
	l.ask("login of an unknown type", nobody, post, "login", map[string]any{"type": "org.example.eyes"})
	flows := l.ask("login flows", nobody, get, "login", nil)
	for _, typ := range []string{"m.login.password", "m.login.application_service"} {
		l.note("flow "+typ, fmt.Sprint(slices.ContainsFunc(flows.Get("flows").Array(), func(f gjson.Result) bool { return f.Get("type").String() == typ })))
	}
	l.ask("no token", nobody, get, "account/whoami", nil)
	l.ask("an unknown token", s.Client("unknown"), get, "account/whoami", nil)
	l.ask("the bridge", bot, get, "account/whoami", nil, "user_id")

	as := "?user_id=" + url.QueryEscape(b.ghost())
	register := func(name string) map[string]any {
		return map[string]any{"type": "m.login.application_service", "username": name, "inhibit_login": true}
	}
	l.ask("a ghost that is not registered", bot, get, "joined_rooms"+as, nil)
	l.ask("a ghost is registered", bot, post, "register", register(b.name()), "user_id", "access_token")
	l.ask("a ghost is registered again", bot, post, "register", register(b.name()))
	l.ask("somebody else is registered by a bridge", bot, post, "register", register("dave"))
	l.ask("a ghost is registered by nobody", nobody, post, "register", register(b.Ghosts+"5"))
	l.ask("a ghost is registered by an unknown token", s.Client("unknown"), post, "register", register(b.Ghosts+"5"))
	byBridge := func(user string) map[string]any {
		return map[string]any{"type": "m.login.application_service", "identifier": map[string]string{"type": "m.id.user", "user": user}}
	}
	l.ask("a ghost logs in", bot, post, "login", byBridge(b.ghost()), "user_id")
	l.ask("a ghost that is not registered logs in", bot, post, "login", byBridge(b.Ghosts+"6"))
	l.ask("somebody else is logged in by a bridge", bot, post, "login", byBridge("carol"))
	l.ask("a ghost logs in without a token", nobody, post, "login", byBridge(b.ghost()))
	l.ask("a ghost that is registered", bot, get, "account/whoami"+as, nil, "user_id")
	l.ask("a bridge acts as somebody else", bot, get, "joined_rooms?user_id="+url.QueryEscape("@carol:"+s.ServerName), nil)

	ghost := s.Ghost(l.t, b.AppService, b.name())
	name := "profile/" + url.PathEscape(ghost.ID) + "/displayname"
	l.ask("a ghost's first name", nobody, get, name, nil, "displayname")
	l.ask("the bridge's first name", nobody, get, "profile/"+url.PathEscape("@"+b.Sender+":"+s.ServerName)+"/displayname", nil, "displayname")
	l.ask("a name is given", ghost, put, name, map[string]string{"displayname": "020 7123 4567"})
	l.ask("a name is read", nobody, get, name, nil, "displayname")
	l.ask("a whole profile is read", nobody, get, "profile/"+url.PathEscape(ghost.ID), nil, "displayname")
	l.ask("the name of nobody", nobody, get, "profile/"+url.PathEscape("@nobody:"+s.ServerName)+"/displayname", nil)
	l.ask("a name is given to somebody else", ghost, put, "profile/"+url.PathEscape("@carol:"+s.ServerName)+"/displayname", map[string]string{"displayname": "Eve"})
	l.ask("a name that is a number", ghost, put, name, map[string]any{"displayname": 5})
	l.ask("an avatar that nobody has set", nobody, get, "profile/"+url.PathEscape(ghost.ID)+"/avatar_url", nil, "avatar_url")
}

func (l *tale) lookUps() {
	alice := l.server.Register(l.t, "alice", "password1")
	l.ask("protocols", alice, get, "thirdparty/protocols", nil, `m\.protocol\.pstn.field_types`, `m\.protocol\.pstn.user_fields`, `m\.protocol\.pstn.instances.0.desc`)
	l.ask("one protocol", alice, get, "thirdparty/protocol/m.protocol.pstn", nil, "field_types", "instances.0.desc")
	l.ask("a protocol that nobody has", alice, get, "thirdparty/protocol/irc", nil)
	const users = "thirdparty/user/m.protocol.pstn?m.id.phone="
	l.ask("a number", alice, get, users+url.QueryEscape(l.bridge.number), nil, "#.userid", "#.protocol", "#.fields")
	l.ask("a number that nobody has", alice, get, users+"100", nil, "@this")
	l.ask("a number by a protocol that nobody has", alice, get, "thirdparty/user/irc?nick=eve", nil, "@this")
	l.ask("a lookup without a token", l.server.Client(""), get, users+"100", nil)
	l.server.Register(l.t, "bob", "password1")
}

// talk is a call of alice's that the ghost answers and ends.
func (l *tale) talk() (room string) {
	b := l.bridge
	alice := l.login("alice")
	ghost := l.server.Ghost(l.t, b.AppService, b.name())
	made := l.ask("a direct chat is made", alice, post, "createRoom", map[string]any{
		"preset": "trusted_private_chat", "is_direct": true, "invite": []string{ghost.ID}})
	room = l.call("ROOM", made.Get("room_id").String())
	l.pushed("the ghost's invitation is pushed", "m.room.member", member(ghost.ID, "invite"))
	l.ask("an invited ghost reads members", ghost, get, inRoom(room, "members"), nil)
	l.ask("an invited ghost reads messages", ghost, get, inRoom(room, "messages")+"?dir=b", nil)
	l.ask("an invited ghost sends", ghost, put, inRoom(room, "send", "m.call.answer", "early"), nothing)
	l.ask("the ghost joins", ghost, post, inRoom(room, "join"), nothing, "room_id")
	l.ask("the ghost joins again", ghost, post, inRoom(room, "join"), nothing, "room_id")
	l.pushed("the ghost's join is pushed", "m.room.member", member(ghost.ID, "join"))
	l.sees("alice sees the ghost join", alice, within(room, member(ghost.ID, "join")))

	invite := json.RawMessage(`{"version":"1","party_id":"ALICE","call_id":"c1","lifetime":60000,"offer":{"type":"offer","sdp":"v=0\r\no=- 1\r\n<&> é \ud83d\ude00"},"org.example.x":[1,-2,9007199254740991,null,{"":""}]}`)
	first := l.ask("alice calls", alice, put, inRoom(room, "send", "m.call.invite", "t1"), invite)
	again := l.ask("alice's client repeats it", alice, put, inRoom(room, "send", "m.call.invite", "t1"), invite)
	l.note("a repeated event has one id", fmt.Sprint(first.Get("event_id").Str == again.Get("event_id").Str && first.Get("event_id").Str[0] == '$'))
	l.pushed("the call is pushed", "m.call.invite", aboutCall("m.call.invite", "c1"))
	own := l.sees("alice sees her call", alice, aboutCall("m.call.invite", "c1"))
	l.note("alice's client knows its transaction", own.Get("unsigned.transaction_id").String())

	answer := map[string]any{"call_id": "c1", "party_id": "B", "version": "1", "answer": map[string]string{"type": "answer", "sdp": "v=0\r\n"}}
	l.ask("the ghost answers", ghost, put, inRoom(room, "send", "m.call.answer", "t1"), answer)
	l.sees("alice sees the answer", alice, aboutCall("m.call.answer", "c1"))
	l.pushed("the ghost's answer is pushed", "m.call.answer", aboutCall("m.call.answer", "c1"))
	l.ask("the ghost hangs up, dated", ghost, put, inRoom(room, "send", "m.call.hangup", "t2")+"?ts=1700000000000", map[string]any{"call_id": "c1", "reason": "user_hangup"})
	end := l.sees("alice sees the hangup", alice, aboutCall("m.call.hangup", "c1"))
	l.note("the hangup's date", end.Get("origin_server_ts").Raw)
	l.pushed("the ghost's hangup is pushed", "m.call.hangup", aboutCall("m.call.hangup", "c1"))

	l.ask("a name is changed", ghost, put, "profile/"+url.PathEscape(ghost.ID)+"/displayname", map[string]string{"displayname": "Bob"})
	isRenamed := func(e gjson.Result) bool { return e.Get("content.displayname").String() == "Bob" }
	l.sees("alice sees the new name", alice, within(room, isRenamed))
	l.ask("one event", alice, get, inRoom(room, "event", first.Get("event_id").Str), nil, "type", "sender", "room_id", "content.call_id")
	l.ask("an event that there is not", alice, get, inRoom(room, "event", "$"+strings.Repeat("x", 43)), nil)
	l.ask("the ghost's rooms", ghost, get, "joined_rooms", nil, "joined_rooms")
	var types []string
	for _, e := range l.ask("the whole state", alice, get, inRoom(room, "state"), nil).Array() {
		types = append(types, e.Get("type").String())
	}
	slices.Sort(types)
	l.note("its types", strings.Join(types, ", "))
	l.ask("members", alice, get, inRoom(room, "members"), nil, "chunk.#")
	l.ask("those who are in", alice, get, inRoom(room, "joined_members"), nil, "joined."+escape(ghost.ID)+".display_name", "joined.@keys|#")
	l.ask("those who left", alice, get, inRoom(room, "members")+"?membership=leave", nil, "chunk")
	l.ask("join rules", alice, get, inRoom(room, "state", "m.room.join_rules", ""), nil, "@this")
	l.ask("history visibility", alice, get, inRoom(room, "state", "m.room.history_visibility"), nil, "@this")
	l.ask("a member's state", alice, get, inRoom(room, "state", "m.room.member", alice.ID), nil, "@this")
	l.ask("state that nobody has set", alice, get, inRoom(room, "state", "m.room.topic", ""), nil)
	l.history("what was said", ghost, room, isRenamed)
	return room
}

func escape(path string) string {
	return strings.NewReplacer(".", `\.`, "@", `\@`, "!", `\!`).Replace(path)
}

// login is somebody who was registered, with a client of its own.
func (l *tale) login(name string) *hometest.User {
	l.t.Helper()
	reply, err := l.server.Client("").Do(l.ctx, post, "/_matrix/client/v3/login", map[string]any{
		"type": "m.login.password", "password": "password1", "identifier": map[string]string{"type": "m.id.user", "user": name}})
	if err != nil {
		l.t.Fatal(err)
	}
	u := l.server.Client(reply.Get("access_token").String())
	u.ID = reply.Get("user_id").String()
	return u
}

// refusals are what nobody may do in somebody else's room, or anywhere.
func (l *tale) refusals(room string) {
	alice, bob := l.login("alice"), l.login("bob")
	ghost := l.server.Ghost(l.t, l.bridge.AppService, l.bridge.name())
	call := func(room string) string { return inRoom(room, "send", "m.call.invite", "r1") }
	noRoom := "!nowhere:" + l.server.ServerName

	l.ask("a stranger sends", bob, put, call(room), nothing)
	l.ask("a stranger reads state", bob, get, inRoom(room, "state"), nil)
	l.ask("a stranger reads an event of state", bob, get, inRoom(room, "state", "m.room.join_rules", ""), nil)
	l.ask("a stranger reads members", bob, get, inRoom(room, "members"), nil)
	l.ask("a stranger reads messages", bob, get, inRoom(room, "messages")+"?dir=b", nil)
	l.ask("a stranger joins", bob, post, inRoom(room, "join"), nothing)
	l.ask("a stranger joins by id", bob, post, "join/"+url.PathEscape(room), nothing)
	l.ask("a stranger invites", bob, post, inRoom(room, "invite"), map[string]string{"user_id": bob.ID})
	l.ask("a stranger kicks", bob, post, inRoom(room, "kick"), map[string]string{"user_id": alice.ID})
	l.ask("a stranger leaves", bob, post, inRoom(room, "leave"), nothing)
	l.ask("a stranger forgets", bob, post, inRoom(room, "forget"), nothing)
	l.ask("a room that there is not: send", bob, put, call(noRoom), nothing)
	l.ask("a room that there is not: members", bob, get, inRoom(noRoom, "members"), nil)
	l.ask("a room that there is not: invite", bob, post, inRoom(noRoom, "invite"), map[string]string{"user_id": alice.ID})
	l.ask("a room that there is not: leave", bob, post, inRoom(noRoom, "leave"), nothing)

	l.ask("who is in is invited", alice, post, inRoom(room, "invite"), map[string]string{"user_id": ghost.ID})
	l.ask("an equal is kicked", alice, post, inRoom(room, "kick"), map[string]string{"user_id": ghost.ID})
	l.ask("a stranger is kicked", alice, post, inRoom(room, "kick"), map[string]string{"user_id": bob.ID})
	l.ask("nobody is invited", alice, post, inRoom(room, "invite"), nothing)
	l.ask("what is no user is invited", alice, post, inRoom(room, "invite"), map[string]string{"user_id": "bob"})
	l.ask("who is in forgets", alice, post, inRoom(room, "forget"), nothing)
	l.ask("state of somebody else", alice, put, inRoom(room, "state", "org.example.x", bob.ID), nothing)

	l.ask("a fraction", alice, put, call(room), json.RawMessage(`{"n":1.5}`))
	l.ask("a number too great", alice, put, call(room), json.RawMessage(`{"n":9007199254740992}`))
	l.ask("what is no JSON", alice, put, call(room), json.RawMessage(`{"n":`))
	l.ask("what is no object", alice, put, call(room), json.RawMessage(`[]`))
	l.ask("an event of 64,000 bytes", alice, put, call(room), map[string]string{"sdp": strings.Repeat("x", 64000)})
	l.ask("an event of 66,000 bytes", alice, put, inRoom(room, "send", "m.call.invite", "r2"), map[string]string{"sdp": strings.Repeat("x", 66000)})
	l.ask("an unknown path", alice, get, "voip/goServer", nil)
	l.ask("another method", alice, http.MethodDelete, "voip/turnServer", nil)
	l.ask("TURN", alice, get, "voip/turnServer", nil, "@this")
	l.ask("a sync since never", alice, get, "sync?since=never", nil)
}

// group is a room in which alice alone has power.
func (l *tale) group() {
	alice, bob := l.login("alice"), l.login("bob")
	ghost := l.server.Ghost(l.t, l.bridge.AppService, l.bridge.name())
	room := l.call("GROUP", alice.CreateGroup(l.t, ghost.ID, bob.ID))
	l.polls("bob is shown the room", bob, "{}", "rooms.invite.@keys.0")
	l.ask("bob declines", bob, post, inRoom(room, "leave"), nothing)
	l.sees("alice sees bob decline", alice, within(room, member(bob.ID, "leave")))
	l.ask("who declined joins", bob, post, inRoom(room, "join"), nothing)
	l.ask("who declined forgets", bob, post, inRoom(room, "forget"), nothing)
	l.ask("the ghost joins the group", ghost, post, "join/"+url.PathEscape(room), nothing, "room_id")
	l.ask("the ghost has no power to name it", ghost, put, inRoom(room, "state", "m.room.name", ""), map[string]string{"name": "Ours"})
	l.ask("the ghost has no power to kick", ghost, post, inRoom(room, "kick"), map[string]string{"user_id": alice.ID})
	l.ask("alice has", alice, put, inRoom(room, "state", "m.room.name", ""), map[string]string{"name": "Ours"})
	l.ask("alice kicks the ghost", alice, post, inRoom(room, "kick"), map[string]string{"user_id": ghost.ID, "reason": "late"})
	l.pushed("the kick is pushed", "m.room.member", within(room, member(ghost.ID, "leave")))
	l.ask("who was kicked sends", ghost, put, inRoom(room, "send", "m.call.hangup", "k1"), nothing)
	l.ask("who was kicked joins", ghost, post, inRoom(room, "join"), nothing)
	l.ask("who was kicked is kicked", alice, post, inRoom(room, "kick"), map[string]string{"user_id": ghost.ID})
	l.ask("who was kicked leaves", ghost, post, inRoom(room, "leave"), nothing)
	l.ask("who was kicked reads members", ghost, get, inRoom(room, "members"), nil, "chunk.#")
	l.ask("alice bans the ghost", alice, post, inRoom(room, "ban"), map[string]string{"user_id": ghost.ID})
	l.pushed("the ban is pushed", "m.room.member", within(room, member(ghost.ID, "ban")))
	l.ask("who is banned joins", ghost, post, inRoom(room, "join"), nothing)
	l.ask("who is banned is invited", alice, post, inRoom(room, "invite"), map[string]string{"user_id": ghost.ID})
	l.ask("alice lifts the ban", alice, post, inRoom(room, "unban"), map[string]string{"user_id": ghost.ID})
	l.ask("who was banned is invited", alice, post, inRoom(room, "invite"), map[string]string{"user_id": ghost.ID})
	l.pushed("the new invitation is pushed", "m.room.member", within(room, member(ghost.ID, "invite")))
	l.ask("nobody joins for others", alice, put, inRoom(room, "state", "m.room.member", bob.ID), map[string]string{"membership": "join"})
	later := "@" + l.bridge.Ghosts + "later:" + l.server.ServerName
	l.ask("a ghost that is not registered is invited", alice, post, inRoom(room, "invite"), map[string]string{"user_id": later})
	l.pushed("its invitation is pushed", "m.room.member", within(room, member(later, "invite")))
	l.history("what happened in the group", alice, room, member(later, "invite"))
}

// ownRoom is a room that the ghost makes for alice.
func (l *tale) ownRoom() {
	alice := l.login("alice")
	ghost := l.server.Ghost(l.t, l.bridge.AppService, l.bridge.name())
	made := l.ask("the ghost makes a direct chat", ghost, post, "createRoom", map[string]any{
		"preset": "trusted_private_chat", "is_direct": true, "invite": []string{alice.ID}, "name": "Calls"})
	room := l.call("OWN", made.Get("room_id").String())
	l.sees("alice sees the invitation", alice, within(room, member(alice.ID, "invite")))
	l.sees("the invitation shows the name", alice, within(room, ofType("m.room.name")))
	l.ask("alice accepts", alice, post, inRoom(room, "join"), nothing, "room_id")
	l.pushed("alice's join is pushed", "m.room.member", within(room, member(alice.ID, "join")))
	for i := range 5 {
		ghost.Send(l.t, room, "m.call.candidates", map[string]any{"n": i})
	}
	last := func(e gjson.Result) bool {
		return e.Get("type").String() == "m.call.candidates" && e.Get("content.n").Int() == 4
	}
	l.sees("alice sees the candidates", alice, last)
	filter := `{"room":{"timeline":{"limit":2,"types":["m.call.candidates"]}}}`
	first := l.ask("a first sync of two events", alice, get, "sync?filter="+url.QueryEscape(filter), nil)
	part := first.Get("rooms.join").Get(escape(room)).Get("timeline")
	l.note("its timeline", l.parts(part, "events.#.content.n", "limited"))
	l.ask("what came after", alice, get, inRoom(room, "messages")+"?dir=f&limit=2&from="+url.QueryEscape(part.Get("prev_batch").String())+
		"&filter="+url.QueryEscape(`{"types":["m.call.candidates"]}`), nil, "chunk.#.content.n")
	l.ask("what was before", alice, get, inRoom(room, "messages")+"?dir=b&limit=2&from="+url.QueryEscape(part.Get("prev_batch").String())+
		"&filter="+url.QueryEscape(`{"types":["m.call.candidates"]}`), nil, "chunk.#.content.n")
	l.ask("alice leaves", alice, post, inRoom(room, "leave"), nothing)
	l.pushed("alice's leave is pushed", "m.room.member", within(room, member(alice.ID, "leave")))
	ghost.Send(l.t, room, "m.call.candidates", map[string]any{"n": 5})
	l.history("what happened in the ghost's room", ghost, room, func(e gjson.Result) bool { return e.Get("content.n").Int() == 5 })
	l.history("what alice can still read", alice, room, member(alice.ID, "leave"))
	l.ask("alice forgets", alice, post, inRoom(room, "forget"), nothing)
	l.ask("what is forgotten is read", alice, get, inRoom(room, "messages")+"?dir=b", nil)

	alias := "#" + l.bridge.Ghosts + "5:" + l.server.ServerName
	l.ask("a ghost's alias is given by alice", alice, put, "directory/room/"+url.PathEscape(alias), map[string]string{"room_id": room})
	l.ask("a ghost's alias is given by the bridge", ghost, put, "directory/room/"+url.PathEscape(alias), map[string]string{"room_id": room})
	l.ask("an alias is looked up", alice, get, "directory/room/"+url.PathEscape(alias), nil, "room_id")
	l.ask("an alias is given twice", ghost, put, "directory/room/"+url.PathEscape(alias), map[string]string{"room_id": room})
	l.ask("a room is made with a name that is taken", ghost, post, "createRoom", map[string]any{"room_alias_name": l.bridge.Ghosts + "5"})
	l.ask("a room is joined by its alias", ghost, post, "join/"+url.PathEscape(alias), nothing, "room_id")
	l.ask("an alias is taken away", ghost, http.MethodDelete, "directory/room/"+url.PathEscape(alias), nil)
	l.ask("an alias that was taken away", alice, get, "directory/room/"+url.PathEscape(alias), nil)
	l.ask("an alias that there is not", alice, get, "directory/room/"+url.PathEscape("#nowhere:"+l.server.ServerName), nil)
}

// open is a room that everybody may enter, and where alice has the say.
func (l *tale) open() {
	alice, bob := l.login("alice"), l.login("bob")
	l.ask("a room of an unknown kind is made", alice, post, "createRoom", map[string]any{"preset": "org.example.x"})
	l.ask("a room is made for what is no user", alice, post, "createRoom", map[string]any{"invite": []string{"bob"}})
	made := l.ask("an open room is made", alice, post, "createRoom", map[string]any{
		"preset": "public_chat", "topic": "Calls", "power_level_content_override": map[string]any{"invite": 50},
		"initial_state": []any{map[string]any{"type": "org.example.x", "state_key": "k", "content": map[string]any{"n": 1}}},
	})
	room := l.call("OPEN", made.Get("room_id").String())
	l.ask("its own state", alice, get, inRoom(room, "state", "org.example.x", "k"), nil, "@this")
	l.ask("its topic", alice, get, inRoom(room, "state", "m.room.topic", ""), nil, "topic")
	l.ask("its rule", alice, get, inRoom(room, "state", "m.room.join_rules", ""), nil, "@this")
	l.ask("bob enters", bob, post, inRoom(room, "join"), map[string]string{"reason": "curious"}, "room_id")
	l.sees("alice sees bob enter", alice, within(room, member(bob.ID, "join")))
	l.ask("bob has no power to invite", bob, post, inRoom(room, "invite"), map[string]string{"user_id": "@carol:" + l.server.ServerName})

	once := l.ask("state is set", alice, put, inRoom(room, "state", "org.example.x", "k"), map[string]int{"n": 2})
	again := l.ask("state is set again", alice, put, inRoom(room, "state", "org.example.x", "k"), map[string]int{"n": 2})
	l.note("state that is set again is one event", fmt.Sprint(once.Get("event_id").Str == again.Get("event_id").Str))
	changed := l.sees("bob sees it", bob, within(room, func(e gjson.Result) bool { return e.Get("event_id").Str == once.Get("event_id").Str }))
	l.note("what it was before", l.parts(changed, "unsigned.prev_content"))

	power := alice.State(l.t, room, "m.room.power_levels", "")
	levels, _ := power.Value().(map[string]any)
	levels["events_default"] = 50
	l.ask("all are silenced", alice, put, inRoom(room, "state", "m.room.power_levels", ""), levels)
	l.ask("who is silenced calls", bob, put, inRoom(room, "send", "m.call.invite", "o1"), nothing)
	levels["users"] = map[string]int{alice.ID: 100, bob.ID: 100}
	l.ask("bob makes himself powerful", bob, put, inRoom(room, "state", "m.room.power_levels", ""), levels)
	l.ask("bob is removed as a state", alice, put, inRoom(room, "state", "m.room.member", bob.ID), map[string]string{"membership": "leave"})
	l.sees("bob sees that he is removed", bob, within(room, member(bob.ID, "leave")))
	l.ask("bob comes back", bob, post, inRoom(room, "join"), nothing, "room_id")
	l.ask("a membership that there is not", alice, put, inRoom(room, "state", "m.room.member", bob.ID), map[string]string{"membership": "guest"})
	l.ask("carol is invited", alice, post, inRoom(room, "invite"), map[string]string{"user_id": "@carol:" + l.server.ServerName})
	l.ask("carol is uninvited", alice, post, inRoom(room, "kick"), map[string]string{"user_id": "@carol:" + l.server.ServerName})
	l.sees("alice sees carol uninvited", alice, within(room, member("@carol:"+l.server.ServerName, "leave")))
	l.ask("who is not banned is unbanned", alice, post, inRoom(room, "unban"), map[string]string{"user_id": "@carol:" + l.server.ServerName})
	l.history("what happened in the open room", alice, room, member("@carol:"+l.server.ServerName, "leave"))
	lazy := l.ask("a first sync without idle members", bob, get, "sync?filter="+url.QueryEscape(`{"room":{"rooms":["`+room+`"],"state":{"lazy_load_members":true,"types":["m.room.member"]},"timeline":{"limit":1}}}`), nil)
	part := lazy.Get("rooms.join").Get(escape(room))
	var members []string
	for _, e := range part.Get("state.events").Array() {
		members = append(members, e.Get("state_key").String())
	}
	slices.Sort(members)
	l.note("its members", strings.Join(members, ", ")+" "+l.parts(part, "timeline.events.#.type", "summary"))
}

// config is what clients keep on the homeserver.
func (l *tale) config() {
	alice := l.login("alice")
	mine := "user/" + url.PathEscape(alice.ID) + "/"
	l.ask("no direct chats", alice, get, mine+"account_data/m.direct", nil)
	l.ask("direct chats are set", alice, put, mine+"account_data/m.direct", map[string]any{l.bridge.ghost(): []string{"!r"}})
	l.ask("direct chats", alice, get, mine+"account_data/m.direct", nil, "@this")
	l.ask("direct chats of somebody else", l.login("bob"), get, mine+"account_data/m.direct", nil)
	l.polls("direct chats are synced", alice, `{"account_data":{"types":["m.direct"]},"room":{"rooms":[]}}`, "account_data.events.0")
	data := mine + "rooms/" + url.PathEscape(alice.JoinedRooms(l.t)[0]) + "/account_data/org.example.x"
	l.ask("data of a room is set", alice, put, data, map[string]int{"n": 1})
	l.ask("data of a room", alice, get, data, nil, "@this")
	l.ask("capabilities", alice, get, "capabilities", nil)
	l.ask("push rules", alice, get, "pushrules/", nil)
	made := l.ask("a filter is kept", alice, post, mine+"filter", map[string]any{"room": map[string]any{"timeline": map[string]any{"limit": 5}}})
	l.ask("a filter is read", alice, get, mine+"filter/"+made.Get("filter_id").String(), nil, "room.timeline.limit")
	l.ask("a filter that there is not", alice, get, mine+"filter/12345", nil)
	l.ask("a filter that is none", alice, post, mine+"filter", map[string]any{"room": 5})
	l.ask("logout", alice, post, "logout", nothing)
	l.ask("after the logout", alice, get, "account/whoami", nil)
}
