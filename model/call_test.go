package model

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vertigo/engine"
)

const (
	// quiet is how long nothing may have happened to a call for all to be in order.
	quiet = 26 * time.Second
	// handshake is how long one of DTLS takes.
	handshake = 80 * time.Millisecond
	// soundAfter is when sound must flow once the rules say that it is back.
	soundAfter = 3 * time.Second
	// revived is what they say then.
	revived = "FreeSWITCH takes the client's answer: the sound is back"
)

// givenUp are the rules that end a call which cannot be saved.
var givenUp = []string{
	"no hangup came, or FreeSWITCH takes the call for one that was never answered: it has lost it",
	"FreeSWITCH does not take the client's answer: the call cannot be saved",
	"the client does not take the new offers: the call cannot be saved",
	"the client is gone without a word",
}

// A call is one story: what its client, FreeSWITCH and the rules do.
type call struct {
	w      *world
	name   string
	room   *room
	out    bool // the client calls
	callID string
	id     engine.CallID // the engine's
	client *client
	leg    *leg
	media  media

	rings  time.Duration // until somebody answers, or does not
	result string        // what comes then: "" is an answer
	early  bool
	wild   bool // the homeserver may refuse things
	steps  int  // of the story that are left

	state     string // in the rules
	begun     time.Time
	stamp     int // counts what happened to it
	disturbed time.Time
	spoilt    string // why no sound can be expected
	invites   int
	revivals  int
	checks    int
	faulty    bool
	story     []string
}

func (c *call) note(format string, args ...any) {
	c.story = append(c.story, fmt.Sprintf("%9.3f ", c.w.now.Sub(c.begun).Seconds())+fmt.Sprintf(format, args...))
}

// String is the story of the call.
func (c *call) String() string {
	story := c.story
	for i, line := range story {
		if strings.Contains(line, "WRONG") { // a little of what follows
			story = story[:min(len(story), i+10)]
			break
		}
	}
	return fmt.Sprintf("%s in %s, version %v, began at %s\n%s", c.name, c.room.id, map[bool]int{true: 0, false: 1}[c.client.v0],
		c.begun.Format("15:04:05"), strings.Join(story, "\n"))
}

func (c *call) fault(format string, args ...any) { c.w.fault(c, format, args...) }

// unsound is a fault that may come of what the homeserver refused.
func (c *call) unsound(format string, args ...any) {
	if c.spoilt == "" {
		c.fault(format, args...)
	}
}

// legs are all that FreeSWITCH ever had of the call.
func (c *call) legs() []*leg {
	if c.leg == nil {
		return nil
	}
	return []*leg{c.leg}
}

// over tells that both sides have ended the call, and the rules too.
func (c *call) over() bool {
	return c.client.over() && (c.leg == nil || c.leg.state == ended) && (c.state == "end" || c.id == "" && c.w.now.Sub(c.begun) > time.Minute)
}

// refused notes that the homeserver did not take something of the bridge's.
func (c *call) refused(typ string) {
	c.note("homeserver: refuses %s", typ)
	c.spoilt = "the homeserver refused " + typ
	switch typ {
	case "m.call.hangup", "m.call.reject", "m.call.select_answer", "m.call.answer", "m.call.invite":
		c.w.after(lifetime+5*time.Second, func() { // its user gives up
			if c.leg == nil || c.leg.state == ended {
				c.client.hangup("user_hangup")
			}
		})
	}
	c.disturb()
}

// fired sees which rule acted.
func (c *call) fired(t engine.Trace) {
	c.state = t.To
	if t.Ended {
		if slices.Contains(givenUp, t.Rule.Name) && c.alive() && c.spoilt == "" {
			c.fault("the rules give up a call of which both sides are well: %q", t.Rule.Name)
		}
		c.state = "end"
		c.disturb()
		return
	}
	if t.Rule.Name == revived {
		c.revivals++
		stamp, settled := c.stamp, c.client.open == nil && !c.client.busy
		c.w.after(soundAfter, func() {
			if c.stamp == stamp && settled && c.alive() && c.spoilt == "" {
				c.sound("after a revival")
			}
		})
	}
}

// alive tells that both sides are in the call.
func (c *call) alive() bool {
	a := c.leg
	return c.client.state == talking && !c.client.vanished && a != nil && a.state != ended && a.up && a.account.connected && !a.account.broken
}

// disturb notes that something has happened to the call. If then nothing does for
// long enough, all must be in order.
func (c *call) disturb() {
	c.stamp++
	c.disturbed = c.w.now
	stamp := c.stamp
	c.w.after(quiet, func() {
		if c.stamp == stamp {
			c.check()
		}
	})
}

// check is done when it has been quiet.
func (c *call) check() {
	k, l := c.client, c.leg
	dead := l == nil || l.state == ended
	switch {
	case k.over() && dead:
		if settled := l == nil || l.account.connected && c.w.now.Sub(l.account.shaken) > quiet; settled && c.id != "" && c.state != "end" {
			c.fault("both sides are out of the call, and the rules are in state %s", c.state)
		}
		return
	case !k.vanished && !k.deaf && k.state == gone && l.state != offered && l.account.connected && c.w.now.Sub(l.account.shaken) > quiet:
		c.fault("the client has left, and FreeSWITCH has the call still")
		return
	case dead && k.state == talking && !k.vanished && l != nil && l.account.connected && c.w.now.Sub(l.account.shaken) > quiet && c.spoilt == "":
		c.fault("FreeSWITCH has ended the call, and the client talks on")
		return
	case !c.alive() || c.w.now.Sub(l.account.shaken) < quiet || c.spoilt != "":
		return
	}
	c.checks++
	switch {
	case c.state != "talking" && c.state != "held":
		c.fault("nothing happens, and the call is in state %s", c.state)
	case k.open != nil:
		c.fault("an offer of the client has no answer since %s", c.w.now.Sub(k.open.at))
	case k.busy || k.wants():
	default:
		c.sound("in a quiet time")
	}
}

// sound checks that sound flows as both sides want.
func (c *call) sound(when string) {
	k, l := c.client, c.leg
	why := c.media.silence()
	mine := answering(direction(k.hold), k.heardDir)
	switch want := answering(direction(k.hold), direction(l.farHeld)); {
	case why != "":
		c.fault("no sound %s: %s", when, why)
	case k.v0:
	case l.held != k.hold:
		c.fault("%s the client's hold is %v, and FreeSWITCH's %v", when, k.hold, l.held)
	case (c.state == "held") != k.hold:
		c.fault("%s the client's hold is %v, and the state %s", when, k.hold, c.state)
	case mine != want:
		c.fault("%s the client's sound goes %s in place of %s", when, mine, want)
	}
}

// connected begins the story proper.
func (c *call) connected() {
	c.disturb()
	c.w.after(c.gap(), c.live)
}

// gap is the time between two events of a story.
func (c *call) gap() time.Duration {
	switch n := c.w.random.IntN(100); {
	case n < 45:
		return c.w.between(1, 400)
	case n < 75:
		return c.w.between(400, 4000)
	case n < 90:
		return c.w.between(4000, 20000)
	default:
		return c.w.between(20000, 150000)
	}
}

// live lets the next event of the story happen.
func (c *call) live() {
	if c.over() || c.client.state == gone {
		return
	}
	if c.steps--; c.steps <= 0 {
		c.finish()
		return
	}
	c.event()
	c.w.after(c.gap(), c.live)
}

// event is one random thing that happens in a call.
func (c *call) event() {
	k, l, w := c.client, c.leg, c.w
	switch n := w.random.IntN(100); {
	case n < 14:
		k.want(func() { k.hold = true }, "holds")
	case n < 32:
		k.want(func() { k.hold = false }, "resumes")
	case n < 38:
		k.write(pick(w, "1", "*5", "1234#", "1,,2", "hello"))
	case n < 44:
		l.display(pick(w, "Bob", "Carol", ""))
	case n < 49:
		k.want(func() { k.again = true }, "negotiates for no reason")
	case n < 62:
		k.want(func() { k.restart = true }, "takes a new path")
	case n < 67:
		k.want(func() { k.video = true }, "wants video")
	case n < 71:
		if g := k.current; g != nil && !k.vanished {
			k.trickle(g, 0)
		}
	case n < 80:
		c.lose()
	case n < 84:
		l.renegotiate("sendonly")
	case n < 90:
		l.renegotiate("sendrecv")
	case n < 92:
		c.transfer()
	case n < 96:
		if !k.vanished && !k.v0 && k.state == talking {
			k.send("m.call.sdp_stream_metadata_changed", map[string]any{"sdp_stream_metadata": map[string]any{}})
		}
	case n < 97:
		k.hangup(pick(w, "user_hangup", "ice_failed", ""))
	case n < 98:
		l.hangup("NORMAL_CLEARING")
	case n < 99:
		k.vanish()
	default:
		c.leave()
	}
}

// finish ends the call, one way or another.
func (c *call) finish() {
	switch c.w.random.IntN(8) {
	case 0, 1, 2:
		c.client.hangup("user_hangup")
	case 3, 4, 5:
		c.leg.hangup("NORMAL_CLEARING")
	case 6:
		c.leave()
	default:
		c.client.vanish()
	}
}

// want lets a user want something.
func (k *client) want(do func(), what string) {
	if k.over() || k.state != talking || k.v0 {
		return
	}
	k.c.note("user: %s", what)
	do()
	k.c.disturb()
	k.next()
}

// write sends a message to the room.
func (k *client) write(text string) {
	if k.vanished {
		return
	}
	k.c.note("user: writes %q", text)
	k.c.w.home.pass(k.c.room, map[string]any{"type": "m.room.message", "content": map[string]any{"msgtype": "m.text", "body": text}})
}

// vanish lets a client go without a word.
func (k *client) vanish() {
	c := k.c
	if k.over() {
		return
	}
	k.vanished = true
	c.note("client: vanishes")
	c.disturb()
	found := k.answers && k.state == talking && !k.v0
	c.w.after(vanishTime, func() {
		l := c.leg
		if l == nil || l.state == ended {
			return
		}
		if found && l.account.connected && c.w.now.Sub(l.account.shaken) > vanishTime && c.spoilt == "" {
			c.fault("the client has vanished, and its call goes on")
		}
		c.w.after(time.Minute, func() { l.hangup("MEDIA_TIMEOUT") })
	})
}

// leave lets the user leave the room, or put the ghost out of it.
func (c *call) leave() {
	if c.client.over() {
		return
	}
	who := pick(c.w, c.room.user.id, c.room.ghost)
	c.note("user: %s leaves the room", who)
	c.w.home.member(c.room, who, "leave")
	c.client.end("the room is left")
}

// lose breaks the socket that the call is on.
func (c *call) lose() {
	w, a := c.w, c.leg.account
	skew := w.between(0, 50)
	if w.chance(20) {
		skew = w.between(50, 3000)
	}
	away := w.between(500, 4000)
	if w.chance(35) {
		away = w.between(4000, 130000)
	}
	c.note("%s is lost, seen after %s, away for %s", a.name, skew, away)
	a.lose(skew, away)
}

// transfer is one by the client, which says no hangup.
func (c *call) transfer() {
	k := c.client
	if k.over() || k.v0 || k.state != talking || !c.w.chance(50) {
		return
	}
	content := map[string]any{
		"replacement_id": c.w.name("replacement"), "create_call": c.w.name("new"),
		"target_user": map[string]any{"id": pick(c.w, c.room.user.rooms...).ghost},
	}
	if c.w.chance(10) {
		content["await_call"] = content["create_call"]
		delete(content, "create_call")
	}
	k.send("m.call.replaces", content)
	k.end("it transfers")
}
