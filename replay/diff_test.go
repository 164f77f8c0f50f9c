package replay

import (
	"fmt"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	long := strings.Repeat("long ", 100)
	for _, test := range []struct {
		name, was, is string
		want          []string
	}{
		{"the order of keys does not matter", `{"a":1,"b":2}`, `{"b":2,"a":1}`, nil},
		{"nor does how a number is written", `[1.0,1e2]`, `[1,1e2]`, nil},
		{"an exponent of any size is no work", `1e999999999`, `1e999999998`, []string{"x: -1e999999999 +1e999999998"}},
		{"a value", `{"a":{"b":[1,"x"]}}`, `{"a":{"b":[1,"y"]}}`, []string{`x.a.b.1: -"x" +"y"`}},
		{"another type", `{"a":"1"}`, `{"a":1}`, []string{`x.a: -"1" +1`}},
		{"nothing for something", `{"a":null}`, `{"a":{}}`, []string{`x.a: -null +{}`}},
		{"a key more and one less", `{"a":1}`, `{"b":true}`, []string{"x.a: -1", "x.b: +true"}},
		{"a longer list", `[1]`, `[1,2]`, []string{"x.1: +2"}},
		{"a shorter list", `[1,2]`, `[1]`, []string{"x.1: -2"}},
		{"lines of a text", `"v=0\r\na=1\r\nb=2\r\n"`, `"v=0\r\na=2\r\nb=2\r\nc=3\r\n"`,
			[]string{"x: line 2: -a=1 +a=2", "x: line 4: +c=3"}},
		{"ends of lines", `"a\r\nb"`, `"a\nb"`, []string{"x: only the line ends differ"}},
		{"what is no JSON", `{`, `[`, []string{"x: -{ +["}},
		{"what is no JSON, twice", `{`, `{`, nil},
		{"a long value is cut", `"` + long + `"`, `1`, []string{`x: -"` + long[:118] + "… +1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			compareTexts(t, worded(diff("x", []byte(test.was), []byte(test.is))), test.want...)
		})
	}
}

// worded words what was found.
func worded[T fmt.Stringer](found []T) []string {
	var list []string
	for _, f := range found {
		list = append(list, f.String())
	}
	return list
}
