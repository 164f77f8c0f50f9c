package e2e_test

import (
	"testing"

	"github.com/google/uuid"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// TestGlare lets a user and a number call each other at once, in their room: the
// smaller call id stays.
func TestGlare(t *testing.T) {
	const number, did = "+442079460170", "+442079460270"
	s := newService(t, "glare", "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.AppService}})
	user := home.Register(t, "glare-anna", password("glare-anna"))
	at := s.open(t, home, vertotest.Options{Timing: vertotest.Timing{Dialplan: 0.05}}, britain+table("users", map[string]string{did: user.ID}))
	at.pbx.Handle(number, echo)
	users, room := []*hometest.User{user}, ""
	var past []string
	rings := func(t *testing.T) (*arrival, *client) {
		t.Helper()
		r := at.callTo(t, users, number, did)
		if room == "" {
			room = r.join(0)
		}
		c := called(t, user, room, past...)
		past = append(past, c.callID)
		return r, c
	}
	calls := func(t *testing.T, id string) *client {
		t.Helper()
		c := newClient(t, user, room)
		c.callID = id + uuid.NewString()
		c.call()
		return c
	}

	t.Run("the number's stays", func(t *testing.T) {
		r, in := rings(t)
		out := calls(t, "~")
		out.wants("m.call.reject replaced")
		in.accept()
		in.selected()
		in.echoes(440)
		in.hangUp()
		wantEnd(t, r.ended(), vertotest.NormalClearing, vertotest.ClientSide)
	})
	t.Run("the user's stays", func(t *testing.T) {
		r, in := rings(t)
		out := calls(t, "-")
		in.wants("m.call.hangup replaced")
		wantEnd(t, r.ended(), vertotest.UserBusy, vertotest.ClientSide)
		out.take()
		out.echoes(440)

		// One call a room: the number finds the user busy, another device the room.
		wantEnd(t, at.callTo(t, users, number, did).ended(), vertotest.UserBusy, vertotest.ClientSide)
		calls(t, "second").wants("m.call.reject user_busy")
		out.hears(440)
		out.hangUp()
		out.quiet()
	})
}

// TestACallToOneself rings who calls: in the room with the number that calls, which
// is another one than that with the number that was dialled.
func TestACallToOneself(t *testing.T) {
	s := newService(t, "self", "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.AppService}})
	user := home.Register(t, "self-anna", password("self-anna"))
	anna := &acquaintance{User: user}
	anna.at = s.open(t, home, vertotest.Options{}, britain+table("users", map[string]string{ownExtension: user.ID}))
	b := &bridged{site: anna.at, anna: user}

	out := b.calls(t, otherExtension)
	in := anna.answers(t)
	if in.room == out.room {
		t.Error("both ends are in one room")
	}
	out.take()
	talkTogether(out, in, 440, 1000)
	out.hangUp()
	in.wants("m.call.hangup user_hangup")
	out.quiet()
	b.noLegs(t)
}
