package engine

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAppendJSON(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   any
		want string
		err  string
	}{
		{name: "nil", in: nil, want: `null`},
		{name: "truth", in: []any{true, false}, want: `[true,false]`},
		{name: "whole numbers as they are", in: []any{0, -1, math.MaxInt64, math.MinInt64, int64(5)}, want: `[0,-1,9223372036854775807,-9223372036854775808,5]`},
		{name: "numbers in short", in: []any{1.0, 0.1, 1500000.0, 1e20, 1e21, 1e-6, 1e-9}, want: `[1,0.1,1500000,100000000000000000000,1e+21,0.000001,1e-09]`},
		{name: "text", in: "a\"\\\n\r\t\b\x00\x1f é😀\u2028<", want: `"a\"\\\n\r\t\u0008\u0000\u001f é😀` + "\u2028" + `<"`},
		{name: "keys in order", in: map[string]any{"b": 1, "a": map[string]any{"\"": nil}, "": 2}, want: `{"":2,"a":{"\"":null},"b":1}`},
		{name: "lists of text", in: []string{"a", "b"}, want: `["a","b"]`},
		{name: "JSON as it stands", in: []any{json.RawMessage(`{ "a": 1.0 }`)}, want: `[{ "a": 1.0 }]`},
		{name: "no number", in: math.NaN(), err: "NaN is no JSON number"},
		{name: "more than a number can be", in: []any{map[string]any{"a": math.Inf(-1)}}, err: "-Inf is no JSON number"},
		{name: "bytes that are no text", in: "\xff", err: "text that is not valid UTF-8"},
		{name: "such a key", in: map[string]any{"\xff": 1}, err: "text that is not valid UTF-8"},
		{name: "a time", in: time.Time{}, err: "a time.Time has no JSON form; make it text or a number first"},
		{name: "a duration", in: time.Second, err: "a time.Duration has no JSON form; make it text or a number first"},
		{name: "something else", in: struct{}{}, err: "a value of type struct {} has no JSON form"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := AppendJSON([]byte("> "), tc.in)
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Errorf("error %v, want %s", err, tc.err)
				}
				return
			}
			if err != nil || string(got) != "> "+tc.want {
				t.Errorf("%s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\", "\x00\x1f\x7f", "v=0\r\n", "é😀", strings.Repeat("x", 100) + "\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		quoted := AppendText([]byte{'"'}, s, true)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || back != s {
			t.Fatalf("%q became %s, and that %q (%v)", s, quoted, back, err)
		}
		if got := decode(quoted); got != s {
			t.Fatalf("%q became %s, and that %q", s, quoted, got)
		}
		open := AppendText(AppendText([]byte{'"'}, s, false), s, true)
		if got := decode(open); got != s+s {
			t.Fatalf("%q twice became %s", s, open)
		}
	})
}

func TestElementsAreTheItemsAsTheyCame(t *testing.T) {
	got := []string{}
	for _, v := range elements([]byte("[ 1.0 ,\n{\"a\": [1,2]},\"x,]\" , null,[]]")) {
		got = append(got, string(v.raw))
	}
	if diff := cmp.Diff([]string{"1.0", `{"a": [1,2]}`, `"x,]"`, "null", "[]"}, got); diff != "" {
		t.Error(diff)
	}
	if items := elements([]byte("[ ]")); len(items) != 0 {
		t.Errorf("%d items in an empty list", len(items))
	}
}

func TestPathsAreSplitAtDots(t *testing.T) {
	for path, want := range map[string][]string{
		"":            nil,
		"a":           {"a"},
		"a.b.c":       {"a", "b", "c"},
		`a\.b.c`:      {"a.b", "c"},
		`a\\.b`:       {`a\`, "b"},
		"a..b":        {"a", "", "b"},
		`m\.relates`:  {"m.relates"},
		`trailing.\.`: {"trailing", "."},
	} {
		if diff := cmp.Diff(want, splitPath(path)); diff != "" {
			t.Errorf("%q:\n%s", path, diff)
		}
	}
}
