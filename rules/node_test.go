package rules

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

// mustTree reads TOML that has no fault.
func mustTree(t *testing.T, src string) *node {
	t.Helper()
	n, findings := parseTOML("rules.toml", []byte(src))
	if len(findings) > 0 {
		t.Fatalf("%q:\n%s", src, Findings(findings).Error())
	}
	return n
}

// find goes down from n by keys.
func find(t *testing.T, n *node, path ...string) *node {
	t.Helper()
	for _, key := range path {
		next := n.child(key)
		if next == nil && n.kind == kindArray {
			next = n.items[len(n.items)-1].child(key)
		}
		if next == nil {
			t.Fatalf("no %q in %v", key, n.keys)
		}
		n = next
	}
	return n
}

func TestTheSameTreeHoweverItIsWritten(t *testing.T) {
	want := map[string]any{"rule": []any{
		map[string]any{"name": "a", "send": []any{map[string]any{"body": map[string]any{"callID": "x", "n": 1}}}},
		map[string]any{"name": "b"},
	}}
	for name, src := range map[string]string{
		"headers and dotted keys": "[[rule]]\nname = 'a'\n[[rule.send]]\nbody.callID = 'x'\nbody.n = 1\n[[rule]]\nname = 'b'\n",
		"header for a part":       "[[rule]]\nname = 'a'\n[[rule.send]]\n[rule.send.body]\ncallID = 'x'\nn = 1\n[[rule]]\nname = 'b'\n",
		"inline tables":           `rule = [{name = "a", send = [{body = {callID = "x", n = 1}}]}, {name = "b"}]`,
		"quoted keys":             "[[\"rule\"]]\n'name' = 'a'\n[[rule . \"send\"]]\n\"bod\\u0079\" . 'callID' = 'x'\nbody.n = 0x1\n[[rule]]\nname = '''b'''\n",
		"inline over lines":       "rule = [ # all\n {name = 'a', send = [{\n body.callID = 'x', # id\n body.n = +1,\n}]},\n {name = 'b'},\n]",
		"Windows line ends":       "[[rule]]\r\nname = 'a'\r\nsend = [{body = {callID = 'x', n = 1}}]\r\n[[rule]]\r\nname = 'b'\r\n",
		"byte order mark":         "\ufeff[[rule]]\nname = 'a'\nsend = [{body = {callID = 'x', n = 1}}]\n[[rule]]\nname = 'b'",
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, mustTree(t, src).plain()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScalars(t *testing.T) {
	n := mustTree(t, `
i = [0, -7, +1_000, 0xFF, 0o17, 0b101]
f = [1.5, -1e3, 6.0_1, inf, -inf, 0.0, 0e2]
b = [true, false]
d = [2026-11-22T00:29:03Z, 2026-11-22 00:29:03.5, 2026-11-22, 07:32:00 , 07:32]
`)
	want := map[string]any{
		"i": []any{0, -7, 1000, 255, 15, 5},
		"f": []any{1.5, -1000.0, 6.01, math.Inf(1), math.Inf(-1), 0.0, 0.0},
		"b": []any{true, false},
	}
	got := n.plain().(map[string]any)
	delete(got, "d")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	dates := n.child("d").items
	if len(dates) != 5 {
		t.Fatalf("%d dates", len(dates))
	}
	if got, want := dates[0].value, time.Date(2026, 11, 22, 0, 29, 3, 0, time.UTC); !want.Equal(got.(time.Time)) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i, want := range []string{"2:6", "2:9", "2:13", "2:21"} {
		if got := place(n.child("i").items[i].pos); got != want {
			t.Errorf("integer %d is at %s, want %s", i, got, want)
		}
	}
}

// place gives line:col.
func place(p Pos) string { return strings.TrimPrefix(p.String(), p.File+":") }

func TestPlacesOfKeysAndValues(t *testing.T) {
	n := mustTree(t, `# café
[vars]
"é" = { b = 1 }
[[rule]] # first
name = "a"
push . candidates = 'x'
[[rule]]
	name = ["b",
  "c"]
  [[ rule.send ]]
  body.dialogParams.callID = '${ call.uuid }'
[table.did]
`)
	for _, tc := range []struct {
		path       []string
		key, value string
	}{
		{[]string{"vars"}, "2:2", "2:1"},
		{[]string{"vars", "é"}, "3:1", "3:7"},
		{[]string{"vars", "é", "b"}, "3:9", "3:13"},
		{[]string{"rule"}, "4:3", "4:1"},
		{[]string{"rule", "name"}, "8:2", "8:9"},
		{[]string{"rule", "send"}, "10:11", "10:3"},
		{[]string{"rule", "send", "body"}, "11:3", "11:3"},
		{[]string{"rule", "send", "body", "dialogParams"}, "11:8", "11:8"},
		{[]string{"rule", "send", "body", "dialogParams", "callID"}, "11:21", "11:30"},
		{[]string{"table"}, "12:2", "12:2"},
		{[]string{"table", "did"}, "12:8", "12:1"},
	} {
		got := find(t, n, tc.path...)
		if place(got.keyPos) != tc.key || place(got.pos) != tc.value {
			t.Errorf("%v: key at %s, want %s; value at %s, want %s", tc.path, place(got.keyPos), tc.key, place(got.pos), tc.value)
		}
	}
	rules := n.child("rule").items
	if got := place(rules[0].pos); got != "4:1" {
		t.Errorf("first rule at %s", got)
	}
	if got := place(rules[0].child("push").child("candidates").keyPos); got != "6:8" {
		t.Errorf("push.candidates at %s", got)
	}
	if got := place(rules[1].pos); got != "7:1" {
		t.Errorf("second rule at %s", got)
	}
	if got := place(rules[1].child("name").items[1].pos); got != "9:3" {
		t.Errorf("second name at %s", got)
	}
	if diff := cmp.Diff([]string{"vars", "rule", "table"}, n.keys); diff != "" {
		t.Errorf("keys in the order of the file:\n%s", diff)
	}
}

func TestPlacesWithinText(t *testing.T) {
	for _, tc := range []struct {
		name, src string
		text      string
		at        map[int]string
	}{
		{"literal", `v = 'abc'`, "abc", map[int]string{0: "1:6", 2: "1:8", 3: "1:9", 99: "1:9", -1: "1:6"}},
		{"empty", `v = ''`, "", map[int]string{0: "1:6", 1: "1:6"}},
		{"non-ASCII", `v = 'é日x'`, "é日x", map[int]string{1: "1:7", 2: "1:8", 3: "1:9"}},
		{"escapes", `v = "a\"\u00e9\U0001F600\x41\te"`, "a\"é😀A\te", map[int]string{1: "1:7", 2: "1:9", 3: "1:15", 4: "1:25", 5: "1:29", 6: "1:31", 7: "1:32"}},
		{"literal lines", "v = '''\nab\n cé'd\n'''", "ab\n cé'd\n", map[int]string{0: "2:1", 2: "2:3", 3: "3:1", 5: "3:3", 6: "3:4", 8: "3:6", 9: "4:1"}},
		{"literal lines from the first", "v = '''ab\ncd'''", "ab\ncd", map[int]string{0: "1:8", 3: "2:1", 5: "2:3"}},
		{"Windows lines", "v = '''\r\nab\r\ncd'''", "ab\r\ncd", map[int]string{0: "2:1", 4: "3:1"}},
		{"quotes at the end", "v = '''a'''''", "a''", map[int]string{1: "1:9", 2: "1:10", 3: "1:11"}},
		{"basic lines", "v = \"\"\"\na\\tb\n\"c\"\"\"\"\n", "a\tb\n\"c\"", map[int]string{1: "2:2", 2: "2:4", 4: "3:1", 6: "3:3"}},
		{"joined lines", "v = \"\"\"a \\  \n\n   b\\\n \"\"\"", "a b", map[int]string{0: "1:8", 1: "1:9", 2: "3:4", 3: "4:2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := mustTree(t, tc.src).child("v")
			if n.text != tc.text {
				t.Fatalf("text %q, want %q", n.text, tc.text)
			}
			for off, want := range tc.at {
				if got := place(n.at(off)); got != want {
					t.Errorf("rune %d is at %s, want %s", off, got, want)
				}
			}
		})
	}
}

func TestSyntaxFaults(t *testing.T) {
	for _, tc := range []struct {
		name, src string
		want      []string // each finding, and its hint after a |
	}{
		{"no equals sign", "name 'a'", []string{"rules.toml:1:6: error: expected = after the key, not '\\''"}},
		{"no value", "name =\nx = 1", []string{"rules.toml:1:7: error: expected a value, not the end of the line"}},
		{"key that needs quotes", "[table.room]\n@alice:example.org = 'x'", []string{"rules.toml:2:1: error: expected = after the key, not '@' | a key that holds more than letters A-Z, digits, _ and - stands in quotes"}},
		{"more on the line", "a = 1  b = 2", []string{"rules.toml:1:8: error: expected the end of the line, not 'b'"}},
		{"bare word", "a = [\n 1]\nname = called", []string{"rules.toml:3:8: error: expected a value, not \"called\" | text stands in quotes"}},
		{"quote within quotes", "when = 'it's'", []string{"rules.toml:1:12: error: expected the end of the line, not 's' | a ' ends text that ' began: put ''' around text that holds one"}},
		{"quote not closed", "'é' = 1\nwhen = 'msg\nx = 1", []string{"rules.toml:2:8: error: the text that begins here is not closed on its line | close the quote, or use ''' for text of several lines"}},
		{"long text not closed", "[vars]\na = 1\n[[rule]]\nwhen = '''\nmsg\nx = 1\n", []string{"rules.toml:4:8: error: what ' begins here is never closed"}},
		{"list not closed", "in = ['a',\n 'b'\nnext = 'c'", []string{"rules.toml:3:1: error: expected , or ] in the list, not 'n' | it belongs to what [ begins on line 1"}},
		{"list not closed by the end", "in = ['a',\n 'b'", []string{"rules.toml:1:6: error: what [ begins here is never closed"}},
		{"table not closed by the end", "in = {\n a = 'b'", []string{"rules.toml:1:6: error: what { begins here is never closed"}},
		{"bad escape", `when = "é \d+"`, []string{`rules.toml:1:11: error: \d means nothing in text in double quotes | write \\ for a backslash, or put the text in single quotes`}},
		{"key twice", "[[rule]]\nname = 'a'\nname = 'b'", []string{"rules.toml:3:1: error: name is set twice, first on line 2"}},
		{"list twice", "a = [1]\na = [2]", []string{"rules.toml:2:1: error: a is set twice, first on line 1"}},
		{"header twice", "[vars]\na = 1\n[let]\n[vars]\nb = 2", []string{"rules.toml:4:2: error: vars is set twice, first on line 1"}},
		{"list and table", "[rule]\n[[rule]]", []string{"rules.toml:2:3: error: rule is set twice, first on line 1"}},
		{"text and table", "a = 'x'\na.b = 1", []string{"rules.toml:2:1: error: a is not a table: it is text, set on line 1"}},
		{"text and header", "a = 'x'\n[a.b]", []string{"rules.toml:2:2: error: a is not a table: it is text, set on line 1"}},
		{"header not closed", "[[rule]\nname = 'a'", []string{"rules.toml:1:8: error: expected ]] after the name, not the end of the line"}},
		{"header without a name", "[]\nname = 'a'", []string{"rules.toml:1:2: error: the name between the brackets is missing"}},
		{"control character", "a = 'x\x00'", []string{"rules.toml:1:7: error: the control character 0x00 cannot stand here"}},
		{"not UTF-8", "a = 'x'\nb = 'é\xff'\n", []string{"rules.toml:2:7: error: the byte 0xff is not UTF-8 text | save the file as UTF-8"}},
		{"two byte order marks", "\ufeff\ufeffa = 1", []string{`rules.toml:1:1: error: unexpected '\ufeff'`}},
		{"UTF-16", "\xff\xfea\x00", []string{
			"rules.toml:1:1: error: the byte 0xff is not UTF-8 text | save the file as UTF-8",
			"rules.toml:1:4: error: files cannot contain NULL bytes; probably using UTF-16; TOML files must be UTF-8",
		}},
		{"a key of too many parts", strings.Repeat("a.", 400_000) + "a = 1\n[b]\nc = 'x\n", []string{
			"rules.toml:1:202: error: the key has more than 100 parts",
			"rules.toml:3:5: error: the text that begins here is not closed on its line | close the quote, or use ''' for text of several lines",
		}},
		{"a header of too many", "[" + strings.Repeat("a.", 400_000) + "a]", []string{"rules.toml:1:203: error: the key has more than 100 parts"}},
		{"too many parts in a table", "x = {" + strings.Repeat("a.", 400_000) + "a = 1}", []string{"rules.toml:1:207: error: the key has more than 100 parts"}},
		{"too deep by keys", strings.Repeat("a.b.c = {", 60), []string{"rules.toml:1:306: error: values are nested more than 100 deep"}},
		{"too many parts behind a byte order mark", "\ufeff\ufeff" + strings.Repeat("a.", 400_000) + "a = 1", []string{`rules.toml:1:1: error: unexpected '\ufeff'`}},
		{"too deep", "a = " + strings.Repeat("[", 5000), []string{"rules.toml:1:105: error: values are nested more than 100 deep"}},
		{
			"one fault in each section",
			"x = \n[vars]\na = 1\n[[rule]]\nname = 'a\n[[rule.send]]\nbody = {}\n[[rule]]\nname = 'b'\n[[rule]]\nin = []]\n",
			[]string{
				"rules.toml:1:5: error: expected a value, not the end of the line",
				"rules.toml:5:8: error: the text that begins here is not closed on its line | close the quote, or use ''' for text of several lines",
				"rules.toml:11:8: error: expected the end of the line, not ']'",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, findings := parseTOML("rules.toml", []byte(tc.src))
			if n == nil {
				t.Error("no table came back")
			}
			var got []string
			for _, f := range findings {
				if f.Code != notTOML.Code && f.Code != notUTF8.Code {
					t.Errorf("%v is of another kind", f)
				}
				f.Code = ""
				line := f.Error()
				if f.Hint != "" {
					line += " | " + f.Hint
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSectionsWithoutFaultRemain(t *testing.T) {
	n, findings := parseTOML("rules.toml", []byte("[[rule]]\nname = 'a'\n[[rule]]\nname = b\n[[rule.send]]\nto = 'x'\n[[rule]]\nname = 'c'\n"))
	if len(findings) != 1 {
		t.Fatal(Findings(findings))
	}
	want := map[string]any{"rule": []any{map[string]any{"name": "a"}, map[string]any{"name": "c"}}}
	if diff := cmp.Diff(want, n.plain()); diff != "" {
		t.Error(diff)
	}
	if got := place(n.child("rule").items[1].child("name").pos); got != "8:8" {
		t.Errorf("what follows a faulty section is at %s", got)
	}
}

func TestAFileOfFaultsIsGivenUp(t *testing.T) {
	_, findings := parseTOML("rules.toml", []byte(strings.Repeat("[[rule]]\nname = \n", 50)))
	if len(findings) != maxFaultySections {
		t.Errorf("%d findings", len(findings))
	}
}

// FuzzParseTOML holds the tree against what the TOML library reads: the same
// values, each at a place within the file.
func FuzzParseTOML(f *testing.F) {
	for _, seed := range []string{
		"[[rule]]\nname = 'a'\n[[rule.send]]\nbody.x = \"\\u00e9\"\n",
		"a = \"\"\"\nx\\\n  y\"\"\"\"\"\nb = '''\r\nz''''\n[c.\"d\"]\ne = {f = [1, 2.5, true, 2026-11-22]}",
		"a = [\n1, # c\n[2]]\n[b]\n[[c]]\n[c.d]\n", "a = \"\\x41\\e\"\n", "x = 'y\n[z]\nq = {", "a.b = 1\n[a]\nc=1",
		"d = 2026-11-22 00:29:03 # x\nt = 07:32", "\ufeffa = nan\nb = -0.0\nc = -0", "\ufeff\ufeff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		n, findings := parseTOML("f.toml", src)
		lines := newSourceText("f.toml", src)
		checkPlaces(t, lines, n)
		for _, finding := range findings {
			checkPlace(t, lines, finding.Pos)
			if finding.Msg == "" {
				t.Errorf("%s says nothing", finding.Pos)
			}
		}
		if len(findings) > 0 {
			return
		}
		want := map[string]any{}
		if _, err := toml.Decode(string(src), &want); err != nil {
			t.Fatalf("read without a finding: %v", err)
		}
		if diff := cmp.Diff(asPlain(want), n.plain(), cmp.Comparer(sameFloat)); diff != "" {
			t.Error(diff)
		}
	})
}

func sameFloat(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// asPlain puts what the TOML library decodes into the types that node.plain
// gives.
func asPlain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			v[k] = asPlain(c)
		}
	case []any:
		for i, c := range v {
			v[i] = asPlain(c)
		}
	case []map[string]any:
		list := make([]any, len(v))
		for i, c := range v {
			list[i] = asPlain(c)
		}
		return list
	case int64:
		return int(v)
	}
	return v
}

func checkPlaces(t *testing.T, lines *sourceText, n *node) {
	checkPlace(t, lines, n.pos)
	checkPlace(t, lines, n.keyPos)
	if len(n.keys) != len(n.children) {
		t.Errorf("%d keys, %d values at %s", len(n.keys), len(n.children), n.pos)
	}
	for _, key := range n.keys {
		checkPlaces(t, lines, n.child(key))
	}
	for _, item := range n.items {
		checkPlaces(t, lines, item)
	}
	if n.kind != kindString {
		return
	}
	prev := n.pos
	for i := range utf8.RuneCountInString(n.text) + 1 {
		at := n.at(i)
		checkPlace(t, lines, at)
		if at.Line < prev.Line || at.Line == prev.Line && at.Col <= prev.Col {
			t.Errorf("rune %d at %s is not behind %s", i, at, prev)
		}
		prev = at
	}
}

func checkPlace(t *testing.T, lines *sourceText, p Pos) {
	if p.Line < 1 || p.Line > len(lines.starts) {
		t.Fatalf("%s is not in the file", p)
	}
	// One beyond the line is the place of its end, before or after a return.
	if width := utf8.RuneCountInString(lines.line(p.Line)); p.Col < 1 || p.Col > width+2 {
		t.Errorf("%s is not on the line, of %d runes", p, width)
	}
}
