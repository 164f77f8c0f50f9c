package engine

import "slices"

// indexFrom is how many rules must compare one field before an index of its
// values is worth a look-up.
const indexFrom = 6

// An index finds the rules that can match without looking at each: rules that
// demand a text in a field are found by that text.
type index struct {
	rules []*Rule // all, in order; what is tried if nothing is indexed

	path, variable int // the field that most of the rules compare; -1: none
	byText         map[string][]*Rule
	rest           *index // rules that do not compare it
}

func newIndex(rules []*Rule) *index {
	x := &index{rules: rules, path: -1, variable: -1}
	best, count := Equals{Path: -1, Var: -1}, map[[2]int]int{}
	for _, r := range rules {
		for _, eq := range r.Equals {
			k := [2]int{eq.Path, eq.Var}
			count[k]++
			if n := count[k]; n >= indexFrom && n > count[[2]int{best.Path, best.Var}] {
				best = eq
			}
		}
	}
	if best.Path < 0 && best.Var < 0 {
		return x
	}
	x.path, x.variable = best.Path, best.Var
	x.byText = map[string][]*Rule{}
	var rest []*Rule
	for _, r := range rules {
		eq := slices.IndexFunc(r.Equals, func(e Equals) bool { return e.Path == x.path && e.Var == x.variable })
		if eq < 0 {
			rest = append(rest, r)
			continue
		}
		for _, text := range r.Equals[eq].Texts {
			if list := x.byText[text]; len(list) == 0 || list[len(list)-1] != r {
				x.byText[text] = append(list, r)
			}
		}
	}
	x.rest = newIndex(rest)
	return x
}

// candidates returns the rules that can match, in order, using scratch for the
// list where one must be made.
func (x *index) candidates(f *Frame, scratch []*Rule) []*Rule {
	if x.byText == nil {
		return x.rules
	}
	list, runs := scratch[:0], 0
	for ; x.byText != nil; x = x.rest {
		if found := x.byText[string(f.fieldText(x.path, x.variable))]; len(found) > 0 {
			list = append(list, found...)
			runs++
		}
	}
	if len(x.rules) > 0 {
		list = append(list, x.rules...)
		runs++
	}
	if runs > 1 {
		slices.SortFunc(list, func(a, b *Rule) int { return a.order - b.order })
	}
	return list
}
