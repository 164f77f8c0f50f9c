package scenario

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"vertigo/rules"
)

// Shared are rules that scenarios have loaded, for others that are about the
// same rules with the same vars. Any goroutine may use it. It does not look
// whether files have changed: each run of a suite takes a new one.
type Shared struct {
	mu    sync.Mutex
	loads map[string]*sharedLoad
}

type sharedLoad struct {
	once  sync.Once
	set   *rules.Set // nil: each scenario has to load them itself
	found rules.Findings
}

// load loads rules, or gives those that another scenario has loaded. What is
// found in the scenario's own lines is nothing to share.
func (s *Shared) load(file, key string, load func() (*rules.Set, rules.Findings)) (*rules.Set, rules.Findings) {
	if s == nil || key == "" {
		return load()
	}
	s.mu.Lock()
	if s.loads == nil {
		s.loads = map[string]*sharedLoad{}
	}
	l := s.loads[key]
	if l == nil {
		l = &sharedLoad{}
		s.loads[key] = l
	}
	s.mu.Unlock()
	first := false
	var set *rules.Set
	var found rules.Findings
	l.once.Do(func() {
		first = true
		set, found = load()
		if set == nil || slices.ContainsFunc(found, func(f rules.Finding) bool { return f.Pos.File == file }) {
			return
		}
		shared := *set
		shared.Files = slices.DeleteFunc(slices.Clone(set.Files), func(name string) bool { return name == file })
		l.set, l.found = &shared, found
	})
	switch {
	case first:
		return set, found
	case l.set == nil:
		return load()
	}
	return l.set, l.found
}

// sharedKey tells which scenarios are about the same rules: those that include
// the same from the same folder and have the same vars. It is empty for a
// scenario that has lets, tables or transports of its own.
func (r *reader) sharedKey(includes []string, alone bool) string {
	for _, key := range []string{"let", "table", "transport"} {
		if r.root.Child(key).IsSet() {
			return ""
		}
	}
	var key strings.Builder
	fmt.Fprintf(&key, "%q %q %v", filepath.Dir(r.file), includes, alone)
	writePlain(&key, r.root.Child("vars"))
	return key.String()
}

// writePlain writes a value, the keys of a table in order.
func writePlain(out *strings.Builder, n rules.Node) {
	switch {
	case n.IsTable():
		for _, key := range slices.Sorted(slices.Values(n.Keys())) {
			fmt.Fprintf(out, "{%q:", key)
			writePlain(out, n.Child(key))
			out.WriteByte('}')
		}
	case n.IsList():
		for _, item := range n.Items() {
			out.WriteByte('[')
			writePlain(out, item)
			out.WriteByte(']')
		}
	case n.IsSet():
		fmt.Fprintf(out, "%T %#v", n.Value(), n.Value())
	}
}
