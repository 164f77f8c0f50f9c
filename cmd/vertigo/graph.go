package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"vertigo/graph"
)

type graphCommand struct {
	ruleChoice `embed:""`
	Connection bool   `help:"Draw the states of the connection of a transport instead of those of a call."`
	Format     string `enum:"svg,mermaid,dot" default:"svg" help:"svg (a picture), mermaid (for Markdown) or dot (for Graphviz)."`
	Output     string `short:"o" placeholder:"FILE" help:"Write to this file instead of stdout."`
}

// Help is what --help adds.
func (graphCommand) Help() string {
	return `Draws the states that a call can be in, and the rules that lead from one to
another; a state that nothing enters is marked. To look at your own rules:

    vertigo graph -r rules.toml -o rules.svg

and, where rules keep a session with a peer, at the states of that:

    vertigo graph -r matrix-janus --connection -o session.svg`
}

// Run draws the graph.
func (c *graphCommand) Run(std streams) error {
	_, loader, err := c.setup()
	if err != nil {
		return err
	}
	set, _, err := loader.loadOrReport(std.err)
	if err != nil {
		return err
	}
	g := graph.Of(set.Ruleset)
	if c.Connection {
		if g = graph.OfConnections(set.Ruleset); g == nil {
			return errors.New(`no rule is for a connection: one begins by new = "connection"`)
		}
	}
	title := strings.Join(loader.names, ", ")
	var out bytes.Buffer
	switch c.Format {
	case "mermaid":
		err = g.WriteMermaid(&out, title)
	case "dot":
		err = g.WriteDOT(&out, title)
	default:
		err = g.WriteSVG(&out, title)
	}
	if err != nil {
		return err
	}
	if c.Output != "" {
		return writeFile(c.Output, out.Bytes())
	}
	_, err = out.WriteTo(std.out)
	return err
}

// writeFile writes a result to a file.
func writeFile(name string, data []byte) error {
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return fmt.Errorf("cannot write %s: %w", name, fileError(err))
	}
	return nil
}
