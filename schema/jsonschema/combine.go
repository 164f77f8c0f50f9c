package jsonschema

import (
	"slices"

	"vertigo/schema"
)

// both gives what holds of a value that is of both types; not ok if no value is.
func both(a, b schema.Type) (t schema.Type, ok bool) {
	switch {
	case a.Kind == null && b.Kind == 0:
		return a, true
	case b.Kind == null && a.Kind == 0:
		return b, true
	}
	t = schema.Type{Kind: a.Kind & b.Kind, Open: a.Open || b.Open}
	switch {
	case a.Kind == 0:
		t.Kind = b.Kind
	case b.Kind == 0:
		t.Kind = a.Kind
	case t.Kind == 0:
		return a, false
	}
	t.Values = a.Values
	switch {
	case len(a.Values) == 0:
		t.Values = b.Values
	case len(b.Values) > 0:
		t.Values = slices.DeleteFunc(slices.Clone(a.Values), func(v string) bool { return !slices.Contains(b.Values, v) })
		if len(t.Values) == 0 {
			return a, false
		}
	}
	t.Each = a.Each
	if t.Each == nil {
		t.Each = b.Each
	} else if b.Each != nil {
		each, fits := both(*a.Each, *b.Each)
		if !fits {
			return a, false
		}
		t.Each = &each
	}
	t.Fields = slices.Clone(a.Fields)
	for _, f := range b.Fields {
		i := indexOf(t.Fields, f.Name)
		if i < 0 {
			t.Fields = append(t.Fields, f)
			continue
		}
		of, fits := both(t.Fields[i].Type, f.Type)
		if !fits {
			return a, false
		}
		t.Fields[i].Type = of
		t.Fields[i].Required = t.Fields[i].Required || f.Required
		if t.Fields[i].Doc == "" {
			t.Fields[i].Doc = f.Doc
		}
	}
	return t, true
}

// either gives what holds of a value that is of one of the types.
func either(a, b schema.Type) schema.Type {
	t := schema.Type{Kind: a.Kinds() | b.Kinds(), Open: a.Open || b.Open}
	t.Values, t.Open = eitherText(a, b, t.Open)
	if aList, bList := a.Kinds()&schema.List != 0, b.Kinds()&schema.List != 0; (aList || bList) && t.Kind&schema.Object == 0 {
		t.Each = eitherItem(a, b, aList, bList)
	}
	if t.Kind&schema.Object != 0 {
		eitherTable(&t, a, b)
	}
	return t
}

// eitherText gives the texts that either type has; open, if one of them may be
// any text.
func eitherText(a, b schema.Type, open bool) ([]string, bool) {
	aText, bText := a.Kinds()&schema.Text != 0, b.Kinds()&schema.Text != 0
	values := slices.Clone(a.Values)
	for _, v := range b.Values {
		if !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	if len(values) > 0 && aText && bText && (len(a.Values) == 0 || len(b.Values) == 0) {
		open = true
	}
	return values, open
}

func eitherItem(a, b schema.Type, aList, bList bool) *schema.Type {
	switch {
	case !bList:
		return a.Each
	case !aList:
		return b.Each
	case a.Each == nil || b.Each == nil:
		return nil
	}
	each := either(*a.Each, *b.Each)
	return &each
}

// eitherTable gives t the fields that either type has. Required are those that
// every object of them must have.
func eitherTable(t *schema.Type, a, b schema.Type) {
	tables := slices.DeleteFunc([]schema.Type{a, b}, func(of schema.Type) bool { return of.Kinds()&schema.Object == 0 })
	var each []schema.Type
	for _, of := range tables {
		t.Open = t.Open || of.IsFree()
		if of.Each != nil {
			each = append(each, *of.Each)
		}
		for _, f := range of.Fields {
			i := indexOf(t.Fields, f.Name)
			if i < 0 {
				f.Required = needed(tables, f.Name)
				t.Fields = append(t.Fields, f)
				continue
			}
			t.Fields[i].Type = either(t.Fields[i].Type, f.Type)
			if t.Fields[i].Doc == "" {
				t.Fields[i].Doc = f.Doc
			}
		}
	}
	if t.Open || t.Kind&schema.List != 0 { // it could be anything, or an item of a list
		return
	}
	for i := range each {
		if t.Each == nil {
			t.Each = &each[i]
		} else {
			of := either(*t.Each, each[i])
			t.Each = &of
		}
	}
}

// needed says whether a field is required in all of the tables.
func needed(tables []schema.Type, name string) bool {
	return !slices.ContainsFunc(tables, func(of schema.Type) bool {
		i := indexOf(of.Fields, name)
		return i < 0 || !of.Fields[i].Required
	})
}

func indexOf(fields []schema.Field, name string) int {
	return slices.IndexFunc(fields, func(f schema.Field) bool { return f.Name == name })
}
