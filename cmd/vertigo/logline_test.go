package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Each line that the program can log at info and above stands in the document,
// with its level, and the document has no others.
func TestLogLinesInDocument(t *testing.T) {
	logged := map[string]bool{}
	for _, root := range []string{".", "../../engine", "../../transports", "../../internal", "../../tracing", "../../console"} {
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case !entry.IsDir():
				return nil
			case strings.HasSuffix(name, "test") || entry.Name() == "testdata": // for tests alone
				return fs.SkipDir
			}
			return logLines(name, logged)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(info|warn|error)` \\| `([^`]+)` \\|").FindAllStringSubmatch(partOf(t, "log lines"), -1) {
		if told[m[1]+" "+m[2]] {
			t.Errorf("%q is told of twice", m[2])
		}
		told[m[1]+" "+m[2]] = true
	}
	for _, line := range slices.Sorted(maps.Keys(logged)) {
		if !told[line] {
			t.Errorf("the document does not tell of: %s", line)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(told)) {
		if !logged[line] {
			t.Errorf("nothing logs: %s", line)
		}
	}
}

const operating = "../../docs/operate.md"

// partOf gives what stands in the document between two marks.
func partOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(operating)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "<!-- "+name+" -->")
	part, _, closed := strings.Cut(rest, "<!-- /"+name+" -->")
	if !ok || !closed {
		t.Fatalf("%s has no part %q", operating, name)
	}
	return part
}

// logLines adds the messages that a package logs, as "LEVEL MESSAGE". A message
// that is a variable is all texts that the function gives it or, where it is a
// parameter, that callers do.
func logLines(dir string, to map[string]bool) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	var all []ast.Decl
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		all = append(all, file.Decls...)
	}
	for _, decl := range all {
		in, ok := decl.(*ast.FuncDecl)
		if !ok || in.Body == nil {
			continue
		}
		eachCall(in.Body, func(name string, call *ast.CallExpr) {
			level := strings.ToLower(name)
			if !slices.Contains([]string{"info", "warn", "error"}, level) || !isLogger(call.Fun.(*ast.SelectorExpr).X) {
				return
			}
			for _, msg := range textsOf(call.Args[0], in, all) {
				to[level+" "+msg] = true
			}
		})
	}
	return nil
}

// isLogger goes by the name, which is log everywhere.
func isLogger(of ast.Expr) bool {
	switch of := of.(type) {
	case *ast.Ident:
		return of.Name == "log"
	case *ast.SelectorExpr:
		return strings.EqualFold(of.Sel.Name, "log")
	}
	return false
}

// eachCall calls f for each method that is called somewhere in body.
func eachCall(body ast.Node, f func(name string, call *ast.CallExpr)) {
	ast.Inspect(body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 {
			if method, ok := call.Fun.(*ast.SelectorExpr); ok {
				f(method.Sel.Name, call)
			}
		}
		return true
	})
}

// textsOf are the texts that an expression in a function can be.
func textsOf(e ast.Expr, in *ast.FuncDecl, all []ast.Decl) []string {
	if lit, ok := e.(*ast.BasicLit); ok {
		text, _ := strconv.Unquote(lit.Value)
		return []string{text}
	}
	name, ok := e.(*ast.Ident)
	if !ok {
		return nil
	}
	var texts []string
	ast.Inspect(in.Body, func(n ast.Node) bool {
		if set, ok := n.(*ast.AssignStmt); ok && len(set.Lhs) == len(set.Rhs) {
			for i, to := range set.Lhs {
				if to, ok := to.(*ast.Ident); ok && to.Name == name.Name {
					texts = append(texts, textsOf(set.Rhs[i], in, nil)...)
				}
			}
		}
		return true
	})
	parameter := 0
	for _, field := range in.Type.Params.List {
		for _, p := range field.Names {
			if p.Name == name.Name {
				for _, decl := range all {
					if caller, ok := decl.(*ast.FuncDecl); ok && caller.Body != nil {
						eachCall(caller.Body, func(called string, call *ast.CallExpr) {
							if called == in.Name.Name && parameter < len(call.Args) {
								texts = append(texts, textsOf(call.Args[parameter], caller, nil)...)
							}
						})
					}
				}
			}
			parameter++
		}
	}
	return texts
}
