package rules

import (
	"github.com/expr-lang/expr/ast"

	"vertigo/engine"
)

// equals finds what a condition demands first: that a field of the message or
// of the call equals a text, or one of some. The engine then looks such rules
// up by the field's value. Only what stands before anything that can fail
// counts, so that no rule's error is passed over.
func (c *compiler) equals(n *node, sc scope) []engine.Equals {
	tree := c.trees[c.exprKey(n.text, sc, conditionOptions)]
	if tree == nil {
		return nil
	}
	var list []engine.Equals
	b := &closures{c: c, src: sourceOf(n), sc: sc, uses: &uses{}}
	for _, part := range conjuncts(tree, nil) {
		eq, ok := b.demand(part)
		if !ok {
			break
		}
		list = append(list, eq)
	}
	return list
}

// conjuncts lists what is joined by &&, from the left.
func conjuncts(n ast.Node, list []ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "&&" || b.Operator == "and") {
		return conjuncts(b.Right, conjuncts(b.Left, list))
	}
	return append(list, n)
}

func (b *closures) demand(n ast.Node) (engine.Equals, bool) {
	bin, ok := n.(*ast.BinaryNode)
	if !ok {
		return engine.Equals{}, false
	}
	left, right := bin.Left, bin.Right
	var texts []string
	switch bin.Operator {
	case "==":
		if _, ok := left.(*ast.StringNode); ok {
			left, right = right, left
		}
		s, ok := right.(*ast.StringNode)
		if !ok {
			return engine.Equals{}, false
		}
		texts = []string{s.Value}
	case "in":
		list, ok := right.(*ast.ArrayNode)
		if !ok {
			return engine.Equals{}, false
		}
		for _, item := range list.Nodes {
			s, ok := item.(*ast.StringNode)
			if !ok {
				return engine.Equals{}, false
			}
			texts = append(texts, s.Value)
		}
	default:
		return engine.Equals{}, false
	}
	switch f := b.field(left).(type) {
	case msgField:
		return engine.Equals{Path: int(f), Var: -1, Texts: texts}, true
	case callVar:
		return engine.Equals{Path: -1, Var: int(f), Texts: texts}, true
	}
	return engine.Equals{}, false
}
