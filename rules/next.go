package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"vertigo/engine"
)

// nextStates lists the states that a compiled next can come to, as far as its
// text tells: "" stands for any that it does not tell.
func (c *compiler) nextStates(n *node, sc scope, next engine.Expr) []string {
	if always, ok := next.(constant); ok {
		state, _ := always.v.(string)
		return []string{state}
	}
	inside, opened := strings.CutPrefix(n.text, "${")
	inside, closed := strings.CutSuffix(inside, "}")
	tree := c.trees[c.exprKey(inside, sc, nil)]
	if !opened || !closed || tree == nil {
		return []string{""} // text around an expression
	}
	var states []string
	for _, state := range outcomes(tree) {
		if !slices.Contains(states, state) {
			states = append(states, state)
		}
	}
	return states
}

// outcomes are the texts that an expression can come to; "" for any other.
func outcomes(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.StringNode:
		return []string{n.Value}
	case *ast.ConditionalNode:
		return append(outcomes(n.Exp1), outcomes(n.Exp2)...)
	case *ast.BinaryNode:
		if n.Operator == "??" {
			return append(outcomes(n.Left), outcomes(n.Right)...)
		}
	}
	return []string{""}
}
