package e2e_test

import (
	"testing"
	"time"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
	"vertigo/transports/verto/vertotest/webphone"
)

// TestVideo has video refused, in the first offer and later, so that the audio
// goes on: see [webphone.Phone.Take] for what a browser needs of the answer.
func TestVideo(t *testing.T) {
	eachWay(t, "video", func(k *conversation) {
		for _, videos := range []int{1, 2} { // a camera; a screen beside it
			k.shows(videos)
			k.answered("sendrecv")
			k.flows()
		}
	})
}

func TestVideoInTheFirstOffer(t *testing.T) {
	s := newService(t, "film", "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.AppService}})
	ways := directions("film")
	at := s.open(t, home, vertotest.Options{}, talkRules(ways))
	at.pbx.Handle(echoNumber, echo)
	user := home.Register(t, ways[0].user, password(ways[0].user))
	c := newClient(t, user, at.roomWith(t, user, echoNumber))
	c.invite(c.makeOffer(webphone.OfferOptions{Videos: 2}), time.Minute)
	c.take()
	k := at.talks(c, 440, func(call vertotest.Call) bool { return call.CallerNumber == ways[0].user })
	k.flows()
	k.shows(1)
	k.answered("sendrecv")
	k.flows()
	k.over()
}
