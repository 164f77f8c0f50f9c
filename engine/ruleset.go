package engine

import (
	"path"
	"slices"
	"strings"
	"time"
)

// An Expr is a compiled expression. It may read the frame's message, call and
// items, and nothing else. It must be a pure function of the frame.
type Expr interface {
	Eval(f *Frame) (any, error)
}

// A RawExpr is an expression that only names a field of the message or of the
// call, so that its JSON can be copied as it came.
type RawExpr interface {
	Expr
	// Raw returns the value without decoding it.
	Raw(f *Frame) Value
}

// A Template makes the body of a message that is sent.
type Template interface {
	// Append appends the JSON that the template comes to.
	Append(f *Frame, dst []byte) ([]byte, error)
}

// A Ruleset is what the rules package makes of rule files: immutable once
// [Ruleset.Finish] was called, and used by any number of calls.
type Ruleset struct {
	Rules   []*Rule  // in the order in which they are tried
	Paths   []string // dotted message paths that expressions read, by slot
	Vars    []string // variables of a call, by slot
	Lets    []Expr   // top-level let, by slot
	Buffers []*Buffer
	Timers  []string
	Limits  []*Limit
	Indexes []*CallIndex

	peers   map[string]*Peer
	groups  map[string][]string // group: the names of its members
	entries map[entryKey]*entry // by transport and type, for each type that a rule names outright
	globs   []*Rule             // those with a glob for a type

	told     []toldVar // variables that call.end tells
	answered int       // slot of the variable "answered", -1 if there is none
}

// A toldVar is a variable that the end of a call tells, if it is text.
type toldVar struct {
	name string
	slot int
}

// toldVars are their names, in the order in which they are told.
var toldVars = []string{"cause", "direction", "user", "number"}

// A Rule is one compiled rule; design and reference name its parts as the file
// does.
type Rule struct {
	Name       string
	Pos        string // file:line:col
	On         []Pattern
	In         []string // states; empty: any
	New        bool
	Also       bool
	When       Expr     // nil: true
	Parts      *Part    // of When; nil unless the rule set was compiled with parts
	Equals     []Equals // what When demands first: fields that equal a text
	EqualsOnly bool     // it demands just one such field, and nothing else
	Locals     []Expr   // let of this rule, by slot
	Set        []Set
	Push       []Push
	Timer      []SetTimer
	Cancel     []int // timers
	Limit      []int // limits that must have room
	Beyond     []int // limits that must have none
	Send       []*Send
	Next       Expr     // nil: the state stays
	NextStates []string // what Next can come to, for whoever draws or checks rules; "" for what only a call tells
	Reads      []int    // message paths that its expressions read, directly or through a let
	InCall     bool     // it reads the call, so it is not for messages that belong to none

	NewConnection bool    // it begins the connection of a transport that is up
	OfConnection  bool    // it is for the connection of a transport, never for a call
	Remember      []Store // what the connection remembers

	order   int
	inState map[string]bool
	tells   bool // it sets variables that call.end tells
}

// A Pattern says which messages a rule is about: glob patterns of path.Match
// over a transport's name or group, and over the message type.
type Pattern struct{ Transport, Type string }

// Equals says that a rule can only match where the field is one of the texts or
// of the numbers.
type Equals struct {
	Path    int // slot of a message path, or
	Var     int // slot of a call variable; the other one is -1
	Texts   []string
	Numbers []int
}

// Set remembers a value in a call variable.
type Set struct {
	Var  int
	Expr Expr
}

// Store remembers a value in a variable of the connection; nil forgets it.
type Store struct {
	Name string
	Expr Expr
}

// Push appends a value, or each item of a list, to a buffer.
type Push struct {
	Buffer int
	Expr   Expr
}

// SetTimer starts a timer, again if it runs. A nil duration leaves it alone.
type SetTimer struct {
	Timer int
	Expr  Expr
}

// A Send is a message that a rule sends.
type Send struct {
	To      string // a peer's name or group
	Type    string
	Address []Address
	When    Expr   // nil: always
	Parts   *Part  // of When; as in Rule
	Each    Expr   // nil: once
	Keys    []Expr // the call keys within Body; those that are nil name nothing, but one of them must
	Body    Template
	Pos     string

	group  bool   // To is a group
	scope  string // the address key that the call key is unique within
	scoped bool   // the message must carry it
}

// An Address is one address key of a send. One that comes to nil is left out,
// unless it is the scope of a type that needs it.
type Address struct {
	Name string
	Expr Expr
}

// A Buffer collects items until they are complete, idle, full or late.
type Buffer struct {
	Name     string
	Complete Expr  // bool, asked at each push; nil: never
	Parts    *Part // of Complete; as in Rule
	Idle     Expr  // duration, asked at each push; nil or nil value: never
	Timeout  Expr  // duration, asked at the first push; nil or nil value: never
	Limit    int   // items
}

// A Limit is how often, or how many at once.
type Limit struct {
	Name string
	Key  Expr
	Max  Expr          // a whole number
	Per  time.Duration // a sliding window; 0: calls at once
}

type entryKey struct{ transport, typ string }

// An entry is what the rule set has for one type of one transport.
type entry struct {
	tree     *pathTree
	begins   *index            // rules with new
	states   map[string]*index // by state: rules for a call
	other    *index            // for a state that no rule names
	loose    *index            // rules for messages that belong to no call
	forCalls bool              // there are rules for a call
	opens    *index            // rules that begin a connection, and loose ones
	conn     map[string]*index // by state: rules for a connection
	connAny  *index            // for a state that no rule names
	forConns bool              // there are rules for a connection alone
}

// Finish prepares rs for use with the given peers. The rule set must not be
// changed afterwards.
func (rs *Ruleset) Finish(peers []Peer) {
	rs.peers = make(map[string]*Peer, len(peers))
	rs.groups = map[string][]string{}
	for i := range peers {
		p := &peers[i]
		rs.peers[p.Name] = p
		if p.Group != "" {
			rs.groups[p.Group] = append(rs.groups[p.Group], p.Name)
		}
	}
	rs.answered, rs.told = slices.Index(rs.Vars, "answered"), nil
	for _, name := range toldVars {
		if slot := slices.Index(rs.Vars, name); slot >= 0 {
			rs.told = append(rs.told, toldVar{name, slot})
		}
	}
	types := map[entryKey]bool{}
	for i, r := range rs.Rules {
		r.order = i
		r.OfConnection = r.OfConnection || r.NewConnection || len(r.Remember) > 0
		r.InCall = r.InCall || r.New || r.OfConnection || len(r.In) > 0 || len(r.Set) > 0 || len(r.Push) > 0 || len(r.Timer) > 0 || len(r.Cancel) > 0 || r.Next != nil
		for _, s := range r.Send {
			rs.resolve(s)
		}
		r.tells = slices.ContainsFunc(r.Set, func(s Set) bool {
			return slices.ContainsFunc(rs.told, func(v toldVar) bool { return v.slot == s.Var })
		})
		r.inState = nil
		if len(r.In) > 0 {
			r.inState = make(map[string]bool, len(r.In))
			for _, state := range r.In {
				r.inState[state] = true
			}
		}
		for _, p := range r.On {
			types[entryKey{p.Transport, p.Type}] = true
		}
	}
	rs.entries = map[entryKey]*entry{}
	names := append([]string{"engine"}, peerNames(peers)...)
	known := map[string][]string{}
	for t := range types {
		for _, name := range names {
			if !isGlob(t.typ) && rs.onTransport(t.transport, name) {
				known[t.typ] = append(known[t.typ], name)
			}
		}
	}
	byType := rs.rulesByType()
	rs.globs = byType[""]
	for typ, on := range known {
		for _, name := range on {
			key := entryKey{name, typ}
			if rs.entries[key] == nil {
				rs.entries[key] = rs.makeEntry(name, typ, byType[typ], rs.globs)
			}
		}
	}
}

// resolve finds out what a send is addressed to.
func (rs *Ruleset) resolve(s *Send) {
	p := rs.peers[s.To]
	if s.group = p == nil; s.group && len(rs.groups[s.To]) > 0 {
		p = rs.peers[rs.groups[s.To][0]]
	}
	if p != nil {
		s.scope, s.scoped = p.Protocol.Scope, p.Protocol.NeedsScope(s.Type)
	}
}

// scoped says whether the call keys of a transport are unique within a scope
// only.
func (rs *Ruleset) scoped(transport string) bool {
	p := rs.peers[transport]
	return p != nil && p.Protocol.Scope != ""
}

// knowsConnection says whether a connection can be in a state by these rules.
func (rs *Ruleset) knowsConnection(state string) bool {
	return slices.ContainsFunc(rs.Rules, func(r *Rule) bool {
		return r.OfConnection && (r.inState[state] || slices.Contains(r.NextStates, state) || r.NewConnection && r.Next == nil && state == stateBegun)
	})
}

// recurs says whether call keys of a transport name one call after the other.
func (rs *Ruleset) recurs(transport string) bool {
	p := rs.peers[transport]
	return p != nil && p.Protocol.Recur
}

// group returns the group of a transport, "" if it is in none.
func (rs *Ruleset) group(transport string) string {
	if p := rs.peers[transport]; p != nil {
		return p.Group
	}
	return ""
}

func peerNames(peers []Peer) []string {
	names := make([]string, len(peers))
	for i, p := range peers {
		names[i] = p.Name
	}
	return names
}

// rulesByType lists the rules under each type they name outright, and those
// with a glob for a type under "".
func (rs *Ruleset) rulesByType() map[string][]*Rule {
	m := map[string][]*Rule{}
	for _, r := range rs.Rules {
		for _, p := range r.On {
			typ := p.Type
			if isGlob(typ) {
				typ = ""
			}
			if list := m[typ]; len(list) == 0 || list[len(list)-1] != r {
				m[typ] = append(list, r)
			}
		}
	}
	return m
}

func isGlob(s string) bool { return strings.ContainsAny(s, "*?[") }

// A globKey is a type that no rule names outright.
type globKey struct {
	rs *Ruleset
	entryKey
}

// maxGlobEntries bounds what is kept of such types: they come from peers.
const maxGlobEntries = 4096

// entry returns what the rules have for a type, nil if nothing. What globs make
// of a type is kept by the engine, since a rule set does not change in use.
func (e *Engine) entry(rs *Ruleset, transport, typ string) *entry {
	key := entryKey{transport, typ}
	if en, ok := rs.entries[key]; ok || len(rs.globs) == 0 {
		return en
	}
	if en, ok := e.globbed[globKey{rs, key}]; ok {
		return en
	}
	en := rs.makeEntry(transport, typ, nil, rs.globs)
	if len(e.globbed) >= maxGlobEntries {
		clear(e.globbed)
	}
	e.globbed[globKey{rs, entryKey{strings.Clone(transport), strings.Clone(typ)}}] = en
	return en
}

// makeEntry collects the rules for a type out of two lists that are each in
// rule order; nil if there is none.
func (rs *Ruleset) makeEntry(transport, typ string, named, globs []*Rule) *entry {
	e := &entry{tree: newPathTree()}
	var begins, opens, loose []*Rule
	var calls, conns byState
	for _, r := range merge(named, globs) {
		if !rs.matches(r, transport, typ) {
			continue
		}
		for _, slot := range r.Reads {
			e.tree.add(splitPath(rs.Paths[slot]), slot)
		}
		switch {
		case r.New:
			begins = append(begins, r)
		case r.NewConnection:
			opens = append(opens, r)
		case r.OfConnection:
			conns.add(r)
			e.forConns = true
		case r.InCall:
			calls.add(r)
		default:
			loose = append(loose, r)
			calls.add(r)
			conns.add(r)
		}
	}
	e.forCalls = !calls.empty()
	if len(begins)+len(opens) == 0 && !e.forCalls && conns.empty() {
		return nil
	}
	e.begins, e.opens, e.loose = newIndex(begins), newIndex(merge(opens, loose)), newIndex(loose)
	e.states, e.other = calls.indexes()
	e.conn, e.connAny = conns.indexes()
	return e
}

// byState sorts rules by the states that they are for.
type byState struct {
	any []*Rule
	in  map[string][]*Rule
}

func (s *byState) add(r *Rule) {
	if r.inState == nil {
		s.any = append(s.any, r)
	}
	for state := range r.inState {
		if s.in == nil {
			s.in = map[string][]*Rule{}
		}
		s.in[state] = append(s.in[state], r)
	}
}

func (s *byState) empty() bool { return len(s.any)+len(s.in) == 0 }

// indexes gives one for each state, and that for all others.
func (s *byState) indexes() (states map[string]*index, other *index) {
	states = make(map[string]*index, len(s.in))
	for state, list := range s.in {
		states[state] = newIndex(merge(list, s.any))
	}
	return states, newIndex(s.any)
}

// merge joins two lists in rule order, without doubles.
func merge(a, b []*Rule) []*Rule {
	list := make([]*Rule, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].order < b[0].order:
			list, a = append(list, a[0]), a[1:]
		case len(a) > 0 && a[0] == b[0]:
			list, a, b = append(list, a[0]), a[1:], b[1:]
		default:
			list, b = append(list, b[0]), b[1:]
		}
	}
	return list
}

// of gives the rules for a call, or a connection, in its state.
func (e *entry) of(c *Call) *index {
	states, other := e.states, e.other
	if c.connection != "" {
		states, other = e.conn, e.connAny
	}
	if x, ok := states[c.state]; ok {
		return x
	}
	return other
}

func (rs *Ruleset) matches(r *Rule, transport, typ string) bool {
	for _, p := range r.On {
		if rs.onTransport(p.Transport, transport) && globMatch(p.Type, typ) {
			return true
		}
	}
	return false
}

func (rs *Ruleset) onTransport(pattern, name string) bool {
	if globMatch(pattern, name) {
		return true
	}
	p := rs.peers[name]
	return p != nil && p.Group != "" && globMatch(pattern, p.Group)
}

func globMatch(pattern, s string) bool {
	if pattern == s || pattern == "*" {
		return true
	}
	ok, err := path.Match(pattern, s)
	return err == nil && ok
}

// splitPath splits a dotted path; a dot inside a key is written "\.", as gjson
// does.
func splitPath(p string) []string {
	if p == "" {
		return nil // the whole message
	}
	var parts []string
	var part strings.Builder
	for i := 0; i < len(p); i++ {
		switch {
		case p[i] == '\\' && i+1 < len(p):
			i++
			part.WriteByte(p[i])
		case p[i] == '.':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(p[i])
		}
	}
	return append(parts, part.String())
}
