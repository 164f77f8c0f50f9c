package rules

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

// testPeers are one Matrix side and a group of two servers.
var testPeers = []engine.Peer{
	{Name: "matrix", Protocol: engine.Protocol{Kind: "matrix", Address: []string{"room", "as", "state"}, Key: []string{"call_id"}, Scope: "room", Unscoped: []string{"user.*", "room.direct", "room.create", "query.reply"}}},
	{Name: "pbx1", Group: "verto", Protocol: engine.Protocol{Kind: "verto", Key: []string{"dialogParams.callID", "callID"}}},
	{Name: "pbx2", Group: "verto", Protocol: engine.Protocol{Kind: "verto", Key: []string{"dialogParams.callID", "callID"}}},
	{Name: "calllog", Protocol: engine.Protocol{Kind: "calllog"}},
}

// loadFiles loads rules.toml out of files by name.
func loadFiles(files map[string]string) (*Set, Findings) {
	return Load([]string{"rules.toml"}, Options{
		Peers:   testPeers,
		Unnamed: &engine.Protocol{Kind: "ws-json"},
		ReadFile: func(name string) ([]byte, error) {
			if text, ok := files[name]; ok {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		},
	})
}

// mustLoad loads rules that may do no more than a test needs, so that a warning
// is no failure.
func mustLoad(t testing.TB, files map[string]string) *Set {
	t.Helper()
	set, found := loadFiles(files)
	if set == nil {
		t.Fatalf("%v", found)
	}
	return set
}

// report words findings one a line, with the hint after a bar, without codes:
// those are TestEachKind's.
func report(found Findings) string {
	var lines []string
	for _, f := range found {
		f.Code = ""
		line := f.Error()
		if f.Hint != "" {
			line += " | " + f.Hint
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// aRule is a rule without a fault, for others to be added to.
const aRule = "[[rule]]\nname = 'r'\non = 'matrix x'\n"

func TestEachFaultIsReportedWhereItStands(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"TOML that is none", aRule + "next = 'x\n",
			`rules.toml:4:8: error: the text that begins here is not closed on its line | close the quote, or use ''' for text of several lines`},
		{"an unknown key at the top", "rules = 7\n" + aRule,
			`rules.toml:1:1: error: unknown key rules | did you mean rule?`},
		{"an unknown key of a rule", aRule + "whn = 'true'\n",
			`rules.toml:4:1: error: unknown key whn | did you mean when?`},
		{"an unknown key of a buffer", aRule + "[buffer.b]\ncomplet = 'true'\n",
			`rules.toml:5:1: error: unknown key complet | did you mean complete?`},
		{"an unknown key of a limit", aRule + "[limit.l]\nmax = 1\nper = '1m'\nwhen = 'call'\n",
			`rules.toml:7:1: error: unknown key when | known: key, max, per, while`},
		{"an unknown key of a message to send", aRule + "[[rule.send]]\nto = 'verto'\ntype = 'x'\nbdy = {}\n",
			`rules.toml:7:1: error: unknown key bdy | did you mean body?`},

		{"an expression that is none", aRule + "when = 'msg.a ==='\n",
			`rules.toml:4:17: error: unexpected token Operator("=")`},
		{"such an expression in text of several lines", aRule + "when = '''\n  msg.é == 1 &&\n  msg.b +* 2'''\n",
			`rules.toml:6:10: error: unexpected token Operator("*")`},
		{"such an expression in a template", aRule + "send = { to = 'verto', type = 'x', body.a = 'é ${ msg.a } ${ msg.b +* 2 }' }\n",
			`rules.toml:4:69: error: unexpected token Operator("*")`},
		{"types that do not go together", aRule + `when = 'msg.a > "x" && 1 > "a"'` + "\n",
			`rules.toml:4:26: error: invalid operation: > (mismatched types a whole number and text)`},
		{"a wrong argument", aRule + "when = 'sdpHold(1)'\n",
			`rules.toml:4:17: error: cannot use a whole number as argument (type text) to call sdpHold`},
		{"an unknown function", aRule + "when = 'sdpHld(msg.a)'\n",
			`rules.toml:4:9: error: unknown name sdpHld | did you mean sdpHold?`},
		{"an unknown name", aRule + "when = 'mgs.a == 1'\n",
			`rules.toml:4:9: error: unknown name mgs | did you mean msg?`},
		{"a function that has no bound", aRule + "when = 'reduce([1], #acc + #) == 1'\n",
			`rules.toml:4:9: error: unknown name reduce`},
		{"one that makes text without bound", aRule + "when = 'repeat(msg.a, 1000) == 1'\n",
			`rules.toml:4:9: error: unknown name repeat`},
		{"the whole environment", aRule + "when = '$env.msg == nil'\n",
			`rules.toml:4:9: error: unknown name $env`},
		{"a range without a constant bound", aRule + "when = 'len(1..msg.x) == 1'\n",
			`rules.toml:4:14: error: a range needs bounds that are plain numbers`},
		{"a loop within a loop", aRule + "when = 'all(msg.a, any(msg.b, # == 1))'\n",
			`rules.toml:4:20: error: a list function cannot stand inside another one's condition: its time would grow with the square of the list`},

		{"a condition that is a number", aRule + "when = '1 + 1'\n",
			`rules.toml:4:9: error: a condition must be true or false, and this is a whole number`},
		{"a condition that may be anything", aRule + "when = 'msg.a'\n",
			`rules.toml:4:9: error: a condition must be true or false, and what this is shows only at run time | compare it: … == true, or … != nil`},
		{"a condition that is no text", aRule + "when = true\n",
			`rules.toml:4:8: error: expected a condition in quotes, found true or false`},
		{"a completeness that is no condition", aRule + "[buffer.b]\ncomplete = 'len(items)'\n",
			`rules.toml:5:13: error: a condition must be true or false, and this is a whole number`},

		{"a name that two rules have", aRule + aRule,
			`rules.toml:5:8: error: two rules are called "r" | the other one stands at rules.toml:2:8`},
		{"a rule that has another one's name, and faults", aRule + aRule + "when = 'mgs.a == 1'\n",
			`rules.toml:5:8: error: two rules are called "r" | the other one stands at rules.toml:2:8
rules.toml:7:9: error: unknown name mgs | did you mean msg?`},
		{"a condition with faults in several parts", aRule + "when = 'mgs.a == 1 && !(vrs.x == 2 || cal.y) && vars.z == tabel[msg.a]'\n",
			`rules.toml:4:9: error: unknown name mgs | did you mean msg?
rules.toml:4:25: error: unknown name vrs | did you mean vars?
rules.toml:4:39: error: unknown name cal | did you mean call?
rules.toml:4:54: error: unknown field vars.z
rules.toml:4:59: error: unknown table tabel`},
		{"faults in what a function is given, and in a list", aRule + "set.x = '[vrs, {\"a\": mgs}, sdpAnswer(a, b), vars ? c : 1]'\n",
			`rules.toml:4:11: error: unknown name vrs | did you mean vars?
rules.toml:4:22: error: unknown name mgs | did you mean msg?
rules.toml:4:38: error: unknown name a
rules.toml:4:41: error: unknown name b
rules.toml:4:52: error: unknown name c`},
		{"two things that could run for long", aRule + "when = 'len(1..msg.x) == 1 && len(1..msg.y) == 1'\n",
			`rules.toml:4:14: error: a range needs bounds that are plain numbers
rules.toml:4:36: error: a range needs bounds that are plain numbers`},
		{"a fault in how right parts go together", aRule + "when = 'msg.a == 1 && 5 + \"x\" == 3'\n",
			`rules.toml:4:25: error: invalid operation: + (mismatched types a whole number and text)`},
		{"a rule without a name", "[[rule]]\non = 'matrix x'\n",
			`rules.toml:1:1: error: the rule has no name | say what it does, in words: name = "answered"`},
		{"a name that is blank", "[[rule]]\nname = ' '\non = 'matrix x'\n",
			`rules.toml:2:8: error: a rule's name is text`},
		{"a rule for nothing", "[[rule]]\nname = 'x'\n",
			`rules.toml:1:1: error: the rule does not say which messages it is for | on = "matrix m.call.invite"`},
		{"a rule in single brackets", "[rule]\nname = 'x'\non = 'matrix x'\n",
			`rules.toml:1:1: error: a rule begins with [[rule]], in double brackets`},
		{"no rule at all", "",
			`rules.toml: error: there is not a single rule | take in the shipped ones: include = ["matrix-verto"]`},

		{"an unknown table", aRule + "when = 'rotes[msg.a] == 1'\n[table]\nroutes = { a = 'b' }\n",
			`rules.toml:4:9: error: unknown table rotes | did you mean routes?`},
		{"a table whose file is missing", aRule + "[table.x]\nfile = 'did.csv'\n",
			`rules.toml:5:8: error: the table's file cannot be read: open did.csv: file does not exist`},
		{"a table whose name means something", aRule + "[table.call]\na = 1\n",
			`rules.toml:4:8: error: call cannot be the name of a table: it already means something`},
		{"an unknown var", aRule + "when = 'vars.x == 1'\n[vars]\ny = 1\n",
			`rules.toml:4:14: error: unknown field vars.x | known: y`},

		{"an unknown transport to hear", "[[rule]]\nname = 'x'\non = 'matix a'\n",
			`rules.toml:3:6: error: unknown transport matix | did you mean matrix?`},
		{"an unknown transport to send to", aRule + "send = { to = 'vrto', type = 'x' }\n",
			`rules.toml:4:15: error: unknown transport vrto | did you mean verto?`},
		{"a transport that the configuration lacks", "[[rule]]\nname = 'x'\non = ['sms a', 'sms b']\nsend = [{ to = 'sms', type = 'x' }, { to = 'sms', type = 'y', body = { a = '${ call.sms.key }' } }]\n",
			`rules.toml:3:7: error: unknown transport sms, which 4 places name | the configuration needs a transport of that name, or of the group: group = "sms"`},
		{"half a pattern", "[[rule]]\nname = 'x'\non = ['matrix a', 'matrix']\n",
			`rules.toml:3:19: error: "matrix" is not a transport and a message type | on = "matrix m.call.invite"`},
		{"a pattern that is none", "[[rule]]\nname = 'x'\non = 'matrix [a'\n",
			`rules.toml:3:6: error: "[a" is not a pattern | * stands for anything, ? for a letter, [ab] for one of some`},
		{"an address key of another protocol", aRule + "send = { to = 'verto', type = 'x', room = 'r' }\n",
			`rules.toml:4:36: error: unknown key room | known: to, type, body, when, each`},
		{"an address key that is misspelt", aRule + "send = { to = 'matrix', type = 'x', room = 'r', rom = 'r' }\n",
			`rules.toml:4:49: error: unknown key rom | did you mean room?`},
		{"a message without its address", aRule + "send = { to = 'matrix', type = 'x' }\n",
			`rules.toml:4:8: error: the message to matrix has no room | room = '${ msg.room_id }'`},
		{"and one whose type only looks as if it needed none", aRule + "send = { to = 'matrix', type = 'room.directly' }\n",
			`rules.toml:4:8: error: the message to matrix has no room | room = '${ msg.room_id }'`},
		{"a message without a type", aRule + "send = { to = 'verto' }\n",
			`rules.toml:4:8: error: the message to send has no type | say the message type: type = "verto.bye"`},
		{"a transport that is computed", aRule + "send = { to = '${ msg.x }', type = 'x' }\n",
			`rules.toml:4:15: error: to cannot be computed | send two messages, each with its own when`},
		{"a body that is no object", aRule + "send = { to = 'verto', type = 'x', body = 7 }\n",
			`rules.toml:4:43: error: expected a table, found a whole number`},
		{"a date in a body", aRule + "send = { to = 'verto', type = 'x', body.d = 1979-05-27 }\n",
			`rules.toml:4:45: error: JSON has no dates: put it in quotes`},
		{"a template that does not end", aRule + "send = { to = 'verto', type = 'x', body.d = 'x ${ msg.' }\n",
			`rules.toml:4:48: error: ${ is never closed by } | write $${ where ${ itself is meant`},
		{"a template of nothing", aRule + "send = { to = 'verto', type = 'x', body.d = '${ }' }\n",
			`rules.toml:4:46: error: ${ } holds no expression`},

		{"a file that is missing", "include = ['other.toml']\n" + aRule,
			`rules.toml:1:12: error: cannot read other.toml: file does not exist`},
		{"a rule set that is not shipped", "include = ['matrix-vert']\n" + aRule,
			`rules.toml:1:12: error: no rule set is called "matrix-vert" | did you mean matrix-verto?`},
		{"a file that includes itself", "include = ['rules.toml']\n" + aRule,
			`rules.toml:1:12: error: the file includes itself: rules.toml includes rules.toml`},
		{"an include that is no list", "include = 7\n" + aRule,
			`rules.toml:1:11: error: include is a list of files | include = ["matrix-verto"]`},

		{"a variable that no rule sets", aRule + "when = 'call.nubmer == 1'\nset = { number = '1' }\n",
			`rules.toml:4:14: error: call.nubmer is never set by any rule | did you mean number?`},
		{"a variable that the engine sets", aRule + "set = { id = '1' }\n",
			`rules.toml:4:9: error: id cannot be the name of a variable: there is already something of that name`},
		{"a variable that no expression can name", aRule + "set = { 'a b' = '1' }\n",
			`rules.toml:4:9: error: a b cannot be the name of a variable | a name has letters, digits and _, and begins with no digit`},
		{"a call as a value", aRule + "set = { a = '1' }\nwhen = 'len(call) == 1'\n",
			`rules.toml:5:13: error: call is no value by itself | name a field of it`},
		{"a side of a call as a value", aRule + "when = 'call.matrix == nil'\n",
			`rules.toml:4:9: error: call.matrix is no value by itself | name a field of it`},
		{"an unknown buffer to push to", aRule + "push.cands = '1'\n[buffer.candidates]\n",
			`rules.toml:4:6: error: unknown buffer cands | known: candidates`},
		{"an unknown buffer to hear", "[[rule]]\nname = 'x'\non = 'engine buffer.x'\n",
			`rules.toml:3:14: error: unknown buffer x`},
		{"a buffer that holds nothing", aRule + "[buffer.b]\nlimit = 0\n",
			`rules.toml:5:9: error: a buffer holds at least one item`},
		{"a buffer's time that is none", aRule + "[buffer.b]\nidle = 'soon'\n",
			`rules.toml:5:8: error: "soon" is not a duration such as "500ms" or "1m30s"`},
		{"a buffer that asks for the message", aRule + "[buffer.b]\ncomplete = 'msg.x == 1'\n",
			`rules.toml:5:13: error: unknown name msg`},
		{"a buffer that asks for a let of the message", aRule + "[buffer.b]\ncomplete = 'x == 1'\n[let]\nx = 'msg.x'\n",
			`rules.toml:5:13: error: unknown name x | that let reads the message, and here there is none`},
		{"an unknown timer to cancel", aRule + "cancel = 'x'\ntimer.expire = 'msg.x'\n",
			`rules.toml:4:10: error: unknown timer x | known: expire`},
		{"a timer that nothing starts", "[[rule]]\nname = 'x'\non = 'engine timer.x'\n",
			`rules.toml:3:14: error: no rule starts a timer called x`},
		{"a timer of no time", aRule + "timer.b = '0s'\n",
			`rules.toml:4:11: error: the time must be more than nothing`},
		{"a word that the engine does not say", "[[rule]]\nname = 'x'\non = 'engine cal.end'\n",
			`rules.toml:3:14: error: the engine says no cal.end | did you mean call.end?`},
		{"an unknown limit", aRule + "limit = ['often']\n[limit.oftn]\nmax = 1\nper = '1s'\n",
			`rules.toml:4:10: error: unknown limit often | did you mean oftn?`},
		{"an unknown limit to be beyond", aRule + "beyond = 'often'\n[limit.oftn]\nmax = 1\nper = '1s'\n",
			`rules.toml:4:10: error: unknown limit often | did you mean oftn?`},
		{"a limit to be within and beyond", aRule + "limit = 'a'\nbeyond = ['b', 'a']\n[limit]\na = { max = 1, per = '1s' }\nb = { max = 1, per = '1s' }\n",
			`rules.toml:5:1: error: the rule cannot be within the limit a and beyond it | make two rules, one for each`},
		{"a limit without a number", aRule + "[limit.l]\nper = '1s'\n",
			`rules.toml:4:1: error: the limit has no max`},
		{"a limit below nothing", aRule + "[limit.l]\nmax = -1\nper = '1s'\n",
			`rules.toml:5:7: error: max is a whole number from 0 on`},
		{"a limit of nothing in particular", aRule + "[limit.l]\nmax = 1\n",
			`rules.toml:4:1: error: the limit says neither per when nor while what | per = "1m" for a time, while = "call" for calls at once`},
		{"a limit of two things", aRule + "[limit.l]\nmax = 1\nper = '1s'\nwhile = 'call'\n",
			`rules.toml:7:1: error: a limit has per or while, not both | make two limits: a rule can name both`},
		{"a rule that begins a call in a state", aRule + "new = true\nin = 'x'\n",
			`rules.toml:5:1: error: a rule that begins a call cannot ask for a state | leave out in, or new`},
		{"a check in single brackets", aRule + "[vars]\nv = 1\n[check]\nvar = 'v'\nthat = 'vars.v == 1'\n",
			`rules.toml:6:1: error: a check begins with [[check]], in double brackets`},
		{"a check that is no table", "check = ['x']\n" + aRule,
			`rules.toml:1:10: error: a check is a table, not text`},
		{"an unknown key of a check", aRule + "[vars]\nv = 1\n[[check]]\nvar = 'v'\nthat = 'vars.v == 1'\nhnt = 'x'\n",
			`rules.toml:9:1: error: unknown key hnt | did you mean hint?`},
		{"a check of nothing", aRule + "[[check]]\nthat = 'true'\n",
			`rules.toml:4:1: error: the check has no var | var = "country"`},
		{"a check of an unknown var", aRule + "[vars]\ncountry = 1\n[[check]]\nvar = 'contry'\nthat = 'vars.country == 1'\n",
			`rules.toml:7:7: error: unknown var contry | did you mean country?`},
		{"a check without a condition", aRule + "[vars]\nv = 1\n[[check]]\nvar = 'v'\n",
			`rules.toml:6:1: error: the check has no that | that = 'vars.country != ""'`},
		{"a check that is no condition", aRule + "[vars]\nv = 1\n[[check]]\nvar = 'v'\nthat = 'vars.v + 1'\n",
			`rules.toml:8:9: error: a condition must be true or false, and this is a whole number`},
		{"a check of an unknown name", aRule + "[vars]\nv = 1\n[[check]]\nvar = 'v'\nthat = 'vars.v == w'\n",
			`rules.toml:8:19: error: unknown name w`},
		{"a check that reads the message", aRule + "[vars]\nv = 1\n[[check]]\nvar = 'v'\nthat = 'vars.v == msg.v'\n",
			`rules.toml:8:19: error: a check cannot read msg | it is asked when the rules are loaded: of vars, tables and functions`},
		{"a check that reads the call", aRule + "[vars]\nv = 1\n[[check]]\nvar = 'v'\nthat = 'call.id == vars.v'\n",
			`rules.toml:8:9: error: a check cannot read call | it is asked when the rules are loaded: of vars, tables and functions`},
		{"a check that reads the clock", aRule + "[vars]\nv = 1\n[[check]]\nvar = 'v'\nthat = 'now.Year() == vars.v'\n",
			`rules.toml:8:9: error: a check cannot read now | it is asked when the rules are loaded: of vars, tables and functions`},
		{"a check that reads a let", aRule + "[vars]\nv = 1\n[let]\nx = 'vars.v'\n[[check]]\nvar = 'v'\nthat = 'x == 1'\n",
			`rules.toml:10:9: error: a check cannot read x | it is asked when the rules are loaded: of vars, tables and functions`},
		{"the machine's time zone", aRule + "when = 'now.Local().Hour() == 1'\n",
			`rules.toml:4:13: error: Local() is the time zone of whatever machine this runs on: name one, as in now.In(timezone("Europe/London"))`},
		{"a call that always fails", aRule + "when = 'now.In(timezone(\"Europe/Lundon\")).Hour() == 1'\n",
			`rules.toml:4:16: error: timezone: argument 1 must be a time zone such as "Europe/London", not "Europe/Lundon"`},
		{"a day of the week that is compared with its name", aRule + "when = 'now.Weekday() == \"Sunday\"'\n",
			`rules.toml:4:23: error: invalid operation: == (mismatched types a whole number and text)`},
		{"a time that lacks a method", aRule + "when = 'london.Houur() == 1'\n[let]\nlondon = 'now.In(timezone(\"Europe/London\"))'\n",
			`rules.toml:4:16: error: a time has no method Houur`},
		{"a flag that is none", aRule + "also = 'yes'\n",
			`rules.toml:4:8: error: expected true or false, found text`},
		{"a state that is none", aRule + "next = 7\n",
			`rules.toml:4:8: error: expected text, found a whole number`},
		{"a table that is called", "[[rule]]\nname = 'r'\non = 'matrix x'\nwhen = '\"é\" != \"\" && t(\"1\") == 1 && prefix(\"t\", \"1\") == 1'\n[table.t]\na = 1\n",
			`rules.toml:4:22: error: t is a table, and no function | t[…] looks something up in it
rules.toml:4:44: error: cannot use text as argument (type a table) to call prefix`},
		{"a table in quotes", "[[rule]]\nname = 'r'\non = 'matrix x'\nwhen = 'prefix(\"t\", \"1\") == 1'\n[table.t]\na = 1\n",
			`rules.toml:4:16: error: cannot use text as argument (type a table) to call prefix`},
		{"lets that use each other", aRule + "[let]\na = '1'\nx = 'y + a'\ny = 'x + a'\n",
			`rules.toml:7:6: error: unknown name x | a let cannot use itself: x uses y uses x`},
		{"a let that uses itself", aRule + "[let]\nx = 'x + 1'\n",
			`rules.toml:5:6: error: unknown name x | a let cannot use itself: x uses x`},
		{"a rule's let that comes later", aRule + "let = { a = 'b', b = '1' }\n",
			`rules.toml:4:14: error: unknown name b | a rule's let may use those before it`},
		{"a let whose name means something", aRule + "[let]\nnow = '1'\n",
			`rules.toml:5:1: error: now cannot be the name of a let: it already means something`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set, found := loadFiles(map[string]string{"rules.toml": tc.text})
			// Beside the fault, so small a file uses little of what it declares.
			found = slices.DeleteFunc(found, func(f Finding) bool { return f.Severity == Warning })
			if diff := cmp.Diff(tc.want, report(found)); diff != "" {
				t.Error(diff)
			}
			if set != nil {
				t.Error("a faulty set can be used")
			}
			for _, f := range found {
				if line := strings.Split(tc.text, "\n")[max(f.Pos.Line, 1)-1]; f.Source != line {
					t.Errorf("the source line is %q, want %q", f.Source, line)
				}
			}
		})
	}
}

func TestAllFaultsAreReportedAtOnceAndInOrder(t *testing.T) {
	set, found := loadFiles(map[string]string{
		"rules.toml": `include = ["more.toml", "gone.toml"]
[vars]
x = 1
[[rule]]
name = "one"
on = "matrx a"
wen = "true"
when = "msg.a = 1"
set = { a = "vars.y", b = "nope(1)" }
send = [{ to = "verto", type = "x", body = { a = "${ call.c }", b = "${ tabel[1] }" } }, { to = "vert", tpe = "y" }]
[[rule]]
name = "one"
on = "matrix a"
[limit.l]
max = "many"
per = "1 minute"
[[rule]]
name = "two" extra
on = "matrix b"
[[rule]]
name = "three"
on = "matrix c"
when = "mgs == nil"
`,
		"more.toml": `[[rule]]
name = "more"
on = "verto b"
cancel = "nothing"
[table.routes]
file = "routes.csv"
`,
		"routes.csv": "number,to\n49,a\n49,b\n50\n",
	})
	want := `rules.toml:1:25: error: cannot read gone.toml: file does not exist
rules.toml:6:6: error: unknown transport matrx | did you mean matrix?
rules.toml:7:1: error: unknown key wen | did you mean when?
rules.toml:8:15: error: unexpected token Operator("=")
rules.toml:9:19: error: unknown field vars.y | known: x
rules.toml:9:28: error: unknown name nope
rules.toml:10:59: error: call.c is never set by any rule
rules.toml:10:73: error: unknown table tabel
rules.toml:10:90: error: the message to send has no type | say the message type: type = "verto.bye"
rules.toml:10:97: error: unknown transport vert | did you mean verto?
rules.toml:12:8: error: two rules are called "one" | the other one stands at rules.toml:5:8
rules.toml:15:8: error: unknown name many
rules.toml:16:7: error: "1 minute" is not a duration such as "500ms" or "1m30s"
rules.toml:18:14: error: expected the end of the line, not 'e'
rules.toml:23:9: error: unknown name mgs | did you mean msg?
more.toml:4:10: error: unknown timer nothing
routes.csv:3:1: error: "49" has an entry already, on line 2
routes.csv:4:1: error: the row has 1 column, the first row names 2`
	if diff := cmp.Diff(want, report(found)); diff != "" || set != nil {
		t.Error(diff, set)
	}
}

func names(set *Set) (list []string) {
	for _, r := range set.Rules {
		list = append(list, r.Name+" "+r.Pos)
	}
	return list
}

func TestIncludes(t *testing.T) {
	rule := func(name string) string {
		return "[[rule]]\nname = '" + name + "'\non = 'matrix x'\nwhen = 'msg.x == \"" + name + "\"'\n"
	}
	t.Run("own rules come first, and replace by name where the other one stood", func(t *testing.T) {
		set := mustLoad(t, map[string]string{
			"rules.toml":    "include = ['sub/base.toml', 'more.toml']\n" + rule("own") + rule("b") + rule("own, too"),
			"sub/base.toml": "include = ['deep.toml']\n" + rule("a") + rule("b") + rule("c"),
			"sub/deep.toml": rule("deep") + rule("c"),
			"more.toml":     rule("more"),
		})
		want := []string{
			"own rules.toml:2:1", "own, too rules.toml:10:1",
			"a sub/base.toml:2:1", "b rules.toml:6:1",
			"deep sub/deep.toml:1:1", "c sub/base.toml:10:1",
			"more more.toml:1:1",
		}
		if diff := cmp.Diff(want, names(set)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"rules.toml", "sub/base.toml", "sub/deep.toml", "more.toml"}, set.Files); diff != "" {
			t.Errorf("files:\n%s", diff)
		}
	})
	t.Run("a let that stands in for an included one may use lets that only its own file has", func(t *testing.T) {
		set := mustLoad(t, map[string]string{
			"rules.toml": "include = [\"base.toml\"]\n[let]\nl = 'own + \"3\"'\nown = '\"2\"'\n" + aRule + "[[rule.send]]\nto = \"pbx1\"\ntype = \"y\"\nbody = { m = '${ m }' }\n",
			"base.toml":  "[let]\nl = '\"1\"'\nm = 'l + \"4\"'\n",
		})
		if got, want := send(t, set, `{}`), `{"m":"234"}`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
	t.Run("own vars, tables, lets, buffers and limits stand in for those of the same name", func(t *testing.T) {
		set := mustLoad(t, map[string]string{
			"rules.toml": `include = ["base.toml"]
[vars]
a = 2
[table.t]
x = 2
[let]
l = "2"
[limit.m]
max = 5
per = "1h"
[buffer.f]
limit = 7
`,
			"base.toml": `
[vars]
a = 1
b = 1
[table.t]
x = 1
[table.u]
x = 1
[let]
l = "1"
m = "l + 1"
[limit.m]
max = 1
per = "1m"
[buffer.f]
limit = 3
[[rule]]
name = "r"
on = "matrix x"
send = { to = "pbx1", type = "y", body = { a = "${ vars.a }", b = "${ vars.b }", t = "${ t.x }", u = "${ u.x }", l = "${ l }", m = "${ m }" } }
`,
		})
		if got, want := send(t, set, `{}`), `{"a":2,"b":1,"t":2,"u":1,"l":2,"m":3}`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if set.Limits[0].Per != time.Hour || set.Buffers[0].Limit != 7 {
			t.Errorf("%+v, %+v", set.Limits[0], set.Buffers[0])
		}
	})
	t.Run("a circle is reported where it closes", func(t *testing.T) {
		_, found := loadFiles(map[string]string{
			"rules.toml": "include = ['a.toml']\n" + aRule,
			"a.toml":     "include = ['b.toml']\n",
			"b.toml":     "\ninclude = [\n'a.toml']\n",
		})
		if got, want := report(found), "b.toml:3:1: error: the file includes itself: rules.toml includes a.toml includes b.toml includes a.toml"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
	t.Run("two included files with a rule of one name", func(t *testing.T) {
		_, found := loadFiles(map[string]string{
			"rules.toml": "include = ['a.toml', 'b.toml']\n",
			"a.toml":     rule("x"), "b.toml": rule("x"),
		})
		if got, want := report(found), `rules.toml:1:22: error: two included files have a rule called "x"`; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
	t.Run("the shipped rules load without a finding", func(t *testing.T) {
		set, found := loadFiles(map[string]string{"rules.toml": "include = ['matrix-verto']\n[vars]\nemergency = 'refuse'\n"})
		if set == nil || len(found) > 0 {
			t.Fatal(found)
		}
		if len(set.Rules) == 0 || len(set.Files) != 1 {
			t.Errorf("%d rules, files %q", len(set.Rules), set.Files)
		}
	})
}

func TestFilesBesideEachOtherAreOneRuleSet(t *testing.T) {
	files := map[string]string{
		"a.toml": "[vars]\nx = 1\n[[rule]]\nname = 'a'\non = 'matrix x'\n",
		"b.toml": "[vars]\nx = 2\n[[rule]]\nname = 'b'\non = 'matrix z'\nwhen = 'vars.x == 1'\n[[rule]]\nname = 'a'\non = 'matrix y'\n",
	}
	_, found := Load([]string{"a.toml", "b.toml"}, Options{Peers: testPeers, ReadFile: func(name string) ([]byte, error) { return []byte(files[name]), nil }})
	if got, want := report(found), `b.toml:8:8: error: two rules are called "a" | the other one stands at a.toml:4:8`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestShippedRuleSetsCanBeRead(t *testing.T) {
	for _, name := range Shipped() {
		if src, err := ReadShipped(name); err != nil || len(src) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(src), err)
		}
	}
	if _, err := ReadShipped("matrix-vert"); err == nil || err.Error() != `no rule set is called "matrix-vert" (did you mean matrix-verto?)` {
		t.Errorf("%v", err)
	}
	if _, err := ReadShipped("other"); err == nil || err.Error() != `no rule set is called "other" (vertigo rules lists them)` {
		t.Errorf("%v", err)
	}
}

// send lets a set of one rule act on a message "matrix x" and returns the body
// that it sends; an error is a failure of the test.
func send(t testing.TB, set *Set, msg string) string {
	t.Helper()
	out, err := trySend(set, msg)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func trySend(set *Set, msg string) (string, error) {
	var fault error
	e := engine.New(set.Ruleset, engine.Options{Observe: func(tr engine.Trace) { fault = tr.Err }})
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	out := e.Step(at, engine.Message{Transport: "matrix", Type: "x", At: at, Body: []byte(msg)})
	var bodies []string
	for _, a := range out {
		bodies = append(bodies, string(a.Body))
	}
	return strings.Join(bodies, "\n"), fault
}

// sendCall is send for a message that begins a call.
func sendCall(t testing.TB, set *Set, msg string) string {
	t.Helper()
	e := engine.New(set.Ruleset, engine.Options{Observe: func(tr engine.Trace) {
		if tr.Err != nil {
			t.Error(tr.Err)
		}
	}})
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	out := e.Step(at, engine.Message{Transport: "matrix", Type: "x", Key: "c", Scope: "!r", At: at, Body: []byte(msg)})
	if len(out) != 1 {
		t.Fatalf("%d messages were sent", len(out))
	}
	return string(out[0].Body)
}

func TestTablesAreReadFromFilesAndLookedUp(t *testing.T) {
	set := mustLoad(t, map[string]string{
		"rules.toml": "include = ['rules/more.toml']\n",
		"rules/more.toml": aRule + `
[[rule.send]]
to = "pbx1"
type = "y"
body = { did = '${ did[msg.n] }', none = '${ did["0"] }', to = '${ routes[msg.n].to }', via = '${ routes[msg.n].via ?? "none" }', longest = '${ prefix(did, msg.n) }', own = '${ own[msg.key] }', list = '${ own.list }' }
[table.did]
file = "did.csv"
[table.routes]
file = "routes.csv"
match = "prefix"
[table.own]
"a b" = { x = 1 }
list = [1, "2"]
`,
		"rules/did.csv":    "number,to\n4930,\"Berlin, Mitte\"\n49,Germany\n",
		"rules/routes.csv": "prefix,to,via\n49,pbx1,a\n4930,pbx2,b\n",
	})
	got := send(t, set, `{"n":"4930","key":"a b"}`)
	want := `{"did":"Berlin, Mitte","to":"pbx2","via":"b","longest":"Berlin, Mitte","own":{"x":1},"list":[1,"2"]}`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	got = send(t, set, `{"n":"49301234","key":7}`)
	want = `{"to":"pbx2","via":"b","longest":"Berlin, Mitte","list":[1,"2"]}`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if diff := cmp.Diff([]string{"rules.toml", "rules/more.toml", "rules/did.csv", "rules/routes.csv"}, set.Files); diff != "" {
		t.Errorf("files:\n%s", diff)
	}
}

// An expression that is too long is not read: what reads it has a stack as deep
// as its operators are nested.
func TestLongExpressions(t *testing.T) {
	long := strings.Repeat("!", 900_000) + "true"
	const why = "the expression has more than 16384 bytes | what it looks up can stand in a table, and its parts can be lets"
	for _, tc := range []struct{ name, text, want string }{
		{"a condition", aRule + "when = '" + long + "'\n", "rules.toml:4:9: error: " + why},
		{"a let that nothing uses, and one that is", "[let]\na = '" + long + "'\n" + aRule + "when = 'a == 1'\n", "rules.toml:2:6: error: " + why},
		{"a state", aRule + "next = '${ " + long + " }'\n", "rules.toml:4:11: error: " + why},
		{"a body", aRule + "send = { to = 'verto', type = 'x', body.a = 'x ${ " + long + " }' }\n", "rules.toml:4:50: error: " + why},
		{"a part of a body that is not closed", aRule + "send = { to = 'verto', type = 'x', body.a = '" + strings.Repeat("${", 450_000) + "' }\n", "rules.toml:4:46: error: ${ is never closed by } | write $${ where ${ itself is meant"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, found := Load([]string{"rules.toml"}, Options{
				Peers: testPeers, Parts: true, ReadFile: func(string) ([]byte, error) { return []byte(tc.text), nil },
			})
			if got := report(found); got != tc.want {
				t.Errorf("found %.2000s\nwant %s", got, tc.want)
			}
		})
	}
	deep := strings.Repeat("(", 4000) + "msg.a == 1" + strings.Repeat(")", 4000)
	if _, found := loadFiles(map[string]string{"rules.toml": aRule + "when = '" + deep + "'\n"}); found.HasErrors() {
		t.Errorf("one of 8 KB: %.2000s", report(found))
	}
}

// A file that is included often is read once, and includes that double are no
// million of them.
func TestIncludesThatDouble(t *testing.T) {
	const last = 18
	reads := map[string]int{}
	load := func(files int) Findings {
		clear(reads)
		_, found := Load([]string{"0.toml"}, Options{Peers: testPeers, ReadFile: func(name string) ([]byte, error) {
			reads[name]++
			n, _ := strconv.Atoi(strings.TrimSuffix(name, ".toml"))
			if n == files {
				return []byte(aRule), nil
			}
			return fmt.Appendf(nil, "include = ['%[1]d.toml', './%[1]d.toml']\n", n+1), nil
		}})
		return found
	}
	if found := load(3); found.HasErrors() || len(reads) != 4 {
		t.Errorf("three: read %v, found %v", reads, report(found))
	}
	found := load(last)
	var codes []string
	for _, f := range found {
		if f.Severity == Error {
			codes = append(codes, f.Code+" "+f.Msg)
		}
	}
	if want := "V001 more than 256 files are included, one that is included twice counted twice"; strings.Join(codes, "; ") != want {
		t.Errorf("found %s, want %s", codes, want)
	}
	for name, n := range reads {
		if n > 1 {
			t.Errorf("%s is read %d times", name, n)
		}
	}
}
