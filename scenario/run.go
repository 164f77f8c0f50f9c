package scenario

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
)

// A Result is what came of a scenario.
type Result struct {
	File     string
	Question string
	Steps    []StepResult // that were run, up to the first that failed
	Left     int          // steps that were not run
}

// OK says whether all steps came out as expected.
func (r *Result) OK() bool {
	return r.Left == 0 && !slices.ContainsFunc(r.Steps, func(s StepResult) bool { return !s.OK() })
}

// A StepResult is what came of a step.
type StepResult struct {
	Name   string
	Pos    rules.Pos
	Time   int // counted from 1, of a step that is repeated; else 0
	At     time.Time
	Faults []Fault
	// Messages are those that rules acted on or could have, with what became of each
	// rule; kept of a step that failed alone.
	Messages []*engine.Explanation
}

// OK says whether the step came out as expected.
func (s *StepResult) OK() bool { return len(s.Faults) == 0 }

// A FaultKind says what is wrong in a step.
type FaultKind string

// The kinds of faults.
const (
	Missing    FaultKind = "missing"    // expected, and not sent
	Unexpected FaultKind = "unexpected" // sent, and not expected
	Different  FaultKind = "different"  // sent otherwise than expected
	Wrong      FaultKind = "wrong"      // anything else
)

// A Fault is one thing that is not as the step says.
type Fault struct {
	Kind        FaultKind
	Pos         rules.Pos // in the scenario
	Message     string    // "verto verto.bye"; of a Wrong one what is wrong
	Rule        string    // that sent it
	Differences []Difference
}

// A runner is one run of a scenario.
type runner struct {
	scenario *Scenario
	session  *replay.Session
	world    *world
	result   *Result
	cover    *engine.Coverage

	// Of the step at hand:
	sent     []replay.Sent
	messages []*engine.Explanation
	arrived  []arrival
	faults   []Fault
	fired    []string
}

// An arrival is a message of the step, and what became of it.
type arrival struct {
	typ     string
	outcome engine.Outcome
	err     error
	own     bool // it has not just come
}

// Run runs the scenario from its beginning, and counts in cover, if that is not
// nil, what its messages show of the rules. Runs do not disturb each other.
func (s *Scenario) Run(cover *engine.Coverage) *Result {
	r := &runner{scenario: s, cover: cover, world: newWorld(s.peers), result: &Result{File: s.File, Question: s.Question}}
	if cover != nil {
		cover.Add(s.rules.Ruleset)
	}
	session, err := replay.NewSession(s.start, s.rules.Ruleset, s.peers, replay.SessionOptions{Given: s.given, Emit: r.event, Explain: r.explained})
	if err != nil {
		r.result.Steps = []StepResult{{Name: "the capture", Pos: rules.Pos{File: s.File}, Faults: []Fault{{Kind: Wrong, Message: err.Error()}}}}
		return r.result
	}
	r.session = session
	r.run()
	return r.result
}

func (r *runner) run() {
	steps := r.scenario.steps
	rounds := map[int]int{} // by the step that ends them: how often they were done
	for i := 0; i < len(steps); i++ {
		s := steps[i]
		result := r.step(s)
		if round := r.round(i, rounds); round > 0 {
			result.Time = round
		}
		if r.result.Steps = append(r.result.Steps, result); !result.OK() {
			r.result.Left = len(steps) - i - 1
			return
		}
		if s.repeat == nil {
			continue
		}
		if rounds[i]++; rounds[i] < s.repeat.times {
			i = s.repeat.from - 1
		}
	}
}

// round gives how often a step has been done with this one, 0 if it is not
// repeated.
func (r *runner) round(i int, rounds map[int]int) int {
	for end := i; end < len(r.scenario.steps); end++ {
		if rep := r.scenario.steps[end].repeat; rep != nil && rep.from <= i {
			return rounds[end] + 1
		}
	}
	return 0
}

func (r *runner) step(s *step) StepResult {
	r.sent, r.messages, r.arrived, r.faults, r.fired = nil, nil, nil, nil, nil
	r.session.Wait(s.after)
	if s.stop {
		r.session.Stop("shutdown")
	}
	r.receive(s)
	r.outcomes(s)
	if s.expects {
		r.compare(s)
	}
	r.check(s)
	result := StepResult{Name: s.name, Pos: s.pos, At: r.session.Now(), Faults: r.faults}
	if len(r.faults) > 0 {
		for _, x := range r.messages {
			result.Messages = append(result.Messages, replay.WithoutSecrets(x))
		}
	}
	return result
}

// event is told of all that the engine does.
func (r *runner) event(e replay.Event) {
	if e.CaptureEnd {
		return
	}
	r.world.note(&e)
	if r.session == nil {
		return // it is given: the capture
	}
	t := &e.Trace
	r.arrived = append(r.arrived, arrival{e.Message.Type, t.Outcome, t.Err, ours(&e)})
	if t.Outcome == engine.Fired {
		r.fired = append(r.fired, t.Rule.Name)
	}
	for _, s := range e.Sent {
		r.session.Sent(s.To, s.Frame)
	}
	r.sent = append(r.sent, e.Sent...)
}

func (r *runner) explained(x *engine.Explanation) {
	if r.cover != nil {
		r.cover.Count(x)
	}
	if r.session != nil {
		r.messages = append(r.messages, x)
	}
}

func (r *runner) wrong(pos rules.Pos, format string, args ...any) {
	r.faults = append(r.faults, Fault{Kind: Wrong, Pos: pos, Message: fmt.Sprintf(format, args...)})
}

// receive lets the messages of the step arrive together.
func (r *runner) receive(s *step) {
	var batch []replay.Received
	for _, m := range s.receive {
		data, ok := r.made(m)
		if !ok {
			return
		}
		r.world.expect(m.peer, data)
		batch = append(batch, replay.Received{Transport: m.peer.Name, Place: m.pos.String(), Data: data})
	}
	if len(batch) == 0 {
		return
	}
	meant, err := r.session.Receive(batch...)
	switch {
	case err != nil:
		r.wrong(s.pos, "what is received cannot be read: %v", err)
	case meant < len(batch) && s.outcome != outcomeIgnored:
		r.wrong(s.pos, "%d of %d messages mean nothing to the rules: echoes of what was sent, or replies to nothing", len(batch)-meant, len(batch))
	case meant > 0 && s.outcome == outcomeIgnored:
		r.wrong(s.pos, "what is received was to be ignored, and is not")
	}
}

// made puts a message together: its defaults, and what the scenario says.
func (r *runner) made(m *incoming) ([]byte, bool) {
	r.world.count++
	names := map[string]any{"who": m.who, "type": m.typ, "now": r.session.Now(), "request": nil}
	if of := m.replyTo(); of != "" {
		request, ok := r.world.sent[of]
		if !ok {
			r.wrong(m.pos, "no %s was sent that this could reply to", of)
			return nil, false
		}
		names["request"] = request
	}
	all := r.world.names(names)
	whole := m.json.made(m, r.world)
	list := m.base
	if m.body != nil {
		list = append(slices.Clone(list), m.body)
	}
	for _, v := range list {
		part, f := v.eval(all)
		if f != nil {
			r.wrong(f.pos, "%s", f.msg)
			return nil, false
		}
		whole = over(whole, part)
	}
	if body := whole.(map[string]any); !m.whole && len(m.base) == 0 && m.json == nil && body[m.peer.Shape.Type] == nil {
		body[m.peer.Shape.Type] = m.typ
	}
	data, err := json.Marshal(present(whole))
	if err != nil {
		r.wrong(m.pos, "the message cannot be made: %v", err)
		return nil, false
	}
	return data, true
}

// outcomes checks what became of the messages that came.
func (r *runner) outcomes(s *step) {
	for _, a := range r.arrived {
		switch {
		case a.outcome == engine.Failed && s.outcome != string(engine.Failed):
			r.wrong(s.pos, "%s failed: %v", a.typ, a.err)
		case a.own:
		case a.outcome == engine.Unmatched && s.outcome != string(engine.Unmatched):
			r.wrong(s.pos, "no rule acts on %s", a.typ)
		case s.outcome != "" && s.outcome != string(a.outcome):
			r.wrong(s.pos, "%s is %s, and not %s", a.typ, a.outcome, s.outcome)
		}
	}
}

// check compares what else the step says.
func (r *runner) check(s *step) {
	if s.state != nil && r.world.current["state"] != s.state.Text() {
		state := r.world.current["state"]
		if state == nil {
			r.wrong(s.state.Pos(), "there is no call, and it should be in state %q", s.state.Text())
		} else {
			r.wrong(s.state.Pos(), "the call is in state %q, and not in %q", state, s.state.Text())
		}
	}
	if is := r.world.connection(s); s.conn != nil && is != s.conn.Text() {
		if is == "" {
			r.wrong(s.conn.Pos(), "there is no connection, and it should be in state %q", s.conn.Text())
		} else {
			r.wrong(s.conn.Pos(), "the connection is in state %q, and not in %q", is, s.conn.Text())
		}
	}
	if calls := len(r.session.Calls()); s.calls != nil && *s.calls != calls {
		r.wrong(s.pos, "calls under way: %d, and not %d", calls, *s.calls)
	}
	for _, name := range s.fires {
		if !slices.Contains(r.fired, name) {
			r.wrong(s.pos, "rule %q does not fire", name)
		}
	}
}
