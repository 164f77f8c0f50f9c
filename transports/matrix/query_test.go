package matrix

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// asked puts a request while a rule answers each query with what answer gives;
// nil: it does not. It returns what the homeserver got and what the rule saw.
func (b *bridge) asked(t *testing.T, path string, answer func(query gjson.Result) *engine.Action) (reply, []string) {
	t.Helper()
	done := make(chan reply, 1)
	go func() { done <- b.ask(t, http.MethodGet, path, "") }()
	var seen []string
	for _, body := range bodies(b.taken()) {
		seen = append(seen, body)
		q := gjson.Parse(body)
		if a := answer(q); q.Get("query").Exists() && a != nil {
			a.ID = "t-" + q.Get("query").String()
			b.Send(*a)
		}
	}
	time.Sleep(b.times.query + time.Second)
	return <-done, seen
}

// found answers with a user.
func found(as, fields string) func(gjson.Result) *engine.Action {
	return func(q gjson.Result) *engine.Action {
		a := by(as, QueryReply, "", fmt.Sprintf(`{"query":%q,"fields":%s}`, q.Get("query").String(), fields))
		return &a
	}
}

func silence(gjson.Result) *engine.Action { return nil }

func TestWhatWasTypedIsLookedUp(t *testing.T) {
	const path = "/_matrix/app/v1/thirdparty/user/m.protocol.pstn?m.id.phone=%2B44%2020+7123"
	for _, tt := range []struct {
		name   string
		answer func(gjson.Result) *engine.Action
		want   string
	}{
		{"found", found(tel1, `{"m.id.phone":"+44207123"}`), `[{"userid":"@tel_1:hs.test","protocol":"m.protocol.pstn","fields":{"m.id.phone":"+44207123"}}]`},
		{"found, without fields", found(tel1, `7`), `[{"userid":"@tel_1:hs.test","protocol":"m.protocol.pstn","fields":{}}]`},
		{"not found", found("", `{}`), `[]`},
		{"somebody who is not ours", found(alice, `{}`), `[]`},
		{"no answer", silence, `[]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := startBridge(t, newWorld())
				defer b.stop()
				began := time.Now()
				got, seen := b.asked(t, path, tt.answer)
				if got != (reply{status: 200, body: tt.want}) {
					t.Errorf("got %+v", got)
				}
				word := `{"type":"thirdparty.user","query":"q1","protocol":"m.protocol.pstn","fields":{"m.id.phone":"+44 20 7123"}}`
				if diff := cmp.Diff([]string{word}, seen); diff != "" {
					t.Error(diff)
				}
				if strings.Contains(tt.want, tel1) {
					if _, ok := b.world.users[tel1]; !ok {
						t.Error("the ghost is not registered")
					}
					if n := len(b.did("POST", "/register")); n != 2 {
						t.Errorf("%d registrations", n)
					}
				}
				if lines := b.log.with("no rule answered"); (len(lines) == 1) != (tt.name == "no answer") {
					t.Errorf("logged %q after %v", lines, time.Since(began))
				}
			})
		})
	}
}

func TestAGhostIsLookedUpByItsId(t *testing.T) {
	const path = "/_matrix/app/unstable/thirdparty/user?userid=%40tel_1%3Ahs.test"
	for _, tt := range []struct {
		name   string
		answer func(gjson.Result) *engine.Action
		want   string
	}{
		{"found", found(tel1, `{"m.id.phone":"1"}`), `[{"userid":"@tel_1:hs.test","protocol":"m.protocol.pstn","fields":{"m.id.phone":"1"}}]`},
		{"another", found(tel2, `{}`), `[]`},
		{"no answer", silence, `[]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := startBridge(t, newWorld())
				defer b.stop()
				got, seen := b.asked(t, path, tt.answer)
				if got != (reply{status: 200, body: tt.want}) {
					t.Errorf("got %+v", got)
				}
				if diff := cmp.Diff([]string{`{"type":"thirdparty.reverse","query":"q1","user_id":"@tel_1:hs.test"}`}, seen); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		if got, seen := b.asked(t, "/_matrix/app/v1/thirdparty/user?userid=%40alice%3Ahs.test", silence); got.body != "[]" || len(seen) != 0 {
			t.Errorf("got %+v, asked %q", got, seen)
		}
	})
}

func TestTheHomeserverAsksForAUser(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(gjson.Result) *engine.Action
		want   int
	}{
		{"it exists", found(tel1, `{}`), 200}, {"another does", found(tel2, `{}`), 404},
		{"it does not", found("", `{}`), 404}, {"no answer", silence, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := startBridge(t, newWorld())
				defer b.stop()
				got, seen := b.asked(t, "/users/%40tel_1%3Ahs.test", tt.answer)
				if got.status != tt.want || got.status == 404 && gjson.Get(got.body, "errcode").String() != "M_NOT_FOUND" {
					t.Errorf("got %+v", got)
				}
				if diff := cmp.Diff([]string{`{"type":"user.query","query":"q1","user_id":"@tel_1:hs.test"}`}, seen); diff != "" {
					t.Error(diff)
				}
				if _, ok := b.world.users[tel1]; ok != (tt.want == 200) {
					t.Errorf("registered: %v", ok)
				}
			})
		})
	}
}

func TestTheHomeserverAsksForARoom(t *testing.T) {
	named := func(as, room string) func(gjson.Result) *engine.Action {
		return func(q gjson.Result) *engine.Action {
			a := by(as, QueryReply, "", fmt.Sprintf(`{"query":%q,"room":%s}`, q.Get("query").String(), room))
			return &a
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(gjson.Result) *engine.Action
		create reply
		want   int
	}{
		{"it is made", named(tel1, `{"name":"n"}`), reply{}, 200},
		{"it is there", named(tel1, `{"name":"n"}`), reply{status: 400, body: `{"errcode":"M_ROOM_IN_USE","error":"taken"}`}, 200},
		{"it cannot be made", named(tel1, `{"name":"n"}`), reply{status: 403, body: `{"errcode":"M_FORBIDDEN","error":"no"}`}, 404},
		{"without its request", named(tel1, `7`), reply{}, 404},
		{"by nobody", named("", `{"name":"n"}`), reply{}, 404},
		{"no answer", silence, reply{}, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.first(func(r request) reply {
					if r.path == "/createRoom" {
						return tt.create
					}
					return reply{}
				})
				b := startBridge(t, w)
				defer b.stop()
				got, seen := b.asked(t, "/_matrix/app/v1/rooms/%23tel_1%3Ahs.test", tt.answer)
				if got.status != tt.want {
					t.Errorf("got %+v", got)
				}
				if diff := cmp.Diff([]string{`{"type":"alias.query","query":"q1","alias":"#tel_1:hs.test"}`}, seen); diff != "" {
					t.Error(diff)
				}
				if tt.want == 200 {
					if diff := cmp.Diff([]string{tel1 + ` /createRoom {"name":"n","room_alias_name":"tel_1"}`}, b.did("POST", "/createRoom")); diff != "" {
						t.Error(diff)
					}
				}
			})
		})
	}
}

func TestAnAnswerThatComesTooLateIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		b.asked(t, "/users/%40tel_1%3Ahs.test", silence)
		for i, query := range []string{"q1", "q2", ""} {
			got, _ := b.act(t, by(tel1, QueryReply, fmt.Sprint("t", i), fmt.Sprintf(`{"query":%q}`, query)))
			if want := fmt.Sprintf("no query %q waits for an answer, or no longer", query); got.Get("error").String() != want || got.Get("type").String() != "query.reply.error" {
				t.Errorf("got %s", got)
			}
		}
		if _, ok := b.world.users[tel1]; ok {
			t.Error("a ghost was registered for nobody")
		}
	})
}

func TestTheDescriptionOfTheProtocol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		got := gjson.Parse(b.ask(t, "GET", "/_matrix/app/v1/thirdparty/protocol/m.protocol.pstn", "").body)
		if got.Get("user_fields").Raw != `["m.id.phone"]` || got.Get("location_fields").Raw != `[]` || got.Get("icon").Raw != `""` ||
			!got.Get(`field_types.m\.id\.phone.regexp`).Exists() || !got.Get(`field_types.m\.id\.phone.placeholder`).Exists() || !got.Get("instances.0.fields").IsObject() {
			t.Errorf("got %s", got)
		}
	})
}

func TestTooManyQueriesFindNobody(t *testing.T) {
	qs := newQueries()
	for i := range queryLimit {
		if id := qs.add(&query{}); id != fmt.Sprint("q", i+1) {
			t.Fatalf("query %d is %q", i, id)
		}
	}
	if id := qs.add(&query{}); id != "" {
		t.Errorf("one too many is %q", id)
	}
	qs.remove("q1")
	if id := qs.add(&query{}); id == "" {
		t.Error("still too many")
	}
}
