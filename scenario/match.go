package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"vertigo/rules"
)

// A Matcher stands in an expectation for values that are not written out.
type Matcher struct {
	Says  string // what it wants: "text", "text like ^a"
	match func(got any, there bool) bool
}

func is[T any](got any, there bool) bool {
	_, ok := got.(T)
	return there && ok
}

// matchers by the names that expressions have for them.
var matchers = map[string]Matcher{
	"any":     {"any value", func(_ any, there bool) bool { return there }},
	"absent":  {"nothing", func(_ any, there bool) bool { return !there }},
	"text":    {"text", is[string]},
	"number":  {"a number", is[json.Number]},
	"boolean": {"true or false", is[bool]},
	"list":    {"a list", is[[]any]},
	"table":   {"a table", is[map[string]any]},
}

func onText(says string, holds func(text string) bool) Matcher {
	return Matcher{says, func(got any, there bool) bool {
		text, ok := got.(string)
		return there && ok && holds(text)
	}}
}

var errNeedsText = errors.New("this takes text")

// matcherFunctions are those that take an argument.
var matcherFunctions = []rules.Function{
	{
		Name: "regex", Types: []any{new(func(string) Matcher)},
		Call: textMatcher(func(pattern string) (Matcher, error) {
			re, err := regexp.Compile(pattern)
			if err != nil {
				return Matcher{}, fmt.Errorf("no regular expression: %w", plainRegexp(err))
			}
			return onText("text like "+pattern, re.MatchString), nil
		}),
	},
	{
		Name: "has", Types: []any{new(func(string) Matcher)},
		Call: textMatcher(func(part string) (Matcher, error) {
			return onText(fmt.Sprintf("text with %q in it", part), func(text string) bool { return strings.Contains(text, part) }), nil
		}),
	},
	{
		Name: "lacks", Types: []any{new(func(string) Matcher)},
		Call: textMatcher(func(part string) (Matcher, error) {
			return onText(fmt.Sprintf("text without %q", part), func(text string) bool { return !strings.Contains(text, part) }), nil
		}),
	},
}

func textMatcher(make func(string) (Matcher, error)) func(args ...any) (any, error) {
	return func(args ...any) (any, error) {
		text, ok := args[0].(string)
		if !ok {
			return nil, errNeedsText
		}
		return make(text)
	}
}

func plainRegexp(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
}

// sameNumber compares what a scenario says with a JSON number, whatever its
// size.
func sameNumber(want any, got json.Number) bool {
	var w *big.Rat
	switch want := want.(type) {
	case int:
		w = new(big.Rat).SetInt64(int64(want))
	case float64:
		w = new(big.Rat).SetFloat64(want)
	case json.Number:
		w, _ = new(big.Rat).SetString(string(want))
	}
	const long = 64
	if w == nil || len(got) > long {
		return false
	}
	g, ok := new(big.Rat).SetString(string(got))
	return ok && w.Cmp(g) == 0
}
