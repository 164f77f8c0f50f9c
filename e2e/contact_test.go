package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/homeservers"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// A dialled is a call that a user makes to what they typed on the dial pad.
type dialled struct {
	name          string
	typed, number string
	far           vertotest.Extension // behind the number; nil if it must not be reached
	play          func(c *client)
	cause         vertotest.Cause // the Verto server's; 0 if it was not reached
	endedBy       vertotest.Side
	logged        string // the cause in the call log
	talked        bool
}

var dialledStories = []dialled{
	{
		name: "audio flows both ways, and the user hangs up", typed: "020 7946 0001", number: "+442079460001", far: echo,
		play:  func(c *client) { c.take(); c.echoes(440); c.hangUp() },
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide, logged: "NORMAL_CLEARING", talked: true,
	}, {
		name: "the far end hangs up", typed: "+44 (0)20 7946 0002", number: "+442079460002",
		far:   func(ctx context.Context, l *vertotest.Leg) error { return l.Answer(ctx) },
		play:  func(c *client) { c.take(); c.wants("m.call.hangup user_hangup") },
		cause: vertotest.NormalClearing, endedBy: vertotest.ServerSide, logged: "NORMAL_CLEARING", talked: true,
	}, {
		name: "an extension stays as it is", typed: "9196", number: "9196", far: echo,
		play:  func(c *client) { c.take(); c.echoes(440); c.hangUp() },
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide, logged: "NORMAL_CLEARING", talked: true,
	}, {
		name: "so does a service code", typed: "*100#", number: "*100#", far: echo,
		play:  func(c *client) { c.take(); c.echoes(440); c.hangUp() },
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide, logged: "NORMAL_CLEARING", talked: true,
	}, {
		name: "the far end is busy", typed: "020 7946 0003", number: "+442079460003",
		far:   func(context.Context, *vertotest.Leg) error { return vertotest.UserBusy },
		play:  func(c *client) { c.wants("m.call.reject user_busy") },
		cause: vertotest.UserBusy, endedBy: vertotest.ServerSide, logged: "USER_BUSY",
	}, {
		name: "a number that may not be called is refused in a sentence", typed: "+33 1 42 68 53 00", number: "+33142685300",
		play: func(c *client) {
			c.wants("m.call.reject user_hangup")
			notice(c.t, c.user, c.room, "Numbers abroad may not be called from here.")
		},
		logged: "OUTGOING_CALL_BARRED",
	},
}

func echo(ctx context.Context, l *vertotest.Leg) error {
	if err := l.Answer(ctx); err != nil {
		return err
	}
	l.Echo(ctx)
	return nil
}

// A contacts is what the tests of one homeserver share: a bridge, and one whose
// calls do not ring for long.
type contacts struct {
	*site
	hasty *site
	log   book
}

const britain = "[vars]\ncountry = \"GB\"\nemergency = \"refuse\"\n"

// Every number is a contact that can be called and calls, with each homeserver.
func TestContacts(t *testing.T) {
	homeservers.Each(t, func(t *testing.T, start homeservers.Start) {
		tel, file := registerByProgram(t, "tel")
		hasty, again := newService(t, "hasty", ""), newService(t, "again", "")
		home := start(t, hometest.Options{
			RegistrationFiles: []string{file}, AppServices: []hometest.AppService{hasty.AppService, again.AppService},
		})
		pbx := vertotest.Options{Timing: vertotest.Timing{Dialplan: 0.05}}
		c := &contacts{
			site:  tel.open(t, home, pbx, britain+callerIDs()+whoRings(false)),
			hasty: hasty.open(t, home, pbx, britain+"ringTime = \"15s\"\n"+whoRings(true)),
		}
		t.Run("calls", func(t *testing.T) {
			t.Run("numbers are looked up", func(t *testing.T) { t.Parallel(); c.lookUps(t) })
			for i, st := range dialledStories {
				t.Run(st.name, func(t *testing.T) { t.Parallel(); c.dial(t, st, dialler(i)) })
			}
			for i, st := range rungStories {
				t.Run(st.name, func(t *testing.T) { t.Parallel(); c.ring(t, st, i) })
			}
			t.Run("two calls of one user at once", func(t *testing.T) { t.Parallel(); c.twoAtOnce(t) })
			t.Run("one room for a user and a number", func(t *testing.T) { t.Parallel(); oneRoom(t, home, again) })
		})
		c.log.check(t, c.site, c.hasty)
	})
}

// dialler is the name of the user of a story.
func dialler(story int) string { return fmt.Sprintf("dialler%02d", story) }

func password(name string) string { return "password-of-" + name }

// callerIDs shows the far end who calls.
func callerIDs() string {
	ids := map[string]string{}
	for i := range dialledStories {
		ids["@"+dialler(i)+":"+hometest.ServerName] = dialler(i)
	}
	return table("callerID", ids)
}

func (c *contacts) lookUps(t *testing.T) {
	user := c.home.Register(t, "looker", password("looker"))
	if !user.Protocols(t).Get(`m\.protocol\.pstn`).Exists() {
		t.Error("clients are shown no dial pad")
	}
	for typed, number := range map[string]string{
		"020 7946 0000":     "+442079460000",
		"+44 20 7946 0000":  "+442079460000",
		"0044 20-7946-0000": "+442079460000",
		"9196":              "9196",
		"*100#":             "*100#",
	} {
		if got, want := c.lookUp(t, user, typed), c.ghost(number); got != want {
			t.Errorf("%q is %s, not %s", typed, got, want)
		}
	}
	for _, typed := range []string{"call me", "12a4", "+", ""} {
		if got := c.found(user.Lookup(t, typed)); len(got) > 0 {
			t.Errorf("%q is %v", typed, got)
		}
	}
	reception := c.ghost("+442079460000")
	if name := user.Profile(t, reception); name != "020 7946 0000" {
		t.Errorf("the number's name is %q", name)
	}
	back := c.standsFor(t, user, reception)
	if len(back) != 1 || back[0].Get("userid").Str != reception || back[0].Get("protocol").Str != "m.protocol.pstn" ||
		back[0].Get(`fields.m\.id\.phone`).Str != "+442079460000" {
		t.Errorf("the contact stands for %v", back)
	}
	if back := c.standsFor(t, user, c.ghost("nobody")); len(back) != 0 {
		t.Errorf("a contact that is no number stands for %v", back)
	}
}

// standsFor asks what a user id stands for. Synapse passes that question on to no
// application service, so there the bridge is asked itself.
func (c *contacts) standsFor(t *testing.T, user *hometest.User, id string) []gjson.Result {
	t.Helper()
	if c.home.Kind != hometest.Synapse {
		return user.LookupUser(t, id)
	}
	status, answer := c.request(t, http.MethodGet, "/_matrix/app/v1/thirdparty/user?"+url.Values{"userid": {id}}.Encode(), nil)
	if status != http.StatusOK {
		t.Fatalf("HTTP %d %s", status, answer.Raw)
	}
	return answer.Array()
}

// dial looks a number up and calls it at once, as Element's dial pad does.
func (c *contacts) dial(t *testing.T, st dialled, name string) {
	user := c.home.Register(t, name, password(name))
	if st.far != nil {
		c.pbx.Handle(st.number, st.far)
	}
	c.log.expect(st.number, record{direction: "out", user: user.ID, cause: st.logged, answered: st.talked})
	ghost := c.lookUp(t, user, st.typed)
	if want := c.ghost(st.number); ghost != want {
		t.Fatalf("%q is %s, not %s", st.typed, ghost, want)
	}
	cl := newClient(t, user, user.CreateRoom(t, ghost))
	cl.call()
	st.play(cl)
	comes(t, user, cl.room, ghost)
	cl.quiet()
	mine := func(call vertotest.Call) bool { return call.CallerNumber == name }
	if st.cause == 0 {
		for _, call := range c.pbx.Calls() {
			if mine(call) {
				t.Errorf("a call was dialled: %+v", call)
			}
		}
		return
	}
	call, err := c.pbx.WaitCall(soon(t), func(call vertotest.Call) bool { return mine(call) && call.State == vertotest.Ended })
	if err != nil {
		t.Fatal(err)
	}
	if call.Destination != st.number {
		t.Errorf("dialled %s, not %s", call.Destination, st.number)
	}
	wantEnd(t, call, st.cause, st.endedBy)
	if cl.talked && (call.PacketsIn == 0 || call.PacketsOut == 0) {
		t.Errorf("%d packets came and %d went", call.PacketsIn, call.PacketsOut)
	}
}

func wantEnd(t testing.TB, call vertotest.Call, cause vertotest.Cause, by vertotest.Side) {
	t.Helper()
	if call.Cause != cause || call.EndedBy != by {
		t.Errorf("the call ended by %s with %s, not by %s with %s", call.EndedBy, call.Cause, by, cause)
	}
}

// twoAtOnce calls one number while another one calls.
func (c *contacts) twoAtOnce(t *testing.T) {
	const number, caller = "+442079460050", "+442079460150"
	user := c.home.Register(t, "twofold", password("twofold"))
	c.pbx.Handle(number, echo)
	c.log.expect(number, record{direction: "out", user: user.ID, cause: "NORMAL_CLEARING", answered: true})
	c.log.expect(caller, record{direction: "in", user: user.ID, dialled: number, cause: "NORMAL_CLEARING", answered: true})

	out := newClient(t, user, user.CreateRoom(t, c.lookUp(t, user, number)))
	out.call()
	out.take()
	out.echoes(440)

	r := c.callTo(t, []*hometest.User{user}, caller, number)
	in := r.rings(0)
	in.accept()
	in.echoes(1000)
	out.hears(440)
	if in.room == out.room {
		t.Error("both calls are in one room")
	}
	out.hangUp()
	if _, err := c.pbx.WaitCall(soon(t), func(call vertotest.Call) bool {
		return !call.Outbound && call.Destination == number && call.State == vertotest.Ended
	}); err != nil {
		t.Fatal(err)
	}
	in.hears(1000) // still
	in.hangUp()
	wantEnd(t, r.ended(), vertotest.NormalClearing, vertotest.ClientSide)
	for _, cl := range []*client{in, out} {
		cl.quiet()
	}
}

// oneRoom makes sure that a user and a number have one room, whoever calls, over
// a restart and over the loss of all that the bridge remembers.
func oneRoom(t *testing.T, home *hometest.Server, s *service) {
	const number, did = "+442079460160", "+442079460260"
	user := home.Register(t, "friend", password("friend"))
	at := s.open(t, home, vertotest.Options{}, britain+table("users", map[string]string{did: user.ID}))
	at.pbx.Handle(number, echo)
	var past []string // calls
	room := ""
	isCalled := func(when string) {
		t.Helper()
		r := at.callTo(t, []*hometest.User{user}, number, did)
		if room == "" {
			room = r.join(0)
		}
		c := called(t, user, room, past...)
		past = append(past, c.callID)
		c.accept()
		c.echoes(440)
		c.hangUp()
		wantEnd(t, r.ended(), vertotest.NormalClearing, vertotest.ClientSide)
		if rooms := user.JoinedRooms(t); len(rooms) != 1 {
			t.Fatalf("%s: the rooms are %v", when, rooms)
		}
	}
	isCaller := func(when string) {
		t.Helper()
		c := newClient(t, user, room)
		past = append(past, c.callID)
		c.call()
		c.take()
		c.echoes(440)
		call, err := at.pbx.WaitCall(soon(t), func(call vertotest.Call) bool {
			return !call.Outbound && call.Destination == number && call.State == vertotest.Active
		})
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		c.hangUp()
		at.ends(t, call.ID)
	}
	isCalled("the first time")
	isCalled("the second time")
	isCaller("after that")
	at.bridge.restart(t)
	isCalled("after a restart")
	isCaller("after a restart")
	at.bridge.forget(t)
	isCalled("after the loss of its state")
	isCaller("after the loss of its state")
	if members := user.Members(t, room); len(members) != 2 {
		t.Errorf("in the room are %v", members)
	}
}
