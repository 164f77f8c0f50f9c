package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	exprcompiler "github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"vertigo/engine"
)

// A Node is a value of a TOML file that knows where it stands, for files that
// are checked as strictly as rules are. The zero Node is a value that is not
// set.
type Node struct{ n *node }

// ParseDocument reads a TOML file as rule files are read: all its faults are
// reported, and what is free of them comes back.
func ParseDocument(file string, src []byte) (Node, Findings) {
	root, found := parseTOML(file, src)
	return Node{root}, found
}

// IsSet says whether there is a value.
func (n Node) IsSet() bool { return n.n != nil }

// IsTable says whether the value is a table; IsList and IsText likewise.
func (n Node) IsTable() bool { return n.n != nil && n.n.kind == kindTable }

// IsList says whether the value is a list.
func (n Node) IsList() bool { return n.n != nil && n.n.kind == kindArray }

// IsText says whether the value is text.
func (n Node) IsText() bool { return n.n != nil && n.n.kind == kindString }

// Kind names the kind of value, as messages do: "a table", "text".
func (n Node) Kind() string { return n.n.kind.String() }

// Pos is where the value stands; of a [table], its header.
func (n Node) Pos() Pos { return n.n.pos }

// KeyPos is where the key stands; of an item of a list, that of the item.
func (n Node) KeyPos() Pos { return n.n.keyPos }

// Keys are those of a table, in order.
func (n Node) Keys() []string { return n.n.keys }

// Child gives the value of a key of a table.
func (n Node) Child(key string) Node {
	if n.n == nil {
		return Node{}
	}
	return Node{n.n.children[key]}
}

// Items are those of a list; any other value is a list of itself.
func (n Node) Items() []Node {
	if !n.IsList() {
		return []Node{n}
	}
	list := make([]Node, len(n.n.items))
	for i, item := range n.n.items {
		list[i] = Node{item}
	}
	return list
}

// Value gives a scalar: string, int, float64, bool or time.Time.
func (n Node) Value() any { return n.n.value }

// Text gives what text says.
func (n Node) Text() string { return n.n.text }

// Finding makes an error at a place in the node's file.
func (n Node) Finding(pos Pos, msg, hint string) Finding { return n.n.finding(uncoded, pos, msg, hint) }

// A Dialect is what the expressions in ${ … } may name in a file that is no rule
// file, beside the functions of the rule language.
type Dialect struct {
	Names     types.Map
	Functions []Function

	made *conf.Config
}

// never finds what can never be evaluated, as it is found in rules, and calls of
// the dialect's own functions that always fail.
func (d *Dialect) never(tree ast.Node) (fault string, at int) {
	v := &constantCalls{of: d.Functions, calls: map[int]bool{}}
	ast.Walk(&tree, v)
	if v.fault != "" {
		return v.fault, v.at
	}
	for _, f := range bounded(tree) {
		if !v.calls[f.at] { // else taken for the rule language's function of that name
			return f.msg, f.at
		}
	}
	return "", 0
}

type constantCalls struct {
	of    []Function
	calls map[int]bool // by place
	fault string
	at    int
}

// Visit calls a function whose arguments are written out.
func (v *constantCalls) Visit(n *ast.Node) {
	call, ok := (*n).(*ast.CallNode)
	if !ok {
		return
	}
	id, ok := call.Callee.(*ast.IdentifierNode)
	if !ok {
		return
	}
	for _, f := range v.of {
		if f.Name != id.Value {
			continue
		}
		v.calls[call.Location().From] = true
		if len(call.Arguments) != 1 {
			continue
		}
		if text, ok := call.Arguments[0].(*ast.StringNode); ok {
			if _, err := f.Call(text.Value); err != nil {
				v.fault, v.at = err.Error(), text.Location().From
			}
		}
	}
}

// A Text is a text with expressions in it, compiled.
type Text struct{ parts []textPart }

type textPart struct {
	literal string
	program *vm.Program // nil: a literal
	node    *node
	at      int // rune of the node's text at which the expression begins
}

// Compile compiles text; with findings it cannot be used.
func (d *Dialect) Compile(n Node) (*Text, Findings) {
	c := &compilation{dialect: d, node: n.n}
	c.split()
	return &Text{c.parts}, c.found
}

func (d *Dialect) config() *conf.Config {
	if d.made == nil {
		o := append([]expr.Option{expr.Env(d.Names)}, functionOptions...)
		for _, f := range d.Functions {
			o = append(o, expr.DisableBuiltin(f.Name), expr.Function(f.Name, f.Call, f.Types...))
		}
		d.made = newConfig(o)
	}
	return d.made
}

// IsLiteral says whether there is no expression in the text.
func (t *Text) IsLiteral() bool {
	return len(t.parts) == 0 || len(t.parts) == 1 && t.parts[0].program == nil
}

// Eval gives what the text comes to: a text that is one ${ … } and nothing else
// keeps the type of its expression. names are the values of the dialect's names.
func (t *Text) Eval(names map[string]any) (any, error) {
	if len(t.parts) == 1 && t.parts[0].program != nil {
		return t.parts[0].eval(names)
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.program == nil {
			b.WriteString(p.literal)
			continue
		}
		v, err := p.eval(names)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case string:
			b.WriteString(v)
		case int:
			b.WriteString(strconv.Itoa(v))
		case float64:
			b.Write(engine.AppendNumber(nil, v))
		case bool:
			b.WriteString(strconv.FormatBool(v))
		default:
			return nil, p.fail(0, engine.Show(v)+" cannot stand within text")
		}
	}
	return b.String(), nil
}

func (p textPart) eval(names map[string]any) (any, error) {
	v, err := vm.Run(p.program, names)
	if err == nil {
		return v, nil
	}
	var fault *file.Error
	if errors.As(err, &fault) {
		return nil, p.fail(fault.From, inWords(fault.Message))
	}
	return nil, p.fail(0, inWords(err.Error()))
}

func (p textPart) fail(at int, msg string) error {
	return &EvalError{Pos: p.node.at(p.at + at), Msg: msg}
}

// A compilation is one text being compiled.
type compilation struct {
	dialect *Dialect
	node    *node
	parts   []textPart
	found   Findings
}

func (c *compilation) report(at int, msg, hint string) {
	c.found = append(c.found, c.node.finding(uncoded, c.node.at(at), msg, hint))
}

// split goes over the text as templates of rules do.
func (c *compilation) split() {
	rest, at, lit := c.node.text, 0, ""
	advance := func(bytes int) {
		at += len([]rune(rest[:bytes]))
		rest = rest[bytes:]
	}
	flush := func() {
		if lit != "" {
			c.parts = append(c.parts, textPart{literal: lit})
		}
		lit = ""
	}
	for rest != "" {
		i := strings.Index(rest, "${")
		if i < 0 {
			lit += rest
			break
		}
		if i > 0 && rest[i-1] == '$' {
			lit += rest[:i-1] + "${"
			advance(i + 2)
			continue
		}
		lit += rest[:i]
		advance(i)
		end := closing(rest)
		if end < 0 {
			c.report(at, "${ is never closed by }", "write $${ where ${ itself is meant")
			return
		}
		inside := rest[2:end]
		advance(2)
		flush()
		c.expression(inside, at)
		advance(len(inside) + 1)
	}
	flush()
}

func (c *compilation) expression(text string, at int) {
	if strings.TrimSpace(text) == "" {
		c.report(at-2, "${ } holds no expression", "")
		return
	}
	config := c.dialect.config()
	tree, err := parse(text, config)
	if err == nil {
		_, err = checker.Check(tree, config)
	}
	if err != nil {
		c.fault(text, at, err)
		return
	}
	if fault, off := c.dialect.never(tree.Node); fault != "" {
		c.report(at+off, fault, "")
		return
	}
	program, err := exprcompiler.Compile(tree, config)
	if err != nil {
		c.fault(text, at, err)
		return
	}
	c.parts = append(c.parts, textPart{program: program, node: c.node, at: at})
}

// fault words what expr says of an expression.
func (c *compilation) fault(text string, at int, err error) {
	var fault *file.Error
	if !errors.As(err, &fault) {
		c.report(at, inWords(err.Error()), "")
		return
	}
	msg := fault.Message
	if m := unknownName.FindStringSubmatch(msg); m != nil {
		known := keysOf(c.dialect.Names)
		for _, f := range append(c.dialect.Functions, Functions...) {
			known = append(known, f.Name)
		}
		c.report(at+fault.From, "unknown name "+m[1], DidYouMean(m[1], known))
		return
	}
	if m := unknownField.FindStringSubmatch(msg); m != nil {
		root := rootBefore(text, fault.From, m[1])
		within, _ := c.dialect.Names[root].(types.Map)
		c.report(at+fault.From, "unknown field "+strings.TrimPrefix(root+"."+m[1], "."), DidYouMean(m[1], keysOf(within)))
		return
	}
	c.report(at+fault.From, inWords(msg), "")
}

// ErrorAt gives the place of an expression that could not be evaluated, and what
// was wrong.
func ErrorAt(err error) (Pos, string) {
	var at *EvalError
	if errors.As(err, &at) {
		return at.Pos, at.Msg
	}
	return Pos{}, fmt.Sprint(err)
}
