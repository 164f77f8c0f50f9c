package rules

import (
	"github.com/expr-lang/expr/ast"

	"vertigo/engine"
)

// equals finds what a condition demands first: that a field of the message or
// of the call equals a text or a whole number, or one of some. The engine then looks such rules
// up by the field's value. Only what stands before anything that can fail
// counts, so that no rule's error is passed over. only says whether the condition
// is one such demand and nothing else.
func (c *compiler) equals(n *node, sc scope) (list []engine.Equals, only bool) {
	tree := c.trees[c.exprKey(n.text, sc, conditionOptions)]
	if tree == nil {
		return nil, false
	}
	b := &closures{c: c, src: sourceOf(n), sc: sc, uses: &uses{}}
	parts := conjuncts(tree, nil)
	for _, part := range parts {
		eq, ok := b.demand(part)
		if !ok {
			break
		}
		list = append(list, eq)
	}
	return list, len(list) == 1 && len(parts) == 1
}

// conjuncts lists what is joined by &&, from the left.
func conjuncts(n ast.Node, list []ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "&&" || b.Operator == "and") {
		return conjuncts(b.Right, conjuncts(b.Left, list))
	}
	return append(list, n)
}

func (b *closures) demand(n ast.Node) (engine.Equals, bool) {
	eq := engine.Equals{Path: -1, Var: -1}
	bin, ok := n.(*ast.BinaryNode)
	if !ok {
		return eq, false
	}
	left, right := bin.Left, bin.Right
	switch bin.Operator {
	case "==":
		if b.field(left) == nil {
			left, right = right, left
		}
		if !b.demandValue(&eq, right) {
			return eq, false
		}
	case "in":
		list, ok := right.(*ast.ArrayNode)
		if !ok {
			return eq, false
		}
		for _, item := range list.Nodes {
			if !b.demandValue(&eq, item) {
				return eq, false
			}
		}
	default:
		return eq, false
	}
	switch f := b.field(left).(type) {
	case msgField:
		eq.Path = int(f)
	case callVar:
		eq.Var = int(f)
	default:
		return eq, false
	}
	return eq, true
}

// demandValue adds a value that is known when the rules are loaded.
func (b *closures) demandValue(eq *engine.Equals, n ast.Node) bool {
	var v any
	switch n := n.(type) {
	case *ast.StringNode:
		v = n.Value
	case *ast.IntegerNode:
		v = n.Value
	default:
		root, parts, ok := chain(n)
		if !ok || root != "vars" {
			return false
		}
		v, _ = walk(b.c.varValues, parts)
	}
	switch v := v.(type) {
	case string:
		eq.Texts = append(eq.Texts, v)
	case int:
		eq.Numbers = append(eq.Numbers, v)
	default:
		return false
	}
	return true
}
