package engine

import (
	"fmt"
	"hash/maphash"
)

// Windows counts what limits remember.
func (e *Engine) Windows() int { return len(e.windows) }

// Scopes counts the scopes in which there are calls.
func (e *Engine) Scopes() int { return len(e.scopes) }

// TypesKept counts the message types that the engine remembers of globs.
func (e *Engine) TypesKept() int { return len(e.globbed) }

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
			h.Write(c.vars[i].raw)
			if text, ok := c.vars[i].v.(string); ok {
				h.WriteString(text)
			} else if c.vars[i].raw == nil {
				fmt.Fprint(&h, c.vars[i].v)
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
