package scenario_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/scenario"
)

const file = "busy.scenario.toml"

// load reads a scenario out of files by name; its own text is that of "".
func load(text string, more map[string]string) (*scenario.Scenario, rules.Findings) {
	s, _, found := scenario.Load(file, scenario.Options{
		Peers:   peers,
		Schemas: schemas,
		Peer:    peerOfKind,
		ReadFile: func(name string) ([]byte, error) {
			if name == file {
				return []byte(text), nil
			}
			if src, ok := more[name]; ok {
				return []byte(src), nil
			}
			return nil, fs.ErrNotExist
		},
	})
	return s, found
}

func peerOfKind(kind, name, group string) (replay.Peer, error) {
	for _, p := range peers {
		if p.Name == kind {
			p.Name, p.Group = name, group
			return p, nil
		}
	}
	return replay.Peer{}, fmt.Errorf("%q is no kind of transport", kind)
}

// run runs a scenario that can be run, and returns what its report says.
func run(t *testing.T, text string, more map[string]string) string {
	t.Helper()
	s, found := load(text, more)
	if len(found) > 0 {
		t.Fatal(found)
	}
	var out strings.Builder
	if err := s.Run(nil).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	return out.String()
}

const dialled = `# What becomes of a call?
[[step]]
name = "Anna calls"
receive = ["matrix m.call.invite", "matrix m.call.candidates"]
`

func TestExpectations(t *testing.T) {
	const busy = dialled + "[[step]]\nname = \"busy\"\nreceive = { from = \"verto\", type = \"verto.bye\", body.params.cause = \"USER_BUSY\" }\n"
	for _, row := range []struct {
		name, text string
		want       []string // parts of the report; none: it passes
	}{
		{"what is sent is let be where nothing is expected", busy, nil},
		{"a message by its name", busy + `expect = "matrix m.call.reject"`, nil},
		{"a part of its body", busy + `expect = { to = "matrix", type = "m.call.reject", body.reason = "user_busy" }`, nil},
		{"its address", busy + `expect = { to = "matrix", type = "m.call.reject", room = "!anna:example.org" }`, nil},
		{"another address", busy + `expect = { to = "matrix", type = "m.call.reject", room = "!ben:example.org" }`,
			[]string{"    room\n      - \"!ben:example.org\"\n      + \"!anna:example.org\"\n"}},
		{"another value", busy + `expect = { to = "matrix", type = "m.call.reject", body.reason = "user_hangup" }`,
			[]string{"~ matrix m.call.reject  is not as expected (line 8)", "    body.reason\n      - \"user_hangup\"\n      + \"user_busy\"\n", "fires the far end does not take the call"}},
		{"nothing, and something is sent", busy + `expect = "nothing"`, []string{"+ matrix m.call.reject  is sent, and was not expected", `"user_busy"`}},
		{"something, and another thing is sent", busy + `expect = "matrix m.call.hangup"`,
			[]string{"- matrix m.call.hangup  is not sent", "+ matrix m.call.reject  is sent"}},
		{"exactly", busy + `expect = { to = "matrix", type = "m.call.reject", exact = true, body = { reason = "user_busy" } }`,
			[]string{"body.call_id\n      + \"call-1\"", "body.party_id", "body.version"}},
		{"exactly, with all there is", busy + `expect = { to = "matrix", type = "m.call.reject", exact = true, body = { reason = "user_busy", version = "1", party_id = "vertigo-bridge", call_id = '${ call.matrix.key }' } }`, nil},
		{"matchers", busy + `expect = { to = "matrix", type = "m.call.reject", body = { reason = '${ regex("^user_") }', version = '${ text }', call_id = '${ any }', answer = '${ absent }' } }`, nil},
		{"matchers that do not match", busy + `expect = { to = "matrix", type = "m.call.reject", body = { reason = '${ regex("^ice") }', version = '${ number }', answer = '${ any }', call_id = '${ absent }' } }`,
			[]string{"- text like ^ice\n      + \"user_busy\"", "- a number\n      + \"1\"", "- any value\n      + nothing", "- nothing\n      + \"call-1\""}},
		{"the call log where it is expected", busy + "[[step.expect]]\nto = \"matrix\"\ntype = \"m.call.reject\"\n[[step.expect]]\nto = \"calllog\"\ntype = \"call\"\nbody = { cause = \"USER_BUSY\", duration = 0 }", nil},
		{"another state", busy + `state = "dialling"`, []string{`the call is in state "end", and not in "dialling"`}},
		{"another number of calls", busy + `calls = 1`, []string{"calls under way: 0, and not 1"}},
		{"a rule that fires", busy + `fires = "the far end does not take the call"`, nil},
		{"a rule that does not", busy + `fires = "answered"`, []string{`rule "answered" does not fire`}},
		{"a long text, line by line", dialled + `expect = { to = "verto", type = "verto.invite", body.sdp = '${ client.offer }' }`,
			[]string{"body.sdp\n      + a=candidate:1 1 udp"}},
		{"of the rules that did not fire, what was false", dialled + "[[step]]\nname = \"another device\"\nreceive = { from = \"matrix\", type = \"m.call.hangup\", body.content.party_id = \"tablet\" }\nstate = \"end\"\n",
			[]string{"not   the Matrix user cancels", "false: call.party == nil || msg.content.party_id == call.party (let", `msg.content.party_id = "tablet"`, `call.party = "anna-phone"`}},
		{"a reply to nothing", dialled + "[[step]]\nname = \"no request\"\nreceive = \"verto verto.modify.ok\"\n", []string{"no verto.modify was sent that this could reply to"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := run(t, row.text+"\n", nil)
			if (got == "") != (len(row.want) == 0) {
				t.Errorf("%s", got)
			}
			for _, part := range row.want {
				if !strings.Contains(got, part) {
					t.Errorf("the report has no %q:\n%s", part, got)
				}
			}
		})
	}
}

// A message that comes to nothing is a fault, unless the step says so.
func TestOutcomes(t *testing.T) {
	const hungUp = dialled + "[[step]]\nname = \"up\"\nreceive = \"matrix m.call.hangup\"\n[[step]]\nname = \"again\"\nreceive = \"matrix m.call.hangup\"\n"
	if got := run(t, hungUp+"outcome = \"late\"\n", nil); got != "" {
		t.Error(got)
	}
	if got := run(t, hungUp+"outcome = \"waiting\"\n", nil); !strings.Contains(got, "m.call.hangup is late, and not waiting") {
		t.Error(got)
	}
	odd := dialled + "[[step]]\nname = \"odd\"\nreceive = \"matrix m.call.replaces\"\n[[step]]\nname = \"odd again\"\nreceive = { from = \"matrix\", type = \"m.odd\" }\noutcome = \"unmatched\"\n"
	if got := run(t, odd, nil); got != "" {
		t.Error(got)
	}
}

// Time passes as the scenario says, whatever the clock on the wall does.
func TestTimeIsVirtual(t *testing.T) {
	text := `# What if no candidate comes?
at = 2026-11-22T10:00:00Z
[[step]]
name = "Anna calls"
receive = "matrix m.call.invite"
expect = "nothing"
[[step]]
name = "not yet"
after = "5999ms"
expect = "nothing"
state = "gathering"
[[step]]
name = "now"
after = "1ms"
expect = ["matrix m.call.reject", "matrix m.room.message"]
calls = 0
`
	if got := run(t, text, nil); got != "" {
		t.Error(got)
	}
}

func TestStepsAreRepeated(t *testing.T) {
	text := `# How many calls fit into a minute?
[[step]]
name = "Anna calls"
receive = ["matrix m.call.invite", "matrix m.call.candidates"]
expect = "verto verto.invite"
[[step]]
name = "and gives up"
receive = "matrix m.call.hangup"
expect = "verto verto.bye"
repeat = { from = "Anna calls", times = 11 }
`
	if got := run(t, text, nil); !strings.Contains(got, "Anna calls (time 11)") {
		t.Error(got)
	}
}

// Each fault is found before anything is run, at its place and with a hint.
func TestFindings(t *testing.T) {
	for _, row := range []struct{ text, want, hint string }{
		{"[[step]]\nname = \"x\"\nafter = \"1s\"\n", `busy.scenario.toml:1:1: error: the file does not begin with the question that it answers`, "# What"},
		{"# Q?\n", `busy.scenario.toml: error: there is no [[step]] in the file`, "[[step]]"},
		{"# Q?\nrule = 1\n", `busy.scenario.toml:2:1: error: unknown key rule`, "did you mean rules?"},
		{dialled + "expects = \"nothing\"\n", `busy.scenario.toml:5:1: error: unknown key expects`, "did you mean expect?"},
		{dialled + "expect = \"nohting\"\n", `busy.scenario.toml:5:10: error: "nohting" is no message`, "a transport and a type"},
		{dialled + "expect = { to = \"verto\", type = \"verto.inwite\" }\n", `busy.scenario.toml:5:33: error: no rule sends verto.inwite to verto`, "did you mean verto.invite?"},
		{dialled + "expect = \"vetro verto.invite\"\n", `busy.scenario.toml:5:10: error: no transport is called "vetro"`, "did you mean verto?"},
		{dialled + "expect = { to = \"verto\", type = \"verto.invite\", bodi.sdp = 1 }\n", `busy.scenario.toml:5:49: error: unknown key bodi`, "did you mean body?"},
		{dialled + "expect = { to = \"verto\", type = \"verto.invite\", body.sdp = '${ anny }' }\n", `busy.scenario.toml:5:64: error: unknown name anny`, "did you mean any?"},
		{dialled + "expect = { to = \"verto\", type = \"verto.invite\", body.sdp = '${ regxe(\"a\") }' }\n", `busy.scenario.toml:5:64: error: unknown name regxe`, "did you mean regex?"},
		{dialled + "expect = { to = \"verto\", type = \"verto.invite\", body.sdp = '${ regex(\"[\") }' }\n", `busy.scenario.toml:5:70: error: no regular expression: missing closing ]`, ""},
		{dialled + "expect = { to = \"verto\", type = \"verto.invite\", body.sdp = '${ call.vetro.key }' }\n", `busy.scenario.toml:5:69: error: unknown field call.vetro`, "did you mean verto?"},
		{dialled + "expect = { to = \"verto\", type = \"verto.invite\", body.sdp = '${ has(\"a\" }' }\n", `busy.scenario.toml:5:`, ""},
		{dialled + "state = \"dialing\"\n", `busy.scenario.toml:5:9: error: no rule leads to the state "dialing"`, "did you mean dialling?"},
		{dialled + "fires = \"answerd\"\n", `busy.scenario.toml:5:9: error: no rule is called "answerd"`, "did you mean answered?"},
		{dialled + "after = \"6 s\"\n", `busy.scenario.toml:5:9: error: "6 s" is no time`, "500ms"},
		{dialled + "outcome = \"laet\"\n", `busy.scenario.toml:5:11: error: "laet" is no outcome`, "did you mean late?"},
		{dialled + "calls = -1\n", `busy.scenario.toml:5:9: error: calls is a whole number of 0 or more`, ""},
		{dialled + "repeat = { from = \"Ana calls\", times = 2 }\n", `busy.scenario.toml:5:19: error: no earlier step is called "Ana calls"`, "did you mean Anna calls?"},
		{"# Q?\n[[step]]\nname = \"x\"\nreceive = \"matrix m.call.inwite\"\n", `busy.scenario.toml:4:11: error: no rule is for m.call.inwite from matrix`, "did you mean m.call.invite?"},
		{"# Q?\n[[step]]\nname = \"x\"\nreceive = \"calllog call\"\n", `busy.scenario.toml:4:11: error: nothing comes from "calllog"`, ""},
		{"# Q?\n[[step]]\nname = \"x\"\n", `busy.scenario.toml:2:1: error: nothing happens in this step`, "receive"},
		{"# Q?\nrules = \"matrix-veto\"\n[[step]]\nname = \"x\"\nafter = \"1s\"\n", `busy.scenario.toml:2:9: error: no rule set is called "matrix-veto"`, "did you mean matrix-verto?"},
		{"# Q?\nrules = \"mine.toml\"\n[[step]]\nname = \"x\"\nafter = \"1s\"\n", `busy.scenario.toml:2:9: error: cannot read mine.toml: file does not exist`, ""},
		{"# Q?\n[vars]\nextention = \"9196\"\n[[step]]\nname = \"x\"\nafter = \"1s\"\n", `busy.scenario.toml:3:1: warning: nothing reads vars.extention [V114]`, "did you mean extension?"},
		{"# Q?\n[table.rotues]\na = 1\n[[step]]\nname = \"x\"\nafter = \"1s\"\n", `busy.scenario.toml:2:8: warning: nothing looks anything up in the table rotues [V116]`, ""},
		{"# Q?\n[vars]\nuser = 5\n[[step]]\nname = \"x\"\nafter = \"1s\"\n", `busy.scenario.toml:3:8: error: vars.user is text in the included rules, and here it is a whole number`, ""},
		{"# Q?\n[transport.pbx]\nkind = \"vetro\"\n", `busy.scenario.toml:3:8: error: "vetro" is no kind of transport`, ""},
		{"# Q?\ncapture = \"gone.ndjson\"\n", `busy.scenario.toml:2:11: error: cannot read gone.ndjson: file does not exist`, ""},
	} {
		_, found := load(row.text, nil)
		at := -1
		for i, f := range found {
			if strings.HasPrefix(f.Error(), row.want) && strings.Contains(f.Hint, row.hint) {
				at = i
			}
		}
		if at < 0 {
			t.Errorf("%s\nfound %v\nwant %s (hint %q)", row.text, found, row.want, row.hint)
		}
	}
}

// A scenario is about the rules beside it, if there are any; what it says of
// vars, lets and tables has the last word.
func TestRulesBesideTheScenario(t *testing.T) {
	own := map[string]string{"rules.toml": "include = [\"matrix-verto\"]\n[vars]\nemergency = \"refuse\"\nextension = \"1000\"\n"}
	text := dialled + "expect = { to = \"verto\", type = \"verto.invite\", body.dialogParams.destination_number = \"%s\" }\n"
	if got := run(t, fmt.Sprintf(text, "1000"), own); got != "" {
		t.Error(got)
	}
	over := strings.Replace(text, "[[step]]", "[vars]\nextension = \"2000\"\n[table.routes]\n\"!ben:example.org\" = \"3000\"\n[[step]]", 1)
	if got := run(t, fmt.Sprintf(over, "2000"), own); got != "" {
		t.Error(got)
	}
	if got := run(t, fmt.Sprintf(text, "9196"), nil); got != "" {
		t.Error(got)
	}
}

// The same scenario always comes out the same, and runs do not disturb each
// other.
func TestRunsAreIndependent(t *testing.T) {
	s, found := load(dialled+"expect = \"nothing\"\n", nil)
	if len(found) > 0 {
		t.Fatal(found)
	}
	var first, second strings.Builder
	if err := s.Run(nil).WriteText(&first); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(nil).WriteText(&second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.String(), second.String()); diff != "" {
		t.Error(diff)
	}
}

func TestReportsForPrograms(t *testing.T) {
	s, found := load(dialled+"expect = \"nothing\"\n[[step]]\nname = \"more\"\nafter = \"1s\"\n", nil)
	if len(found) > 0 {
		t.Fatal(found)
	}
	cover := &engine.Coverage{}
	outcomes := []scenario.Outcome{
		{File: file, Result: s.Run(cover)},
		{File: "faulty.scenario.toml", Findings: rules.Findings{{Msg: "unknown key x"}}},
	}
	var out bytes.Buffer
	if err := scenario.WriteJSON(&out, outcomes, cover); err != nil {
		t.Fatal(err)
	}
	var report struct {
		OK        bool
		Scenarios []struct {
			OK     bool
			NotRun int `json:"not_run"`
			Steps  []struct {
				Faults []struct{ Kind, Message string }
			}
		}
		Coverage struct{ Rules int }
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if report.OK || len(report.Scenarios) != 2 || report.Scenarios[0].NotRun != 1 || report.Scenarios[0].Steps[0].Faults[0].Message != "verto verto.invite" || report.Coverage.Rules < 100 {
		t.Errorf("%+v", report)
	}
	out.Reset()
	if err := scenario.WriteJUnit(&out, outcomes); err != nil {
		t.Fatal(err)
	}
	var junit struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	if err := xml.Unmarshal(out.Bytes(), &junit); err != nil {
		t.Fatal(err)
	}
	if junit.Tests != 3 || junit.Failures != 1 || junit.Errors != 1 {
		t.Errorf("%+v\n%s", junit, out.String())
	}
}
