package matrix

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

// invited is a room of alice's that a ghost is invited to, at the time given.
func (b *bridge) invited(t *testing.T, room, ghost string, at int) {
	t.Helper()
	b.world.set(room, alice, "join", ghost, "invite")
	b.push(t, "invite-"+ghost+room, became(room, "$invite-"+ghost+room, alice, ghost, "invite", at))
	b.taken()
}

// page is what /messages says of a room, given oldest first.
func (w *world) page(room string, events ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages[room] = ""
	for _, e := range events {
		w.messages[room] = "," + e + w.messages[room]
	}
}

func TestWhatWasSaidBeforeTheJoinIsDeliveredOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld(), withStateFile(file))
		at := int(time.Now().UnixMilli())
		b.invited(t, roomA, tel1, at)
		noRoom := strings.Replace(callAt("!x", "$call", at+10), `"room_id":"!x",`, "", 1)
		b.world.page(roomA,
			callAt(roomA, "$before", at-1),
			became(roomA, "$invite-"+tel1+roomA, alice, tel1, "invite", at),
			happened(roomA, "$topic", alice, "m.room.topic", at+5, `{}`),
			noRoom,
			callAt(roomA, "$pushed", at+20),
			became(roomA, "$join", tel1, tel1, "join", at+30),
			callAt(roomA, "$late", at+40),
		)
		// The homeserver pushes what comes after the join before we have looked.
		b.world.first(func(r request) reply {
			if strings.HasSuffix(r.path, "/messages") {
				b.push(t, "t1", callAt(roomA, "$pushed", at+20), became(roomA, "$join", tel1, tel1, "join", at+30))
			}
			return reply{}
		})
		b.Send(in(roomA, tel1, RoomJoin, "j1", `{}`))
		got := b.taken()
		var last []string
		for _, batch := range got[1:] { // after what was pushed
			for _, m := range batch {
				last = append(last, m.Type+" "+m.ID)
			}
		}
		if diff := cmp.Diff([]string{"m.call.candidates $call", "m.call.candidates $late", "room.join.ok "}, last); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff("$pushed $call $late", strings.TrimSpace(ids(got))); diff != "" {
			t.Error(diff)
		}
		for _, body := range bodies(got) {
			if gjson.Get(body, "as").String() != tel1 || gjson.Get(body, "room_id").String() != roomA {
				t.Errorf("got %s", body)
			}
		}
		asked := b.hs.asked("/rooms/" + roomA + "/messages")
		if len(asked) != 1 || asked[0].query.Get("user_id") != tel1 || asked[0].query.Get("dir") != "b" || asked[0].query.Get("filter") != gapFilter || asked[0].query.Has("from") {
			t.Errorf("asked %+v", asked)
		}
		b.push(t, "t2", callAt(roomA, "$call", at+10), callAt(roomA, "$late", at+40), callAt(roomA, "$next", at+50))
		if diff := cmp.Diff("$next", ids(b.taken())); diff != "" {
			t.Error(diff)
		}
		b.stop()
		b = newBridge(t, newWorld(), withStateFile(file))
		b.run()
		defer b.stop()
		if diff := cmp.Diff([]string{"transport.up"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAHomeserverThatLagsBehindTheJoinIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		at := int(time.Now().UnixMilli())
		b.invited(t, roomA, tel1, at)
		b.world.page(roomA, callAt(roomA, "$1", at+10))
		lag := 2
		b.world.first(func(r request) reply {
			if strings.HasSuffix(r.path, "/messages") && lag > 0 {
				lag--
				return reply{body: `{"chunk":[]}`}
			}
			return reply{}
		})
		b.Send(in(roomA, tel1, RoomJoin, "j1", `{}`))
		time.Sleep(time.Second)
		if diff := cmp.Diff("m.call.candidates room.join.ok", strings.Join(types(b.taken()), " ")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOnlyFreshEventsAreFetchedAfterAJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		at := int(time.Now().UnixMilli())
		b.invited(t, roomA, tel1, at)
		time.Sleep(time.Hour) // an invitation of long ago
		at = int(time.Now().UnixMilli())
		b.world.page(roomA, callAt(roomA, "$old", at-int(missedAge.Milliseconds())-1), callAt(roomA, "$new", at-1000))
		b.Send(in(roomA, tel1, RoomJoin, "j1", `{}`))
		if diff := cmp.Diff("$new", strings.TrimSpace(ids(b.taken()))); diff != "" {
			t.Error(diff)
		}
		b.world.set(roomB, tel1, "invite") // nobody told us of this one
		b.world.page(roomB, callAt(roomB, "$1", at))
		b.Send(in(roomB, tel1, RoomJoin, "j2", `{}`))
		if diff := cmp.Diff([]string{"room.join.ok"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAJoinIsReportedAlsoWhenNoMoreCanBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		b.invited(t, roomA, tel1, 1)
		b.world.first(func(r request) reply {
			if strings.HasSuffix(r.path, "/messages") || strings.HasSuffix(r.path, "/state") {
				return reply{status: 500}
			}
			return reply{}
		})
		b.Send(in(roomA, tel1, RoomJoin, "j1", `{}`))
		time.Sleep(b.cfg.SendTimeout)
		if want := `{"type":"room.join.ok","room_id":"!a:hs.test","txn_id":"j1","as":"@tel_1:hs.test","content":{}}`; bodies(b.taken())[0] != want {
			t.Error("no reply")
		}
		if n := len(b.log.with("what was said before the join is lost")); n != 1 || len(b.did("GET", "/messages")) != getTries {
			t.Errorf("%d lines, %d tries", n, len(b.did("GET", "/messages")))
		}
		b.push(t, "t1", callAt(roomA, "$1", 2))
		if got := bodies(b.taken()); gjson.Get(got[0], "as").String() != tel1 {
			t.Errorf("got %s", got[0])
		}
	})
}

func TestAnEncryptedRoomIsSaidAfterTheJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		at := int(time.Now().UnixMilli())
		b.invited(t, roomA, tel1, at)
		setting := strings.Replace(happened(roomA, "$e", alice, "m.room.encryption", at-1, `{"algorithm":"m.megolm.v1.aes-sha2"}`), `{"type"`, `{"state_key":"","type"`, 1)
		b.world.state[roomA] = "[" + setting + "," + became(roomA, "$join", tel1, tel1, "join", at+1) + "]"
		secret := happened(roomA, "$s", alice, "m.room.encrypted", at+1, `{"algorithm":"m.megolm.v1.aes-sha2"}`)
		b.world.page(roomA, setting, secret)
		b.Send(in(roomA, tel1, RoomJoin, "j1", `{}`))
		b.push(t, "t1", happened(roomA, "$s2", alice, "m.room.encrypted", at+2, `{}`))
		want := []string{
			`{"type":"room.encrypted","room_id":"!a:hs.test","sender":"@alice:hs.test","as":"@tel_1:hs.test"}`,
			`{"type":"room.join.ok","room_id":"!a:hs.test","txn_id":"j1","as":"@tel_1:hs.test","content":{}}`,
		}
		if diff := cmp.Diff(want, bodies(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAJoinTellsWhoOfOursIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		b.invited(t, roomA, tel1, 1)
		b.world.state[roomA] = "[" + became(roomA, "$1", alice, alice, "join", 1) + "," +
			became(roomA, "$2", botID, botID, "join", 1) + "," + became(roomA, "$3", alice, tel2, "invite", 1) + "]"
		got, _ := b.act(t, in(roomA, tel1, RoomJoin, "j1", `{}`))
		if want := `{"type":"room.join.ok","room_id":"!a:hs.test","txn_id":"j1","as":"@tel_1:hs.test","content":{"others":["@bot:hs.test"]}}`; got.Raw != want {
			t.Errorf("got %s", got)
		}
	})
}

func TestEachEventSaysWhomItReached(t *testing.T) {
	invite := func(invitee string) string {
		return happened(roomA, "$x", alice, "m.call.invite", 9, fmt.Sprintf(`{"call_id":"c","invitee":%q}`, invitee))
	}
	plain := strings.Replace(callAt(roomA, "$x", 9), `{"type"`, `{"as":"@tel_2:hs.test","\u0061s":"@alice:hs.test","type"`, 1)
	for _, tt := range []struct {
		name    string
		members []string
		event   string
		want    string
	}{
		{"the one ghost there", []string{tel1, "join", alice, "join", tel2, "leave"}, plain, tel1},
		{"the ghost, not our own user", []string{tel1, "join", botID, "join"}, plain, tel1},
		{"our own user", []string{botID, "join", tel1, "leave"}, plain, botID},
		{"our own user, though a ghost is invited", []string{botID, "join", tel1, "invite"}, plain, botID},
		{"two ghosts", []string{tel1, "join", tel2, "join"}, plain, ""},
		{"the one that is named", []string{tel1, "join", tel2, "join"}, invite(tel2), tel2},
		{"somebody else is named", []string{tel1, "join"}, invite(alice), tel1},
		{"one that is named, but not there", []string{tel1, "join", tel2, "leave"}, invite(tel2), tel1},
		{"a ghost whose join is not known yet", []string{tel1, "invite"}, plain, tel1},
		{"none of ours", []string{alice, "join"}, plain, ""},
		{"a member of ours", []string{tel1, "join"}, became(roomA, "$x", alice, tel2, "invite", 9), tel2},
		{"another member", []string{tel1, "join"}, became(roomA, "$x", alice, alice, "leave", 9), tel1},
		{"our own user, about whom it is", []string{tel1, "join"}, became(roomA, "$x", alice, botID, "leave", 9), botID},
		{"another room", []string{tel1, "join"}, strings.Replace(plain, roomA, roomA+"x", 1), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := startBridge(t, newWorld())
				defer b.stop()
				var members []string
				for i := 0; i < len(tt.members); i += 2 {
					members = append(members, became(roomA, fmt.Sprint("$m", i), alice, tt.members[i], tt.members[i+1], 1))
				}
				b.push(t, "t1", members...)
				b.taken()
				b.push(t, "t2", tt.event)
				got := bodies(b.taken())
				if len(got) != 1 || !gjson.Valid(got[0]) || gjson.Get(got[0], "as").String() != tt.want || strings.Count(got[0], `"as"`)+strings.Count(got[0], `\u0061s`) > 1 {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}

// A ghost that is there already, though the store does not know it, is heard in
// its rooms from when it is first needed.
func TestAGhostThatTheStoreHasLostIsHeardAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := startBridge(t, w)
		room := b.direct(t, tel1, "t1").Get("room_id").String()
		b.stop()

		b = startBridge(t, w) // without the store
		defer b.stop()
		heardAs := func(txn string) string {
			b.push(t, txn, callAt(room, "$"+txn, int(time.Now().UnixMilli())))
			return gjson.GetBytes(b.taken()[0][0].Body, "as").String()
		}
		if as := heardAs("t2"); as != "" {
			t.Errorf("before: as %q", as)
		}
		b.act(t, by(tel1, UserRegister, "t3", `{}`))
		if as := heardAs("t4"); as != tel1 {
			t.Errorf("after: as %q", as)
		}
	})
}

func TestAJoinThatIsNotDoneYetIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		b.invited(t, roomA, tel1, int(time.Now().UnixMilli()))
		tries := 0
		b.world.first(func(r request) reply {
			if strings.HasSuffix(r.path, "/join") {
				if tries++; tries == 1 {
					return reply{status: http.StatusAccepted, body: `{"errcode":"M_UNKNOWN","error":"in the background"}`}
				}
			}
			return reply{}
		})
		b.Send(in(roomA, tel1, RoomJoin, "j1", `{}`))
		sleep(t.Context(), b.cfg.SendTimeout/2)
		got := bodies(b.taken())
		if len(got) != 1 || gjson.Get(got[0], "type").String() != "room.join.ok" || tries != 2 {
			t.Errorf("after %d tries: %q", tries, got)
		}
	})
}
