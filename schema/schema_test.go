package schema

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestKindsInWords(t *testing.T) {
	for kind, want := range map[Kind]string{
		0: "nil", Any: "anything", Text: "text", Integer: "a whole number", Number: "a number", Fraction: "a number",
		Text | Integer: "text or a whole number", List | Bool: "true or false or a list", Object: "a table",
	} {
		if got := kind.String(); got != want {
			t.Errorf("%d is called %q, not %q", kind, got, want)
		}
	}
}

func TestFieldsByName(t *testing.T) {
	things := Table(Need("name", Of(Text), "The name."), May("x_*", Of(Integer), "More."))
	open, bag, free := things.Opened(), MapOf(Of(Bool)), Of(Object)
	for _, tt := range []struct {
		of    Type
		name  string
		kinds Kind // 0: not known
		may   bool
	}{
		{things, "name", Text, true},
		{things, "nam", 0, false},
		{things, "x_1", Integer, true},
		{things, "org.example.x", 0, true},
		{open, "nam", 0, false},
		{bag, "whatever", Bool, true},
		{free, "whatever", 0, true},
		{Type{}, "whatever", 0, true},
		{Of(Text), "whatever", 0, false},
		{ListOf(things), "name", 0, false},
	} {
		got, may := tt.of.Field(tt.name)
		if may != tt.may || (got == nil) != (tt.kinds == 0) || got != nil && got.Kinds() != tt.kinds {
			t.Errorf("%s of %+v: %v, %v", tt.name, tt.of, got, may)
		}
	}
	if got := things.Names(); !slices.Equal(got, []string{"name"}) {
		t.Errorf("names %q", got)
	}
}

// phone is the protocol of a telephone.
func phone() *Set {
	said, rung, key, more, done, failed := Table(May("text", Of(Text), "The text.")), Table(), Table(), Table(), Table(), Table()
	return &Set{
		Messages: []Message{
			{Type: "*", Doc: "Anything.", Out: &more},
			{Type: "phone.ring", Doc: "It rings.", In: &rung},
			{Type: "key.*", Doc: "A key.", In: &key},
			{Type: "phone.say", Doc: "It says something.", Out: &said},
			{Type: "phone.say.ok", Doc: "It was said.", In: &said},
		},
		Closed: []string{"phone.*"},
		OK:     &done, Error: &failed,
	}
}

func TestMessagesByType(t *testing.T) {
	s := phone()
	at := func(i int, in bool) *Type {
		if in {
			return s.Messages[i].In
		}
		return s.Messages[i].Out
	}
	for _, tt := range []struct {
		typ     string
		in, out *Type
	}{
		{"phone.ring", at(1, true), nil},
		{"phone.ring.ok", nil, nil},
		{"phone.say", nil, at(3, false)},
		{"phone.say.ok", at(4, true), nil},
		{"phone.say.error", s.Error, nil},
		{"key.5", at(2, true), at(0, false)},
		{"other", nil, at(0, false)},
		{"other.ok", s.OK, at(0, false)},
	} {
		if s.In(tt.typ) != tt.in {
			t.Errorf("%s comes as %v", tt.typ, s.In(tt.typ))
		}
		if s.Out(tt.typ) != tt.out {
			t.Errorf("%s is sent as %v", tt.typ, s.Out(tt.typ))
		}
	}
	for typ, want := range map[string]bool{"phone.ring": true, "phone.say.error": true, "phone.ring.error": false, "other": false} {
		if s.Declares(typ) != want {
			t.Errorf("%s is declared: %v", typ, !want)
		}
	}
	if got := strings.Join(s.Incoming(), " "); got != "phone.ring phone.say.ok phone.say.error phone.say.ok" {
		t.Errorf("incoming: %s", got)
	}
	if got := strings.Join(s.Outgoing(), " "); got != "phone.say" {
		t.Errorf("outgoing: %s", got)
	}
}

func TestAnswersByName(t *testing.T) {
	s := phone()
	rung, taken := Table(), Table()
	s.Messages = append(s.Messages, Message{Type: "phone.ring.taken", In: &rung})
	s.Answers = []Answer{{".taken", &taken}}
	for typ, want := range map[string]*Type{"phone.say.taken": &taken, "other.taken": &taken, "phone.ring.taken": &rung, "key.taken": s.Messages[2].In, "phone.gone.taken": nil} {
		if s.In(typ) != want {
			t.Errorf("%s comes as %v", typ, s.In(typ))
		}
	}
	if !s.Declares("phone.say.taken") || s.Declares("phone.say.gone") {
		t.Error("an answer is declared with what was sent")
	}
	if got := s.Matching("phone.say.t*"); len(got) != 1 || got[0] != &taken {
		t.Errorf("phone.say.t* matches %v", got)
	}
	if got := strings.Join(s.Incoming(), " "); !strings.Contains(got, " phone.say.taken ") {
		t.Errorf("incoming: %s", got)
	}
}

func TestMessagesByPattern(t *testing.T) {
	s := phone()
	for pattern, want := range map[string]int{
		"*": 5, "phone.r*": 1, "key.?": 1, "phone.say.*": 3, "phone.*.error": 1, "x*": 0,
	} {
		if got := s.Matching(pattern); len(got) != want {
			t.Errorf("%s matches %d messages, not %d", pattern, len(got), want)
		}
	}
}

func TestCheck(t *testing.T) {
	typ := Table(
		Need("id", Of(Text|Integer), "The id."),
		May("mode", One("on", "off"), "The mode."),
		May("tag", Known("a", "b"), "A tag."),
		May("list", ListOf(Table(Need("n", Of(Number), "A number."))), "A list."),
		May("any", Of(Any), "Anything."),
		May("map", MapOf(Of(Bool)), "A map."),
	)
	for data, want := range map[string]string{
		`{"id":"x","mode":"on","tag":"z","list":[{"n":1.5},{"n":2}],"any":[{}],"map":{"a":true},"org.example.x":1}`: "",
		`{"id":7,"mode":null}`:       "",
		`[]`:                         "expected a table, found a list",
		`{"id":1.5}`:                 "id: expected text or a whole number, found a number",
		`{"id":1e2,"mode":"of"}`:     `mode: there is no "of"`,
		`{"list":[{"n":1},{}]}`:      "id: missing, list.1.n: missing",
		`{"id":1,"map":{"a":0}}`:     "map.a: expected true or false, found a whole number",
		`{"id":1,"iid":2,"mode":[]}`: "iid: not declared, mode: expected text, found a list",
	} {
		var v any
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Fatal(err)
		}
		var faults []string
		for _, f := range typ.Check(v) {
			faults = append(faults, f.String())
		}
		if got := strings.Join(faults, ", "); got != want {
			t.Errorf("%s: %q, not %q", data, got, want)
		}
	}
	if f := (&Type{Kind: Integer}).Check(json.Number("9007199254740993")); len(f) > 0 {
		t.Errorf("a large whole number: %v", f)
	}
	if f := (&Type{Kind: Integer}).Check(json.Number("0.5")); len(f) != 1 {
		t.Error("half is a whole number")
	}
}

func TestWalk(t *testing.T) {
	typ := Table(
		May("a", Table(May("m.b", Of(Text), "Text.")), "A table."),
		May("c", ListOf(Table(May("d", Of(Text), "Text."))), "A list."),
		May("e", MapOf(Table(May("f", Of(Text), "Text."))), "A map."),
	)
	var paths []string
	typ.Walk(func(path string, _ *Field) { paths = append(paths, path) })
	if got, want := strings.Join(paths, " "), `a a["m.b"] c c[].d e e.*.f`; got != want {
		t.Errorf("walked %s, not %s", got, want)
	}
	for name, want := range map[string]string{"d": "", "b": "", "f": "", "x": ""} {
		if got := typ.Below(name); got != want {
			t.Errorf("%s stands at %q, not at %q", name, got, want)
		}
	}
	nested := Table(May("p", Table(May("q", Table(May("x", Of(Text), "Text.")), "A table.")), "A table."))
	if got := nested.Below("x"); got != "p.q.x" {
		t.Errorf("x stands at %q", got)
	}
}
