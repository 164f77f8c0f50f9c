package examples_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vertigo/editor"
	"vertigo/rules"
)

// The tables of keys are made from what the program knows of them.
func TestKeysInDocuments(t *testing.T) {
	const name = "docs/rules.md"
	head := "| key | value | meaning |\n| --- | --- | --- |\n"
	part(t, name, "file keys", keyTable(head, rules.FileKeys))
	part(t, name, "rule keys", keyTable(head, rules.RuleKeys))
	part(t, name, "send keys", keyTable(head, editor.SendKeys("matrix", "verto", "calllog", "http-json")))
	part(t, name, "buffer keys", keyTable("| key | value | it speaks, with this `reason`, when |\n| --- | --- | --- |\n", rules.BufferKeys))
	part(t, name, "limit keys", keyTable(head, rules.LimitKeys))
	part(t, name, "index keys", keyTable(head, rules.IndexKeys))
	part(t, name, "table keys", keyTable(head, rules.TableKeys))
	part(t, name, "protocol keys", keyTable(head, rules.ProtocolKeys))
	part(t, name, "check keys", keyTable(head, rules.CheckKeys))
}

func keyTable(head string, keys []rules.Key) string {
	var text strings.Builder
	text.WriteString("\n" + head)
	for _, k := range keys {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", k.Name, k.Value, k.Doc)
	}
	return text.String()
}

// So are those of settings.
func TestSettingsOfFilesInDocuments(t *testing.T) {
	const name = "docs/operate.md"
	part(t, name, "general settings", settingTable(editor.GeneralSettings))
	part(t, name, "transport settings", settingTable(editor.TransportSettings))
	part(t, name, "matrix settings", settingTable(editor.KindSettings["matrix"]))
	part(t, name, "verto settings", settingTable(editor.KindSettings["verto"]))
	part(t, name, "limit settings", settingTable(editor.LimitSettings))
	part(t, "docs/transports.md", "ws-json settings", settingTable(editor.KindSettings["ws-json"]))
	part(t, "docs/transports.md", "http-json settings", settingTable(editor.KindSettings["http-json"]))
}

func settingTable(settings []editor.Setting) string {
	var text strings.Builder
	text.WriteString("\n| key | default | meaning |\n| --- | --- | --- |\n")
	for _, s := range settings {
		key := s.Key
		if s.Form == editor.SettingTables {
			key = "[[transport.NAME." + key + "]]"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", key, s.Default, s.Doc)
	}
	return text.String()
}

// codeSpan is a piece of code within a line of text.
var codeSpan = regexp.MustCompile("`([^`\n]+)`")

// looksLikeCode tells expressions and templates from names of keys.
var looksLikeCode = regexp.MustCompile(`[(\[?!]|\$\{|^(call|msg|vars)\.`)

// noExpressions are pieces of code in docs/rules.md that look like expressions.
var noExpressions = map[string]string{
	// names of parts of a file, patterns, placeholders
	"[[rule]]": "", "[[rule.send]]": "", "[[check]]": "", "[vars]": "", "[let]": "", "[table.NAME]": "", "[buffer.NAME]": "", "[limit.NAME]": "", "[index.NAME]": "", "[protocol.NAME]": "", "{ id = '${ msg.id }' }": "", "'${ msg.request }'": "", "[table.NAME.entries]": "",
	"?": "", "[ab]": "", "${": "", "${ … }": "", "a ?? b": "", "NAME[key]": "", "NAME[KEY]": "", "date(…)": "", "!msg.x": "", "msg.x != true": "", "call.NAME.key": "", "vars.NAME": "",
	`fields["m.id.phone"]`: "", `"m.call.answer"`: "", "engine call.end": "", "engine call.stop": "",
	// lines of a file
	`include = ["matrix-verto", "house.toml"]`: "", `"5551" = ["@anna:example.org", "@ben:example.org"]`: "",
	// examples of what is refused, and in which words; of a field that no message has another test is
	"now()":                        "a time is not callable",
	`timezone("Europe/Lundon")`:    "Europe/Lundon",
	"msg.content.ofer":             "",
	"max = 'most[call.user] ?? 2'": "",
}

// Each expression and template that the reference names can stand in a rule, but
// for those of which it says that they cannot.
func TestExpressionsInDocuments(t *testing.T) {
	text, _, _ := strings.Cut(read(t, "docs/rules.md"), "<!-- functions -->")
	for i, prose := range strings.Split(text, "```") {
		if i%2 == 1 {
			continue // a snippet, which another test loads
		}
		for _, m := range codeSpan.FindAllStringSubmatch(prose, -1) {
			code := m[1]
			if !looksLikeCode.MatchString(code) {
				continue
			}
			refused, special := noExpressions[code]
			if special && refused == "" {
				continue
			}
			t.Run(code, func(t *testing.T) {
				said := loadExpression(t, code)
				if refused == "" && said != "" || !strings.Contains(said, refused) {
					t.Errorf("check says %q", said)
				}
			})
		}
	}
}

// loadExpression loads a rule with an expression or a template in it, and gives
// what is wrong with that.
func loadExpression(t *testing.T, code string) string {
	t.Helper()
	use := "let = { x = '''" + code + "''' }\n"
	switch {
	case strings.HasPrefix(code, "."): // of a time
		use = "let = { x = '''now" + code + "''' }\n"
	case strings.HasPrefix(code, "'"):
		use = "send = [{ to = \"verto\", type = \"verto.info\", body = { dialogParams = { callID = 'x' }, msg = { body = " + code + " } } }]\n"
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "rules.toml")
	rule := "include = [\"decided.toml\"]\n[table.dids]\nfile = \"dids.csv\"\n[index.callsOf]\nkey = 'call.user'\n[[rule]]\nname = \"of the reference\"\non = \"* *\"\nalso = true\nset = { remote = '\"\"' }\n" + use
	for file, text := range map[string]string{"rules.toml": rule, "decided.toml": decided, "dids.csv": "number,room,name\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, found := load(name)
	var said []string
	for _, f := range found {
		if f.Severity == rules.Error {
			said = append(said, f.Msg)
		}
	}
	return strings.Join(said, "\n")
}
