package rules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
	"vertigo/rules"
)

// outline gives a line for each part, and what it reads.
func outline(p *engine.Part, depth int) []string {
	if p == nil {
		return nil
	}
	kind := [...]string{"leaf", "and", "or", "not", "choice", "let"}[p.Kind]
	line := fmt.Sprintf("%s%s %s %s", strings.Repeat("  ", depth), kind, p.Pos[strings.Index(p.Pos, ":")+1:], p.Text)
	var reads []string
	for _, r := range p.Reads {
		reads = append(reads, r.Name)
	}
	if len(reads) > 0 {
		line += " <" + strings.Join(reads, ", ") + ">"
	}
	lines := []string{line}
	for _, sub := range p.Parts {
		lines = append(lines, outline(sub, depth+1)...)
	}
	return lines
}

func TestConditionsAreTakenApart(t *testing.T) {
	const before = "[let]\nsame = 'msg.a == 1'\nboth = 'same && msg.b == 2'\n[table.known]\n\"x\" = 1\n[[rule]]\nname = \"r\"\non = \"matrix m\"\n"
	for _, test := range []struct {
		name, rule string
		want       []string
	}{
		{"one piece", `when = 'msg.n > 3'`, []string{
			`leaf 9:9 msg.n > 3 <msg.n>`}},
		{"what && joins", `when = 'msg.n > 3 and msg["é"] == "é && é" && !(msg.c == nil)'`, []string{
			`and 9:9 msg.n > 3 and msg["é"] == "é && é" && !(msg.c == nil)`,
			`  leaf 9:9 msg.n > 3 <msg.n>`,
			`  leaf 9:23 msg["é"] == "é && é" <msg.é>`,
			`  not 9:47 !(msg.c == nil)`,
			`    leaf 9:49 msg.c == nil <msg.c>`}},
		{"|| binds less than &&", `when = '(msg.a == 1 || msg.b == 2 && msg.c == 3) && (msg.d == 4)'`, []string{
			`and 9:9 (msg.a == 1 || msg.b == 2 && msg.c == 3) && (msg.d == 4)`,
			`  or 9:10 msg.a == 1 || msg.b == 2 && msg.c == 3`,
			`    leaf 9:10 msg.a == 1 <msg.a>`,
			`    and 9:24 msg.b == 2 && msg.c == 3`,
			`      leaf 9:24 msg.b == 2 <msg.b>`,
			`      leaf 9:38 msg.c == 3 <msg.c>`,
			`  leaf 9:54 msg.d == 4 <msg.d>`}},
		{"choices, within each other", `when = 'msg.a == 1 ? msg.b == 2 : msg.c == 3 ? true : msg.d == 4'`, []string{
			`choice 9:9 msg.a == 1 ? msg.b == 2 : msg.c == 3 ? true : msg.d == 4`,
			`  leaf 9:9 msg.a == 1 <msg.a>`,
			`  leaf 9:22 msg.b == 2 <msg.b>`,
			`  choice 9:35 msg.c == 3 ? true : msg.d == 4`,
			`    leaf 9:35 msg.c == 3 <msg.c>`,
			`    leaf 9:48 true`,
			`    leaf 9:55 msg.d == 4 <msg.d>`}},
		{"lets, within each other", `when = 'both || msg.c == 3'`, []string{
			`or 9:9 both || msg.c == 3`,
			`  let 9:9 both <both>`,
			`    and 3:9 same && msg.b == 2`,
			`      let 3:9 same <same>`,
			`        leaf 2:9 msg.a == 1 <msg.a>`,
			`      leaf 3:17 msg.b == 2 <msg.b>`,
			`  leaf 9:17 msg.c == 3 <msg.c>`}},
		{"lets of the rule", "let = { mine = 'msg.z == 1' }\nwhen = 'mine && both'", []string{
			`and 10:9 mine && both`,
			`  let 10:9 mine <mine>`,
			`    leaf 9:17 msg.z == 1 <msg.z>`,
			`  let 10:17 both <both>`,
			`    and 3:9 same && msg.b == 2`,
			`      let 3:9 same <same>`,
			`        leaf 2:9 msg.a == 1 <msg.a>`,
			`      leaf 3:17 msg.b == 2 <msg.b>`}},
		{"several lines", "when = '''\n  msg.a == 1\n  && msg.b == 2'''", []string{
			"and 10:3 msg.a == 1\n  && msg.b == 2",
			`  leaf 10:3 msg.a == 1 <msg.a>`,
			`  leaf 11:6 msg.b == 2 <msg.b>`}},
		{"what cannot be split", `when = 'let n = msg.n; n > 1 && n < 9'`, []string{
			`leaf 9:9 let n = msg.n; n > 1 && n < 9 <msg.n>`}},
		{"predicates stay whole", `when = 'any(msg.list, # > 1 && # < msg.n) && not (known[msg.x] == 1)'`, []string{
			`and 9:9 any(msg.list, # > 1 && # < msg.n) && not (known[msg.x] == 1)`,
			`  leaf 9:9 any(msg.list, # > 1 && # < msg.n) <msg.list, msg.n>`,
			`  not 9:46 not (known[msg.x] == 1)`,
			`    leaf 9:51 known[msg.x] == 1 <known[msg.x], msg.x>`}},
		{"negation of a part of a comparison", `when = 'not msg.a == true && now.Hour() > 3'`, []string{
			`and 9:9 not msg.a == true && now.Hour() > 3`,
			`  leaf 9:9 not msg.a == true <msg.a>`,
			`  leaf 9:30 now.Hour() > 3 <now>`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			set, found := rules.Load([]string{"rules.toml"}, rules.Options{
				Peers: peers, Parts: true,
				ReadFile: func(string) ([]byte, error) { return []byte(before + test.rule + "\n"), nil },
			})
			if found.HasErrors() {
				t.Fatal(found)
			}
			if diff := cmp.Diff(test.want, outline(set.Rules[0].Parts, 0)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is wrong with rules is said once, whether they are taken apart or not.
func TestPartsAddNoFindings(t *testing.T) {
	const text = "[let]\nlate = 'now.Hour() > 22 && vars.x == 1'\n[vars]\nx = 1\nunread = 2\n" +
		"[[rule]]\nname = \"r\"\non = \"matrix m.call.invite\"\nnew = true\nwhen = 'late && msg.content.version == 7 && call.state == \"never\"'\n" +
		"[[rule]]\nname = \"hidden\"\non = \"matrix m.call.invite\"\nin = \"nowhere\"\nwhen = 'late && msg.content.ofer == 1'\n"
	load := func(parts bool) rules.Findings {
		_, found := rules.Load([]string{"rules.toml"}, rules.Options{
			Peers: peers, Parts: parts, ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
		})
		return found
	}
	with, without := load(true), load(false)
	if len(without) == 0 {
		t.Fatal("nothing is wrong with the rules")
	}
	if diff := cmp.Diff(without.Error(), with.Error()); diff != "" {
		t.Errorf("(-without parts +with):\n%s", diff)
	}
}

// Whatever the shipped rules ask can be taken apart, and a set without parts is
// the same but for them.
func TestShippedConditionsAreTakenApart(t *testing.T) {
	load := func(parts bool) *rules.Set {
		set, found := rules.Load([]string{"rules.toml"}, rules.Options{
			Peers: peers, Parts: parts, Vars: map[string]any{"emergency": "refuse"},
			ReadFile: func(string) ([]byte, error) { return []byte(`include = ["matrix-verto"]`), nil },
		})
		if found.HasErrors() {
			t.Fatal(found)
		}
		return set
	}
	with, without := load(true), load(false)
	if !slices.Equal(with.Paths, without.Paths) {
		t.Errorf("parts read other fields: %q instead of %q", with.Paths, without.Paths)
	}
	for i, r := range with.Rules {
		if (r.When != nil) != (r.Parts != nil) {
			t.Errorf("%s: the condition of %q is not taken apart", r.Pos, r.Name)
		}
		if without.Rules[i].Parts != nil || !slices.Equal(r.Reads, without.Rules[i].Reads) {
			t.Errorf("%s: parts make a difference to %q", r.Pos, r.Name)
		}
	}
}
