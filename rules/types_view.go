package rules

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"

	"vertigo/schema"
)

// A view is what is known of a value before there is a message. It may be nil
// besides.
type view struct {
	kinds schema.Kind    // that it may have; none: it is nil
	types []*schema.Type // what it looks like, of each kind that it may have; nil: that is not known
}

var anything = view{kinds: schema.Any}

// viewOf is a value of one of some types.
func viewOf(types ...*schema.Type) view {
	v := view{types: types}
	for _, t := range types {
		v.kinds |= t.Kinds()
	}
	return v
}

// isOpen tells a value of which nothing is known.
func (v view) isOpen() bool { return v.kinds == schema.Any && v.types == nil }

// or is a value that is one or the other.
func (v view) or(w view) view {
	switch {
	case v.kinds == 0:
		return w
	case w.kinds == 0:
		return v
	}
	both := view{kinds: v.kinds | w.kinds}
	if v.types != nil && w.types != nil {
		both.types = slices.Clone(v.types)
		for _, t := range w.types {
			if !slices.Contains(v.types, t) {
				both.types = append(both.types, t)
			}
		}
	}
	return both
}

// values gives the texts that it may be. all says that there are no others.
func (v view) values() (values []string, all bool) {
	all = v.types != nil
	for _, t := range v.types {
		if t.Kinds()&schema.Text == 0 {
			continue
		}
		values = append(values, t.Values...)
		all = all && len(t.Values) > 0 && !t.Open
	}
	return values, all && len(values) > 0
}

// items is what a list of the view holds.
func (v view) items() view {
	var found view
	for _, t := range v.types {
		if t.Each == nil {
			return anything
		}
		found = found.or(viewOf(t.Each))
	}
	if found.kinds == 0 {
		return anything
	}
	return found
}

// Locals are the lets of a rule.
type locals struct {
	lets    *node // the table
	seen    map[string]view
	written map[*node]written // the expressions of the rule
}

// A reader reads one expression, as it is evaluated for some messages.
type reader struct {
	*typing
	src    source
	sc     scope
	of     *messages
	locals *locals
	silent bool   // what is wrong is reported elsewhere
	held   view   // in a setting of a buffer: what it holds
	items  []view // what # stands for, in each predicate around
	vars   map[string]view
}

func (t *typing) reader(w written, of *messages, l *locals) *reader {
	return &reader{typing: t, src: w.src, sc: w.sc, of: of, locals: l}
}

// fault reports what is wrong at a place in the expression.
func (x *reader) fault(k *Kind, offset int, msg, hint string) {
	if !x.silent {
		x.complain(k, x.src.node, x.src.pos(offset), msg, hint)
	}
}

// view tells what an expression comes to.
func (x *reader) view(n ast.Node) view {
	switch n := n.(type) {
	case *ast.NilNode:
		return view{}
	case *ast.IntegerNode:
		return view{kinds: schema.Integer}
	case *ast.FloatNode:
		return view{kinds: schema.Number}
	case *ast.BoolNode:
		return view{kinds: schema.Bool}
	case *ast.StringNode:
		return viewOf(&schema.Type{Kind: schema.Text, Values: []string{n.Value}})
	case *ast.ChainNode:
		return x.view(n.Node)
	case *ast.IdentifierNode:
		return x.name(n.Value)
	case *ast.MemberNode:
		return x.member(n)
	case *ast.PointerNode:
		return x.pointer(n)
	case *ast.UnaryNode:
		return x.unary(n)
	case *ast.BinaryNode:
		return x.binary(n)
	case *ast.ConditionalNode:
		x.truth(n.Cond)
		return x.view(n.Exp1).or(x.view(n.Exp2))
	case *ast.SliceNode:
		return x.view(n.Node)
	case *ast.CallNode:
		return x.call(n)
	case *ast.BuiltinNode:
		return x.builtin(n)
	case *ast.PredicateNode:
		return x.view(n.Node)
	case *ast.ArrayNode:
		return x.list(n)
	case *ast.MapNode:
		return x.object(n)
	case *ast.VariableDeclaratorNode:
		return x.declare(n)
	case *ast.SequenceNode:
		var last view
		for _, part := range n.Nodes {
			last = x.view(part)
		}
		return last
	}
	return anything
}

// declare reads let x = …; … within an expression.
func (x *reader) declare(n *ast.VariableDeclaratorNode) view {
	inner := *x
	inner.vars = map[string]view{n.Name: x.view(n.Value)}
	for name, v := range x.vars {
		if name != n.Name {
			inner.vars[name] = v
		}
	}
	return inner.view(n.Expr)
}

func (x *reader) name(name string) view {
	if v, ok := x.vars[name]; ok {
		return v
	}
	if name == "msg" && !x.sc.noMsg {
		if !x.silent && x.of != nil && !x.of.known {
			x.unchecked++
		}
		return x.of.view()
	}
	if x.locals != nil && x.locals.lets != nil && x.locals.lets.child(name) != nil {
		return x.local(name)
	}
	if n := x.decl.lets.nodes[name]; n != nil {
		return x.let(name, n)
	}
	if name == "items" && x.sc.items {
		return x.held
	}
	return anything
}

// local is a let of the rule.
func (x *reader) local(name string) view {
	if v, ok := x.locals.seen[name]; ok {
		return v
	}
	w, ok := x.locals.written[x.locals.lets.child(name)]
	if !ok {
		return anything
	}
	inner := x.reader(w, x.of, x.locals)
	inner.silent = true
	v := inner.view(w.tree)
	x.locals.seen[name] = v
	return v
}

// let is one of the file; it is told for whose messages it is used.
func (x *reader) let(name string, n *node) view {
	key := letUse{name, x.of}
	if v, ok := x.typing.lets[key]; ok {
		return v
	}
	x.use(n, x.of)
	x.typing.lets[key] = anything
	for _, w := range x.byOwner[n] {
		inner := x.reader(w, x.of, nil)
		inner.silent = true
		x.typing.lets[key] = inner.view(w.tree)
	}
	return x.typing.lets[key]
}

func (x *reader) pointer(n *ast.PointerNode) view {
	switch {
	case n.Name == "index":
		return view{kinds: schema.Integer}
	case n.Name != "" || len(x.items) == 0:
		return anything
	}
	return x.items[len(x.items)-1]
}

// member reads a field, or an item.
func (x *reader) member(n *ast.MemberNode) view {
	if x.isIndex(n.Node) {
		return x.found(n)
	}
	if root, parts, ok := chain(n); ok && x.vars[root].kinds == 0 {
		switch {
		case root == "vars":
			v, _ := walk(x.varValues, parts)
			return viewOfVar(v)
		case root == "call" && len(parts) == 1 && slices.Contains([]string{"id", "uuid", "state"}, parts[0]):
			return view{kinds: schema.Text}
		case root == "conn" && len(parts) == 1 && parts[0] == "state":
			return view{kinds: schema.Text}
		case root == "call", root == "conn", x.tables[root] != nil:
			return anything
		}
	}
	of := x.view(n.Node)
	if n.Method {
		return anything
	}
	name, ok := n.Property.(*ast.StringNode)
	if !ok {
		x.view(n.Property)
		if of.kinds&schema.List != 0 && of.kinds&schema.Object == 0 {
			return of.items()
		}
		return anything
	}
	return x.field(of, n, name)
}

// viewOfVar is what a var is: of its kind, with whatever value.
func viewOfVar(v any) view {
	switch v.(type) {
	case string:
		return view{kinds: schema.Text}
	case int:
		return view{kinds: schema.Integer}
	case float64:
		return view{kinds: schema.Number}
	case bool:
		return view{kinds: schema.Bool}
	case []any:
		return view{kinds: schema.List}
	}
	return anything
}

// field reads a field of what may be one of several objects: at least one of
// them must have it.
func (x *reader) field(of view, n *ast.MemberNode, name *ast.StringNode) view {
	if slices.Contains(of.types, x.foundCall.call) {
		return x.fieldOfFound(name)
	}
	if of.kinds&schema.Object == 0 && of.kinds != 0 {
		x.fault(fieldMisused, name.Location().From, fmt.Sprintf("%s is %s and has no fields", show(n.Node), of.kinds), "")
		return anything
	}
	if of.types == nil {
		return anything
	}
	var found view
	var known []string
	open, closed := false, true
	for _, t := range of.types {
		if t.Kinds()&schema.Object == 0 {
			continue
		}
		f, may := t.Field(name.Value)
		if f != nil {
			found = found.or(viewOf(f))
		}
		open = open || may
		closed = closed && !t.Open
		known = append(known, t.Names()...)
	}
	switch {
	case found.kinds != 0:
		return found
	case open:
		return anything
	}
	msg, hint := "unknown field "+show(n), x.fieldHint(of, show(n.Node), name.Value, known)
	switch {
	case closed:
		x.fault(unknownMsgField, name.Location().From, msg, hint)
	case Nearest(name.Value, known) != "":
		x.fault(unlikelyMsgField, name.Location().From, msg, hint)
	}
	return anything
}

// fieldHint says what was probably meant: a field of a like name, one of the
// same name further down, or one of the few that there are.
func (x *reader) fieldHint(of view, at, name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	for _, t := range of.types {
		if path := t.Below(name); path != "" {
			return fmt.Sprintf("did you mean %s.%s?", at, path)
		}
	}
	slices.Sort(known)
	return DidYouMean(name, slices.Compact(known))
}

// show is an expression as it is spoken of.
func show(n ast.Node) string {
	switch n := n.(type) {
	case *ast.ChainNode:
		return show(n.Node)
	case *ast.IdentifierNode:
		return n.Value
	case *ast.PointerNode:
		return "#"
	case *ast.MemberNode:
		at := show(n.Node)
		if n.Method {
			break
		}
		if at == "this" || at == "#" { // .kind is how most write #.kind
			at = ""
		}
		switch p := n.Property.(type) {
		case *ast.IntegerNode:
			if at != "" {
				return fmt.Sprintf("%s[%d]", at, p.Value)
			}
		case *ast.StringNode:
			if identifier.MatchString(p.Value) {
				return at + "." + p.Value
			}
			return fmt.Sprintf("%s[%q]", at, p.Value)
		}
	}
	return "this"
}

// start gives where an expression begins.
func start(n ast.Node) int {
	switch n := n.(type) {
	case *ast.ChainNode:
		return start(n.Node)
	case *ast.MemberNode:
		return start(n.Node)
	case *ast.BinaryNode:
		return start(n.Left)
	case *ast.ConditionalNode:
		return start(n.Cond)
	case *ast.SliceNode:
		return start(n.Node)
	case *ast.CallNode:
		return start(n.Callee)
	}
	return n.Location().From
}

// timer reports a time that can be none.
func (x *reader) timer(w written, v view) {
	if v.kinds == 0 || v.kinds&schema.Text != 0 || v.isOpen() {
		return
	}
	hint := ""
	if v.kinds&schema.Number != 0 {
		hint = `say what it counts: duration(…, "ms")`
	}
	x.fault(fieldMisused, start(w.tree), fmt.Sprintf("a timer takes a duration, or text such as \"30s\", and this is %s", v.kinds), hint)
}
