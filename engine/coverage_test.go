package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

const coveredRules = `
[let]
known = 'msg.a == 1 && msg.b == 2'

[buffer.parts]
complete = 'len(items) > 1 || call.kind == "x"'

[[rule]]
name = "begins"
on   = "matrix begin"
when = 'known || !(msg.c == 3)'
new  = true
set  = { kind = 'msg.kind' }

[[rule]]
name = "collects"
on   = "matrix item"
push.parts = 'msg.item'

[[rule]]
name = "sends"
on   = "engine buffer.parts"
[[rule.send]]
to   = "pbx1"
type = "verto.info"
when = 'len(msg.items) > 2'

[[rule]]
name = "never"
on   = "matrix other"
when = 'known'
`

// wordCoverage gives a line for each rule, let and buffer, and one for each piece
// of a condition.
func wordCoverage(c *engine.Coverage) []string {
	var lines []string
	for _, of := range c.List() {
		lines = append(lines, fmt.Sprintf("%s %s %d", of.Kind, of.Name, of.Fired))
		for _, b := range of.Branches {
			lines = append(lines, fmt.Sprintf("  %s %s +%d -%d", b.Pos, b.Text, b.True, b.False))
		}
	}
	return lines
}

func covered(t *testing.T, messages ...string) *engine.Coverage {
	t.Helper()
	rs := loadParts(t, coveredRules)
	c := &engine.Coverage{}
	c.Add(rs)
	for _, x := range explained(t, rs, messages...) {
		c.Count(x)
	}
	return c
}

func TestCoverageCountsWhatWasAsked(t *testing.T) {
	first := covered(t,
		`matrix begin !r/c {"a":1,"b":1,"c":4}`,
		`matrix item !r/c {"item":"one"}`,
		`matrix item !r/c {"item":"two"}`,
		`matrix begin !r/d {"a":1,"b":2}`,
	)
	second := covered(t, `matrix begin !r/c {"c":3}`)
	whole := &engine.Coverage{}
	whole.Merge(first)
	whole.Merge(second)
	want := []string{
		`rule begins 2`,
		`  rules.toml:11:9 known +1 -2`,
		`  rules.toml:11:20 msg.c == 3 +1 -1`,
		`rule collects 2`,
		`rule sends 1`,
		`  rules.toml:26:9 len(msg.items) > 2 +0 -1`,
		`rule never 0`,
		`  rules.toml:31:9 known +0 -0`,
		`let known 0`,
		`  rules.toml:3:10 msg.a == 1 +2 -1`,
		`  rules.toml:3:24 msg.b == 2 +1 -1`,
		`buffer parts 0`,
		`  rules.toml:6:13 len(items) > 1 +1 -1`,
		`  rules.toml:6:31 call.kind == "x" +0 -1`,
	}
	if diff := cmp.Diff(want, wordCoverage(whole)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rules, fired, branches, seen := whole.Totals()
	if rules != 4 || fired != 3 || branches != 16 || seen != 12 {
		t.Errorf("%d of %d rules, %d of %d branches", fired, rules, seen, branches)
	}
}
