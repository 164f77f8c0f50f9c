package engine

import "fmt"

// A RuleError is a rule that could not be evaluated. Whatever it had done for
// the message is undone.
type RuleError struct {
	Rule *Rule
	Err  error
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("rule %q (%s): %v", e.Rule.Name, e.Rule.Pos, e.Err)
}

func (e *RuleError) Unwrap() error { return e.Err }

// handle lets the rules act on one message: of call c, or, if c is nil and key
// is not, of a call that may begin, or else of no call. It says whether a rule
// acted on it, or failed to.
func (e *Engine) handle(m *Message, c *Call, key *callKey) bool {
	if e.explain != nil {
		return e.explained(m, c, key)
	}
	return e.act(m, c, key)
}

func (e *Engine) act(m *Message, c *Call, key *callKey) bool {
	rs := e.rules
	if c != nil {
		rs = c.rs
		c.seen++
	}
	if len(m.Body) > e.limits.MessageBytes && m.Transport != "engine" { // what it says itself is bounded already
		e.tell(c, Trace{Message: m, Outcome: Failed,
			Err: fmt.Errorf("the message has %d bytes, more than the limit of %d", len(m.Body), e.limits.MessageBytes)})
		return true
	}
	en := e.entry(rs, m.Transport, m.Type)
	if en == nil && (e.shared || e.quiet) {
		return false
	}
	if en == nil {
		e.tell(c, Trace{Message: m, Outcome: Unmatched})
		return false
	}
	if err := e.doc.read(m.Body, en.tree, len(rs.Paths)); err != nil {
		e.tell(c, Trace{Message: m, Outcome: Failed, Err: err})
		return true
	}
	f := &e.frame
	f.doc, f.found, f.conns = &e.doc, e.found, e.conns
	f.begin(e.now, rs, c, m.Transport)
	e.fresh = nil
	last, fired, over := -1, false, c != nil && c.ended
	for {
		if e.explain != nil {
			e.look(m, key, last)
		}
		r, err := e.match(en, key, last)
		if err == nil && r == nil {
			break
		}
		if err == nil {
			err = e.fire(r, m, key)
			if err != nil && e.explain != nil {
				e.explain.failed(r, err)
			}
		}
		if err != nil {
			e.tell(f.call, Trace{Message: m, Outcome: Failed, Rule: r, Err: &RuleError{r, err}})
			return true
		}
		fired, last = true, r.order
		if !r.Also || f.call != nil && f.call.ended && !over {
			break
		}
		if e.tx.tells(r) {
			clear(f.lets)
		}
	}
	switch {
	case fired || e.shared || e.quiet:
	case key != nil && !key.isConnection() && en.forCalls:
		e.wait(*key, m)
	default:
		e.tell(c, Trace{Message: m, Outcome: Unmatched})
	}
	return fired
}

func idOf(c *Call) CallID {
	if c == nil {
		return ""
	}
	return c.id
}

// match returns the first rule after last that matches, nil if there is none.
// With an error comes the rule that could not be evaluated.
func (e *Engine) match(en *entry, key *callKey, last int) (*Rule, error) {
	f := &e.frame
	x := en.loose
	switch {
	case f.call != nil:
		x = en.of(f.call)
	case key != nil && key.isConnection():
		x = en.opens
	case key != nil:
		x = en.begins
	}
	list := x.candidates(f, e.scratch)
	if x.rest != nil {
		e.scratch = list[:0]
	}
	for _, r := range list {
		if r.order <= last || e.shared && !r.InCall {
			continue
		}
		f.try(r.Rule)
		if ok, err := e.applies(r, key); err != nil || ok {
			return r.Rule, err
		}
	}
	return nil, nil
}

func (e *Engine) applies(r candidate, key *callKey) (bool, error) {
	f := &e.frame
	if r.begins() {
		// Conditions of a rule that begins a call see the call it would begin.
		f.call = e.beginning(*key)
		defer func() { f.call = nil }()
	}
	if !r.certain {
		v, err := r.When.Eval(f)
		if err != nil {
			return false, err
		}
		ok, is := v.(bool)
		if !is {
			return false, fmt.Errorf("when is %s, neither true nor false", Show(v))
		}
		if !ok {
			return false, nil
		}
	}
	e.tx.uses = e.tx.uses[:0]
	if len(r.Beyond) > 0 {
		if ok, err := e.beyond(r.Rule); err != nil || !ok {
			return false, err
		}
	}
	return e.within(r.Rule)
}
