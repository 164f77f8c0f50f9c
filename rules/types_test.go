package rules

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
	"vertigo/schema"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

// loadReal loads rules.toml out of files by name, for the transports that there
// are, with their schemas.
func loadReal(files map[string]string) (*Set, Findings) {
	return Load([]string{"rules.toml"}, Options{
		Peers: []engine.Peer{
			{Name: "matrix", Protocol: matrix.Protocol},
			{Name: "pbx", Group: "verto", Protocol: verto.Protocol},
			{Name: calllog.Name, Protocol: calllog.Protocol},
			{Name: "crm", Protocol: engine.Protocol{Kind: "ws-json"}},
		},
		Schemas: map[string]*schema.Set{"matrix": matrix.Schema, "verto": verto.Schema, calllog.Name: calllog.Schema},
		Unnamed: &engine.Protocol{Kind: "ws-json"},
		ReadFile: func(name string) ([]byte, error) {
			if text, ok := files[name]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		},
	})
}

func TestShippedRulesFitTheSchemas(t *testing.T) {
	for _, name := range []string{"matrix-verto", "matrix-janus"} {
		set, found := loadReal(map[string]string{"rules.toml": fmt.Sprintf("include = [%q]\n[vars]\nemergency = \"refuse\"\n", name)})
		for _, f := range found {
			t.Error(f, f.Hint)
		}
		if set != nil && set.Unchecked > 0 {
			t.Errorf("%s: %d fields unchecked", name, set.Unchecked)
		}
	}
}

// ruleOn is a rule on messages of a type, with whatever else it says.
func ruleOn(on, more string) string {
	return "[[rule]]\nname = \"r\"\non = " + on + "\n" + more + "\n"
}

// typeFindings are those about types, one a line, with code and hint: others are
// not what a test of these is about.
func typeFindings(found Findings) string {
	var lines []string
	for _, f := range found {
		if !strings.HasPrefix(f.Code, "V2") {
			continue
		}
		line := f.Error()
		if f.Hint != "" {
			line += " | " + f.Hint
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestFieldsOfMessages(t *testing.T) {
	invite := func(when string) string { return ruleOn(`"matrix m.call.invite"`, "when = "+when) }
	for _, tt := range []struct{ name, rules, want string }{
		{"a misspelt field", invite(`'msg.content.ofer != nil'`),
			`rules.toml:4:21: error: unknown field msg.content.ofer [V204] | did you mean offer?`},
		{"one beside an unknown name", invite(`'msg.content.ofer != nil && vrs.x == 1'`),
			`rules.toml:4:21: error: unknown field msg.content.ofer [V204] | did you mean offer?`},
		{"one within another", invite(`'msg.content.offer.spd != nil'`),
			`rules.toml:4:27: error: unknown field msg.content.offer.spd [V204] | did you mean sdp?`},
		{"one in brackets", invite(`'msg["content"]["ofer"] != nil'`),
			`rules.toml:4:24: error: unknown field msg.content.ofer [V204] | did you mean offer?`},
		{"one that stands further down", invite(`'msg.call_id != nil'`),
			`rules.toml:4:13: error: unknown field msg.call_id [V204] | did you mean msg.content.call_id?`},
		{"in text of several lines, after letters that are no ASCII", invite("'''\n  msg.sender != \"zoë\" &&\n  \"é\" != msg.contnt.x'''"),
			`rules.toml:6:14: error: unknown field msg.contnt [V204] | did you mean content?`},
		{"in a template, after letters that are no ASCII",
			ruleOn(`"matrix m.call.hangup"`, `send = [{ to = "calllog", type = "call", body = { x = 'ähm ${ msg.content.resaon }' } }]`),
			`rules.toml:4:75: error: unknown field msg.content.resaon [V204] | did you mean reason?`},
		{"of the items of a list", ruleOn(`"matrix m.call.candidates"`, `when = 'any(msg.content.candidates, .candidat != "") || msg.content.candidates[0].sdpMidd == nil'`),
			"rules.toml:4:38: error: unknown field .candidat [V204] | did you mean candidate?\n" +
				"rules.toml:4:83: error: unknown field msg.content.candidates[0].sdpMidd [V204] | did you mean sdpMid?"},
		{"a field of text", invite(`'msg.room_id.server == "x"'`), `rules.toml:4:21: error: msg.room_id is text and has no fields [V206]`},
		{"somebody's own", invite(`'msg.content["org.example.x"].y == 1'`), ""},
		{"those of a map", ruleOn(`"verto verto.invite"`, `when = 'msg.params.variables.whatever == "1" && msg.params.verto_h_did != nil'`), ""},
		{"of several types, one has it", ruleOn(`["matrix m.call.hangup", "matrix m.call.answer"]`, `when = 'msg.content.reason == nil'`), ""},
		{"of several types, none has it", ruleOn(`["matrix m.call.hangup", "matrix m.call.answer"]`, `when = 'msg.content.lifetime == nil'`),
			`rules.toml:4:21: error: unknown field msg.content.lifetime [V204] | known: answer, call_id, capabilities, party_id, reason, sdp_stream_metadata, version`},
		{"of a glob, one has it", ruleOn(`"verto verto.*"`, `when = 'msg.params.display_name == nil'`), ""},
		{"of a glob, none has it", ruleOn(`"matrix m.call.*"`, `when = 'msg.content.ofer == nil'`),
			`rules.toml:4:21: error: unknown field msg.content.ofer [V204] | did you mean offer?`},
		{"a glob for a transport that has no schema too", ruleOn(`"* *"`, `when = 'msg.ofer == nil'`), ""},
		{"a table that may have others, and the name is near", ruleOn(`"verto verto.event"`, `when = 'msg.params.eventChanel == nil'`),
			`rules.toml:4:20: warning: unknown field msg.params.eventChanel [V205] | did you mean eventChannel?`},
		{"and it is not", ruleOn(`"verto verto.event"`, `when = 'msg.params.something == nil'`), ""},
		{"of the engine", ruleOn(`"engine call.end"`, `when = 'msg.cuase == nil'`),
			`rules.toml:4:13: error: unknown field msg.cuase [V204] | did you mean cause?`},
		{"of a reply", ruleOn(`"verto verto.modify.ok"`, `when = 'msg.result.holdstat == nil'`),
			`rules.toml:4:20: error: unknown field msg.result.holdstat [V204] | did you mean holdState?`},
		{"in a let of the file", "[let]\nold = 'msg.content.versio == 0'\n" + invite(`'old'`),
			`rules.toml:2:20: error: unknown field msg.content.versio [V204] | did you mean version?`},
		{"in a let, which one of its rules has", "[let]\nwhy = 'msg.content.reason'\n" + invite(`'why == nil'`) + strings.ReplaceAll(ruleOn(`"matrix m.call.hangup"`, `when = 'why == nil'`), `"r"`, `"s"`), ""},
		{"in a let of the rule", ruleOn(`"matrix m.call.invite"`, `let = { o = 'msg.content.offer' }
when = 'o.spd == nil'`), `rules.toml:5:11: error: unknown field o.spd [V204] | did you mean sdp?`},
		{"in a limit", "[limit.few]\nkey = 'msg.sendr'\nmax = 1\nper = \"1m\"\n" + ruleOn(`"matrix m.call.invite"`, `limit = "few"`),
			`rules.toml:2:12: error: unknown field msg.sendr [V204] | did you mean sender?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, found := loadReal(map[string]string{"rules.toml": tt.rules})
			if diff := cmp.Diff(tt.want, typeFindings(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFieldsOfItems(t *testing.T) {
	invite := func(when string) string { return ruleOn(`"matrix m.call.invite"`, "when = "+when) }
	const held = "[buffer.b]\nidle = '${ %s ? \"1s\" : nil }'\n[[rule]]\nname = \"p\"\non = \"matrix m.call.candidates\"\npush.b = '%s'\n" +
		"[[rule]]\nname = \"i\"\non = \"engine buffer.b\"\nwhen = '%s'\n"
	const each = `map(msg.content.candidates, ({"party": msg.content.party_id, "candidate": #}))`
	for _, tt := range []struct{ name, rules, want string }{
		{"of what a function gives", invite(`'any(sdpMedia(msg.content.offer.sdp), .knd == "audio")'`),
			"rules.toml:4:47: error: unknown field .knd [V204] | did you mean kind?"},
		{"a value there", invite(`'any(sdpMedia(msg.content.offer.sdp), #.direction == "recv")'`),
			`rules.toml:4:61: error: .direction is never "recv" [V207] | known: sendrecv, sendonly, recvonly, inactive`},
		{"of its first item", invite(`'sdpCandidates(msg.content.offer.sdp)[0].candidat != nil'`),
			"rules.toml:4:49: error: unknown field .candidat [V204] | did you mean candidate?"},
		{"of what lists were put together", invite(`'none(concat(sdpMedia(msg.content.offer.sdp), sdpMedia("x")), .prt == 0)'`),
			"rules.toml:4:71: error: unknown field .prt [V204] | did you mean port?"},
		{"right ones", invite(`'any(filter(sdpMedia(msg.content.offer.sdp), !.rejected), .kind == "audio" && .port in [9, 10])'`), ""},
		{"of a table that was just made", invite(`'{"a": 1}.b == 1'`),
			"rules.toml:4:18: error: unknown field .b [V204] | known: a"},
		{"of a list of several tables", invite(`'any([{"a": 1}, {"b": msg.sender}], .c == 1 || .a == 2 || .b == "x")'`),
			"rules.toml:4:45: error: unknown field .c [V204] | known: a, b"},
		{"of a list that holds anything", invite(`'any([{"a": 1}, nil, vars, call], .c == 1)'`), ""},
		{"in a setting of a buffer", fmt.Sprintf(held, "any(items, .prty == call.state)", each, "msg.items != nil"),
			"rules.toml:2:24: error: unknown field .prty [V204] | did you mean party?"},
		{"in its condition, through two functions", strings.Replace(fmt.Sprintf(held, "true", each, "true == true"), "idle",
			"complete = 'iceComplete(\"x\", map(filter(items, .party == call.id), .candidat))'\nidle", 1),
			"rules.toml:2:69: error: unknown field .candidat [V204] | did you mean candidate?"},
		{"in the message of a buffer", fmt.Sprintf(held, "true", each, `any(msg.items, .candidate.sdpmid == "a")`),
			"rules.toml:10:35: error: unknown field .candidate.sdpmid [V204] | did you mean sdpMid?"},
		{"of a buffer that holds what a message lists", fmt.Sprintf(held, "any(items, .sdpmid != nil)", "msg.content.candidates", "true"),
			"rules.toml:2:24: error: unknown field .sdpmid [V204] | did you mean sdpMid?"},
		{"of a buffer with different things", fmt.Sprintf(held, "any(items, .sdpMid != nil || .other == 1)", "msg.content.candidates", "true") +
			"[[rule]]\nname = \"q\"\non = \"matrix m.call.invite\"\npush.b = '{\"other\": 1}'\n", ""},
		{"of a buffer with anything", fmt.Sprintf(held, "any(items, .prty == 1)", "call.thing", "any(msg.items, .prty == 1)") +
			ruleOn(`"matrix m.call.answer"`, "set.thing = '1'"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, found := loadReal(map[string]string{"rules.toml": tt.rules})
			if diff := cmp.Diff(tt.want, typeFindings(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKindsOfFields(t *testing.T) {
	for _, tt := range []struct{ name, when, want string }{
		{"text and a number", `'msg.content.lifetime == "60000"'`,
			`rules.toml:4:33: error: msg.content.lifetime is a whole number, and never equals text [V206] | without the quotes: 60000`},
		{"a number and text", `'msg.sender == 5'`, `rules.toml:4:23: error: msg.sender is text, and never equals a whole number [V206] | in quotes: "5"`},
		{"more and less", `'"5" < msg.content.lifetime'`,
			`rules.toml:4:9: error: msg.content.lifetime is a whole number, and cannot be more or less than text [V206] | without the quotes: 5`},
		{"one of a list", `'msg.content.lifetime in [1, "2"]'`,
			`rules.toml:4:37: error: msg.content.lifetime is a whole number, and never equals text [V206] | without the quotes: 2`},
		{"in what is no list", `'"a" in msg.sender'`, `rules.toml:4:16: error: msg.sender is text, and in is for lists [V206]`},
		{"a var", `'msg.content.lifetime > vars.word'`, `rules.toml:4:9: error: msg.content.lifetime is a whole number, and cannot be more or less than text [V206]`},
		{"calculating with text", `'msg.sender - 1 > 0'`, `rules.toml:4:9: error: msg.sender is text, and - is for numbers [V206]`},
		{"adding both", `'msg.sender + 1 == "x"'`, `rules.toml:4:20: error: text and a whole number cannot be added [V206] | string(…) makes text of a number, int(…) a number of text`},
		{"texts may be added, and numbers", `'msg.sender + "x" == "y" || msg.content.lifetime + 1.5 > 2'`, ""},
		{"a table in a function", `'sdpHold(msg.content.offer)'`, `rules.toml:4:17: error: sdpHold takes text, and msg.content.offer is a table [V206] | its fields: type, sdp`},
		{"a number in one of expr's", `'upper(msg.content.lifetime) == "X"'`, `rules.toml:4:15: error: upper takes text, and msg.content.lifetime is a whole number [V206]`},
		{"a table in a list function", `'any(msg.content.offer, true)'`, `rules.toml:4:13: error: any takes a list, and msg.content.offer is a table [V206] | its fields: type, sdp`},
		{"text as a condition", `'msg.sender != nil && !msg.content.invitee'`,
			`rules.toml:4:31: error: msg.content.invitee is text, neither true nor false [V206] | compare it: … != nil, or … == "…"`},
		{"a number that matches", `'msg.content.lifetime matches "^6"'`, `rules.toml:4:9: error: msg.content.lifetime is a whole number, and matches is for text [V206]`},
		{"through ?? and ?:", `'(msg.content.lifetime ?? (vars.word == "x" ? 1 : 2)) == "1"'`, `rules.toml:4:65: error: this is a whole number, and never equals text [V206] | without the quotes: 1`},
		{"either kind", `'msg.content.version == "1" || msg.content.version == 0'`, ""},
		{"nil", `'msg.content.lifetime != nil'`, ""},
		{"times", `'now - call.begun > duration(1, "s")'`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, found := loadReal(map[string]string{"rules.toml": ruleOn(`"matrix m.call.invite"`, "when = "+tt.when) + "[vars]\nword = \"x\"\n"})
			if diff := cmp.Diff(tt.want, typeFindings(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATimerTakesATime(t *testing.T) {
	_, found := loadReal(map[string]string{"rules.toml": ruleOn(`"matrix m.call.invite"`, "timer.x = 'msg.content.lifetime'")})
	want := `rules.toml:4:12: error: a timer takes a duration, or text such as "30s", and this is a whole number [V206] | say what it counts: duration(…, "ms")`
	if diff := cmp.Diff(want, typeFindings(found)); diff != "" {
		t.Error(diff)
	}
}

func TestConditionsThatAreNeverTrue(t *testing.T) {
	for _, tt := range []struct{ name, rules, want string }{
		{"a value that there is not", ruleOn(`"matrix m.room.member"`, `when = 'msg.content.membership == "joined"'`),
			`rules.toml:4:35: error: msg.content.membership is never "joined" [V207] | did you mean join?`},
		{"in a list", ruleOn(`"matrix m.room.member"`, `when = 'msg.content.membership in ["leave", "bann"]'`),
			`rules.toml:4:45: error: msg.content.membership is never "bann" [V207] | did you mean ban?`},
		{"of two that are added up", ruleOn(`"matrix m.room.member"`, `when = '(msg.content.membership ?? "none") == "nona"'`),
			`rules.toml:4:47: error: this is never "nona" [V207] | did you mean none?`},
		{"one that is nearly another", ruleOn(`"matrix m.call.hangup"`, `when = 'msg.content.reason == "user_bussy"'`),
			`rules.toml:4:31: warning: msg.content.reason is not known ever to be "user_bussy" [V208] | did you mean user_busy?`},
		{"one that is not known, and may be", ruleOn(`"matrix m.call.hangup"`, `when = 'msg.content.reason == "org.example.bored"'`), ""},
		{"two values at once", ruleOn(`"matrix m.room.member"`, `when = 'msg.sender == "@a:b" && msg.sender == "@c:d"'`),
			`rules.toml:4:33: error: the condition is never true: msg.sender cannot be this and what the rest asks for [V209]`},
		{"a value and none", ruleOn(`"matrix m.room.member"`, `when = 'msg.as == nil && msg.as in ["a", "b"]'`),
			`rules.toml:4:26: error: the condition is never true: msg.as cannot be this and what the rest asks for [V209]`},
		{"neither of two", ruleOn(`"matrix m.room.member"`, `when = 'msg.as == "a" && (msg.as == "b" || msg.as == nil)'`),
			`rules.toml:4:27: error: the condition is never true: msg.as cannot be this and what the rest asks for [V209]`},
		{"one of two", ruleOn(`"matrix m.room.member"`, `when = 'msg.as == "a" && (msg.as == "b" || msg.sender == "b")'`), ""},
		{"not what it is", ruleOn(`"matrix m.room.member"`, `when = 'msg.as == "a" && !(msg.as in ["a", "b"])'`),
			`rules.toml:4:26: error: the condition is never true: msg.as cannot be this and what the rest asks for [V209]`},
		{"not one of some", ruleOn(`"matrix m.room.member"`, `when = 'msg.as in ["a", "b"] && msg.as != "a"'`), ""},
		{"another state", ruleOn(`"matrix m.room.member"`, "in = [\"talking\", \"held\"]\nwhen = 'call.state == \"early\"'"),
			`rules.toml:5:9: error: the condition is never true: the rule is for calls in talking, held [V209]`},
		{"by a let", "[let]\nown = 'msg.sender == \"a\"'\n" + ruleOn(`"matrix m.room.member"`, `when = 'own && msg.sender == "b"'`),
			`rules.toml:6:16: error: the condition is never true: msg.sender cannot be this and what the rest asks for [V209]`},
		{"of a message to send", ruleOn(`"matrix m.room.member"`, `send = [{ to = "calllog", type = "call", when = 'msg.as == "a" && msg.as == "b"' }]`),
			`rules.toml:4:67: error: the condition is never true: msg.as cannot be this and what the rest asks for [V209]`},
		{"of messages without a schema", ruleOn(`"crm note"`, `when = 'msg.as == "a" && msg.as == "b"'`),
			`rules.toml:4:26: error: the condition is never true: msg.as cannot be this and what the rest asks for [V209]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, found := loadReal(map[string]string{"rules.toml": tt.rules})
			if diff := cmp.Diff(tt.want, typeFindings(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTypesOfMessages(t *testing.T) {
	send := func(to, typ string) string {
		return ruleOn(`"matrix m.room.member"`, `send = [{ to = "`+to+`", room = "!r:x", type = "`+typ+`" }]`)
	}
	for _, tt := range []struct{ name, rules, want string }{
		{"a misspelt one", ruleOn(`"matrix m.call.invte"`, ""), `rules.toml:3:14: error: no m.call.invte ever comes from matrix [V201] | did you mean m.call.invite?`},
		{"in a list", ruleOn(`["verto verto.bye", "verto  verto.gon"]`, ""), `rules.toml:3:34: error: no verto.gon ever comes from verto [V201] | did you mean verto.gone?`},
		{"a reply to nothing", ruleOn(`"verto verto.mofidy.ok"`, ""), `rules.toml:3:13: error: no verto.mofidy.ok ever comes from verto [V201] | did you mean verto.modify.ok?`},
		{"one that is only sent", ruleOn(`"matrix room.direct"`, ""), `rules.toml:3:14: error: no room.direct ever comes from matrix [V201] | it can be sent; what comes of that is room.direct.ok or room.direct.error`},
		{"a glob for nothing", ruleOn(`"verto m.*"`, ""), `rules.toml:3:13: error: no m.* ever comes from verto [V201]`},
		{"a glob for one", ruleOn(`"verto verto?bye"`, ""), `rules.toml:3:13: warning: of all messages that are known only verto.bye fits the pattern verto?bye [V214] | did you mean verto.bye?`},
		{"a glob for one of the engine's", ruleOn(`["verto verto.bye", "engine call?stop"]`, ""), `rules.toml:3:34: warning: of all messages that are known only call.stop fits the pattern call?stop [V214] | did you mean call.stop?`},
		{"a glob for one of several timers", ruleOn(`"engine timer*ring"`, "timer = { ring = '\"1s\"', wait = '\"1s\"' }"), `rules.toml:3:14: warning: of all messages that are known only timer.ring fits the pattern timer*ring [V214] | did you mean timer.ring?`},
		{"a glob without its dot", ruleOn(`"matrix m.call*.ok"`, ""), `rules.toml:3:14: warning: there is no dot before the star of m.call*.ok [V214] | did you mean m.call.*.ok? The messages that fit it are the same`},
		{"a family without its dot", ruleOn(`"verto verto*"`, ""), `rules.toml:3:13: warning: there is no dot before the star of verto* [V214] | did you mean verto.*? The messages that fit it are the same`},
		{"globs for several, and for what is yet to come", ruleOn(`["matrix m.call.*", "matrix m.call.sel*", "engine call.*", "verto verto.?????"]`, ""), ""},
		{"from a call log nothing comes", ruleOn(`"calllog call"`, ""), `rules.toml:3:15: error: no call ever comes from calllog [V201]`},
		{"the reply to an event of somebody's own", ruleOn(`"matrix org.example.x.ok"`, ""), ""},
		{"to send", send("matrix", "m.call.anser"), `rules.toml:4:48: error: unknown message type m.call.anser: nothing of the kind can be sent to matrix [V202] | did you mean m.call.answer?`},
		{"one that only comes", ruleOn(`"matrix m.room.member"`, `send = [{ to = "verto", type = "verto.media" }]`),
			`rules.toml:4:32: error: verto.media comes from verto and cannot be sent to it [V202] | did you mean verto.modify?`},
		{"an event of somebody's own", send("matrix", "org.example.note"), ""},
		{"an event that is nearly another", send("matrix", "m.room.mesage"), `rules.toml:4:48: warning: unknown message type m.room.mesage [V203] | did you mean m.room.message?`},
		{"without a schema", ruleOn(`"crm whatever"`, `send = [{ to = "crm", type = "note" }]`), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, found := loadReal(map[string]string{"rules.toml": tt.rules})
			if diff := cmp.Diff(tt.want, typeFindings(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMessagesToSend(t *testing.T) {
	const key = "dialogParams = { callID = '${ call.verto.key }' }"
	for _, tt := range []struct{ name, to, body, want string }{
		{"what is required is missing", "verto.invite", `body = { ` + key + ` }`,
			`rules.toml:7:1: error: verto.invite needs sdp [V210] | sdp: The offer.`},
		{"within a table", "verto.bye", `body.dialogParams = {}`,
			`rules.toml:7:6: error: verto.bye needs dialogParams.callID [V210] | callID: The call.`},
		{"of a message without a body", "verto.answer", ``,
			"rules.toml:4:1: error: verto.answer needs sdp [V210] | sdp: The answer.\nrules.toml:4:1: error: verto.answer needs dialogParams [V210] | dialogParams: Which call it is."},
		{"under a header of its own", "verto.bye", "[rule.send.body]\ncause = \"USER_BUSY\"",
			`rules.toml:7:12: error: verto.bye needs dialogParams [V210] | dialogParams: Which call it is.`},
		{"a misspelt one is not missing as well", "verto.bye", `body = { dialogParams = { callId = '${ call.verto.key }' } }`,
			`rules.toml:7:27: error: unknown field dialogParams.callId of verto.bye [V211] | did you mean callID?`},
		{"in the wrong table", "verto.invite", `body = { sdp = "v=0", dialogParams = { callID = "x" }, destination_number = "1" }`,
			`rules.toml:7:56: error: unknown field destination_number of verto.invite [V211] | did you mean dialogParams.destination_number?`},
		{"of a table that may have others", "m.room.message", `body = { msgtype = "m.text", body = "x", formated_body = "y", "org.example.z" = 1 }`,
			`rules.toml:7:42: warning: unknown field formated_body of m.room.message [V212] | did you mean formatted_body?`},
		{"of another kind", "verto.bye", `body = { cause = 16, ` + key + ` }`,
			`rules.toml:7:18: error: cause of verto.bye takes text, and this is a whole number [V213]`},
		{"text for a number", "m.call.negotiate", `body = { call_id = "c", version = "1", lifetime = "60000", description = { type = "offer", sdp = "" } }`,
			`rules.toml:7:51: error: lifetime of m.call.negotiate takes a whole number, and this is text [V213]`},
		{"text for a table", "verto.bye", `body = { dialogParams = '${ call.uuid }' }`,
			`rules.toml:7:29: error: dialogParams of verto.bye takes a table, and this is text [V213]`},
		{"an expression of another kind, in text of several lines", "verto.info", "body = { " + key + ", dtmf = '''${\n len(\"é\") }''' }",
			`rules.toml:8:2: error: dtmf of verto.info takes text, and this is a whole number [V213]`},
		{"items of a list", "m.call.candidates", `body = { call_id = "c", version = "1", candidates = [{ candidate = "", sdpMid = 0 }] }`,
			`rules.toml:7:81: error: candidates[].sdpMid of m.call.candidates takes text, and this is a whole number [V213]`},
		{"a value that there is not", "verto.modify", `body = { action = "hld", ` + key + ` }`,
			`rules.toml:7:19: error: action of verto.modify is never "hld" [V213] | did you mean hold?`},
		{"one of two", "verto.modify", `body = { action = '${ call.id == "x" ? "hold" : "unhld" }', ` + key + ` }`,
			`rules.toml:7:23: error: action of verto.modify is never "unhld" [V213] | did you mean unhold?`},
		{"one that is nearly another", "m.call.hangup", `body = { call_id = "c", version = "1", reason = "user_bussy" }`,
			`rules.toml:7:49: warning: reason of m.call.hangup is not known ever to be "user_bussy" [V208] | did you mean user_busy?`},
		{"an address", "m.room.topic", `as = '${ msg.origin_server_ts }'`, `rules.toml:7:9: error: as is text, and this is a whole number [V213]`},
		{"a user that is none", "m.room.topic", `as = 'tel_${ msg.sender }:x'`, `rules.toml:7:6: error: as is never "tel_${ msg.sender }:x" [V213] | The id of a user begins with @.`},
		{"a user that was to be computed", "m.room.topic", `as = '{$ msg.sender }'`, `rules.toml:7:6: error: as is never "{$ msg.sender }" [V213] | an expression within text stands in ${ … }`},
		{"users that may be some", "m.room.topic", `as = '@tel_${ msg.sender }:x'`, ""},
		{"no user", "m.room.topic", `as = ''`, ""},
		{"what was to be computed", "m.room.message", `body = { msgtype = "m.notice", body = "é {$msg.sender}, $ { msg.room_id }" }`,
			`rules.toml:7:42: warning: {$msg.sender} is sent as it stands here [V215] | an expression within text stands in ${ … }`},
		{"what lacks its brace", "m.room.message", `body = { msgtype = "m.notice", body = "${ msg.sender } $ msg.room_id }" }`,
			`rules.toml:7:56: warning: $ msg.room_id } is sent as it stands here [V215] | an expression within text stands in ${ … }`},
		{"what lacks its dollar", "m.room.message", `body = { msgtype = "m.notice", body = "{msg.room_id}" }`,
			`rules.toml:7:40: warning: {msg.room_id} is sent as it stands here [V215] | an expression within text stands in ${ … }`},
		{"an expression with the like in it", "m.room.message", `body = { msgtype = "m.notice", body = '${ msg.sender matches "$a}" ? "{call.x}" : "" }' }`, ""},
		{"amounts of money", "m.room.message", `body = { msgtype = "m.notice", body = "{5 $} $5 {x} $${ a }" }`, ""},
		{"what a body comes to as a whole", "verto.bye", `body = '${ msg.sender }'`, `rules.toml:7:12: error: verto.bye takes a table, and this is text [V213]`},
		{"whatever shows at run time only", "verto.bye", `body = '${ call.last }'`, ""},
		{"all is well", "verto.bye", `body = { cause = '${ call.last }', ` + key + ` }`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := "verto"
			if strings.HasPrefix(tt.to, "m.") {
				to = "matrix\"\nroom = \"!r:x"
			}
			text := ruleOn(`"matrix m.room.member"`, "[[rule.send]]\nto = \""+to+"\"\ntype = \""+tt.to+"\"\n"+tt.body)
			text += strings.ReplaceAll(ruleOn(`"verto verto.display"`, "set = { last = 'msg.params' }"), `"r"`, `"sets"`)
			_, found := loadReal(map[string]string{"rules.toml": text})
			want := tt.want
			if to != "verto" { // the room takes a line
				want = strings.ReplaceAll(want, "toml:7", "toml:8")
			}
			if diff := cmp.Diff(want, typeFindings(found)); diff != "" {
				t.Error(diff, text)
			}
		})
	}
}

func TestARoomBeginsAsRoomsDo(t *testing.T) {
	for room, want := range map[string]string{
		`!r:x`: "", `#r:x`: "", `${ msg.room_id }`: "", `#${ msg.sender }`: "",
		`room`:              `rules.toml:6:8: error: room is never "room" [V213] | The id of a room begins with !, an alias with #.`,
		`$ { msg.room_id }`: `rules.toml:6:8: error: room is never "$ { msg.room_id }" [V213] | an expression within text stands in ${ … }`,
	} {
		_, found := loadReal(map[string]string{"rules.toml": ruleOn(`"matrix m.room.member"`, "[[rule.send]]\nto = \"matrix\"\nroom = '"+room+"'\ntype = \"m.room.topic\"\n")})
		if diff := cmp.Diff(want, typeFindings(found)); diff != "" {
			t.Error(room, diff)
		}
	}
}

// Where there is no schema nothing is found, and it is said how much that is.
func TestMessagesWithoutASchemaAreCounted(t *testing.T) {
	set, found := loadReal(map[string]string{"rules.toml": ruleOn(`"crm note"`, `when = 'msg.x.y == 1 && msg.z == 2'
send = [{ to = "crm", type = "note", body = { a = 1, b = 2, c = 3 } }]`)})
	if set == nil {
		t.Fatal(found)
	}
	if set.Unchecked != 5 {
		t.Errorf("%d fields are said to be unchecked, not 5", set.Unchecked)
	}
}
