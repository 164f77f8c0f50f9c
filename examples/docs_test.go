package examples_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"vertigo/rules"
	"vertigo/transports/httpjson"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
	"vertigo/transports/wsjson"
)

// A snippet is a fenced block of a document.
type snippet struct {
	file string
	line int    // of its first line of text
	info string // what stands behind the opening fence: "toml rules"
	text string
}

func (s snippet) String() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

// documents are all that a reader is given to read.
func documents(t *testing.T) []string {
	t.Helper()
	return slices.Concat(glob(t, "*.md"), glob(t, "docs/*.md"), glob(t, "examples/*.md"), glob(t, "examples/*/*.md"))
}

// snippets gives the blocks of all documents that bear an info string.
func snippets(t *testing.T, info string) []snippet {
	t.Helper()
	var list []snippet
	for _, name := range documents(t) {
		for _, s := range fenced(name, read(t, name)) {
			if s.info == info {
				list = append(list, s)
			}
		}
	}
	if len(list) == 0 {
		t.Fatalf("no document has a snippet marked %q", info)
	}
	return list
}

func fenced(file, text string) []snippet {
	const fence = "```"
	var list []snippet
	var open *snippet
	for i, line := range strings.Split(text, "\n") {
		mark, isFence := strings.CutPrefix(line, fence)
		switch {
		case isFence && open == nil:
			open = &snippet{file: file, line: i + 2, info: mark}
		case isFence:
			list = append(list, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return list
}

// A whole rule file in a document can be used as it stands; a part of one can
// in a file that takes in the shipped rules.
func TestRulesInDocuments(t *testing.T) {
	for info, before := range map[string]string{"toml rules": "", "toml rule": "include = [\"decided.toml\"]\n"} {
		for _, s := range snippets(t, info) {
			t.Run(s.String(), func(t *testing.T) {
				dir := t.TempDir()
				name := filepath.Join(dir, "rules.toml")
				for file, text := range map[string]string{name: before + s.text, filepath.Join(dir, "decided.toml"): decided} {
					if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if _, found := load(name); len(found) > 0 {
					t.Errorf("%v\n%s", found, s.text)
				}
			})
		}
	}
}

// decided are the shipped rules with what they leave to their user.
const decided = "include = [\"matrix-verto\"]\n[vars]\nemergency = \"refuse\"\n"

// A configuration in a document can be used as it stands, with rules beside it.
func TestConfigurationsInDocuments(t *testing.T) {
	setSecrets(t)
	for _, s := range snippets(t, "toml config") {
		t.Run(s.String(), func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, configName)
			for file, text := range map[string]string{name: s.text, filepath.Join(dir, "rules.toml"): decided} {
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			checks(t, name)
		})
	}
}

// What a document shows of a command is what the command prints.
func TestCommandsInDocuments(t *testing.T) {
	const prompt = "$ go run ./cmd/vertigo "
	for _, s := range snippets(t, "console") {
		t.Run(s.String(), func(t *testing.T) {
			first, _, _ := strings.Cut(s.text, "\n")
			args, ok := strings.CutPrefix(first, prompt)
			if !ok {
				t.Fatalf("the block does not begin with %q", prompt)
			}
			cmd := exec.CommandContext(t.Context(), vertigo, strings.Fields(args)...)
			out, err := cmd.CombinedOutput() // as a terminal has it: findings, and what they come to
			if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			printed := first + "\n" + strings.TrimRight(string(out), "\n") + "\n"
			same(t, s.file, strings.Replace(read(t, s.file), s.text, printed, 1))
		})
	}
}

// The list of functions is made from the functions themselves.
func TestFunctionsInDocuments(t *testing.T) {
	var list strings.Builder
	for _, f := range rules.Functions {
		fmt.Fprintf(&list, "\n**`%s`** %s\n\n    %s\n    = %s\n", f.Signature, plain.Replace(f.Doc), f.Example, f.Result)
	}
	part(t, "docs/rules.md", "functions", list.String())
}

// plain keeps letters that mean something in Markdown from meaning it.
var plain = strings.NewReplacer("_", `\_`, "*", `\*`, "<", "&lt;")

// part compares a part of a document that is made from the program, or writes it.
func part(t *testing.T, name, what, made string) {
	t.Helper()
	begin, end := "<!-- "+what+" -->\n", "<!-- /"+what+" -->\n"
	before, rest, ok := strings.Cut(read(t, name), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the %s", name, what)
	}
	same(t, name, before+begin+made+"\n"+end+after)
}

// shipped is what the tests read of the shipped rules.
type shipped struct {
	Vars, Limit, Buffer map[string]any
	Table               map[string]map[string]any
	Rule                []struct {
		Name string
		Set  map[string]string
	}
}

// readShipped reads the named rule sets, or all there are.
func readShipped(t *testing.T, names ...string) shipped {
	t.Helper()
	if len(names) == 0 {
		names = rules.Shipped()
	}
	all := shipped{Vars: map[string]any{}, Limit: map[string]any{}, Buffer: map[string]any{}, Table: map[string]map[string]any{}}
	for _, name := range names {
		text, err := rules.ReadShipped(name)
		if err != nil {
			t.Fatal(err)
		}
		var s shipped
		if _, err := toml.Decode(string(text), &s); err != nil {
			t.Fatal(err)
		}
		maps.Copy(all.Vars, s.Vars)
		maps.Copy(all.Limit, s.Limit)
		maps.Copy(all.Buffer, s.Buffer)
		maps.Copy(all.Table, s.Table)
		all.Rule = append(all.Rule, s.Rule...)
	}
	return all
}

// The sentences with which calls are refused are those of the shipped rules, in
// the order in which the reasons are looked for.
func TestRefusalsInDocuments(t *testing.T) {
	var text strings.Builder
	text.WriteString("\n| rule | what the user is told |\n| --- | --- |\n")
	for _, r := range readShipped(t, "permissions").Rule {
		if sentence := strings.Trim(r.Set["refusal"], `"`); sentence != "" {
			fmt.Fprintf(&text, "| %s | %s |\n", r.Name, sentence)
		}
	}
	part(t, "docs/matrix-verto.md", "permissions", text.String())
}

// The tables of causes and reasons are those of the shipped rules.
func TestCausesInDocuments(t *testing.T) {
	const name = "docs/matrix-verto.md"
	tables := readShipped(t, slices.DeleteFunc(rules.Shipped(), ofJanus)...).Table
	part(t, name, "reasons", pairTable(
		[3]string{"cause", "before the answer", "after it"}, tables["rejectReason"], tables["hangupReason"], "unknown_error", "unknown_error"))
	part(t, name, "causes", pairTable(
		[3]string{"reason", "before the answer", "after it"}, tables["cancelCause"], tables["byeCause"], "NORMAL_TEMPORARY_FAILURE", "NORMAL_CLEARING"))
}

// pairTable shows two tables side by side; what one lacks is otherwise.
func pairTable(head [3]string, first, second map[string]any, firstOtherwise, secondOtherwise string) string {
	value := func(table map[string]any, key, otherwise string) string {
		if v, ok := table[key]; ok {
			return fmt.Sprintf("`%v`", v)
		}
		return otherwise
	}
	keys := map[string]any{}
	maps.Copy(keys, first)
	maps.Copy(keys, second)
	var text strings.Builder
	fmt.Fprintf(&text, "\n| %s | %s | %s |\n| --- | --- | --- |\n", head[0], head[1], head[2])
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", key, value(first, key, firstOtherwise), value(second, key, secondOtherwise))
	}
	return text.String()
}

// Whatever can be set in the shipped rules is told of.
func TestSettingsInDocuments(t *testing.T) {
	settingsIn(t, "docs/matrix-verto.md", readShipped(t, slices.DeleteFunc(rules.Shipped(), ofJanus)...))
	settingsIn(t, janusDoc, readShipped(t, slices.DeleteFunc(rules.Shipped(), func(name string) bool { return !ofJanus(name) })...))
}

func settingsIn(t *testing.T, name string, s shipped) {
	t.Helper()
	text := read(t, name)
	for _, settings := range []map[string]any{s.Vars, s.Limit, s.Buffer} {
		for setting := range settings {
			if !strings.Contains(text, "`"+setting+"`") {
				t.Errorf("%s does not tell of %s", name, setting)
			}
		}
	}
	for table, entries := range s.Table {
		delete(entries, "match")
		if len(entries) == 0 && !strings.Contains(text, "`"+table+"`") {
			t.Errorf("%s does not tell of table %s", name, table)
		}
	}
}

// Whatever can be set of a transport is told of.
func TestTransportSettingsInDocuments(t *testing.T) {
	for _, c := range []struct {
		config reflect.Type
		name   string
	}{
		{reflect.TypeFor[matrix.Config](), "docs/operate.md"},
		{reflect.TypeFor[verto.Config](), "docs/operate.md"},
		{reflect.TypeFor[wsjson.Config](), "docs/transports.md"},
		{reflect.TypeFor[httpjson.Config](), "docs/transports.md"},
	} {
		text := read(t, c.name)
		for i := range c.config.NumField() {
			key := c.config.Field(i).Tag.Get("toml")
			if !strings.Contains(text, "`"+key+"`") && !strings.Contains(text, "."+key+"]]`") {
				t.Errorf("%s does not tell of %s of %s", c.name, key, c.config)
			}
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors gives the names that a document's headings have in links.
func anchors(text string) []string {
	var names []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := dropped.ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: %s has no heading for #%s", name, target, anchor)
			}
		}
	}
}
