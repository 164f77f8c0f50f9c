package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// ringing is an extension that rings until the caller gives up.
const ringing = "9300"

// A story is one call, told from the caller's side.
type story struct {
	name      string
	extension string
	v0        bool
	play      func(t *testing.T, c *client)
	// What the Verto server must have seen in the end; no call at all if cause is 0.
	cause   vertotest.Cause
	endedBy vertotest.Side
}

var stories = []story{
	{
		name: "audio flows both ways, and the caller hangs up", extension: "9196",
		play: func(t *testing.T, c *client) {
			c.call()
			c.take()
			if !c.answer.Get(`capabilities.m\.call\.dtmf`).Bool() {
				t.Errorf("the answer does not say m.call.dtmf: %s", c.answer.Raw)
			}
			c.echoes(440)
			c.hangUp()
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide,
	}, {
		name: "a client of call version 0 is heard as well", extension: "9196", v0: true,
		play: func(t *testing.T, c *client) {
			c.call()
			c.take()
			if c.answer.Get("version").Raw != "0" || c.answer.Get("party_id").Exists() {
				t.Errorf("not an answer of version 0: %s", c.answer.Raw)
			}
			c.echoes(440)
			c.send("m.call.hangup", map[string]any{})
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide,
	}, {
		name: "early media is kept for the answer", extension: "9198",
		play: func(t *testing.T, c *client) {
			c.call()
			c.take()
			c.echoes(880)
			c.hangUp()
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide,
	}, {
		name: "the far end hangs up", extension: "9201",
		play: func(t *testing.T, c *client) {
			c.call()
			c.take()
			c.wants("m.call.hangup user_hangup")
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ServerSide,
	}, {
		name: "the far end is busy", extension: "9199",
		play: func(t *testing.T, c *client) {
			c.call()
			c.wants("m.call.reject user_busy")
		},
		cause: vertotest.UserBusy, endedBy: vertotest.ServerSide,
	}, {
		name: "a client of call version 0 is told busy by a hangup", extension: "9199", v0: true,
		play: func(t *testing.T, c *client) {
			c.call()
			c.wants("m.call.hangup user_busy")
		},
		cause: vertotest.UserBusy, endedBy: vertotest.ServerSide,
	}, {
		name: "the far end rejects the call", extension: "9205",
		play: func(t *testing.T, c *client) {
			c.call()
			c.wants("m.call.reject user_hangup")
		},
		cause: vertotest.CallRejected, endedBy: vertotest.ServerSide,
	}, {
		name: "there is no such number", extension: "9204",
		play: func(t *testing.T, c *client) {
			c.call()
			c.wants("m.call.reject user_hangup")
		},
		cause: vertotest.UnallocatedNumber, endedBy: vertotest.ServerSide,
	}, {
		name: "nobody answers", extension: "9200",
		play: func(t *testing.T, c *client) {
			c.call()
			c.wants("m.call.reject invite_timeout")
		},
		cause: vertotest.NoAnswer, endedBy: vertotest.ServerSide,
	}, {
		name: "the invite's lifetime is over", extension: ringing,
		play: func(t *testing.T, c *client) {
			c.invite(c.offer(), 5*time.Second)
			c.trickle()
			c.wants("m.call.reject invite_timeout")
		},
		cause: vertotest.OriginatorCancel, endedBy: vertotest.ClientSide,
	}, {
		name: "the caller cancels while it rings", extension: ringing,
		play: func(t *testing.T, c *client) {
			c.call()
			c.rings(t)
			c.send("m.call.hangup", map[string]any{})
		},
		cause: vertotest.OriginatorCancel, endedBy: vertotest.ClientSide,
	}, {
		name: "the caller leaves the room", extension: "9196",
		play: func(t *testing.T, c *client) {
			c.call()
			c.take()
			c.echoes(440)
			c.user.Leave(t, c.room)
			c.left = true
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide,
	}, {
		name: "candidates come before the invite", extension: "9196",
		play: func(t *testing.T, c *client) {
			offer := c.offer()
			c.trickle()
			c.invite(offer, time.Minute)
			c.take()
			c.echoes(440)
			c.hangUp()
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide,
	}, {
		name: "all candidates are in the offer", extension: "9197",
		play: func(t *testing.T, c *client) {
			c.invite(c.fullOffer(), time.Minute)
			c.take()
			c.talk(700)
			c.hears(440)
			c.hangUp()
		},
		cause: vertotest.NormalClearing, endedBy: vertotest.ClientSide,
	}, {
		name: "no candidate is usable", extension: "9196",
		play: func(t *testing.T, c *client) {
			c.invite(c.offer(), time.Minute)
			c.send("m.call.candidates", map[string]any{"candidates": []any{
				map[string]any{"candidate": "candidate:1 1 udp 2122260223 3f1c2b6a-0000-4000-8000-000000000001.local 50000 typ host", "sdpMid": "0", "sdpMLineIndex": 0},
				map[string]any{"candidate": "candidate:2 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active", "sdpMid": "0", "sdpMLineIndex": 0},
			}})
			c.wants("m.call.reject ice_failed")
		},
	}, {
		name: "the client refuses the answer without a word", extension: "9196",
		play: func(t *testing.T, c *client) {
			c.call()
			c.waitCall("m.call.answer")
			c.wants("m.call.hangup ice_failed")
		},
		cause: vertotest.IncompatibleDestination, endedBy: vertotest.ClientSide,
	}, {
		name: "the caller takes another party's answer", extension: ringing,
		play: func(t *testing.T, c *client) {
			c.call()
			c.rings(t)
			c.send("m.call.select_answer", map[string]any{"selected_party_id": "SOMEBODYELSE"})
		},
		cause: vertotest.LoseRace, endedBy: vertotest.ClientSide,
	},
}

// number is the caller-ID that the rules give a user: it ties a call at the
// Verto server to its caller.
func (c *client) number() string { return localpart(c.user.ID) }

func localpart(id string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(id, "@"), ":")
	return name
}

func TestCalls(t *testing.T) {
	home := dendritetest.Start(t)
	for _, secure := range []bool{false, true} {
		scheme := map[bool]string{false: "ws", true: "wss"}[secure]
		users := map[string]*hometest.User{}
		for i, s := range stories {
			users[s.name] = home.Register(t, fmt.Sprintf("%s%02d", scheme, i), "password-"+scheme)
		}
		bot := home.Register(t, "phone-"+scheme, "password-of-the-bot")
		t.Run(scheme, func(t *testing.T) {
			s := newSite(t, home, bot, secure, users)
			for _, st := range stories {
				t.Run(st.name, func(t *testing.T) {
					t.Parallel()
					s.tell(t, st, users[st.name])
				})
			}
		})
	}
}

// newSite starts a Verto server and a bridge to it, and waits until both sides
// are connected.
func newSite(t *testing.T, home *hometest.Server, bot *hometest.User, secure bool, users map[string]*hometest.User) *site {
	t.Helper()
	s := &site{home: home, bot: bot}
	s.pbx = vertotest.NewUnstartedServer(vertotest.Options{Timing: vertotest.Timing{Dialplan: 0.05}})
	closeLater(t, s.pbx)
	s.pbx.Handle(ringing, func(ctx context.Context, _ *vertotest.Leg) error {
		<-ctx.Done()
		return nil
	})
	set := asBot(bot, home.URL)
	set.login, set.password, set.rules, set.captures = "1008@fs.test", "1234", rulesFor(users), true
	if secure {
		s.pbx.StartTLS()
		set.caFile = filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(set.caFile, s.pbx.CertificatePEM(), 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		s.pbx.Start()
	}
	set.url = s.pbx.URL
	s.bridge = startBridge(t, set)
	s.bridge.ready(t)
	return s
}

// rulesFor routes each user to the extension of the user's story.
func rulesFor(users map[string]*hometest.User) string {
	var extensions, ids strings.Builder
	for _, st := range stories {
		if u := users[st.name]; u != nil {
			fmt.Fprintf(&extensions, "%q = %q\n", u.ID, st.extension)
			fmt.Fprintf(&ids, "%q = %q\n", u.ID, localpart(u.ID))
		}
	}
	return `include = ["matrix-verto"]
[vars]
emergency = "refuse"
candidateWait = "2s"
selectWait = "4s"
[table.extensions]
` + extensions.String() + `
[table.callerID]
` + ids.String()
}

func (s *site) tell(t *testing.T, st story, user *hometest.User) {
	c := newCaller(t, user, s.bot.ID)
	if st.v0 {
		c.party = ""
	}
	c.pbx = s.pbx
	st.play(t, c)
	if st.cause == 0 {
		for _, call := range s.pbx.Calls() {
			if call.CallerNumber == c.number() {
				t.Errorf("a call was dialled: %+v", call)
			}
		}
		return
	}
	call, err := s.pbx.WaitCall(soon(t), func(call vertotest.Call) bool {
		return call.CallerNumber == c.number() && call.State == vertotest.Ended
	})
	if err != nil {
		t.Fatal(err)
	}
	wantEnd(t, call, st.cause, st.endedBy)
	if call.Destination != st.extension {
		t.Errorf("dialled %s, not %s", call.Destination, st.extension)
	}
	if c.talked && (call.PacketsIn == 0 || call.PacketsOut == 0) {
		t.Errorf("%d packets came and %d went", call.PacketsIn, call.PacketsOut)
	}
	if !c.left {
		c.quiet()
	}
}

// rings waits until the Verto server has the call.
func (c *client) rings(t *testing.T) {
	t.Helper()
	if _, err := c.pbx.WaitCall(soon(t), func(call vertotest.Call) bool {
		return call.CallerNumber == c.number() && call.State == vertotest.Ringing
	}); err != nil {
		t.Fatal(err)
	}
}
