package e2e_test

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// The number that the users of faulty connections call, and the one that calls
// them.
const faultyNumber = "+442079460070"

// A faulty is what befalls the connection between homeserver, bridge and
// telephone server, with a user who has a room with the number.
type faulty struct {
	name string
	play func(t *testing.T, f *fault)
}

// A fault is the world of one of them.
type fault struct {
	*site
	*proxy
	t    testing.TB
	user *hometest.User
	room string
}

var faults = []faulty{
	{"a transaction comes twice", func(_ *testing.T, f *fault) {
		f.treats(func(tx *transaction) int {
			f.pass(tx)
			return f.pass(tx)
		})
		f.whole()
		f.wantDialled(1)
	}},
	{"the reply to a transaction is lost", func(_ *testing.T, f *fault) {
		f.treats(f.once("m.call.invite", func(tx *transaction) int {
			f.pass(tx)
			return http.StatusBadGateway
		}))
		f.whole()
		f.wantDialled(1)
	}},
	{"events come again in another transaction", func(_ *testing.T, f *fault) {
		f.treats(func(tx *transaction) int {
			f.post(tx.events...)
			return f.pass(tx)
		})
		f.whole()
		f.wantDialled(1)
	}},
	{"a transaction breaks off half-way", func(_ *testing.T, f *fault) {
		f.treats(f.once("m.call.invite", func(tx *transaction) int {
			f.cut(tx)
			return http.StatusBadGateway
		}))
		f.whole()
		f.wantDialled(1)
	}},
	{"the transactions of a call come in another order", func(_ *testing.T, f *fault) {
		f.treats(f.gathers("m.call.candidates", "m.call.invite"))
		c := f.calls(time.Minute)
		c.take()
		f.treats(nil)
		f.talksAndEnds(c)
		f.wantDialled(1)
	}},
	{"the end of a call comes before its beginning", func(_ *testing.T, f *fault) {
		f.treats(f.gathers("m.call.hangup", "m.call.invite", "m.call.candidates"))
		f.calls(time.Minute).hangUp()
		f.afterwards()
		f.wantDialled(1)
	}},
	{"a call comes 60 s late, and its time is over", func(_ *testing.T, f *fault) {
		f.treats(f.ages(time.Minute))
		f.calls(time.Minute)
		f.afterwards()
		f.wantDialled(1)
	}},
	{"a call comes 60 s late, and the user still waits", func(_ *testing.T, f *fault) {
		f.treats(f.ages(time.Minute))
		c := f.calls(2 * time.Minute)
		c.take()
		f.talksAndEnds(c)
		f.wantDialled(1)
	}},
	{"the homeserver is down when the far end hangs up", func(t *testing.T, f *fault) {
		c := f.calls(time.Minute)
		c.take()
		c.echoes(440)
		call := f.up()
		said := len(f.bridge.Said())
		f.home.Stop(t)
		c.hears(440) // still
		f.pbx.Hangup(call.ID, vertotest.NormalClearing)
		f.bridge.WaitLine(t, said, "not sent yet", "m.call.hangup")
		f.home.Resume(t)
		c.wants("m.call.hangup user_hangup")
		f.whole()
	}},
	{"the bridge is down when the user hangs up", func(t *testing.T, f *fault) {
		c := f.calls(time.Minute)
		c.take()
		c.echoes(440)
		call := f.up()
		f.bridge.Stop(t, syscall.SIGKILL)
		c.hangUp()
		f.starts()
		f.ends(t, call.ID)
		f.whole()
	}},
	{"the bridge is down when the user calls", func(_ *testing.T, f *fault) {
		f.bridge.Stop(f.t, syscall.SIGKILL)
		c := f.calls(5 * time.Minute)
		f.starts()
		c.take()
		f.talksAndEnds(c)
		f.wantDialled(1)
	}},
	{"the bridge is down when the user calls, until the call's time is over", func(t *testing.T, f *fault) {
		f.bridge.Stop(t, syscall.SIGKILL)
		f.calls(4 * time.Second)
		pass(t, 2*time.Second) // what is left of the call's time is not worth a call
		f.starts()
		f.afterwards()
		f.wantDialled(1)
	}},
}

func TestFaults(t *testing.T) {
	s := newService(t, "fault", "http://"+freeAddress(t))
	through := newProxy(t, s)
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.AppService}})
	ids := map[string]string{}
	for i := range faults {
		ids["@"+sufferer(i)+":"+hometest.ServerName] = sufferer(i)
	}
	at := s.open(t, home, vertotest.Options{}, britain+table("callerID", ids))
	at.pbx.Handle(faultyNumber, echo)
	for i, st := range faults {
		t.Run(st.name, func(t *testing.T) {
			user := home.Register(t, sufferer(i), password(sufferer(i)))
			f := &fault{site: at, proxy: through, t: t, user: user, room: user.CreateRoom(t, at.lookUp(t, user, faultyNumber))}
			comes(t, user, f.room, at.ghost(faultyNumber))
			defer through.treats(nil)
			st.play(t, f)
		})
	}
}

func sufferer(story int) string { return fmt.Sprintf("sufferer%02d", story) }

// calls lets the user call.
func (f *fault) calls(lifetime time.Duration) *client {
	f.t.Helper()
	c := newClient(f.t, f.user, f.room)
	c.invite(c.offer(), lifetime)
	c.trickle()
	return c
}

// whole makes a call from its beginning to its end.
func (f *fault) whole() {
	f.t.Helper()
	c := f.calls(time.Minute)
	c.take()
	f.talksAndEnds(c)
}

func (f *fault) talksAndEnds(c *client) {
	f.t.Helper()
	c.echoes(440)
	call := f.up()
	c.hangUp()
	f.ends(f.t, call.ID)
	c.quiet()
}

// afterwards makes a call that nothing happens to. When it is over, whatever the
// bridge was to make of what came before has been seen.
func (f *fault) afterwards() {
	f.t.Helper()
	f.treats(nil)
	f.whole()
}

// up is the user's call that both sides talk in.
func (f *fault) up() vertotest.Call {
	f.t.Helper()
	call, err := f.pbx.WaitCall(soon(f.t), func(call vertotest.Call) bool {
		return call.CallerNumber == localpart(f.user.ID) && call.State == vertotest.Active
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return call
}

// wantDialled makes sure how many calls the user has ever made.
func (f *fault) wantDialled(want int) {
	f.t.Helper()
	var got []vertotest.Call
	for _, call := range f.pbx.Calls() {
		if call.CallerNumber == localpart(f.user.ID) {
			got = append(got, call)
		}
	}
	if len(got) != want {
		f.t.Errorf("%d calls were dialled, not %d: %+v", len(got), want, got)
	}
}

func (f *fault) starts() {
	f.t.Helper()
	f.bridge.Start(f.t)
	f.bridge.ready(f.t)
}
