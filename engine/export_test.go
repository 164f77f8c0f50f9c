package engine

import (
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
)

// Windows counts what limits remember.
func (e *Engine) Windows() int { return len(e.windows) }

// Scopes counts the scopes in which there are calls.
func (e *Engine) Scopes() int { return len(e.scopes) }

// TypesKept counts the message types that the engine remembers of globs.
func (e *Engine) TypesKept() int { return len(e.globbed) }

// IndexFault says where the indexes of calls differ from what a scan of all calls
// finds; "" where they do not.
func (e *Engine) IndexFault() string {
	want := finder{}
	for _, c := range e.ordered() {
		for _, x := range c.rs.Indexes {
			for _, key := range scannedKeys(c, x, e.limits.Keys) {
				at := foundUnder{x.Name, key}
				if list := want[at]; len(list) == 0 || list[len(list)-1] != c {
					want[at] = append(list, c)
				}
			}
		}
	}
	if !reflect.DeepEqual(want, e.found) {
		return fmt.Sprintf("a scan finds %v, the indexes %v", want, e.found)
	}
	return ""
}

func scannedKeys(c *Call, x *CallIndex, most int) []string {
	v, err := x.Key.Eval(&Frame{rs: c.rs, call: c})
	text, isText := v.(string)
	list, isList := v.([]any)
	var keys []string
	for _, item := range list {
		key, ok := item.(string)
		if !ok && item != nil {
			return nil
		}
		if ok && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	switch {
	case err != nil || len(keys) > most:
		return nil
	case isText && !isList:
		return []string{text}
	}
	return keys
}

var dumpSeed = maphash.MakeSeed()

// Dump sums up all that the engine holds of each call, so that a test sees when
// a call has changed.
func (e *Engine) Dump() map[CallID]uint64 {
	dump := make(map[CallID]uint64, len(e.calls))
	var h maphash.Hash
	h.SetSeed(dumpSeed)
	for id, c := range e.calls {
		h.Reset()
		fmt.Fprint(&h, c.state, c.keys, len(c.holds), c.age.at)
		for i := range c.vars {
			if v := c.vars[i]; v.raw != nil { // whether it was decoded makes no difference
				h.Write(v.raw)
			} else {
				fmt.Fprint(&h, v.v)
			}
		}
		for i := range c.buffers {
			b := &c.buffers[i]
			fmt.Fprint(&h, len(b.items), b.bytes, b.idle.running(), b.timeout.running())
		}
		for _, d := range c.timers {
			if d.running() {
				fmt.Fprint(&h, d.slot, d.at)
			}
		}
		dump[id] = h.Sum64()
	}
	return dump
}
