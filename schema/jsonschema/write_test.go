package jsonschema

import (
	"reflect"
	"strings"
	"testing"

	"vertigo/schema"
)

// What is written down is read as the same.
func TestWrite(t *testing.T) {
	text, number := schema.Of(schema.Text), schema.Of(schema.Number)
	table := schema.Table(
		schema.Need("event", schema.One("ring"), "What <it> is & why."),
		schema.May("known", schema.Known("a", "b"), ""),
		schema.May("mixed", schema.Type{Kind: schema.Text | schema.Number | schema.Bool, Values: []string{"a"}}, ""),
		schema.May("list", schema.ListOf(schema.Table(schema.Need("a", text, ""), schema.May("b", schema.Type{}, ""))), ""),
		schema.May("open", schema.Table(schema.May("a", number, "")).Opened(), ""),
		schema.May("map", schema.MapOf(number), ""),
		schema.May("either", schema.Type{Kind: schema.Text | schema.Object, Fields: []schema.Field{schema.Need("a", text, "")}}, ""),
	)
	failed, taken := schema.Table(schema.Need("error", text, "")), schema.Of(schema.Object)
	set := &schema.Set{
		Messages: []schema.Message{{Type: "ring", Doc: "It rings.", In: &table}, {Type: "open", In: &taken, Out: &table}},
		Error:    &failed, Answers: []schema.Answer{{Suffix: ".ack", Type: &taken}},
	}
	written := string(Write("A door", set))
	got := mustRead(t, written)
	if !reflect.DeepEqual(normalSet(got), normalSet(set)) {
		t.Errorf("%s\nis read as %+v", written, got)
	}
	for line := range strings.Lines(written) {
		if len(strings.TrimRight(line, "\n")) > widest+1 {
			t.Errorf("it is too long: %s", line)
		}
	}
	for _, want := range []string{`What <it> is & why.`, `"map": {"type": "object", "additionalProperties": {"type": "number"}}`, "\n      \"required\": [\"event\"],\n"} {
		if !strings.Contains(written, want) {
			t.Errorf("%s\nhas no %s", written, want)
		}
	}
}

func normalSet(s *schema.Set) *schema.Set {
	var all schema.Set
	of := func(t *schema.Type) *schema.Type {
		if t == nil {
			return nil
		}
		n := normal(*t)
		return &n
	}
	for _, m := range s.Messages {
		m.In, m.Out = of(m.In), of(m.Out)
		all.Messages = append(all.Messages, m)
	}
	all.OK, all.Error = of(s.OK), of(s.Error)
	for _, a := range s.Answers {
		all.Answers = append(all.Answers, schema.Answer{Suffix: a.Suffix, Type: of(a.Type)})
	}
	return &all
}
