package rules

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"vertigo/schema"
)

// listOf is a list of such values.
func listOf(v view) view {
	if v.isOpen() || v.kinds == 0 {
		return view{kinds: schema.List}
	}
	return viewOf(&schema.Type{Kind: schema.List, Each: v.single()})
}

// single gives one type that all values of the view have.
func (v view) single() *schema.Type {
	if len(v.types) == 0 {
		return &schema.Type{Kind: v.kinds}
	}
	return merged(v.types)
}

// merged gives one type that all values of some types have: of objects, one with
// the fields of each.
func merged(types []*schema.Type) *schema.Type {
	if len(types) == 1 {
		return types[0]
	}
	m := &schema.Type{}
	objects, texts := true, true
	var each []*schema.Type
	var names []string
	of := map[string][]*schema.Type{}
	first := map[string]*schema.Field{}
	for _, t := range types {
		m.Kind |= t.Kinds()
		m.Open = m.Open || t.Open
		objects = objects && t.Kinds() == schema.Object && t.Each == nil && len(t.Fields) > 0
		texts = texts && t.Kinds() == schema.Text && len(t.Values) > 0
		if t.Kinds() == schema.List && t.Each != nil {
			each = append(each, t.Each)
		}
		for i := range t.Fields {
			f := &t.Fields[i]
			if of[f.Name] == nil {
				names = append(names, f.Name)
				first[f.Name] = f
			}
			of[f.Name] = append(of[f.Name], &f.Type)
		}
	}
	switch {
	case objects:
		for _, name := range names {
			m.Fields = append(m.Fields, schema.May(name, *merged(of[name]), first[name].Doc))
		}
	case texts:
		for _, t := range types {
			m.Values = append(m.Values, t.Values...)
		}
	case len(each) == len(types):
		m.Each = merged(each)
	default:
		m.Open = false
	}
	return m
}

// list reads [a, b].
func (x *reader) list(n *ast.ArrayNode) view {
	var items view
	for i, item := range n.Nodes {
		v := x.view(item)
		if v.kinds == 0 || i > 0 && items.isOpen() {
			items = anything
			continue
		}
		items = items.or(v)
	}
	return listOf(items)
}

// object reads {"a": …}.
func (x *reader) object(n *ast.MapNode) view {
	t, known := &schema.Type{Kind: schema.Object}, true
	for _, pair := range n.Pairs {
		p, ok := pair.(*ast.PairNode)
		if !ok {
			known = false
			continue
		}
		v := x.view(p.Value)
		if v.kinds == 0 {
			v = anything
		}
		key, ok := p.Key.(*ast.StringNode)
		if !ok {
			known = false
			continue
		}
		t.Fields = append(t.Fields, schema.May(key.Value, *v.single(), ""))
	}
	if !known {
		return view{kinds: schema.Object}
	}
	return viewOf(t)
}

// pushed tells what buffers hold: the items that rules push, by buffer. What is
// wrong with these expressions is reported elsewhere.
func (c *compiler) pushed(byOwner map[*node][]written) map[string]view {
	found, unchecked := len(c.findings), c.unchecked
	defer func() { c.findings, c.unchecked = c.findings[:found], unchecked }()
	t := newTyping(c, byOwner, nil)
	held := map[string]view{}
	for i, decl := range c.decl.rules {
		push := decl.node.child("push")
		if push == nil || push.kind != kindTable || i >= len(c.rs.Rules) {
			continue
		}
		of, locals := t.hears(decl.node, c.rs.Rules[i]), t.localsOf(decl.node)
		for _, name := range push.keys {
			w, ok := locals.written[push.children[name]]
			if !ok {
				continue
			}
			x := t.reader(w, of, locals)
			x.silent = true
			held[name] = held[name].or(itemsPushed(x.view(w.tree)))
		}
	}
	return held
}

// itemsPushed is what a buffer holds after that value was pushed: its items, if
// it is a list.
func itemsPushed(v view) view {
	switch {
	case v.kinds&schema.List == 0:
		return v
	case v.kinds == schema.List:
		return v.items()
	}
	return anything
}

// buffered checks the settings of a buffer, which read what it holds.
func (t *typing) buffered(name string, n *node) {
	for _, w := range t.byOwner[n] {
		x := t.reader(w, nil, nil)
		x.held = listOf(t.held[name])
		x.view(w.tree)
	}
}

// heardOf gives what the message of a buffer looks like: the schema of the
// engine's messages, with what the buffer holds.
func (t *typing) heardOf(buffer string, in *schema.Type) *schema.Type {
	items := t.held[buffer]
	if items.kinds == 0 || items.isOpen() {
		return in
	}
	own := *in
	own.Fields = slices.Clone(in.Fields)
	for i := range own.Fields {
		if own.Fields[i].Name == "items" {
			own.Fields[i].Type = schema.Type{Kind: schema.List, Each: items.single()}
		}
	}
	return &own
}
