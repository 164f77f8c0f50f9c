package matrix

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"vertigo/engine"
)

func TestAGhostIsRegisteredBeforeItActs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set(roomA, tel1, "join", alice, "join")
		b := startBridge(t, w, withStateFile(file))
		a := in(roomA, tel1, "m.call.answer", "t1", `{"call_id":"c1"}`)
		a.Key, a.Scope, a.Call = "c1", roomA, "call1"
		got, _ := b.act(t, a)
		if want := `{"type":"m.call.answer.ok","room_id":"!a:hs.test","txn_id":"t1","as":"@tel_1:hs.test","event_id":"$of-t1","content":{"call_id":"c1"}}`; got.Raw != want {
			t.Errorf("got %s", got)
		}
		b.act(t, in(roomA, tel1, "m.call.hangup", "t2", `{}`))
		b.act(t, in(roomA, "", "m.call.hangup", "t3", `{}`))
		b.act(t, in(roomA, botID, "m.call.hangup", "t4", `{}`))
		want := []string{
			tel1 + ` /rooms/!a:hs.test/send/m.call.answer/t1 {"call_id":"c1"}`,
			tel1 + ` /rooms/!a:hs.test/send/m.call.hangup/t2 {}`,
			botID + ` /rooms/!a:hs.test/send/m.call.hangup/t3 {}`,
			botID + ` /rooms/!a:hs.test/send/m.call.hangup/t4 {}`,
		}
		if diff := cmp.Diff(want, b.did("PUT", "/send/")); diff != "" {
			t.Error(diff)
		}
		if n := len(b.did("POST", "/register")); n != 2 { // with the bot
			t.Errorf("%d registrations", n)
		}
		b.stop()

		b = startBridge(t, w, withStateFile(file))
		defer b.stop()
		b.act(t, in(roomA, tel1, "m.call.hangup", "t5", `{}`))
		if diff := cmp.Diff([]string{botID}, firstWords(b.did("POST", "/register"))); diff != "" || len(b.did("POST", "/register")) != 1 {
			t.Errorf("registered again: %q", b.did("POST", "/register"))
		}
		if want := `out {"type":"m.call.hangup","room_id":"!a:hs.test","txn_id":"t5","as":"@tel_1:hs.test","content":{}}`; b.tapped[len(b.tapped)-2] != want {
			t.Errorf("the capture has %s", b.tapped[len(b.tapped)-2])
		}
	})
}

func firstWords(lines []string) []string {
	var words []string
	for _, line := range lines {
		word, _, _ := strings.Cut(line, " ")
		words = append(words, word)
	}
	return words
}

func TestAGhostThatTheHomeserverForgotIsMadeAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld(), withStateFile(file))
		b.act(t, by(tel1, UserProfile, "t1", `{"displayname":"One"}`))
		b.stop()

		w := newWorld() // the homeserver lost its database
		b = startBridge(t, w, withStateFile(file))
		defer b.stop()
		got, _ := b.act(t, by(tel1, RoomDirect, "t2", `{"user":"@alice:hs.test"}`))
		if got.Get("type").String() != "room.direct.ok" {
			t.Errorf("got %s", got)
		}
		b.act(t, by(tel1, UserProfile, "t3", `{"displayname":"One"}`))
		if w.users[tel1] != "One" {
			t.Errorf("its name is %q", w.users[tel1])
		}
		// What is really forbidden stays so, and is asked for once.
		w.set(roomA, alice, "join")
		if got, _ := b.act(t, in(roomA, tel1, RoomJoin, "t4", `{}`)); got.Get("errcode").String() != "M_FORBIDDEN" {
			t.Errorf("got %s", got)
		}
		if n := len(b.did("POST", "/join")); n != 1 {
			t.Errorf("%d tries", n)
		}
	})
}

func TestOnlyOursCanBeActedAs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		for i, as := range []string{alice, "@tel_1:other.test", "@tel_:hs.test", "@tel_1:x:hs.test", "tel_1", "@phone:hs.test"} {
			got, _ := b.act(t, by(as, UserRegister, fmt.Sprint("t", i), `{}`))
			want := "as " + as + ": ours are @bot:hs.test and those that read @tel_NAME:hs.test"
			if got.Get("type").String() != "user.register.error" || got.Get("error").String() != want || got.Get("as").String() != as {
				t.Errorf("%s: %s", as, got)
			}
		}
		if n := len(b.did("POST", "/register")); n != 1 {
			t.Errorf("%d registrations", n)
		}
	})
}

func TestABotActsAsItselfAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		w := newWorld()
		w.users[botID] = ""
		w.set(roomA, botID, "join", alice, "join")
		hs.answerWith(w.answer)
		b := &bridge{bot: connected(t, hs), world: w}
		defer b.bot.stop()
		for _, a := range []engine.Action{
			by("", UserRegister, "t1", `{}`), by(botID, UserRegister, "t2", `{}`),
			by("", UserProfile, "t3", `{"displayname":"Phone"}`),
			by(botID, RoomDirect, "t4", `{"user":"@alice:hs.test"}`),
			in(roomA, "", RoomInvite, "t5", `{"user":"@carol:hs.test"}`),
		} {
			if got, _ := b.act(t, a); got.Get("type").String() != a.Type+".ok" {
				t.Errorf("got %s", got)
			}
		}
		if w.users[botID] != "Phone" || len(b.did("POST", "/register")) != 0 || len(b.did("POST", "/createRoom")) != 0 {
			t.Errorf("did %q", b.did("POST", ""))
		}
		for _, a := range []engine.Action{by(tel1, UserRegister, "t6", `{}`), in(roomA, tel1, "m.call.answer", "t7", `{}`)} {
			got, _ := b.act(t, a)
			if want := `as @tel_1:hs.test: this bridge is the user @bot:hs.test alone; others need mode = "appservice"`; got.Get("error").String() != want {
				t.Errorf("got %s", got)
			}
		}
		if got, _ := b.act(t, by("", QueryReply, "t8", `{"query":"q1"}`)); got.Get("type").String() != "query.reply.error" {
			t.Errorf("got %s", got)
		}
	})
}

func TestANameIsSetWhenItDiffers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := startBridge(t, w, withStateFile(file))
		want := `{"type":"user.profile.ok","txn_id":"t1","as":"@tel_1:hs.test","content":{}}`
		if got, _ := b.act(t, by(tel1, UserProfile, "t1", `{"displayname":"One \u00e9"}`)); got.Raw != want {
			t.Errorf("got %s", got)
		}
		b.act(t, by(tel1, UserProfile, "t2", `{"displayname":"One \u00e9"}`))
		b.act(t, by(tel1, UserRegister, "t3", `{"displayname":"A name for those without one"}`))
		b.act(t, by(tel2, UserRegister, "t4", `{"displayname":"Two"}`))
		b.act(t, by(tel2, UserRegister, "t5", `{}`))
		b.stop()
		b2 := startBridge(t, w, withStateFile(file))
		defer b2.stop()
		b2.act(t, by(tel1, UserProfile, "t6", `{"displayname":"One \u00e9"}`))
		b2.act(t, by(tel1, UserProfile, "t7", `{"displayname":"Uno"}`))
		got := append(b.did("PUT", "/profile/"), b2.did("PUT", "/profile/")...)
		if diff := cmp.Diff([]string{
			tel1 + ` /profile/@tel_1:hs.test/displayname {"displayname":"One é"}`,
			tel2 + ` /profile/@tel_2:hs.test/displayname {"displayname":"Two"}`,
			tel1 + ` /profile/@tel_1:hs.test/displayname {"displayname":"Uno"}`,
		}, got); diff != "" {
			t.Error(diff)
		}
		if got, _ := b2.act(t, by(tel1, UserProfile, "t8", `{"displayname":7}`)); !strings.HasPrefix(got.Get("error").String(), "displayname is missing") {
			t.Errorf("got %s", got)
		}
	})
}

func TestANameIsLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.users[alice], w.users["@dan:hs.test"] = "Alice \u00c4 \"A\"", ""
		b := startBridge(t, w)
		defer b.stop()
		a := by("", UserLookup, "t1", `{"user":"@alice:hs.test","call_id":"c1"}`)
		a.Key, a.Call = "c1", "call1"
		got, _ := b.act(t, a)
		if want := `{"type":"user.lookup.ok","txn_id":"t1","content":{"call_id":"c1","user":"@alice:hs.test","displayname":"Alice Ä \"A\""}}`; got.Raw != want {
			t.Errorf("got %s", got)
		}
		got, _ = b.act(t, by("", UserLookup, "t2", `{"user":"@dan:hs.test"}`))
		if want := `{"type":"user.lookup.ok","txn_id":"t2","content":{"user":"@dan:hs.test"}}`; got.Raw != want {
			t.Errorf("somebody without a name: %s", got)
		}
		got, _ = b.act(t, by("", UserLookup, "t3", `{"user":"@nobody:hs.test"}`))
		if want := `{"type":"user.lookup.error","txn_id":"t3","content":{"user":"@nobody:hs.test"},"status":404,"errcode":"M_NOT_FOUND","error":"nothing here"}`; got.Raw != want {
			t.Errorf("nobody: %s", got)
		}
		got, _ = b.act(t, by("", UserLookup, "t4", `{"user":"alice"}`))
		if got.Get("error").String() != `user "alice" is not a full Matrix id: it should read @name:server` {
			t.Errorf("no id: %s", got)
		}
		want := []string{
			botID + " /profile/@alice:hs.test/displayname", botID + " /profile/@dan:hs.test/displayname",
			botID + " /profile/@nobody:hs.test/displayname",
		}
		if diff := cmp.Diff(want, b.did("GET", "/profile/")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheAddressKeyStateMakesAStateEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set(roomA, tel1, "join")
		b := startBridge(t, w)
		defer b.stop()
		a := in(roomA, tel1, "io.element.functional_members", "t1", `{"service_members":["@bot:hs.test"]}`)
		a.Address["state"] = ""
		got, _ := b.act(t, a)
		if got.Get("type").String() != "io.element.functional_members.ok" || got.Get("event_id").String() == "" {
			t.Errorf("got %s", got)
		}
		a = in(roomA, tel1, "org.example", "t2", `{}`)
		a.Address["state"] = "k/1"
		b.act(t, a)
		want := []string{
			tel1 + ` /rooms/!a:hs.test/state/io.element.functional_members/ {"service_members":["@bot:hs.test"]}`,
			tel1 + ` /rooms/!a:hs.test/state/org.example/k/1 {}`,
		}
		if diff := cmp.Diff(want, b.did("PUT", "/state/")); diff != "" {
			t.Error(diff)
		}
		if want := `{"type":"org.example","room_id":"!a:hs.test","txn_id":"t2","as":"@tel_1:hs.test","state_key":"k/1","content":{}}`; string(b.codec.Frame(a)) != want {
			t.Errorf("the frame is %s", b.codec.Frame(a))
		}
	})
}

func TestRoomsAreMadeInvitedToAndLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := startBridge(t, w)
		defer b.stop()
		made, _ := b.act(t, by(tel1, RoomCreate, "t1", `{"name":"x"}`))
		room := made.Get("room_id").String()
		if want := `{"type":"room.create.ok","room_id":"` + room + `","txn_id":"t1","as":"@tel_1:hs.test","content":{}}`; made.Raw != want {
			t.Errorf("got %s", made)
		}
		invited, _ := b.act(t, in(room, tel1, RoomInvite, "t2", `{"user":"@alice:hs.test"}`))
		if want := `{"type":"room.invite.ok","room_id":"` + room + `","txn_id":"t2","as":"@tel_1:hs.test","content":{"user":"@alice:hs.test"}}`; invited.Raw != want {
			t.Errorf("got %s", invited)
		}
		if w.rooms[room][alice] != "invite" {
			t.Errorf("the room has %v", w.rooms[room])
		}
		refused, _ := b.act(t, in(room, tel1, RoomInvite, "t3", `{"user":"alice"}`))
		if refused.Get("content.user").String() != "alice" || !strings.Contains(refused.Get("error").String(), "not a full Matrix id") {
			t.Errorf("got %s", refused)
		}
		left, _ := b.act(t, in(room, tel1, RoomLeave, "t4", `{"reason":"done"}`))
		if left.Get("type").String() != "room.leave.ok" || w.rooms[room][tel1] != "leave" {
			t.Errorf("got %s", left)
		}
		if got, _ := b.act(t, in(room, tel1, "room.jion", "t5", `{}`)); got.Get("error").String() != "room.jion is no action, and no event may have such a type" {
			t.Errorf("got %s", got)
		}
	})
}

func TestActionsWithoutARoomKeepTheirOrderByUserAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		release := make(chan struct{})
		b.world.first(func(r request) reply {
			if strings.HasPrefix(r.path, "/profile/"+tel1) {
				<-release
			}
			return reply{}
		})
		b.Send(by(tel1, UserProfile, "t1", `{"displayname":"One"}`))
		b.Send(by(tel1, UserProfile, "t2", `{"displayname":"Two"}`))
		b.Send(by(tel2, UserProfile, "t3", `{"displayname":"Other"}`))
		b.Send(by(tel1, RoomDirect, "t4", `{"user":"@alice:hs.test"}`))
		first := replied(b)
		slices.Sort(first)
		close(release)
		if diff := cmp.Diff([][]string{{"t3"}, {"t1", "t2", "t4"}}, [][]string{first, replied(b)}); diff != "" {
			t.Error(diff)
		}
		if b.world.users[tel1] != "Two" {
			t.Errorf("the name is %s", b.world.users[tel1])
		}
	})
}

// replied are the transaction ids of the replies that came, in their order.
func replied(b *bridge) []string {
	var ids []string
	for _, body := range bodies(b.taken()) {
		ids = append(ids, gjson.Get(body, "txn_id").String())
	}
	return ids
}

func TestActionsAreRetriedAsEventsAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := startBridge(t, w)
		defer b.stop()
		troubles := map[string][]reply{
			"/register":     {{status: 429, after: "3", body: `{"errcode":"M_LIMIT_EXCEEDED","error":"slow"}`}, {status: 502}},
			"/joined_rooms": {{err: errReset}},
			"/createRoom":   {{status: 500}, {status: 401, body: unknownToken}},
		}
		w.first(func(r request) reply {
			left := troubles[r.path]
			if len(left) == 0 {
				return reply{}
			}
			troubles[r.path] = left[1:]
			return left[0]
		})
		b.Send(by(tel1, RoomDirect, "t1", `{"user":"@alice:hs.test","call_id":"c1"}`))
		sleep(t.Context(), b.cfg.SendTimeout/2)
		got := bodies(b.taken())
		if len(got) != 1 || gjson.Get(got[0], "type").String() != "room.direct.ok" || len(w.rooms) != 1 {
			t.Errorf("got %q, rooms %v", got, w.rooms)
		}
		w.first(func(request) reply { return reply{err: errReset} })
		a := by(tel2, RoomDirect, "t2", `{"user":"@alice:hs.test","call_id":"c2"}`)
		a.Key, a.Call = "c2", "call2"
		b.Send(a)
		sleep(t.Context(), b.cfg.SendTimeout)
		for _, batch := range b.taken() {
			for _, m := range batch {
				if m.Type == "room.direct.error" {
					want := `{"type":"room.direct.error","txn_id":"t2","as":"@tel_2:hs.test","content":{"call_id":"c2","user":"@alice:hs.test"},"status":0,"errcode":"","error":"not sent within 1m0s: @tel_2:hs.test cannot be registered: connection reset by peer"}`
					if string(m.Body) != want || m.Call != "call2" || m.Key != "" {
						t.Errorf("got %+v", m)
					}
					return
				}
			}
		}
		t.Error("no reply in time")
	})
}
