package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A transaction holds what a rule is about to do. Everything that can fail is
// evaluated into it first; then it is entered as a whole or not at all.
type transaction struct {
	uses   []use
	sets   []Value // new values, in the order of the rule's Set
	undo   []oldVar
	pushes []pushed
	timers []timed
	stores []stored // what the connection is to remember
	binds  []callKey
	out    []Action
	next   string
}

var (
	errTooManyCalls = errors.New("too many calls at once")
	errTooManySends = errors.New("the rule sends too many messages at once")
	errTooManyKeys  = errors.New("the call has too many keys")
)

type oldVar struct {
	slot int
	v    Value
}

// stored is a variable of the connection: the new value, and once that is set,
// the old one.
type stored struct {
	name string
	v    Value
}

type pushed struct {
	buffer  int
	items   []Value
	bytes   int
	lost    int    // items that it has no room for
	reason  string // "complete" or "limit": the buffer is done
	idle    time.Duration
	timeout time.Duration
	setIdle bool
	setLate bool
}

type timed struct {
	slot int
	in   time.Duration
}

// beginning returns the call that the message with this key would begin; it is
// not known to the engine until a rule has fired.
func (e *Engine) beginning(key callKey) *Call {
	if e.fresh != nil {
		return e.fresh
	}
	rs := e.rules
	if key.isConnection() {
		e.fresh = e.newConnection(key.transport, rs)
		return e.fresh
	}
	id := deriveID(key.transport, key.scope, key.key)
	if rs.recurs(key.transport) {
		id = deriveID(key.transport, key.scope, key.key, strconv.FormatInt(e.now.UnixNano(), 10))
	}
	e.fresh = &Call{
		id:      CallID(id),
		state:   stateBegun,
		begun:   e.now,
		rs:      rs,
		vars:    make([]Value, len(rs.Vars)),
		buffers: make([]bufferState, len(rs.Buffers)),
		timers:  make([]*deadline, len(rs.Timers)),
		seen:    1,
	}
	e.fresh.bind(key)
	return e.fresh
}

// fire lets rule r act on message m: wholly, or not at all if it returns an
// error.
func (e *Engine) fire(r *Rule, m *Message, key *callKey) error {
	f := &e.frame
	if r.begins() {
		if r.New && len(e.calls) >= e.limits.Calls {
			return errTooManyCalls
		}
		f.call = e.beginning(*key)
	}
	tx := &e.tx
	tx.sets, tx.undo, tx.pushes, tx.timers, tx.binds, tx.stores, tx.out, tx.next = tx.sets[:0], tx.undo[:0], tx.pushes[:0], tx.timers[:0], tx.binds[:0], tx.stores[:0], nil, ""
	if err := e.prepare(r, m); err != nil {
		for i := len(tx.undo) - 1; i >= 0; i-- {
			f.call.vars[tx.undo[i].slot] = tx.undo[i].v
		}
		for i := range tx.stores {
			f.call.remember(&tx.stores[i])
		}
		if r.begins() {
			f.call = nil
		}
		return err
	}
	e.commit(r, m, key)
	return nil
}

// prepare evaluates everything that r does. Only variables change, and those
// can be undone.
func (e *Engine) prepare(r *Rule, m *Message) error {
	f, tx := &e.frame, &e.tx
	// All values are computed before any is set: the order within a table means
	// nothing.
	for _, s := range r.Set {
		v, err := value(f, s.Expr)
		if err != nil {
			return err
		}
		v = f.keep(v)
		tx.sets = append(tx.sets, v)
	}
	for i, s := range r.Set {
		tx.undo = append(tx.undo, oldVar{s.Var, f.call.vars[s.Var]})
		f.call.vars[s.Var] = tx.sets[i]
	}
	if err := e.prepareStores(r); err != nil {
		return err
	}
	for _, p := range r.Push {
		if err := e.preparePush(p); err != nil {
			return err
		}
	}
	for _, t := range r.Timer {
		v, err := t.Expr.Eval(f)
		if err != nil {
			return err
		}
		if v == nil {
			continue
		}
		d, err := Duration(v)
		if err != nil {
			return fmt.Errorf("timer.%s: %w", f.rs.Timers[t.Timer], err)
		}
		tx.timers = append(tx.timers, timed{t.Timer, d})
	}
	for i, s := range r.Send {
		if err := e.prepareSend(r, m, i, s); err != nil {
			return err
		}
	}
	f.to = ""
	if r.Next != nil {
		v, err := r.Next.Eval(f)
		if err != nil {
			return err
		}
		next, ok := v.(string)
		if !ok || next == "" {
			return fmt.Errorf("next is %s, not the name of a state", Show(v))
		}
		tx.next = next
	}
	return nil
}

// value evaluates an expression; one that only names a field keeps its JSON.
func value(f *Frame, x Expr) (Value, error) {
	if raw, ok := x.(RawExpr); ok {
		return raw.Raw(f), nil
	}
	v, err := x.Eval(f)
	return madeValue(v), err
}

// Duration reads what an expression for a time came to: a duration, or text
// such as "500ms".
func Duration(v any) (time.Duration, error) {
	switch v := v.(type) {
	case time.Duration:
		return max(v, 0), nil
	case string:
		d, err := time.ParseDuration(v)
		if err != nil {
			return 0, fmt.Errorf("%s is not a duration such as \"500ms\" or \"1m30s\"", Show(v))
		}
		return max(d, 0), nil
	}
	return 0, fmt.Errorf("%s is not a duration such as \"500ms\" or \"1m30s\"", Show(v))
}

func (e *Engine) prepareSend(r *Rule, m *Message, at int, s *Send) error {
	f := &e.frame
	if f.to = s.To; s.group {
		f.to = e.member(s.To, f.call)
	}
	if s.Each == nil {
		f.Item = nil
		return e.prepareOne(r, m, s, strconv.Itoa(at))
	}
	v, err := s.Each.Eval(f)
	if err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok && v != nil {
		return fmt.Errorf("each is %s, not a list", Show(v))
	}
	defer func() { f.Item = nil }()
	for i, item := range list {
		f.Item = item
		if err := e.prepareOne(r, m, s, strconv.Itoa(at)+"."+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) prepareOne(r *Rule, m *Message, s *Send, at string) error {
	f, tx := &e.frame, &e.tx
	if s.When != nil {
		v, err := s.When.Eval(f)
		if err != nil {
			return err
		}
		e.saw(s.Parts)
		if ok, is := v.(bool); !is {
			return fmt.Errorf("when is %s, neither true nor false", Show(v))
		} else if !ok {
			return nil
		}
	}
	if len(tx.out) >= e.limits.Sends {
		return errTooManySends
	}
	a := Action{To: f.to, Type: s.Type, Call: idOf(f.call), Rule: r.Name, At: e.now}
	if len(s.Address) > 0 {
		a.Address = make(map[string]string, len(s.Address))
		for _, ad := range s.Address {
			v, err := ad.Expr.Eval(f)
			if err != nil {
				return err
			}
			needed := s.scoped && ad.Name == s.scope
			if v == nil && !needed {
				continue
			}
			text, ok := v.(string)
			if !ok || text == "" && needed {
				return fmt.Errorf("%s is %s, not text", ad.Name, Show(v))
			}
			a.Address[ad.Name] = text
		}
	}
	if s.scope != "" {
		a.Scope = a.Address[s.scope]
	}
	if len(s.Keys) > 0 {
		if err := e.prepareKeys(s, &a); err != nil {
			return err
		}
	}
	body, err := s.Body.Append(f, e.body[:0])
	if err != nil {
		return err
	}
	e.body, a.Body = body, bytes.Clone(body)
	a.ID = deriveID(string(a.Call), m.Transport, m.Type, causeOf(m, f.call), r.Name, at)
	tx.out = append(tx.out, a)
	return nil
}

// causeOf tells a message from all others of its type: by the peer's own id for
// it, else by its number in its call, else by its time and text.
func causeOf(m *Message, c *Call) string {
	switch {
	case m.ID != "":
		return m.ID
	case c != nil:
		return strconv.FormatUint(c.seen, 10)
	}
	return deriveID(strconv.FormatInt(m.At.UnixNano(), 10), string(m.Body))
}

// prepareKeys finds the call keys in what is sent, and notes that they become the
// call's.
func (e *Engine) prepareKeys(s *Send, a *Action) error {
	for _, x := range s.Keys {
		v, err := value(&e.frame, x)
		if err != nil {
			return err
		}
		if v.IsNil() {
			continue
		}
		key, ok := v.key()
		if !ok {
			return fmt.Errorf("the call key is %s, not text", Show(v.get()))
		}
		if a.Key == "" {
			a.Key = key
		}
		if s.scope != "" && a.Scope == "" { // it names the call to nobody
			continue
		}
		if err := e.prepareBind(callKey{a.To, a.Scope, key}); err != nil {
			return err
		}
	}
	if a.Key == "" {
		return errors.New("the call key is nil, not text")
	}
	return nil
}

// key returns text, or a number as it came, as the name of a call.
func (v *Value) key() (string, bool) {
	switch made := v.get().(type) {
	case string:
		return made, made != ""
	case int:
		return strconv.Itoa(made), true
	case float64:
		if v.raw != nil {
			return string(v.raw), true
		}
		return string(AppendNumber(nil, made)), true
	}
	return "", false
}

// prepareBind notes that a sent message ties a key to the call.
func (e *Engine) prepareBind(k callKey) error {
	f, tx := &e.frame, &e.tx
	c := f.call
	if c == nil || c.ended || c.connection != "" && c.connection != k.transport {
		return nil // a connection is known by keys of its own transport
	}
	if slices.Contains(c.keys, k) || slices.Contains(tx.binds, k) {
		return nil
	}
	if other := e.byKey[k]; other != nil && other != c && !other.ended && c.connection == "" {
		return fmt.Errorf("the key %q on %s belongs to another call", k.key, k.transport)
	}
	if len(c.keys)+len(tx.binds) >= e.limits.Keys && c.connection == "" {
		return errTooManyKeys
	}
	tx.binds = append(tx.binds, k)
	return nil
}

// member returns the transport that a send to a group goes to: a connection's own,
// the one that the call has its last key on, or was sent to, the one that the
// message came by, else one that is up, spread by the call's id.
func (e *Engine) member(to string, c *Call) string {
	rs := e.frame.rs
	if c != nil {
		if c.connection != "" && rs.group(c.connection) == to {
			return c.connection
		}
		for _, k := range slices.Backward(c.keys) {
			if rs.group(k.transport) == to {
				return k.transport
			}
		}
		for _, a := range e.tx.out {
			if rs.group(a.To) == to {
				return a.To
			}
		}
		for _, name := range slices.Backward(c.members) {
			if rs.group(name) == to {
				return name
			}
		}
	}
	if rs.group(e.frame.peer) == to {
		return e.frame.peer
	}
	members, up := rs.groups[to], 0
	for _, name := range members {
		if !e.down[name] {
			up++
		}
	}
	pick := 0
	if c != nil {
		for _, b := range []byte(c.id) {
			pick = (pick*31 + int(b)) & 0xffffff
		}
	}
	if up > 0 {
		pick %= up
	} else {
		pick %= max(1, len(members))
	}
	for _, name := range members {
		if up > 0 && e.down[name] {
			continue
		}
		if pick == 0 {
			return name
		}
		pick--
	}
	return to
}

// stick notes which members of groups a call has been sent to: it stays with them.
func (e *Engine) stick(c *Call) {
	for i := range e.tx.out {
		to := e.tx.out[i].To
		if group := c.rs.group(to); group != "" && len(c.rs.groups[group]) > 1 && !slices.Contains(c.members, to) {
			c.members = append(c.members, to)
		}
	}
}

// tells says whether the transaction changes what expressions read of the call.
func (tx *transaction) tells(r *Rule) bool {
	return r.begins() || len(r.Set) > 0 || len(r.Remember) > 0 || len(tx.binds) > 0 || tx.next != ""
}

// commit enters what prepare has made. Nothing in it can fail.
func (e *Engine) commit(r *Rule, m *Message, key *callKey) {
	f, tx := &e.frame, &e.tx
	c := f.call
	e.take(c)
	from := ""
	if c != nil {
		from = c.state
		if r.begins() {
			from = ""
			e.register(c, *key)
		}
		if !c.ended {
			e.commitCall(c, r, m)
		}
	}
	if e.out == nil {
		e.out = slices.Clip(tx.out)
	} else {
		e.out = append(e.out, tx.out...)
	}
	if e.observe != nil || e.explain != nil {
		t := Trace{Message: m, Outcome: Fired, Rule: r, From: from, Actions: tx.out}
		if c != nil {
			t.To, t.Ended = c.state, c.ended
		}
		e.tell(c, t)
	}
}

func (e *Engine) register(c *Call, key callKey) {
	e.order++
	c.order = e.order
	if c.connection != "" {
		e.conns[c.connection] = c
		return
	}
	c.age = &deadline{kind: callTooOld, call: c, index: -1}
	e.deadlines.start(c.age, e.now.Add(e.limits.CallAge))
	e.calls[c.id] = c
	e.know(c, key)
}

// know makes a key of a call's one that it is found by, and lets go of what
// waited for it.
func (e *Engine) know(c *Call, k callKey) {
	e.byKey[k] = c
	e.scopes.add(c, k)
	e.released = append(e.released, e.takeWaiting(k)...)
}

// tieReply ties the key that a reply brings to its call, unless another call has
// it or the call has as many as it may.
func (e *Engine) tieReply(c *Call, m *Message) {
	k := callKey{m.Transport, m.Scope, m.Key}
	if m.Key == "" || c.connection != "" && c.connection != m.Transport || m.Scope == "" && c.rs.scoped(m.Transport) || c.connection == "" && len(c.keys) >= e.limits.Keys {
		return
	}
	if other := e.byKey[k]; other != nil && !other.ended || e.connKeys[k] == c {
		return
	}
	if c.connection != "" {
		e.bindConnection(c, k)
		return
	}
	c.bind(k)
	e.know(c, k)
	e.indexByKeys(c, m)
}

func (e *Engine) commitCall(c *Call, r *Rule, m *Message) {
	tx := &e.tx
	for _, k := range tx.binds {
		if c.connection != "" {
			e.bindConnection(c, k)
			continue
		}
		c.bind(k)
		e.know(c, k)
	}
	e.stick(c)
	for i := range tx.pushes {
		e.commitPush(c, &tx.pushes[i], r, m)
	}
	for _, slot := range r.Cancel {
		e.deadlines.stop(c.timers[slot])
	}
	for _, t := range tx.timers {
		if c.timers[t.slot] == nil {
			c.timers[t.slot] = &deadline{kind: timerDue, call: c, slot: t.slot, index: -1}
		}
		e.startIn(c.timers[t.slot], t.in)
	}
	switch tx.next {
	case "":
	case stateEnd:
		if c.connection != "" {
			e.endConnection(c)
		} else {
			e.end(c, r)
		}
		return
	default:
		c.state = tx.next
	}
	if tx.tells(r) {
		c.viewed = nil
	}
	switch {
	case c.connection != "":
	case r.New:
		e.indexNew(c, r, m)
	default:
		e.indexAnew(c, r, m)
	}
}
