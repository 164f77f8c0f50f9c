package editor_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"vertigo/editor"
	"vertigo/engine"
	"vertigo/rules"
	"vertigo/schema"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

var peers = []engine.Peer{
	{Name: "matrix", Protocol: matrix.Protocol},
	{Name: "pbx", Group: "verto", Protocol: verto.Protocol},
}

var schemas = map[string]*schema.Set{"matrix": matrix.Schema, "verto": verto.Schema}

// vocabulary is that of the shipped rules.
var vocabulary = sync.OnceValues(func() (editor.Vocabulary, error) {
	const text = "include = [\"matrix-verto\"]\n[vars]\nemergency = \"refuse\"\n"
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers:    append(peers, engine.Peer{Name: "calllog"}),
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if set == nil {
		return editor.Vocabulary{}, found
	}
	return editor.VocabularyOf(peers, schemas, set), nil
})

// written makes the schemas in a directory.
func written(t *testing.T) string {
	t.Helper()
	known, err := vocabulary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, s := range map[string]*editor.Schema{
		"rules.schema.json":  editor.RulesSchema(known),
		"keys.schema.json":   editor.RulesSchema(editor.VocabularyOf(peers, schemas, nil)),
		"config.schema.json": editor.ConfigSchema(),
	} {
		text, err := s.JSON()
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(text))
	}
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const aRule = "[[rule]]\nname = \"one\"\non = \"matrix m.call.invite\"\n"

// An editor offers what can stand where the cursor is. taplo finds no way into
// tables and lists within a [[rule]], so nothing is offered there.
func TestCompletion(t *testing.T) {
	s := serve(t, written(t))
	for _, c := range []struct {
		name, schema, text string
		want               []string
	}{
		{"keys of a rule", "rules", aRule + "|\n", []string{"also", "beyond", "cancel", "conn", "in", "let", "limit", "new", "next", "push", "send", "set", "timer", "when"}},
		{"what a rule can start, fill and set", "rules", aRule + "|\n", []string{"timer.expire", "push.candidates", "set.room"}},
		{"tables", "rules", "[|]\n", []string{"vars", "let", "table.routes", "buffer.candidates", "limit.callsAtOnce"}},
		{"double brackets", "rules", "[[|]]\n", []string{"rule", "check"}},
		{"vars", "rules", "[vars]\n|\n", []string{"emergency", "extension"}},
		{"shipped rule sets", "rules", "include = [|]\n", []string{`"matrix-verto"`, `"permissions"`}},
		{"messages", "rules", "[[rule]]\non = |\n", []string{`"matrix m.call.invite"`, `"verto verto.bye"`, `"engine timer.expire"`, `"engine buffer.candidates"`, `"engine call.end"`, `"verto verto.invite.error"`}},
		{"messages without rules", "keys", "[[rule]]\non = |\n", []string{`"matrix m.call.invite"`, `"verto verto.bye"`}},
		{"states", "rules", aRule + "in = |\n", []string{`"gathering"`, `"talking"`, `"ringing"`}},
		{"the next state", "rules", aRule + "next = |\n", []string{`"held"`, `"end"`}},
		{"rules that can be replaced", "rules", "[[rule]]\nname = |\n", []string{`"the far end hangs up"`}},
		{"limits", "rules", aRule + "limit = |\n", []string{`"callsAtOnce"`}},
		{"timers", "rules", aRule + "cancel = |\n", []string{`"expire"`}},
		{"functions in a condition", "rules", aRule + "when = |\n", []string{`"sdpHold(sdp)"`, `"e164(number, country)"`}},
		{"functions in single quotes", "rules", aRule + "when = '|'\n", []string{`'sdpHold(sdp)'`}},
		{"functions in a set", "rules", aRule + "set.number = '|'\n", []string{`'e164(number, country)'`}},
		{"functions in a let of the file", "rules", "[let]\nours = '|'\n", []string{`'localpart(mxid)'`}},
		{"keys of a buffer", "rules", "[buffer.mine]\n|\n", []string{"complete", "idle", "limit", "timeout"}},
		{"keys of a limit", "rules", "[limit.mine]\n|\n", []string{"key", "max", "per", "while"}},
		{"keys of an index", "rules", "[index.mine]\n|\n", []string{"key"}},
		{"keys of a check", "rules", "[[check]]\n|\n", []string{"hint", "that", "var"}},
		{"keys of a configuration", "config", "|\n", []string{"rules", "state", "capture.dir", "log.level", "limits.calls"}},
		{"keys of a transport", "config", "[transport.pbx]\n|\n", []string{"kind", "group", "homeserver", "login", "account", "pace"}},
		{"keys of an account", "config", "[[transport.pbx.account]]\n|\n", []string{"login", "password"}},
		{"kinds of transport", "config", "[transport.pbx]\nkind = |\n", []string{`"matrix"`, `"verto"`}},
		{"levels", "config", "[log]\nlevel = |\n", []string{`"debug"`, `"error"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := labels(s.complete(c.schema+".schema.json", c.text))
			for _, want := range c.want {
				if n := count(got, want); n != 1 {
					t.Errorf("%s is offered %d times among %q", want, n, got)
				}
			}
		})
	}
}

func count(list []string, s string) int {
	n := 0
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// What is offered comes with what the reference says of it.
func TestCompletionSaysWhatThingsMean(t *testing.T) {
	s := serve(t, written(t))
	for _, c := range []struct{ name, text, label, want string }{
		{"a key", aRule + "|\n", "also", "look on for a further one"},
		{"a function", aRule + "when = '|'\n", "'e164(number, country)'", "in international form"},
		{"a message", "[[rule]]\non = |\n", `"matrix m.call.invite"`, "call"},
		{"a rule", "[[rule]]\nname = |\n", `"the far end hangs up"`, "`verto verto.bye`"},
		{"a state", aRule + "in = |\n", `"held"`, "entered by "},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := s.complete("rules.schema.json", c.text)
			i := slices.IndexFunc(list, func(x completion) bool { return x.Label == c.label })
			if i < 0 {
				t.Fatalf("%s is not among %q", c.label, labels(list))
			}
			if doc := list[i].Documentation.Value; !strings.Contains(doc, c.want) {
				t.Errorf("of %s it is said: %s", c.label, doc)
			}
		})
	}
}

// taplo finds nothing in what Vertigo takes, and faults where keys and kinds of
// values are wrong.
func TestFaults(t *testing.T) {
	s := serve(t, written(t))
	for _, c := range []struct{ name, schema, text, want string }{
		{"a fitting rule file", "rules", "include = [\"matrix-verto\"]\n[vars]\nemergency = \"refuse\"\n" + aRule + "push.candidates = 'msg.content.candidates'\nnext = \"a state of my own\"\n", ""},
		{"a misspelt key", "rules", aRule + "nwe = true\n", "nwe"},
		{"a rule without a name", "rules", "[[rule]]\non = \"matrix m.call.invite\"\n", `"name"`},
		{"an expression that is none", "rules", aRule + "when = true\n", "string"},
		{"a misspelt key of a send", "rules", aRule + "[[rule.send]]\nto = \"verto\"\ntyp = \"verto.bye\"\n", "typ"},
		{"a limit of something else", "rules", "[limit.one]\nmax = 1\nwhile = \"room\"\n", "room"},
		{"a fitting configuration", "config", "[transport.m]\nkind = \"matrix\"\nhomeserver = \"https://hs\"\n[log]\nlevel = \"env:LEVEL\"\n[limits]\ncalls = 7\n", ""},
		{"an unknown kind", "config", "[transport.m]\nkind = \"sip\"\n", "sip"},
		{"a misspelt setting", "config", "[transport.m]\nkind = \"matrix\"\n[logg]\nlevel = \"info\"\n", "logg"},
		{"an unknown level", "config", "[transport.m]\nkind = \"matrix\"\n[log]\nlevel = \"loud\"\n", "loud"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(s.faults(c.schema+".schema.json", c.text), "\n")
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("taplo says %q", got)
			}
		})
	}
}

// The rules and configurations that come with Vertigo are faultless to taplo.
func TestNoFaultsInWhatIsShipped(t *testing.T) {
	s := serve(t, written(t))
	for schema, patterns := range map[string][]string{
		"rules":  {"../rules/*.toml", "../examples/*/rules.toml"},
		"config": {"../examples/*/vertigo.toml"},
	} {
		for _, pattern := range patterns {
			files, err := filepath.Glob(pattern)
			if err != nil || len(files) == 0 {
				t.Fatal(pattern, err)
			}
			for _, name := range files {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				for _, fault := range s.faults(schema+".schema.json", string(text)) {
					t.Errorf("%s: %s", name, fault)
				}
			}
		}
	}
}

// What rules declare of a peer is offered as what the program knows itself.
func TestDeclaredPeersAreOffered(t *testing.T) {
	const text = "[protocol.bell]\nschema = \"bell.json\"\n[[rule]]\nname = \"up\"\non = \"bell transport.up\"\nnew = \"connection\"\nconn.since = 'now'\n"
	const messages = `{"$defs": {"in ring": {"description": "Somebody rings.", "type": "object"}, "out open": {"type": "object"}}}`
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{Peers: peers, Unnamed: &engine.Protocol{Kind: "ws-json"}, ReadFile: func(name string) ([]byte, error) {
		if name == "bell.json" {
			return []byte(messages), nil
		}
		return []byte(text), nil
	}})
	if set == nil {
		t.Fatal(found)
	}
	v := editor.VocabularyOf(peers, schemas, set)
	has := func(list []editor.Name, name, doc string) bool {
		return slices.ContainsFunc(list, func(n editor.Name) bool { return n.Name == name && strings.Contains(n.Doc, doc) })
	}
	switch {
	case !has(v.Transports, "bell", "ws-json"), !has(v.On, "bell ring", "Somebody rings."), !has(v.Types, "open", ""):
		t.Errorf("%+v", v)
	case !slices.Contains(v.Protocols, "bell") || !slices.Contains(v.ConnVars, "since"):
		t.Errorf("%q %q", v.Protocols, v.ConnVars)
	}
}
