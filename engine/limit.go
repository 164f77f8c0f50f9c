package engine

import (
	"fmt"
	"strconv"
	"time"
)

// A window is what one limit has counted for one key.
type window struct {
	times []time.Time // of a sliding window
	per   time.Duration
	calls int // of a limit on calls at once
}

// A hold is the window of a limit on calls at once that counts a call.
type hold string

// use is one place taken in a limit, to be entered when its rule has fired.
type use struct {
	window string
	limit  *Limit
}

// within says whether the rule's limits leave room for one more, and notes the
// places in tx.
func (e *Engine) within(r *Rule) (bool, error) {
	for _, slot := range r.Limit {
		l := e.frame.rs.Limits[slot]
		p, err := e.place(l)
		if err != nil || p.full {
			return false, err
		}
		if !p.held {
			e.tx.uses = append(e.tx.uses, use{p.window, l})
		}
	}
	return true, nil
}

// beyond says whether every limit that the rule is to be beyond is exhausted.
func (e *Engine) beyond(r *Rule) (bool, error) {
	for _, slot := range r.Beyond {
		if p, err := e.place(e.frame.rs.Limits[slot]); err != nil || !p.full {
			return false, err
		}
	}
	return true, nil
}

// A place is what a limit has for the message at hand.
type place struct {
	window string
	held   bool // by the call already: it counts once, however often its rules ask
	full   bool // there is none
}

func (e *Engine) place(l *Limit) (place, error) {
	key, err := l.Key.Eval(&e.frame)
	if err != nil {
		return place{}, fmt.Errorf("limit %q: key: %w", l.Name, err)
	}
	most, err := l.Max.Eval(&e.frame)
	if err != nil {
		return place{}, fmt.Errorf("limit %q: max: %w", l.Name, err)
	}
	n, ok := most.(int)
	if !ok {
		return place{}, fmt.Errorf("limit %q: max is %s, not a whole number", l.Name, Show(most))
	}
	text, err := limitKey(key)
	if err != nil {
		return place{}, fmt.Errorf("limit %q: %w", l.Name, err)
	}
	p := place{window: l.Name + "\x00" + text}
	if c := e.frame.call; l.Per == 0 && c != nil && c.holdsPlace(p.window) {
		p.held = true
	} else {
		p.full = e.count(p.window, l) >= n
	}
	return p, nil
}

func (c *Call) holdsPlace(window string) bool {
	for _, h := range c.holds {
		if string(h) == window {
			return true
		}
	}
	return false
}

func limitKey(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("the key is %s, neither text nor a whole number", Show(v))
}

func (e *Engine) count(name string, l *Limit) int {
	w := e.windows[name]
	switch {
	case w == nil:
		return 0
	case l.Per == 0:
		return w.calls
	}
	w.forget(e.now.Add(-l.Per))
	return len(w.times)
}

// forget drops what is as old as since, or older.
func (w *window) forget(since time.Time) {
	n := 0
	for n < len(w.times) && !w.times[n].After(since) {
		n++
	}
	w.times = w.times[n:]
}

// take enters the places that within noted.
func (e *Engine) take(c *Call) {
	for _, u := range e.tx.uses {
		w := e.windows[u.window]
		if w == nil {
			e.sweepWindows()
			w = &window{}
			e.windows[u.window] = w
		}
		if u.limit.Per > 0 {
			w.times = append(w.times, e.now)
			w.per = u.limit.Per
			continue
		}
		if c != nil && !c.ended {
			w.calls++
			c.holds = append(c.holds, hold(u.window))
		}
	}
}

func (e *Engine) unhold(h hold) {
	w := e.windows[string(h)]
	if w.calls--; w.calls == 0 {
		delete(e.windows, string(h))
	}
}

// sweepWindows forgets the windows that have run empty, each time their number
// has doubled: callers come and go, and each leaves one behind.
func (e *Engine) sweepWindows() {
	if len(e.windows) < e.sweepAt {
		return
	}
	for name, w := range e.windows {
		if w.forget(e.now.Add(-w.per)); w.calls == 0 && len(w.times) == 0 {
			delete(e.windows, name)
		}
	}
	e.sweepAt = max(1024, 2*len(e.windows))
}
