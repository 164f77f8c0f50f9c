package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// begun begins and ends calls, so that what a test adds is all that is found.
const begun = `[[rule]]
name = "begins"
on = "matrix m.call.invite"
new = true
next = "ringing"
[[rule]]
name = "ends"
on = "matrix m.call.hangup"
next = "end"
`

// flowFindings words what is found in rules.toml: the line, the code, the
// message and the hint.
func flowFindings(t *testing.T, files map[string]string) string {
	t.Helper()
	_, found := loadFiles(files)
	var lines []string
	for _, f := range found {
		line := strings.TrimPrefix(f.Pos.String(), "rules.toml:") + " " + f.Code + " " + f.Msg
		if f.Hint != "" {
			line += " | " + f.Hint
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestHowRulesHangTogether(t *testing.T) {
	rule := func(name, on, more string) string {
		return "[[rule]]\nname = \"" + name + "\"\non = \"" + on + "\"\n" + more + "\n"
	}
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", begun, ""},
		{"a next that is computed may be any state", begun + rule("a", "verto verto.media", `next = '${ msg.params.state }'`) + rule("b", "verto verto.answer", `in = "anything"`), ""},
		{"one of two literals leads to both", begun + rule("a", "verto verto.media", `next = '${ msg.params.a == 1 ? "early" : "late" }'`) + rule("b", "verto verto.answer", `in = ["early", "late"]`), ""},
		{"the first state may have no name", rule("a", "matrix m.call.invite", "new = true") + rule("b", "verto verto.bye", "in = \"begun\"\nnext = \"end\""), ""},
		{"but then there must be such a call", begun + rule("a", "verto verto.bye", `in = "begun"`), "13:6 V102 no rule leads to the state begun | known: end, ringing"},
		{"a state in a condition", begun + rule("a", "verto verto.media", `when = 'msg.params.é == 1 || call.state in ["end", "rining"]'`),
			"13:52 V101 unknown state rining | did you mean ringing?"},
		{"a state that is there under a name that is misspelt once", begun + rule("a", "verto verto.media", "in = \"ringing\"\nnext = \"erly\"") + rule("b", "verto verto.answer", `in = "early"`) + rule("c", "verto verto.bye", `in = "early"`),
			"14:8 V103 no rule asks for the state erly | did you mean early?"},
		{"a timer may be all that ends a call", rule("a", "matrix m.call.invite", "new = true\nnext = \"x\"\ntimer.t = \"1s\"") + rule("b", "engine timer.t", `next = "end"`), ""},
		{"what begins and ends at once", rule("a", "matrix m.call.invite", "new = true\nnext = \"end\""), ""},
		{"a state that only leads to itself", rule("a", "matrix m.call.invite", "new = true\nnext = \"x\"") + rule("b", "verto verto.media", "in = \"x\"\nnext = \"x\""),
			`5:8 V104 no rule leaves the state x: a call stays in it until it is too old | a rule is for calls in it by in = "x", and ends them by next = "end"`},
		{"two states that lead to each other alone", rule("a", "matrix m.call.invite", "new = true\nnext = \"x\"") + rule("b", "verto verto.media", "in = \"x\"\nnext = \"y\"") + rule("c", "verto verto.media", "in = \"y\"\nnext = \"x\""),
			`4:1 V105 no rule ends the calls that this rule begins | a rule ends a call by next = "end"`},
		{"rules that begin calls in the same state are told once", rule("a", "matrix m.call.invite", "new = true") + rule("b", "verto verto.invite", "new = true") + rule("c", "matrix m.call.x", "new = true"),
			`4:1 V105 no rule ends the calls that this rule begins | a rule ends a call by next = "end"` + "\n" + `8:1 V105 no rule ends the calls that this rule begins | a rule ends a call by next = "end"`},
		{"what is read as call.x, call?.x and in brackets is read", begun + rule("a", "verto verto.media", `set = { x = '1', y = '2', z = '3' }`) + rule("b", "verto verto.bye", `when = 'call["x"] == 1 && call?.y == 1 && "${call.z}" == call . z'`), ""},
		{"but not in a text", begun + rule("a", "verto verto.media", `set = { x = '"call.x"' }`), "13:9 V107 call.x is set, and nothing reads it"},
		{"what the end of a call tells is read", begun + rule("a", "verto verto.media", `set = { cause = '"x"', direction = '"in"', user = '"x"', number = '"x"', answered = 'now' }`), ""},
		{"globs hear timers and buffers", begun + rule("a", "verto verto.media", "timer.t = \"1s\"\npush.b = '1'") + rule("b", "engine *", "") + "[buffer.b]\nidle = \"1s\"\n", ""},
		{"a faulty expression counts for what it names", begun + rule("a", "verto verto.media", `when = 'vars.x == tab[call.y] +'`) + rule("b", "verto verto.bye", "set = { y = '1' }") + "[vars]\nx = 1\n[table.tab]\na = 1\n",
			"13:31 V031 unexpected token EOF"},
		{"and an unknown key for the one that was meant", begun + rule("a", "verto verto.media", `whne = 'vars.x == call.y'`) + rule("b", "verto verto.bye", "set = { y = '1' }") + "[vars]\nx = 1\n",
			"13:1 V003 unknown key whne | did you mean when?"},
		{"nothing is said of what a fault in TOML may have taken away", begun + "[vars]\nx = 1\n" + "[[rule]]\nname = \"a\"\non = verto\n", "14:6 V002 expected a value, not \"verto\" | text stands in quotes"},
		{"a rule hides one with a further condition", rule("a", "verto *", "when = 'msg.a == 1'") + rule("b", "verto verto.bye", `when = 'msg.b == 2 && msg.a == 1'`),
			`6:8 V111 the rule never fires: "a" (rules.toml:1:1) comes first, for all that this one is for | put the rule with the narrower condition first, or let the other one say also = true`},
		{"a group hides its members", rule("a", "verto verto.bye", "") + rule("b", "pbx1 verto.bye", ""),
			`6:8 V111 the rule never fires: "a" (rules.toml:1:1) comes first, for all that this one is for | put the rule with the narrower condition first, or let the other one say also = true`},
		{"none of these hides another", begun +
			rule("also", "verto verto.bye", "also = true") +
			rule("one member", "pbx1 verto.bye", "") +
			rule("another condition", "verto verto.bye", "when = 'msg.a == 1'") +
			rule("a state", "verto verto.bye", `in = "ringing"`) +
			rule("within a limit", "verto verto.bye", `limit = "l"`) +
			rule("beyond it", "verto verto.bye", `beyond = "l"`) +
			rule("a let of its own", "verto verto.bye", "let = { x = 'msg.b' }\nwhen = 'x == 1'") +
			rule("another let of its own", "verto verto.bye", "let = { x = 'msg.c' }\nwhen = 'x == 1'") +
			rule("for calls alone", "verto verto.bye", "when = 'call.state != \"x1\"'") +
			rule("a call begins with it", "verto verto.bye", "new = true\nnext = \"end\"") +
			rule("the rest", "verto verto.bye", "") + "[limit.l]\nmax = 1\nper = \"1s\"\n",
			`47:23 V102 no rule leads to the state x1 | known: end, ringing`},
		{"a table of beginnings that does not say so", begun + "[table.t]\nkind = \"prefix\"\n[let]\na = 'prefix(t, call.id)'\n" + rule("x", "verto verto.bye", "when = 'a == prefix(t, \"1\")'"),
			`10:8 V119 the rules look in the table t for how a number begins, and it does not say so | say match = "prefix" in it`},
		{"one that says so, and one that is for whole numbers as well", begun + "[table.t]\nmatch = \"prefix\"\n[table.u]\n" + rule("x", "verto verto.bye", `when = 'prefix(t, call.id) == prefix(u, call.id) && u[call.id] == nil'`), ""},
		{"lets are used by lets, buffers and limits", begun + "[let]\na = 'vars.v'\nb = 'a + 1'\nc = '1'\n[vars]\nv = 1\nw = 1\n[limit.l]\nkey = 'b'\nmax = 'vars.w'\nper = \"1s\"\n[buffer.f]\ncomplete = 'len(items) > c'\n" + rule("x", "verto verto.bye", "limit = \"l\"\npush.f = '1'") + rule("y", "engine buffer.f", ""), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, flowFindings(t, map[string]string{"rules.toml": tc.text})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHowFilesHangTogether(t *testing.T) {
	base := "[[rule]]\nname = \"the far end hangs up\"\non = \"verto verto.bye\"\n[[rule]]\nname = \"room 17 writes\"\non = \"matrix m.room.message\"\nwhen = 'msg.room_id == vars.room'\n[vars]\nroom = \"!17\"\n"
	for _, tc := range []struct{ name, text, want string }{
		{"a rule may hide an included one", "include = [\"base.toml\"]\n[[rule]]\nname = \"mine\"\non = \"verto *\"\n", ""},
		{"and replace it by its name", "include = [\"base.toml\"]\n[[rule]]\nname = \"the far end hangs up\"\non = \"verto verto.bye\"\n", ""},
		{"nearly its name", "include = [\"base.toml\"]\n[[rule]]\nname = \"The far end hangs-up.\"\non = \"verto verto.bye\"\nwhen = 'msg.x == 1'\n",
			`3:8 V112 the rule replaces none: no included one has just this name | did you mean "the far end hangs up"?`},
		{"the same of a series is another rule", "include = [\"base.toml\"]\n[[rule]]\nname = \"room 18 writes\"\non = \"matrix m.room.message\"\nwhen = 'msg.x == 1'\n", ""},
		{"and so is one for other messages", "include = [\"base.toml\"]\n[[rule]]\nname = \"the far end hangs on\"\non = \"verto verto.display\"\n", ""},
		{"a file taken in twice", "include = [\"base.toml\", \"./base.toml\"]\n", "1:25 V113 ./base.toml brings in nothing that is not there already | leave it out"},
		{"a file with nothing in it", "include = [\"base.toml\", \"empty.toml\"]\n", "1:25 V113 empty.toml brings in nothing that is not there already | leave it out"},
		{"a var that stands in for one that is read", "include = [\"base.toml\"]\nvars = { room = \"!18\" }\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := flowFindings(t, map[string]string{"rules.toml": tc.text, "base.toml": base, "empty.toml": "# nothing yet\n"})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Of shipped files nothing is said, so they are looked at as a user's own.
func TestShippedRulesHangTogether(t *testing.T) {
	for _, name := range []string{"matrix-verto", "matrix-janus"} {
		if _, found := loadReal(ownFiles(t, name)); len(found) > 0 {
			t.Error(name, found)
		}
	}
}

func TestNamesAreFoundWithoutParsing(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`call.a + call?.b ?? call["c"] == call?.['d'] || call . e`, "call.a call.b call.c call.d call.e"},
		{`msg.call.vars && f(vars, routes[msg.x].y)`, "msg.call f. vars. routes. msg.x"},
		{`"call.a" + 'call.b \' call.c' + ` + "`call.d`", ""},
		{`a /* call.b's */ + 1e5 // call.c's` + "\n+ d", "a. d."},
		{`1..call.n | filter(#.x > büro) +`, "call.n filter. büro."},
		{`call["a`, "call.a"},
		{`{"a": call.b}[`, "call.b"},
		{"", ""},
	} {
		var got []string
		eachName(tc.text, func(root, field string) { got = append(got, root+"."+field) })
		if g := strings.Join(got, " "); g != tc.want {
			t.Errorf("%s: %q, want %q", tc.text, g, tc.want)
		}
	}
}
