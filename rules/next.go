package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// leadsTo lists the states that the next of a rule can come to, as far as its
// text and those of the lets it names tell: "" stands for any that they do not
// tell. own are the rule's own lets, nil if it has none.
func (c *compiler) leadsTo(next, own *node) []string {
	inside := insides(next.text)
	if len(inside) == 0 {
		return []string{strings.ReplaceAll(next.text, "$${", "${")}
	}
	if len(inside) > 1 || len(inside[0])+len("${}") != len(next.text) {
		return []string{""} // text around an expression
	}
	o := &outcomes{compiler: c, own: own, lets: map[*node]bool{}}
	o.of(inside[0])
	return o.texts
}

// outcomes are the texts that an expression can come to; "" for any other.
type outcomes struct {
	*compiler
	own   *node
	texts []string
	lets  map[*node]bool // whether they have been followed, or are being so
}

func (o *outcomes) add(text string) {
	if !slices.Contains(o.texts, text) {
		o.texts = append(o.texts, text)
	}
}

func (o *outcomes) of(text string) {
	tree, err := parse(text, o.config(scope{}, nil))
	if err != nil {
		o.add("")
		return
	}
	o.node(tree.Node)
}

func (o *outcomes) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.StringNode:
		o.add(n.Value)
		return
	case *ast.ConditionalNode:
		o.node(n.Exp1)
		o.node(n.Exp2)
		return
	case *ast.BinaryNode:
		if n.Operator == "??" {
			o.node(n.Left)
			o.node(n.Right)
			return
		}
	case *ast.IdentifierNode:
		let := o.let(n.Value)
		followed, seen := o.lets[let]
		switch {
		case let == nil || seen && !followed: // it uses itself
		case seen:
			return
		default:
			o.lets[let] = false
			o.of(let.text)
			o.lets[let] = true
			return
		}
	}
	o.add("")
}

// let finds a let that is text: the rule's own, or one of the files.
func (o *outcomes) let(name string) *node {
	let := o.decl.lets.nodes[name]
	if o.own != nil && o.own.kind == kindTable && o.own.child(name) != nil {
		let = o.own.child(name)
	}
	if let == nil || let.kind != kindString {
		return nil
	}
	return let
}
