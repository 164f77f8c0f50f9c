package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/expr-lang/expr/ast"

	"vertigo/engine"
)

// hidden reports rules that never fire since an earlier one matches all that
// they would. A file may hide rules that it includes: that is what including is
// for.
func (f *flow) hidden() {
	earlier := map[hidingKey][]hiding{}
	for _, r := range f.rules {
		if r.faulty || len(r.On) == 0 {
			continue
		}
		terms, known := f.terms(r)
		if !known {
			continue
		}
		if by := f.hiderOf(r, terms, earlier); by != nil {
			name := r.node.child("name")
			f.rule = r.Name
			f.own(hiddenRule, name, name.pos, fmt.Sprintf("the rule never fires: %q (%s) comes first, for all that this one is for", by.Name, by.node.pos), "put the rule with the narrower condition first, or let the other one say also = true")
		}
		if !r.Also && len(r.Limit) == 0 && len(r.Beyond) == 0 {
			under := ""
			for _, term := range terms { // the longest says most, and so fewest rules share it
				if len(term) > len(under) {
					under = term
				}
			}
			for _, typ := range typesOf(r.On) {
				key := hidingKey{under, typ}
				earlier[key] = append(earlier[key], hiding{r, terms})
			}
		}
	}
	f.rule = ""
}

// A hidingKey finds the rules that may hide another one: by a part of their
// condition ("" for those without), and by a message type.
type hidingKey struct{ term, typ string }

const anyType = "*"

// typesOf lists the types that patterns name outright, and anyType if there are
// others.
func typesOf(on []engine.Pattern) []string {
	var list []string
	for _, p := range on {
		typ := p.Type
		if strings.ContainsAny(typ, "*?[") {
			typ = anyType
		}
		if !slices.Contains(list, typ) {
			list = append(list, typ)
		}
	}
	return list
}

// A hiding is a rule that may hide later ones.
type hiding struct {
	flowRule
	terms []string
}

// hiderOf returns a rule that hides another one; nil if there is none.
func (f *flow) hiderOf(r flowRule, terms []string, earlier map[hidingKey][]hiding) *hiding {
	for _, term := range append([]string{""}, terms...) {
		for _, typ := range []string{r.On[0].Type, anyType} {
			list := earlier[hidingKey{term, typ}]
			for i := range list {
				if f.hides(&list[i], r, terms) {
					return &list[i]
				}
			}
		}
	}
	return nil
}

func (f *flow) hides(e *hiding, r flowRule, terms []string) bool {
	switch {
	case e.New != r.New || e.inCall != r.inCall || e.OfConnection != r.OfConnection || e.NewConnection != r.NewConnection:
	case len(e.In) > 0 && (len(r.In) == 0 || !allIn(r.In, e.In)):
	case !allIn(e.terms, terms):
	case f.loader.includes(e.node.pos.File, r.node.pos.File):
	default:
		return f.hearsAll(e.On, r.On)
	}
	return false
}

// allIn says whether list has all of some.
func allIn(some, list []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(list, s) })
}

// hearsAll says whether wide is for each message that narrow is for.
func (f *flow) hearsAll(wide, narrow []engine.Pattern) bool {
	return !slices.ContainsFunc(narrow, func(n engine.Pattern) bool {
		return !slices.ContainsFunc(wide, func(w engine.Pattern) bool { return f.covers(w, n) })
	})
}

func (f *flow) covers(w, n engine.Pattern) bool {
	if w.Type != n.Type && w.Type != "*" {
		if ok, err := path.Match(w.Type, n.Type); !ok || err != nil || strings.ContainsAny(n.Type, "*?[") {
			return false
		}
	}
	if w.Transport == n.Transport {
		return true
	}
	hears := func(pattern, name, group string) bool {
		return globs(pattern, name) || group != "" && globs(pattern, group)
	}
	for _, p := range append(slices.Clone(f.opts.Peers), engine.Peer{Name: "engine"}) {
		if hears(n.Transport, p.Name, p.Group) && !hears(w.Transport, p.Name, p.Group) {
			return false
		}
	}
	return true
}

// terms gives what a rule's condition demands, each part that && joins as
// expressions are printed; known is false if it means something to this rule
// alone.
func (f *flow) terms(r flowRule) (list []string, known bool) {
	when := r.node.child("when")
	if when == nil {
		return nil, true
	}
	tree := f.trees[f.exprKey(when.text, f.scopeOf(r.node), conditionOptions)]
	if tree == nil || r.node.child("let") != nil {
		return nil, false
	}
	split(tree, func(n ast.Node) {
		if always, ok := n.(*ast.BoolNode); !ok || !always.Value {
			list = append(list, n.String())
		}
	})
	return list, true
}

// split gives the parts that && joins.
func split(n ast.Node, part func(ast.Node)) {
	if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "&&" || b.Operator == "and") {
		split(b.Left, part)
		split(b.Right, part)
		return
	}
	part(n)
}

// nearlyReplaces reports rules that were probably meant to replace an included
// one: they are for the same messages, and have nearly its name.
func (l *loader) nearlyReplaces(own, base []*rule) {
	replaced := rulesByName(own)
	for _, r := range own {
		for _, b := range base {
			if b.name == r.name {
				break
			}
			if replaced[b.name] != nil || !nearlySame(r.name, b.name) || !sameMessages(r.node, b.node) {
				continue
			}
			name := r.node.child("name")
			l.report(nearName, name, name.pos, "the rule replaces none: no included one has just this name", fmt.Sprintf("did you mean %q?", b.name))
			break
		}
	}
}

// nearlySame says whether two names differ in no more than letters that are easy
// to get wrong. Digits are not: they are what tells rules of a series apart.
func nearlySame(a, b string) bool {
	const least, most = 10, 2
	if len(a) < least || len(a)-len(b) > most*2 || len(b)-len(a) > most*2 {
		return false
	}
	letters := func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}
	digits := func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}
	x, y := strings.Map(letters, a), strings.Map(letters, b)
	return strings.Map(digits, a) == strings.Map(digits, b) && distance([]rune(x), []rune(y), most) <= most
}

func sameMessages(a, b *node) bool {
	for _, p := range patternsIn(a.child("on")) {
		if slices.Contains(patternsIn(b.child("on")), p) {
			return true
		}
	}
	return false
}
