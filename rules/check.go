package rules

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"vertigo/engine"
)

// check asks a [[check]] whether a var has a value that the rules can work
// with.
func (c *compiler) check(n *node) {
	c.unknownKeys(n, checkKeys...)
	name := c.needed(n, "var", `var = "country"`)
	hint := n.child("hint")
	if hint != nil && !c.want(hint, kindString, "text") {
		return
	}
	at := c.decl.vars.nodes[name]
	if at == nil && name != "" {
		of := n.child("var")
		c.report(unknownVar, of, of.pos, "unknown var "+name, DidYouMean(name, c.decl.vars.names))
	}
	if c.needed(n, "that", `that = 'vars.country != ""'`) == "" {
		return
	}
	that := n.child("that")
	x := c.condition(that, scope{noMsg: true, check: true})
	if x == nil || at == nil {
		return
	}
	v, err := x.Eval(&engine.Frame{})
	if err == nil && v == true {
		return
	}
	msg := fmt.Sprintf("vars.%s cannot be %s", name, showVar(c.varValues[name]))
	if fault := (*EvalError)(nil); errors.As(err, &fault) {
		msg += fmt.Sprintf(": %s (in the check at %s)", fault.Msg, fault.Pos)
	}
	if inc := c.loader.brought[at]; inc != nil {
		at = inc
	}
	f := at.finding(refusedVar, at.pos, msg, "")
	if hint != nil {
		f.Hint = hint.text
	}
	if !slices.Contains(c.findings, f) { // two checks may say the same
		c.findings = append(c.findings, f)
	}
}

// needed reads text that a check must have; "" if it has none.
func (c *compiler) needed(n *node, key, hint string) string {
	x := n.child(key)
	if x == nil {
		c.report(incompleteCheck, n, n.pos, "the check has no "+key, hint)
		return ""
	}
	if !c.want(x, kindString, "text") {
		return ""
	}
	return x.text
}

// showVar words the value of a var as JSON, cut short.
func showVar(v any) string {
	const most = 60
	text, err := engine.AppendJSON(nil, v)
	if err != nil {
		return engine.Show(v)
	}
	if utf8.RuneCount(text) > most {
		return string([]rune(string(text))[:most]) + "…"
	}
	return string(text)
}
