package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// indexed declares an index of calls and uses it.
const indexed = `[index.roomCalls]
key = 'call.room'
[[rule]]
name = "begins"
on = "matrix m.call.invite"
new = true
set = { room = 'msg.room_id', user = 'msg.sender' }
when = 'roomCalls[msg.room_id] == nil && call.user == nil'
next = "ringing"
[[rule]]
name = "ends"
on = "matrix m.call.hangup"
next = "end"
`

func TestWhatIsWrongWithIndexes(t *testing.T) {
	rule := func(more string) string {
		return indexed + "[[rule]]\nname = \"r\"\non = \"matrix m.room.message\"\n" + more + "\n"
	}
	declare := func(more string) string { return indexed + "[index.other]\n" + more + "\n" }
	used := func(more string) string {
		return declare(more) + "[[rule]]\nname = \"r\"\non = \"matrix m.room.message\"\nwhen = 'other[msg.room_id] != nil'\n"
	}
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", indexed, ""},

		{"nobody uses it", declare("key = 'call.user'"), "14:8 V120 nothing looks up calls in the index other | known: roomCalls"},
		{"nobody uses it by its right name", indexed + "[index.userCalls]\nkey = 'call.user'\n" + "[[rule]]\nname = \"r\"\non = \"matrix m.room.message\"\nwhen = 'userCals[msg.sender] != nil'\n",
			"19:9 V033 unknown index userCals | did you mean userCalls?"},
		{"it has no key", used(""), "14:1 V052 the index has no key | key = 'call.room'"},
		{"its key is misspelt", used("kay = 'call.room'"), "15:1 V003 unknown key kay | did you mean key?"},
		{"it is no table", "index.roomCalls = 'call.room'\n" + strings.TrimPrefix(indexed, "[index.roomCalls]\nkey = 'call.room'\n"), "1:19 V004 expected a table, found text\n6:9 V107 call.room is set, and nothing reads it"},
		{"there is a table of that name", used("key = 'call.room'") + "[table.other]\na = 1\n", "14:8 V021 other cannot be the name of an index: there is already something of that name"},
		{"a let has that name", used("key = 'call.room'") + "[let]\nother = '1'\n", "21:1 V021 other cannot be the name of a let: there is already something of that name"},
		{"a function has that name", indexed + "[index.e164]\nkey = 'call.room'\n", "14:8 V021 e164 cannot be the name of an index: it already means something"},

		{"the key is no text", used("key = 'call.room == nil'"), "15:7 V032 the key of an index is text, or a list of texts, and this is true or false"},
		{"the key is a number", used("key = '1 + 2'"), "15:7 V032 the key of an index is text, or a list of texts, and this is a whole number"},
		{"a list is fine", used("key = '[call.room, call.user, call.verto.key, call.id, call.state]'"), ""},
		{"lists and functions are fine", used("key = 'map([call.room, vars.a], upper(#))'") + "[vars]\na = \"b\"\n", ""},
		{"the key reads the message", used("key = 'msg.room_id'"), "15:8 V033 unknown name msg | the key of an index sees call, vars, tables and functions alone"},
		{"the key reads the time", used("key = 'string(now)'"), "15:15 V033 unknown name now | the key of an index sees call, vars, tables and functions alone"},
		{"the key reads a let", used("key = 'x'") + "[let]\nx = 'call.room'\n", "15:8 V033 unknown name x | the key of an index sees call, vars, tables and functions alone"},
		{"the key reads an index", used("key = 'roomCalls[call.room][0].id'"), "15:8 V033 unknown index roomCalls | the key of an index sees call, vars, tables and functions alone"},
		{"the key reads what no rule sets", used("key = 'call.rom'"), "15:13 V035 call.rom is never set by any rule | did you mean room?"},

		{"a field that no rule sets", rule("when = 'roomCalls[msg.room_id]?.[0].usr == msg.sender'"), "17:37 V035 call.usr is never set by any rule | did you mean user?"},
		{"in a function of lists", rule("when = 'any(roomCalls[msg.room_id] ?? [], .usr == msg.sender)'"), "17:44 V035 call.usr is never set by any rule | did you mean user?"},
		{"of what a function of lists finds", rule("when = 'find(roomCalls[msg.room_id] ?? [], .user == msg.sender)?.rom != nil'"), "17:66 V035 call.rom is never set by any rule | did you mean room?"},
		{"of the first of them", rule("when = 'first(sortBy(roomCalls[msg.room_id] ?? [], .begun)).rom != nil'"), "17:61 V035 call.rom is never set by any rule | did you mean room?"},
		{"by a let", rule("let = { others = 'roomCalls[msg.room_id]' }\nwhen = 'others?.[0].rom != nil'"), "18:21 V035 call.rom is never set by any rule | did you mean room?"},
		{"by a let of the file", "[let]\nothers = 'roomCalls[msg.room_id]'\n" + rule("when = 'others?.[0].rom != nil'"), "19:21 V035 call.rom is never set by any rule | did you mean room?"},
		{"by a let within", rule("when = 'let o = roomCalls[msg.room_id]; o != nil && o[0].rom != nil'"), "17:58 V035 call.rom is never set by any rule | did you mean room?"},
		{"a key that no transport has", rule("when = 'roomCalls[msg.room_id]?.[0].sip.key == nil'"), "17:37 V035 call.sip is never set by any rule"},
		{"a misspelt key", rule("when = 'roomCalls[msg.room_id]?.[0].verto.kye == nil'"), "17:43 V204 unknown field .verto.kye | did you mean key?"},
		{"what each call has", rule("when = 'any(roomCalls[msg.room_id] ?? [], .id == .uuid && .begun < now && .matrix.key != .pbx.key && .room == call.room && .state == \"ringing\")'"), ""},
		{"a state that does not exist", rule("when = 'roomCalls[msg.room_id]?.[0].state == \"rining\"'"), "17:46 V101 unknown state rining | did you mean ringing?"},
		{"one of several", rule("when = 'any(roomCalls[msg.room_id] ?? [], .state in [\"ringing\", \"talking\"])'"), "17:65 V102 no rule leads to the state talking | known: end, ringing"},
		{"a state by a let of the file", "[let]\nothers = 'any(roomCalls[msg.room_id] ?? [], .state == \"rining\")'\n" + rule("when = 'others'"), "2:55 V101 unknown state rining | did you mean ringing?"},
		{"a look-up by a number", rule("when = 'roomCalls[7] != nil'"), "17:19 V032 cannot use a whole number to get an element from a table"},
		{"a look-up by a list", rule("when = 'roomCalls[split(msg.room_id, \",\")[0:1]] != nil'"), "17:42 V032 cannot use a list to get an element from a table"},
		{"no look-up", rule("when = 'roomCalls != nil'"), "17:9 V039 roomCalls is no value by itself | look up a key in it: roomCalls[msg.room_id]"},
		{"a look-up the other way round", rule("when = 'msg.room_id in roomCalls'"), "17:24 V039 roomCalls is no value by itself | look up a key in it: roomCalls[msg.room_id]"},
		{"a buffer sees none", rule("push.b = 'msg.content.body'") + "[buffer.b]\ncomplete = 'roomCalls[call.room] != nil'\n[[rule]]\nname = \"heard\"\non = \"engine buffer.b\"\n",
			"19:13 V033 unknown index roomCalls | calls are looked up for a message, and here there is none"},
		{"nor does a check", rule("") + "[vars]\na = \"x\"\n[[check]]\nvar = \"a\"\nthat = 'roomCalls[vars.a] == nil'\n",
			"22:9 V051 a check cannot read roomCalls | it is asked when the rules are loaded: of vars, tables and functions"},
		{"a variable that only others read", strings.Replace(rule("when = 'any(roomCalls[msg.room_id] ?? [], .note != nil)'"), "user = ", "note = '1', user = ", 1), ""},
		{"a variable that only others read by a let", strings.Replace(rule("let = { o = 'roomCalls[msg.room_id]' }\nwhen = 'o?.[0]?.note != nil'"), "user = ", "note = '1', user = ", 1), ""},
		{"a variable that nobody reads", strings.Replace(indexed, "user = ", "note = '1', user = ", 1), "7:31 V107 call.note is set, and nothing reads it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, found := loadReal(map[string]string{"rules.toml": tc.text})
			var lines []string
			for _, f := range found {
				line := strings.TrimPrefix(f.Pos.String(), "rules.toml:") + " " + f.Code + " " + f.Msg
				if f.Hint != "" {
					line += " | " + f.Hint
				}
				lines = append(lines, line)
			}
			if diff := cmp.Diff(tc.want, strings.Join(lines, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An index of an including file stands in for the included one.
func TestAnIndexReplacesAnIncludedOne(t *testing.T) {
	set := mustLoad(t, map[string]string{
		"rules.toml": "include = [\"base.toml\"]\n[index.roomCalls]\nkey = '[call.user, call.verto.key]'\n",
		"base.toml":  indexed + "[index.calls]\nkey = 'call.state'\n",
	})
	if len(set.Indexes) != 2 || set.Indexes[0].Name != "roomCalls" || set.Indexes[1].Name != "calls" {
		t.Fatalf("%d indexes: %+v", len(set.Indexes), set.Indexes)
	}
	room, calls := set.Indexes[0], set.Indexes[1]
	if !slices.Equal(room.Vars, []int{slices.Index(set.Vars, "user")}) || !room.Keys || room.State {
		t.Errorf("it reads %+v", room)
	}
	if len(calls.Vars) > 0 || calls.Keys || !calls.State {
		t.Errorf("the other one reads %+v", calls)
	}
}
