package rules

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"

	"vertigo/engine"
)

// uses notes what an expression reads.
type uses struct {
	paths []int // message paths
	call  bool
}

func (u *uses) path(slot int) int {
	for _, p := range u.paths {
		if p == slot {
			return slot
		}
	}
	u.paths = append(u.paths, slot)
	return slot
}

func (u *uses) add(more uses) {
	for _, p := range more.paths {
		u.path(p)
	}
	u.call = u.call || more.call
}

// closures compiles the plain part of the language (fields, constants,
// comparisons, and, or, ??, ?:, tables, function calls) to Go closures. Most
// expressions in rules are no more than that, and so need no virtual machine;
// what they mean is the same, which TestClosuresMeanWhatExprMeans holds.
type closures struct {
	c    *compiler
	src  source
	sc   scope
	uses *uses
}

type eval func(f *engine.Frame) (any, error)

// closure is an expression compiled to Go closures.
type closure struct{ eval eval }

// Eval runs the closure.
func (x closure) Eval(f *engine.Frame) (any, error) { return x.eval(f) }

// msgField is the message's field at a path.
type msgField int

// Eval returns the field, decoded.
func (x msgField) Eval(f *engine.Frame) (any, error) { return f.Msg(int(x)), nil }

// Raw returns the field as it came.
func (x msgField) Raw(f *engine.Frame) engine.Value { return f.MsgRaw(int(x)) }

// callVar is a variable of the call.
type callVar int

// Eval returns the variable, decoded.
func (x callVar) Eval(f *engine.Frame) (any, error) { return f.Var(int(x)), nil }

// Raw returns the variable as it was set.
func (x callVar) Raw(f *engine.Frame) engine.Value { return f.VarRaw(int(x)) }

// connVar is a variable of the connection, or its state.
type connVar string

// Eval returns the variable, decoded.
func (x connVar) Eval(f *engine.Frame) (any, error) { return f.Conn(string(x)), nil }

// Raw returns the variable as it was set.
func (x connVar) Raw(f *engine.Frame) engine.Value { return f.ConnRaw(string(x)) }

// constant is an expression that is always the same.
type constant struct{ v any }

// Eval returns the value.
func (x constant) Eval(*engine.Frame) (any, error) { return x.v, nil }

// compile returns nil if the expression needs the virtual machine.
func (b *closures) compile(n ast.Node) engine.Expr {
	if x := b.field(n); x != nil {
		return x
	}
	if fn := b.node(n); fn != nil {
		return closure{fn}
	}
	return nil
}

// field compiles what only names a field of the message or of the call.
func (b *closures) field(n ast.Node) engine.Expr {
	root, parts, ok := chain(n)
	if !ok {
		return nil
	}
	switch {
	case root == "msg" && !b.sc.noMsg:
		return msgField(b.uses.path(b.c.path(parts)))
	case root == "call" && len(parts) == 1:
		if slot, ok := b.c.varSlot[parts[0]]; ok {
			b.uses.call = true
			return callVar(slot)
		}
	case root == "conn" && len(parts) == 1:
		return connVar(parts[0])
	}
	return nil
}

// chain reads a.b["c"] as its root and its parts.
func chain(n ast.Node) (root string, parts []string, ok bool) {
	switch n := n.(type) {
	case *ast.ChainNode:
		return chain(n.Node)
	case *ast.IdentifierNode:
		return n.Value, nil, true
	case *ast.MemberNode:
		name, is := n.Property.(*ast.StringNode)
		if !is || n.Method {
			return "", nil, false
		}
		root, parts, ok = chain(n.Node)
		return root, append(parts, name.Value), ok
	}
	return "", nil, false
}

var pathEscapes = strings.NewReplacer(`\`, `\\`, `.`, `\.`)

// escapePath joins the parts of a path as the engine reads it.
func escapePath(parts []string) string {
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = pathEscapes.Replace(p)
	}
	return strings.Join(escaped, ".")
}

func (b *closures) node(n ast.Node) eval {
	switch n := n.(type) {
	case *ast.NilNode:
		return always(nil)
	case *ast.IntegerNode:
		return always(n.Value)
	case *ast.FloatNode:
		return always(n.Value)
	case *ast.BoolNode:
		return always(n.Value)
	case *ast.StringNode:
		return always(n.Value)
	case *ast.ChainNode:
		return b.node(n.Node)
	case *ast.IdentifierNode, *ast.MemberNode:
		return b.name(n)
	case *ast.UnaryNode:
		return b.unary(n)
	case *ast.BinaryNode:
		return b.binary(n)
	case *ast.ConditionalNode:
		return b.conditional(n)
	case *ast.CallNode:
		return b.call(n)
	case *ast.ArrayNode:
		return b.array(n)
	}
	return nil
}

func (b *closures) array(n *ast.ArrayNode) eval {
	items, fixed := make([]eval, len(n.Nodes)), true
	list := make([]any, len(n.Nodes))
	for i, item := range n.Nodes {
		if items[i] = b.node(item); items[i] == nil {
			return nil
		}
		text, is := item.(*ast.StringNode)
		if fixed = fixed && is; fixed {
			list[i] = text.Value
		}
	}
	if fixed {
		return always(list)
	}
	at := n.Location().From
	return func(f *engine.Frame) (any, error) {
		list := make([]any, len(items))
		for i, item := range items {
			v, err := item(f)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		if _, err := weighed(list); err != nil {
			return nil, b.src.fail(at, err)
		}
		return list, nil
	}
}

func always(v any) eval {
	return func(*engine.Frame) (any, error) { return v, nil }
}

// name compiles a name and what is read from it.
func (b *closures) name(n ast.Node) eval {
	if x := b.field(n); x != nil {
		return x.Eval
	}
	if root, parts, ok := chain(n); ok {
		if fn := b.root(root, parts); fn != nil {
			return fn
		}
	}
	m, ok := n.(*ast.MemberNode)
	if !ok || m.Method {
		return nil
	}
	if id, ok := m.Node.(*ast.IdentifierNode); ok {
		if t := b.c.tables[id.Value]; t != nil {
			return b.lookup(t, m)
		}
	}
	if b.c.isIndex(m.Node) {
		return b.find(m.Node.(*ast.IdentifierNode).Value, m)
	}
	return nil
}

// root compiles names whose meaning is known when the rules are loaded.
func (b *closures) root(root string, parts []string) eval {
	c := b.c
	switch {
	case root == "vars":
		if v, ok := walk(c.varValues, parts); ok {
			return always(v)
		}
		return nil
	case root == "now" && len(parts) == 0:
		return func(f *engine.Frame) (any, error) { return f.Now, nil }
	case root == "item" && b.sc.item:
		return func(f *engine.Frame) (any, error) {
			v, _ := walk(f.Item, parts)
			return v, nil
		}
	case root == "items" && b.sc.items && len(parts) == 0:
		return func(f *engine.Frame) (any, error) { return f.Items(), nil }
	case root == "call":
		return b.ofCall(parts)
	case root == "conn" && len(parts) > 0:
		name, rest := parts[0], parts[1:]
		return func(f *engine.Frame) (any, error) {
			v, _ := walk(f.Conn(name), rest)
			return v, nil
		}
	}
	return b.let(root, parts)
}

// let compiles the name of a let, or the way to a field of it.
func (b *closures) let(name string, parts []string) eval {
	for slot, l := range b.sc.locals {
		if l.name == name {
			return within(func(f *engine.Frame) (any, error) { return f.Local(slot) }, parts)
		}
	}
	for slot, l := range b.c.lets {
		if l.name == name {
			b.uses.add(*l.uses)
			return within(func(f *engine.Frame) (any, error) { return f.Let(slot) }, parts)
		}
	}
	return nil
}

// within reads a path in what an expression comes to.
func within(x eval, parts []string) eval {
	if len(parts) == 0 {
		return x
	}
	return func(f *engine.Frame) (any, error) {
		v, err := x(f)
		if err != nil {
			return nil, err
		}
		v, _ = walk(v, parts)
		return v, nil
	}
}

// walk reads a path in a decoded value; what is missing on the way is nil.
func walk(v any, parts []string) (any, bool) {
	for _, p := range parts {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, v == nil
		}
		v = m[p]
	}
	return v, true
}

func (b *closures) ofCall(parts []string) eval {
	b.uses.call = true
	if len(parts) == 2 && parts[1] == "key" {
		peer := parts[0]
		return func(f *engine.Frame) (any, error) { return f.CallKey(peer), nil }
	}
	if len(parts) > 0 {
		if slot, ok := b.c.varSlot[parts[0]]; ok {
			rest := parts[1:]
			return func(f *engine.Frame) (any, error) {
				v, _ := walk(f.Var(slot), rest)
				return v, nil
			}
		}
	}
	if len(parts) != 1 {
		return nil
	}
	switch name := parts[0]; name {
	case "id", "uuid", "state", "begun":
		return func(f *engine.Frame) (any, error) { return f.Call(name), nil }
	}
	return nil
}

// lookup compiles table[key]. A key that is nil or not in the table gives nil.
func (b *closures) lookup(t *Table, m *ast.MemberNode) eval {
	key := b.node(m.Property)
	if key == nil {
		return nil
	}
	at := m.Property.Location().From
	field, _ := b.field(m.Property).(engine.RawExpr)
	return func(f *engine.Frame) (any, error) {
		if field != nil {
			v := field.Raw(f)
			if text, ok := v.Inside(); ok && bytes.IndexByte(text, '\\') < 0 {
				return t.lookupText(text), nil
			}
		}
		k, err := key(f)
		if err != nil {
			return nil, err
		}
		v, err := lookUp(t, k)
		if err != nil {
			return nil, b.src.fail(at, err)
		}
		return v, nil
	}
}

// lookUp finds a key in a table: text, or a whole number as its digits.
func lookUp(t *Table, key any) (any, error) {
	switch k := key.(type) {
	case nil:
		return nil, nil
	case string:
		v, _ := t.Lookup(k)
		return v, nil
	case int:
		v, _ := t.Lookup(fmt.Sprint(k))
		return v, nil
	}
	return nil, fmt.Errorf("a table is looked up by text, not by %s", engine.Show(key))
}

func (b *closures) unary(n *ast.UnaryNode) eval {
	x := b.node(n.Node)
	if x == nil || n.Operator != "!" && n.Operator != "not" {
		return nil
	}
	at := n.Location().From
	return func(f *engine.Frame) (any, error) {
		v, err := b.truth(x, f, at)
		return !v, err
	}
}

// truth evaluates a condition.
func (b *closures) truth(x eval, f *engine.Frame, at int) (bool, error) {
	v, err := x(f)
	if err != nil {
		return false, err
	}
	is, ok := v.(bool)
	if !ok {
		return false, b.src.fail(at, fmt.Errorf("%v is neither true nor false", engine.Show(v)))
	}
	return is, nil
}

func (b *closures) conditional(n *ast.ConditionalNode) eval {
	cond, yes, no := b.node(n.Cond), b.node(n.Exp1), b.node(n.Exp2)
	if cond == nil || yes == nil || no == nil {
		return nil
	}
	at := n.Cond.Location().From
	return func(f *engine.Frame) (any, error) {
		is, err := b.truth(cond, f, at)
		if err != nil {
			return nil, err
		}
		if is {
			return yes(f)
		}
		return no(f)
	}
}

func (b *closures) binary(n *ast.BinaryNode) eval {
	switch n.Operator {
	case "==", "!=":
		if fn := b.equalsText(n); fn != nil {
			return fn
		}
		if fn := b.isNil(n); fn != nil {
			return fn
		}
		if fn := b.equalFields(n); fn != nil {
			return fn
		}
	case "&&", "and", "||", "or", "??", "<", ">", "<=", ">=", "+", "-", "in":
	default:
		return nil
	}
	left, right := b.node(n.Left), b.node(n.Right)
	if left == nil || right == nil {
		return nil
	}
	at := n.Location().From
	switch n.Operator {
	case "&&", "and", "||", "or":
		stop := n.Operator == "||" || n.Operator == "or"
		atLeft, atRight := n.Left.Location().From, n.Right.Location().From
		return func(f *engine.Frame) (any, error) {
			is, err := b.truth(left, f, atLeft)
			if err != nil || is == stop {
				return is, err
			}
			return anyBool(b.truth(right, f, atRight))
		}
	case "??":
		return func(f *engine.Frame) (any, error) {
			v, err := left(f)
			if err != nil || v != nil {
				return v, err
			}
			return right(f)
		}
	}
	op := operators[n.Operator]
	return func(f *engine.Frame) (any, error) {
		l, err := left(f)
		if err != nil {
			return nil, err
		}
		r, err := right(f)
		if err != nil {
			return nil, err
		}
		v, err := apply(op, l, r)
		if err != nil {
			return nil, b.src.fail(at, fmt.Errorf("%s %s %s: %w", engine.Show(l), n.Operator, engine.Show(r), err))
		}
		return v, nil
	}
}

func anyBool(v bool, err error) (any, error) { return v, err }

// operators are expr's own, so that they mean the same here as there.
var operators = map[string]func(l, r any) any{
	"==": func(l, r any) any { return runtime.Equal(l, r) },
	"!=": func(l, r any) any { return !runtime.Equal(l, r) },
	"<":  func(l, r any) any { return runtime.Less(l, r) },
	">":  func(l, r any) any { return runtime.More(l, r) },
	"<=": func(l, r any) any { return runtime.LessOrEqual(l, r) },
	">=": func(l, r any) any { return runtime.MoreOrEqual(l, r) },
	"+":  plus,
	"-":  runtime.Subtract,
	"in": func(l, r any) any { return runtime.In(l, r) },
}

// apply runs an operator of expr's, which panics on operands it is not for.
func apply(op func(l, r any) any, l, r any) (v any, err error) {
	defer func() {
		switch recover() {
		case nil:
		case errTooMuch:
			err = errTooMuch
		default:
			err = fmt.Errorf("these cannot be put together so")
		}
	}()
	return op(l, r), nil
}

// equalsText compiles field == "text" without decoding the field.
func (b *closures) equalsText(n *ast.BinaryNode) eval {
	field, text := n.Left, n.Right
	if _, ok := field.(*ast.StringNode); ok {
		field, text = text, field
	}
	s, ok := text.(*ast.StringNode)
	if !ok {
		return nil
	}
	path, ok := b.field(field).(msgField)
	if !ok {
		return nil
	}
	want, not := s.Value, n.Operator == "!="
	return func(f *engine.Frame) (any, error) { return f.MsgEquals(int(path), want) != not, nil }
}

// equalFields compiles field == field without decoding them where both are text.
func (b *closures) equalFields(n *ast.BinaryNode) eval {
	left, ok := b.field(n.Left).(engine.RawExpr)
	if !ok {
		return nil
	}
	right, ok := b.field(n.Right).(engine.RawExpr)
	if !ok {
		return nil
	}
	not := n.Operator == "!="
	return func(f *engine.Frame) (any, error) {
		l, r := left.Raw(f), right.Raw(f)
		if same, ok := l.SameText(&r); ok {
			return same != not, nil
		}
		return runtime.Equal(l.Get(), r.Get()) != not, nil
	}
}

// isNil compiles field == nil without decoding the field.
func (b *closures) isNil(n *ast.BinaryNode) eval {
	if _, ok := n.Right.(*ast.NilNode); !ok {
		return nil
	}
	x, ok := b.field(n.Left).(engine.RawExpr)
	if !ok {
		return nil
	}
	not := n.Operator == "!="
	return func(f *engine.Frame) (any, error) {
		v := x.Raw(f)
		return v.IsNil() != not, nil
	}
}

func (b *closures) call(n *ast.CallNode) eval {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return nil
	}
	fn := functionNamed(id.Value)
	if fn == nil {
		return nil
	}
	args := make([]eval, len(n.Arguments))
	for i, a := range n.Arguments {
		if args[i] = b.argument(a); args[i] == nil {
			return nil
		}
	}
	at := n.Location().From
	return func(f *engine.Frame) (any, error) {
		values := make([]any, len(args))
		for i, a := range args {
			v, err := a(f)
			if err != nil {
				return nil, err
			}
			values[i] = v
		}
		v, err := fn.Call(values...)
		if err == nil {
			v, err = weighed(v)
		}
		if err != nil {
			return nil, b.src.fail(at, err)
		}
		return v, nil
	}
}

// argument compiles an argument; the name of a table stands for the table.
func (b *closures) argument(n ast.Node) eval {
	if id, ok := n.(*ast.IdentifierNode); ok {
		if t := b.c.tables[id.Value]; t != nil {
			return always(t)
		}
	}
	return b.node(n)
}

func functionNamed(name string) *Function {
	for i := range Functions {
		if Functions[i].Name == name {
			return &Functions[i]
		}
	}
	return nil
}
