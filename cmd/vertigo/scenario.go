package main

import (
	"bytes"
	"errors"
	"path/filepath"

	"vertigo/scenario"
)

// toScenario writes the scenario that a capture comes to.
func (c *replayCommand) toScenario(std streams) error {
	switch {
	case len(c.Captures) > 1:
		return errors.New("--to-scenario makes a scenario of one capture: name one at a time")
	case c.Expect || len(c.Against) > 0 || c.Format != "ladder":
		return errors.New("--to-scenario writes a scenario and nothing else: leave out --format, --expect and --against")
	}
	peers, loader, err := c.setup()
	if err != nil {
		return err
	}
	set, _, err := loader.loadOrReport(std.err)
	if err != nil {
		return err
	}
	peers = withProtocols(peers, set)
	lines, err := c.read(c.Captures[0], std)
	if err != nil {
		return err
	}
	names, err := seenFrom(c.Output, loader.names)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	about := scenario.Written{Capture: filepath.ToSlash(c.Captures[0]), Rules: names, Vars: loader.vars}
	if err := scenario.FromCapture(&out, lines, set.Ruleset, peers, about); err != nil {
		return err
	}
	if c.Output != "" {
		return writeFile(c.Output, out.Bytes())
	}
	_, err = std.out.Write(out.Bytes())
	return err
}

// seenFrom names rules as a scenario does that is written to a file: relative to
// it.
func seenFrom(file string, names []string) ([]string, error) {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = name
		if isShipped(name) || filepath.IsAbs(name) {
			continue
		}
		seen, err := filepath.Rel(filepath.Dir(file), name)
		if err != nil {
			return nil, err
		}
		list[i] = filepath.ToSlash(seen)
		if filepath.Dir(seen) == "." && filepath.Ext(seen) != ".toml" {
			list[i] = "./" + list[i]
		}
	}
	return list, nil
}
