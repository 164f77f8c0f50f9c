package jsonschema

import (
	"bytes"
	"encoding/json"
	"strconv"

	"vertigo/schema"
)

const draft = "https://json-schema.org/draft/2020-12/schema"

// Write gives the text of a schema file, which [Read] reads as the same set.
func Write(title string, set *schema.Set) []byte {
	var defs object
	for _, m := range set.Messages {
		if m.In != nil {
			defs.add(comes+m.Type, described(m.Doc, m.In))
		}
		if m.Out != nil {
			defs.add(goes+m.Type, described(m.Doc, m.Out))
		}
	}
	for _, a := range append([]schema.Answer{{Suffix: ".ok", Type: set.OK}, {Suffix: ".error", Type: set.Error}}, set.Answers...) {
		if a.Type != nil {
			defs.add(comes+anything+a.Suffix, described("", a.Type))
		}
	}
	var file object
	file.add("$schema", text(draft))
	file.add("title", text(title))
	file.add("$defs", defs)
	var out bytes.Buffer
	layOut(&out, file, "", 0)
	out.WriteByte('\n')
	return out.Bytes()
}

// A node is a JSON value.
type node interface {
	flat(out *bytes.Buffer) // writes it on one line
}

type (
	text   string
	is     bool
	list   []node
	object []pair
	pair   struct {
		name  string
		value node
	}
)

func (o *object) add(name string, value node) { *o = append(*o, pair{name, value}) }

// described is a type with what it is for.
func described(doc string, t *schema.Type) object {
	var o object
	if doc != "" {
		o.add("description", text(doc))
	}
	return append(o, typed(*t)...)
}

// typed is a type as a schema.
func typed(t schema.Type) object {
	var o object
	kinds := t.Kinds()
	if len(t.Values) > 0 {
		values := object{{"enum", texts(t.Values)}}
		if !t.Open {
			kinds &^= schema.Text
		}
		if kinds == 0 {
			return values
		}
		t.Kind, t.Values = kinds, nil
		o.add("anyOf", list{values, typed(t)})
		return o
	}
	switch names := kindsOf(kinds); {
	case kinds == schema.Any:
	case len(names) == 1:
		o.add("type", text(names[0]))
	default:
		o.add("type", texts(names))
	}
	if t.Each != nil && kinds&schema.Object == 0 {
		o.add("items", typed(*t.Each))
		return o
	}
	var required []string
	var fields object
	for _, f := range t.Fields {
		fields.add(f.Name, described(f.Doc, &f.Type))
		if f.Required {
			required = append(required, f.Name)
		}
	}
	if len(required) > 0 {
		o.add("required", texts(required))
	}
	if len(fields) > 0 {
		o.add("properties", fields)
	}
	switch {
	case t.Each != nil:
		o.add("additionalProperties", typed(*t.Each))
	case t.Open && len(fields) > 0:
		o.add("additionalProperties", is(true))
	}
	return o
}

// kindsOf names kinds as JSON Schema does.
func kindsOf(k schema.Kind) []string {
	var names []string
	for _, name := range []string{"string", "number", "integer", "boolean", "array", "object"} {
		if of := kindNames[name]; k&of == of || of == schema.Number && k&schema.Fraction != 0 {
			names = append(names, name)
			k &^= of
		}
	}
	return names
}

func texts(all []string) list {
	var l list
	for _, s := range all {
		l = append(l, text(s))
	}
	return l
}

func (t text) flat(out *bytes.Buffer) {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(string(t)) // text always has a JSON form
	out.Truncate(out.Len() - 1)
}

func (b is) flat(out *bytes.Buffer) { out.WriteString(strconv.FormatBool(bool(b))) }

func (l list) flat(out *bytes.Buffer) {
	out.WriteByte('[')
	for i, item := range l {
		if i > 0 {
			out.WriteString(", ")
		}
		item.flat(out)
	}
	out.WriteByte(']')
}

func (o object) flat(out *bytes.Buffer) {
	out.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			out.WriteString(", ")
		}
		text(p.name).flat(out)
		out.WriteString(": ")
		p.value.flat(out)
	}
	out.WriteByte('}')
}

// widest is how long a line may be that has all of a list or an object, a comma
// behind it not counted.
const widest = 79

// layOut writes a value: on one line, which is so long already, if that does not
// become too long, else what is in it on lines of its own.
func layOut(out *bytes.Buffer, n node, indent string, long int) {
	start := out.Len()
	n.flat(out)
	if long+out.Len()-start <= widest {
		return
	}
	inner := indent + "  "
	switch n := n.(type) {
	case list:
		out.Truncate(start)
		begin := "["
		for _, item := range n {
			out.WriteString(begin + "\n" + inner)
			layOut(out, item, inner, len(inner))
			begin = ","
		}
		out.WriteString("\n" + indent + "]")
	case object:
		out.Truncate(start)
		begin := "{"
		for _, p := range n {
			out.WriteString(begin + "\n" + inner)
			text(p.name).flat(out)
			out.WriteString(": ")
			layOut(out, p.value, inner, len(inner)+len(p.name)+len(`"": `))
			begin = ","
		}
		out.WriteString("\n" + indent + "}")
	}
}
