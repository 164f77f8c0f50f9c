package matrix

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

// direct asks for the direct chat of one of ours with alice.
func (b *bridge) direct(t *testing.T, as, id string) gjson.Result {
	t.Helper()
	a := by(as, RoomDirect, id, `{"user":"@alice:hs.test","call_id":"c-`+id+`"}`)
	a.Key, a.Call = "c-"+id, "call"
	got, _ := b.act(t, a)
	return got
}

func TestADirectChatIsMadeOnceAndFoundAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := startBridge(t, w, withStateFile(file))
		want := `{"type":"room.direct.ok","room_id":"!made0:hs.test","txn_id":"t1","as":"@tel_1:hs.test","content":{"call_id":"c-t1","user":"@alice:hs.test","membership":"invite","created":true}}`
		if got := b.direct(t, tel1, "t1"); got.Raw != want {
			t.Errorf("got %s", got)
		}
		if diff := cmp.Diff([]string{tel1 + ` /createRoom {"invite":["@alice:hs.test"],"is_direct":true,"preset":"trusted_private_chat"}`}, b.did("POST", "/createRoom")); diff != "" {
			t.Error(diff)
		}
		w.set("!made0:hs.test", alice, "join")
		want = `{"type":"room.direct.ok","room_id":"!made0:hs.test","txn_id":"t2","as":"@tel_1:hs.test","content":{"call_id":"c-t2","user":"@alice:hs.test","membership":"join","created":false}}`
		if got := b.direct(t, tel1, "t2"); got.Raw != want {
			t.Errorf("got %s", got)
		}
		if got := b.direct(t, tel2, "t3").Get("room_id").String(); got != "!made1:hs.test" {
			t.Errorf("another ghost has %s", got)
		}
		b.stop()

		for _, settings := range [][]setting{{withStateFile(file)}, nil} { // with the store, and without
			b = startBridge(t, w, settings...)
			for i, as := range []string{tel1, tel2} {
				if got := b.direct(t, as, "t4").Get("room_id").String(); got != fmt.Sprintf("!made%d:hs.test", i) {
					t.Errorf("after a restart %s has %s", as, got)
				}
			}
			if searched := len(b.did("GET", "/joined_rooms")) > 0; searched != (settings == nil) {
				t.Errorf("searched: %v", searched)
			}
			b.stop()
		}
		if len(w.rooms) != 2 {
			t.Errorf("rooms %v", w.rooms)
		}
	})
}

func TestAReplyTiesTheRoomToItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		a := by(tel1, RoomDirect, "t1", `{"user":"@alice:hs.test","call_id":"c1"}`)
		a.Key, a.Call = "c1", "call1"
		b.Send(a)
		m := b.taken()[0][0]
		if m.Call != "call1" || m.Key != "c1" || m.Scope != "!made0:hs.test" {
			t.Errorf("got %+v", m)
		}
	})
}

func TestTwoAtOnceMakeOneRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := startBridge(t, w)
		defer b.stop()
		for i := range 20 {
			b.Send(by(tel1, RoomDirect, fmt.Sprint("t", i), `{"user":"@alice:hs.test"}`))
		}
		var made int
		for _, body := range bodies(b.taken()) {
			if gjson.Get(body, "room_id").String() != "!made0:hs.test" {
				t.Errorf("got %s", body)
			}
			if gjson.Get(body, "content.created").Bool() {
				made++
			}
		}
		if made != 1 || len(w.rooms) != 1 {
			t.Errorf("%d made, rooms %v", made, w.rooms)
		}
	})
}

func TestADirectChatFollowsWhoIsInIt(t *testing.T) {
	const room = "!made0:hs.test"
	for _, tt := range []struct {
		name       string
		change     []string // of who is in the room
		wantRoom   string
		membership string
		invited    int
	}{
		{"the user joined", []string{alice, "join"}, room, "join", 0},
		{"the user has not answered", nil, room, "invite", 0},
		{"the user has left", []string{alice, "leave"}, room, "invite", 1},
		{"the ghost was kicked", []string{alice, "join", tel1, "leave"}, "!made1:hs.test", "invite", 0},
		{"the ghost was banned", []string{alice, "join", tel1, "ban"}, "!made1:hs.test", "invite", 0},
		{"the user was banned", []string{alice, "ban"}, "!made1:hs.test", "invite", 0},
		{"somebody else came too", []string{alice, "join", "@carol:hs.test", "join"}, room, "join", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				b := startBridge(t, w)
				defer b.stop()
				b.direct(t, tel1, "t1")
				w.set(room, tt.change...)
				got := b.direct(t, tel1, "t2")
				if got.Get("room_id").String() != tt.wantRoom || got.Get("content.membership").String() != tt.membership {
					t.Errorf("got %s", got)
				}
				if n := len(b.did("POST", "/invite")); n != tt.invited {
					t.Errorf("%d invitations", n)
				}
			})
		})
	}
}

func TestAnInvitationThatIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name, now, want string
	}{
		{"the user came by itself", "join", "!made0:hs.test"},
		{"the room does not allow it", "leave", "!made1:hs.test"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				b := startBridge(t, w)
				defer b.stop()
				b.direct(t, tel1, "t1")
				w.set("!made0:hs.test", alice, "leave")
				w.first(func(r request) reply {
					if r.path == "/rooms/!made0:hs.test/invite" {
						w.set("!made0:hs.test", alice, tt.now)
						return reply{status: 403, body: `{"errcode":"M_FORBIDDEN","error":"no"}`}
					}
					return reply{}
				})
				if got := b.direct(t, tel1, "t2"); got.Get("room_id").String() != tt.want {
					t.Errorf("got %s", got)
				}
			})
		})
	}
}

func TestTheDirectChatIsFoundAmongTheRooms(t *testing.T) {
	const carol, dave = "@carol:hs.test", "@dave:hs.test"
	for _, tt := range []struct {
		name  string
		rooms func(*world)
		want  string
	}{
		{"none", func(w *world) { w.set(roomA, alice, "join", tel2, "join") }, ""},
		{"with the user alone", func(w *world) {
			w.set("!x", tel1, "join", carol, "join")
			w.set("!y", tel1, "join", alice, "join")
		}, "!y"},
		{"others have left", func(w *world) { w.set("!y", tel1, "join", alice, "join", carol, "leave") }, "!y"},
		{"our own user serves there", func(w *world) { w.set("!y", tel1, "join", alice, "join", botID, "join") }, "!y"},
		{"a group", func(w *world) { w.set("!y", tel1, "join", alice, "join", carol, "invite") }, ""},
		{"two ghosts", func(w *world) { w.set("!y", tel1, "join", alice, "join", tel2, "join") }, ""},
		{"the user in one, invited to another", func(w *world) {
			w.set("!x", tel1, "join", alice, "invite")
			w.set("!y", tel1, "join", alice, "join")
		}, "!y"},
		{"several: always the first", func(w *world) {
			w.set("!z", tel1, "join", alice, "join")
			w.set("!y", tel1, "join", alice, "join")
		}, "!y"},
		{"the user has left", func(w *world) { w.set("!y", tel1, "join", alice, "leave") }, "!y"},
		{"the user has left a room of others", func(w *world) { w.set("!y", tel1, "join", alice, "leave", dave, "leave") }, ""},
		{"the user was banned", func(w *world) { w.set("!y", tel1, "join", alice, "ban") }, ""},
		{"encrypted", func(w *world) {
			w.set("!y", tel1, "join", alice, "join")
			w.state["!y"] = `[{"type":"m.room.encryption"}]`
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				tt.rooms(w)
				b := startBridge(t, w)
				defer b.stop()
				got := b.direct(t, tel1, "t1")
				if created := got.Get("content.created").Bool(); created != (tt.want == "") || !created && got.Get("room_id").String() != tt.want {
					t.Errorf("got %s", got)
				}
			})
		})
	}
}

func TestAnEncryptedDirectChatIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := startBridge(t, w)
		defer b.stop()
		room := b.direct(t, tel1, "t1").Get("room_id").String()
		w.set(room, alice, "join")
		w.state[room] = `[{"type":"m.room.encryption"}]`
		b.push(t, "x", happened(room, "$1", alice, "m.room.encryption", 1, `{"algorithm":"m.megolm.v1.aes-sha2"}`))
		want := []string{`{"type":"room.encrypted","room_id":"` + room + `","sender":"@alice:hs.test","as":"@tel_1:hs.test"}`}
		if diff := cmp.Diff(want, bodies(b.taken())); diff != "" {
			t.Error(diff)
		}
		if got := b.direct(t, tel1, "t2"); got.Get("room_id").String() == room || !got.Get("content.created").Bool() {
			t.Errorf("got %s", got)
		}
	})
}

func TestADirectChatNeedsSomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		for i, body := range []string{`{}`, `{"user":"alice"}`, `{"user":"@tel_1:hs.test"}`} {
			if got, _ := b.act(t, by(tel1, RoomDirect, fmt.Sprint("t", i), body)); got.Get("type").String() != "room.direct.error" || got.Get("room_id").Exists() {
				t.Errorf("%s: %s", body, got)
			}
		}
	})
}
