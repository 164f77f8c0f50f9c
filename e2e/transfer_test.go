package e2e_test

import (
	"testing"
	"time"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// Numbers of a [bridged] site.
const (
	ownExtension   = "1008" // of the bridge's account: calls to it come back, from it, and ring Ben
	otherExtension = "1108" // so do these: where Ben is busy with the first call, Cleo rings
)

// A bridged is a site whose user Anna calls others by way of the Verto server,
// which joins two legs of the same bridge.
type bridged struct {
	*site
	anna      *hometest.User
	ben, cleo *acquaintance
}

// An acquaintance is who Anna calls, in one room with the number that calls each
// time.
type acquaintance struct {
	*hometest.User
	at   *site
	room string   // "" before the first call
	past []string // calls
}

// newBridged opens a site on a Dendrite of its own.
func newBridged(t *testing.T, name string) *bridged {
	t.Helper()
	s := newService(t, name, "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.AppService}})
	user := func(role string) *hometest.User { return home.Register(t, name+"-"+role, password(name+"-"+role)) }
	b := &bridged{anna: user("anna"), ben: &acquaintance{User: user("ben")}, cleo: &acquaintance{User: user("cleo")}}
	b.site = s.open(t, home, vertotest.Options{},
		britain+table("users", map[string]string{ownExtension: b.ben.ID + ", " + b.cleo.ID}))
	b.ben.at, b.cleo.at = b.site, b.site
	b.pbx.Handle("9600", echo)
	return b
}

// calls lets Anna call a number.
func (b *bridged) calls(t *testing.T, number string) *client {
	t.Helper()
	c := newClient(t, b.anna, b.roomWith(t, b.anna, number))
	c.call()
	return c
}

// rings waits until Anna's call rings.
func (a *acquaintance) rings(t *testing.T) *client {
	t.Helper()
	if a.room == "" {
		room, err := a.WaitInvite(soon(t), a.at.ghost(ownExtension))
		if err != nil {
			t.Fatalf("%s is not invited: %v", a.ID, err)
		}
		a.Join(t, room)
		a.room = room
	}
	c := called(t, a.User, a.room, a.past...)
	a.past = append(a.past, c.callID)
	return c
}

// answers takes Anna's call.
func (a *acquaintance) answers(t *testing.T) *client {
	t.Helper()
	c := a.rings(t)
	c.accept()
	c.selected()
	return c
}

// talkTogether makes sure that two clients hear each other.
func talkTogether(a, b *client, hzA, hzB float64) {
	a.t.Helper()
	a.talk(hzA)
	b.talk(hzB)
	a.hears(hzB)
	b.hears(hzA)
}

// replaces is what the client says of a transfer (MSC2747): kind is create_call
// or await_call.
func (c *client) replaces(kind, id, target string) {
	c.t.Helper()
	c.send("m.call.replaces", map[string]any{kind: id, "replacement_id": "r" + id, "target_user": map[string]any{"id": target}})
}

// settled waits until the bridge takes the channels for surely up.
func settled(t *testing.T) { pass(t, 2500*time.Millisecond) }

// noLegs waits until the Verto server has no call left.
func (b *bridged) noLegs(t *testing.T) {
	t.Helper()
	for _, call := range b.pbx.Calls() {
		b.ends(t, call.ID)
	}
}

// TestTransfer hands calls on to numbers: what the other end hears tells whether
// it worked.
func TestTransfer(t *testing.T) {
	b := newBridged(t, "hand")
	for _, tc := range []struct {
		name, calls, to, refusal string
		atOnce                   bool
	}{
		{name: "to a number", calls: ownExtension, to: "9600"},
		{name: "before the channel is surely up", calls: ownExtension, to: "9600", atOnce: true},
		{name: "to a number that may not be called", calls: ownExtension, to: "+33142685300", refusal: "Numbers abroad may not be called from here."},
		{name: "with nobody at the other end", calls: "9600", to: "9197", refusal: "There is nobody at the other end who could be transferred."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			anna := b.calls(t, tc.calls)
			var ben *client
			if tc.calls == ownExtension {
				ben = b.ben.answers(t)
			}
			anna.take()
			if ben == nil {
				anna.echoes(440)
			} else {
				talkTogether(anna, ben, 440, 1000) // FreeSWITCH has joined the two
			}
			if !tc.atOnce {
				settled(t)
			}
			anna.replaces("create_call", "x"+anna.callID, b.ghost(tc.to))
			if tc.refusal != "" {
				notice(t, b.anna, anna.room, tc.refusal)
				anna.wants("m.call.hangup unknown_error")
				if ben != nil {
					ben.wants("m.call.hangup user_hangup")
				}
			} else {
				anna.wants("m.call.hangup user_hangup")
				ben.hears(1000) // the echo
				ben.hangUp()
			}
			b.noLegs(t)
		})
	}
}

// TestCallsAreJoined hands one call on to the other end of a second one, with the
// two halves of the transfer in both orders.
func TestCallsAreJoined(t *testing.T) {
	b := newBridged(t, "join")
	for _, tc := range []struct {
		name string
		tell func(one, other *client)
	}{
		{name: "the call that stays is told first", tell: func(one, other *client) {
			other.replaces("await_call", "j1", b.ghost(ownExtension))
			one.replaces("create_call", "j1", b.ghost(otherExtension))
		}},
		{name: "the call that is handed on is told first", tell: func(one, other *client) {
			one.replaces("create_call", "j2", b.ghost(otherExtension))
			other.replaces("await_call", "j2", b.ghost(ownExtension))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			one := b.calls(t, ownExtension)
			ben := b.ben.answers(t)
			one.take()
			talkTogether(one, ben, 440, 700)
			other := b.calls(t, otherExtension)
			cleo := b.cleo.answers(t)
			other.take()
			talkTogether(other, cleo, 1000, 1300)
			settled(t)
			tc.tell(one, other)
			ben.hears(1300)
			cleo.hears(700)
			one.wants("m.call.hangup user_hangup")
			other.wants("m.call.hangup user_hangup")
			ben.hangUp()
			cleo.wants("m.call.hangup user_hangup")
			b.noLegs(t)
		})
	}
}
