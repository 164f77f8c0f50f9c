package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// A rung is a call from the telephone network to users who have not heard of the
// caller before.
type rung struct {
	name     string
	users    int  // who ring together
	hasty    bool // not for long
	play     func(t *testing.T, r *arrival)
	cause    vertotest.Cause
	endedBy  vertotest.Side
	answered bool
}

var rungStories = []rung{
	{
		name: "the user answers, audio flows both ways, the user hangs up", users: 1,
		play: func(t *testing.T, r *arrival) {
			c := r.rings(0)
			c.accept()
			if party := c.selected(); party != c.party {
				t.Errorf("the answer of %s was taken, not of %s", party, c.party)
			}
			c.echoes(440)
			r.shown(c, "Fay Caller")
			c.hangUp()
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide, answered: true,
	}, {
		name: "candidates come after the answer, and the far end hangs up", users: 1,
		play: func(t *testing.T, r *arrival) {
			c := r.rings(0)
			c.acceptTrickling()
			c.echoes(440)
			r.hangUp()
			c.wants("m.call.hangup user_hangup")
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ServerSide, answered: true,
	}, {
		name: "a client of call version 0 answers", users: 1,
		play: func(_ *testing.T, r *arrival) {
			c := r.rings(0)
			c.party = ""
			c.accept()
			c.echoes(440)
			c.send("m.call.hangup", map[string]any{})
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide, answered: true,
	}, {
		name: "the user declines", users: 1,
		play: func(_ *testing.T, r *arrival) {
			r.rings(0).send("m.call.reject", map[string]any{})
		},
		cause: vertotest.CallRejected, endedBy: vertotest.ClientSide,
	}, {
		name: "the user is busy", users: 1,
		play: func(_ *testing.T, r *arrival) {
			c := r.rings(0)
			c.send("m.call.hangup", map[string]any{"reason": "user_busy"})
			r.missed(0, c.room)
		},
		cause: vertotest.UserBusy, endedBy: vertotest.ClientSide,
	}, {
		name: "the caller gives up", users: 1,
		play: func(_ *testing.T, r *arrival) {
			c := r.rings(0)
			r.cancel()
			c.wants("m.call.hangup user_hangup")
			r.missed(0, c.room)
		},
		cause: vertotest.OriginatorCancel, endedBy: vertotest.ServerSide,
	}, {
		name: "the user answers on one of two devices", users: 1,
		play: func(t *testing.T, r *arrival) {
			other := secondDevice(t, r.users[0])
			here := r.rings(0)
			there := called(t, other, here.room)
			here.accept()
			for _, c := range []*client{here, there} {
				if party := c.selected(); party != here.party {
					t.Errorf("the answer of %s was taken, not of %s", party, here.party)
				}
			}
			here.echoes(440)
			here.hangUp()
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide, answered: true,
	}, {
		name: "the first of three answers, and the others stop ringing", users: 3,
		play: func(_ *testing.T, r *arrival) {
			first, second, third := r.rings(0), r.rings(1), r.rings(2)
			first.accept()
			second.wants("m.call.hangup answered_elsewhere")
			third.wants("m.call.hangup answered_elsewhere")
			first.echoes(440)
			first.hangUp()
			second.quiet()
			third.quiet()
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide, answered: true,
	}, {
		name: "one of two is busy, the other declines", users: 2,
		play: func(_ *testing.T, r *arrival) {
			busy, unwilling := r.rings(0), r.rings(1)
			busy.send("m.call.hangup", map[string]any{"reason": "user_busy"})
			unwilling.send("m.call.reject", map[string]any{})
		},
		cause: vertotest.UserBusy, endedBy: vertotest.ClientSide,
	}, {
		name: "the user takes two seconds to join the room", users: 1,
		play: func(t *testing.T, r *arrival) {
			room := r.invited(0)
			pass(t, 2*time.Second)
			r.users[0].Join(t, room)
			c := called(t, r.users[0], room)
			c.accept()
			c.echoes(440)
			c.hangUp()
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide, answered: true,
	}, {
		name: "nobody answers", users: 1, hasty: true,
		play: func(_ *testing.T, r *arrival) {
			c := r.rings(0)
			c.wants("m.call.hangup invite_timeout")
			r.missed(0, c.room)
		},
		cause: vertotest.NoAnswer, endedBy: vertotest.ClientSide,
	}, {
		name: "the user never joins the room", users: 1, hasty: true,
		play: func(t *testing.T, r *arrival) {
			room := r.invited(0)
			r.ended()
			r.users[0].Join(t, room)
			r.missed(0, room)
		},
		cause: vertotest.NoAnswer, endedBy: vertotest.ClientSide,
	},
}

// whoRings maps the numbers that the stories call to their users.
func whoRings(hasty bool) string {
	users := map[string]string{}
	for i, st := range rungStories {
		var ids []string
		for n := range st.users {
			ids = append(ids, "@"+callee(i, n)+":"+hometest.ServerName)
		}
		if st.hasty == hasty {
			users[calledNumber(i)] = strings.Join(ids, " ")
		}
	}
	if !hasty {
		users["+442079460050"] = "@twofold:" + hometest.ServerName
	}
	return table("users", users)
}

// The users and numbers of a story.
func callee(story, n int) string     { return fmt.Sprintf("callee%02d%c", story, 'a'+n) }
func calledNumber(story int) string  { return fmt.Sprintf("+4420794602%02d", story) }
func callingNumber(story int) string { return fmt.Sprintf("+4420794601%02d", story) }
func nationalNumber(n string) string { return "0" + strings.TrimPrefix(n, "+44") }

// pass lets time pass that belongs to the story.
func pass(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// ring calls the users of a story.
func (c *contacts) ring(t *testing.T, st rung, story int) {
	at := c.site
	if st.hasty {
		at = c.hasty
	}
	var users []*hometest.User
	for n := range st.users {
		users = append(users, c.home.Register(t, callee(story, n), password(callee(story, n))))
	}
	want := record{direction: "in", dialled: calledNumber(story), cause: st.cause.String(), answered: st.answered}
	if st.answered {
		want.user = users[0].ID
	}
	c.log.expect(callingNumber(story), want)
	r := at.callTo(t, users, callingNumber(story), calledNumber(story))
	st.play(t, r)
	wantEnd(t, r.ended(), st.cause, st.endedBy)
}

// An arrival is a call from the telephone network that is under way.
type arrival struct {
	t      testing.TB
	at     *site
	users  []*hometest.User
	number string // that calls
	cancel context.CancelFunc
	over   <-chan struct{}
	call   vertotest.Call // once it is over
}

// callTo lets a number call another one, which is that of users. Who answers
// hears an echo.
func (s *site) callTo(t testing.TB, users []*hometest.User, number, dialled string) *arrival {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	r := &arrival{t: t, at: s, users: users, number: number, cancel: cancel, over: over}
	go func() {
		defer close(over)
		r.call, _ = s.pbx.Originate(ctx, login, vertotest.OriginateOptions{
			CallerName: "Fay Caller", CallerNumber: nationalNumber(number), Extension: "9196", Phone: true,
			Headers: map[string]string{"verto_h_did": dialled}, Timeout: 2 * patience,
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-over
	})
	return r
}

// ended waits until the call is over.
func (r *arrival) ended() vertotest.Call {
	r.t.Helper()
	select {
	case <-r.over:
	case <-soon(r.t).Done():
		r.t.Fatal("the call is not over")
	}
	return r.call
}

// hangUp ends the answered call at the far end.
func (r *arrival) hangUp() {
	r.t.Helper()
	call, err := r.at.pbx.WaitCall(soon(r.t), func(call vertotest.Call) bool {
		return call.CallerNumber == nationalNumber(r.number) && call.State == vertotest.Active
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.at.pbx.Hangup(call.ID, vertotest.NormalClearing)
}

func (r *arrival) ghost() string { return r.at.ghost(r.number) }

// invited waits until a user is invited to the room with the number.
func (r *arrival) invited(n int) (room string) {
	r.t.Helper()
	room, err := r.users[n].WaitInvite(soon(r.t), r.ghost())
	if err != nil {
		r.t.Fatalf("%s is not invited by %s: %v", r.users[n].ID, r.ghost(), err)
	}
	return room
}

// join takes the invitation at once.
func (r *arrival) join(n int) (room string) {
	r.t.Helper()
	room = r.invited(n)
	r.users[n].Join(r.t, room)
	return room
}

// rings waits until a user, who joins the room at once, is called there.
func (r *arrival) rings(n int) *client {
	r.t.Helper()
	return called(r.t, r.users[n], r.join(n))
}

// missed waits for the word of a missed call.
func (r *arrival) missed(n int, room string) {
	r.t.Helper()
	notice(r.t, r.users[n], room, "Missed call from Fay Caller")
}

// shown makes sure that the user is shown who calls.
func (r *arrival) shown(c *client, name string) {
	r.t.Helper()
	if got := c.user.State(r.t, c.room, "m.room.member", r.ghost()).Get("displayname").Str; got != name {
		r.t.Errorf("the caller is shown as %q, not %q", got, name)
	}
}

// secondDevice logs a user in once more. Nothing may have been waited for on the
// first device.
func secondDevice(t testing.TB, user *hometest.User) *hometest.User {
	t.Helper()
	other := *user
	other.Token = ""
	got, err := other.Do(t.Context(), http.MethodPost, "/_matrix/client/v3/login", map[string]any{
		"type": "m.login.password", "identifier": map[string]any{"type": "m.id.user", "user": user.ID}, "password": password(localpart(user.ID)),
	})
	if err != nil {
		t.Fatal(err)
	}
	other.Token, other.Device = got.Get("access_token").Str, got.Get("device_id").Str
	return &other
}
