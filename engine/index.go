package engine

import (
	"bytes"
	"slices"
)

// indexFrom is how many rules must compare one field before an index of its
// values is worth a look-up.
const indexFrom = 6

// An index finds the rules that can match without looking at each: rules that
// demand a text or a number in a field are found by that.
type index struct {
	rules []candidate // all, in order, if nothing is indexed

	path, variable int // the field that most of the rules compare; -1: none
	byText         map[string][]candidate
	byNumber       map[int][]candidate
	rest           *index // rules that do not compare it; nil: nothing is indexed
}

// A candidate is a rule that can match; if it is certain, its condition is known
// to hold.
type candidate struct {
	*Rule
	certain bool
}

func newIndex(rules []*Rule) *index {
	x := &index{path: -1, variable: -1}
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
		for _, r := range rules {
			x.rules = append(x.rules, candidate{r, r.When == nil})
		}
		return x
	}
	x.path, x.variable = best.Path, best.Var
	x.byText, x.byNumber = map[string][]candidate{}, map[int][]candidate{}
	var rest []*Rule
	for _, r := range rules {
		eq := slices.IndexFunc(r.Equals, func(e Equals) bool { return e.Path == x.path && e.Var == x.variable })
		if eq < 0 {
			rest = append(rest, r)
			continue
		}
		addTo(x.byText, r.Equals[eq].Texts, r)
		addTo(x.byNumber, r.Equals[eq].Numbers, r)
	}
	x.rest = newIndex(rest)
	return x
}

// empty says whether no rule is in it.
func (x *index) empty() bool { return len(x.rules) == 0 && x.rest == nil }

// addTo adds a rule under each value, once.
func addTo[V comparable](m map[V][]candidate, values []V, r *Rule) {
	for _, v := range values {
		if list := m[v]; len(list) == 0 || list[len(list)-1].Rule != r {
			m[v] = append(list, candidate{r, r.EqualsOnly})
		}
	}
}

// find returns the rules that demand what the field holds.
func (x *index) find(f *Frame) []candidate {
	var v Value
	if x.path >= 0 {
		v = f.MsgRaw(x.path)
	} else {
		v = f.VarRaw(x.variable)
	}
	if inside, ok := v.Inside(); ok && bytes.IndexByte(inside, '\\') < 0 {
		return x.byText[string(inside)]
	}
	switch v := v.get().(type) {
	case string:
		return x.byText[v]
	case int:
		return x.byNumber[v]
	case float64:
		if n := int(v); float64(n) == v {
			return x.byNumber[n]
		}
	}
	return nil
}

// candidates returns the rules that can match, in order, using scratch for the
// list where one must be made.
func (x *index) candidates(f *Frame, scratch []candidate) []candidate {
	if x.rest == nil {
		return x.rules
	}
	list, runs := scratch[:0], 0
	for ; x.rest != nil; x = x.rest {
		if found := x.find(f); len(found) > 0 {
			list = append(list, found...)
			runs++
		}
	}
	if len(x.rules) > 0 {
		list = append(list, x.rules...)
		runs++
	}
	if runs > 1 {
		slices.SortFunc(list, func(a, b candidate) int { return a.order - b.order })
	}
	return list
}
