package rules

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"

	"vertigo/engine"
	"vertigo/schema"
)

// index compiles an [index.NAME]. Its key is computed when a call changes, for
// no message, and so sees the call and what is always there.
func (c *compiler) index(name string, n *node) {
	x := &engine.CallIndex{Name: name, Key: constant{}}
	c.rs.Indexes = append(c.rs.Indexes, x)
	if !c.fit(n, name, "index", keysOf(c.tables)...) || !c.want(n, kindTable, "a table") {
		return
	}
	c.unknownKeys(n, indexKeys...)
	key := n.child("key")
	if key == nil {
		if len(n.keys) == 0 { // else one of them is misspelt
			c.report(badIndex, n, n.pos, "the index has no key", "key = 'call.room'")
		}
		return
	}
	sc := scope{noMsg: true, index: true}
	made := c.value(key, sc)
	if made == nil {
		return
	}
	if t := c.typeOf(key, sc); t != nil && !slices.Contains([]reflect.Kind{reflect.String, reflect.Slice, reflect.Interface}, t.Kind()) {
		as := inWords(t.String())
		if t.Kind() == reflect.Bool {
			as = schema.Bool.String()
		}
		c.report(wrongType, key, key.pos, "the key of an index is text, or a list of texts, and this is "+as, "")
		return
	}
	x.Key = made
	tree := c.trees[c.exprKey(key.text, sc, nil)]
	ast.Walk(&tree, &callReads{c, x})
}

// callReads notes what the key of an index reads of the call.
type callReads struct {
	c *compiler
	x *engine.CallIndex
}

// Visit sees the parts of a node before the node.
func (v *callReads) Visit(n *ast.Node) {
	root, parts, ok := chain(*n)
	if !ok || root != "call" || len(parts) == 0 {
		return
	}
	slot, isVar := v.c.varSlot[parts[0]]
	switch {
	case isVar:
		if !slices.Contains(v.x.Vars, slot) {
			v.x.Vars = append(v.x.Vars, slot)
		}
	case parts[0] == "state":
		v.x.State = true
	case len(parts) == 2 && parts[1] == "key":
		v.x.Keys = true
	}
}

// lookedUp lists what other names cannot be called: tables and indexes.
func (c *compiler) lookedUp() []string { return append(keysOf(c.tables), keysOf(c.indexSlot)...) }

// isIndex says whether a node names an index.
func (c *compiler) isIndex(n ast.Node) bool {
	id, ok := n.(*ast.IdentifierNode)
	if !ok {
		return false
	}
	_, ok = c.indexSlot[id.Value]
	return ok
}

// bareIndex finds an index that nothing is looked up in.
func (c *compiler) bareIndex(tree ast.Node) *ast.IdentifierNode {
	v := &bareIndexes{c: c}
	ast.Walk(&tree, v)
	if len(v.found) == 0 {
		return nil
	}
	return v.found[0].(*ast.IdentifierNode)
}

type bareIndexes struct {
	c     *compiler
	found []ast.Node
}

// Visit sees the parts of a node before the node.
func (v *bareIndexes) Visit(n *ast.Node) {
	if m, ok := (*n).(*ast.MemberNode); ok && !m.Method {
		v.found = slices.DeleteFunc(v.found, func(f ast.Node) bool { return f == m.Node })
	} else if v.c.isIndex(*n) {
		v.found = append(v.found, *n)
	}
}

// find compiles index[key].
func (b *closures) find(index string, m *ast.MemberNode) eval {
	key := b.node(m.Property)
	if key == nil {
		return nil
	}
	at := m.Property.Location().From
	return func(f *engine.Frame) (any, error) {
		k, err := key(f)
		if err != nil {
			return nil, err
		}
		v, err := findCalls(f, index, k)
		if err != nil {
			return nil, b.src.fail(at, err)
		}
		return v, nil
	}
}

// findCalls finds the other calls under a key: a list, nil if there are none.
func findCalls(f *engine.Frame, index string, key any) (any, error) {
	switch k := key.(type) {
	case nil:
		return nil, nil
	case string:
		if found := f.FindCalls(index, k); found != nil {
			return found, nil
		}
		return nil, nil
	}
	return nil, fmt.Errorf("calls are found by text, not by %s", engine.Show(key))
}

// An indexName stands for an index in a program.
type indexName string

// callFields are those that the engine gives each call.
var callFields = []string{"id", "uuid", "state", "begun"}

// A foundCall is what indexes find, for the checks of expressions.
type foundCall struct {
	list, call, state *schema.Type
}

func newFoundCall() *foundCall {
	f := &foundCall{call: &schema.Type{Kind: schema.Object}, state: &schema.Type{Kind: schema.Text}}
	f.list = &schema.Type{Kind: schema.List, Each: f.call}
	return f
}

// found reads index[key].
func (x *reader) found(n *ast.MemberNode) view {
	if v := x.view(n.Property); v.kinds != 0 && v.kinds&schema.Text == 0 {
		x.fault(fieldMisused, start(n.Property), fmt.Sprintf("calls are found by text, and %s is %s", show(n.Property), v.kinds), "")
	}
	return viewOf(x.foundCall.list)
}

// fieldOfFound reads a field of a call that an index has found.
func (x *reader) fieldOfFound(name *ast.StringNode) view {
	x.readOfFound[name.Value] = true
	switch _, isVar := x.varSlot[name.Value]; {
	case name.Value == "state":
		return viewOf(x.foundCall.state)
	case name.Value == "id" || name.Value == "uuid":
		return view{kinds: schema.Text}
	case isVar || name.Value == "begun":
		return anything
	case slices.Contains(x.transports(), name.Value):
		keyed := schema.Table(schema.May("key", schema.Type{}, ""))
		return viewOf(&keyed)
	}
	known := slices.Concat(keysOf(x.varSlot), callFields, x.transports())
	x.fault(neverSet, name.Location().From, "call."+name.Value+" is never set by any rule", DidYouMean(name.Value, sorted(known)))
	return anything
}

// askFound notes a state that the state of a found call is compared with.
func (x *reader) askFound(state ast.Node, v view) {
	text, ok := state.(*ast.StringNode)
	if !ok || x.silent || !slices.Contains(v.types, x.foundCall.state) {
		return
	}
	ask := askedState{text.Value, x.src.node, x.src.pos(text.Location().From), x.compiler.rule}
	if !slices.Contains(x.asked, ask) {
		x.asked = append(x.asked, ask)
	}
}
