// Package schema says what messages look like: which fields they have, of which
// kind, and what each of them means.
//
// A transport declares its messages with it, once; rules are checked against
// that, the documentation is made of it, and captures are held to it. The package
// knows no protocol and no rule, and nothing is refused at run time because of a
// schema: peers may say what they like.
package schema

import (
	"slices"
	"strings"
)

// A Kind is a kind of JSON value, or a choice of several.
type Kind uint8

// The kinds. A null is as good as no value, so it is none of them.
const (
	Text Kind = 1 << iota
	Integer
	Fraction // a number that is not whole
	Bool
	List
	Object

	Number = Integer | Fraction
	Any    = Text | Number | Bool | List | Object
)

var kindWords = []struct {
	kind Kind
	word string
}{
	{Any, "anything"}, {Text, "text"}, {Number, "a number"}, {Integer, "a whole number"}, {Fraction, "a number"},
	{Bool, "true or false"}, {List, "a list"}, {Object, "a table"},
}

// String names the kind as messages to people do: "text or a whole number".
func (k Kind) String() string {
	var words []string
	for _, w := range kindWords {
		if k&w.kind == w.kind {
			words = append(words, w.word)
			k &^= w.kind
		}
	}
	if len(words) == 0 {
		return "nil"
	}
	return strings.Join(words, " or ")
}

// A Type is what a value looks like. The zero Type stands for anything.
type Type struct {
	Kind   Kind     // 0: Any
	Values []string // of text: the values that there are; none: any text
	Fields []Field  // of an object
	Each   *Type    // of a list: its items; of an object: whatever stands under a key that is no field, so that any key may
	Open   bool     // there may be other values than Values, other fields than Fields
}

// A Field is a field of an object.
type Field struct {
	Name     string
	Type     Type
	Required bool   // a message without it is not what its receiver takes
	Doc      string // one sentence
	Source   string // where it comes from, or which version has it, if that is not plain: "MSC2746"
}

// Of is a value of that kind.
func Of(k Kind) Type { return Type{Kind: k} }

// One is text that has one of those values.
func One(values ...string) Type { return Type{Kind: Text, Values: values} }

// Known is text that mostly has one of those values.
func Known(values ...string) Type { return Type{Kind: Text, Values: values, Open: true} }

// ListOf is a list of such items.
func ListOf(t Type) Type { return Type{Kind: List, Each: &t} }

// MapOf is an object with any keys, each with such a value.
func MapOf(t Type) Type { return Type{Kind: Object, Each: &t} }

// Table is an object with those fields.
func Table(fields ...Field) Type { return Type{Kind: Object, Fields: fields} }

// Need is a field that must be there.
func Need(name string, t Type, doc string) Field {
	return Field{Name: name, Type: t, Required: true, Doc: doc}
}

// May is a field that may be there.
func May(name string, t Type, doc string) Field { return Field{Name: name, Type: t, Doc: doc} }

// From says where the field comes from.
func (f Field) From(source string) Field {
	f.Source = source
	return f
}

// Opened is t with others than its values, or than its fields.
func (t Type) Opened() Type {
	t.Open = true
	return t
}

// Kinds gives the kinds that a value may have.
func (t *Type) Kinds() Kind {
	if t.Kind == 0 {
		return Any
	}
	return t.Kind
}

// IsFree tells a type of which no field, item or value is known.
func (t *Type) IsFree() bool {
	return len(t.Fields) == 0 && t.Each == nil && t.Kinds()&(List|Object) != 0
}

// Field gives the type of what stands under a key of an object. It is nil where
// the key is not known; known says whether it may be there all the same.
func (t *Type) Field(name string) (found *Type, known bool) {
	for i := range t.Fields {
		if matches(t.Fields[i].Name, name) {
			return &t.Fields[i].Type, true
		}
	}
	switch {
	case t.Kinds()&Object == 0:
		return nil, false
	case t.Each != nil:
		return t.Each, true
	}
	return nil, t.IsFree() || isOwn(name)
}

// isOwn tells a key that somebody has added: with a dot in it, as vendors name
// what is theirs.
func isOwn(name string) bool { return strings.Contains(name, ".") }

// Names lists the fields of an object, but for patterns of names.
func (t *Type) Names() []string {
	var names []string
	for _, f := range t.Fields {
		if !isPattern(f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

// Allows says whether text of that value is one of those that there may be.
func (t *Type) Allows(value string) bool {
	return len(t.Values) == 0 || t.Open || slices.Contains(t.Values, value)
}

// isPattern tells the name of a family: one that ends in a star.
func isPattern(name string) bool { return strings.HasSuffix(name, "*") }

// matches compares a name with that of a declaration, which may be a family's.
func matches(declared, name string) bool {
	if family, ok := strings.CutSuffix(declared, "*"); ok {
		return strings.HasPrefix(name, family)
	}
	return declared == name
}
