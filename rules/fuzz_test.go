package rules

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLoad holds that any text at all is loaded, or else every finding stands at
// a place that the text has.
func FuzzLoad(f *testing.F) {
	f.Add(aRule)
	f.Add(exprRules)
	f.Add(bell)
	for _, part := range strings.SplitAfter(bell, "\n\n") {
		f.Add(part)
	}
	for _, k := range Kinds() {
		f.Add(k.Example)
	}
	for _, name := range Shipped() {
		src, _ := ReadShipped(name)
		f.Add(string(src))
		for _, rule := range strings.SplitAfter(string(src), "\n\n") {
			f.Add(rule)
		}
	}
	for _, text := range append(plainExpressions, otherExpressions...) {
		f.Add(aRule + "when = '''" + text + "'''\nsend = { to = 'matrix', type = 'y', room = 'r', body.x = '''a ${ " + text + " }''' }\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, found := loadFiles(map[string]string{"rules.toml": text, "t.csv": "a,b\n1,2\n"})
		if (set == nil) != found.HasErrors() {
			t.Fatalf("the set is %v with these findings: %v", set, found)
		}
		lines := strings.Split(text, "\n")
		for _, finding := range found {
			p := finding.Pos
			if p.File != "rules.toml" || p.Line == 0 {
				continue // of another file, or of the file as a whole
			}
			if p.Line < 1 || p.Line > len(lines) || p.Col < 1 || p.Col > utf8.RuneCountInString(lines[p.Line-1])+1 {
				t.Fatalf("%v, in a file of %d lines:\n%s", finding, len(lines), text)
			}
			if finding.Msg == "" {
				t.Fatalf("a finding at %v says nothing", p)
			}
		}
		if err := Format(io.Discard, found); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzPhoneNumber holds that a number is in a form that it keeps, that can be
// dialled, and that a user id has room for.
func FuzzPhoneNumber(f *testing.F) {
	for _, text := range []string{"020 7123 4567", "+44 (0)20 7123 4567", "tel:+44-20-7123-4567;ext=5", "sip:*98%23@pbx", "٠٢٠", "*67 0900", "+", "1-800-FLOWERS", "((020)) 71 234567", "+1 604 223 4567", "112"} {
		f.Add(text, "GB")
		f.Add(text, "us")
		f.Add(text, "")
	}
	f.Fuzz(func(t *testing.T, text, country string) {
		v, err := phoneNumber(text, country)
		if err != nil || v == nil {
			return
		}
		number := v.(string)
		if strings.Trim(strings.TrimPrefix(number, "+"), "0123456789*#") != "" || len(number) > maxDialString || strings.Trim(number, "+") == "" {
			t.Fatalf("%q of %q in %q", number, text, country)
		}
		if again, err := phoneNumber(number, country); again != v || err != nil {
			t.Fatalf("%q became %q, and that %v (%v), in %q", text, number, again, err, country)
		}
		if back, err := mxidUnescape(mxidEscape(number)); back != v || err != nil {
			t.Fatalf("%q came back as %v (%v)", number, back, err)
		}
		if _, err := formatNumber(number, country); err != nil {
			t.Fatal(err)
		}
	})
}
