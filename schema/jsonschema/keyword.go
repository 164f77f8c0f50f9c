package jsonschema

import (
	"strings"

	"vertigo/schema"
)

// What becomes of a keyword.
type fate int

const (
	unknown fate = iota
	taken        // it is read
	letBe        // it explains, or narrows a value
	refused      // it may say which fields there are, in a way that is not read
)

var keywords = map[string]fate{
	"$ref": taken, "$defs": taken, "definitions": taken, "title": taken, "description": taken,
	"type": taken, "enum": taken, "const": taken, "properties": taken, "patternProperties": taken, "additionalProperties": taken,
	"required": taken, "items": taken, "prefixItems": taken, "oneOf": taken, "anyOf": taken, "allOf": taken,

	"$schema": letBe, "$id": letBe, "$comment": letBe, "$vocabulary": letBe,
	"default": letBe, "examples": letBe, "deprecated": letBe, "readOnly": letBe, "writeOnly": letBe,
	"format": letBe, "contentEncoding": letBe, "contentMediaType": letBe, "contentSchema": letBe,
	"minLength": letBe, "maxLength": letBe, "pattern": letBe,
	"minimum": letBe, "maximum": letBe, "exclusiveMinimum": letBe, "exclusiveMaximum": letBe, "multipleOf": letBe,
	"minItems": letBe, "maxItems": letBe, "uniqueItems": letBe, "additionalItems": letBe,
	"contains": letBe, "minContains": letBe, "maxContains": letBe,
	"minProperties": letBe, "maxProperties": letBe, "propertyNames": letBe, "dependentRequired": letBe, "not": letBe,

	"if": refused, "then": refused, "else": refused, "dependentSchemas": refused, "dependencies": refused,
	"unevaluatedProperties": refused, "unevaluatedItems": refused,
	"$anchor": refused, "$dynamicAnchor": refused, "$dynamicRef": refused, "$recursiveAnchor": refused, "$recursiveRef": refused,
}

// keywords reports keywords of a schema that cannot be followed. Those that begin
// with x- are somebody's own.
func (r *reader) keywords(v *value) {
	for _, m := range v.members {
		switch keywords[m.name] {
		case unknown:
			if !strings.HasPrefix(m.name, "x-") {
				r.fault(m.at, "fields stand under properties; keywords of your own begin with x-", "%q is no keyword of JSON Schema", m.name)
			}
		case refused:
			r.fault(m.at, "say with properties, oneOf and required which fields there are", "%q is not read here", m.name)
		}
	}
}

// object gives the members of what stands under a keyword; none if nothing does.
func (r *reader) object(v *value, keyword string) []member {
	of := v.member(keyword)
	if of == nil {
		return nil
	}
	if of.kind != schema.Object {
		r.fault(of.at, "", "%s is an object: a name, and a schema for each", keyword)
	}
	return of.members
}

// list gives the items of what stands under a keyword; none if nothing does.
func (r *reader) list(v *value, keyword, of string) []*value {
	list := v.member(keyword)
	switch {
	case list == nil:
		return nil
	case list.kind != schema.List || len(list.items) == 0:
		r.fault(list.at, "", "%s is a list of %s", keyword, of)
	}
	return list.items
}
