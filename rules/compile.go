package rules

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"

	"vertigo/engine"
)

// A compiler makes a rule set of what files declare, and collects all that is
// wrong with it.
type compiler struct {
	opts     Options
	loader   *loader
	decl     *declared
	rs       *engine.Ruleset
	findings []Finding

	varValues  map[string]any
	tables     map[string]*Table
	lets       []let
	pathSlot   map[string]int
	varSlot    map[string]int
	connVars   map[string]bool // of connections
	bufferSlot map[string]int
	timerSlot  map[string]int
	limitSlot  map[string]int
	indexSlot  map[string]int
	asked      []askedState

	protocols []Protocol
	speaks    map[string]*Protocol // by peer
	enveloped map[*node]bool       // values of envelopes that can be used
	merged    map[*node]*node      // by send: its body, with the envelope under it
	talk      talk

	trees       map[exprKey]ast.Node
	limitUses   map[string]*uses
	configs     map[exprKey]*conf.Config
	machines    map[exprKey]compiledMachine
	scopeNow    scope
	readOfFound map[string]bool // fields of the calls that indexes find
	written     []written       // expressions, in the order in which they were compiled
	owner       *node           // the rule, let or limit being compiled
	unchecked   int             // fields of messages without a schema
	current     *uses           // of the rule being compiled
	rule        string          // and its name
	ownLets     *node           // and its lets
	letParts    map[string]*engine.Part
}

type let struct {
	local
	uses *uses
}

func newCompiler(o Options, l *loader) *compiler {
	return &compiler{
		opts: o, loader: l, decl: l.whole, findings: l.findings,
		rs:        &engine.Ruleset{},
		varValues: map[string]any{}, tables: map[string]*Table{},
		pathSlot: map[string]int{}, varSlot: map[string]int{}, bufferSlot: map[string]int{},
		timerSlot: map[string]int{}, limitSlot: map[string]int{}, indexSlot: map[string]int{},
		trees: map[exprKey]ast.Node{}, limitUses: map[string]*uses{}, configs: map[exprKey]*conf.Config{}, machines: map[exprKey]compiledMachine{},
		letParts: map[string]*engine.Part{}, readOfFound: map[string]bool{},
		speaks: map[string]*Protocol{}, enveloped: map[*node]bool{}, merged: map[*node]*node{}, connVars: map[string]bool{},
	}
}

func (c *compiler) files() []string { return c.loader.disk }

// report notes a finding in the rule that is being compiled.
func (c *compiler) report(k *Kind, n *node, pos Pos, msg, hint string) {
	f := n.finding(k, pos, msg, hint)
	f.Rule = c.rule
	c.findings = append(c.findings, f)
}

// want reports a value of the wrong kind.
func (c *compiler) want(n *node, kind nodeKind, as string) bool {
	if n.kind == kind {
		return true
	}
	c.report(wrongValue, n, n.pos, fmt.Sprintf("expected %s, found %s", as, n.kind), "")
	return false
}

// path gives the slot of a message path.
func (c *compiler) path(parts []string) int {
	return slotIn(c.pathSlot, &c.rs.Paths, escapePath(parts))
}

func slotIn(slots map[string]int, names *[]string, name string) int {
	slot, ok := slots[name]
	if !ok {
		slot = len(*names)
		slots[name] = slot
		*names = append(*names, name)
	}
	return slot
}

// reads notes for the rule being compiled what one of its expressions reads.
func (c *compiler) reads(u *uses) {
	if c.current != nil {
		c.current.add(*u)
	}
}

// compile makes the rule set. What is declared is gathered first, so that an
// expression may use it wherever it stands.
func (c *compiler) compile() *engine.Ruleset {
	for _, name := range c.decl.vars.names {
		n := c.decl.vars.nodes[name]
		c.varValues[name] = n.plain()
		if given, ok := c.opts.Vars[name]; ok && isShipped(n) {
			c.varValues[name] = given
		}
	}
	c.declareProtocols()
	c.missing()
	for _, name := range c.decl.tables.names {
		c.table(name, c.decl.tables.nodes[name])
	}
	c.names()
	c.tellApart()
	for _, name := range c.decl.indexes.names {
		c.index(name, c.decl.indexes.nodes[name])
	}
	c.compileLets()
	for i := range c.protocols {
		if n := c.protocols[i].node; n.kind == kindTable {
			c.envelope(n.child("envelope"))
		}
	}
	for _, name := range c.decl.buffers.names {
		c.buffer(name, c.decl.buffers.nodes[name])
	}
	for _, name := range c.decl.limits.names {
		c.limit(name, c.decl.limits.nodes[name])
	}
	for _, r := range c.decl.rules {
		c.rs.Rules = append(c.rs.Rules, c.compileRule(r))
	}
	c.rule, c.current = "", nil
	for _, n := range c.decl.checks {
		c.check(n)
	}
	if len(c.decl.rules) == 0 && len(c.findings) == 0 {
		file := "rules"
		if len(c.loader.order) > 0 {
			file = c.loader.order[0]
		}
		c.findings = append(c.findings, Finding{Pos: Pos{File: file}, Code: noRules.Code, Msg: "there is not a single rule", Hint: `take in the shipped ones: include = ["matrix-verto"]`})
	}
	c.types()
	c.flow()
	if !Findings(c.findings).HasErrors() {
		c.rs.Finish(c.opts.Peers)
	}
	return c.rs
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// reserved are the names that mean something to every expression.
var reserved = []string{"msg", "call", "conn", "vars", "now", "item", "items", "let", "if", "else", "in", "not", "and", "or", "nil", "true", "false"}

// fit reports a name that expressions could not use.
func (c *compiler) fit(n *node, name, what string, taken ...string) bool {
	pos := n.keyPos
	if strings.HasPrefix(what, "i") {
		what = "an " + what
	} else {
		what = "a " + what
	}
	switch {
	case !identifier.MatchString(name):
		c.report(badName, n, pos, fmt.Sprintf("%s cannot be the name of %s", name, what), "a name has letters, digits and _, and begins with no digit")
	case slices.Contains(reserved, name) || functionNamed(name) != nil:
		c.report(badName, n, pos, fmt.Sprintf("%s cannot be the name of %s: it already means something", name, what), "")
	case slices.Contains(taken, name):
		c.report(badName, n, pos, fmt.Sprintf("%s cannot be the name of %s: there is already something of that name", name, what), "")
	default:
		return true
	}
	return false
}

func (c *compiler) table(name string, n *node) {
	if !c.fit(n, name, "table") || !c.want(n, kindTable, "a table") {
		return
	}
	t, faults := loadTable(c.readTable, filepath.Dir(n.pos.File), n)
	c.findings = append(c.findings, faults...)
	c.tables[name] = t // a faulty one too, so that its uses are not reported as well
}

func (c *compiler) readTable(name string) ([]byte, error) {
	if !slices.Contains(c.loader.disk, name) {
		c.loader.disk = append(c.loader.disk, name)
	}
	return c.opts.ReadFile(name)
}

// names gathers the variables, timers, buffers and limits that rules name.
func (c *compiler) names() {
	var peers []string
	for _, p := range c.opts.Peers {
		peers = append(peers, p.Name)
		if p.Group != "" {
			peers = append(peers, p.Group)
		}
	}
	builtin := append(peers, callFields...)
	for _, r := range c.decl.rules {
		if set := r.node.child("set"); set != nil && set.kind == kindTable {
			for _, name := range set.keys {
				c.rule = r.name
				if _, known := c.varSlot[name]; known || c.fit(set.children[name], name, "variable", builtin...) {
					slotIn(c.varSlot, &c.rs.Vars, name)
				}
			}
		}
		if conn := r.node.child("conn"); conn != nil && conn.kind == kindTable {
			for _, name := range conn.keys {
				c.rule = r.name
				if c.connVars[name] || c.fit(conn.children[name], name, "variable", "state") {
					c.connVars[name] = true
				}
			}
		}
		if timers := r.node.child("timer"); timers != nil && timers.kind == kindTable {
			for _, name := range timers.keys {
				c.rule = r.name
				if _, known := c.timerSlot[name]; known || c.fit(timers.children[name], name, "timer") {
					slotIn(c.timerSlot, &c.rs.Timers, name)
				}
			}
		}
	}
	c.rule = ""
	for i, name := range c.decl.buffers.names {
		c.bufferSlot[name] = i
	}
	for i, name := range c.decl.limits.names {
		c.limitSlot[name] = i
	}
	for i, name := range c.decl.indexes.names {
		c.indexSlot[name] = i
	}
}

// compileLets compiles the top-level lets, each behind those that it uses.
func (c *compiler) compileLets() {
	for _, name := range c.decl.lets.byUse() {
		n := c.decl.lets.nodes[name]
		if !c.fit(n, name, "let", c.lookedUp()...) {
			continue
		}
		c.current, c.owner = &uses{}, n
		x := c.value(n, scope{})
		if x == nil {
			x = constant{}
		}
		c.lets = append(c.lets, let{local{name, c.typeOf(n, scope{})}, c.current})
		c.rs.Lets = append(c.rs.Lets, x)
		c.current = nil
		c.knowLet(c.lets[len(c.lets)-1].local)
	}
}

// knowLet adds a let to what the next ones are checked with.
func (c *compiler) knowLet(l local) {
	made := c.config(scope{}, nil)
	clear(c.configs)
	made.Env.Fields[l.name] = l.known().Nature()
	c.configs[c.exprKey("", scope{}, nil)] = made
}

// unknownKeys reports the keys of a table that mean nothing there.
func (c *compiler) unknownKeys(n *node, known ...string) {
	for _, key := range n.keys {
		if !slices.Contains(known, key) {
			c.report(unknownKey, n.children[key], n.children[key].keyPos, "unknown key "+key, DidYouMean(key, known))
		}
	}
}

func (c *compiler) buffer(name string, n *node) {
	b := &engine.Buffer{Name: name}
	c.rs.Buffers = append(c.rs.Buffers, b)
	if !c.fit(n, name, "buffer") || !c.want(n, kindTable, "a table") {
		return
	}
	c.unknownKeys(n, bufferKeys...)
	c.current, c.owner = &uses{}, n
	defer func() { c.current = nil }()
	sc := scope{items: true, noMsg: true}
	if x := n.child("complete"); x != nil {
		if b.Complete = c.condition(x, sc); b.Complete != nil {
			b.Parts = c.takeApart(x, sc)
		}
	}
	if x := n.child("idle"); x != nil {
		b.Idle = c.durationText(x, sc)
	}
	if x := n.child("timeout"); x != nil {
		b.Timeout = c.durationText(x, sc)
	}
	if x := n.child("limit"); x != nil && c.want(x, kindInteger, "a whole number") {
		if b.Limit = x.value.(int); b.Limit < 1 {
			c.report(tooSmall, x, x.pos, "a buffer holds at least one item", "")
		}
	}
}

// durationText compiles a time: "500ms", or a template that comes to one.
func (c *compiler) durationText(n *node, sc scope) engine.Expr {
	x := c.textExpr(n, sc)
	if fixed, ok := x.(constant); ok {
		c.fixedDuration(n, fixed.v)
	}
	return x
}

func (c *compiler) fixedDuration(n *node, v any) {
	if d, err := engine.Duration(v); err != nil {
		c.report(badTime, n, n.pos, err.Error(), "")
	} else if d <= 0 {
		c.report(badTime, n, n.pos, "the time must be more than nothing", "")
	}
}

func (c *compiler) limit(name string, n *node) {
	l := &engine.Limit{Name: name, Key: constant{""}, Max: constant{0}}
	c.rs.Limits = append(c.rs.Limits, l)
	if !c.want(n, kindTable, "a table") {
		return
	}
	c.unknownKeys(n, limitKeys...)
	c.current, c.owner = &uses{}, n
	defer func() { c.current = nil }()
	if x := n.child("key"); x != nil {
		l.Key = c.value(x, scope{})
	}
	switch max := n.child("max"); {
	case max == nil:
		c.report(badLimit, n, n.pos, "the limit has no max", "")
	case max.kind == kindInteger:
		if l.Max = (constant{max.value}); max.value.(int) < 0 {
			c.report(tooSmall, max, max.pos, "max is a whole number from 0 on", "")
		}
	default:
		l.Max = c.value(max, scope{})
	}
	per, while := n.child("per"), n.child("while")
	switch {
	case per == nil && while == nil:
		c.report(badLimit, n, n.pos, "the limit says neither per when nor while what", `per = "1m" for a time, while = "call" for calls at once`)
	case per != nil && while != nil:
		c.report(badLimit, while, while.keyPos, "a limit has per or while, not both", "make two limits: a rule can name both")
	case while != nil:
		if c.want(while, kindString, `"call"`) && while.text != "call" {
			c.report(badLimit, while, while.pos, fmt.Sprintf("while is %q; it can only be \"call\"", while.text), "")
		}
	case c.want(per, kindString, `a time such as "1m"`):
		c.fixedDuration(per, per.text)
		l.Per, _ = time.ParseDuration(per.text)
	}
	c.limitUses[name] = c.current
}

func (c *compiler) compileRule(decl *rule) *engine.Rule {
	n := decl.node
	r := &engine.Rule{Name: decl.name, Pos: n.pos.String()}
	c.rule, c.current, c.owner, c.ownLets = decl.name, &uses{}, n, n.child("let")
	c.unknownKeys(n, ruleKeys...)
	sc := c.localScope(n, r)
	r.On = c.patterns(n)
	r.In = c.strings(n.child("in"), "a state")
	r.New, r.Also = c.begins(n.child("new")), c.flag(n.child("also"))
	if (r.New || beginsConnection(n)) && len(r.In) > 0 {
		what := "call"
		if !r.New {
			what = newConnection
		}
		c.report(stateOfNew, n.child("in"), n.child("in").keyPos, "a rule that begins a "+what+" cannot ask for a state", "leave out in, or new")
	}
	if when := n.child("when"); when != nil {
		if r.When = c.condition(when, sc); r.When != nil {
			r.Equals, r.EqualsOnly = c.equals(when, sc)
			r.Parts = c.takeApart(when, sc)
		}
	}
	c.connection(n, r, sc)
	c.effects(n, r, sc)
	c.sends(n, r, sc)
	r.Reads, r.InCall = c.current.paths, c.current.call
	return r
}

// localScope compiles a rule's own lets; one may use those before it.
func (c *compiler) localScope(n *node, r *engine.Rule) scope {
	sc := c.scopeOf(n)
	lets := n.child("let")
	if lets == nil || !c.want(lets, kindTable, "a table of expressions") {
		return sc
	}
	for _, name := range lets.keys {
		if !c.fit(lets.children[name], name, "let", c.lookedUp()...) {
			continue
		}
		x := c.value(lets.children[name], sc)
		if x == nil {
			x = constant{}
		}
		r.Locals = append(r.Locals, x)
		sc = sc.with(local{name, c.typeOf(lets.children[name], sc)})
	}
	return sc
}

// strings reads text or a list of texts.
func (c *compiler) strings(n *node, as string) []string {
	var list []string
	for _, item := range n.listed() {
		if c.want(item, kindString, as+" or a list of them") {
			list = append(list, item.text)
		}
	}
	return list
}

func (c *compiler) flag(n *node) bool {
	return n != nil && c.want(n, kindBool, "true or false") && n.value.(bool)
}

func (c *compiler) patterns(n *node) []engine.Pattern {
	on := n.child("on")
	if on == nil {
		c.report(noMessages, n, n.pos, "the rule does not say which messages it is for", `on = "matrix m.call.invite"`)
		return nil
	}
	var list []engine.Pattern
	for _, item := range on.listed() {
		if !c.want(item, kindString, `"TRANSPORT TYPE"`) {
			continue
		}
		words := strings.Fields(item.text)
		if len(words) != 2 {
			c.report(badPattern, item, item.pos, fmt.Sprintf("%q is not a transport and a message type", item.text), `on = "matrix m.call.invite"`)
			continue
		}
		p := engine.Pattern{Transport: words[0], Type: words[1]}
		if c.checkPattern(item, p) {
			list = append(list, p)
		}
	}
	return list
}

func (c *compiler) checkPattern(n *node, p engine.Pattern) bool {
	for _, glob := range []string{p.Transport, p.Type} {
		if _, err := path.Match(glob, ""); err != nil {
			c.report(badPattern, n, n.pos, fmt.Sprintf("%q is not a pattern", glob), "* stands for anything, ? for a letter, [ab] for one of some")
			return false
		}
	}
	names := c.transports()
	if !slices.ContainsFunc(append(names, "engine"), func(name string) bool {
		ok, _ := path.Match(p.Transport, name)
		return ok
	}) {
		c.report(unknownTransport, n, n.pos, "unknown transport "+p.Transport, DidYouMean(p.Transport, append(names, "engine")))
		return false
	}
	if p.Transport == "engine" {
		return c.checkEngineType(n, p.Type)
	}
	return true
}

// transports lists the names and groups that rules may say.
func (c *compiler) transports() []string {
	var names []string
	for _, p := range c.opts.Peers {
		names = append(names, p.Name)
		if p.Group != "" && !slices.Contains(names, p.Group) {
			names = append(names, p.Group)
		}
	}
	return names
}

// checkEngineType reports a message that the engine never says.
func (c *compiler) checkEngineType(n *node, typ string) bool {
	if strings.ContainsAny(typ, "*?[") {
		return true
	}
	at := n.at(strings.Index(n.text, typ))
	kind, name, _ := strings.Cut(typ, ".")
	switch {
	case kind == "buffer":
		if _, ok := c.bufferSlot[name]; !ok {
			c.report(unknownBuffer, n, at, "unknown buffer "+name, DidYouMean(name, keysOf(c.bufferSlot)))
			return false
		}
	case kind == "timer":
		if _, ok := c.timerSlot[name]; !ok {
			c.report(unknownTimer, n, at, fmt.Sprintf("no rule starts a timer called %s", name), DidYouMean(name, keysOf(c.timerSlot)))
			return false
		}
	case typ != "call.end" && typ != "call.stop" && typ != "conn.stop":
		c.report(unknownEngineMessage, n, at, "the engine says no "+typ, DidYouMean(typ, []string{"call.end", "call.stop", "conn.stop", "buffer.NAME", "timer.NAME"}))
		return false
	}
	return true
}

func (c *compiler) effects(n *node, r *engine.Rule, sc scope) {
	c.entries(n.child("set"), "a table of expressions", func(name string, x *node) {
		if slot, ok := c.varSlot[name]; ok {
			if e := c.value(x, sc); e != nil {
				r.Set = append(r.Set, engine.Set{Var: slot, Expr: e})
			}
		}
	})
	c.entries(n.child("push"), "push.BUFFER = 'expression'", func(name string, x *node) {
		slot, ok := c.bufferSlot[name]
		if !ok {
			c.report(unknownBuffer, x, x.keyPos, "unknown buffer "+name, cmpHint(DidYouMean(name, keysOf(c.bufferSlot)), fmt.Sprintf("declare it: [buffer.%s]", name)))
			return
		}
		if e := c.value(x, sc); e != nil {
			r.Push = append(r.Push, engine.Push{Buffer: slot, Expr: e})
			c.reads(&uses{call: true})
		}
	})
	c.entries(n.child("timer"), "timer.NAME = 'expression'", func(name string, x *node) {
		if slot, ok := c.timerSlot[name]; ok {
			if e := c.timerExpr(x, sc); e != nil {
				r.Timer = append(r.Timer, engine.SetTimer{Timer: slot, Expr: e})
			}
		}
	})
	if cancel := n.child("cancel"); cancel != nil {
		c.slots(cancel, "timer", unknownTimer, c.timerSlot, &r.Cancel)
	}
	c.ruleLimits(n, r)
	if next := n.child("next"); next != nil {
		r.Next = c.textExpr(next, sc)
		r.NextStates = c.leadsTo(next, n.child("let"))
	}
}

// ruleLimits reads which limits must have room for a rule, and which none.
func (c *compiler) ruleLimits(n *node, r *engine.Rule) {
	if limit := n.child("limit"); limit != nil {
		c.slots(limit, "limit", unknownLimit, c.limitSlot, &r.Limit)
	}
	if beyond := n.child("beyond"); beyond != nil {
		c.slots(beyond, "limit", unknownLimit, c.limitSlot, &r.Beyond)
		for _, slot := range r.Beyond {
			if slices.Contains(r.Limit, slot) {
				c.report(withinAndBeyond, beyond, beyond.keyPos, fmt.Sprintf("the rule cannot be within the limit %s and beyond it", c.rs.Limits[slot].Name), "make two rules, one for each")
			}
		}
	}
	for _, slot := range slices.Concat(r.Limit, r.Beyond) {
		c.reads(c.limitUses[c.rs.Limits[slot].Name])
	}
}

func cmpHint(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// timerExpr compiles an expression for a time; "6s" stands for itself.
func (c *compiler) timerExpr(n *node, sc scope) engine.Expr {
	if n.kind == kindString {
		if d, err := time.ParseDuration(n.text); err == nil {
			c.fixedDuration(n, n.text)
			return constant{d}
		}
	}
	return c.value(n, sc)
}

func (c *compiler) entries(n *node, as string, each func(name string, x *node)) {
	if n == nil || !c.want(n, kindTable, as) {
		return
	}
	for _, name := range n.keys {
		each(name, n.children[name])
	}
}

// slots reads names of timers or limits.
func (c *compiler) slots(n *node, what string, unknown *Kind, known map[string]int, into *[]int) {
	for _, item := range n.listed() {
		if !c.want(item, kindString, "the name of a "+what) {
			continue
		}
		slot, ok := known[item.text]
		if !ok {
			c.report(unknown, item, item.pos, fmt.Sprintf("unknown %s %s", what, item.text), DidYouMean(item.text, keysOf(known)))
			continue
		}
		*into = append(*into, slot)
	}
}
