package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each kind is found in its example, and nothing else is; in the cured one
// nothing is.
func TestEachKindIsFoundInItsExample(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Code, func(t *testing.T) {
			for text, want := range map[string]string{k.Example: k.Code + " " + k.Severity.String(), k.Cured: ""} {
				files := map[string]string{"rules.toml": text}
				maps.Copy(files, k.Beside)
				_, found := loadReal(files)
				var got []string
				for _, f := range found {
					got = append(got, f.Code+" "+f.Severity.String())
				}
				if strings.Join(got, ", ") != want {
					t.Errorf("found %q, want %q\n%v\n%s", got, want, found, text)
				}
			}
		})
	}
}

// What a page says fits a terminal, and each code is there once.
func TestKindsAreDescribed(t *testing.T) {
	const width = 80
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if seen[k.Code] || !regexp.MustCompile(`^V\d{3}$`).MatchString(k.Code) {
			t.Errorf("the code %q is another kind's, or none", k.Code)
		}
		seen[k.Code] = true
		for _, text := range []string{k.Title, k.What, k.Why, k.Example, k.Cured} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s lacks a text", k.Code)
			}
		}
		if strings.HasSuffix(k.Title, ".") || !strings.HasSuffix(k.What, ".") || !strings.HasSuffix(k.Why, ".") {
			t.Errorf("%s: a title has no full stop, sentences do", k.Code)
		}
		for line := range strings.Lines(k.Text()) {
			if len([]rune(strings.TrimSuffix(line, "\n"))) > width {
				t.Errorf("%s: wider than %d columns: %s", k.Code, width, line)
			}
		}
	}
}

func TestKindOf(t *testing.T) {
	if k, err := KindOf("v003"); err != nil || k != unknownKey {
		t.Errorf("%v, %v", k, err)
	}
	if _, err := KindOf("V999"); err == nil || !strings.HasPrefix(err.Error(), `no finding has the code "V999": they go from V001 to V`) {
		t.Errorf("%v", err)
	}
}

// A finding is made of a kind, or says its code; only files that are no rule
// files have findings without.
func TestEveryFindingHasACode(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "Finding" && len(n.Elts) > 0 && !setsCode(n) {
					t.Errorf("%s: a finding without a code", files.Position(n.Pos()))
				}
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "Kind" && len(n.Elts) > 0 && !setsCode(n) {
					t.Errorf("%s: a kind without a code", files.Position(n.Pos()))
				}
			case *ast.Ident:
				if n.Name == "uncoded" && name != "code.go" && name != "document.go" {
					t.Errorf("%s: a finding in a rule file has a code", files.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

func setsCode(lit *ast.CompositeLit) bool {
	for _, elt := range lit.Elts {
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Code" {
				return true
			}
		}
	}
	return false
}
