package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// How many people there are in the load test, and how many numbers each of them
// calls and is called by. Each has one room with each number, for both calls.
const (
	crowd   = 20
	numbers = 10
	atOnce  = 2 * crowd * numbers // calls
)

// A talk is a call between a user and a number.
type talk struct {
	user, number int
	in           bool // to the user
}

func farNumber(n int) string     { return fmt.Sprintf("+44207946030%d", n) }
func ownNumber(user int) string  { return fmt.Sprintf("+4420794605%02d", user) }
func inhabitant(user int) string { return fmt.Sprintf("inhabitant%02d", user) }

// callsFirst tells the numbers that call the users before the users call them:
// the bridge makes the rooms with them.
func callsFirst(number int) bool { return number%2 == 0 }

// endedByUser spreads the ends of calls over both sides.
func (k talk) endedByUser() bool { return (k.user+k.number/2)%2 == 0 }

// What vars limit, out of reach.
const noLimits = `callsAtOnce = 1000
callsPerMinute = 1000
callsPerDay = 1000
allCallsAtOnce = 1000
allCallsPerMinute = 1000
allCallsPerDay = 1000
callsInAtOnce = 1000
ringTime = "8m"
candidateWait = "8m"
selectWait = "8m"
answerWait = "8m"
lifeEvery = "0s"

[index.roomCalls]   # two calls share each room
key = 'nil'
`

// 200 calls from Matrix and 200 to Matrix are up at once. 100 of either begin at
// the same time, in rooms that do not exist yet; the others as soon as there is
// a call the other way.
func TestManyCallsAtOnce(t *testing.T) {
	s := newService(t, "load", "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.AppService}})
	people := make([]*resident, crowd)
	ids, rings := map[string]string{}, map[string]string{}
	for i := range people {
		user := home.Register(t, inhabitant(i), password(inhabitant(i)))
		people[i] = &resident{number: i, user: user, rooms: map[string]string{}, calls: map[string]*matrixCall{}}
		ids[user.ID], rings[ownNumber(i)] = inhabitant(i), user.ID
	}
	s.more = "send_timeout = \"2m\"\n"
	at := s.open(t, home, vertotest.Options{NoMedia: true}, britain+noLimits+table("callerID", ids)+table("users", rings))
	at.pbx.Handle("+44207946030x", func(ctx context.Context, l *vertotest.Leg) error {
		if err := l.Answer(ctx); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})

	ctx, stop := context.WithTimeout(t.Context(), 8*time.Minute)
	defer stop()
	w := &world{at: at, up: make(chan struct{})}
	w.ctx, w.fail = context.WithCancelCause(ctx)
	began := time.Now()
	for _, r := range people {
		r.world = w
		w.goes(r.live)
	}
	w.goes(func() error {
		select {
		case <-w.up:
		case <-w.ctx.Done():
			return fmt.Errorf("%d of %d calls are up: %w", w.count.Load(), atOnce, context.Cause(w.ctx))
		}
		t.Logf("%d calls are up after %v", atOnce, time.Since(began).Round(time.Millisecond))
		for id, call := range framed(at.pbx.Frames()) {
			if !call.endedByUser() && !at.pbx.Hangup(id, vertotest.NormalClearing) {
				t.Errorf("there is no call %+v", call.talk)
			}
		}
		return nil
	})
	w.working.Wait()
	if err := context.Cause(w.ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("and over after %v", time.Since(began).Round(time.Millisecond))
	checkCalls(t, at, people)
	checkRooms(t, at, people)
}

// A world is what all residents have in common.
type world struct {
	at      *site
	ctx     context.Context
	fail    context.CancelCauseFunc
	working sync.WaitGroup
	count   atomic.Int64  // of calls that are up, as the users see it
	up      chan struct{} // closed when all are
}

// goes does something beside all else. What fails ends everything.
func (w *world) goes(f func() error) {
	w.working.Go(func() {
		if err := f(); err != nil {
			w.fail(err)
		}
	})
}

// rings lets a number call a user.
func (w *world) rings(user, number int) {
	w.goes(func() error {
		_, err := w.at.pbx.Originate(w.ctx, login, vertotest.OriginateOptions{
			CallerNumber: farNumber(number), Phone: true, Timeout: 5 * time.Minute,
			Headers: map[string]string{"verto_h_did": ownNumber(user)},
		})
		return err
	})
}

// isUp counts a call.
func (w *world) isUp(c *matrixCall) {
	c.up = true
	if w.count.Add(1) == atOnce {
		close(w.up)
	}
}

// checkCalls compares what both sides know of each call.
func checkCalls(t *testing.T, at *site, people []*resident) {
	t.Helper()
	known := map[talk]*matrixCall{}
	for _, r := range people {
		for _, c := range r.calls {
			if known[c.talk] != nil {
				t.Errorf("%+v took place twice", c.talk)
			}
			known[c.talk] = c
		}
	}
	frames := framed(at.pbx.Frames())
	if len(frames) != atOnce || len(known) != atOnce {
		t.Errorf("%d calls at the Verto server, %d in Matrix, not %d", len(frames), len(known), atOnce)
	}
	for id, there := range frames {
		here := known[there.talk]
		if here == nil {
			t.Errorf("%+v is not known in Matrix", there.talk)
			continue
		}
		if here.mine != there.theirs || here.theirs != there.mine {
			t.Errorf("%+v is crossed: %s and %s in Matrix, %s and %s at the Verto server", there.talk, here.mine, here.theirs, there.theirs, there.mine)
		}
		by := vertotest.ServerSide
		if there.endedByUser() {
			by = vertotest.ClientSide
		}
		wantEnd(t, at.ends(t, id), vertotest.NormalClearing, by)
	}
	if calls := at.pbx.Calls(); len(calls) != atOnce {
		t.Errorf("%d calls were made", len(calls))
	}
}

// checkRooms makes sure that each user has one room with each number, whoever
// called first.
func checkRooms(t *testing.T, at *site, people []*resident) {
	t.Helper()
	owners := map[string]talk{}
	for _, r := range people {
		for _, c := range r.calls {
			pair := talk{user: c.user, number: c.number}
			if other, ok := owners[c.room]; ok && other != pair {
				t.Errorf("%+v and %+v share a room", other, pair)
			}
			owners[c.room] = pair
		}
		if rooms := r.user.JoinedRooms(t); len(rooms) != numbers {
			t.Errorf("%s is in %d rooms", r.user.ID, len(rooms))
		}
	}
	for n := range numbers {
		if rooms := at.home.Ghost(t, at.AppService, localpart(at.ghost(farNumber(n)))).JoinedRooms(t); len(rooms) != crowd {
			t.Errorf("%s is in %d rooms", farNumber(n), len(rooms))
		}
	}
}

// A framedCall is what the Verto server knows of one.
type framedCall struct {
	talk
	mine, theirs string // the ufrags of the two sides
}

var ufrag = regexp.MustCompile(`a=ice-ufrag:(\S+)`)

func ufragOf(sdp string) string {
	if m := ufrag.FindStringSubmatch(sdp); m != nil {
		return m[1]
	}
	return ""
}

// framed finds the calls in all that a Verto server said and heard, by callID.
func framed(frames []vertotest.Frame) map[string]*framedCall {
	calls := map[string]*framedCall{}
	for _, f := range frames {
		m := gjson.ParseBytes(f.Data)
		params, sdp := m.Get("params"), ufragOf(m.Get("params.sdp").Str)
		dialog := params.Get("dialogParams")
		switch f.Dir + " " + m.Get("method").Str {
		case "in verto.invite":
			c := &framedCall{theirs: sdp}
			scan(dialog.Get("caller_id_number").Str, inhabitant(0), &c.user)
			scan(dialog.Get("destination_number").Str, farNumber(0), &c.number)
			calls[dialog.Get("callID").Str] = c
		case "out verto.answer":
			calls[params.Get("callID").Str].mine = sdp
		case "out verto.invite":
			c := &framedCall{mine: sdp, talk: talk{in: true}}
			scan(params.Get("verto_h_did").Str, ownNumber(0), &c.user)
			scan(params.Get("caller_id_number").Str, farNumber(0), &c.number)
			calls[params.Get("callID").Str] = c
		case "in verto.answer":
			calls[dialog.Get("callID").Str].theirs = sdp
		}
	}
	return calls
}

// scan reads the number at the end of text, which reads like zero otherwise; -1
// if it does not.
func scan(text, zero string, n *int) {
	*n = -1
	if start := strings.TrimRight(zero, "0"); strings.HasPrefix(text, start) && len(text) == len(zero) {
		_, _ = fmt.Sscanf(text[len(start):], "%d", n)
	}
}

// A resident is a Matrix user who makes many calls at once: plain events, without
// sound.
type resident struct {
	*world
	number int
	user   *hometest.User

	rooms   map[string]string // by ghost
	calls   map[string]*matrixCall
	handled int // events
	err     error
}

// A matrixCall is what a user knows of a call.
type matrixCall struct {
	talk
	id, room, party string
	mine, theirs    string // the ufrags of the two sides
	up, over        bool
}

// live makes and takes all calls, and ends its share of them when everybody has
// theirs.
func (r *resident) live() error {
	for n := range numbers {
		if callsFirst(n) {
			r.rings(r.number, n)
		} else if err := r.meet(n); err != nil {
			return fmt.Errorf("%s calls %s: %w", r.user.ID, farNumber(n), err)
		}
	}
	if err := r.until(func(c *matrixCall) bool { return c.up }); err != nil {
		return err
	}
	select {
	case <-r.world.up:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	for _, c := range r.calls {
		if c.endedByUser() {
			if err := r.say(c, "m.call.hangup", map[string]any{"reason": "user_hangup"}); err != nil {
				return err
			}
			c.over = true
		}
	}
	return r.until(func(c *matrixCall) bool { return c.over })
}

// until handles events until a condition holds for all calls.
func (r *resident) until(condition func(*matrixCall) bool) error {
	all := func() bool {
		n := 0
		for _, c := range r.calls {
			if condition(c) {
				n++
			}
		}
		return n == 2*numbers
	}
	if all() {
		return nil
	}
	i := 0
	_, err := r.user.WaitEvent(r.ctx, func(e gjson.Result) bool {
		if i++; i > r.handled {
			r.handled = i
			r.err = r.handle(e)
		}
		return r.err != nil || all()
	})
	if err == nil {
		err = r.err
	}
	if err != nil {
		var waiting []talk
		for _, c := range r.calls {
			if !condition(c) {
				waiting = append(waiting, c.talk)
			}
		}
		return fmt.Errorf("%s, %d calls, waiting for %+v: %w", r.user.ID, len(r.calls), waiting, err)
	}
	return nil
}

// meet makes a room with a number and calls at once.
func (r *resident) meet(n int) error {
	ghost := r.at.ghost(farNumber(n))
	made, err := r.user.Do(r.ctx, http.MethodPost, "/_matrix/client/v3/createRoom", map[string]any{
		"preset": "trusted_private_chat", "is_direct": true, "invite": []string{ghost},
	})
	if err != nil {
		return err
	}
	r.rooms[ghost] = made.Get("room_id").Str
	return r.dial(n)
}

// dial calls a number in the room with it.
func (r *resident) dial(n int) error {
	c := r.begin(uuid.NewString(), talk{user: r.number, number: n})
	if err := r.say(c, "m.call.invite", map[string]any{
		"lifetime": (5 * time.Minute).Milliseconds(), "offer": map[string]any{"type": "offer", "sdp": c.sdp()},
	}); err != nil {
		return err
	}
	return r.say(c, "m.call.candidates", map[string]any{"candidates": []any{
		map[string]any{"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0},
	}})
}

const candidate = "candidate:1 1 udp 2122260223 127.0.0.1 48595 typ host"

func (r *resident) begin(id string, k talk) *matrixCall {
	c := &matrixCall{
		talk: k, id: id, room: r.rooms[r.at.ghost(farNumber(k.number))],
		party: "LOAD" + uuid.NewString()[:8], mine: uuid.NewString()[:8],
	}
	r.calls[id] = c
	return c
}

// sdp is the offer of a client, with the call's own ufrag.
func (c *matrixCall) sdp() string { return strings.Replace(setupOffer, "LmjS", c.mine, 1) }

// handle does what a client does with an event.
func (r *resident) handle(e gjson.Result) error {
	sender, room, content := e.Get("sender").Str, e.Get("room_id").Str, e.Get("content")
	if sender == r.user.ID {
		return nil
	}
	c := r.calls[content.Get("call_id").Str]
	if typ := e.Get("type").Str; c == nil {
		switch {
		case typ == "m.room.member" && content.Get("membership").Str == "invite" && e.Get("state_key").Str == r.user.ID:
			return r.join(sender, room)
		case typ == "m.call.invite":
			return r.accept(sender, room, content)
		}
		return nil
	}
	if c.room != room || sender != r.at.ghost(farNumber(c.number)) {
		return fmt.Errorf("an event of %+v came from %s in %s: %s", *c, sender, room, e.Raw)
	}
	switch e.Get("type").Str {
	case "m.call.answer":
		c.theirs = ufragOf(content.Get("answer.sdp").Str)
		r.isUp(c)
		if !callsFirst(c.number) {
			r.rings(r.number, c.number)
		}
		return r.say(c, "m.call.select_answer", map[string]any{"selected_party_id": content.Get("party_id").Str})
	case "m.call.select_answer":
		if content.Get("selected_party_id").Str != c.party {
			return fmt.Errorf("another answer than that of %+v was taken: %s", *c, e.Raw)
		}
		r.isUp(c)
		if callsFirst(c.number) {
			return r.dial(c.number)
		}
	case "m.call.hangup", "m.call.reject":
		if !c.up || c.endedByUser() || content.Get("reason").Str != "user_hangup" {
			return fmt.Errorf("%+v ends: %s", *c, e.Raw)
		}
		c.over = true
	}
	return nil
}

// join comes into the one room that a number which calls has made.
func (r *resident) join(ghost, room string) error {
	if other, ok := r.rooms[ghost]; ok && other != room {
		return fmt.Errorf("%s has the rooms %s and %s with %s", ghost, other, room, r.user.ID)
	}
	r.rooms[ghost] = room
	_, err := r.user.Do(r.ctx, http.MethodPost, "/_matrix/client/v3/rooms/"+url.PathEscape(room)+"/join", map[string]any{})
	var said *hometest.Error
	if errors.As(err, &said) && said.Status == http.StatusAccepted { // Dendrite's word that it takes longer
		return nil
	}
	return err
}

func (r *resident) accept(ghost, room string, content gjson.Result) error {
	if r.rooms[ghost] != room {
		return fmt.Errorf("%s is called by %s in %s, not in %s", r.user.ID, ghost, room, r.rooms[ghost])
	}
	k := talk{user: r.number, in: true}
	for n := range numbers {
		if r.at.ghost(farNumber(n)) == ghost {
			k.number = n
		}
	}
	c := r.begin(content.Get("call_id").Str, k)
	c.theirs = ufragOf(content.Get("offer.sdp").Str)
	sdp := strings.Replace(c.sdp(), "a=setup:actpass", "a=setup:active", 1) + "a=" + candidate + "\r\n"
	return r.say(c, "m.call.answer", map[string]any{"answer": map[string]any{"type": "answer", "sdp": sdp}})
}

// say sends an event of a call.
func (r *resident) say(c *matrixCall, typ string, content map[string]any) error {
	content["call_id"], content["version"], content["party_id"] = c.id, "1", c.party
	path := fmt.Sprintf("/_matrix/client/v3/rooms/%s/send/%s/%s", url.PathEscape(c.room), typ, uuid.NewString())
	_, err := r.user.Do(r.ctx, http.MethodPut, path, content)
	return err
}
