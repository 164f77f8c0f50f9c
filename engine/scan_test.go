package engine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// readPaths are what the tests read of each message: whole, nested, with a dot
// in the key, and of real messages.
var readPaths = []string{"", "a", "a.b", "a.b.c", `x\.y`, "é", "content.offer.sdp", "content.candidates", "params.dialogParams.callID", "type", "method"}

func readTree() *pathTree {
	tree := newPathTree()
	for slot, p := range readPaths {
		tree.add(splitPath(p), slot)
	}
	return tree
}

// asEncodingJSON holds that a document reads what encoding/json reads, and
// nothing else.
func asEncodingJSON(t *testing.T, d *document, raw []byte) {
	t.Helper()
	err := d.read(raw, readTree(), len(readPaths))
	valid := json.Valid(raw) && utf8.Valid(raw) && depthOf(raw) <= maxDepth
	if (err == nil) != valid {
		t.Fatalf("reading %q: %v, encoding/json says valid=%v", raw, err, valid)
	}
	if err != nil {
		if at := err.(*SyntaxError).Offset; at < 0 || at > len(raw) {
			t.Fatalf("the fault in %q is at byte %d of %d", raw, at, len(raw))
		}
		return
	}
	whole := reference(raw)
	for slot, p := range readPaths {
		want, there := follow(whole, splitPath(p))
		if got := d.field(slot); (got != nil) != there {
			t.Fatalf("%q of %q is %q, want it there=%v", p, raw, got, there)
		}
		got := d.get(slot)
		if again := d.get(slot); !reflect.DeepEqual(want, got) || !reflect.DeepEqual(want, again) {
			t.Fatalf("%q of %q is %#v, then %#v, want %#v", p, raw, got, again, want)
		}
	}
	out, err := AppendJSON(nil, d.get(0))
	if err != nil {
		if !strings.Contains(err.Error(), "Inf") { // a number beyond float64
			t.Fatalf("appending what %q holds: %v", raw, err)
		}
		return
	}
	if !json.Valid(out) {
		t.Fatalf("appending what %q holds gives %q", raw, out)
	}
	if back := decode(out); !alike(whole, back) {
		t.Fatalf("%q, appended and read again, is %v, want %v", raw, back, whole)
	}
}

// alike compares decoded values, numbers by value: 1e5 is written as 100000.
func alike(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, alike)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, alike)
	case float64:
		if n, ok := b.(int); ok {
			return a == float64(n)
		}
	}
	return a == b
}

// reference decodes valid JSON with encoding/json; of a key that comes twice the
// first counts, and whole numbers are ints.
func reference(raw []byte) any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return referenceValue(dec)
}

func referenceValue(dec *json.Decoder) any {
	token, err := dec.Token()
	if err != nil {
		panic(err)
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			list := []any{}
			for dec.More() {
				list = append(list, referenceValue(dec))
			}
			_, _ = dec.Token()
			return list
		}
		m := map[string]any{}
		for dec.More() {
			key, _ := dec.Token()
			v := referenceValue(dec)
			if _, twice := m[key.(string)]; !twice {
				m[key.(string)] = v
			}
		}
		_, _ = dec.Token()
		return m
	case json.Number:
		if n, err := strconv.Atoi(token.String()); err == nil {
			return n
		}
		n, _ := strconv.ParseFloat(token.String(), 64)
		return n
	}
	return token
}

func follow(v any, path []string) (any, bool) {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[p]; !ok {
			return nil, false
		}
	}
	return v, true
}

// depthOf counts how deep valid JSON is nested.
func depthOf(raw []byte) (deepest int) {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}

// corpus are texts on the edges of what JSON is.
var corpus = []string{
	``, ` `, `null`, `true`, `false`, `tru`, `truee`, `nul`, `nulll`, `falsy`, `Null`, "\ufeffnull",
	`0`, `-0`, `-`, `+1`, `01`, `-01`, `1.`, `.5`, `1.5`, `1e`, `1e5`, `1E+5`, `1e-07`, `1e+`, `1.5e400`, `0x1`, `00`, `1_000`, `Infinity`, `NaN`,
	`9007199254740993`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `123456789012345678901234567890`,
	`""`, `"a"`, `"`, `"a`, `'a'`, `"\"`, `"\\"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\u00e9"`, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"\/\b\f\n\r\t"`,
	"\"\x00\"", "\"\x1f\"", "\"\x7f\"", "\"\t\"", "\"\n\"", "\"é\"", "\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\xff",
	`[]`, `[ ]`, `[1]`, `[1,]`, `[,1]`, `[1 2]`, `[1,2`, `[`, `]`, `[[[]]]`, `[]]`, `{}`, `{ }`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a":1 "b":2}`, `{"a" 1}`, `{"a":1`, `{"a":`, `{"a"`, `{"`, `{`, `}`,
	`{}{}`, `1 2`, `null,`, " \t\r\n[ 1 , 2 ] \n", "\v1", "[1]\x00",
	`{"a":{"b":{"c":1}}}`, `{"a":{"b":1},"a":{"b":2}}`, `{"a":{"b":1},"a":{"b":{"c":2}}}`, `{"a":1,"a":{"b":2}}`, `{"a":{"b":{"c":1},"b":{"c":2}}}`, `{"a":null,"a":1}`,
	`{"x.y":1,"x":{"y":2}}`, `{"\u0061":{"\u0062":1}}`, `{"a":2,"\u0061":1}`, `{"\u0061":1,"a":2}`, `{"\u00e9":1}`, `{"é":1}`, `{"":{"":1}}`, `{"a":[{"b":1}]}`,
	`{"a" : { "b" : [ 1 , "x" , null , true ] } }`,
}

func TestReadingIsWhatEncodingJSONReads(t *testing.T) {
	d := &document{}
	for _, text := range corpus {
		asEncodingJSON(t, d, []byte(text))
	}
	for n := 0; n < 40; n++ { // a string's end, and each fault in it, at each offset
		pad := strings.Repeat("x", n)
		for _, end := range []string{`"`, ``, `\"`, `\n"`, `\q"`, "\x01\"", "é\"", "\x80\"", "\xff\"", `\u00e9"`, `\u00"`} {
			asEncodingJSON(t, d, []byte(`{"a":"`+pad+end+`}`))
			asEncodingJSON(t, d, []byte(`{"`+pad+end+`:1}`))
		}
	}
	for _, n := range []int{1, maxDepth - 1, maxDepth, maxDepth + 1, 5 * maxDepth} {
		asEncodingJSON(t, d, []byte(strings.Repeat("[", n)+strings.Repeat("]", n)))
		asEncodingJSON(t, d, []byte(strings.Repeat(`{"a":`, n)+"1"+strings.Repeat("}", n)))
	}
}

func TestCapturedMessagesAreReadAsEncodingJSONReadsThem(t *testing.T) {
	d, n := &document{}, 0
	for _, raw := range captured(t) {
		asEncodingJSON(t, d, raw)
		asEncodingJSON(t, d, raw[:len(raw)*2/3])
		n++
	}
	if n < 1000 {
		t.Errorf("only %d messages were found", n)
	}
}

// captured returns the lines of all captures.
func captured(t testing.TB) [][]byte {
	t.Helper()
	files, err := filepath.Glob("../testdata/captures/*/*.ndjson")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	var lines [][]byte
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			lines = append(lines, bytes.Clone(s.Bytes()))
		}
		f.Close()
	}
	return lines
}

// A document is used again and again: nothing of an older message may show.
func TestADocumentForgetsTheMessageBefore(t *testing.T) {
	d := &document{}
	tree := readTree()
	if err := d.read([]byte(`{"a":{"b":{"c":1}},"type":"x"}`), tree, len(readPaths)); err != nil {
		t.Fatal(err)
	}
	d.get(1)
	for _, gen := range []uint32{d.gen, ^uint32(0)} { // the number of messages may wrap
		d.gen = gen
		if err := d.read([]byte(`{"x":1}`), tree, len(readPaths)); err != nil {
			t.Fatal(err)
		}
		for slot, p := range readPaths[1:] {
			if got := d.get(slot + 1); got != nil {
				t.Errorf("%s is still %v", p, got)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range corpus {
		f.Add([]byte(text))
	}
	for i, raw := range captured(f) {
		if i%20 == 0 {
			f.Add(raw)
		}
	}
	d := &document{}
	f.Fuzz(func(t *testing.T, raw []byte) { asEncodingJSON(t, d, raw) })
}
