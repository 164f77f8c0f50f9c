package rules

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
)

// exactTables reports tables in which everybody looks for beginnings of numbers,
// by prefix, and which do not say that their keys are such: the setting is
// missing, or misspelt and so an entry.
func (f *flow) exactTables() {
	uses := &tableUses{tables: f.tables, all: map[string]int{}, byPrefix: map[string]int{}}
	for _, tree := range f.trees {
		ast.Walk(&tree, uses)
	}
	for _, name := range f.decl.tables.names {
		n, t := f.decl.tables.nodes[name], f.tables[name]
		if t == nil || t.byPrefix || uses.byPrefix[name] == 0 || uses.byPrefix[name] < uses.all[name] || f.isAtFault(n) {
			continue
		}
		f.own(exactTable, n, n.keyPos, fmt.Sprintf("the rules look in the table %s for how a number begins, and it does not say so", name), `say match = "prefix" in it`)
	}
}

// tableUses counts where expressions name tables.
type tableUses struct {
	tables        map[string]*Table
	all, byPrefix map[string]int
}

// Visit counts a name, and what prefix is called with.
func (u *tableUses) Visit(n *ast.Node) {
	switch n := (*n).(type) {
	case *ast.IdentifierNode:
		if u.tables[n.Value] != nil {
			u.all[n.Value]++
		}
	case *ast.CallNode:
		fn, ok := n.Callee.(*ast.IdentifierNode)
		if !ok || fn.Value != "prefix" || len(n.Arguments) == 0 {
			return
		}
		if table, ok := n.Arguments[0].(*ast.IdentifierNode); ok {
			u.byPrefix[table.Value]++
		}
	}
}
