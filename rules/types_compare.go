package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"vertigo/schema"
)

func (x *reader) unary(n *ast.UnaryNode) view {
	switch n.Operator {
	case "!", "not":
		x.truth(n.Node)
		return view{kinds: schema.Bool}
	}
	x.number(n.Operator, n.Node, x.view(n.Node))
	return view{kinds: schema.Number}
}

// truth reads what must be true or false.
func (x *reader) truth(n ast.Node) {
	v := x.view(n)
	if v.kinds != 0 && v.kinds&schema.Bool == 0 {
		x.fault(fieldMisused, start(n), fmt.Sprintf("%s is %s, neither true nor false", show(n), v.kinds), "compare it: … != nil, or … == \"…\"")
	}
}

// number reads an operand of arithmetic.
func (x *reader) number(operator string, n ast.Node, v view) {
	if v.kinds != 0 && v.kinds&schema.Number == 0 {
		x.fault(fieldMisused, start(n), fmt.Sprintf("%s is %s, and %s is for numbers", show(n), v.kinds, operator), "")
	}
}

func (x *reader) binary(n *ast.BinaryNode) view {
	switch n.Operator {
	case "&&", "and", "||", "or":
		x.truth(n.Left)
		x.truth(n.Right)
		return view{kinds: schema.Bool}
	case "??":
		left, right := x.view(n.Left), x.view(n.Right)
		if list, ok := n.Right.(*ast.ArrayNode); ok && len(list.Nodes) == 0 {
			return left // and what an empty list holds is nothing else
		}
		return left.or(right)
	case "in":
		x.in(n)
		return view{kinds: schema.Bool}
	}
	left, right := x.view(n.Left), x.view(n.Right)
	switch n.Operator {
	case "==", "!=":
		x.equal(n, n.Left, n.Right, left, right)
	case "<", ">", "<=", ">=":
		x.ordered(n, left, right)
	case "matches", "contains", "startsWith", "endsWith":
		for i, v := range []view{left, right} {
			operand := []ast.Node{n.Left, n.Right}[i]
			if v.kinds != 0 && v.kinds&schema.Text == 0 {
				x.fault(fieldMisused, start(operand), fmt.Sprintf("%s is %s, and %s is for text", show(operand), v.kinds, n.Operator), "")
			}
		}
	case "+":
		return x.sum(n, left, right)
	case "-", "*", "/", "%", "**", "^":
		if isTime(left) || isTime(right) { // a time less a time is no number
			return anything
		}
		x.number(n.Operator, n.Left, left)
		x.number(n.Operator, n.Right, right)
		return view{kinds: schema.Number}
	case "..":
		return view{kinds: schema.List}
	default:
		return anything
	}
	return view{kinds: schema.Bool}
}

// isTime tells what may be a time or a duration.
func isTime(v view) bool { return v.isOpen() }

// sum reads a +, which is for numbers and for texts.
func (x *reader) sum(n *ast.BinaryNode, left, right view) view {
	const added = schema.Text | schema.Number
	for i, v := range []view{left, right} {
		operand := []ast.Node{n.Left, n.Right}[i]
		if v.kinds != 0 && v.kinds&added == 0 {
			x.fault(fieldMisused, start(operand), fmt.Sprintf("%s is %s, and + is for numbers and texts", show(operand), v.kinds), "")
			return anything
		}
	}
	if left.isOpen() || right.isOpen() || left.kinds == 0 || right.kinds == 0 {
		return anything
	}
	if alike(left.kinds, right.kinds) == 0 {
		x.fault(fieldMisused, n.Location().From, fmt.Sprintf("%s and %s cannot be added", left.kinds, right.kinds), "string(…) makes text of a number, int(…) a number of text")
		return anything
	}
	return view{kinds: alike(left.kinds, right.kinds) & added}
}

// alike gives the kinds that both values may have: all numbers are alike.
func alike(left, right schema.Kind) schema.Kind {
	wide := func(k schema.Kind) schema.Kind {
		if k&schema.Number != 0 {
			k |= schema.Number
		}
		return k
	}
	return wide(left) & wide(right)
}

// ordered reads <, >, <= and >=.
func (x *reader) ordered(n *ast.BinaryNode, left, right view) {
	if left.kinds == 0 || right.kinds == 0 {
		return
	}
	if alike(left.kinds, right.kinds)&(schema.Text|schema.Number) == 0 {
		x.incomparable(n.Left, n.Right, left, right, "%s is %s, and cannot be more or less than %s")
	}
}

// equal reads == and !=.
func (x *reader) equal(n *ast.BinaryNode, l, r ast.Node, left, right view) {
	if left.kinds == 0 || right.kinds == 0 {
		return // whether it is nil
	}
	x.askFound(r, left)
	x.askFound(l, right)
	if alike(left.kinds, right.kinds) == 0 {
		x.incomparable(l, r, left, right, "%s is %s, and never equals %s")
		return
	}
	if left.kinds&right.kinds&^schema.Text == 0 {
		x.possible(l, r, left, right)
		x.possible(r, l, right, left)
	}
}

// incomparable reports two operands of different kinds, where the constant one
// stands, if one is.
func (x *reader) incomparable(l, r ast.Node, left, right view, msg string) {
	at := start(l)
	if isConstant(l) {
		l, r, left, right = r, l, right, left
	} else if isConstant(r) {
		at = start(r)
	}
	hint := ""
	if text, ok := r.(*ast.StringNode); ok && left.kinds&schema.Number != 0 {
		if _, err := strconv.ParseFloat(text.Value, 64); err == nil {
			hint = "without the quotes: " + text.Value
		}
	} else if number, ok := r.(*ast.IntegerNode); ok && left.kinds == schema.Text {
		hint = fmt.Sprintf("in quotes: %q", strconv.Itoa(number.Value))
	}
	x.fault(fieldMisused, at, fmt.Sprintf(msg, show(l), left.kinds, right.kinds), hint)
}

func isConstant(n ast.Node) bool {
	_, ok := constantOf(n)
	return ok
}

// constantOf gives the value of a constant.
func constantOf(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.NilNode:
		return nil, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.FloatNode:
		if whole := int(n.Value); float64(whole) == n.Value {
			return whole, true
		}
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	}
	return nil, false
}

// possible reports a constant that a value never has.
func (x *reader) possible(of, constant ast.Node, v, c view) {
	text, ok := constant.(*ast.StringNode)
	if !ok || isConstant(of) {
		return
	}
	values, all := v.values()
	if len(values) == 0 || slices.Contains(values, text.Value) {
		return
	}
	near := Nearest(text.Value, values)
	switch {
	case all:
		x.fault(impossibleValue, start(constant), fmt.Sprintf("%s is never %q", show(of), text.Value), DidYouMean(text.Value, values))
	case near != "":
		x.fault(unlikelyValue, start(constant), fmt.Sprintf("%s is not known ever to be %q", show(of), text.Value), "did you mean "+near+"?")
	}
}

// in reads whether something is in a list.
func (x *reader) in(n *ast.BinaryNode) {
	left := x.view(n.Left)
	if list, ok := n.Right.(*ast.ArrayNode); ok {
		for _, item := range list.Nodes {
			x.equal(n, n.Left, item, left, x.view(item))
		}
		return
	}
	right := x.view(n.Right)
	switch {
	case right.kinds == 0 || right.kinds&(schema.List|schema.Object) == 0:
		if right.kinds != 0 {
			x.fault(fieldMisused, start(n.Right), fmt.Sprintf("%s is %s, and in is for lists", show(n.Right), right.kinds), "")
		}
	case right.kinds == schema.List:
		if items := right.items(); items.kinds != 0 && left.kinds != 0 && alike(left.kinds, items.kinds) == 0 {
			x.incomparable(n.Left, n.Right, left, items, "%s is %s, and the list is of %s")
		}
	}
}

// A domain is what a value can still be, after what a condition has asked of it.
type domain struct {
	only []any // nil: anything but
	not  []any
}

// fulfil reports a condition that no message and no call fulfils. states are
// those that the rule is for; none: any.
func (x *reader) fulfil(tree ast.Node, states []string) {
	of := map[string]domain{}
	state, who := "call.state", "calls"
	if x.sc.noCall {
		state, who = "conn.state", "the connection"
	}
	if len(states) > 0 {
		var only []any
		for _, s := range states {
			only = append(only, s)
		}
		of[state] = domain{only: only}
	}
	if part, what := x.contradiction(conjuncts(tree, nil), of); part != nil {
		msg := fmt.Sprintf("the condition is never true: %s cannot be this and what the rest asks for", what)
		if what == state && len(states) > 0 {
			msg = "the condition is never true: the rule is for " + who + " in " + strings.Join(states, ", ")
		}
		x.fault(neverTrue, start(part), msg, "")
	}
}

// contradiction finds the part that cannot be true together with those before
// it, and what that part is about; nil if there is none.
func (x *reader) contradiction(parts []ast.Node, of map[string]domain) (ast.Node, string) {
	var choices []*ast.BinaryNode
	for _, part := range parts {
		if b, ok := part.(*ast.BinaryNode); ok && (b.Operator == "||" || b.Operator == "or") {
			choices = append(choices, b)
			continue
		}
		for _, p := range x.expanded(part) {
			if what, ok := demand(p, of); !ok {
				return part, what
			}
		}
	}
	for _, choice := range choices { // each of the two ways must be barred
		left, what := x.contradiction(conjuncts(choice.Left, nil), maps.Clone(of))
		right, _ := x.contradiction(conjuncts(choice.Right, nil), maps.Clone(of))
		if left != nil && right != nil {
			return left, what
		}
	}
	return nil, ""
}

// expanded gives the parts of a let that a condition names, else the part
// itself.
func (x *reader) expanded(part ast.Node) []ast.Node {
	id, ok := part.(*ast.IdentifierNode)
	if !ok {
		return []ast.Node{part}
	}
	if x.locals != nil && x.locals.lets != nil && x.locals.lets.child(id.Value) != nil {
		if w, ok := x.locals.written[x.locals.lets.child(id.Value)]; ok {
			return conjuncts(w.tree, nil)
		}
	} else if n := x.decl.lets.nodes[id.Value]; n != nil && len(x.byOwner[n]) == 1 {
		return conjuncts(x.byOwner[n][0].tree, nil)
	}
	return []ast.Node{part}
}

// demand notes what a part asks for. ok is false if that cannot be.
func demand(part ast.Node, of map[string]domain) (what string, ok bool) {
	asked, wanted, values := demanded(part)
	if asked == nil {
		return "", true
	}
	if _, _, plain := chain(asked); !plain {
		return "", true
	}
	what = show(asked)
	d := of[what]
	if wanted {
		var left []any
		for _, v := range values {
			if (d.only == nil || slices.Contains(d.only, v)) && !slices.Contains(d.not, v) {
				left = append(left, v)
			}
		}
		of[what] = domain{only: left}
		return what, len(left) > 0
	}
	if d.only != nil {
		d.only = slices.DeleteFunc(slices.Clone(d.only), func(v any) bool { return slices.Contains(values, v) })
		of[what] = d
		return what, len(d.only) > 0
	}
	of[what] = domain{not: slices.Concat(d.not, values)}
	return what, true
}

// demanded reads a part that asks for a value, or for any other: x == 1,
// x in [1, 2], x, and each of them with a not.
func demanded(part ast.Node) (asked ast.Node, wanted bool, values []any) {
	switch n := part.(type) {
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			asked, wanted, values = demanded(n.Node)
			return asked, !wanted, values
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "==", "!=":
			asked, constant := n.Left, n.Right
			if isConstant(asked) {
				asked, constant = constant, asked
			}
			if v, ok := constantOf(constant); ok && !isConstant(asked) {
				return asked, n.Operator == "==", []any{v}
			}
		case "in":
			list, ok := n.Right.(*ast.ArrayNode)
			if !ok {
				return nil, false, nil
			}
			for _, item := range list.Nodes {
				v, ok := constantOf(item)
				if !ok {
					return nil, false, nil
				}
				values = append(values, v)
			}
			return n.Left, true, values
		}
	case *ast.IdentifierNode, *ast.MemberNode:
		return part, true, []any{true}
	}
	return nil, false, nil
}
