package rules

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"vertigo/engine"
)

// machine compiles an expression for expr's virtual machine: all that closures
// does not cover. What the expression reads is taken out of the frame before it
// runs, under names such as "msg.content.offer", so that only those fields of a
// message are ever decoded.
func (c *compiler) machine(src source, sc scope, u *uses) engine.Expr {
	p := &flatten{b: &closures{c: c, src: src, sc: sc, uses: u}, paths: map[string][]string{}}
	o := []expr.Option{expr.Env(map[string]any{}), expr.AllowUndefinedVariables(), expr.Patch(p)}
	for _, name := range bannedBuiltins {
		o = append(o, expr.DisableBuiltin(name))
	}
	o = append(o, functionOptions...)
	o = append(o, expr.Function(lookUpName, func(args ...any) (any, error) { return lookUp(args[0].(*Table), args[1]) }, new(func(any, any) any)))
	program, err := expr.Compile(src.text, o...)
	if err != nil {
		c.exprFault(src, err)
		return nil
	}
	m := &machine{src: src, program: program}
	used := &identifiers{names: map[string]bool{}}
	root := program.Node()
	ast.Walk(&root, used)
	for _, name := range sorted(used.list()) {
		if parts, ok := p.paths[name]; ok {
			if fn := p.b.getter(parts); fn != nil {
				m.names, m.inputs = append(m.names, name), append(m.inputs, fn)
			}
		}
	}
	return m
}

const lookUpName = "$lookup"

type machine struct {
	src     source
	program *vm.Program
	names   []string
	inputs  []eval
}

// Eval runs the program on the fields that it reads.
func (m *machine) Eval(f *engine.Frame) (any, error) {
	env := make(map[string]any, len(m.names))
	for i, fn := range m.inputs {
		v, err := fn(f)
		if err != nil {
			return nil, err
		}
		env[m.names[i]] = v
	}
	v, err := vm.Run(m.program, env)
	if err != nil {
		var fault *file.Error
		if errors.As(err, &fault) {
			return nil, m.src.fail(fault.From, errors.New(goTypes.Replace(fault.Message)))
		}
		return nil, m.src.fail(0, err)
	}
	return v, nil
}

// flatten replaces what names a value of the frame by one identifier, and
// table[key] by a call.
type flatten struct {
	b     *closures
	paths map[string][]string // by the name that stands for them
}

// Visit sees the parts of a node before the node.
func (p *flatten) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.IdentifierNode:
		if node.Value == "$env" {
			return
		}
		p.replace(n, []string{node.Value})
	case *ast.MemberNode:
		id, ok := node.Node.(*ast.IdentifierNode)
		if !ok || node.Method {
			return
		}
		if t := p.b.c.tables[id.Value]; t != nil {
			call := &ast.CallNode{Callee: &ast.IdentifierNode{Value: lookUpName}, Arguments: []ast.Node{&ast.ConstantNode{Value: t}, node.Property}}
			call.SetLocation(node.Location())
			ast.Patch(n, call)
			return
		}
		if name, ok := node.Property.(*ast.StringNode); ok {
			p.replace(n, append(splitName(id.Value), name.Value))
		}
	}
}

// replace puts one identifier for a path from a root, if it can have a value or
// is on the way to one.
func (p *flatten) replace(n *ast.Node, parts []string) {
	if !p.b.readable(parts) {
		return
	}
	name := joinName(parts)
	p.paths[name] = parts
	id := &ast.IdentifierNode{Value: name}
	id.SetLocation((*n).Location())
	ast.Patch(n, id)
}

// readable says whether a path is one of the frame's.
func (b *closures) readable(parts []string) bool {
	switch root := parts[0]; {
	case root == "msg":
		return !b.sc.noMsg
	case root == "item":
		return b.sc.item
	case root == "vars":
		_, ok := walk(b.c.varValues, parts[1:])
		return ok
	case root == "call":
		if len(parts) == 1 || len(parts) == 2 {
			return true
		}
		_, isVar := b.c.varSlot[parts[1]]
		return isVar || len(parts) == 3 && parts[2] == "key"
	}
	return len(parts) == 1 && b.root(parts[0], nil) != nil
}

// getter compiles a readable path; nil if it is only on the way to one.
func (b *closures) getter(parts []string) eval {
	if parts[0] == "msg" {
		slot := b.uses.path(b.c.path(parts[1:]))
		return func(f *engine.Frame) (any, error) { return f.Msg(slot), nil }
	}
	return b.root(parts[0], parts[1:])
}

// The parts of a flattened name are joined by a character that no identifier
// can hold.
const nameJoint = "\x1f"

func joinName(parts []string) string { return strings.Join(parts, nameJoint) }
func splitName(name string) []string { return strings.Split(name, nameJoint) }

// identifiers collects the identifiers that are left in a tree.
type identifiers struct{ names map[string]bool }

func (v *identifiers) list() []string { return slices.Collect(maps.Keys(v.names)) }

// Visit notes an identifier.
func (v *identifiers) Visit(n *ast.Node) {
	if id, ok := (*n).(*ast.IdentifierNode); ok {
		v.names[id.Value] = true
	}
}
