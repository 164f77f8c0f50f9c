package jsonschema

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"vertigo/schema"
)

func mustRead(t *testing.T, text string) *schema.Set {
	t.Helper()
	set, err := Read("door.schema.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

const door = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "The messages of a door",
  "$defs": {
    "in ring": {
      "description": "Somebody is at the door.",
      "type": "object",
      "required": ["event", "door"],
      "properties": {
        "event": {"const": "ring"},
        "door": {"$ref": "#/$defs/door", "description": "Which door it is."},
        "lights": {"type": "array", "items": {"enum": ["on", "off", null]}}
      }
    },
    "in state": {"description": "It has a state.", "$ref": "#/$defs/in%20ring"},
    "out state": {"description": "Asks for it.", "type": "object"},
    "out open": {"title": "Opens it.", "type": "object", "properties": {"for": {"type": "integer", "minimum": 1}}},
    "in key.*": {"type": "object"},
    "in *.error": {"type": "object", "properties": {"reason": {"type": "string"}}},
    "in *.ok": {"type": "object"},
    "in *.ack": {"type": "object"},
    "door": {"type": ["string", "null"], "description": "A door.", "pattern": "^[a-z]+$"}
  }
}`

func TestMessages(t *testing.T) {
	set := mustRead(t, door)
	ring := schema.Table(
		schema.Need("event", schema.One("ring"), ""),
		schema.Need("door", schema.Of(schema.Text), "Which door it is."),
		schema.May("lights", schema.ListOf(schema.One("on", "off")), ""),
	)
	for typ, want := range map[string]*schema.Type{"ring": &ring, "state": &ring} {
		if got := set.In(typ); !reflect.DeepEqual(got, want) {
			t.Errorf("%s comes as %+v", typ, got)
		}
	}
	docs := map[string]string{}
	for _, m := range set.Messages {
		docs[m.Type] = m.Doc
	}
	for typ, want := range map[string]string{
		"ring": "Somebody is at the door.", "state": "Comes: It has a state. Sent: Asks for it.", "open": "Opens it.", "key.*": "",
	} {
		if got, there := docs[typ]; !there || got != want {
			t.Errorf("%s is %q", typ, got)
		}
	}
	for typ, want := range map[string]bool{
		"ring": true, "open": false, "key.5": true, "open.error": true, "open.ok": true, "open.ack": true, "open.success": false, "ring.ok": false,
	} {
		if (set.In(typ) != nil) != want {
			t.Errorf("%s comes: %v", typ, !want)
		}
	}
	if set.Out("open") == nil || set.Out("ring") != nil {
		t.Error("what can be sent is not what was declared")
	}
}

// Each type is read as the field x of a message, and shown as Check sees it.
func TestTypes(t *testing.T) {
	number, text := schema.Of(schema.Number), schema.Of(schema.Text)
	for _, tt := range []struct {
		text string
		want schema.Type
	}{
		{`true`, schema.Type{}},
		{`{}`, schema.Type{}},
		{`{"type": "null"}`, schema.Type{}},
		{`{"const": null}`, schema.Type{}},
		{`{"type": ["string", "integer", "null"]}`, schema.Of(schema.Text | schema.Integer)},
		{`{"type": "number", "minimum": 3}`, number},
		{`{"enum": ["a", "b"]}`, schema.One("a", "b")},
		{`{"enum": ["a", 1, true, null]}`, schema.Type{Kind: schema.Text | schema.Number | schema.Bool, Values: []string{"a"}}},
		{`{"type": "string", "enum": ["a", 1]}`, schema.One("a")},
		{`{"type": "array"}`, schema.Of(schema.List)},
		{`{"items": {"type": "string"}}`, schema.ListOf(text)},
		{`{"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false}`, schema.ListOf(schema.Of(schema.Text | schema.Integer))},
		{`{"type": "array", "items": [{"type": "string"}, {"type": "null"}]}`, schema.ListOf(text)},
		{`{"type": "object"}`, schema.Of(schema.Object)},
		{`{"type": "object", "additionalProperties": true}`, schema.Of(schema.Object).Opened()},
		{`{"type": "object", "additionalProperties": {"type": "number"}}`, schema.MapOf(number)},
		{`{"type": "object", "additionalProperties": {}}`, schema.Of(schema.Object).Opened()},
		{`{"properties": {"a": {"type": "string"}}}`, schema.Table(schema.May("a", text, ""))},
		{`{"properties": {"a": {"type": "string"}, "b": false}, "additionalProperties": true}`, schema.Table(schema.May("a", text, "")).Opened()},
		{`{"patternProperties": {"^x_": {"type": "string"}, "^y_.*": {"type": "number"}}}`, schema.Table(schema.May("x_*", text, ""), schema.May("y_*", number, ""))},
		{`{"patternProperties": {"[0-9]+$": {"type": "string"}}, "properties": {"a": {"type": "string"}}}`, schema.Table(schema.May("a", text, "")).Opened()},
		{`{"required": ["a"]}`, schema.Table(schema.Need("a", schema.Type{}, ""))},
		{`{"allOf": [{"properties": {"a": {"type": ["string", "number"]}}}, {"required": ["a"], "properties": {"a": {"type": "string", "description": "A."}, "b": {}}}]}`,
			schema.Table(schema.Need("a", text, "A."), schema.May("b", schema.Type{}, ""))},
		{`{"anyOf": [{"enum": ["a", "b"]}, {"type": "string"}]}`, schema.Known("a", "b")},
		{`{"anyOf": [{"enum": ["a"]}, {"enum": ["b", "a"]}, {"type": "null"}]}`, schema.One("a", "b")},
		{`{"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "number"}}]}`, schema.Type{Kind: schema.Text | schema.List, Each: &number}},
		{`{"oneOf": [{"type": "array", "items": {"type": "number"}}, {"type": "array"}]}`, schema.Of(schema.List)},
		{`{"oneOf": [{"type": "array", "items": {"type": "number"}}, {"type": "array", "items": {"type": "string"}}]}`, schema.ListOf(schema.Of(schema.Number | schema.Text))},
		{`{"oneOf": [
			{"required": ["a", "b"], "properties": {"a": {"type": "string", "description": "A."}, "b": {"type": "string"}}},
			{"required": ["a", "c"], "properties": {"a": {"type": "number"}, "c": {"type": "string"}}}]}`,
			schema.Table(schema.Need("a", schema.Of(schema.Text|schema.Number), "A."), schema.May("b", text, ""), schema.May("c", text, ""))},
		{`{"oneOf": [{"properties": {"a": {"type": "string"}}}, {"type": "object"}]}`, schema.Table(schema.May("a", text, "")).Opened()},
		{`{"oneOf": [{"additionalProperties": {"type": "string"}}, {"additionalProperties": {"type": "number"}}]}`, schema.MapOf(schema.Of(schema.Text | schema.Number))},
		{`{"oneOf": [{"type": "array", "items": {"type": "string"}}, {"properties": {"a": {"type": "string"}}}]}`,
			schema.Type{Kind: schema.List | schema.Object, Fields: []schema.Field{schema.May("a", text, "")}}},
		{`{"type": ["string", "object"], "properties": {"a": {"type": "string"}}}`, schema.Type{Kind: schema.Text | schema.Object, Fields: []schema.Field{schema.May("a", text, "")}}},
		{`{"type": ["string", "array"], "items": {"type": "number"}}`, schema.Type{Kind: schema.Text | schema.List, Each: &number}},
		{`{"type": ["array", "object"], "items": {"type": "number"}, "additionalProperties": {"type": "string"}}`, schema.Type{Kind: schema.List | schema.Object, Each: &text}},
		{`{"$ref": "#/$defs/tree"}`, schema.Table(schema.May("below", schema.ListOf(schema.Type{}), ""))},
		{`{"$ref": "#/$defs/a~1b%7E0/items"}`, text},
		{`{"$ref": "#/$defs/list/prefixItems/1"}`, number},
		{`{"type": "string", "x-unit": "s", "format": "date", "not": {"const": ""}}`, text},
	} {
		set := mustRead(t, fmt.Sprintf(`{"$defs": {
			"in m": {"properties": {"x": %s}},
			"tree": {"properties": {"below": {"items": {"$ref": "#/$defs/tree"}}}},
			"list": {"prefixItems": [{"type": "string"}, {"type": "number"}]},
			"a/b~": {"items": {"type": "string"}}}}`, tt.text))
		got := *set.In("m")
		if want := schema.Table(schema.May("x", tt.want, "")); !reflect.DeepEqual(normal(got), normal(want)) {
			t.Errorf("%s\n is %+v\nnot %+v", tt.text, got, want)
		}
	}
}

// normal gives a type in which no list is empty, and anything is no kind.
func normal(t schema.Type) schema.Type {
	if t.Kind == schema.Any {
		t.Kind = 0
	}
	var fields []schema.Field
	for _, f := range t.Fields {
		f.Type = normal(f.Type)
		fields = append(fields, f)
	}
	t.Fields = fields
	if t.Each != nil {
		each := normal(*t.Each)
		t.Each = &each
	}
	if len(t.Values) == 0 {
		t.Values = nil
	}
	return t
}

func TestFaults(t *testing.T) {
	field := func(of string) string { return `{"$defs": {"in m": {"properties": {"x": ` + of + `}}}}` }
	many := `{"$defs": {"in m": {"$ref": "#/$defs/d0"}, "d30": {}`
	for i := range 30 {
		many += fmt.Sprintf(`, "d%d": {"properties": {"a": {"$ref": "#/$defs/d%d"}, "b": {"$ref": "#/$defs/d%[2]d"}}}`, i, i+1)
	}
	for text, want := range map[string]string{
		``:                                       `1:1: not JSON: it ends too early`,
		"{\n  \"a\" 1}":                          `2:7: not JSON: invalid character '1' after object key`,
		`{} {}`:                                  `1:4: not JSON: something stands behind its end`,
		`{"$defs": {"a": {}, "a": {}}}`:          `1:21: not JSON: the name a stands there twice`,
		strings.Repeat("[", 300):                 `1:201: not JSON: too many objects stand in each other`,
		`[]`:                                     `1:1: a schema file is an object, and this is a list`,
		`{}`:                                     `1:1: no message is declared under $defs`,
		`{"messages": {}}`:                       `1:2: "messages" is no keyword of JSON Schema`,
		`{"$defs": []}`:                          `1:11: $defs is an object: a name, and a schema for each`,
		`{"$defs": {"in ": {}}}`:                 `1:12: "in " names no type of message`,
		`{"$defs": {"in a b": {}}}`:              `1:12: "in a b" names no type of message`,
		`{"$defs": {"in a*b": {}}}`:              `1:12: "in a*b" has a star where none can be`,
		`{"$defs": {"out *.error": {}}}`:         `1:12: "out *.error": answers come, and are not sent`,
		`{"$defs": {"in m": {"type": "text"}}}`:  `1:29: this is no type`,
		`{"$defs": {"in m": {"type": "array"}}}`: `1:12: a message is an object`,
		`{"$defs": {"in m": 5}}`:                 `1:20: a schema is an object, or true`,
		`{"$defs": {"in m": {}, "x": {"if": {}}}}`:             `1:30: "if" is not read here`,
		field(`{"requierd": []}`):                              `1:42: "requierd" is no keyword of JSON Schema`,
		field(`{"required": true}`):                            `1:54: required is a list of names, beside properties`,
		field(`{"required": [1]}`):                             `1:55: required is a list of names, beside properties`,
		field(`{"enum": []}`):                                  `1:50: enum is a list of values`,
		field(`{"$ref": "other.json"}`):                        `1:50: a $ref leads to what stands in the same file`,
		field(`{"$ref": "#/$defs/no"}`):                        `1:50: there is no #/$defs/no`,
		field(`{"$ref": "#name"}`):                             `1:50: there is no #name`,
		field(`{"type": "string", "items": {}}`):               `1:41: this cannot be text and a list at once`,
		field(`{"type": "null", "const": "a"}`):                `1:41: this cannot be null and text at once`,
		field(`{"allOf": [{"enum": ["a"]}, {"enum": ["b"]}]}`): `1:41: this cannot be text and text at once`,
		many + "}}": `the schemas refer to each other so often`,
	} {
		set, err := Read("s", []byte(text))
		var faults *Faults
		if set != nil || !errors.As(err, &faults) {
			t.Errorf("%s is taken", text)
			continue
		}
		if got := err.Error(); !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%.80s\n gives %s\nnot   %s", text, got, want)
		}
	}
}

func TestFaultsInOrder(t *testing.T) {
	_, err := Read("s", []byte("{\"$defs\": {\n\t\"in b\": {\"$ref\": \"#/$defs/d\"},\r\n\t\"in a\": {\"$ref\": \"#/$defs/d\"},\n\t\"d\": {\"type\": \"ä\", \"tipe\": 1}}}"))
	var faults *Faults
	if !errors.As(err, &faults) || len(faults.List) != 2 {
		t.Fatal(err)
	}
	if got := err.Error(); got != "s:4:16: this is no type\ns:4:21: \"tipe\" is no keyword of JSON Schema" {
		t.Error(got)
	}
	if source := faults.List[0].Source; source != "\t\"d\": {\"type\": \"ä\", \"tipe\": 1}}}" {
		t.Errorf("the line is %q", source)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(door)
	f.Add(`{"$defs": {"in m": {"$ref": "#"}, "out m": {"oneOf": [{"$ref": "#/$defs/in m"}, {"items": [{}]}]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		set, err := Read("s", []byte(text))
		var faults *Faults
		switch {
		case (set == nil) != (err != nil):
			t.Fatalf("%v and %v", set, err)
		case err == nil:
		case !errors.As(err, &faults) || len(faults.List) == 0:
			t.Fatal(err)
		}
	})
}
