package console

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
	"vertigo/transports/matrix"
)

// joint is a capture of one call, from its beginning to its end.
const joint = "../testdata/captures/joint/q3_busy_9199.ndjson"

// plainRules begin and end calls, and tell whom they are of.
const plainRules = `
[[rule]]
name = "begins"
on = "matrix m.call.invite"
new = true
next = "ringing"
set = { direction = '"out"', user = 'msg.sender', number = 'msg.content.number' }
send = { to = "verto", type = "verto.invite", body = { sdp = 'v=0', dialogParams = { callID = '${ call.uuid }' } } }
[[rule]]
name = "answered"
on = "verto verto.answer"
in = "ringing"
next = "talking"
set.answered = 'now'
[[rule]]
name = "counted"
on = "matrix m.call.candidates"
also = true
[[rule]]
name = "noted"
on = "matrix m.call.candidates"
[[rule]]
name = "fails"
on = "matrix m.call.negotiate"
when = 'int(msg.content.party_id) > 0'
[[rule]]
name = "ends"
on = "matrix m.call.hangup"
set.cause = 'msg.content.cause ?? "NORMAL_CLEARING"'
next = "end"
`

// says lets a Matrix user say something about a call, a second later.
func (w *world) says(typ, call, more string) []engine.Action {
	w.now = w.now.Add(time.Second)
	body := fmt.Sprintf(`{"type":%q,"room_id":"!r","sender":"@anna:example.org","content":{"call_id":%q%s}}`, typ, call, more)
	return w.step(w.now, engine.Message{Transport: "matrix", Type: typ, Key: call, Scope: "!r", At: w.now, Body: json.RawMessage(body)})
}

// answers lets the far end say something.
func (w *world) answers(typ string, a engine.Action) {
	w.now = w.now.Add(time.Second)
	w.step(w.now, engine.Message{Transport: "verto", Type: typ, Key: a.Key, At: w.now, Body: json.RawMessage(`{}`)})
}

func (w *world) story(id string) (s Story) {
	w.t.Helper()
	w.get("/api/calls/"+id, &s)
	return s
}

// A call of a capture with the shipped rules is summed up as it was.
func TestARealCall(t *testing.T) {
	w := newWorld(t, ownRules)
	w.play(capturedCalls(t, joint))
	w.finish()
	calls := w.all().Calls
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	c := calls[0]
	if c.State != "end" || c.Direction != "out" || c.User != "@alice:hs.test" || c.Number != "9196" || c.Cause != "USER_BUSY" ||
		c.Ended.Before(c.Begun) || c.Ended.IsZero() || c.TalkedMS != 0 || c.Failed != 0 || c.Connection {
		t.Errorf("%+v", c)
	}
	var peers []string
	for _, k := range c.Keys {
		peers = append(peers, k.Transport)
	}
	if !slices.Equal(peers, []string{"matrix", "verto"}) {
		t.Errorf("keys: %+v", c.Keys)
	}
	s := w.story(c.ID)
	first, last := s.Steps[0], s.Steps[len(s.Steps)-1]
	if !first.Began || first.Type != "m.call.invite" || first.Place == "" || last.Type != "call.end" {
		t.Errorf("first %+v, last %+v", first, last)
	}
	messages := 0
	for i, step := range s.Steps {
		if step.N != i {
			t.Errorf("step %d has the number %d", i, step.N)
		}
		if !step.Again {
			messages++
		}
	}
	if messages != c.Messages || s.Dropped != 0 {
		t.Errorf("%d messages, of which the call has %d; %d dropped", messages, c.Messages, s.Dropped)
	}
}

func TestSummary(t *testing.T) {
	w := newWorld(t, plainRules)
	begun := w.now.Add(time.Second)
	invite := w.says("m.call.invite", "one", `,"number":"+441632960001"`)
	w.says("m.call.candidates", "one", "")
	w.says("m.call.negotiate", "one", `,"party_id":"nobody"`)
	w.answers("verto.answer", invite[0])
	id := string(invite[0].Call)
	want := Call{
		ID: id, Order: 1, State: "talking", Direction: "out", User: "@anna:example.org", Number: "+441632960001", Begun: begun,
		Messages: 4, Failed: 1, Keys: []Key{{"matrix", "one"}, {"verto", invite[0].Key}},
	}
	if diff := cmp.Diff(want, w.story(id).Call); diff != "" {
		t.Errorf("under way (-want +got):\n%s", diff)
	}
	w.says("m.call.hangup", "one", `,"cause":"USER_BUSY"`)
	want.State, want.Cause, want.Messages = "end", "USER_BUSY", 6 // and the engine's own last word
	want.Answered, want.Ended, want.TalkedMS = begun.Add(3*time.Second), begun.Add(4*time.Second), 1000
	s := w.story(id)
	if diff := cmp.Diff(want, s.Call); diff != "" {
		t.Errorf("in the end (-want +got):\n%s", diff)
	}
	var steps []string
	for _, step := range s.Steps {
		steps = append(steps, fmt.Sprintf("%d %s %s %q %s>%s again:%v error:%v", step.N, step.Type, step.Outcome, step.Rule, step.From, step.To, step.Again, step.Error != ""))
	}
	if diff := cmp.Diff([]string{
		`0 m.call.invite fired "begins" >ringing again:false error:false`,
		`1 m.call.candidates fired "counted" ringing>ringing again:false error:false`,
		`2 m.call.candidates fired "noted" ringing>ringing again:true error:false`,
		`3 m.call.negotiate failed "fails" > again:false error:true`,
		`4 verto.answer fired "answered" ringing>talking again:false error:false`,
		`5 m.call.hangup fired "ends" talking>end again:false error:false`,
		`6 call.end unmatched "" > again:false error:false`,
	}, steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.explained(want)
	w.says("m.call.hangup", "one", "") // late
	if s := w.story(id); len(s.Steps) != 8 || s.Call.State != "end" || s.Steps[7].Outcome != "late" {
		t.Errorf("%+v", s)
	}
}

// A message that waited for its call is one message, given when it came.
func TestWhatWaited(t *testing.T) {
	w := newWorld(t, plainRules)
	w.says("m.call.candidates", "one", "")
	invite := w.says("m.call.invite", "one", `,"number":"1"`)
	w.says("m.call.candidates", "two", "") // for ever
	id := string(invite[0].Call)
	s := w.story(id)
	if len(s.Steps) != 3 || s.Steps[1].Type != "m.call.candidates" || !s.Steps[2].Again || s.Call.Messages != 2 {
		t.Errorf("%+v", s)
	}
	past := w.recorder.past(1)
	var list []string
	for _, g := range past.list {
		list = append(list, fmt.Sprintf("%d %s %v", g.Step, g.message.Type, g.call != ""))
	}
	if diff := cmp.Diff([]string{"1 m.call.candidates true", "2 m.call.invite true", "3 m.call.candidates false"}, list); diff != "" || !past.whole(past.begun) {
		t.Errorf("%+v; (-want +got):\n%s", past, diff)
	}
	w.explained(s.Call)
}

// Messages that come together are gone through together: an invite and its hangup
// never dial.
func TestBatches(t *testing.T) {
	w := newWorld(t, plainRules)
	message := func(typ, call string) engine.Message {
		body := fmt.Sprintf(`{"type":%q,"sender":"@anna:example.org","content":{"call_id":%q,"number":"1"}}`, typ, call)
		return engine.Message{Transport: "matrix", Type: typ, Key: call, Scope: "!r", At: w.now, Body: json.RawMessage(body)}
	}
	w.step(w.now, message("m.call.invite", "one"), message("m.call.hangup", "one"), message("m.call.invite", "two"))
	w.step(w.now, message("m.call.hangup", "two"))
	w.step(w.now.Add(time.Second), message("m.call.hangup", "three"))
	var sizes []int
	for _, b := range batches(w.recorder.past(10).list) {
		sizes = append(sizes, len(b.messages))
	}
	// Before the second step the engine said that the first call has ended.
	if !slices.Equal(sizes, []int{3, 1, 1}) {
		t.Errorf("batches of %d", sizes)
	}
	for _, c := range w.all().Calls {
		w.explained(c)
	}
}

// However much comes together, it is kept, and that it came together.
func TestALongStep(t *testing.T) {
	w := newWorld(t, plainRules)
	id := w.says("m.call.invite", "one", `,"number":"1"`)[0].Call
	page, leave := w.recorder.join(id)
	defer leave()
	const n = 5 * notesOfSheet
	var batch []engine.Message
	for i := range n {
		m := engine.Message{Transport: "matrix", Type: "m.call.invite", Key: fmt.Sprint("many", i), Scope: "!r", At: w.now, Body: json.RawMessage(`{"content":{"number":"1"}}`)}
		switch {
		case i == n-1:
			m.Type, m.Key = "m.call.candidates", "one"
		case i%2 == 0:
			m.Type, m.Key, m.Scope = "org.example.noise", "", ""
		}
		batch = append(batch, m)
	}
	w.step(w.now, batch...)
	<-page.wake
	w.says("m.call.candidates", "one", "")
	list := batches(w.recorder.past(n).list)
	if len(list) != 3 || len(list[1].messages) != n {
		t.Errorf("%d batches", len(list))
	}
	if calls, steps := w.all().Total, w.story(string(id)).Steps; calls != 1+n/2 || len(steps) != 5 {
		t.Errorf("%d calls, of one of them %d steps", calls, len(steps))
	}
}

// A call whose rules were replaced is explained by those that it began with.
func TestAfterAReload(t *testing.T) {
	w := newWorld(t, plainRules)
	one := w.says("m.call.invite", "one", `,"number":"1"`)
	w.reload(strings.ReplaceAll(plainRules, `"ends"`, `"ends anew"`))
	two := w.says("m.call.invite", "two", `,"number":"1"`)
	w.says("m.call.hangup", "one", "")
	w.says("m.call.hangup", "two", "")
	for i, want := range map[engine.CallID]string{one[0].Call: "ends", two[0].Call: "ends anew"} {
		s := w.story(string(i))
		if got := s.Steps[1].Rule; got != want {
			t.Errorf("%s ended by %q", i, got)
		}
		w.explained(s.Call)
	}
}

// A key that is free again begins another call of the same id.
func TestTheSameIDAgain(t *testing.T) {
	w := newWorld(t, plainRules)
	first := w.says("m.call.invite", "one", `,"number":"1"`)
	w.says("m.call.hangup", "one", "")
	w.now = w.now.Add(time.Hour)
	second := w.says("m.call.invite", "one", `,"number":"2"`)
	if first[0].Call != second[0].Call {
		t.Fatal("the ids differ")
	}
	if calls := w.all(); calls.Total != 1 || calls.Calls[0].Number != "2" || calls.Calls[0].Messages != 1 {
		t.Errorf("%+v", calls)
	}
	if past := w.recorder.past(10); !past.whole(w.now) {
		t.Error("what is lost was over long before")
	}
	if w.recorder.lostAt.IsZero() {
		t.Error("nothing is lost")
	}
}

// What is kept of one call is bounded: its beginning and its end stay.
func TestStepsOfACallAreBounded(t *testing.T) {
	w := newWorld(t, plainRules)
	id := string(w.says("m.call.invite", "one", `,"number":"1"`)[0].Call)
	const n = 2*mostSteps + 7
	for range n {
		w.says("m.call.negotiate", "one", `,"party_id":"1"`)
	}
	s := w.story(id)
	if len(s.Steps) > mostSteps || len(s.Steps) < mostSteps-firstSteps || s.Dropped+len(s.Steps) != n+1 || s.Call.Messages != n+1 {
		t.Fatalf("%d steps are kept, %d dropped; %+v", len(s.Steps), s.Dropped, s.Call)
	}
	if s.Steps[0].N != 0 || s.Steps[firstSteps-1].N != firstSteps-1 || s.Steps[len(s.Steps)-1].N != n {
		t.Error("the first ones and the last ones are not there")
	}
	var d Detail
	w.get(fmt.Sprintf("/api/calls/%s/steps/%d", id, n), &d)
	if !strings.HasPrefix(d.Note, "Of this call's messages some are no longer kept") {
		t.Errorf("the note is %q", d.Note)
	}
	want := 0
	for _, c := range w.recorder.all {
		for i := range c.steps {
			want += c.steps[i].bytes()
		}
	}
	if w.recorder.bytes != want {
		t.Errorf("counts %d bytes of %d", w.recorder.bytes, want)
	}
}

// One call of long messages does not have all others forgotten.
func TestACallOfLongMessages(t *testing.T) {
	w := newWorld(t, plainRules)
	w.says("m.call.invite", "short", `,"number":"1"`)
	w.says("m.call.hangup", "short", "")
	id := string(w.says("m.call.invite", "long", `,"number":"1"`)[0].Call)
	long := strings.Repeat("x", 900<<10)
	for range 2 * mostBytes / len(long) {
		w.says("m.call.negotiate", "long", `,"party_id":"1","x":"`+long+`"`)
	}
	s := w.story(id)
	if n := len(s.Steps); n < 2 || n > 6 || s.Steps[0].N != 0 || s.Dropped+n != s.Call.Messages {
		t.Errorf("%d steps are kept, %d dropped", n, s.Dropped)
	}
	if w.all().Total != 2 {
		t.Error("the other call is forgotten")
	}
}

// Whatever peers say, and however long: no more is kept than is allowed. Calls that
// have ended go first, and calls under way stay known.
func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t, plainRules)
	lives := w.says("m.call.invite", "lives", `,"number":"1"`)[0].Call
	long := strings.Repeat("x", 512<<10)
	for i := range 2 * mostBytes / len(long) {
		call := fmt.Sprint("call", i)
		w.says("m.call.invite", call, `,"number":"1","sdp":"`+long+`"`)
		w.says("m.call.hangup", call, "")
		w.says("org.example.noise", "", `,"noise":"`+long+`"`)
	}
	check := func() {
		t.Helper()
		r := w.recorder
		r.enterAll()
		bytes := 0
		for _, c := range r.calls {
			for i := range c.steps {
				bytes += c.steps[i].bytes()
			}
		}
		loose := 0
		for _, s := range r.looseSteps() {
			loose += s.bytes()
		}
		if bytes != r.bytes || loose != r.loose.weighs() || bytes > mostBytes || loose > looseBytes+heavySheet {
			t.Errorf("%d bytes, counted as %d; of no call %d, counted as %d", bytes, r.bytes, loose, r.loose.weighs())
		}
	}
	check()
	if s := w.story(string(lives)); len(s.Steps) != 1 || !s.Call.Ended.IsZero() {
		t.Errorf("the call under way: %+v", s.Call)
	}
	if n := w.all().Total; n < 20 || n > 60 {
		t.Errorf("%d calls are kept", n)
	}
	for i := range 2 * mostBytes / len(long) { // of calls under way what happened is lost
		w.says("m.call.invite", fmt.Sprint("live", i), `,"number":"1","sdp":"`+long+`"`)
	}
	check()
	if n, want := w.all().Total, 1+2*mostBytes/len(long); n != want {
		t.Errorf("%d calls are known, %d are under way", n, want)
	}
	s := w.story(string(lives))
	if len(s.Steps) != 0 || s.Dropped != 1 || s.Call.Number != "1" {
		t.Errorf("the first call: %+v", s)
	}
	w.says("m.call.negotiate", "lives", `,"party_id":"1"`)
	var d Detail
	w.get("/api/calls/"+string(lives)+"/steps/1", &d)
	if d.Note == "" || d.Step.Type != "m.call.negotiate" {
		t.Errorf("%+v", d)
	}
}

// Where nobody asks, calls that have ended go first as well, each as a whole, and
// calls under way stay. Rules' hits stay, whatever goes.
func TestWhatGoesUnasked(t *testing.T) {
	w := newWorld(t, plainRules)
	r := w.recorder
	lives := string(w.says("m.call.invite", "lives", `,"number":"1"`)[0].Call)
	gone := w.says("m.call.invite", "gone", `,"number":"1"`)[0].Call
	long := strings.Repeat("x", 10_000)
	const n = 5000
	for i := range n {
		call := fmt.Sprint("call", i)
		w.says("m.call.invite", call, `,"number":"1","sdp":"`+long+`"`)
		w.says("m.call.hangup", call, "")
		switch i {
		case n / 2: // a part of it is with the calls by now
			w.says("m.call.hangup", "gone", "")
		case n - 2:
			w.says("m.call.candidates", "lives", "")
		}
		if n := r.notes.weighs() + r.bytes; n > mostBytes+2*heavySheet {
			t.Fatalf("%d bytes are kept", n)
		}
	}
	if len(r.calls) > 2 {
		t.Errorf("%d calls were entered before anybody asked", len(r.calls))
	}
	s := w.story(lives)
	if len(s.Steps) != 3 || !s.Steps[0].Began || s.Dropped != 0 || s.Call.Number != "1" || s.Call.State != "ringing" {
		t.Errorf("the call under way: %+v", s)
	}
	calls := w.all()
	if calls.Total < 500 || calls.Total > n/2 || r.calls[gone] != nil {
		t.Errorf("%d calls are kept; %v", calls.Total, r.calls[gone])
	}
	if first := calls.Calls[0]; first.Keys[0].Key != fmt.Sprint("call", n-1) {
		t.Errorf("the newest is %+v", first)
	}
	for _, c := range r.all {
		if !c.forgotten && c.id != engine.CallID(lives) && (len(c.steps) != 3 || !c.steps[0].began || c.dropped != 0) {
			t.Errorf("of %s there are %d steps", c.id, len(c.steps))
		}
	}
	var hits RuleHits
	w.get("/api/rules", &hits)
	for _, h := range hits.Rules {
		if want := map[string]int{"begins": n + 2, "ends": n + 1, "counted": 1, "noted": 1}[h.Name]; h.Hits != want {
			t.Errorf("%q has fired %d times, not %d", h.Name, h.Hits, want)
		}
	}
	if r.lostAt.IsZero() {
		t.Error("nothing is lost")
	}
}

// What is kept until its sheet is full is little, however long messages are, or what is
// sent for them.
func TestLongMessagesUnasked(t *testing.T) {
	w := newWorld(t, plainRules+`
[[rule]]
name = "says much for little"
on = "matrix org.example.little"
in = "ringing"
send = { to = "verto", type = "verto.info", body = { msg = '${ call.number }' } }
`)
	long, most := strings.Repeat("1", 200_000), 0
	for i := range 1000 {
		call, number := fmt.Sprint("call", i), long[:15_000]
		if i%5 == 0 {
			number = long
		}
		w.says("m.call.invite", call, `,"number":"`+number+`"`)
		w.says("org.example.little", call, "")
		w.says("m.call.hangup", call, "")
		most = max(most, w.recorder.notes.weighs()+w.recorder.bytes)
	}
	if most < mostBytes-2*heavySheet || most > mostBytes+2*heavySheet {
		t.Errorf("%d bytes were kept", most)
	}
}

// Where nobody asks, a call of very many messages does not have all others
// forgotten, be it under way or over.
func TestACallOfManyMessages(t *testing.T) {
	for _, over := range []bool{false, true} {
		w := newWorld(t, plainRules)
		w.says("m.call.invite", "short", `,"number":"1"`)
		w.says("m.call.hangup", "short", "")
		id := string(w.says("m.call.invite", "long", `,"number":"1"`)[0].Call)
		if over {
			w.says("m.call.hangup", "long", "")
		}
		long := strings.Repeat("x", 10_000)
		for range 2 * mostBytes / len(long) {
			w.says("m.call.negotiate", "long", `,"party_id":"1","x":"`+long+`"`)
			w.now = w.now.Add(-time.Second) // within the minutes for which ended calls are remembered
		}
		s := w.story(id)
		if n := len(s.Steps); n < firstSteps || n > mostSteps || s.Steps[0].N != 0 || s.Dropped == 0 {
			t.Errorf("%d steps are kept, %d dropped", n, s.Dropped)
		}
		if w.all().Total != 2 {
			t.Error("the other call is forgotten")
		}
	}
}

func TestEndedCallsAreBounded(t *testing.T) {
	w := newWorld(t, plainRules)
	const n = mostEnded + 500
	for i := range n {
		call := fmt.Sprint("call", i)
		w.says("m.call.invite", call, `,"number":"1"`)
		w.says("m.call.hangup", call, "")
	}
	r := w.recorder
	newest := w.all().Calls[0]
	if len(r.calls) < mostEnded/2 || len(r.calls) > mostEnded || len(r.calls) != r.ended.len() || len(r.all)-r.forgotten != len(r.calls) || len(r.all) > 2*mostEnded {
		t.Errorf("%d calls, %d ended, %d of %d forgotten", len(r.calls), r.ended.len(), r.forgotten, len(r.all))
	}
	if newest.Keys[0].Key != fmt.Sprint("call", n-1) {
		t.Errorf("the newest is %+v", newest)
	}
}

// What somebody was given of a call stays as it was when that is forgotten.
func TestStepsThatSomebodyHasStay(t *testing.T) {
	w := newWorld(t, plainRules)
	r := w.recorder
	begin := func(call string) engine.CallID { return w.says("m.call.invite", call, `,"number":"1"`)[0].Call }
	asked, shown := begin("asked"), begin("shown")
	page, leave := r.join(shown)
	w.says("m.call.hangup", "shown", "")
	w.all()
	leave()
	w.says("m.call.hangup", "asked", "")
	_, steps, _, _ := r.story(asked)
	given := make([]*step, 0, len(steps)+len(page.steps))
	for i := range steps {
		given = append(given, &steps[i])
	}
	given = append(given, page.steps...)
	told := func() (list []string) {
		for _, s := range given {
			list = append(list, fmt.Sprint(s.n, s.given, s.now, s.message.Type, s.message.Key, s.from, s.to, len(s.actions)))
		}
		return list
	}
	before := told()
	if len(steps) < 2 || len(page.steps) < 1 {
		t.Fatal(before)
	}
	for i := range mostEnded {
		call := fmt.Sprint("call", i)
		begin(call)
		w.says("m.call.hangup", call, "")
	}
	w.all()
	if r.calls[asked] != nil || r.calls[shown] != nil {
		t.Error("they are not forgotten")
	}
	if diff := cmp.Diff(before, told()); diff != "" {
		t.Errorf("they have changed (-before +after):\n%s", diff)
	}
}

// Observing a message allocates nothing where another one is let go of: what is told
// is kept where it stands.
func TestObservingMakesNothing(t *testing.T) {
	w := newWorld(t, plainRules)
	id := w.says("m.call.invite", "one", `,"number":"1"`)[0].Call
	m := engine.Message{Transport: "matrix", Type: "m.call.candidates", Key: "one", Body: json.RawMessage(`{}`)}
	trace := engine.Trace{Message: &m, Outcome: engine.Fired, Call: id, Nth: 2, Rule: &engine.Rule{Name: "noted"}, From: "ringing", To: "ringing"}
	observe := func() {
		w.recorder.Observe(trace)
		w.recorder.Stepped(w.engine)
	}
	for range 2 * mostBytes / stepBytes {
		observe()
	}
	if n := testing.AllocsPerRun(mostSteps, observe); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A note is as long as two lines of a processor's cache, and a sheet has no more than
// its allocation.
func TestNotesAreShort(t *testing.T) {
	if n, s := unsafe.Sizeof(note{}), unsafe.Sizeof(sheet{}); n != 128 || s > 8<<10 {
		t.Errorf("a note has %d bytes, a sheet %d", n, s)
	}
}

// heap gives how many bytes are in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// What is kept of a message is no piece of a text that holds all of it.
func TestNoMessageIsHeldByItsNames(t *testing.T) {
	w := newWorld(t, plainRules)
	codec := matrix.NewCodec("matrix")
	say := func(typ, call, more string) {
		w.now = w.now.Add(time.Second)
		data := fmt.Appendf(nil, `{"type":%q,"event_id":"$%d","room_id":"!%s:example.org","sender":"@anna:example.org","content":{"call_id":%q%s}}`, typ, w.now.UnixNano(), call, call, more)
		list, err := codec.In(w.now, "", data)
		if err != nil || len(list) != 1 {
			t.Fatal(err, len(list))
		}
		w.step(w.now, list...)
	}
	before := heap()
	long := strings.Repeat("x", 30_000)
	const ended, live = 300, 2000
	for i := range ended + live {
		call := fmt.Sprint("call", i)
		say("m.call.invite", call, `,"number":"1","sdp":"`+long+`"`)
		if i < ended {
			say("m.call.hangup", call, `,"cause":"USER_BUSY"`)
		}
	}
	w.engine = nil
	grown, counted := heap()-before, w.recorder.bytes+w.recorder.notes.weighs()+w.recorder.loose.weighs()
	if grown > counted*3/2 {
		t.Errorf("%d MiB are kept, counted as %d", grown>>20, counted>>20)
	}
	runtime.KeepAlive(codec)
	runtime.KeepAlive(w.recorder)
}

// What is kept of a message does not hold the others that came with it.
func TestNoMessageIsHeldByAnother(t *testing.T) {
	w := newWorld(t, plainRules)
	before := heap()
	const batches, many = 100, 40
	for i := range batches {
		w.now = w.now.Add(time.Second)
		var batch []engine.Message
		for n := range many {
			m := engine.Message{Transport: "matrix", Type: "org.example.noise", At: w.now, Body: fmt.Appendf(nil, `{"n":%d,"noise":%q}`, n, strings.Repeat("x", 30_000))}
			if n == 0 {
				m.Type, m.Key, m.Body = "m.call.invite", fmt.Sprint("call", i), []byte(`{"content":{"number":"1"}}`)
			}
			batch = append(batch, m)
		}
		w.step(w.now, batch...)
	}
	grown, counted := heap()-before, w.recorder.bytes+w.recorder.notes.weighs()+w.recorder.loose.weighs()
	if grown > counted*3/2 {
		t.Errorf("%d KiB are kept, counted as %d", grown>>10, counted>>10)
	}
	runtime.KeepAlive(w)
}

// The names of a call, and what a message is called, count as well.
func TestLongNames(t *testing.T) {
	w := newWorld(t, plainRules)
	for i := range 100 {
		w.says(fmt.Sprint(i, strings.Repeat("t", 60_000)), "one", "")
	}
	w.all()
	if n := len(w.recorder.looseSteps()); n > looseBytes/60_000 {
		t.Errorf("%d messages of long types are kept", n)
	}
	var c record
	for i := range 10 * mostKeys {
		c.key("verto", fmt.Sprint(i))
	}
	if len(c.keys) != mostKeys {
		t.Errorf("%d keys", len(c.keys))
	}
}

// What is lost of long ago makes no explanation of today unsure.
func TestWhatIsLostOfLongAgo(t *testing.T) {
	w := newWorld(t, plainRules)
	unsure := func(id engine.CallID, want bool) {
		t.Helper()
		var d Detail
		w.get(fmt.Sprintf("/api/calls/%s/steps/0", id), &d)
		if got := d.Note != ""; got != want {
			t.Errorf("the note is %q", d.Note)
		}
	}
	first := w.says("m.call.invite", "first", `,"number":"1"`)[0].Call
	w.says("m.call.invite", "second", `,"number":"1"`)
	w.says("m.call.hangup", "second", "")
	third := w.says("m.call.invite", "third", `,"number":"1"`)[0].Call
	unsure(third, false)
	w.recorder.mu.Lock()
	gone, _ := w.recorder.ended.pop()
	w.recorder.forget(gone)
	w.recorder.mu.Unlock()
	w.says("m.call.candidates", "third", "")
	w.api.explains.call = "" // it remembers
	unsure(third, true)      // the first call is under way since then
	unsure(first, true)
	w.says("m.call.hangup", "first", "")
	w.says("m.call.hangup", "third", "")
	unsure(w.says("m.call.invite", "fourth", `,"number":"1"`)[0].Call, false)
	if tried := w.tries(File{"rules.toml", plainRules}); tried.Whole || tried.Cut {
		t.Errorf("%+v", tried)
	}
}

// Whoever asks while the engine goes on gets what is whole, and nothing is lost by it.
func TestAskedMeanwhile(t *testing.T) {
	w := newWorld(t, plainRules)
	id := string(w.says("m.call.invite", "lives", `,"number":"1"`)[0].Call)
	const n = 3000
	done := make(chan struct{})
	var asking sync.WaitGroup
	for range 2 {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				page, leave := w.recorder.join(engine.CallID(id))
				_, steps, _, _ := w.recorder.story(engine.CallID(id))
				for i := range steps {
					if steps[i].n != i || steps[i].message == nil {
						t.Errorf("step %d is %+v", i, steps[i])
					}
				}
				w.recorder.past(10)
				w.recorder.take(page, true)
				leave()
			}
		})
	}
	for i := range n {
		call := fmt.Sprint("call", i)
		w.says("m.call.invite", call, `,"number":"1"`)
		if i%10 == 0 {
			w.says("m.call.candidates", "lives", "")
		}
		w.says("m.call.hangup", call, "")
		w.says("org.example.noise", "", "")
		if i%1000 == 0 {
			w.reload(plainRules)
		}
	}
	close(done)
	asking.Wait()
	s := w.story(id)
	if len(s.Steps) != 1+2*n/10 || s.Call.Messages != 1+n/10 || s.Dropped != 0 {
		t.Errorf("%d steps, %d messages, %d dropped", len(s.Steps), s.Call.Messages, s.Dropped)
	}
	if calls := w.all(); calls.Total != n+1 {
		t.Errorf("%d calls", calls.Total)
	}
	var hits RuleHits
	w.get("/api/rules", &hits)
	for _, h := range hits.Rules {
		if want := map[string]int{"begins": n + 1, "ends": n, "counted": n / 10, "noted": n / 10}[h.Name]; h.Hits != want {
			t.Errorf("%q has fired %d times, not %d", h.Name, h.Hits, want)
		}
	}
}
