package console

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"vertigo/engine"
	"vertigo/replay"
)

// explainWithin is how long an explanation may take.
const explainWithin = 10 * time.Second

// detail tells one step of a call, and what became of every rule for its message.
func (a *API) detail(w http.ResponseWriter, r *http.Request) {
	id := engine.CallID(r.PathValue("id"))
	n, err := strconv.Atoi(r.PathValue("n"))
	_, steps, dropped, ok := a.recorder.story(id)
	at := slices.IndexFunc(steps, func(s step) bool { return s.n == n })
	if err != nil || !ok || at < 0 {
		http.Error(w, "no such step is kept", http.StatusNotFound)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), explainWithin)
	defer cancel()
	s := &steps[at]
	var tell teller
	tell.meet(steps[:at])
	d := Detail{Step: tell.step(s), Differs: differs(&tell, steps[:at+1]), Candidates: []Candidate{}}
	x, note := a.explains.explain(ctx, a, id, steps, at, dropped)
	d.Note = note
	if x != nil {
		x = replay.WithoutSecrets(x)
		for i := range x.Candidates {
			d.Candidates = append(d.Candidates, candidateOf(&tell, &x.Candidates[i]))
		}
	}
	answer(w, d)
}

func candidateOf(tell *teller, c *engine.Candidate) Candidate {
	why := c.Reason()
	if c.Err != nil {
		why.Text = string(tell.came([]byte(why.Text))) // it may quote the message
	}
	return Candidate{
		Rule: c.Rule.Name, Place: c.Rule.Pos, Verdict: string(c.Verdict),
		Reason: why.Text, Source: why.Source, Where: why.Where, Values: why.Values,
	}
}

// An explainer finds out what became of rules: it lets an engine go once more
// through the messages that are kept. It remembers the last call it was asked
// about, as who asks about one message goes on to the next.
type explainer struct {
	one  chan struct{} // holds a value while somebody is at it
	call engine.CallID
	upTo int // number of the last step that was gone through
	list []*engine.Explanation
	note string
}

// explain explains a step of a call. note says what may not be as it was.
func (e *explainer) explain(ctx context.Context, a *API, id engine.CallID, steps []step, at, dropped int) (x *engine.Explanation, note string) {
	select {
	case e.one <- struct{}{}:
		defer func() { <-e.one }()
	case <-ctx.Done():
		return nil, "Too many explanations are asked for at once."
	}
	if e.call != id || e.upTo < steps[at].n {
		if err := e.run(ctx, a, id, steps); err != nil {
			return nil, "It takes too long to go through all messages once more."
		}
	}
	s := &steps[at]
	x = find(e.list, steps[:at+1])
	switch {
	case dropped > 0:
		note = "Of this call's messages some are no longer kept: what they did is missing here."
	case x == nil:
		note = "What led to this message is no longer kept, so it cannot be explained."
	default:
		note = e.note
	}
	if x != nil && !agrees(x, s) {
		note = "Without what is no longer kept, something else becomes of this message: take this explanation with care."
	}
	return x, note
}

// run goes through all messages up to the last step.
func (e *explainer) run(ctx context.Context, a *API, id engine.CallID, steps []step) error {
	last := &steps[len(steps)-1]
	past := a.recorder.past(math.MaxInt)
	list := slices.DeleteFunc(past.list, func(g given) bool { return g.At.After(last.now) })
	e.call, e.upTo, e.list, e.note = "", 0, nil, ""
	if len(list) == 0 {
		return nil
	}
	if !past.whole(steps[0].now) {
		e.note = "Not all that came before is still kept: a limit may have counted more."
	}
	var found []*engine.Explanation
	rules := list[0].Rules
	en := engine.New(rules, engine.Options{Limits: a.opts.Limits, Explain: func(x *engine.Explanation) {
		if x.Call == id {
			found = append(found, x)
		}
	}})
	for _, b := range batches(list) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if b.Rules != rules {
			rules = b.Rules
			en.SetRules(rules)
		}
		en.Step(b.At, b.messages...)
	}
	en.Step(last.now) // what time alone has brought about
	e.call, e.upTo, e.list = id, last.n, found
	return nil
}

// find finds the explanation of the last of the steps: of the same message at the
// same time. Several may be alike.
func find(list []*engine.Explanation, steps []step) *engine.Explanation {
	s := &steps[len(steps)-1]
	nth := 0
	for i := range steps {
		if !steps[i].again && alike(steps[i].message, steps[i].now, s.message, s.now) {
			nth++
		}
	}
	for _, x := range list {
		if alike(&x.Message, x.Now, s.message, s.now) {
			if nth--; nth <= 0 {
				return x
			}
		}
	}
	return nil
}

func alike(m *engine.Message, at time.Time, other *engine.Message, otherAt time.Time) bool {
	return m.Transport == other.Transport && m.Type == other.Type && at.Equal(otherAt) && bytes.Equal(m.Body, other.Body)
}

// agrees says whether an explanation comes to what has happened.
func agrees(x *engine.Explanation, s *step) bool {
	if s.outcome != engine.Fired {
		return x.Outcome == s.outcome
	}
	return slices.ContainsFunc(x.Candidates, func(c engine.Candidate) bool {
		return c.Verdict == engine.RuleFired && c.Rule.Name == s.rule.Name
	})
}
