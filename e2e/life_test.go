package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

const mediaTimeout vertotest.Cause = 804

// A fate is what befalls a client in mid-call that then says no more of it.
type fate struct {
	name  string
	meets func(k *conversation)
	cause vertotest.Cause
	told  bool // the user, by a notice
}

var fates = []fate{
	{"it vanishes", func(*conversation) {}, mediaTimeout, true},
	{"its user leaves the room", func(k *conversation) { k.user.Leave(k.t, k.room) }, vertotest.NormalClearing, false},
}

// TestLife has clients give signs of life when they are asked, until they give
// none any more.
func TestLife(t *testing.T) {
	s := newService(t, "life", "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.AppService}})
	var ways []way
	for i := range fates {
		both := directions(fmt.Sprintf("life%d", i))
		both[1].did = fmt.Sprintf("+44207946029%d", i)
		ways = append(ways, both...)
	}
	rules := strings.Replace(talkRules(ways), "[vars]\n", "[vars]\nlifeEvery = \"1s\"\nlifeWait = \"2s\"\n", 1)
	at := s.open(t, home, vertotest.Options{}, rules)
	at.pbx.Handle(echoNumber, echo)
	for i, w := range ways {
		f := fates[i/2]
		t.Run(w.name+" "+f.name, func(t *testing.T) {
			k := at.talkOf(t, w)
			for range 2 {
				k.isAsked()
			}
			k.flows()
			f.meets(k)
			end := k.reaches("ends", func(call vertotest.Call) bool { return call.State == vertotest.Ended })
			wantEnd(t, end, f.cause, vertotest.ClientSide)
			if f.told {
				notice(t, k.user, k.room, "did not answer any more")
			}
		})
	}
}

// isAsked answers the bridge's next offer, which changes nothing.
func (k *conversation) isAsked() {
	k.t.Helper()
	if typ, sdp := k.heed(); typ != "offer" || !strings.Contains(sdp, "a=sendrecv\r\n") {
		k.t.Fatalf("not asked for a sign of life: %s\n%s", typ, sdp)
	}
}
