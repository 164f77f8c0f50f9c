package examples_test

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/schema"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

const (
	configName = "vertigo.toml"
	faulty     = "examples/faulty"
)

// peers are the transports that the examples' rules name.
var peers = []engine.Peer{
	{Name: "matrix", Protocol: matrix.Protocol},
	{Name: "verto", Protocol: verto.Protocol},
	{Name: "calllog", Protocol: calllog.Protocol},
	{Name: calllog.Name, Protocol: calllog.Protocol},
}

// schemas tell of their messages.
var schemas = map[string]*schema.Set{
	matrix.Protocol.Kind: matrix.Schema, verto.Protocol.Kind: verto.Schema, calllog.Protocol.Kind: calllog.Schema,
}

// unnamed is what a transport is like that only a [protocol.NAME] names.
var unnamed = engine.Protocol{Kind: "ws-json", Address: []string{"path", "request", "status"}}

func load(files ...string) (*rules.Set, rules.Findings) {
	return rules.Load(files, rules.Options{Peers: peers, Schemas: schemas, Unnamed: &unnamed})
}

func TestRuleFilesHaveNoFindings(t *testing.T) {
	for _, name := range glob(t, "examples/*/*.toml") {
		if filepath.Dir(name) == faulty || filepath.Base(name) == configName {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if set, found := load(name); len(found) > 0 || len(set.Rules) == 0 {
				t.Error(found)
			}
		})
	}
}

func TestConfigurationsCanBeUsed(t *testing.T) {
	setSecrets(t)
	for _, name := range glob(t, "examples/*/"+configName) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Dir(name))); err != nil {
				t.Fatal(err)
			}
			checks(t, filepath.Join(dir, configName))
		})
	}
}

// checks sees to it that a configuration is found to be good, once it has its
// registration if it is that of an application service.
func checks(t *testing.T, config string) {
	t.Helper()
	if strings.Contains(read(t, config), `"appservice"`) {
		if _, stderr, code := run(t, "registration", "-c", config); code != 0 {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
	}
	if _, stderr, code := run(t, "check", "-c", config); code != 0 || stderr != "" {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// Whoever copies from these files takes the whole element.
func TestFreeSWITCHFilesAreXML(t *testing.T) {
	for _, name := range glob(t, "examples/freeswitch/*.xml") {
		text := read(t, name)
		if first, _, _ := strings.Cut(text, "\n"); !strings.HasPrefix(first, "<!-- ") || !strings.Contains(first, "?") {
			t.Errorf("%s opens with %q, which is no question", name, first)
		}
		for d := xml.NewDecoder(strings.NewReader(text)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}

// setSecrets sets the variables that the configurations name.
func setSecrets(t *testing.T) {
	t.Helper()
	t.Setenv("VERTIGO_MATRIX_TOKEN", "a token")
	t.Setenv("VERTIGO_VERTO_PASSWORD", "a password")
	t.Setenv("VERTIGO_DOOR_TOKEN", "another token")
	t.Setenv("VERTIGO_CRM_TOKEN", "a third token")
}

func TestFaultyRuleFilesSayWhatIsWrong(t *testing.T) {
	for _, name := range glob(t, faulty+"/*.toml") {
		t.Run(name, func(t *testing.T) {
			if set, _ := load(name); set != nil {
				t.Error("the rules were loaded all the same")
			}
			stdout, stderr, code := run(t, "check", name)
			if code != 1 {
				t.Errorf("the exit code is %d, not 1\n%s", code, stdout)
			}
			same(t, strings.TrimSuffix(name, ".toml")+".txt", stderr)
		})
	}
}

// width is that of a terminal.
const width = 80

func TestCapturesReplayed(t *testing.T) {
	for _, name := range glob(t, "examples/*/*.ndjson") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ladder := replay(t, name)
			for line := range strings.Lines(ladder) {
				if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > width {
					t.Errorf("wider than %d columns: %s", width, line)
				}
			}
			same(t, strings.TrimSuffix(name, ".ndjson")+".ladder.txt", ladder)
			replay(t, name, "--format", "ndjson")
		})
	}
}

// What Vertigo sent when a capture of its own was taken, it sends today.
func TestCapturesOfOurOwnShowTheSameCalls(t *testing.T) {
	for _, name := range glob(t, "examples/*/*.ndjson") {
		if !isOwn(t, name) {
			continue
		}
		if stdout, stderr, code := run(t, "replay", "-c", beside(name, configName), "--expect", name); code != 0 {
			t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
		}
	}
}

// isOwn tells a capture that Vertigo has taken, which says who the bridge is.
func isOwn(t *testing.T, capture string) bool {
	return strings.Contains(read(t, capture), `"type":"transport.up"`)
}

func beside(capture, name string) string { return filepath.Join(filepath.Dir(capture), name) }

// replay gives what the program prints of a capture by the rules beside it, or
// of one of its own by the configuration beside it, which must be the same each
// time.
func replay(t *testing.T, capture string, options ...string) string {
	t.Helper()
	args := append([]string{"replay", "-r", beside(capture, "rules.toml")}, options...)
	if isOwn(t, capture) {
		args = append([]string{"replay", "-c", beside(capture, configName)}, options...)
	}
	args = append(args, capture)
	first, stderr, code := run(t, args...)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	if again, _, _ := run(t, args...); again != first {
		t.Errorf("%q does not print the same each time", args)
	}
	return first
}

func TestEveryFileOpensWithItsQuestion(t *testing.T) {
	for _, name := range slices.Concat(glob(t, "examples/*/*.toml"), glob(t, "examples/*/*.csv")) {
		first, _, _ := strings.Cut(read(t, name), "\n")
		if !strings.HasPrefix(first, "# ") || !strings.Contains(first, "?") {
			t.Errorf("%s opens with %q, which is no question", name, first)
		}
	}
}

func TestEveryFileIsListed(t *testing.T) {
	list := read(t, "examples/README.md")
	for _, name := range glob(t, "examples/*/*.*") {
		name = strings.TrimPrefix(name, "examples/")
		if strings.HasSuffix(name, ".txt") {
			continue // what the file of the same name makes the program say
		}
		if !strings.Contains(list, "`"+name+"`") {
			t.Errorf("examples/README.md does not list %s", name)
		}
	}
}
