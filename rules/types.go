package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"vertigo/engine"
	"vertigo/schema"
)

// A written expression is one that was compiled, with the rule, let or limit
// that it stands in.
type written struct {
	src   source
	tree  ast.Node
	sc    scope
	owner *node
}

// note keeps an expression for when all of them are there: what a let reads
// depends on the rules that use it.
func (c *compiler) note(src source, tree ast.Node, sc scope) {
	if c.current != nil { // else it is part of a condition, or the key of an index
		c.written = append(c.written, written{src, tree, sc, c.owner})
	}
}

// Messages are those that an expression may be evaluated for.
type messages struct {
	types []*schema.Type // what they look like; nil: they may be anything
	known bool           // all of them have a schema
}

func (m *messages) view() view {
	if m == nil || !m.known {
		return anything
	}
	return viewOf(m.types...)
}

// join adds the messages of another rule.
func (m *messages) join(other *messages) {
	m.known = m.known && other.known
	for _, t := range other.types {
		if !slices.Contains(m.types, t) {
			m.types = append(m.types, t)
		}
	}
}

// A typing checks what expressions and bodies do with the fields of messages
// against the schemas of those who say them.
type typing struct {
	*compiler
	byOwner   map[*node][]written
	heard     map[string]*messages // by what rules are on
	lets      map[letUse]view
	foundCall *foundCall
	letFor    map[*node]*messages // by let or limit: the messages of all rules that use it
	held      map[string]view     // by buffer: its items
	reported  map[string]bool
}

func newTyping(c *compiler, byOwner map[*node][]written, held map[string]view) *typing {
	return &typing{
		compiler: c, foundCall: newFoundCall(), byOwner: byOwner, held: held,
		heard: map[string]*messages{}, lets: map[letUse]view{}, letFor: map[*node]*messages{}, reported: map[string]bool{},
	}
}

type letUse struct {
	let string
	of  *messages
}

// types checks all that was written. Without schemas there is nothing to check,
// but for conditions that no value fulfils.
func (c *compiler) types() {
	byOwner := map[*node][]written{}
	for i := 0; i < len(c.written); {
		owner, from := c.written[i].owner, i
		for i < len(c.written) && c.written[i].owner == owner {
			i++
		}
		byOwner[owner] = c.written[from:i]
	}
	t := newTyping(c, byOwner, c.pushed(byOwner))
	for i, decl := range c.decl.rules {
		if i < len(c.rs.Rules) {
			t.rule(decl, c.rs.Rules[i])
		}
	}
	c.rule = ""
	for _, name := range c.decl.buffers.names {
		t.buffered(name, c.decl.buffers.nodes[name])
	}
	for _, names := range []*named{c.decl.lets, c.decl.limits} {
		for _, name := range names.names {
			t.shared(names.nodes[name])
		}
	}
}

// shared checks a let of the file, or a limit: for the messages of all rules
// that use it.
func (t *typing) shared(n *node) {
	of := t.letFor[n]
	if of == nil {
		return
	}
	for _, w := range t.byOwner[n] {
		x := t.reader(w, of, nil)
		x.view(w.tree)
	}
}

func (t *typing) use(n *node, of *messages) {
	if n == nil || of == nil {
		return
	}
	if t.letFor[n] == nil {
		t.letFor[n] = &messages{known: true}
	}
	t.letFor[n].join(of)
}

func (t *typing) rule(decl *rule, r *engine.Rule) {
	t.compiler.rule = decl.name
	n := decl.node
	of := t.hears(n, r)
	locals := t.localsOf(n)
	for _, w := range t.byOwner[n] {
		x := t.reader(w, of, locals)
		v := x.view(w.tree)
		switch {
		case w.src.node == n.child("when"):
			x.fulfil(w.tree, r.In)
		case n.child("timer").holds(w.src.node):
			x.timer(w, v)
		}
	}
	for _, key := range []string{"limit", "beyond"} {
		for _, name := range t.names(n.child(key)) {
			t.use(t.decl.limits.nodes[name], of)
		}
	}
	t.sent(n, of, locals)
}

func (t *typing) localsOf(n *node) *locals {
	l := &locals{lets: n.child("let"), seen: map[string]view{}, written: map[*node]written{}}
	for _, w := range t.byOwner[n] {
		l.written[w.src.node] = w
	}
	return l
}

// names reads a name, or a list of them.
func (t *typing) names(n *node) []string {
	var names []string
	for _, item := range n.listed() {
		if item.kind == kindString {
			names = append(names, item.text)
		}
	}
	return names
}

// holds says whether a table has that value under one of its keys.
func (n *node) holds(value *node) bool {
	return n != nil && n.kind == kindTable && slices.ContainsFunc(n.keys, func(key string) bool { return n.children[key] == value })
}

// hears gives the messages that a rule is for, and reports types that nobody
// ever says.
func (t *typing) hears(n *node, r *engine.Rule) *messages {
	on := n.child("on")
	key := ""
	for _, item := range on.listed() {
		key += item.text + "\n"
	}
	if of := t.heard[key]; of != nil {
		return of
	}
	of := &messages{known: len(r.On) > 0}
	found := len(t.findings)
	for _, item := range on.listed() {
		words := strings.Fields(item.text)
		if len(words) == 2 {
			of.join(t.heardAs(item, engine.Pattern{Transport: words[0], Type: words[1]}))
		}
	}
	if found == len(t.findings) { // else each rule with the same fault is to be told of it
		t.heard[key] = of
	}
	return of
}

// heardAs gives the messages of one pattern.
func (t *typing) heardAs(n *node, p engine.Pattern) *messages {
	of := &messages{known: true}
	speakers := t.speakers(p.Transport)
	for _, s := range speakers {
		switch {
		case s == nil:
			of.known = false
		case isGlob(p.Type):
			of.types = append(of.types, s.Matching(p.Type)...)
		case s.In(p.Type) != nil:
			in := s.In(p.Type)
			if buffer, ok := strings.CutPrefix(p.Type, "buffer."); ok && s == EngineSchema {
				in = t.heardOf(buffer, in)
			}
			of.types = append(of.types, in)
		}
	}
	if !of.known || len(speakers) == 0 {
		of.known = false
		return of
	}
	of.join(&messages{known: len(of.types) > 0})
	at := n.at(strings.LastIndex(n.text, p.Type))
	if isGlob(p.Type) && len(of.types) > 0 {
		t.oddPattern(n, at, p.Type, speakers)
	}
	switch {
	case p.Transport == "engine": // the compiler knows its timers and buffers
	case len(of.types) == 0:
		t.complain(neverComes, n, at, fmt.Sprintf("no %s ever comes from %s", p.Type, p.Transport), t.comesInstead(speakers, p.Type))
	case !isGlob(p.Type):
		t.unlikelyType(n, at, p.Type, speakers, (*schema.Set).Incoming)
	}
	return of
}

// oddPattern warns of a pattern that just one of the known messages fits, and of
// one that lacks a dot before a star.
func (t *typing) oddPattern(n *node, at Pos, pattern string, speakers []*schema.Set) {
	family, open := strings.CutSuffix(pattern, "*")
	fits := t.fitting(pattern, speakers)
	if len(fits) == 1 && (!open || isGlob(family)) {
		t.complain(oddPattern, n, at, fmt.Sprintf("of all messages that are known only %s fits the pattern %s", fits[0], pattern), "did you mean "+fits[0]+"?")
		return
	}
	for i := 1; i < len(pattern); i++ {
		if pattern[i] != '*' || strings.ContainsRune(".*?]", rune(pattern[i-1])) {
			continue
		}
		dotted := pattern[:i] + "." + pattern[i:]
		if slices.Equal(t.fitting(dotted, speakers), fits) {
			t.complain(oddPattern, n, at, "there is no dot before the star of "+pattern, fmt.Sprintf("did you mean %s? The messages that fit it are the same", dotted))
			return
		}
	}
}

// fitting lists the known messages that fit a pattern.
func (t *typing) fitting(pattern string, speakers []*schema.Set) []string {
	var fits []string
	for _, s := range speakers {
		names := s.Incoming()
		if s == EngineSchema {
			names = t.engineTypes()
		}
		for _, name := range names {
			if globs(pattern, name) && !slices.Contains(fits, name) {
				fits = append(fits, name)
			}
		}
	}
	return fits
}

// engineTypes lists what the engine says with these rules.
func (c *compiler) engineTypes() []string {
	names := []string{"call.end", "call.stop", "conn.stop"}
	for _, name := range c.rs.Timers {
		names = append(names, "timer."+name)
	}
	for _, name := range c.decl.buffers.names {
		names = append(names, "buffer."+name)
	}
	return names
}

// comesInstead is the hint for a type that never comes.
func (t *typing) comesInstead(speakers []*schema.Set, typ string) string {
	var known []string
	for _, s := range speakers {
		if s.Out(typ) != nil && s.OK != nil {
			return fmt.Sprintf("it can be sent; what comes of that is %[1]s.ok or %[1]s.error", typ)
		}
		answers := slices.DeleteFunc(s.Incoming(), func(in string) bool { return !strings.HasPrefix(in, typ+".") })
		if s.Out(typ) != nil && len(answers) > 0 {
			return "it can be sent; what comes of that is " + strings.Join(answers, " or ")
		}
		known = append(known, s.Incoming()...)
	}
	return didYouMean(typ, known)
}

// unlikelyType warns of a type that is allowed, but is so close to one that is
// known that it was probably meant to be that.
func (t *typing) unlikelyType(n *node, at Pos, typ string, sets []*schema.Set, names func(*schema.Set) []string) {
	var known []string
	for _, s := range sets {
		if s.Declares(typ) {
			return
		}
		known = append(known, names(s)...)
	}
	if near := Nearest(typ, known); near != "" {
		t.complain(unlikelyMessage, n, at, "unknown message type "+typ, "did you mean "+near+"?")
	}
}

// speakers gives the schemas of the transports that a pattern is about; nil
// among them is one without.
func (t *typing) speakers(pattern string) []*schema.Set {
	matches := func(name string) bool {
		ok, err := path.Match(pattern, name)
		return pattern == name || err == nil && ok
	}
	var sets []*schema.Set
	if matches("engine") {
		sets = append(sets, EngineSchema)
	}
	for _, p := range t.opts.Peers {
		if s := t.schemaOf(p); (matches(p.Name) || p.Group != "" && matches(p.Group)) && !slices.Contains(sets, s) {
			sets = append(sets, s)
		}
	}
	return sets
}

// complain reports a finding once at a place.
func (t *typing) complain(k *Kind, n *node, pos Pos, msg, hint string) {
	key := pos.String() + msg
	if t.reported[key] {
		return
	}
	t.reported[key] = true
	t.report(k, n, pos, msg, hint)
}

// didYouMean is the hint for a name that was probably meant to be another one.
func didYouMean(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

func isGlob(s string) bool { return strings.ContainsAny(s, "*?[") }
