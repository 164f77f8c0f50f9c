package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Explanation tells what became of one message, and of each rule that is for
// messages of its type. Nothing of it changes afterwards.
type Explanation struct {
	Now        time.Time
	Message    Message
	Outcome    Outcome
	Err        error // why it failed
	GaveUp     bool  // it has waited for a call that never began
	Call       CallID
	Connection string // the transport whose connection Call is; "" where it is a call
	From, To   string // the call's state before and after; "" if there is none
	Candidates []Candidate
	Actions    []Action
	// Seen are the parts of all conditions that were asked for the message, in
	// order: of rules, of what they send, of buffers.
	Seen []Seen
}

// A Candidate is a rule that is for messages of a type, and what became of it.
type Candidate struct {
	Rule    *Rule
	Verdict Verdict
	State   string // of the call when the rule was looked at; "" if there was none
	// Connection says that State is that of a connection.
	Connection bool
	// By is the earlier rule after which no further one was tried; nil where this
	// rule had its turn. Its verdict is then what it would have been.
	By *Rule

	// Part is the first piece of the condition that was false, nil where the rule
	// set was compiled without parts; Let is the let that the piece stands in.
	Part   *Part
	Let    string
	Values []Named // what the piece looked at

	Limit *LimitSeen // that had no room, or had some
	Err   error      // why it could not be evaluated
}

// A Verdict says what became of a rule.
type Verdict string

// The verdicts.
const (
	RuleFired    Verdict = "fired"
	RuleFailed   Verdict = "failed"
	RuleHidden   Verdict = "hidden"      // it would have fired, but an earlier rule did
	WrongState   Verdict = "state"       // the call is in none of the rule's states
	OfOther      Verdict = "other"       // it is for calls and this is a connection, or the other way round
	NeedsCall    Verdict = "no call"     // it is for calls under way, and the message is of none
	NeedsNew     Verdict = "call exists" // it begins calls, and this one has begun
	NeedsKey     Verdict = "no key"      // it begins calls, and the message names none
	IsFalse      Verdict = "condition"   // its condition is false
	LimitReached Verdict = "limit"       // one of its limits is exhausted
	LimitHasRoom Verdict = "beyond"      // it is for when a limit is exhausted, and there is room
)

// LimitSeen is how far a limit was used.
type LimitSeen struct {
	Name  string
	Key   string
	Count int
	Max   int
}

// An explainer puts together explanations, one after the other.
type explainer struct {
	tell func(*Explanation)
	now  *Explanation // of the message at hand
	of   map[globKey][]*Rule
}

func newExplainer(tell func(*Explanation)) *explainer {
	if tell == nil {
		return nil
	}
	return &explainer{tell: tell, of: map[globKey][]*Rule{}}
}

// explained lets the rules act on a message as [Engine.act] does, and explains
// it.
func (e *Engine) explained(m *Message, c *Call, key *callKey) bool {
	x := &Explanation{Message: *m, Call: idOf(c)}
	if c != nil {
		x.Connection, x.From = c.connection, c.state
	}
	e.explain.now = x
	acted := e.act(m, c, key)
	e.explain.now = nil
	if x.Outcome == "" {
		if len(x.Candidates) == 0 {
			return acted // the message is everyone's, and no rule is for it
		}
		x.Outcome = Unmatched
	}
	if x.To == "" {
		x.To = x.From
	}
	x.Now = e.now
	e.explain.tell(x)
	return acted
}

// note adds an outcome of the message at hand; that of any other message is all
// that there is to say of it.
func (x *explainer) note(t Trace) {
	if x.now == nil {
		x.tell(&Explanation{Now: t.Now, Message: *t.Message, Outcome: t.Outcome, Err: t.Err, Call: t.Call, GaveUp: t.Outcome == Unmatched})
		return
	}
	if x.now.Outcome != Failed {
		x.now.Outcome = t.Outcome
	}
	if t.Err != nil && x.now.Err == nil {
		x.now.Err = t.Err
	}
	if t.Call != "" {
		x.now.Call = t.Call
	}
	if t.Connection != "" {
		x.now.Connection = t.Connection
	}
	if t.To != "" {
		x.now.To = t.To
	}
	x.now.Actions = append(x.now.Actions, t.Actions...)
}

// candidates lists the rules for a type, in order.
func (x *explainer) candidates(rs *Ruleset, transport, typ string) []*Rule {
	key := globKey{rs, entryKey{transport, typ}}
	list, ok := x.of[key]
	if !ok {
		for _, r := range rs.Rules {
			if rs.matches(r, transport, typ) {
				list = append(list, r)
			}
		}
		if len(x.of) >= maxGlobEntries {
			clear(x.of)
		}
		x.of[globKey{rs, entryKey{strings.Clone(transport), strings.Clone(typ)}}] = list
	}
	return list
}

// look finds out what would become of each rule after last, before the engine
// tries them: what has fired changes what is seen.
func (e *Engine) look(m *Message, key *callKey, last int) {
	x := e.explain.now
	x.Candidates = slices.DeleteFunc(x.Candidates, func(c Candidate) bool { return c.Rule.order > last })
	var by *Rule
	for _, r := range e.explain.candidates(e.frame.rs, m.Transport, m.Type) {
		if r.order <= last || e.shared && !r.InCall {
			continue
		}
		c, seen := e.verdict(r, key)
		if c.By = by; by == nil {
			x.Seen = append(x.Seen, seen...)
		}
		switch {
		case c.Verdict == RuleFired && by != nil:
			c.Verdict = RuleHidden
		case by == nil && (c.Verdict == RuleFired || c.Verdict == RuleFailed):
			by = r
		}
		x.Candidates = append(x.Candidates, c)
	}
}

// failed notes that a rule failed while it fired.
func (x *explainer) failed(r *Rule, err error) {
	for i := range x.now.Candidates {
		if c := &x.now.Candidates[i]; c.Rule == r {
			c.Verdict, c.Err = RuleFailed, err
		}
	}
}

// verdict asks a rule all that [Engine.match] asks it. Nothing changes by it.
func (e *Engine) verdict(r *Rule, key *callKey) (Candidate, []Seen) {
	f := &e.frame
	c := Candidate{Rule: r}
	if f.call != nil {
		c.State, c.Connection = f.call.state, f.call.connection != ""
	}
	switch {
	case f.call != nil && r.InCall && r.OfConnection != c.Connection:
		c.Verdict = OfOther
	case r.begins() && f.call != nil:
		c.Verdict = NeedsNew
	case r.begins() && (key == nil || r.NewConnection != key.isConnection()):
		c.Verdict = NeedsKey
	case f.call == nil && !r.begins() && (key != nil && !key.isConnection() || r.InCall):
		c.Verdict = NeedsCall
	case r.inState != nil && f.call != nil && !r.inState[f.call.state]:
		c.Verdict = WrongState
	}
	if c.Verdict != "" {
		return c, nil
	}
	f.try(r)
	if r.begins() {
		f.call = e.beginning(*key)
		defer func() { f.call = nil }()
	}
	t := &trial{frame: f}
	if t.holds(&c) && e.hasRoom(&c) {
		c.Verdict = RuleFired
	}
	return c, t.seen
}

// holds asks the condition of a rule; if it does not hold, c says why.
func (t *trial) holds(c *Candidate) bool {
	if c.Rule.When == nil {
		return true
	}
	v, err := c.Rule.When.Eval(t.frame)
	is, ok := v.(bool)
	if err == nil && !ok {
		err = fmt.Errorf("when is %s, neither true nor false", Show(v))
	}
	if err != nil {
		c.Verdict, c.Err = RuleFailed, err
		return false
	}
	if p := c.Rule.Parts; p != nil {
		if same, err := t.is(p); err == nil && !same && !is {
			c.Part, c.Let = t.firstFalse(p)
			c.Values = t.values(c.Part)
		}
	}
	if !is {
		c.Verdict = IsFalse
	}
	return is
}

// hasRoom asks the limits of a rule, in the order in which [Engine.applies] does;
// if one of them keeps the rule from firing, c says which.
func (e *Engine) hasRoom(c *Candidate) bool {
	ask := func(slots []int, verdict Verdict, stops func(place) bool) bool {
		for _, slot := range slots {
			l := e.frame.rs.Limits[slot]
			p, err := e.place(l)
			if err != nil {
				c.Verdict, c.Err = RuleFailed, err
				return false
			}
			if stops(p) {
				c.Verdict, c.Limit = verdict, e.limitSeen(l, p)
				return false
			}
		}
		return true
	}
	return ask(c.Rule.Beyond, LimitHasRoom, func(p place) bool { return !p.full }) &&
		ask(c.Rule.Limit, LimitReached, func(p place) bool { return p.full })
}

func (e *Engine) limitSeen(l *Limit, p place) *LimitSeen {
	_, key, _ := strings.Cut(p.window, "\x00")
	seen := &LimitSeen{Name: l.Name, Key: key, Count: e.count(p.window, l)}
	if v, err := l.Max.Eval(&e.frame); err == nil {
		seen.Max, _ = v.(int)
	}
	return seen
}

// saw notes what a condition is that is asked while a rule fires: of a message to
// send, of a buffer.
func (e *Engine) saw(p *Part) {
	if e.explain == nil || p == nil {
		return
	}
	t := &trial{frame: &e.frame}
	if _, err := t.is(p); err == nil {
		e.explain.now.Seen = append(e.explain.now.Seen, t.seen...)
	}
}
