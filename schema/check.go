package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
)

// A Fault is where a value is not what its type says.
type Fault struct {
	Path string // "content.offer.sdp"; "" for the value itself
	Msg  string
}

// String gives the path and what is wrong there.
func (f Fault) String() string {
	if f.Path == "" {
		return f.Msg
	}
	return f.Path + ": " + f.Msg
}

// Check tells all that is wrong with a JSON value as encoding/json decodes it
// into an any: fields that are missing or of another kind, values that there are
// not, and fields that nobody has declared.
func (t *Type) Check(v any) []Fault { return t.check("", v, nil) }

func (t *Type) check(at string, v any, faults []Fault) []Fault {
	if v == nil {
		return faults
	}
	kind := kindOf(v)
	if t.Kinds()&kind == 0 {
		return append(faults, Fault{at, fmt.Sprintf("expected %s, found %s", t.Kinds(), kind)})
	}
	switch v := v.(type) {
	case string:
		if !t.Allows(v) {
			faults = append(faults, Fault{at, fmt.Sprintf("there is no %q", v)})
		}
	case []any:
		for i, item := range v {
			if t.Each != nil && t.Kind == List {
				faults = t.Each.check(join(at, strconv.Itoa(i)), item, faults)
			}
		}
	case map[string]any:
		faults = t.checkFields(at, v, faults)
	}
	return faults
}

func (t *Type) checkFields(at string, v map[string]any, faults []Fault) []Fault {
	for _, f := range t.Fields {
		if f.Required && v[f.Name] == nil {
			faults = append(faults, Fault{join(at, f.Name), "missing"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		field, known := t.Field(name)
		switch {
		case field != nil:
			faults = field.check(join(at, name), v[name], faults)
		case !known && !t.Open:
			faults = append(faults, Fault{join(at, name), "not declared"})
		}
	}
	return faults
}

func kindOf(v any) Kind {
	switch v := v.(type) {
	case string:
		return Text
	case bool:
		return Bool
	case []any:
		return List
	case map[string]any:
		return Object
	case float64:
		if v == float64(int64(v)) {
			return Integer
		}
	case json.Number:
		if n, ok := new(big.Rat).SetString(v.String()); ok && n.IsInt() {
			return Integer
		}
	}
	return Fraction
}

// join adds a name to a path, as an expression would.
func join(at, name string) string {
	switch {
	case at == "":
		return name
	case isOwn(name):
		return fmt.Sprintf("%s[%q]", at, name)
	}
	return at + "." + name
}
