package engine

import (
	"fmt"
	"slices"
)

// A CallIndex finds live calls by what rules know of them: [index.NAME].
type CallIndex struct {
	Name string
	// Key is the text that a call is found under, or a list of texts, each; where
	// it is nil the call is found under none. It may read the call alone.
	Key   Expr
	Vars  []int // the call's variables that Key reads
	State bool  // it reads the call's state
	Keys  bool  // it reads the call's keys
}

// A foundUnder is one key of one index.
type foundUnder struct{ index, key string }

// A finder has the live calls by index and key, each list in the order in which
// they began. Indexes go by name, so that calls are found whatever rules they
// began with.
type finder map[foundUnder][]*Call

func (fi finder) enter(c *Call, at foundUnder) {
	list := fi[at]
	i, _ := slices.BinarySearchFunc(list, c, byOrder)
	fi[at] = slices.Insert(list, i, c)
}

func (fi finder) leave(c *Call, at foundUnder) {
	list := fi[at]
	if len(list) == 1 {
		delete(fi, at)
		return
	}
	if i, ok := slices.BinarySearchFunc(list, c, byOrder); ok {
		fi[at] = slices.Delete(list, i, i+1)
	}
}

// remove takes a call out of all indexes.
func (fi finder) remove(c *Call) {
	for slot, keys := range c.under {
		for _, key := range keys {
			fi.leave(c, foundUnder{c.rs.Indexes[slot].Name, key})
		}
	}
	c.under = nil
}

// index has one of its indexes find a call under what its key comes to now.
func (e *Engine) index(c *Call, slot int) error {
	x := c.rs.Indexes[slot]
	keys, err := e.keysIn(c, x)
	if err != nil {
		keys, err = nil, fmt.Errorf("index %q: %w", x.Name, err)
	}
	was := c.under[slot]
	if slices.Equal(was, keys) {
		return err
	}
	for _, key := range was {
		if !slices.Contains(keys, key) {
			e.found.leave(c, foundUnder{x.Name, key})
		}
	}
	for _, key := range keys {
		if !slices.Contains(was, key) {
			e.found.enter(c, foundUnder{x.Name, key})
		}
	}
	c.under[slot] = slices.Clone(keys)
	return err
}

// keysIn tells under which keys an index is to find a call, each once. The list
// is good until the next one is asked for.
func (e *Engine) keysIn(c *Call, x *CallIndex) ([]string, error) {
	e.keyFrame = Frame{rs: c.rs, call: c}
	v, err := x.Key.Eval(&e.keyFrame)
	if err != nil {
		return nil, err
	}
	e.keys = e.keys[:0]
	fits := true
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			fits = fits && e.addKey(item)
		}
	case []string: // as expr's split makes them
		for _, text := range v {
			e.addKey(text)
		}
	default:
		fits = e.addKey(v)
	}
	switch {
	case !fits:
		return nil, fmt.Errorf("the key is %s, neither text nor a list of texts", Show(v))
	case len(e.keys) > e.limits.Keys:
		return nil, fmt.Errorf("the key has more texts than the limit of %d", e.limits.Keys)
	}
	return e.keys, nil
}

// addKey adds a key that is not there yet. It returns false for what is none;
// nil is no key, and nothing wrong. Of too many just one is kept.
func (e *Engine) addKey(v any) bool {
	key, ok := v.(string)
	if ok && len(e.keys) <= e.limits.Keys && !slices.Contains(e.keys, key) {
		e.keys = append(e.keys, key)
	}
	return ok || v == nil
}

// indexNew has the indexes find a call that has begun.
func (e *Engine) indexNew(c *Call, r *Rule, m *Message) {
	c.under = make([][]string, len(c.rs.Indexes))
	for slot := range c.rs.Indexes {
		e.indexOrTell(c, slot, r, m)
	}
}

// indexAnew has those indexes find a call anew that read what a rule has changed.
func (e *Engine) indexAnew(c *Call, r *Rule, m *Message) {
	tx := &e.tx
	for slot, x := range c.rs.Indexes {
		if x.State && tx.next != "" || x.Keys && len(tx.binds) > 0 ||
			slices.ContainsFunc(r.Set, func(s Set) bool { return slices.Contains(x.Vars, s.Var) }) {
			e.indexOrTell(c, slot, r, m)
		}
	}
}

// indexByKeys has those indexes find a call anew that read its keys: the reply m
// has brought one.
func (e *Engine) indexByKeys(c *Call, m *Message) {
	for slot, x := range c.rs.Indexes {
		if x.Keys {
			e.indexOrTell(c, slot, nil, m)
		}
	}
}

// indexOrTell indexes a call. A key that fails costs the call nothing but that it
// is not found there: what the rule did stands, and the failure is told.
func (e *Engine) indexOrTell(c *Call, slot int, r *Rule, m *Message) {
	err := e.index(c, slot)
	if err != nil && r != nil {
		err = &RuleError{r, err}
	}
	if err != nil {
		e.tell(c, Trace{Message: m, Outcome: Failed, Rule: r, Err: err})
	}
}

// FindCalls returns the live calls that an index finds under a key, but for the
// frame's own: oldest first, each with the names that call has for rules; nil if
// there are none.
func (f *Frame) FindCalls(index, key string) []any {
	var list []any
	for _, c := range f.found[foundUnder{index, key}] {
		if c != f.call {
			list = append(list, c.view())
		}
	}
	return list
}

// view is the call as rules of other calls see it. It is made anew after each
// change, so that one who keeps it keeps what it was.
func (c *Call) view() map[string]any {
	if c.viewed != nil {
		return c.viewed
	}
	v := map[string]any{"id": string(c.id), "uuid": string(c.id), "state": c.state, "begun": c.begun}
	for i, name := range c.rs.Vars {
		v[name] = c.vars[i].get()
	}
	for name, p := range c.rs.peers {
		v[name] = map[string]any{"key": c.key(name)}
		if p.Group != "" {
			v[p.Group] = map[string]any{"key": c.key(p.Group)}
		}
	}
	c.viewed = v
	return v
}
