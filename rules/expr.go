package rules

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"

	"vertigo/engine"
)

// A scope says which names an expression may use beside msg, call, vars, now,
// the tables, the top-level lets and the functions.
type scope struct {
	locals []local // let of the rule
	item   bool    // in a send with each
	items  bool    // in a condition of a buffer
	noMsg  bool    // in a condition of a buffer: it is asked for whatever was pushed
	check  bool    // in a check: it is asked before there is any message
	noCall bool    // in a rule of a connection, and in an envelope
	under  bool    // in an envelope
	index  bool    // in the key of an index: it is computed when a call has changed
	names  string  // of the locals, with their types
}

// with is the scope with one more let in it.
func (s scope) with(l local) scope {
	s.locals = append(slices.Clone(s.locals), l)
	s.names += l.key()
	return s
}

// before is the scope without the lets from one on.
func (s scope) before(slot int) scope {
	for _, l := range slices.Backward(s.locals[slot:]) {
		s.names = strings.TrimSuffix(s.names, l.key())
	}
	s.locals = s.locals[:slot]
	return s
}

// A local is a let by name, with the type that its expression has.
type local struct {
	name string
	typ  reflect.Type // nil: any
}

// plainTypes are those that a let is known to have; others are any.
var plainTypes = map[reflect.Type]types.Type{
	reflect.TypeFor[bool]():          types.Bool,
	reflect.TypeFor[string]():        types.String,
	reflect.TypeFor[int]():           types.Int,
	reflect.TypeFor[float64]():       types.Float64,
	reflect.TypeFor[time.Time]():     types.TypeOf(time.Time{}),
	reflect.TypeFor[time.Duration](): types.TypeOf(time.Duration(0)),
}

func (l local) key() string { return fmt.Sprintf("%s %v,", l.name, l.typ) }

func (l local) known() types.Type {
	if t, ok := plainTypes[l.typ]; ok {
		return t
	}
	return types.Any
}

// An EvalError is an expression that could not be evaluated, worded for the
// person who wrote it.
type EvalError struct {
	Pos Pos
	Msg string
}

// Error gives file:line:col and what went wrong.
func (e *EvalError) Error() string { return fmt.Sprintf("%s: %s", e.Pos, e.Msg) }

// A source is the text of an expression and where it stands.
type source struct {
	text  string
	node  *node
	shift int // runes of the node's text before it
}

func sourceOf(n *node) source { return source{text: n.text, node: n} }

func (s source) pos(offset int) Pos { return s.node.at(s.shift + offset) }

// fail makes an error of evaluation at a rune of the expression.
func (s source) fail(offset int, err error) error {
	var inner *EvalError
	if errors.As(err, &inner) {
		return err
	}
	return &EvalError{Pos: s.pos(offset), Msg: err.Error()}
}

// bannedBuiltins are left out of the language: they read the clock, or make
// memory and time that nothing bounds.
var bannedBuiltins = []string{"now", "reduce", "repeat"}

// environment gives the types that expressions are checked against. The
// message is of any type: its schema is the transport's to declare.
func (c *compiler) environment(sc scope) types.Map {
	env := types.Map{"vars": typeOf(c.varValues)}
	for name := range c.tables {
		env[name] = types.TypeOf(map[string]any{})
	}
	if sc.check {
		return env
	}
	if !sc.index {
		env["now"] = types.TypeOf(time.Time{})
	}
	if !sc.noMsg {
		env["msg"] = types.Any
		for name := range c.indexSlot {
			env[name] = types.TypeOf(map[string][]any{})
		}
	}
	call := types.Map{
		"id":    types.String,
		"uuid":  types.String,
		"state": types.String,
		"begun": types.TypeOf(time.Time{}),
	}
	for _, name := range c.rs.Vars {
		call[name] = types.Any
	}
	key := types.Map{"key": types.Any}
	for _, p := range c.opts.Peers {
		call[p.Name] = key
		if p.Group != "" {
			call[p.Group] = key
		}
	}
	if !sc.noCall {
		env["call"] = call
	}
	if !sc.index {
		conn := types.Map{"state": types.String}
		for name := range c.connVars {
			conn[name] = types.Any
		}
		env["conn"] = conn
	}
	for _, l := range c.lets {
		if sc.index || sc.noMsg && len(l.uses.paths) > 0 || sc.noCall && l.uses.call {
			continue // it reads what is not there, or may
		}
		env[l.name] = l.known()
	}
	for _, l := range sc.locals {
		env[l.name] = l.known()
	}
	if sc.item {
		env["item"] = types.Any
	}
	if sc.items {
		env["items"] = types.TypeOf([]any{})
	}
	return env
}

// typeOf gives the type of a value from a rule file.
func typeOf(v any) types.Type {
	if m, ok := v.(map[string]any); ok {
		t := types.Map{}
		for k, v := range m {
			t[k] = typeOf(v)
		}
		return t
	}
	return types.TypeOf(v)
}

// config is what expressions of a scope are checked with. It is made once, as
// expr.Compile would make it each time, and of the one for the scope without its
// lets: most of the time of loading went there.
func (c *compiler) config(sc scope, more []expr.Option) *conf.Config {
	key := c.exprKey("", sc, more)
	if made := c.configs[key]; made != nil {
		return made
	}
	var made conf.Config
	switch {
	case len(more) > 0:
		made = *c.config(sc, nil)
		for _, o := range more {
			o(&made)
		}
	case len(sc.locals) > 0:
		last := len(sc.locals) - 1
		made = *c.config(sc.before(last), nil)
		made.Env = withField(made.Env, sc.locals[last])
	default:
		made = *plainConfig() // its maps are only read
		expr.Env(c.environment(sc))(&made)
	}
	c.configs[key] = &made
	return &made
}

// withField is an environment with one more name in it.
func withField(env nature.Nature, l local) nature.Nature {
	data := *env.TypeData
	data.Fields = maps.Clone(data.Fields)
	data.Fields[l.name] = l.known().Nature()
	env.TypeData = &data
	return env
}

// plainConfig is all that configs have in common: the functions.
var plainConfig = sync.OnceValue(func() *conf.Config { return newConfig(functionOptions) })

// newConfig applies options, and bans what is not part of the language.
func newConfig(options []expr.Option) *conf.Config {
	made := conf.CreateNew()
	for _, o := range options {
		o(made)
	}
	for _, name := range bannedBuiltins {
		made.Disabled[name] = true
	}
	for name := range made.Disabled {
		delete(made.Builtins, name)
	}
	made.Check()
	return made
}

// functionOptions make the functions of the rule language known to expr.
var functionOptions = func() []expr.Option {
	var o []expr.Option
	for _, f := range Functions {
		o = append(o, expr.DisableBuiltin(f.Name), expr.Function(f.Name, f.Call, f.Types...))
	}
	return o
}()

// An expression of more bytes is refused before it is read: expr reads it with a
// stack that is as deep as its brackets and operators are nested.
const maxExpression = 16 << 10

var errLongExpression = fmt.Errorf("the expression has more than %d bytes", maxExpression)

// parse reads an expression, and makes of it what the rule language does. (A
// patch of expr's would have it checked three times.)
func parse(text string, config *conf.Config) (*parser.Tree, error) {
	if len(text) > maxExpression {
		return nil, errLongExpression
	}
	tree, err := parser.ParseWithConfig(text, config)
	if err == nil {
		ast.Walk(&tree.Node, calendar{})
	}
	return tree, err
}

// calendar makes numbers of the days of the week and of the months, which have
// types of their own that compare with nothing: Sunday is 0, January is 1. Their
// names stay to be had: now.Weekday().String().
type calendar struct{}

// Visit sees the parts of a node before the node.
func (calendar) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.CallNode:
		if name := methodOf(node); name == "Weekday" || name == "Month" {
			ast.Patch(n, &ast.BuiltinNode{Name: "int", Arguments: []ast.Node{node}})
		}
	case *ast.MemberNode:
		made, ok := node.Node.(*ast.BuiltinNode)
		if !ok || made.Name != "int" {
			return
		}
		if call, ok := made.Arguments[0].(*ast.CallNode); ok && methodOf(call) != "" {
			node.Node = call
		}
	}
}

// methodOf returns the name of the method that is called, "" if none is.
func methodOf(n *ast.CallNode) string {
	if m, ok := n.Callee.(*ast.MemberNode); ok {
		if name, ok := m.Property.(*ast.StringNode); ok {
			return name.Value
		}
	}
	return ""
}

// expression compiles an expression; nil, with findings added, if it is faulty.
func (c *compiler) expression(src source, sc scope, more ...expr.Option) engine.Expr {
	c.scopeNow = sc
	tree := c.tree(src, sc, more)
	if tree == nil {
		return nil
	}
	c.askStates(src, tree)
	c.note(src, tree, sc)
	u := &uses{}
	b := &closures{c: c, src: src, sc: sc, uses: u}
	x := b.compile(tree)
	if x == nil {
		*u = uses{}
		x = c.machine(src, sc, u)
	}
	if x != nil {
		c.reads(u)
	}
	return x
}

// tree parses and checks an expression; rules say the same thing often, so what
// was found right is kept.
func (c *compiler) tree(src source, sc scope, more []expr.Option) ast.Node {
	key := c.exprKey(src.text, sc, more)
	if tree := c.trees[key]; tree != nil {
		return tree
	}
	config := c.config(sc, more)
	parsed, err := parse(src.text, config)
	if err != nil {
		c.exprFault(badExpression, src, err)
		return nil
	}
	if _, err := checker.Check(parsed, config); err != nil {
		if !c.operandFaults(src, parsed, sc) {
			c.exprFault(wrongType, src, err)
		}
		return nil
	}
	tree := parsed.Node
	if faults := bounded(tree); len(faults) > 0 {
		for _, f := range faults {
			c.report(f.kind, src.node, src.pos(f.at), f.msg, "")
		}
		return nil
	}
	if id := c.bareIndex(tree); id != nil {
		c.report(noValue, src.node, src.pos(id.Location().From), id.Value+" is no value by itself", "look up a key in it: "+id.Value+"[msg.room_id]")
		return nil
	}
	c.trees[key] = tree
	return tree
}

// operandFaults reports what is wrong with the operands of a faulty expression,
// each by itself, since expr stops at the first fault; false if the fault is in
// how they are put together. The operands that are right are noted, so that the
// fields that they read are checked all the same.
func (c *compiler) operandFaults(src source, parsed *parser.Tree, sc scope) bool {
	operands := operandsOf(parsed.Node)
	config := c.config(sc, nil)
	var right []ast.Node
	found := false
	for _, operand := range operands {
		tree := &parser.Tree{Node: operand, Source: parsed.Source}
		ast.Walk(&tree.Node, unchecked{})
		_, err := checker.Check(tree, config)
		if err == nil {
			right = append(right, operand)
			continue
		}
		found = true
		if !c.operandFaults(src, tree, sc) {
			c.exprFault(wrongType, src, err)
		}
	}
	if found {
		for _, operand := range right {
			c.note(src, operand, sc)
		}
	}
	return found
}

// unchecked forgets what calls come to: expr does not look again at those of
// which it is known.
type unchecked struct{}

// Visit sees the parts of a node before the node.
func (unchecked) Visit(n *ast.Node) {
	if call, ok := (*n).(*ast.CallNode); ok {
		call.SetType(reflect.TypeFor[any]())
	}
}

// operandsOf gives the parts of an expression that stand for themselves.
func operandsOf(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.CallNode:
		return n.Arguments
	case *ast.MapNode:
		var values []ast.Node
		for _, pair := range n.Pairs {
			values = append(values, pair.(*ast.PairNode).Value)
		}
		return values
	}
	return nil
}

// typeOf gives the type of an expression that was compiled, nil if it may have
// any.
func (c *compiler) typeOf(n *node, sc scope) reflect.Type {
	if tree := c.trees[c.exprKey(n.text, sc, nil)]; tree != nil {
		return tree.Type()
	}
	return nil
}

// An exprKey tells expressions apart: by what they say, and what they may say.
type exprKey struct {
	text    string
	flags   [7]bool
	locals  string
	options int
}

func (c *compiler) exprKey(text string, sc scope, more []expr.Option) exprKey {
	flags := [7]bool{sc.item, sc.items, sc.noMsg, sc.check, sc.noCall, sc.under, sc.index}
	return exprKey{text, flags, sc.names, len(more)}
}

var conditionOptions = []expr.Option{expr.AsBool(), expr.WarnOnAny()}

// condition compiles an expression that must be true or false.
func (c *compiler) condition(n *node, sc scope) engine.Expr {
	if !c.want(n, kindString, "a condition in quotes") {
		return nil
	}
	return c.expression(sourceOf(n), sc, conditionOptions...)
}

// value compiles an expression for any value.
func (c *compiler) value(n *node, sc scope) engine.Expr {
	if !c.want(n, kindString, "an expression in quotes") {
		return nil
	}
	return c.expression(sourceOf(n), sc)
}

var (
	unknownName  = regexp.MustCompile(`^unknown name (\S+)$`)
	unknownField = regexp.MustCompile(`(?:has no field|unknown field) (\S+)$`)
	notBool      = regexp.MustCompile(`^expected bool, but got (.*)$`)
	noMethod     = regexp.MustCompile(`^type (.*) has no method (\S+)$`)
	noList       = regexp.MustCompile(`^reflect: call of reflect\.Value\.\w+ on \w+ Value$`)
	goType       = regexp.MustCompile(`map\[string\](?:\[\])?interface \{\}|\[\](?:interface \{\}|string)|interface \{\}|types\.Map|\*rules\.Table|<nil>|\b(?:time\.Time|time\.Duration|float64|string|int)\b`)
)

// inWords words what expr says, and Go's names of types in it.
func inWords(msg string) string {
	if noList.MatchString(msg) {
		return "this takes a list" // and was given nil, or something else
	}
	msg = noMethod.ReplaceAllString(msg, "$1 has no method $2")
	return strings.TrimSpace(goType.ReplaceAllStringFunc(msg, func(name string) string {
		switch name {
		case "[]interface {}", "[]string":
			return "a list"
		case "interface {}":
			return "any value"
		case "time.Time":
			return "a time"
		case "time.Duration":
			return "a duration"
		case "float64":
			return "a number"
		case "string":
			return "text"
		case "int":
			return "a whole number"
		case "<nil>":
			return "nil"
		}
		return "a table"
	}))
}

// exprFault words what expr says of an expression. It is of kind k, unless it is
// of one that only the words tell.
func (c *compiler) exprFault(k *Kind, src source, err error) {
	var fault *file.Error
	if !errors.As(err, &fault) {
		msg, hint := err.Error(), ""
		if errors.Is(err, errLongExpression) {
			k, hint = unbounded, "what it looks up can stand in a table, and its parts can be lets"
		}
		if m := notBool.FindStringSubmatch(msg); m != nil {
			k, msg = noCondition, "a condition must be true or false, and this is "+inWords(m[1])
			if m[1] == "unknown" || m[1] == "interface {}" || m[1] == "any" {
				msg = "a condition must be true or false, and what this is shows only at run time"
				hint = "compare it: … == true, or … != nil"
			}
		}
		c.report(k, src.node, src.pos(0), msg, hint)
		return
	}
	at, msg, hint := fault.From, fault.Message, ""
	env := c.config(c.scopeNow, nil).Env.Fields
	switch {
	case unknownName.MatchString(msg):
		name := unknownName.FindStringSubmatch(msg)[1]
		known := keysOf(env)
		for _, f := range Functions {
			known = append(known, f.Name)
		}
		k, msg = unknownNameKind, "unknown name "+name
		if followedBy(src.text, at+len([]rune(name)), '[') {
			msg = "unknown table " + name
			if near := Nearest(name, known); c.decl.indexes.nodes[name] != nil || c.decl.indexes.nodes[near] != nil {
				msg = "unknown index " + name
			}
		}
		hint = DidYouMean(name, known)
		if _, elsewhere := c.config(scope{}, nil).Env.Fields[name]; elsewhere && c.scopeNow.check {
			k, msg, hint = readsMessage, "a check cannot read "+name, "it is asked when the rules are loaded: of vars, tables and functions"
		} else if c.scopeNow.under && name == "call" {
			k, msg, hint = notOfConnections, "an envelope has no call", seenByEnvelopes
		} else if c.scopeNow.noCall && name == "call" {
			k, msg, hint = notOfConnections, "a rule of the connection has no call", "what it remembers is set by conn.NAME = '…', and read as conn.NAME"
		} else if c.scopeNow.under && (name == "msg" || name == "item") {
			hint = seenByEnvelopes
		} else if c.scopeNow.index && (elsewhere || c.decl.lets.nodes[name] != nil) {
			hint = "the key of an index sees call, vars, tables and functions alone"
		} else if c.scopeNow.noMsg && c.decl.indexes.nodes[name] != nil {
			hint = "calls are looked up for a message, and here there is none"
		} else if why := c.whyNoLet(name); why != "" {
			hint = why
		}
	case unknownField.MatchString(msg):
		name := unknownField.FindStringSubmatch(msg)[1]
		root := rootBefore(src.text, at, name)
		var known []string
		if of := env[root]; of.TypeData != nil {
			known = keysOf(of.Fields)
		}
		k, msg = unknownFieldKind, "unknown field "+name
		if root == "call" {
			k, msg = neverSet, "call."+name+" is never set by any rule"
		} else if root == "conn" {
			k, msg = neverSetConn, "conn."+name+" is never set by any rule"
		} else if root != "" {
			msg = "unknown field " + root + "." + name
		}
		hint = DidYouMean(name, known)
	default:
		msg = inWords(msg)
		if name := nameAt(src.text, at); strings.HasSuffix(msg, " is not callable") && c.tables[name] != nil {
			msg, hint = name+" is a table, and no function", name+"[…] looks something up in it"
		}
	}
	c.report(k, src.node, src.pos(at), msg, hint)
}

// nameAt gives the name at a rune offset; "" if there is none.
func nameAt(text string, at int) string {
	r := []rune(text)
	s := nameScanner{rest: string(r[min(at, len(r)):])}
	return s.name()
}

func followedBy(text string, at int, want rune) bool {
	r := []rune(text)
	return at < len(r) && r[at] == want
}

// rootBefore gives the name before ".name" at or after a rune offset.
func rootBefore(text string, at int, name string) string {
	m := regexp.MustCompile(`([A-Za-z_]\w*)\s*\??\.\s*` + regexp.QuoteMeta(name) + `\b`).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return m[1]
}

// bounded finds what could run without end: a range whose bounds are not
// constants, a list function inside another one's predicate, and reduce, which
// the parser takes even where it is disabled. It finds calls that always fail,
// too.
func bounded(tree ast.Node) []boundsFault {
	v := &bounds{}
	ast.Walk(&tree, v)
	return v.faults
}

type boundsFault struct {
	kind *Kind
	msg  string
	at   int
}

type bounds struct{ faults []boundsFault }

func (v *bounds) fault(k *Kind, n ast.Node, msg string) {
	v.faults = append(v.faults, boundsFault{k, msg, n.Location().From})
}

// Visit is called for the parts of a node before the node.
func (v *bounds) Visit(n *ast.Node) {
	switch n := (*n).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			v.fault(unknownNameKind, n, "unknown name $env")
		}
	case *ast.CallNode:
		v.call(n)
	case *ast.BuiltinNode:
		if slices.Contains(bannedBuiltins, n.Name) {
			v.fault(unknownNameKind, n, "unknown name "+n.Name)
		}
	case *ast.BinaryNode:
		if n.Operator != ".." {
			return
		}
		_, left := n.Left.(*ast.IntegerNode)
		_, right := n.Right.(*ast.IntegerNode)
		if !left || !right {
			v.fault(unbounded, n, "a range needs bounds that are plain numbers")
		}
	case *ast.PredicateNode:
		inner := &nested{}
		body := n.Node
		ast.Walk(&body, inner)
		if inner.found {
			v.fault(unbounded, n, "a list function cannot stand inside another one's condition: its time would grow with the square of the list")
		}
	}
}

// call finds calls that are never right.
func (v *bounds) call(n *ast.CallNode) {
	if methodOf(n) == "Local" {
		v.fault(alwaysFails, n, `Local() is the time zone of whatever machine this runs on: name one, as in now.In(timezone("Europe/London"))`)
		return
	}
	id, _ := n.Callee.(*ast.IdentifierNode)
	if id == nil || functionNamed(id.Value) == nil {
		return
	}
	args := make([]any, len(n.Arguments))
	for i, a := range n.Arguments {
		switch a := a.(type) {
		case *ast.StringNode:
			args[i] = a.Value
		case *ast.IntegerNode:
			args[i] = a.Value
		default:
			return // what it is shows at run time
		}
	}
	if _, err := functionNamed(id.Value).Call(args...); err != nil {
		v.fault(alwaysFails, n, err.Error())
	}
}

type nested struct{ found bool }

// Visit notes a predicate.
func (v *nested) Visit(n *ast.Node) {
	if _, ok := (*n).(*ast.PredicateNode); ok {
		v.found = true
	}
}
