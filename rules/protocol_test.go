package rules

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
	"vertigo/wire"
)

func TestAProtocolIsAFormat(t *testing.T) {
	const text = `[protocol.x]
type        = ["a", "b.c"]
key         = "d.e"
reply       = "id"
answers     = ["ok", "no*"]
error       = "fault"
acknowledge = { jsonrpc = "2.0", id = '${ msg.id }', list = [1, '${ msg.params.n }'] }

[[rule]]
name = "any"
on   = "x any"
`
	set, found := loadReal(map[string]string{"rules.toml": text})
	if set == nil {
		t.Fatal(found)
	}
	want := wire.Format{
		Type: []string{"a", "b.c"}, Key: []string{"d.e"}, Reply: "id", Answers: []string{"ok", "no*"}, Error: "fault",
		Acknowledge: []byte(`{"id":"${ msg.id }","jsonrpc":"2.0","list":[1,"${ msg.params.n }"]}`),
	}
	if diff := cmp.Diff(want, set.ProtocolOf("x").Format); diff != "" {
		t.Error(diff)
	}
	if set.Unchecked > 0 {
		t.Errorf("%d fields unchecked", set.Unchecked)
	}
}

func TestFaultsInProtocols(t *testing.T) {
	const rule = "\n[[rule]]\nname = \"any\"\non = \"x any\"\n"
	for _, tc := range []struct{ name, text, want string }{
		{"keys and kinds", "tipe = \"a\"\nkey = 1\nreply = [\"a\"]\nenvelope = \"a\"",
			"2:1 V003 unknown key tipe | did you mean type?\n3:7 V004 expected a path or a list of them, found a whole number | \n" +
				"4:9 V004 expected a path, found a list | \n5:12 V004 expected a table, found text | "},
		{"paths", "type = [\"a.b\", \"a..b\", \"a.*\", \"\"]",
			"2:16 V053 \"a..b\" is not a path | names of fields, from the outside in, joined with dots: body.call_id\n" +
				"2:24 V053 \"a.*\" is not a path | names of fields, from the outside in, joined with dots: body.call_id\n" +
				"2:31 V053 \"\" is not a path | names of fields, from the outside in, joined with dots: body.call_id"},
		{"answers without an id, and no pattern", "answers = [\"done\", \"[\"]\nerror = \"e\"",
			"2:1 V053 without reply nothing is an answer | say where its id stands, as in reply = \"id\"; or leave answers out\n" +
				"2:20 V053 \"[\" is not a pattern | * stands for anything, ? for a letter, [ab] for one of some\n" +
				"3:1 V053 without reply nothing is an answer | say where its id stands, as in reply = \"id\"; or leave error out"},
		{"an acknowledgement of everything", "acknowledge = { ok = true }",
			"2:1 V053 the acknowledgement names no field of the message, and so would answer each one | name one that only requests have: { id = '${ msg.id }' }"},
		{"one that computes", "acknowledge = { id = '${ msg.id }', a = 'to ${ msg.id }', b = '${ call.id }' }",
			"2:41 V053 an acknowledgement takes fields of the message alone, each as it is | '${ msg.id }'\n" +
				"2:63 V053 an acknowledgement takes fields of the message alone, each as it is | '${ msg.id }'"},
		{"a schema that is not there", "schema = \"y.json\"", "2:10 V054 cannot read y.json: file does not exist | "},
		{"a schema that is none", "schema = \"none.json\"", "none.json:2:3 V054 \"tipe\" is no keyword of JSON Schema | fields stand under properties; keywords of your own begin with x-"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, found := loadReal(map[string]string{"rules.toml": "[protocol.x]\n" + tc.text + rule, "none.json": "{\n  \"tipe\": \"object\"\n}\n"})
			var lines []string
			for _, f := range found {
				at := fmt.Sprintf("%d:%d", f.Pos.Line, f.Pos.Col)
				if f.Pos.File != "rules.toml" {
					at = f.Pos.File + ":" + at
				}
				lines = append(lines, fmt.Sprintf("%s %s %s | %s", at, f.Code, f.Msg, f.Hint))
			}
			if diff := cmp.Diff(tc.want, strings.Join(lines, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The fields of a peer with a schema are checked, in what it says, in what is
// sent to it, and where the protocol says that they stand.
func TestTheSchemaOfAProtocolIsHeldTo(t *testing.T) {
	const schema = `{
  "$defs": {
    "in ring": { "properties": { "kind": {}, "door": { "type": "string" } }, "additionalProperties": false },
    "out open": { "properties": { "kind": { "type": "string" }, "session": {}, "id": {} }, "required": ["kind", "session"], "additionalProperties": false },
    "in *.done": { "properties": { "id": {}, "took": { "type": "integer" } }, "additionalProperties": false }
  }
}`
	const rules = `[protocol.bell]
type     = "kind"
key      = "dor"
reply    = "id"
answers  = "done"
schema   = "bell.json"
envelope = { kind = "open" }

[[rule]]
name = "rings"
on   = "bell ring"
when = 'msg.dor == "front"'
also = true
send = [{ to = "bell", type = "open" }, { to = "bell", type = "shut" }]

[[rule]]
name = "rungs"
on   = ["bell rings", "bell transport.up", "bell open", "bell open.error"]

[[rule]]
name = "open"
on   = "bell open.done"
when = 'msg.took == "long"'
`
	_, found := loadReal(map[string]string{"rules.toml": rules, "bell.json": schema})
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%d:%d %s %s | %s", f.Pos.Line, f.Pos.Col, f.Code, f.Msg, f.Hint))
	}
	want := []string{
		"3:12 V055 no message has dor | did you mean door?",
		"12:13 V204 unknown field msg.dor | did you mean door?",
		"14:9 V210 open needs session | ",
		"14:63 V202 unknown message type shut: nothing of the kind can be sent to bell | ",
		"18:15 V201 no rings ever comes from bell | did you mean ring?",
		"18:50 V201 no open ever comes from bell | it can be sent; what comes of that is open.error or open.done",
		"23:21 V206 msg.took is a whole number, and never equals text | ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Without a schema the rules themselves tell what is nearly meant.
func TestPathsAndAnswersThatRulesNearlyHave(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{`"data.ring"`, `"data.rnig"`, "V055 no rule reads data.rnig of a message, or sends it | did you mean data.ring?"},
		{`"door"`, `"doors"`, "V055 no rule reads doors of a message, or sends it | did you mean door?"},
		{`"bell open.done"`, `"bell open.doen"`, "V203 no rule sends what open.doen would be the answer to | did you mean open.done?"},
		{`"bell take.done"`, `"bell tak.done"`, "V203 no rule sends what tak.done would be the answer to | did you mean take.done?"},
		{`"bell take.done"`, `"bell lamp.done"`, ""},
	} {
		_, found := loadReal(map[string]string{"rules.toml": strings.Replace(bell, tc.old, tc.new, 1)})
		var got []string
		for _, f := range found {
			got = append(got, fmt.Sprintf("%s %s | %s", f.Code, f.Msg, f.Hint))
		}
		if diff := cmp.Diff(tc.want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s: %s", tc.new, diff)
		}
	}
}

// Whose protocol is declared is told by name, and else nothing is a transport
// that nobody has named.
func TestProtocolsOfNamedTransports(t *testing.T) {
	load := func(o Options) (*Set, Findings) {
		o.ReadFile = func(name string) ([]byte, error) {
			if name != "rules.toml" {
				return nil, fs.ErrNotExist
			}
			return []byte("[protocol.bell]\nkey = \"ring\"\n[protocol.lamp]\n[[rule]]\nname = \"any\"\non = \"front any\"\n"), nil
		}
		return Load([]string{"rules.toml"}, o)
	}
	peers := []engine.Peer{{Name: "front", Group: "doors"}, {Name: "back"}}
	set, found := load(Options{Peers: peers, Protocols: map[string]string{"front": "bell", "back": "gong"}})
	if set == nil {
		t.Fatal(found)
	}
	if p := set.ProtocolOf("front"); p == nil || p.Name != "bell" || len(set.Peers[0].Protocol.Key) != 1 {
		t.Errorf("%+v %+v", p, set.Peers)
	}
	if set.ProtocolOf("back") != nil || len(set.Peers) != 2 || len(peers[0].Protocol.Key) > 0 {
		t.Errorf("%+v %+v", set.Peers, peers)
	}
	set, found = load(Options{Peers: peers, Protocols: map[string]string{"front": "bell"}, Unnamed: &engine.Protocol{Kind: "any"}})
	if set == nil || len(set.Peers) != 3 || set.Peers[2].Name != "lamp" || set.Peers[2].Protocol.Kind != "any" {
		t.Errorf("%v", found)
	}
}

// What a protocol says stands in for what an included one of the name says, key
// by key; an envelope likewise, key by key in it.
func TestAProtocolIsLaidOverAnIncludedOne(t *testing.T) {
	base := `[protocol.x]
type = "theirs"
key = "id"
reply = "n"
acknowledge = { ack = '${ msg.n }' }
[protocol.x.envelope]
version = 1
auth = { user = "u", password = "p" }
[[rule]]
name = "any"
on = "x any"
send = { to = "x", type = "out", body = { body = true } }
`
	for _, tc := range []struct{ name, own, typ, acknowledge, sent string }{
		{"a key", "type = \"mine\"", "mine", `{"ack":"${ msg.n }"}`, `{"auth":{"password":"p","user":"u"},"body":true,"version":1}`},
		{"nothing", "", "theirs", `{"ack":"${ msg.n }"}`, `{"auth":{"password":"p","user":"u"},"body":true,"version":1}`},
		{"a token in the envelope", "[protocol.x.envelope]\ntoken = \"t\"\nauth.password = \"q\"\n", "theirs", `{"ack":"${ msg.n }"}`,
			`{"auth":{"password":"q","user":"u"},"body":true,"token":"t","version":1}`},
		{"an acknowledgement, whole", "acknowledge = { yes = '${ msg.n }' }", "theirs", `{"yes":"${ msg.n }"}`,
			`{"auth":{"password":"p","user":"u"},"body":true,"version":1}`},
	} {
		set, found := loadReal(map[string]string{"rules.toml": "include = [\"base.toml\"]\n[protocol.x]\n" + tc.own + "\n", "base.toml": base})
		if set == nil || len(found) > 0 {
			t.Errorf("%s: %v", tc.name, found)
			continue
		}
		f := set.ProtocolOf("x").Format
		if got := fmt.Sprintf("%s %s %s %s", f.Type, f.Key, f.Reply, f.Acknowledge); got != fmt.Sprintf("[%s] [id] n %s", tc.typ, tc.acknowledge) {
			t.Errorf("%s: %s", tc.name, got)
		}
		out := engine.New(set.Ruleset, engine.Options{}).Step(time.Now(), engine.Message{Transport: "x", Type: "any", Body: []byte(`{}`)})
		var body any
		if len(out) != 1 || json.Unmarshal(out[0].Body, &body) != nil {
			t.Fatalf("%s: %v", tc.name, out)
		}
		if got, _ := json.Marshal(body); string(got) != tc.sent {
			t.Errorf("%s: %s is sent, want %s", tc.name, got, tc.sent)
		}
	}
}

// Whoever adds a token to what the shipped rules send to Janus keeps their
// protocol.
func TestATokenForJanus(t *testing.T) {
	include := "include = [\"matrix-janus\"]\nvars = { emergency = \"refuse\", user = \"@phone:example.org\", domain = \"example.org\", country = \"GB\" }\n"
	formats := map[string]wire.Format{}
	for _, own := range []string{"", "[protocol.janus.envelope]\ntoken = \"mine\"\n"} {
		set, found := loadReal(map[string]string{"rules.toml": include + own})
		if set == nil || len(found) > 0 {
			t.Fatal(found)
		}
		formats[own] = set.ProtocolOf("janus").Format
		if set.ProtocolOf("janus").Schema == nil {
			t.Error("the schema is lost")
		}
	}
	for own, f := range formats {
		if diff := cmp.Diff(formats[""], f); diff != "" {
			t.Errorf("%s\n%s", own, diff)
		}
	}
}
