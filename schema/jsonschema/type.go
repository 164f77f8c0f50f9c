package jsonschema

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"vertigo/schema"
)

// mostRead is how many schemas a file may come to, each counted as often as it is
// referred to.
const mostRead = 20_000

// null is the kind of what is always null, which a message can leave out as well.
const null schema.Kind = 1 << 7

var kindNames = map[string]schema.Kind{
	"string": schema.Text, "integer": schema.Integer, "number": schema.Number, "boolean": schema.Bool,
	"array": schema.List, "object": schema.Object, "null": null,
}

// whole reads a schema, and gives anything for what is always null.
func (r *reader) whole(v *value) schema.Type {
	t := r.schema(v)
	if t.Kind == null {
		return schema.Type{}
	}
	return t
}

// schema reads a schema. What it says in several ways has to hold together.
func (r *reader) schema(v *value) schema.Type {
	if r.read++; r.read > mostRead {
		if !r.tired {
			r.tired = true
			r.fault(v.at, "", "the schemas refer to each other so often that they come to more than %d", mostRead)
		}
		return schema.Type{}
	}
	if v.kind == schema.Bool && v.is {
		return schema.Type{}
	}
	if v.kind != schema.Object {
		r.fault(v.at, "", "a schema is an object, or true")
		return schema.Type{}
	}
	r.keywords(v)
	t := r.own(v)
	if ref := v.member("$ref"); ref != nil {
		t = r.both(v, t, r.ref(ref))
	}
	for _, part := range r.list(v, "allOf", "schemas") {
		t = r.both(v, t, r.schema(part))
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		if branches := r.list(v, keyword, "schemas"); len(branches) > 0 {
			t = r.both(v, t, r.either(branches))
		}
	}
	return t
}

// own reads what a schema says itself, without others.
func (r *reader) own(v *value) schema.Type {
	t := schema.Type{Kind: r.kind(v)}
	t = r.both(v, t, r.values(v))
	if fields := r.table(v); fields != nil {
		fields.Kind = within(schema.Object, t.Kind)
		t = r.both(v, t, *fields)
	}
	if items := r.items(v); items != nil {
		list := schema.Type{Kind: within(schema.List, t.Kind), Each: items}
		if t.Kind&schema.Object != 0 { // Each would be that of the fields
			list.Each = nil
		}
		t = r.both(v, t, list)
	}
	return t
}

// within gives the kinds of a value of which something is said that concerns only
// one of them: all that it was said to have, if that one is among them.
func within(one, said schema.Kind) schema.Kind {
	if said&one != 0 {
		return said
	}
	return one
}

// kind reads type: a name, or a list of them.
func (r *reader) kind(v *value) schema.Kind {
	of := v.member("type")
	if of == nil {
		return 0
	}
	names := []*value{of}
	if of.kind == schema.List {
		names = of.items
	}
	kind := schema.Kind(0)
	for _, name := range names {
		k, ok := kindNames[name.text]
		if !ok {
			r.fault(name.at, "known: string, integer, number, boolean, array, object, null", "this is no type")
			return 0
		}
		kind |= k
	}
	if kind != null {
		kind &^= null
	}
	return kind
}

// values reads enum and const.
func (r *reader) values(v *value) schema.Type {
	list := r.list(v, "enum", "values")
	if one := v.member("const"); one != nil {
		list = append(slices.Clip(list), one)
	}
	t := schema.Type{}
	for _, of := range list {
		switch of.kind {
		case 0:
		case schema.Text:
			t.Kind |= schema.Text
			t.Values = append(t.Values, of.text)
		case schema.Integer, schema.Fraction:
			t.Kind |= schema.Number
		default:
			t.Kind |= of.kind
		}
	}
	if len(list) > 0 && t.Kind == 0 {
		t.Kind = null
	}
	return t
}

// table reads what a schema says of the fields of an object; nil if it says
// nothing.
func (r *reader) table(v *value) *schema.Type {
	t := schema.Type{Kind: schema.Object}
	for _, p := range r.object(v, "properties") {
		if p.value.kind == schema.Bool && !p.value.is { // it is never there
			continue
		}
		t.Fields = append(t.Fields, schema.May(p.name, r.whole(p.value), r.doc(p.value)))
	}
	for _, p := range r.object(v, "patternProperties") {
		of := r.whole(p.value)
		if begin, ok := beginning(p.name); ok {
			t.Fields = append(t.Fields, schema.May(begin+"*", of, r.doc(p.value)))
			continue
		}
		t.Open = true
	}
	for _, name := range r.list(v, "required", "names, beside properties") {
		if name.kind != schema.Text {
			r.fault(name.at, "", "required is a list of names, beside properties")
			continue
		}
		if i := slices.IndexFunc(t.Fields, func(f schema.Field) bool { return f.Name == name.text }); i >= 0 {
			t.Fields[i].Required = true
		} else {
			t.Fields = append(t.Fields, schema.Need(name.text, schema.Type{}, ""))
		}
	}
	more := v.member("additionalProperties")
	switch {
	case more == nil:
	case more.kind == schema.Bool:
		t.Open = t.Open || more.is
	default:
		if of := r.whole(more); len(more.members) > 0 {
			t.Each = &of
		} else {
			t.Open = true
		}
	}
	if more == nil && len(t.Fields) == 0 && !t.Open {
		return nil
	}
	return &t
}

// beginning gives the text with which the names begin that a pattern is for, if
// that is all it says.
func beginning(pattern string) (string, bool) {
	begin, ok := strings.CutPrefix(pattern, "^")
	begin = strings.TrimSuffix(begin, ".*")
	return begin, ok && begin != "" && !strings.ContainsAny(begin, `\.+*?()|[]{}^$`)
}

// items reads what a schema says of the items of a list; nil if it says nothing.
func (r *reader) items(v *value) *schema.Type {
	var kinds []*value
	if v.member("prefixItems") != nil {
		kinds = r.list(v, "prefixItems", "schemas")
	}
	switch each := v.member("items"); {
	case each == nil || each.kind == schema.Bool:
	case each.kind == schema.List: // what draft 7 calls so, later ones call prefixItems
		kinds = append(kinds, each.items...)
	default:
		kinds = append(kinds, each)
	}
	if len(kinds) == 0 {
		return nil
	}
	t := r.either(kinds)
	if t.Kind == null {
		t.Kind = 0
	}
	return &t
}

// either reads schemas of which one holds.
func (r *reader) either(branches []*value) schema.Type {
	all := schema.Type{Kind: null}
	for _, branch := range branches {
		t := r.schema(branch)
		switch {
		case t.Kind == null:
		case all.Kind == null:
			all = t
		default:
			all = either(all, t)
		}
	}
	return all
}

// both gives what holds of a value of which two things are said.
func (r *reader) both(v *value, a, b schema.Type) schema.Type {
	t, ok := both(a, b)
	if !ok {
		r.fault(v.at, "", "this cannot be %s and %s at once", named(a.Kind), named(b.Kind))
	}
	return t
}

func named(k schema.Kind) string {
	if k == null {
		return "null"
	}
	return k.String()
}

// ref reads what a $ref leads to. Of a schema within itself nothing is known.
func (r *reader) ref(ref *value) schema.Type {
	of := r.target(ref)
	if of == nil || slices.Contains(r.within, of) {
		return schema.Type{}
	}
	r.within = append(r.within, of)
	defer func() { r.within = r.within[:len(r.within)-1] }()
	return r.schema(of)
}

// target finds what a $ref leads to, a JSON pointer (RFC 6901) behind a #, and
// reports one that leads nowhere.
func (r *reader) target(ref *value) *value {
	pointer, here := strings.CutPrefix(ref.text, "#")
	if ref.kind != schema.Text || !here {
		r.fault(ref.at, `for example "#/$defs/NAME"`, "a $ref leads to what stands in the same file")
		return nil
	}
	if plain, err := url.PathUnescape(pointer); err == nil {
		pointer = plain
	}
	of := r.root
	if pointer == "" {
		return of
	}
	parts := strings.Split(pointer, "/")
	for _, part := range parts[1:] {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		next := of.member(part)
		if i, err := strconv.Atoi(part); err == nil && of.kind == schema.List && i >= 0 && i < len(of.items) {
			next = of.items[i]
		}
		if of = next; of == nil {
			break
		}
	}
	if of == nil || parts[0] != "" {
		r.fault(ref.at, "", "there is no %s", ref.text)
		return nil
	}
	return of
}

// doc is what a schema says of itself, or what the one says that it refers to.
func (r *reader) doc(v *value) string {
	for range deepest {
		for _, keyword := range []string{"description", "title"} {
			if text := v.member(keyword); text != nil && text.text != "" {
				return text.text
			}
		}
		ref := v.member("$ref")
		if ref == nil {
			return ""
		}
		if v = r.target(ref); v == nil {
			return ""
		}
	}
	return ""
}
