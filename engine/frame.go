package engine

import (
	"bytes"
	"time"
)

// A Frame is what an expression sees: one message, the call it belongs to, and
// the time. Its methods are cheap and decode a field only when it is asked for.
type Frame struct {
	Now time.Time
	// Item is what a send's each is at.
	Item any

	rs     *Ruleset
	doc    *document
	call   *Call // nil for a message that belongs to none
	rule   *Rule
	peer   string
	lets   []lazy
	locals []lazy
	items  []Value // of the buffer that a condition is about
	found  finder
	conns  map[string]*Call
	to     string // the transport that a message is being made for
}

type lazy struct {
	known bool
	v     any
	err   error
}

// Msg returns the message's field, nil if it has none.
func (f *Frame) Msg(path int) any { return f.doc.get(path) }

// MsgRaw returns the message's field as it came.
func (f *Frame) MsgRaw(path int) Value {
	raw := f.doc.field(path)
	if raw == nil {
		return madeValue(nil)
	}
	return rawValue(raw)
}

// MsgEquals says whether the field is exactly this text.
func (f *Frame) MsgEquals(path int, text string) bool {
	return rawEquals(f.doc.field(path), text)
}

func rawEquals(raw []byte, text string) bool {
	if len(raw) < 2 || raw[0] != '"' {
		return false
	}
	inside := raw[1 : len(raw)-1]
	if string(inside) == text {
		return true
	}
	return len(inside) > len(text) && bytes.IndexByte(inside, '\\') >= 0 && unquote(inside) == text
}

// Var returns a variable of the call, nil if it was never set.
func (f *Frame) Var(slot int) any {
	if f.call == nil {
		return nil
	}
	return f.call.vars[slot].get()
}

// VarRaw returns a variable of the call without decoding it.
func (f *Frame) VarRaw(slot int) Value {
	if f.call == nil {
		return madeValue(nil)
	}
	if v := f.call.vars[slot]; v.raw != nil {
		return rawValue(v.raw)
	}
	return madeValue(f.call.vars[slot].v)
}

// keep lets a value that is to outlive the message let go of it, unless it is
// most of it: a call that remembers a name must not hold a megabyte.
func (f *Frame) keep(v Value) Value {
	if v.raw != nil && 2*len(v.raw) < len(f.doc.raw) {
		v.raw = bytes.Clone(v.raw)
	}
	return v
}

// Call returns what the engine itself knows of the call: "id", "uuid", "state",
// "begun" (a time); nil where there is no call.
func (f *Frame) Call(name string) any {
	if f.call == nil {
		return nil
	}
	switch name {
	case "id", "uuid":
		return string(f.call.id)
	case "state":
		return f.call.state
	case "begun":
		return f.call.begun
	}
	return nil
}

// CallKey returns the call's key on a transport or group, the last it got there;
// nil if it has none.
func (f *Frame) CallKey(peer string) any {
	if f.call == nil {
		return nil
	}
	return f.call.key(peer)
}

// Let returns a top-level let, computed at most once a message, and anew after a
// rule that changed the call.
func (f *Frame) Let(slot int) (any, error) {
	return f.compute(&f.lets[slot], f.rs.Lets[slot])
}

// Local returns a let of the rule.
func (f *Frame) Local(slot int) (any, error) {
	return f.compute(&f.locals[slot], f.rule.Locals[slot])
}

func (f *Frame) compute(l *lazy, x Expr) (any, error) {
	if !l.known {
		l.v, l.err = x.Eval(f)
		l.known = true
	}
	return l.v, l.err
}

// Items returns the items of the buffer whose condition is asked, decoded.
func (f *Frame) Items() []any {
	list := make([]any, len(f.items))
	for i := range f.items {
		list[i] = f.items[i].get()
	}
	return list
}

// begin readies f for a message.
func (f *Frame) begin(now time.Time, rs *Ruleset, call *Call, peer string) {
	f.Now, f.rs, f.call, f.peer = now, rs, call, peer
	f.Item, f.items, f.rule, f.to = nil, nil, nil, ""
	f.lets = reset(f.lets, len(rs.Lets))
}

// try readies f for a rule.
func (f *Frame) try(r *Rule) {
	f.rule = r
	f.locals = reset(f.locals, len(r.Locals))
}

func reset(l []lazy, n int) []lazy {
	if cap(l) < n {
		return make([]lazy, n)
	}
	l = l[:n]
	clear(l)
	return l
}
