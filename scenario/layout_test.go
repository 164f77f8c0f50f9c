package scenario_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vertigo/rules"
	"vertigo/tomlfmt"
)

// What "vertigo fmt" lays out says the same as before: all rule files and
// scenarios hold the same, and the shipped rules do the same in all of the
// scenarios.
func TestLayoutChangesNothing(t *testing.T) {
	lab := newLaboratory(t)
	var names []string
	for _, pattern := range []string{"../rules/*.toml", scenariosDir + "/*.toml", "../examples/*/*.toml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatal("no files", err)
		}
		names = append(names, found...)
	}
	laidOut := maps.Clone(lab.files)
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		before, faults := rules.ParseDocument(name, src)
		if len(faults) > 0 {
			continue // it shows what a fault in TOML looks like
		}
		messy := untidy(string(src))
		text, err := tomlfmt.Format([]byte(messy))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if string(text) == messy {
			t.Errorf("%s: nothing was laid out", name)
		}
		after, faults := rules.ParseDocument(name, text)
		if diff := cmp.Diff(said(before), said(after)); diff != "" || len(faults) > 0 {
			t.Errorf("%s: laid out it says something else: %v\n%s", name, faults, diff)
		}
		if base := filepath.Base(name); filepath.Dir(name) == "../rules" {
			laidOut[base] = string(text)
		}
	}
	found, ok := lab.check(laidOut)
	if diff := cmp.Diff(lab.found, found); diff != "" || !ok {
		t.Errorf("check says something else of the rules: %s", diff)
	}
	if name := lab.failing(laidOut); name != "" {
		t.Errorf("%s fails with the rules laid out", name)
	}
}

// untidy gives a file another layout: other blanks around = and before
// comments, other indents, more blank lines.
func untidy(text string) string {
	var out strings.Builder
	long := "" // the quotes of the long text that is open
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		begins := long == ""
		for _, quotes := range []string{"'''", `"""`} {
			if strings.Count(line, quotes)%2 == 1 && (begins || long == quotes) {
				if long = quotes; !begins {
					long = ""
				}
			}
		}
		if begins {
			if key, value, ok := strings.Cut(line, "="); ok && !strings.ContainsAny(key, "#\"'{") {
				line = strings.TrimSpace(key) + []string{"=", "  =", "=\t"}[i%3] + strings.TrimLeft(value, " ")
			}
			line = strings.Repeat(" ", i%4) + line
		}
		if long == "" {
			line += strings.Repeat(" ", i%2)
			if begins && i%5 == 0 {
				line += "\n\n"
			}
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// said lists what a document holds, in its order: each path with its value.
func said(n rules.Node) []string {
	var list []string
	var walk func(path string, n rules.Node)
	walk = func(path string, n rules.Node) {
		switch {
		case n.IsTable():
			list = append(list, path+" is a table")
			for _, key := range n.Keys() {
				walk(path+"/"+key, n.Child(key))
			}
		case n.IsList():
			list = append(list, path+" is a list")
			for i, item := range n.Items() {
				walk(fmt.Sprintf("%s/%d", path, i), item)
			}
		case n.IsText():
			list = append(list, fmt.Sprintf("%s = %q", path, n.Text()))
		default:
			list = append(list, fmt.Sprintf("%s = %T %v", path, n.Value(), n.Value()))
		}
	}
	walk("", n)
	return list
}
