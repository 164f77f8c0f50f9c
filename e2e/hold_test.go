package e2e_test

import (
	"strings"
	"testing"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
	"vertigo/transports/verto/vertotest/webphone"
)

// A way is how a call came about: it matters for roles, and for who wins when
// both sides offer at once.
type way struct {
	name, user, did, number string
	in                      bool
	peer                    peer // nil: a softphone
}

// directions are calls of both kinds, each of another user.
func directions(of string) []way {
	return []way{
		{name: "a call to the telephone network", user: of + "-out"},
		{name: "a call from the telephone network", user: of + "-in", did: "+442079460281", number: "+442079460181", in: true},
	}
}

// talkRules let the users of ways call and be called.
func talkRules(ways []way) string {
	ids, users := map[string]string{}, map[string]string{}
	for _, w := range ways {
		id := "@" + w.user + ":" + hometest.ServerName
		ids[id] = w.user
		if w.did != "" {
			users[w.did] = id
		}
	}
	return britain + table("callerID", ids) + table("users", users)
}

func (s *site) talkOf(t *testing.T, w way) *conversation {
	t.Helper()
	user := s.home.Register(t, w.user, password(w.user))
	if w.in {
		return s.callsIn(t, user, w.peer, w.number, w.did)
	}
	return s.callsOut(t, user, w.peer)
}

// eachWay tells a story of an answered call in both directions.
func eachWay(t *testing.T, name string, tell func(k *conversation)) {
	s := newService(t, name, "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.AppService}})
	ways := directions(name)
	at := s.open(t, home, vertotest.Options{}, talkRules(ways))
	at.pbx.Handle(echoNumber, echo)
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			k := at.talkOf(t, w)
			k.flows()
			tell(k)
			k.over()
		})
	}
}

func TestHold(t *testing.T) {
	eachWay(t, "hold", func(k *conversation) {
		for range 3 {
			k.holds()
			k.answered("recvonly")
			k.isHeld(true)
			k.silent()
			k.resumes()
			k.answered("sendrecv")
			k.isHeld(false)
			k.flows()
		}
	})
}

// TestHoldByTheFarEnd has the client shown that the far end holds it, and what
// comes of it when both hold at once.
func TestHoldByTheFarEnd(t *testing.T) {
	eachWay(t, "farhold", func(k *conversation) {
		k.isHeldByFarEnd("sendonly")
		k.saysNothing()
		k.isHeldByFarEnd("sendrecv")
		k.flows()

		k.pbx.Renegotiate(k.id, "sendonly")
		k.offers(webphone.OfferOptions{Direction: "sendonly"}) // crosses the bridge's offer
		k.becomes(vertotest.Active)
		k.settle()
		for k.open != nil { // one that was taken back is made again
			k.heed()
		}
		k.saysNothing()
		k.isHeldByFarEnd("sendrecv")
		k.settle()
		if k.now().Held {
			k.resumes()
			k.settle()
			k.isHeld(false)
		}
		k.flows()
	})
}

// isHeldByFarEnd lets the Verto server offer that direction, and makes sure that
// the client is offered the same.
func (k *conversation) isHeldByFarEnd(direction string) {
	k.t.Helper()
	if !k.pbx.Renegotiate(k.id, direction) {
		k.t.Fatal("the call is not up")
	}
	if offer := k.becomes(vertotest.Active); !strings.Contains(offer, "a="+direction+"\r\n") {
		k.t.Errorf("the client is not offered %s:\n%s", direction, offer)
	}
}

// saysNothing makes sure that the client sends no packets, as one that is held.
func (k *conversation) saysNothing() {
	k.t.Helper()
	_, before := k.peer.Packets()
	k.settle()
	if _, after := k.peer.Packets(); after != before {
		k.t.Errorf("a client on hold says %d packets", after-before)
	}
}
