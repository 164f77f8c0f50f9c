// Package model lets the shipped rules live through random stories of calls,
// in virtual time, between a model of Matrix clients and one of FreeSWITCH. What
// the models know stands in the references on Matrix calls, on mod_verto, and on
// how their SDPs go together; transports are heard through their own codecs.
//
// A seed makes the same stories each time. To run one of them, or more of them:
//
//	go test -tags goolm ./model -run TestStories -seed 7
//	go test -tags goolm ./model -run TestStories -seeds 200
package model

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/schema"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

var (
	oneSeed = flag.Uint64("seed", 0, "tell the stories of this seed alone")
	seeds   = flag.Int("seeds", 5, "how many seeds to tell stories of")
)

const (
	callsPerSeed = 100
	eventsPer    = 20 // in a call
)

// setting is what the operator of the model has written.
const setting = `
include = ["matrix-verto"]

[vars]
emergency         = "refuse"
country           = "GB"
callsAtOnce       = 2
callsPerMinute    = 100000
callsPerDay       = 100000
allCallsAtOnce    = 60      # twice that of users: TestStories takes all at the end
allCallsPerMinute = 100000
allCallsPerDay    = 100000
callsInAtOnce     = 30

[let]
whoRings = 'numberOwner[call.dialled]'

[table.numberOwner]
`

func load(t *testing.T) *engine.Ruleset {
	t.Helper()
	text := setting
	for _, u := range newHomeserver(nil).users {
		text += fmt.Sprintf("%q = %q\n", u.number, u.id)
	}
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers:    []engine.Peer{matrixPeer, vertoPeer, calllogPeer},
		Schemas:  map[string]*schema.Set{"matrix": matrix.Schema, "verto": verto.Schema, "calllog": calllog.Schema},
		Vars:     map[string]any{"user": "@phone:" + domain, "domain": domain, "ghosts": ghostName},
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if set == nil {
		t.Fatal(found)
	}
	return set.Ruleset
}

func TestStories(t *testing.T) {
	set := load(t)
	list := make([]uint64, *seeds)
	for i := range list {
		list[i] = uint64(i + 1)
	}
	if *oneSeed != 0 {
		list = []uint64{*oneSeed}
	}
	checks, revivals, fired := 0, 0, map[string]int{}
	for _, seed := range list {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			w := newWorld(set, seed)
			w.tell(callsPerSeed)
			if len(w.faults) > 0 {
				t.Fatal(w.report(seed))
			}
			for _, c := range w.calls {
				checks += c.checks
				revivals += c.revivals
			}
			for name, n := range w.fired {
				fired[name] += n
			}
		})
	}
	if *oneSeed == 0 && !t.Failed() && (checks < 50*len(list) || revivals < 30*len(list) || len(fired) < 95) {
		t.Errorf("stories of %d seeds come to %d quiet times, %d revivals and %d rules: too little happens in them", len(list), checks, revivals, len(fired))
	}
	t.Logf("%d quiet times, %d revivals, %d rules", checks, revivals, len(fired))
}

// tell lets so many calls live, and looks at what is left of them.
func (w *world) tell(calls int) {
	w.home.up()
	w.link.up()
	for range calls {
		w.after(time.Second+w.between(0, 120_000), w.newCall)
	}
	if w.run(); len(w.faults) == 0 {
		w.left()
	}
	if len(w.faults) == 0 {
		w.fill()
		w.run()
		w.left()
	}
}

// fill takes all calls that the limits allow at once: they are there only if each
// call before has given its own back.
func (w *world) fill() {
	for _, u := range w.home.users {
		for i, r := range u.rooms {
			c := w.plan(r, i < contactCount-1)
			c.result, c.rings = "NO_ANSWER", time.Minute
			w.place(c)
		}
	}
	calls := w.calls[len(w.calls)-userCount*contactCount:]
	w.after(10*time.Second, func() {
		for _, c := range calls {
			if c.out && c.leg == nil || !c.out && c.client.state != ringing {
				c.fault("the limits are not given back: it is no call")
			}
			c.client.hangup("")
			if !c.out {
				c.leg.hangup("ORIGINATOR_CANCEL")
			}
		}
	})
}

// newCall begins a call in a room where there is none. A user has one in each
// direction at most.
func (w *world) newCall() {
	out := w.chance(60)
	for _, u := range shuffled(w, w.home.users) {
		r := pick(w, u.rooms...)
		if r.busy() || slices.ContainsFunc(u.rooms, func(r *room) bool { return r.busy() && r.last.out == out }) {
			continue
		}
		if w.begin(r, out) {
			return
		}
		break
	}
	w.after(w.between(1000, 20000), w.newCall)
}

// plan makes up what will become of a call.
func (w *world) plan(r *room, out bool) *call {
	c := &call{w: w, name: fmt.Sprint("call ", len(w.calls)+1), room: r, out: out, begun: w.now, steps: eventsPer}
	c.media.later = func(do func()) { w.after(handshake, do) }
	c.client = newClient(c)
	c.rings = w.between(1, 6000)
	return c
}

// place lets a call begin; false means that FreeSWITCH cannot just now.
func (w *world) place(c *call) bool {
	if !c.out && !w.pbx.ring(c) {
		return false
	}
	c.room.last = c
	w.calls = append(w.calls, c)
	c.disturb()
	if c.out {
		c.callID = w.name("call-id-")
		c.room.calls[c.callID] = c
		c.client.call()
	}
	return true
}

// begin begins a random call in a room.
func (w *world) begin(r *room, out bool) bool {
	c := w.plan(r, out)
	k := c.client
	k.v0 = w.chance(12)
	c.early = w.chance(25)
	c.wild = w.chance(15)
	if out {
		k.deaf = w.chance(2)
		k.video = w.chance(15)
	}
	if w.chance(12) {
		c.result = pick(w, "USER_BUSY", "NO_ANSWER", "CALL_REJECTED")
		if !out {
			c.result = pick(w, "decline", "busy", "ignore")
		}
	}
	if !w.place(c) {
		return false
	}
	if w.chance(8) {
		w.after(w.between(1, 7000), c.quits)
	}
	if w.chance(3) {
		w.after(w.between(1, 7000), func() {
			if c.leg != nil {
				c.lose()
			}
		})
	}
	return true
}

// quits ends a call at any moment, also before it is answered.
func (c *call) quits() {
	switch {
	case c.w.chance(50) && c.leg != nil:
		c.leg.hangup("ORIGINATOR_CANCEL")
	case c.client.state == calling || c.client.state == talking:
		c.client.hangup("")
	}
}
