package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	exprcompiler "github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"vertigo/engine"
)

// machine compiles an expression for expr's virtual machine: all that closures
// does not cover. What the expression reads is taken out of the frame before it
// runs, under names such as "msg.content.offer", so that only those fields of a
// message are ever decoded. A let is called, so that it is computed only where
// the expression gets to it.
func (c *compiler) machine(src source, sc scope, u *uses) engine.Expr {
	key := c.exprKey(src.text, sc, nil)
	if made, ok := c.machines[key]; ok {
		u.add(made.uses)
		return machine{src, made.program}
	}
	p := &flatten{b: &closures{c: c, src: src, sc: sc, uses: u}, paths: map[string][]string{}}
	made := *machineConfig() // its maps are only read
	made.WithEnv(map[string]any{})
	made.Strict = false
	made.Visitors = []ast.Visitor{p}
	tree, err := parse(src.text, &made)
	if err == nil {
		_, err = new(checker.Checker).PatchAndCheck(tree, &made)
	}
	if err != nil {
		c.exprFault(wrongType, src, err)
		return nil
	}
	code, err := exprcompiler.Compile(tree, &made)
	if err != nil {
		c.exprFault(wrongType, src, err)
		return nil
	}
	m := &program{code: code, frame: p.frame, makes: p.makes}
	used := &identifiers{names: map[string]bool{}}
	ast.Walk(&tree.Node, used)
	for _, name := range sorted(used.list()) {
		parts, ok := p.paths[name]
		if !ok {
			continue
		}
		fn := p.b.getter(parts)
		if fn == nil {
			whole := strings.Join(parts, ".")
			c.report(noValue, src.node, src.pos(max(0, strings.Index(src.text, whole))), whole+" is no value by itself", "name a field of it")
			return nil
		}
		m.names, m.inputs = append(m.names, name), append(m.inputs, fn)
	}
	c.machines[key] = compiledMachine{m, *u}
	return machine{src, m}
}

// machineConfig is what all machines have in common. The optimizer changes what an
// expression means where types are known at run time only: "x && true" is x for it,
// and 7 in ["a"] a fault.
var machineConfig = sync.OnceValue(func() *conf.Config {
	return newConfig(slices.Concat(functionOptions, machineOptions, boundOptions, []expr.Option{expr.Optimize(false)}))
})

// A compiledMachine is kept for when another rule says the same.
type compiledMachine struct {
	program *program
	uses    uses
}

// What flatten puts into a program, under names that no expression can hold.
const (
	lookUpName = "$lookup"
	hasName    = "$has"
	letName    = "$let"
	truthName  = "$truth"
	findName   = "$find"
	frameName  = "$frame"
)

var machineOptions = []expr.Option{
	expr.Function(lookUpName, func(args ...any) (any, error) { return lookUp(args[0].(*Table), args[1]) }, new(func(any, any) any)),
	expr.Function(hasName, func(args ...any) (any, error) {
		v, err := lookUp(args[0].(*Table), args[1])
		return v != nil, err
	}, new(func(any, any) bool)),
	expr.Function(truthName, func(args ...any) (any, error) {
		if _, ok := args[0].(bool); !ok {
			return nil, fmt.Errorf("%s is neither true nor false", engine.Show(args[0]))
		}
		return args[0], nil
	}, new(func(any) bool)),
	expr.Function(findName, func(args ...any) (any, error) {
		return findCalls(args[0].(*engine.Frame), string(args[1].(indexName)), args[2])
	}, new(func(any, any, any) any)),
	expr.Function(letName, func(args ...any) (any, error) { return args[1].(*letCall).eval(args[0].(*engine.Frame)) }, new(func(any, any) any)),
}

// A letCall computes a let, or a field of what it comes to.
type letCall struct {
	eval  eval
	parts []string // its name, and the way to the field
}

// A machine runs a program, and knows where its text stands.
type machine struct {
	src source
	*program
}

type program struct {
	code   *vm.Program
	names  []string // of the inputs
	inputs []eval
	frame  bool // it computes lets, or finds calls, for which it needs the frame
	makes  bool // it makes text or lists, for which it needs an allowance
}

// Eval runs the program on the fields that it reads.
func (m machine) Eval(f *engine.Frame) (any, error) {
	env := make(map[string]any, len(m.names)+1)
	if m.frame {
		env[frameName] = f
	}
	if m.makes {
		env[allowanceName] = &allowance{maxMade}
	}
	for i, fn := range m.inputs {
		v, err := fn(f)
		if err != nil {
			return nil, err
		}
		env[m.names[i]] = v
	}
	v, err := vm.Run(m.code, env)
	if err == nil {
		v, err = weighed(v)
	}
	if err != nil {
		var inner *EvalError
		if errors.As(err, &inner) {
			return nil, inner
		}
		var fault *file.Error
		if errors.As(err, &fault) {
			return nil, m.src.fail(fault.From, errors.New(inWords(fault.Message)))
		}
		return nil, m.src.fail(0, err)
	}
	return v, nil
}

// flatten replaces what names a value of the frame by one identifier, and tables,
// indexes and lets by calls, as well as what makes text or lists.
type flatten struct {
	b     *closures
	paths map[string][]string // by the name that stands for them
	frame bool                // there is a let or an index
	makes bool                // there is something that makes text or lists
}

// Visit sees the parts of a node before the node.
func (p *flatten) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.IdentifierNode:
		if t := p.b.c.tables[node.Value]; t != nil {
			ast.Patch(n, &ast.ConstantNode{Value: t})
			return
		}
		if p.b.c.isIndex(node) {
			ast.Patch(n, &ast.ConstantNode{Value: indexName(node.Value)})
			return
		}
		if fn := p.b.let(node.Value, nil); fn != nil {
			p.call(n, letName, &ast.IdentifierNode{Value: frameName}, &ast.ConstantNode{Value: &letCall{fn, []string{node.Value}}})
			p.frame = true
			return
		}
		p.replace(n, []string{node.Value})
	case *ast.UnaryNode:
		if node.Operator == "!" || node.Operator == "not" {
			p.truth(&node.Node)
		}
	case *ast.ConditionalNode:
		p.truth(&node.Cond)
	case *ast.BinaryNode:
		switch node.Operator {
		case "&&", "and", "||", "or":
			p.truth(&node.Left)
			p.truth(&node.Right)
		case "+":
			if !isNumber(node.Left) && !isNumber(node.Right) {
				p.made(n, addName, node.Left, node.Right)
			}
		case "in":
			if t := tableNode(node.Right); t != nil {
				p.call(n, hasName, t, node.Left)
			}
		}
	case *ast.BuiltinNode:
		if _, ok := makers[node.Name]; ok {
			p.made(n, makeName, append([]ast.Node{&ast.ConstantNode{Value: maker(node.Name)}}, node.Arguments...)...)
		}
	case *ast.CallNode:
		if id, ok := node.Callee.(*ast.IdentifierNode); ok && functionNamed(id.Value) != nil {
			p.made(n, makeName, &ast.NilNode{}, node)
		}
	case *ast.ArrayNode:
		if slices.ContainsFunc(node.Nodes, isMade) {
			p.made(n, makeName, &ast.NilNode{}, node)
		}
	case *ast.MapNode:
		p.made(n, makeName, &ast.NilNode{}, node)
	case *ast.MemberNode:
		if t := tableNode(node.Node); t != nil {
			p.call(n, lookUpName, t, node.Property)
			return
		}
		if c, ok := node.Node.(*ast.ConstantNode); ok {
			if _, ok := c.Value.(indexName); ok {
				p.call(n, findName, &ast.IdentifierNode{Value: frameName}, c, node.Property)
				p.frame = true
				return
			}
		}
		name, ok := node.Property.(*ast.StringNode)
		if !ok || node.Method {
			return
		}
		switch of := node.Node.(type) {
		case *ast.IdentifierNode:
			p.replace(n, append(splitName(of.Value), name.Value))
		case *ast.CallNode:
			if l := letNode(of); l != nil {
				parts := append(slices.Clone(l.parts), name.Value)
				p.call(n, letName, of.Arguments[0], &ast.ConstantNode{Value: &letCall{p.b.let(parts[0], parts[1:]), parts}})
			}
		}
	}
}

// made puts a call that looks at the allowance in the place of a node.
func (p *flatten) made(n *ast.Node, name string, args ...ast.Node) {
	p.call(n, name, append([]ast.Node{&ast.IdentifierNode{Value: allowanceName}}, args...)...)
	p.makes = true
}

func isNumber(n ast.Node) bool {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	}
	return false
}

// isMade says whether a node may stand for more than what is written there.
func isMade(n ast.Node) bool {
	switch n.(type) {
	case *ast.NilNode, *ast.BoolNode, *ast.StringNode:
		return false
	}
	return !isNumber(n)
}

// call puts a call in the place of a node.
func (p *flatten) call(n *ast.Node, name string, args ...ast.Node) {
	ast.Patch(n, &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args})
}

// truth makes a value that is neither true nor false an error: expr would pass
// it on.
func (p *flatten) truth(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.BoolNode:
		return
	case *ast.UnaryNode:
		if node.Operator == "!" || node.Operator == "not" {
			return
		}
	case *ast.BinaryNode:
		switch node.Operator {
		case "==", "!=", "<", "<=", ">", ">=", "&&", "and", "||", "or":
			return
		}
	}
	p.call(n, truthName, *n)
}

// tableNode returns the node if it stands for a table.
func tableNode(n ast.Node) ast.Node {
	if c, ok := n.(*ast.ConstantNode); ok {
		if _, ok := c.Value.(*Table); ok {
			return n
		}
	}
	return nil
}

// letNode returns what a call computes, if flatten has put it there for a let.
func letNode(n *ast.CallNode) *letCall {
	if callee, ok := n.Callee.(*ast.IdentifierNode); ok && callee.Value == letName {
		return n.Arguments[1].(*ast.ConstantNode).Value.(*letCall)
	}
	return nil
}

// replace puts one identifier for a path from a root, if it can have a value or
// is on the way to one.
func (p *flatten) replace(n *ast.Node, parts []string) {
	if !p.b.readable(parts) {
		return
	}
	name := joinName(parts)
	p.paths[name] = parts
	ast.Patch(n, &ast.IdentifierNode{Value: name})
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
	case root == "conn":
		return true
	case root == "call":
		if len(parts) == 1 || len(parts) == 2 {
			return true
		}
		_, isVar := b.c.varSlot[parts[1]]
		return isVar || len(parts) == 3 && parts[2] == "key"
	}
	return b.root(parts[0], parts[1:]) != nil
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
