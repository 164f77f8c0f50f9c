// Package editor makes what editors need to help with the files that people
// write: JSON Schemas of rule files and of vertigo.toml, with a description of
// each key. It holds those of the configuration; those of rule files are the
// [rules.Key]s. The reference in docs/ is made of the same tables.
//
// A schema tells of keys and kinds of values. What an expression means, and
// which names there are, "vertigo check" says.
package editor

import (
	"encoding/json"
	"regexp"
)

// draft4 is what taplo reads, and so the editors that use it.
const draft4 = "http://json-schema.org/draft-04/schema#"

// A Schema is a JSON Schema of draft 4, as far as it is needed here.
type Schema struct {
	Schema               string             `json:"$schema,omitempty"`
	Ref                  string             `json:"$ref,omitempty"`
	Title                string             `json:"title,omitempty"`
	Description          string             `json:"description,omitempty"`
	Type                 any                `json:"type,omitempty"` // a text, or a list of them
	Enum                 []string           `json:"enum,omitempty"`
	Default              any                `json:"default,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Minimum              *int               `json:"minimum,omitempty"`
	Items                *Schema            `json:"items,omitempty"`
	Required             []string           `json:"required,omitempty"`
	Properties           map[string]*Schema `json:"properties,omitempty"`
	PatternProperties    map[string]*Schema `json:"patternProperties,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"` // false, or a *Schema
	AnyOf                []*Schema          `json:"anyOf,omitempty"`
	Definitions          map[string]*Schema `json:"definitions,omitempty"`
	Taplo                *extension         `json:"x-taplo,omitempty"`
}

// An extension is what taplo understands beside JSON Schema: its documentation,
// "Developing Schemas".
type extension struct {
	Docs extensionDocs `json:"docs"`
}

type extensionDocs struct {
	EnumValues []string `json:"enumValues"` // what is said of each item of enum
}

// JSON writes the schema, a line for each key: the same each time.
func (s *Schema) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

// A Name is a word that may stand somewhere, and what is said of it.
type Name struct {
	Name, Doc string
}

// oneOf is any text, of which some are known.
func oneOf(known []Name) *Schema {
	s := &Schema{Taplo: &extension{}}
	for _, n := range known {
		s.Enum = append(s.Enum, n.Name)
		s.Taplo.Docs.EnumValues = append(s.Taplo.Docs.EnumValues, n.Doc)
	}
	return s
}

// suggest offers values for the keys of a table, and allows any other. They
// stand beside the properties, since taplo lists a key once for each alternative
// that a property has.
func (s *Schema) suggest(key string, values *Schema) {
	if s.PatternProperties == nil {
		s.PatternProperties = map[string]*Schema{}
	}
	s.PatternProperties[patternOf(key)] = &Schema{AnyOf: []*Schema{s.Properties[key].shape(), values}}
}

// patternOf is a regular expression for a key alone.
func patternOf(key string) string { return "^" + regexp.QuoteMeta(key) + "$" }

// shape is a schema without what it says.
func (s *Schema) shape() *Schema { return &Schema{Type: s.Type} }

var link = regexp.MustCompile(`\[([^\]]+)\]\(#[^)]*\)`)

// plain is a text of the reference without links into it.
func plain(doc string) string { return link.ReplaceAllString(doc, "$1") }
