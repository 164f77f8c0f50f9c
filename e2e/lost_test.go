package e2e_test

import (
	"context"
	"fmt"
	"testing"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// A loss is what befalls calls whose connection to the telephone server breaks.
type loss struct {
	name string
	ways []string // of the calls: "out", "in"
	play func(t *testing.T, l *lost)
}

// A lost is the world of one of them.
type lost struct {
	*site
	talks []*conversation
}

var losses = []loss{
	{"a call to the telephone network", []string{"out"}, func(_ *testing.T, l *lost) {
		l.breaks()
		l.returns()
	}},
	{"a call from the telephone network", []string{"in"}, func(_ *testing.T, l *lost) {
		l.breaks()
		l.returns()
	}},
	{"several calls at once", []string{"out", "in", "out", "in"}, func(_ *testing.T, l *lost) {
		l.breaks()
		l.returns()
	}},
	{"twice, and with a hold in between", []string{"out", "in"}, func(_ *testing.T, l *lost) {
		l.breaks()
		l.returns()
		for _, k := range l.talks {
			k.holds()
			k.answered("recvonly")
			k.isHeld(true)
			k.silent()
			k.resumes()
			k.answered("sendrecv")
			k.isHeld(false)
			k.flows()
		}
		l.breaks()
		l.returns()
	}},
	{"of a call on hold, which is resumed afterwards", []string{"out", "in"}, func(_ *testing.T, l *lost) {
		for _, k := range l.talks {
			k.holds()
			k.answered("recvonly")
			k.isHeld(true)
		}
		l.breaks()
		l.pbx.SetReachable(true)
		for _, k := range l.talks {
			k.becomes(vertotest.Active)
			k.isHeld(true)
			k.silent()
			k.resumes()
			k.answered("sendrecv")
			k.isHeld(false)
			k.flows()
		}
	}},
	{"while the client holds", []string{"out", "in"}, func(_ *testing.T, l *lost) {
		l.breaks()
		for _, k := range l.talks {
			k.holds()
			k.answered("recvonly")
		}
		l.pbx.SetReachable(true)
		for _, k := range l.talks {
			k.becomes(vertotest.Active)
			k.isHeld(true)
			k.silent()
			k.resumes()
			k.answered("sendrecv")
			k.isHeld(false)
			k.flows()
		}
	}},
	{"while the client moves to another network", []string{"out", "in"}, func(_ *testing.T, l *lost) {
		l.breaks()
		for _, k := range l.talks {
			k.moves()
			k.trickle()
		}
		l.returns()
	}},
	{"and the client moves to another network afterwards, twice", []string{"out", "in"}, func(_ *testing.T, l *lost) {
		l.breaks()
		l.returns()
		for range 2 {
			for _, k := range l.talks {
				k.movesAndFlows()
			}
		}
	}},
	{"the client has moved before", []string{"out", "in"}, func(_ *testing.T, l *lost) {
		for _, k := range l.talks {
			k.movesAndFlows()
		}
		l.breaks()
		l.returns()
	}},
}

// breaks makes the telephone server unreachable, and the calls silent.
func (l *lost) breaks() {
	l.pbx.SetReachable(false)
	for _, k := range l.talks {
		k.reaches("loses its socket", func(call vertotest.Call) bool { return call.State == vertotest.Detached })
		k.silent()
	}
}

// returns makes it reachable again, and waits until the sound of all calls is back.
func (l *lost) returns() {
	l.pbx.SetReachable(true)
	for _, k := range l.talks {
		k.becomes(vertotest.Active)
		k.settles()
		k.flows()
	}
}

func TestLostSocket(t *testing.T) {
	services := make([]*service, len(losses))
	var all []hometest.AppService
	for i := range losses {
		services[i] = newService(t, fmt.Sprintf("lost%d", i), "")
		all = append(all, services[i].AppService)
	}
	home := dendritetest.Start(t, hometest.Options{AppServices: all})
	t.Run("is survived", func(t *testing.T) {
		for i, st := range losses {
			t.Run(st.name, func(t *testing.T) {
				t.Parallel()
				var ways []way
				for n, direction := range st.ways {
					w := way{user: fmt.Sprintf("lost%d-%d", i, n)}
					if direction == "in" {
						w.in, w.did, w.number = true, fmt.Sprintf("+4420794602%02d", n), fmt.Sprintf("+4420794601%02d", n)
					}
					ways = append(ways, w)
				}
				l := &lost{site: services[i].open(t, home, vertotest.Options{}, talkRules(ways))}
				l.pbx.Handle(echoNumber, echo)
				for _, w := range ways {
					l.talks = append(l.talks, l.talkOf(t, w))
				}
				for _, k := range l.talks {
					k.flows()
				}
				st.play(t, l)
				for _, k := range l.talks {
					k.over()
				}
			})
		}
	})
}

// TestLostSocketOfUnansweredCalls has what FreeSWITCH ends with the socket: a
// call that the user made is dialled once more, one that rang is a missed one.
func TestLostSocketOfUnansweredCalls(t *testing.T) {
	s := newService(t, "unanswered", "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.AppService}})
	ways := directions("unanswered")
	at := s.open(t, home, vertotest.Options{}, talkRules(ways))
	drop := func(t *testing.T) {
		t.Helper()
		at.pbx.SetReachable(false)
		if _, err := at.pbx.WaitCall(soon(t), func(call vertotest.Call) bool { return call.Cause == vertotest.DestinationOutOfOrder }); err != nil {
			t.Fatal(err)
		}
		at.pbx.SetReachable(true)
	}
	t.Run(ways[0].name, func(t *testing.T) {
		rung := false
		at.pbx.Handle(echoNumber, func(ctx context.Context, l *vertotest.Leg) error {
			if rung {
				return echo(ctx, l)
			}
			rung = true // and nobody answers
			<-ctx.Done()
			return nil
		})
		user := home.Register(t, ways[0].user, password(ways[0].user))
		c := newClient(t, user, at.roomWith(t, user, echoNumber))
		c.pbx = at.pbx
		c.call()
		c.rings(t)
		drop(t)
		c.take()
		k := at.talks(c, 440, func(call vertotest.Call) bool { return call.CallerNumber == ways[0].user })
		k.flows()
		k.over()
	})
	t.Run(ways[1].name, func(t *testing.T) {
		user := home.Register(t, ways[1].user, password(ways[1].user))
		r := at.callTo(t, []*hometest.User{user}, ways[1].number, ways[1].did)
		c := r.rings(0)
		drop(t)
		c.wants("m.call.hangup user_hangup")
		r.missed(0, c.room)
	})
}
