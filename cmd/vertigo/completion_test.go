package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func commandLine(t *testing.T) *kong.Node {
	t.Helper()
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model.Node
}

func TestCompletion(t *testing.T) {
	root := commandLine(t)
	for line, want := range map[string]string{
		"ch":                           "check",
		"check --fo":                   "--format",
		"check --config x --ex":        "--explain",
		"check --format ":              "text json github",
		"check --format j":             "json",
		"check --format=":              "--format=text --format=json --format=github",
		"check --format=j":             "--format=json",
		"check --format = j":           "json",
		"check --format =":             "text json github",
		"check --format = json --expl": "--explain",
		"check --explain V001":         "V001",
		"check -c x ":                  ":files",
		"check ":                       ":files",
		"check -- --fo":                ":files",
		"fmt - --di":                   "--diff",
		"rules matrix-v":               "matrix-verto matrix-verto-call matrix-verto-identity matrix-verto-in matrix-verto-keys matrix-verto-media matrix-verto-out matrix-verto-transfer",
		"rules matrix-verto ":          "",
		"replay --against perm":        "permissions :files",
		"replay a.ndjson b":            ":files",
		"graph -r a.toml --format d":   "dot",
		"schema c":                     "config",
		"init --mode b":                "bot",
		"init --emergency=r":           "--emergency=refuse --emergency=route",
		"completion z":                 "zsh",
		"explain --call ":              "",
		"run --nonsense=x --dry":       "--dry-run",
	} {
		var got []string
		for _, c := range candidates(root, strings.Split(line, " ")) {
			got = append(got, c.word)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q can become %q, not %q", line, got, want)
		}
	}
}

// Whatever takes a file, a folder, rules or a code says so, and nothing that
// there is not does.
func TestKnownValuesAreThoseThatThereAre(t *testing.T) {
	var there []string
	for _, command := range commandLine(t).Children {
		for _, v := range command.Positional {
			there = append(there, command.Name+" "+v.Name)
		}
		for _, f := range command.Flags {
			name := command.Name + " " + f.Name
			there = append(there, name)
			if f.Enum == "" && slices.Contains([]string{"FILE", "DIR", "RULES", "CODE"}, f.PlaceHolder) && known[name] == nil {
				t.Errorf("it is not known what --%s of %s can be", f.Name, command.Name)
			}
		}
	}
	for name := range known {
		if !slices.Contains(there, name) {
			t.Errorf("there is no %s", name)
		}
	}
}
