package homeservers

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
	"go.uber.org/goleak"

	"vertigo/transports/matrix/hometest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func ofType(typ string) func(gjson.Result) bool {
	return func(e gjson.Result) bool { return e.Get("type").String() == typ }
}

func TestTwoUsersCallAndARestartKeepsTheirRoom(t *testing.T) {
	Each(t, func(t *testing.T, start Start) {
		ctx := soon(t)
		s := start(t)
		alice, bob := s.Register(t, "alice", "password1"), s.Register(t, "bob", "password1")
		if alice.ID != "@alice:"+s.ServerName || alice.Device == "" {
			t.Errorf("alice is %s on %s, with device %q", alice.ID, s.ServerName, alice.Device)
		}
		room := alice.CreateRoom(t, bob.ID)
		invited, err := bob.WaitInvite(ctx, alice.ID)
		if err != nil || invited != room {
			t.Fatalf("bob is invited to %q, alice made %q: %v", invited, room, err)
		}
		bob.Join(t, room)

		url := s.URL
		s.Stop(t)
		s.Resume(t)
		if s.URL != url {
			t.Fatalf("came back as %s, was %s", s.URL, url)
		}
		if diff := cmp.Diff(map[string]string{alice.ID: "join", bob.ID: "join"}, bob.Members(t, room)); diff != "" {
			t.Error("members:", diff)
		}
		id := alice.Send(t, room, "m.call.invite", map[string]any{"call_id": "c"})
		e, err := bob.WaitEvent(ctx, ofType("m.call.invite"))
		if err != nil {
			t.Fatal(err)
		}
		if e.Get("event_id").String() != id || e.Get("content.call_id").String() != "c" || e.Get("room_id").String() != room {
			t.Errorf("got %s", e)
		}
	})
}

func TestAnInvitationAfterAKickIsAnotherOne(t *testing.T) {
	Each(t, func(t *testing.T, start Start) {
		ctx := soon(t)
		s := start(t)
		alice, bob := s.Register(t, "alice", "password1"), s.Register(t, "bob", "password1")
		room := alice.CreateGroup(t, bob.ID)
		for range 2 {
			invited, err := bob.WaitInvite(ctx, alice.ID)
			if err != nil || invited != room {
				t.Fatalf("bob is invited to %q, alice made %q: %v", invited, room, err)
			}
			bob.Join(t, room)
			if got := bob.JoinedRooms(t); !slices.Equal(got, []string{room}) {
				t.Errorf("bob is in %v", got)
			}
			alice.Kick(t, room, bob.ID)
			if got := alice.State(t, room, "m.room.member", bob.ID).Get("membership").String(); got != "leave" {
				t.Errorf("bob's membership is %q after the kick", got)
			}
			alice.Invite(t, room, bob.ID)
		}
		if got := alice.State(t, room, "m.room.topic", ""); got.Exists() {
			t.Errorf("a topic that nobody has set: %s", got)
		}
	})
}

func TestAUserFindsAGhostAndCallsIt(t *testing.T) {
	Each(t, func(t *testing.T, start Start) {
		ctx := soon(t)
		b := newBridge(t, "a_", "+442071234567")
		s := start(t, hometest.Options{AppServices: []hometest.AppService{b.AppService}})
		alice := s.Register(t, "alice", "password1")

		if got := alice.Protocols(t).Get(`m\.protocol\.pstn.instances.0.network_id`).String(); got != "telephone" {
			t.Errorf("the protocol's network is %q", got)
		}
		if got := alice.Lookup(t, "100"); len(got) != 0 {
			t.Errorf("a number that nobody has: %v", got)
		}
		found := alice.Lookup(t, b.number)
		if len(found) != 1 || found[0].Get("userid").String() != b.ghost() {
			t.Fatalf("found %v", found)
		}

		ghost := s.Ghost(t, b.AppService, b.name())
		s.Ghost(t, b.AppService, b.name()) // twice is once
		if ghost.ID != b.ghost() {
			t.Errorf("the ghost is %s", ghost.ID)
		}
		room := alice.CreateRoom(t, ghost.ID)
		if e := b.next(ctx, t, "m.room.member"); e.Get("state_key").String() != ghost.ID || e.Get("room_id").String() != room {
			t.Errorf("invited: %s", e)
		}
		early := alice.Send(t, room, "m.call.invite", map[string]any{"call_id": "early"})
		ghost.Join(t, room)
		late := alice.Send(t, room, "m.call.invite", map[string]any{"call_id": "late"})
		pushed := b.next(ctx, t, "m.call.invite")
		if pushed.Get("event_id").String() != late {
			t.Errorf("pushed before the ghost was there: %s", pushed)
		}
		if aged := pushed.Get("unsigned.age").Exists(); aged != (s.Kind != hometest.Dendrite) {
			t.Errorf("%s: an age is %v", s.Kind, aged)
		}
		if _, err := ghost.WaitEvent(ctx, func(e gjson.Result) bool { return e.Get("event_id").String() == late }); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(ghost.Messages(t, room), func(e gjson.Result) bool { return e.Get("event_id").String() == early }) {
			t.Error("the ghost cannot read what was said before it joined")
		}

		answer := ghost.Send(t, room, "m.call.answer", map[string]any{"call_id": "late"})
		if e, err := alice.WaitEvent(ctx, ofType("m.call.answer")); err != nil || e.Get("sender").String() != ghost.ID {
			t.Fatalf("got %s, %v", e, err)
		}
		if e := b.next(ctx, t, "m.call.answer"); e.Get("event_id").String() != answer {
			t.Errorf("came back: %s", e)
		}
	})
}

func TestTheUserOfABridgeIsThereFromTheStart(t *testing.T) {
	Each(t, func(t *testing.T, start Start) {
		b := newBridge(t, "a_", "+442071234567")
		s := start(t, hometest.Options{AppServices: []hometest.AppService{b.AppService}})
		phone := s.Ghost(t, b.AppService, b.Sender)
		path := "/_matrix/client/v3/profile/" + phone.ID + "/displayname"
		if _, err := phone.Do(t.Context(), http.MethodPut, path, map[string]any{"displayname": "Telephone"}); err != nil {
			t.Fatal(err)
		}
		if got := phone.Profile(t, phone.ID); got != "Telephone" {
			t.Errorf("its name is %q", got)
		}
		if got := phone.Profile(t, b.ghost()); got != "" {
			t.Errorf("somebody that there is not has the name %q", got)
		}

		_, err := phone.Do(t.Context(), http.MethodPost, "/_matrix/client/v1/appservice/"+b.ID+"/ping", map[string]any{})
		var refused *hometest.Error
		switch {
		case s.Kind != hometest.Dendrite && err != nil:
			t.Error(err)
		case s.Kind == hometest.Dendrite && !(errors.As(err, &refused) && refused.Status == http.StatusNotFound && refused.Code == "M_UNRECOGNIZED"):
			t.Errorf("a ping: %v", err)
		}
	})
}

func TestEachOfTwoBridgesGetsItsOwn(t *testing.T) {
	Each(t, func(t *testing.T, start Start) {
		ctx := soon(t)
		a, b := newBridge(t, "a_", "100"), newBridge(t, "b_", "200")
		file := filepath.Join(t.TempDir(), "registration.yaml")
		if err := os.WriteFile(file, b.Registration(), 0o600); err != nil {
			t.Fatal(err)
		}
		s := start(t, hometest.Options{AppServices: []hometest.AppService{a.AppService}, RegistrationFiles: []string{file}})
		alice := s.Register(t, "alice", "password1")
		for _, to := range []*bridge{a, b} {
			found := alice.Lookup(t, to.number)
			if len(found) != 1 || found[0].Get("userid").String() != to.ghost() {
				t.Fatalf("%s is %v", to.number, found)
			}
			ghost := s.Ghost(t, to.AppService, to.name())
			room := alice.CreateRoom(t, ghost.ID)
			ghost.Join(t, room)
			alice.Send(t, room, "m.call.invite", map[string]any{"call_id": to.number})
		}
		for _, to := range []*bridge{a, b} {
			if e := to.next(ctx, t, "m.call.invite"); e.Get("content.call_id").String() != to.number {
				t.Errorf("the bridge of %s got %s", to.number, e)
			}
		}
	})
}

func TestARestartedHomeserverKnowsItsBridge(t *testing.T) {
	Each(t, func(t *testing.T, start Start) {
		ctx := soon(t)
		b := newBridge(t, "a_", "100")
		s := start(t, hometest.Options{AppServices: []hometest.AppService{b.AppService}})
		alice := s.Register(t, "alice", "password1")
		ghost := s.Ghost(t, b.AppService, b.name())
		room := ghost.CreateRoom(t, alice.ID)
		if invited, err := alice.WaitInvite(ctx, ghost.ID); err != nil || invited != room {
			t.Fatalf("alice is invited to %q, the ghost made %q: %v", invited, room, err)
		}
		alice.Join(t, room)
		s.Stop(t)
		s.Resume(t)
		id := alice.Send(t, room, "m.call.invite", map[string]any{"call_id": "c"})
		if e := b.next(ctx, t, "m.call.invite"); e.Get("event_id").String() != id {
			t.Errorf("got %s", e)
		}
	})
}
