package infer

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"

	"vertigo/schema"
)

const (
	deepest    = 32 // of what stands deeper nothing is said
	mostFields = 64 // an object with more keys than these is a map
	mostValues = 12 // text with more values than these has any
	often      = 3  // so many times as there are values they came, on average
)

// A sketch is what is known of a value that was seen several times. A null is as
// good as no value.
type sketch struct {
	kinds schema.Kind
	count int // how often it was there
	table int // of a field: the number of the object that it was seen in last

	names  []string // of the fields of an object, in order
	fields map[string]*sketch
	tables int     // how often it was an object
	bag    *sketch // what stands under any key, where the keys are no names of fields
	items  *sketch // of a list

	values []string       // texts, in the order in which they were first seen
	times  map[string]int // how often each came
	free   bool           // it can be any text
	marks  bool           // its values tell the types of messages
	given  bool           // the transport adds it
}

func (s *sketch) add(v gjson.Result, depth int) {
	if v.Type == gjson.Null {
		return
	}
	s.count++
	switch {
	case v.Type == gjson.String:
		s.kinds |= schema.Text
		s.addText(v.Str, 1)
	case v.Type == gjson.Number:
		s.kinds |= schema.Integer
		if strings.ContainsAny(v.Raw, ".eE") {
			s.kinds |= schema.Fraction
		}
	case v.IsBool():
		s.kinds |= schema.Bool
	case depth == deepest:
		s.kinds |= schema.Any
	case v.IsArray():
		s.kinds |= schema.List
		v.ForEach(func(_, item gjson.Result) bool {
			if s.items == nil {
				s.items = &sketch{}
			}
			s.items.add(item, depth+1)
			return true
		})
	default:
		s.kinds |= schema.Object
		s.tables++
		v.ForEach(func(name, of gjson.Result) bool {
			field := s.under(name.String())
			counted := field.count
			field.add(of, depth+1)
			if field.count > counted && field.table == s.tables { // it stands there twice
				field.count--
			}
			field.table = s.tables
			return true
		})
	}
}

// fieldName matches keys that are names. Others may be numbers of telephones, or
// ids, and so are never written down.
var fieldName = regexp.MustCompile(`^[A-Za-z_@$][A-Za-z_.:$-]*[0-9]{0,3}[A-Za-z_.:$-]*$`)

const longestName = 40

// under gives what is known of what stands under a key.
func (s *sketch) under(name string) *sketch {
	if s.bag == nil && (len(s.names) == mostFields && s.fields[name] == nil || len(name) > longestName || !fieldName.MatchString(name)) {
		s.bag = &sketch{}
		for _, name := range s.names {
			s.bag.join(s.fields[name])
		}
		s.names, s.fields = nil, nil
	}
	if s.bag != nil {
		return s.bag
	}
	if s.fields == nil {
		s.fields = map[string]*sketch{}
	}
	of := s.fields[name]
	if of == nil {
		of = &sketch{free: isPersonal(name)}
		s.fields[name] = of
		s.names = append(s.names, name)
	}
	return of
}

// join adds what is known of another value, which is the same kind of thing.
func (s *sketch) join(other *sketch) {
	s.kinds |= other.kinds
	s.count += other.count
	s.tables += other.tables
	s.free = s.free || other.free
	for _, v := range other.values {
		s.addText(v, other.times[v])
	}
	for _, name := range other.names {
		s.under(name).join(other.fields[name])
	}
	s.bag = joined(s.bag, other.bag)
	s.items = joined(s.items, other.items)
}

func joined(a, b *sketch) *sketch {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	a.join(b)
	return a
}

// at gives what is known of what stands at a path; nil if nothing does.
func (s *sketch) at(path string) *sketch {
	for name := range strings.SplitSeq(path, ".") {
		if s = s.fields[name]; s == nil {
			return nil
		}
	}
	return s
}

// distinguish notes the fields that tell the types of messages.
func (s *sketch) distinguish(paths []string) {
	for _, path := range paths {
		if of := s.at(path); of != nil {
			of.marks = true
		}
	}
}

// typ is the type of all that was seen.
func (s *sketch) typ() schema.Type {
	t := schema.Type{Kind: s.kinds, Values: s.words()}
	if s.kinds == schema.Any {
		return schema.Type{}
	}
	if s.bag != nil {
		each := s.bag.typ()
		t.Each = &each
	}
	for _, name := range s.names {
		f := s.fields[name]
		t.Fields = append(t.Fields, schema.Field{Name: name, Type: f.typ(), Required: f.count == s.tables && !f.given})
	}
	if s.items != nil && s.kinds&schema.Object == 0 {
		each := s.items.typ()
		t.Each = &each
	}
	return t
}
