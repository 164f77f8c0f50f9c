package infer

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"vertigo/schema"
	"vertigo/schema/jsonschema"
)

// seen is the type of messages that came.
func seen(t *testing.T, types []string, messages ...string) *schema.Type {
	t.Helper()
	var traffic Traffic
	for _, m := range messages {
		traffic.In("m", []byte(m), types)
	}
	typ := traffic.Set().In("m")
	for _, m := range messages {
		var v any
		if err := json.Unmarshal([]byte(m), &v); err != nil {
			t.Fatal(err)
		}
		for _, fault := range typ.Check(v) {
			t.Errorf("what was seen is refused: %s: %s", m, fault)
		}
	}
	return typ
}

func TestFields(t *testing.T) {
	text, number := schema.Of(schema.Text), schema.Of(schema.Number)
	for _, tt := range []struct {
		name     string
		messages []string
		want     schema.Type
	}{
		{"a field that is always there is required", []string{`{"a":"A b","b":1}`, `{"a":"C d"}`, `{"b":2.5,"a":"E f"}`},
			schema.Table(schema.Need("a", text, ""), schema.May("b", number, ""))},
		{"null is as good as nothing", []string{`{"a":null,"b":null}`, `{"a":1}`},
			schema.Table(schema.May("a", schema.Of(schema.Integer), ""), schema.May("b", schema.Type{}, ""))},
		{"kinds add up", []string{`{"a":1}`, `{"a":"A b"}`, `{"a":true}`},
			schema.Table(schema.Need("a", schema.Of(schema.Integer|schema.Text|schema.Bool), ""))},
		{"a list has items of one type", []string{`{"a":[{"b":1},{"b":2,"c":"C d"}]}`, `{"a":[]}`},
			schema.Table(schema.Need("a", schema.ListOf(schema.Table(schema.Need("b", schema.Of(schema.Integer), ""), schema.May("c", text, ""))), ""))},
		{"a list and a table are anything", []string{`{"a":[1]}`, `{"a":{"b":1}}`},
			schema.Table(schema.Need("a", schema.Type{Kind: schema.List | schema.Object, Fields: []schema.Field{schema.Need("b", schema.Of(schema.Integer), "")}}, ""))},
		{"keys that are no names are not written down", []string{`{"a":{"+4930123":{"x":1}}}`, `{"a":{"b":{"y":2}}}`},
			schema.Table(schema.Need("a", schema.MapOf(schema.Table(schema.May("x", schema.Of(schema.Integer), ""), schema.May("y", schema.Of(schema.Integer), ""))), ""))},
		{"names become keys when one is none", []string{`{"a":{"b":[1]}}`, `{"a":{"0815":["A b"]}}`},
			schema.Table(schema.Need("a", schema.MapOf(schema.ListOf(schema.Of(schema.Integer|schema.Text))), ""))},
		{"words that come again and again are all there are",
			strings.Split(strings.Repeat(`{"a":"busy"} {"a":"no_answer"} `, 3)+`{"a":"busy"}`, " "),
			schema.Table(schema.Need("a", schema.One("busy", "no_answer"), ""))},
		{"not so one that came once", strings.Split(strings.Repeat(`{"a":"busy"} `, 9)+`{"a":"gone"}`, " "),
			schema.Table(schema.Need("a", text, ""))},
		{"nor what is no word", strings.Split(strings.Repeat(`{"a":"busy"} {"a":"Busy4"} `, 5)+`{"a":"busy"}`, " "),
			schema.Table(schema.Need("a", text, ""))},
		{"nor always the same", strings.Split(strings.Repeat(`{"a":"busy"} `, 9)+`{"a":"busy"}`, " "),
			schema.Table(schema.Need("a", text, ""))},
		{"what tells the type is named if it came once", []string{`{"event":{"is":"ring"},"x":"ring"}`},
			schema.Table(schema.Need("event", schema.Table(schema.Need("is", schema.One("ring"), "")), ""), schema.Need("x", text, ""))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := seen(t, []string{"event.is", "other"}, tt.messages...); !reflect.DeepEqual(got, &tt.want) {
				t.Errorf("%+v\nnot %+v", *got, tt.want)
			}
		})
	}
}

// What is secret, or says who somebody is, is never among the values.
func TestNoSecretIsNamed(t *testing.T) {
	for _, field := range []string{"password", "apiKey", "PIN", "displayname", "user", "auth", "access_token"} {
		var messages []string
		for range 5 {
			messages = append(messages, fmt.Sprintf(`{"%s":"hunter"}`, field), fmt.Sprintf(`{"%s":"alice"}`, field))
		}
		if typ, _ := seen(t, nil, messages...).Field(field); len(typ.Values) > 0 {
			t.Errorf("the values of %s are named", field)
		}
	}
	for _, value := range []string{"redacted", "redacted-1", "xxxx", "xxx xx", "xxx-xx", "+4930123", "0815", "aGVsbG8gd29ybGQK"} {
		var messages []string
		for range 5 {
			messages = append(messages, fmt.Sprintf(`{"a":"%s"}`, value), `{"a":"busy"}`)
		}
		if typ, _ := seen(t, nil, messages...).Field("a"); len(typ.Values) > 0 {
			t.Errorf("%s is named", value)
		}
	}
}

func TestManyKeysAreNoFields(t *testing.T) {
	var message strings.Builder
	for i := range mostFields + 1 {
		fmt.Fprintf(&message, `,"k%c%c":%d`, 'a'+i%26, 'a'+i/26, i)
	}
	typ := seen(t, nil, `{"a":{`+message.String()[1:]+`}}`)
	if f, _ := typ.Field("a"); len(f.Fields) > 0 || f.Each == nil || f.Each.Kind != schema.Integer {
		t.Errorf("they are %+v", f)
	}
}

func TestDeepMessages(t *testing.T) {
	typ := seen(t, nil, strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100))
	depth := 0
	for f, _ := typ.Field("a"); f != nil && len(f.Fields) > 0; f, _ = f.Field("a") {
		depth++
	}
	if depth != deepest-1 {
		t.Errorf("%d deep", depth)
	}
}

func TestWhatIsSent(t *testing.T) {
	var traffic Traffic
	traffic.In("ring", []byte(`{"event":"ring"}`), []string{"event"})
	traffic.Out("open", []byte(`{"event":"open","id":"1"}`), []string{"event"}, "id")
	traffic.Out("open", []byte(`{"event":"open","id":"2"}`), []string{"event"}, "id")
	set := traffic.Set()
	if got := strings.Join(traffic.Types(), " "); got != "ring open" || set.Out("ring") != nil || set.In("open") != nil {
		t.Errorf("types %s, %+v", got, set)
	}
	want := schema.Table(schema.Need("event", schema.One("open"), ""), schema.May("id", schema.Of(schema.Text), ""))
	if got := set.Out("open"); !reflect.DeepEqual(got, &want) {
		t.Errorf("it is sent as %+v", got)
	}
}

// What is written down is read as the same.
func FuzzSchemaOfMessages(f *testing.F) {
	f.Add(`{"event":"ring","list":[1,"a",{"b":null}],"m":{"+49":1}}`, `{"event":"ring","list":{},"x":1.5}`)
	f.Add(`{"a":"A b","b":{"c":1}}`, `{"a":{"c":[1]},"b":[{"c":"x"}]}`)
	f.Add(`{"a":1}`, `{"b":"A b","b":0}`)
	f.Fuzz(func(t *testing.T, one, other string) {
		for _, m := range []string{one, other} {
			var v map[string]any
			if json.Unmarshal([]byte(m), &v) != nil || strings.Contains(m, "*") {
				return
			}
		}
		var traffic Traffic
		traffic.In("m", []byte(one), []string{"event"})
		traffic.In("m", []byte(other), []string{"event"})
		set := traffic.Set()
		for _, m := range []string{one, other} {
			var v any
			if err := json.Unmarshal([]byte(m), &v); err != nil {
				t.Fatal(err)
			}
			for _, fault := range set.In("m").Check(v) {
				t.Errorf("%s: %s", m, fault)
			}
		}
		text := jsonschema.Write("t", set)
		read, err := jsonschema.Read("s", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if again := jsonschema.Write("t", read); string(again) != string(text) {
			t.Errorf("%s\nis read as\n%s", text, again)
		}
	})
}
