package e2e_test

import (
	"context"
	"strings"
	"testing"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// TestEarlyMediaAsTheAnswer has a client hear what is played before the far end
// answers, and move to another network meanwhile: FreeSWITCH would end the call
// if it were offered that before its channel is up.
func TestEarlyMediaAsTheAnswer(t *testing.T) {
	s := newService(t, "early", "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.AppService}})
	rules := talkRules([]way{{user: "early"}})
	at := s.open(t, home, vertotest.Options{}, strings.Replace(rules, "[vars]\n", "[vars]\nearlyMedia = \"answer\"\n", 1))
	picksUp := make(chan struct{})
	at.pbx.Handle(echoNumber, func(ctx context.Context, l *vertotest.Leg) error {
		if err := l.PreAnswer(ctx); err != nil {
			return err
		}
		playing, stop := context.WithCancel(ctx)
		defer stop()
		go func() {
			defer stop()
			select {
			case <-picksUp:
			case <-playing.Done():
			}
		}()
		l.Tone(playing, 1000)
		return echo(ctx, l)
	})

	user := home.Register(t, "early", password("early"))
	c := newClient(t, user, at.roomWith(t, user, echoNumber))
	c.pbx = at.pbx
	c.call()
	c.take()
	c.hears(1000)
	call, err := at.pbx.WaitCall(soon(t), func(call vertotest.Call) bool { return call.CallerNumber == "early" })
	if err != nil {
		t.Fatal(err)
	}
	k := &conversation{c, call.ID, 440}
	k.moves()
	k.trickle()
	k.settle()
	if now := k.now(); now.State != vertotest.Early || now.PacketsOut == 0 {
		t.Fatalf("before the far end answers: %+v", now)
	}
	close(picksUp)
	k.reaches("is answered", func(call vertotest.Call) bool { return call.State == vertotest.Active })
	k.answered("sendrecv")
	k.talk(k.hz)
	k.flows()
	k.over()
}
