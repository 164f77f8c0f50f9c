package rules

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"

	"vertigo/engine"
)

// takeApart takes a condition apart: what && and || join, what ! and ?: are about,
// and what lets stand for. It is for conditions that have compiled: a piece that
// cannot stand alone is left within a larger one. nil if parts are not asked for.
func (c *compiler) takeApart(n *node, sc scope) *engine.Part {
	if !c.opts.Parts || len(n.text) > maxExpression {
		return nil
	}
	// What there is to note and to say of the pieces was noted of the whole.
	found, current, written, asked := c.findings, c.current, c.written, c.asked
	defer func() { c.findings, c.current, c.written, c.asked = found, current, written, asked }()
	c.current = nil
	tokens, err := lexer.Lex(file.NewSource(n.text))
	if err != nil || len(tokens) == 0 {
		return nil
	}
	t := &taking{c: c, n: n, sc: sc, runes: []rune(n.text)}
	return t.part(tokens[:len(tokens)-1]) // the last one is the end
}

// A taking takes the condition of one node apart.
type taking struct {
	c     *compiler
	n     *node
	sc    scope
	runes []rune
}

// part makes a part of a piece of the condition; nil if it cannot stand alone.
func (t *taking) part(tokens []lexer.Token) *engine.Part {
	tokens = withoutParentheses(tokens)
	if len(tokens) == 0 {
		return nil
	}
	for _, take := range []func([]lexer.Token) *engine.Part{t.choice, t.joined, t.not, t.let} {
		if p := take(tokens); p != nil {
			return p
		}
	}
	return t.leaf(tokens)
}

// source is the text of some tokens.
func (t *taking) source(tokens []lexer.Token) source {
	from, to := tokens[0].From, tokens[len(tokens)-1].To
	return source{text: string(t.runes[from:to]), node: t.n, shift: from}
}

func (t *taking) made(kind engine.PartKind, tokens []lexer.Token, of ...[]lexer.Token) *engine.Part {
	src := t.source(tokens)
	p := &engine.Part{Kind: kind, Text: src.text, Pos: src.pos(0).String()}
	for _, piece := range of {
		sub := t.part(piece)
		if sub == nil {
			return nil
		}
		p.Parts = append(p.Parts, sub)
	}
	return p
}

// Operators that bind less than || does, and words that begin what cannot be
// split.
var unsplit = []string{"|", ";", "let", "if", "else"}

// choice takes a ? b : c apart.
func (t *taking) choice(tokens []lexer.Token) *engine.Part {
	tops := topLevel(tokens)
	if slices.ContainsFunc(tops, func(i int) bool { return slices.Contains(unsplit, tokens[i].Value) }) {
		return nil
	}
	first := slices.IndexFunc(tops, func(i int) bool { return tokens[i].Value == "?" })
	if first < 0 {
		return nil
	}
	open := 0
	for _, i := range tops[first:] {
		switch tokens[i].Value {
		case "?":
			open++
		case ":":
			open--
		}
		if open == 0 {
			ask := tops[first]
			return t.made(engine.Choice, tokens, tokens[:ask], tokens[ask+1:i], tokens[i+1:])
		}
	}
	return nil
}

// joined takes apart what || joins, or else what && joins.
func (t *taking) joined(tokens []lexer.Token) *engine.Part {
	tops := topLevel(tokens)
	for _, i := range tops {
		if v := tokens[i].Value; slices.Contains(unsplit, v) || v == "?" || v == ":" {
			return nil
		}
	}
	for _, join := range []struct {
		kind  engine.PartKind
		words []string
	}{{engine.Or, []string{"||", "or"}}, {engine.And, []string{"&&", "and"}}} {
		var pieces [][]lexer.Token
		from := 0
		for _, i := range tops {
			if slices.Contains(join.words, tokens[i].Value) {
				pieces = append(pieces, tokens[from:i])
				from = i + 1
			}
		}
		if pieces != nil {
			return t.made(join.kind, tokens, append(pieces, tokens[from:])...)
		}
	}
	return nil
}

// not takes off a ! that is about all that follows.
func (t *taking) not(tokens []lexer.Token) *engine.Part {
	if !tokens[0].Is(lexer.Operator, "!", "not") {
		return nil
	}
	rest := tokens[1:]
	if len(rest) == 1 || len(withoutParentheses(rest)) < len(rest) {
		return t.made(engine.Not, tokens, rest)
	}
	return nil
}

// let opens up a let.
func (t *taking) let(tokens []lexer.Token) *engine.Part {
	if len(tokens) != 1 || tokens[0].Kind != lexer.Identifier {
		return nil
	}
	name := tokens[0].Value
	body, local := t.body(name)
	x, _ := t.compiled(tokens)
	if body == nil || x == nil {
		return nil
	}
	p := t.made(engine.LetPart, tokens)
	p.Let, p.Local = name, local
	p.Parts = []*engine.Part{body}
	p.Reads = []engine.Read{{Name: name, Expr: x}}
	return p
}

// body takes apart what a let says; nil if there is no let of that name. Those of
// the whole file are taken apart once for all rules.
func (t *taking) body(name string) (p *engine.Part, local bool) {
	c := t.c
	for slot, l := range t.sc.locals {
		if l.name == name {
			before := t.sc.before(slot)
			return c.takeApart(c.ownLets.child(name), scope{locals: before.locals, names: before.names}), true
		}
	}
	if !slices.ContainsFunc(c.lets, func(l let) bool { return l.name == name }) {
		return nil, false
	}
	if c.letParts[name] == nil {
		c.letParts[name] = c.takeApart(c.decl.lets.nodes[name], scope{})
	}
	return c.letParts[name], false
}

// leaf is a piece that is not taken apart.
func (t *taking) leaf(tokens []lexer.Token) *engine.Part {
	x, tree := t.compiled(tokens)
	if x == nil {
		return nil
	}
	p := t.made(engine.Leaf, tokens)
	p.Expr = x
	l := &lookedAt{b: &closures{c: t.c, src: t.source(tokens), sc: t.sc, uses: &uses{}}}
	ast.Walk(&tree, l)
	p.Reads = l.reads()
	return p
}

// compiled compiles a piece by itself.
func (t *taking) compiled(tokens []lexer.Token) (engine.Expr, ast.Node) {
	src := t.source(tokens)
	x := t.c.expression(src, t.sc)
	return x, t.c.trees[t.c.exprKey(src.text, t.sc, nil)]
}

// topLevel lists the operators that stand in no brackets.
func topLevel(tokens []lexer.Token) []int {
	var list []int
	depth := 0
	for i, t := range tokens {
		switch {
		case t.Is(lexer.Bracket, "(", "[", "{"):
			depth++
		case t.Is(lexer.Bracket):
			depth--
		case depth == 0 && t.Is(lexer.Operator):
			list = append(list, i)
		}
	}
	return list
}

// withoutParentheses takes off those around a whole piece.
func withoutParentheses(tokens []lexer.Token) []lexer.Token {
	for len(tokens) > 1 && tokens[0].Is(lexer.Bracket, "(") && closes(tokens) == len(tokens)-1 {
		tokens = tokens[1 : len(tokens)-1]
	}
	return tokens
}

// closes finds the bracket that closes the first one.
func closes(tokens []lexer.Token) int {
	depth := 0
	for i, t := range tokens {
		switch {
		case t.Is(lexer.Bracket, "(", "[", "{"):
			depth++
		case t.Is(lexer.Bracket):
			depth--
		}
		if depth == 0 {
			return i
		}
	}
	return -1
}

// A lookedAt collects the values that an expression looks at: fields of the
// message and of the call, vars, lets, entries of tables, and found calls.
type lookedAt struct {
	b     *closures
	found []ast.Node
}

// Visit sees the parts of a node before the node.
func (l *lookedAt) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.IdentifierNode:
		l.found = append(l.found, node)
	case *ast.ChainNode:
		l.instead(node.Node, node)
	case *ast.MemberNode:
		if _, _, ok := chain(node); ok && !node.Method {
			l.instead(node.Node, node)
		} else if id, ok := node.Node.(*ast.IdentifierNode); ok && (l.b.c.tables[id.Value] != nil || l.b.c.isIndex(id)) {
			l.instead(id, node)
		}
	case *ast.CallNode: // what is called is no value
		if m, ok := node.Callee.(*ast.MemberNode); ok {
			l.instead(m, m.Node)
		} else {
			l.drop(node.Callee)
		}
	}
}

// instead puts a longer way to a value for the shorter one.
func (l *lookedAt) instead(of, n ast.Node) {
	if i := slices.Index(l.found, of); i >= 0 {
		l.found[i] = n
	}
}

func (l *lookedAt) drop(n ast.Node) {
	l.found = slices.DeleteFunc(l.found, func(f ast.Node) bool { return f == n })
}

// reads compiles what was found.
func (l *lookedAt) reads() []engine.Read {
	var list []engine.Read
	for _, n := range l.found {
		name := n.String()
		if slices.ContainsFunc(list, func(have engine.Read) bool { return have.Name == name }) {
			continue
		}
		if x := l.b.compile(n); x != nil {
			list = append(list, engine.Read{Name: name, Expr: x})
		}
	}
	return list
}
