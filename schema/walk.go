package schema

import "strings"

// Walk calls visit for each field of t, and for those within it, in the order in
// which they were declared. The path has dots in it, [] for the items of a list
// and * for any key: "candidates[].sdpMid".
func (t *Type) Walk(visit func(path string, f *Field)) { t.walk("", visit) }

func (t *Type) walk(at string, visit func(string, *Field)) {
	for i := range t.Fields {
		f := &t.Fields[i]
		path := join(at, f.Name)
		visit(path, f)
		f.Type.walk(path, visit)
	}
	switch {
	case t.Each == nil:
	case t.Kind == List:
		t.Each.walk(at+"[]", visit)
	default:
		t.Each.walk(join(at, "*"), visit)
	}
}

// Below finds a field of that name in the objects within t, and gives its path;
// "" if there is none.
func (t *Type) Below(name string) string {
	found := ""
	t.Walk(func(path string, _ *Field) {
		if found == "" && strings.HasSuffix(path, "."+name) && !strings.ContainsAny(path, "[*") {
			found = path
		}
	})
	return found
}
