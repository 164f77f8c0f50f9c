package scenario

import (
	"maps"

	"vertigo/rules"
)

// A value is what a scenario writes for JSON: literal, but for what stands in
// ${ … }.
type value struct {
	node   rules.Node
	text   *rules.Text
	keys   []string
	fields []*value // by key
	items  []*value
}

// compile checks a value; nil, with findings added, if it cannot be used.
func (r *reader) compile(n rules.Node, in *rules.Dialect) *value {
	v := &value{node: n}
	switch {
	case n.IsText():
		text, found := in.Compile(n)
		r.found = append(r.found, found...)
		if len(found) > 0 {
			return nil
		}
		v.text = text
	case n.IsTable():
		for _, key := range n.Keys() {
			if field := r.compile(n.Child(key), in); field != nil {
				v.keys = append(v.keys, key)
				v.fields = append(v.fields, field)
			}
		}
	case n.IsList():
		for _, item := range n.Items() {
			if one := r.compile(item, in); one != nil {
				v.items = append(v.items, one)
			}
		}
	case n.Kind() == "a date":
		r.report(n, n.Pos(), "JSON has no dates: put it in quotes", "")
		return nil
	}
	return v
}

// A fault is something that went wrong at a place while a scenario ran.
type fault struct {
	pos rules.Pos
	msg string
}

// eval gives what the value comes to: a matcher, or what JSON holds.
func (v *value) eval(names map[string]any) (any, *fault) {
	switch {
	case v.text != nil:
		x, err := v.text.Eval(names)
		if err != nil {
			pos, msg := rules.ErrorAt(err)
			return nil, &fault{pos, msg}
		}
		return x, nil
	case v.node.IsTable():
		m := make(map[string]any, len(v.keys))
		for i, key := range v.keys {
			x, f := v.fields[i].eval(names)
			if f != nil {
				return nil, f
			}
			m[key] = x
		}
		return m, nil
	case v.node.IsList():
		list := make([]any, len(v.items))
		for i, item := range v.items {
			x, f := item.eval(names)
			if f != nil {
				return nil, f
			}
			list[i] = x
		}
		return list, nil
	}
	return v.node.Value(), nil
}

// over puts one value over another: tables key by key, anything else whole. Both
// stay as they are: an expression may have given what others see as well.
func over(base, top any) any {
	b, isTable := base.(map[string]any)
	t, both := top.(map[string]any)
	if !isTable || !both {
		return top
	}
	m := maps.Clone(b)
	for key, v := range t {
		m[key] = over(b[key], v)
	}
	return m
}

// present gives a value without the keys of tables that have no value.
func present(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, x := range v {
			if x != nil {
				m[key] = present(x)
			}
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = present(x)
		}
		return list
	}
	return v
}
