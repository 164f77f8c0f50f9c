package rules

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"

	"vertigo/schema"
)

// call reads a call of a function of the rule language.
func (x *reader) call(n *ast.CallNode) view {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		x.view(n.Callee)
		for _, a := range n.Arguments {
			x.view(a)
		}
		return anything
	}
	fn := functionNamed(id.Value)
	if fn == nil {
		return anything
	}
	var types []reflect.Type
	for _, f := range fn.Types {
		types = append(types, reflect.TypeOf(f).Elem())
	}
	v := x.apply(id.Value, types, n.Arguments)
	if fn.Items != nil && v.kinds == schema.List {
		return viewOf(&schema.Type{Kind: schema.List, Each: fn.Items})
	}
	return v
}

// listFunctions are those of expr's whose second argument is asked of each item.
var listFunctions = map[string]view{
	"all": {kinds: schema.Bool}, "none": {kinds: schema.Bool}, "any": {kinds: schema.Bool}, "one": {kinds: schema.Bool},
	"count": {kinds: schema.Integer}, "findIndex": {kinds: schema.Integer}, "findLastIndex": {kinds: schema.Integer}, "sum": {kinds: schema.Number},
	"filter": {kinds: schema.List}, "map": {kinds: schema.List}, "sortBy": {kinds: schema.List},
	"find": anything, "findLast": anything, "groupBy": {kinds: schema.Object},
}

// plainResults are what further functions of expr's come to.
var plainResults = map[string]schema.Kind{
	"len": schema.Integer, "int": schema.Integer, "float": schema.Number, "abs": schema.Number, "ceil": schema.Number, "floor": schema.Number,
	"round": schema.Number, "max": schema.Number, "min": schema.Number, "mean": schema.Number, "median": schema.Number, "string": schema.Text, "toJSON": schema.Text,
}

func (x *reader) builtin(n *ast.BuiltinNode) view {
	if result, ok := listFunctions[n.Name]; ok && len(n.Arguments) > 0 {
		return x.each(n, result)
	}
	at, ok := builtin.Index[n.Name]
	if ok && len(builtin.Builtins[at].Types) > 0 && plainResults[n.Name] == 0 {
		return x.apply(n.Name, builtin.Builtins[at].Types, n.Arguments)
	}
	var first, all view
	for i, a := range n.Arguments {
		v := x.view(a)
		if i == 0 {
			first = v
		}
		all = all.or(v)
	}
	switch n.Name {
	case "len":
		x.takes("len", n.Arguments[0], first, schema.Text|schema.List|schema.Object)
	case "first", "last":
		return first.items()
	case "reverse", "uniq", "take":
		if first.kinds == schema.List {
			return first
		}
	case "concat":
		if all.kinds == schema.List {
			return all
		}
		return view{kinds: schema.List}
	}
	if kinds := plainResults[n.Name]; kinds != 0 {
		return view{kinds: kinds}
	}
	return anything
}

// each reads what a list function asks of the items.
func (x *reader) each(n *ast.BuiltinNode, result view) view {
	list := x.view(n.Arguments[0])
	x.takes(n.Name, n.Arguments[0], list, schema.List)
	x.items = append(x.items, list.items())
	var asked view
	for _, a := range n.Arguments[1:] {
		asked = x.view(a)
	}
	x.items = x.items[:len(x.items)-1]
	switch n.Name {
	case "filter", "sortBy":
		if list.kinds == schema.List {
			return list
		}
	case "find", "findLast":
		return list.items()
	case "map":
		return listOf(asked)
	}
	return result
}

// apply reads the arguments of a function that has one of some types.
func (x *reader) apply(name string, types []reflect.Type, args []ast.Node) view {
	views := make([]view, len(args))
	for i, a := range args {
		views[i] = x.view(a)
	}
	wrong := -1
	for _, t := range types {
		if wrong = misfit(t, views); wrong < 0 {
			return view{kinds: kindsOf(t.Out(0))}
		}
	}
	if wrong >= 0 {
		var takes schema.Kind
		for _, t := range types {
			if in := parameter(t, wrong); in != nil {
				takes |= kindsOf(in)
			}
		}
		x.takes(name, args[wrong], views[wrong], takes)
	}
	return anything
}

// misfit gives the first argument that a function of that type does not take, -1
// if there is none.
func misfit(t reflect.Type, args []view) int {
	for i, v := range args {
		in := parameter(t, i)
		if in == nil || v.kinds == 0 || v.isOpen() {
			continue
		}
		if v.kinds&kindsOf(in) == 0 {
			return i
		}
	}
	return -1
}

// parameter gives the type of an argument, nil if the function takes no so many.
func parameter(t reflect.Type, i int) reflect.Type {
	switch {
	case t.IsVariadic() && i >= t.NumIn()-1:
		return t.In(t.NumIn() - 1).Elem()
	case i < t.NumIn():
		return t.In(i)
	}
	return nil
}

// kindsOf gives the kinds of JSON that a Go value of that type can be.
func kindsOf(t reflect.Type) schema.Kind {
	switch t {
	case reflect.TypeFor[time.Duration](), reflect.TypeFor[time.Time](), reflect.TypeFor[*time.Location]():
		return schema.Any // of a kind of their own: expr tells these apart
	}
	switch t.Kind() {
	case reflect.String:
		return schema.Text
	case reflect.Bool:
		return schema.Bool
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Float64, reflect.Float32:
		return schema.Number
	case reflect.Slice, reflect.Array:
		return schema.List
	}
	return schema.Any
}

// takes reports an argument of a kind that a function does not take.
func (x *reader) takes(name string, arg ast.Node, v view, kinds schema.Kind) {
	if v.kinds == 0 || v.isOpen() || v.kinds&kinds != 0 {
		return
	}
	var fields []string
	for _, t := range v.types {
		fields = append(fields, t.Names()...)
	}
	hint := ""
	if len(fields) > 0 {
		hint = "its fields: " + strings.Join(fields, ", ")
	}
	x.fault(fieldMisused, start(arg), fmt.Sprintf("%s takes %s, and %s is %s", name, kinds, show(arg), v.kinds), hint)
}
