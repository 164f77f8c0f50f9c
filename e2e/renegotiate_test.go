package e2e_test

import (
	"testing"

	"vertigo/transports/verto/vertotest"
)

// movesAndFlows restarts ICE, and waits until packets come from another place.
func (k *conversation) movesAndFlows() {
	k.t.Helper()
	k.moves()
	k.trickle()
	k.settles()
	k.flows()
}

// settles acts on the bridge's descriptions until the client's own offer is
// answered and it hears the far end.
func (k *conversation) settles() {
	k.t.Helper()
	in := k.now().PacketsIn
	k.until("packets come again", func(call vertotest.Call) bool { return call.ID == k.id && call.PacketsIn >= in+10 })
}

func TestClientMovesToAnotherNetwork(t *testing.T) {
	eachWay(t, "moving", func(k *conversation) {
		for range 2 {
			k.movesAndFlows()
		}
		k.moves() // and never says its candidates
		k.settles()
		k.flows()
		k.holds()
		k.answered("recvonly")
		k.isHeld(true)
		k.silent()
		k.resumes()
		k.answered("sendrecv")
		k.flows()
	})
}
