package engine

import (
	"fmt"
	"time"
)

// preparePush evaluates a push, and what the buffer makes of it, into the
// transaction.
func (e *Engine) preparePush(p Push) error {
	f := &e.frame
	b, state := f.rs.Buffers[p.Buffer], &f.call.buffers[p.Buffer]
	v, err := value(f, p.Expr)
	if err != nil {
		return err
	}
	done := pushed{buffer: p.Buffer, items: state.items, bytes: state.bytes}
	limit := b.Limit
	if limit == 0 {
		limit = e.limits.BufferItems
	}
	items, err := itemsOf(f.keep(v))
	if err != nil {
		return fmt.Errorf("buffer %q: %w", b.Name, err)
	}
	for i, item := range items {
		if len(done.items) >= limit || done.bytes+len(item.raw) > e.limits.BufferBytes {
			done.lost = len(items) - i
			break
		}
		done.items = append(done.items, item)
		done.bytes += len(item.raw)
	}
	f.items = done.items
	defer func() { f.items = nil }()
	if b.Complete != nil {
		v, err := b.Complete.Eval(f)
		if err != nil {
			return err
		}
		is, ok := v.(bool)
		if !ok {
			return fmt.Errorf("buffer %q: complete is %s, neither true nor false", b.Name, Show(v))
		}
		e.saw(b.Parts)
		if is {
			done.reason = "complete"
		}
	}
	if done.reason == "" && (done.lost > 0 || len(done.items) >= limit) {
		done.reason = "limit"
	}
	if done.reason == "" {
		if done.idle, done.setIdle, err = f.wait(b.Idle); err != nil {
			return fmt.Errorf("buffer %q: idle: %w", b.Name, err)
		}
		if done.timeout, done.setLate, err = f.wait(b.Timeout); err != nil {
			return fmt.Errorf("buffer %q: timeout: %w", b.Name, err)
		}
	}
	e.tx.pushes = append(e.tx.pushes, done)
	return nil
}

func (f *Frame) wait(x Expr) (time.Duration, bool, error) {
	if x == nil {
		return 0, false, nil
	}
	v, err := x.Eval(f)
	if err != nil || v == nil {
		return 0, false, err
	}
	d, err := Duration(v)
	return d, err == nil, err
}

// itemsOf returns the items of a list, or the value itself as the only one. A
// value that is missing is no item. Items are JSON, whatever they came from, so
// that one that has no JSON form fails the rule that pushed it.
func itemsOf(v Value) ([]Value, error) {
	if v.raw == nil && v.v != nil {
		raw, err := AppendJSON(nil, v.v)
		if err != nil {
			return nil, err
		}
		v = rawValue(raw)
	}
	switch {
	case v.IsNil():
		return nil, nil
	case v.raw[0] == '[':
		return elements(v.raw), nil
	}
	return []Value{v}, nil
}

func (e *Engine) commitPush(c *Call, p *pushed, r *Rule, m *Message) {
	b := &c.buffers[p.buffer]
	b.items, b.bytes = p.items, p.bytes
	if p.lost > 0 {
		name := c.rs.Buffers[p.buffer].Name
		e.tell(c, Trace{Message: m, Outcome: Failed, Rule: r,
			Err: &RuleError{r, fmt.Errorf("buffer %q is full: %d more items than it holds are left out", name, p.lost)}})
	}
	if p.reason != "" {
		e.complete(c, p.buffer, p.reason)
		return
	}
	if p.setLate && !b.timeout.running() {
		if b.timeout == nil {
			b.timeout = &deadline{kind: bufferLate, call: c, slot: p.buffer, index: -1}
		}
		e.startIn(b.timeout, p.timeout)
	}
	if p.setIdle {
		if b.idle == nil {
			b.idle = &deadline{kind: bufferIdle, call: c, slot: p.buffer, index: -1}
		}
		e.startIn(b.idle, p.idle)
	}
}

// complete lets a buffer speak, once for what it holds.
func (e *Engine) complete(c *Call, slot int, reason string) {
	b := &c.buffers[slot]
	e.deadlines.stop(b.idle)
	e.deadlines.stop(b.timeout)
	if b.due {
		return
	}
	b.due = true
	m := e.own(c, "buffer."+c.rs.Buffers[slot].Name, nil)
	e.queue = append(e.queue, queued{call: c, m: m, slot: slot, reason: reason})
}

// sayBuffer handles the message of a complete buffer, with the items it has by
// now, and empties it.
func (e *Engine) sayBuffer(q queued) {
	if q.call.ended {
		return
	}
	b := &q.call.buffers[q.slot]
	b.due = false
	e.deadlines.stop(b.idle) // a later push may have started them again
	e.deadlines.stop(b.timeout)
	body := append([]byte(nil), `{"type":"`+q.m.Type+`","reason":"`+q.reason+`","items":[`...)
	for i := range b.items {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, b.items[i].raw...)
	}
	b.items, b.bytes = nil, 0
	q.m.Body = append(body, "]}"...)
	e.handle(&q.m, q.call, nil)
}
