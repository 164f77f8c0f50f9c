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
	for _, name := range rules.Shipped() {
		text, err := rules.ReadShipped(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(std.out, "%-18s %s\n", name, firstComment(text))
	}
	return nil
}

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
