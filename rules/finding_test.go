package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormatPutsACaretUnderTheColumn(t *testing.T) {
	at := func(col int, source, hint string) Finding {
		return Finding{Pos: Pos{"rules.toml", 3, col}, Msg: "unknown field msg.content.ofer", Source: source, Hint: hint}
	}
	for _, tc := range []struct {
		name string
		in   Finding
		want string
	}{
		{"with a hint", at(21, "when = 'msg.content.ofer != nil'", "did you mean msg.content.offer?"), `
rules.toml:3:21: error: unknown field msg.content.ofer
    when = 'msg.content.ofer != nil'
                        ^
    hint: did you mean msg.content.offer?
`},
		{"tabs stay tabs", at(3, "\t\twhen = 'x'", ""), "\nrules.toml:3:3: error: unknown field msg.content.ofer\n    \t\twhen = 'x'\n    \t\t^\n"},
		{"letters of one column", at(4, "éüwx", ""), "\nrules.toml:3:4: error: unknown field msg.content.ofer\n    éüwx\n       ^\n"},
		{"wide letters", at(3, "日本x", ""), "\nrules.toml:3:3: error: unknown field msg.content.ofer\n    日本x\n        ^\n"},
		{"combining marks", at(3, "e\u0301x", ""), "\nrules.toml:3:3: error: unknown field msg.content.ofer\n    e\u0301x\n     ^\n"},
		{"control characters", at(3, "a\x1bx\r", ""), "\nrules.toml:3:3: error: unknown field msg.content.ofer\n    a\ufffdx\n      ^\n"},
		{"end of the line", at(9, "a = 'x", ""), "\nrules.toml:3:9: error: unknown field msg.content.ofer\n    a = 'x\n          ^\n"},
		{"long lines", at(301, strings.Repeat("a", 300)+"b"+strings.Repeat("c", 300), ""), "\nrules.toml:3:301: error: unknown field msg.content.ofer\n" +
			"    …" + strings.Repeat("a", 80) + "b" + strings.Repeat("c", 79) + "…\n    " + strings.Repeat(" ", 81) + "^\n"},
		{"long hints", at(1, "a", "the hint has more words than there are columns on a terminal, and one that is 'much  longer' than others: "+strings.Repeat("x", 90)+" end"), `
rules.toml:3:1: error: unknown field msg.content.ofer
    a
    ^
    hint: the hint has more words than there are columns on a terminal, and one
          that is 'much  longer' than others:
          ` + strings.Repeat("x", 90) + `
          end
`},
		{"a file as a whole", Finding{Pos: Pos{File: "rules.toml"}, Severity: Warning, Code: "V001", Msg: "the file is empty"}, "\nrules.toml: warning: the file is empty [V001]\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			if err := Format(&out, []Finding{tc.in}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want[1:], out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFindingsAreSortedAsAReaderMeetsThem(t *testing.T) {
	f := func(file string, line, col int, msg string) Finding {
		return Finding{Pos: Pos{file, line, col}, Msg: msg, Severity: Warning}
	}
	fs := Findings{f("z.toml", 1, 1, "z"), f("b.toml", 2, 1, "third"), f("a.toml", 9, 9, "last"), f("b.toml", 1, 9, "second"), f("b.toml", 1, 2, "first"), f("b.toml", 2, 1, "third, too")}
	fs.Sort("b.toml", "a.toml")
	want := `b.toml:1:2: warning: first
b.toml:1:9: warning: second
b.toml:2:1: warning: third
b.toml:2:1: warning: third, too
a.toml:9:9: warning: last
z.toml:1:1: warning: z`
	if diff := cmp.Diff(want, fs.Error()); diff != "" {
		t.Error(diff)
	}
	if fs.HasErrors() {
		t.Error("warnings are taken for errors")
	}
	if !append(fs, Finding{}).HasErrors() {
		t.Error("an error is not seen")
	}
}

func TestDidYouMean(t *testing.T) {
	keys := []string{"name", "on", "in", "when", "new", "let", "set", "push", "timer", "cancel", "send", "limit", "next", "also"}
	for _, tc := range []struct {
		name  string
		known []string
		want  string
	}{
		{"whn", keys, "did you mean when?"},
		{"wehn", keys, "did you mean when?"},
		{"nxt", keys, "did you mean next?"},
		{"timers", keys, "did you mean timer?"},
		{"Name", keys, "did you mean name?"},
		{"msg.content.ofer", []string{"msg.content.answer", "msg.content.offer"}, "did you mean msg.content.offer?"},
		{"callid", []string{"call_id"}, "did you mean call_id?"},
		{"destination", keys, ""},
		{"x", keys, ""},
		{"x", []string{"a", "b"}, "known: a, b"},
		{"größe", []string{"grösse", "größer"}, "did you mean größer?"},
		{"x", nil, ""},
		{"", []string{"a"}, "known: a"},
	} {
		if got := DidYouMean(tc.name, tc.known); got != tc.want {
			t.Errorf("DidYouMean(%q): %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"abc", "abxc", 1}, {"abc", "axc", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	} {
		if got := distance([]rune(tc.a), []rune(tc.b), 9); got != tc.want {
			t.Errorf("distance(%q, %q): %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}
