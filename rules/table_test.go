package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// readFrom gives the content of files held in memory.
func readFrom(files map[string]string) func(string) ([]byte, error) {
	fsys := make(fstest.MapFS, len(files))
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return func(name string) ([]byte, error) {
		if filepath.IsAbs(name) {
			return nil, fmt.Errorf("open %s: %w", name, fs.ErrPermission)
		}
		return fsys.ReadFile(name)
	}
}

// loadedTable loads [table.t] of a rule file in the folder conf.
func loadedTable(t *testing.T, toml string, files map[string]string) (*Table, []Finding) {
	t.Helper()
	n, findings := parseTOML("conf/rules.toml", []byte(toml))
	if len(findings) > 0 {
		t.Fatal(Findings(findings))
	}
	return loadTable(readFrom(files), "conf", n.child("table").child("t"))
}

func TestTables(t *testing.T) {
	for _, tc := range []struct {
		name, toml string
		csv        string
		want       map[string]any
	}{
		{"inline", "[table.t]\n\"!a:x\" = '9196'\nb = 7\nc = {to = 'x', list = [1]}", "",
			map[string]any{"!a:x": "9196", "b": 7, "c": map[string]any{"to": "x", "list": []any{1}}}},
		{"entries with names of settings", "[table.t.entries]\nfile = 'x'\nmatch = 'y'\nentries = 'z'", "",
			map[string]any{"file": "x", "match": "y", "entries": "z"}},
		{"entries with nearly the names of settings", "[table.t]\nmatcha = 'tea'\nfiles = 'x'\nkind = 'prefix'\n[table.t.entries]\nfiel = 'x.csv'", "",
			map[string]any{"matcha": "tea", "files": "x", "kind": "prefix", "fiel": "x.csv"}},
		{"an entry called entries", "[table.t]\nentries = 'z'", "", map[string]any{"entries": "z"}},
		{"nothing", "[table.t]", "", map[string]any{}},
		{"two columns", "[table.t]\nfile = 'did.csv'", "number,room\n+4930,!a:x\n+4940 , !b:x \n", map[string]any{"+4930": "!a:x", "+4940": "!b:x"}},
		{"more columns", "[table.t]\nfile = 'did.csv'", "number,room,name\n1,!a:x,\"Doe, Jane\"\n2,,\n",
			map[string]any{"1": map[string]any{"room": "!a:x", "name": "Doe, Jane"}, "2": map[string]any{"room": "", "name": ""}}},
		{"comments, blank lines, Windows, a mark", "[table.t]\nfile = 'did.csv'", "\ufeff# ours\r\n\r\nnumber,room\r\n   \r\n# 1,x\r\n1,\"a\"\"b\nc\"\r\n",
			map[string]any{"1": "a\"b\nc"}},
		{"only a header", "[table.t]\nfile = 'did.csv'", "number,room\n", map[string]any{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table, findings := loadedTable(t, tc.toml, map[string]string{"conf/did.csv": tc.csv})
			if len(findings) > 0 {
				t.Fatal(Findings(findings))
			}
			if diff := cmp.Diff(tc.want, table.entries); diff != "" {
				t.Error(diff)
			}
			if table.Len() != len(tc.want) {
				t.Errorf("%d entries", table.Len())
			}
		})
	}
}

func TestFaultyTables(t *testing.T) {
	const fromFile = "[table.t]\nfile = 'did.csv'"
	for _, tc := range []struct {
		name, toml string
		csv        string
		want       string // all findings with their hints
	}{
		{"unknown match", "[table.t]\nmatch = 'prefx'", "", `conf/rules.toml:2:9: error: unknown match "prefx" | did you mean prefix?`},
		{"a misspelt match", "[table.t]\nmtch = 'prefix'", "", `conf/rules.toml:2:1: error: unknown key mtch | did you mean match? An entry that is called mtch can stand in [table.NAME.entries]`},
		{"a misspelt file", "[table.t]\nfiel = 'did.csv'", "", `conf/rules.toml:2:1: error: unknown key fiel | did you mean file? An entry that is called fiel can stand in [table.NAME.entries]`},
		{"misspelt entries", "[table.t.entires]\na = 'x'", "", `conf/rules.toml:1:10: error: unknown key entires | did you mean entries? An entry that is called entires can stand in [table.NAME.entries]`},
		{"match is no text", "[table.t]\nmatch = true", "", `conf/rules.toml:2:9: error: match must be text, not true or false | an entry that is called match can stand in [table.NAME.entries]`},
		{"file is no text", "[table.t]\nfile = ['a']", "", `conf/rules.toml:2:8: error: file must be text, not a list | an entry that is called file can stand in [table.NAME.entries]`},
		{"both", "[table.t]\nfile = 'did.csv'\na = 'x'", "k,v\n", `conf/rules.toml:2:1: error: the table has both a file and entries of its own | put all entries in one of them`},
		{"empty key", "[table.t]\n'' = 'x'", "", `conf/rules.toml:2:1: error: the key is empty`},
		{"entry twice", "[table.t]\na = 'x'\n[table.t.entries]\na = 'y'", "", `conf/rules.toml:4:1: error: "a" has a value already: x`},
		{"no such file", "[table.t]\nfile = 'dis.csv'", "", `conf/rules.toml:2:8: error: the table's file cannot be read: open conf/dis.csv: file does not exist`},
		{"a file elsewhere", "[table.t]\nfile = '/did.csv'", "", `conf/rules.toml:2:8: error: the table's file cannot be read: open /did.csv: permission denied`},
		{"empty file", fromFile, "# nothing\n", `conf/did.csv: error: the table's file is empty | its first row names the columns, the first of them the key`},
		{"semicolons", fromFile, "number;room\n1;x\n", `conf/did.csv:1:1: error: a table has at least two columns: the key, and a value | separate columns by commas`},
		{"no header", fromFile, "+4930,x\n+4940,y\n", `conf/did.csv:1:1: warning: the first row names the columns, so "+4930" has no entry | put a row such as number,value before it`},
		{"columns without a name", fromFile, "k,,b,b\n", "conf/did.csv:1:3: error: the column has no name\nconf/did.csv:1:6: error: two columns have the name \"b\""},
		{"rows", fromFile, "k,v\né,x,y,z\n1\n ,x\na,1\nb,2\n a,3\n", `conf/did.csv:2:5: error: the row has 4 columns, the first row names 2
conf/did.csv:3:1: error: the row has 1 column, the first row names 2
conf/did.csv:4:2: error: the key is empty
conf/did.csv:7:2: error: "a" has an entry already, on line 5`},
		{"quotes", fromFile, "k,v\nü,a \"b\" c\nx,\"y\"z\nb,2\n", `conf/did.csv:2:5: error: a quote within a field that does not begin with one | a field that holds quotes or commas stands in double quotes, a quote in it doubled
conf/did.csv:3:5: error: a quote that neither closes its field nor is doubled | a field that holds quotes or commas stands in double quotes, a quote in it doubled`},
		{"not UTF-8", fromFile, "k,v\nx,M\xfcller\n", `conf/did.csv:2:4: error: the byte 0xfc is not UTF-8 text | save the file as UTF-8`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table, findings := loadedTable(t, tc.toml, map[string]string{"conf/did.csv": tc.csv})
			if table == nil {
				t.Error("no table came back")
			}
			for _, f := range findings {
				if f.Source == "" && f.Pos.Line > 0 {
					t.Errorf("%s has no source line", f.Error())
				}
			}
			if diff := cmp.Diff(tc.want, report(findings)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATableOfFaultsIsGivenUp(t *testing.T) {
	_, findings := loadedTable(t, "[table.t]\nfile = 'did.csv'", map[string]string{"conf/did.csv": "k,v\n" + strings.Repeat("x\n", 1000)})
	if len(findings) != maxFaultyRows+1 {
		t.Errorf("%d findings", len(findings))
	}
}

func TestUnreadableFileIsNamedWithItsCause(t *testing.T) {
	n := mustTree(t, "[table.t]\nfile = 'did.csv'")
	_, findings := loadTable(func(string) ([]byte, error) { return nil, errors.New("disk on fire") }, "", n.child("table").child("t"))
	if len(findings) != 1 || !strings.Contains(findings[0].Msg, "disk on fire") {
		t.Error(findings)
	}
}

func TestLookup(t *testing.T) {
	entries := map[string]any{"49": "Germany", "4930": "Berlin", "4": "Europe", "49é": "odd"}
	exact, byPrefix := newTable(entries, false), newTable(entries, true)
	for _, tc := range []struct {
		key                string
		get, prefix, exact any
	}{
		{"4930", "Berlin", "Berlin", "Berlin"},
		{"493012345", nil, "Berlin", nil},
		{"4931", nil, "Germany", nil},
		{"49é1", nil, "odd", nil},
		{"45", nil, "Europe", nil},
		{"5", nil, nil, nil},
		{"", nil, nil, nil},
	} {
		get, _ := byPrefix.Get(tc.key)
		prefix, _ := exact.Prefix(tc.key)
		asExact, _ := exact.Lookup(tc.key)
		asPrefix, _ := byPrefix.Lookup(tc.key)
		if get != tc.get || prefix != tc.prefix || asExact != tc.exact || asPrefix != tc.prefix {
			t.Errorf("%q: Get %v, Prefix %v, Lookup %v or by prefix %v", tc.key, get, prefix, asExact, asPrefix)
		}
	}
}

// numbers makes a CSV file of n telephone numbers.
func numbers(n int) string {
	var b strings.Builder
	b.WriteString("number,room\n")
	for i := range n {
		fmt.Fprintf(&b, "+4930%07d,!room%d:example.org\n", i, i)
	}
	return b.String()
}

func BenchmarkTable(b *testing.B) {
	const n = 100_000
	csv := numbers(n)
	entries, findings := readCSV("did.csv", []byte(csv))
	if len(findings) > 0 || len(entries) != n {
		b.Fatal(len(entries), findings)
	}
	for prefix := "+4930000777"; prefix != ""; prefix = prefix[:len(prefix)-1] {
		entries[prefix] = "a shorter one"
	}
	table := newTable(entries, true)
	b.Run("Load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			readCSV("did.csv", []byte(csv))
		}
	})
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := table.Get("+49300077777"); !ok {
				b.Fatal("not found")
			}
		}
	})
	b.Run("Prefix", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := table.Prefix("+49300077777123"); !ok {
				b.Fatal("not found")
			}
		}
	})
	b.Run("ShortPrefix", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v, _ := table.Prefix("+44123456789"); v != "a shorter one" {
				b.Fatal(v)
			}
		}
	})
}
