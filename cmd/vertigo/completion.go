package main

import (
	"embed"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"vertigo/rules"
	"vertigo/transports/matrix"
)

//go:embed completion
var completionScripts embed.FS

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is what --help adds.
func (completionCommand) Help() string {
	return `What it prints is for a file that the shell reads when it starts:

    vertigo completion bash > ~/.local/share/bash-completion/completions/vertigo
    vertigo completion zsh > "${fpath[1]}/_vertigo"
    vertigo completion fish > ~/.config/fish/completions/vertigo.fish`
}

// Run prints the script of a shell. It asks the program itself, by
// [completeCommand], so that it knows what the program knows.
func (c *completionCommand) Run(std streams) error {
	script, err := completionScripts.ReadFile("completion/vertigo." + c.Shell)
	if err != nil {
		return err
	}
	_, err = std.out.Write(script)
	return err
}

// completeCommand is what the scripts of [completionCommand] call.
type completeCommand struct {
	Words []string `arg:"" optional:"" help:"The words behind the program's name up to the cursor; the last is being written."`
}

// Run prints what the last word can become, a line each: the word, and behind a
// tab what it means. The line ":files" stands for the names of files, which the
// shell knows better.
func (c *completeCommand) Run(app *kong.Context, std streams) error {
	return complete(std.out, app.Model.Node, c.Words)
}

const namesOfFiles = ":files"

// A candidate is what a word can become.
type candidate struct{ word, meaning string }

func complete(w io.Writer, root *kong.Node, words []string) error {
	if len(words) == 0 {
		words = []string{""}
	}
	for _, c := range candidates(root, words) {
		line := c.word
		if c.meaning != "" {
			line += "\t" + c.meaning
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// candidates gives what the last of the words can become.
func candidates(root *kong.Node, words []string) []candidate {
	words = joined(words)
	done, word := words[:len(words)-1], words[len(words)-1]
	node, taken, onlyWords := root, 0, false
	var open *kong.Flag // a flag whose value is being written
	for _, w := range done {
		switch {
		case open != nil:
			open = nil
		case w == "--":
			onlyWords = true
		case !onlyWords && strings.HasPrefix(w, "-") && w != stdin:
			if f := flagOf(node, w); f != nil && !f.IsBool() && !strings.Contains(w, "=") {
				open = f
			}
		default:
			if child := childOf(node, w); child != nil {
				node = child
			} else {
				taken++
			}
		}
	}
	switch name, value, ok := strings.Cut(word, "="); {
	case open != nil:
		return beginningWith(word, "", values(node, open.Value))
	case ok && !onlyWords && flagOf(node, name) != nil:
		return beginningWith(value, name+"=", values(node, flagOf(node, name).Value))
	case !onlyWords && strings.HasPrefix(word, "-"):
		return beginningWith(word, "", flags(node))
	}
	var all []candidate
	for _, child := range node.Children {
		if !child.Hidden {
			all = append(all, candidate{child.Name, child.Help})
		}
	}
	if n := len(node.Positional); n > 0 {
		if last := node.Positional[n-1]; taken < n {
			all = append(all, values(node, node.Positional[taken])...)
		} else if last.IsSlice() {
			all = append(all, values(node, last)...)
		}
	}
	return beginningWith(word, "", all)
}

// joined puts "--format", "=", "json" together, which is how bash parts them. A
// value that is being written stays apart: bash completes it alone.
func joined(words []string) []string {
	var all []string
	for i := 0; i < len(words); i++ {
		if words[i] != "=" || len(all) == 0 || !strings.HasPrefix(all[len(all)-1], "--") {
			all = append(all, words[i])
			continue
		}
		switch {
		case i == len(words)-1: // nothing of the value is there yet
			all = append(all, "")
		case i == len(words)-2:
		default:
			all[len(all)-1] += "=" + words[i+1]
			i++
		}
	}
	return all
}

func beginningWith(begin, prefix string, all []candidate) []candidate {
	var some []candidate
	for _, c := range all {
		switch {
		case c.word == namesOfFiles:
			some = append(some, c)
		case strings.HasPrefix(c.word, begin):
			some = append(some, candidate{prefix + c.word, c.meaning})
		}
	}
	return some
}

func childOf(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

// flagOf finds the flag that a word names: --flag, --flag=value or -f.
func flagOf(node *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(word, "=")
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if name == "--"+f.Name || f.Short != 0 && name == "-"+string(f.Short) {
				return f
			}
		}
	}
	return nil
}

func flags(node *kong.Node) []candidate {
	var all []candidate
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			all = append(all, candidate{"--" + f.Name, f.Help})
		}
	}
	return all
}

// values are those that a flag or an argument can have, as far as anybody knows.
func values(node *kong.Node, v *kong.Value) []candidate {
	var all []candidate
	if v.Enum != "" {
		for _, word := range v.EnumSlice() {
			all = append(all, candidate{word: word})
		}
		return all
	}
	if list := known[node.Name+" "+v.Name]; list != nil {
		return list()
	}
	return nil
}

// known are the values of flags and arguments that are no enumerations, by
// command and name.
var known = map[string]func() []candidate{
	"check config":        files,
	"check explain":       findingCodes,
	"check rules":         files,
	"explain capture":     files,
	"explain config":      files,
	"explain rules":       ruleSets,
	"fmt files":           files,
	"graph config":        files,
	"graph output":        files,
	"graph rules":         ruleSets,
	"infer capture":       files,
	"infer config":        files,
	"infer rules":         ruleSets,
	"init emergency":      someWords("refuse", "route"),
	"init folder":         files,
	"init mode":           someWords(matrix.ModeAppService, matrix.ModeBot),
	"init secrets":        files,
	"init state":          files,
	"registration config": files,
	"registration output": files,
	"replay against":      ruleSets,
	"replay capture":      files,
	"replay config":       files,
	"replay output":       files,
	"replay rules":        ruleSets,
	"rules name":          shippedSets,
	"run config":          files,
	"schema config":       files,
	"schema rules":        ruleSets,
	"test junit":          files,
	"test path":           files,
}

func files() []candidate { return []candidate{{word: namesOfFiles}} }

func someWords(words ...string) func() []candidate {
	return func() []candidate {
		var all []candidate
		for _, word := range words {
			all = append(all, candidate{word: word})
		}
		return all
	}
}

func shippedSets() []candidate {
	var all []candidate
	for _, name := range rules.Shipped() {
		if text, err := rules.ReadShipped(name); err == nil {
			all = append(all, candidate{name, firstComment(text)})
		}
	}
	return all
}

// ruleSets are rule files and the shipped sets.
func ruleSets() []candidate { return append(shippedSets(), files()...) }

func findingCodes() []candidate {
	var all []candidate
	for _, k := range rules.Kinds() {
		all = append(all, candidate{k.Code, k.Title})
	}
	return all
}
