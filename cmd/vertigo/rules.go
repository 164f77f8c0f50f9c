package main

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"vertigo/rules"
)

type rulesCommand struct {
	Name string `arg:"" optional:"" help:"The rule set to print."`
}

// Help is what --help adds.
func (rulesCommand) Help() string {
	return `Without a name, the shipped rule sets are listed. Take one into your own file
with include = ["matrix-verto"], or print it as a start for your own:

    vertigo rules matrix-verto > my-rules.toml`
}

// Run lists the shipped rule sets or prints one.
func (c *rulesCommand) Run(std streams) error {
	if c.Name != "" {
		text, err := rules.ReadShipped(c.Name)
		if err != nil {
			return err
		}
		_, err = std.out.Write(text)
		return err
	}
	width := 0
	for _, name := range rules.Shipped() {
		width = max(width, len(name))
	}
	for _, name := range rules.Shipped() {
		text, err := rules.ReadShipped(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(std.out, "%-*s ", width, name)
		column := width + 1
		for _, word := range strings.Fields(firstComment(text)) {
			if column+1+len(word) > terminalWidth {
				fmt.Fprintf(std.out, "\n%*s", width+1, "")
				column = width + 1
			}
			fmt.Fprint(std.out, " "+word)
			column += 1 + len(word)
		}
		fmt.Fprintln(std.out)
	}
	return nil
}

const terminalWidth = 80

// firstComment is what a rule file says of itself in its first comment line.
func firstComment(text []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if comment, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "#"); ok && strings.TrimSpace(comment) != "" {
			return strings.TrimSpace(comment)
		}
	}
	return ""
}
