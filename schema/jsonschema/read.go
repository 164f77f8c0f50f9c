// Package jsonschema reads what a user says of the messages of a peer, a JSON
// Schema file, as a [schema.Set], and writes such a file.
//
// It takes the subset of JSON Schema (draft 7 and 2020-12) that says which fields
// there are, of which kind, and which are required; docs/schemas.md tells it.
// Whatever only narrows a value (minLength, pattern, format) is let be: nothing is
// refused at run time because of a schema.
package jsonschema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vertigo/schema"
)

// A Fault is something in a schema file that cannot be used.
type Fault struct {
	Line, Col int // from 1
	Msg       string
	Hint      string // what to try next; empty when there is nothing useful to say
	Source    string // the line
}

// Faults are all that is wrong with a schema file, in the order of the file.
type Faults struct {
	Name string
	List []Fault
}

// Error gives a line for each fault.
func (f *Faults) Error() string {
	lines := make([]string, len(f.List))
	for i, fault := range f.List {
		lines[i] = fmt.Sprintf("%s:%d:%d: %s", f.Name, fault.Line, fault.Col, fault.Msg)
	}
	return strings.Join(lines, "\n")
}

// Read reads the text of a schema file; name is what faults call it. The error,
// if there is one, is a [*Faults].
func Read(name string, text []byte) (*schema.Set, error) {
	r := &reader{text: string(text)}
	set := r.set()
	if len(r.faults) == 0 {
		return set, nil
	}
	slices.SortStableFunc(r.faults, func(a, b Fault) int { return cmp.Or(a.Line-b.Line, a.Col-b.Col) })
	return nil, &Faults{name, r.faults}
}

// A reader reads one file.
type reader struct {
	text   string
	root   *value
	faults []Fault
	within []*value // the definitions that are being read, so that one within itself is seen
	read   int      // schemas
	tired  bool     // that were too many
}

// fault reports what is wrong at a place in the text.
func (r *reader) fault(at int, hint, format string, args ...any) {
	line, col, source := place(r.text, at)
	f := Fault{line, col, fmt.Sprintf(format, args...), hint, source}
	if !slices.Contains(r.faults, f) { // a definition is read as often as it is referred to
		r.faults = append(r.faults, f)
	}
}

func (r *reader) set() *schema.Set {
	root, err := parse(r.text)
	if err != nil {
		r.fault(err.at, "", "not JSON: %s", err.msg)
		return nil
	}
	r.root = root
	if root.kind != schema.Object {
		r.fault(root.at, "", "a schema file is an object, and this is %s", root.kind)
		return nil
	}
	r.keywords(root)
	set := &schema.Set{}
	messages := map[string]*message{}
	var types []string
	for _, def := range slices.Concat(r.object(root, "$defs"), r.object(root, "definitions")) {
		typ, in, isMessage := messageOf(def.name)
		if !isMessage {
			r.schema(def.value) // what is wrong with it is said, whoever refers to it
			continue
		}
		if !r.isType(def, typ, in) {
			continue
		}
		if messages[typ] == nil {
			messages[typ] = &message{}
			types = append(types, typ)
		}
		messages[typ].add(in, r.message(def), r.doc(def.value))
	}
	for _, typ := range types {
		messages[typ].into(set, typ)
	}
	if len(types) == 0 && len(r.faults) == 0 {
		r.fault(root.at, `a message that comes is called "in TYPE" there, and one that can be sent "out TYPE"`, "no message is declared under $defs")
	}
	return set
}
