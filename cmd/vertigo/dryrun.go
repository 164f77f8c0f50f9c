package main

import (
	"fmt"
	"os"

	"vertigo/replay"
)

// A dryRun is what commands have in common that let rules act on captures.
type dryRun struct {
	ruleChoice `embed:""`
	SkipBad    bool `help:"Leave out lines that are not valid, instead of stopping."`
}

// read reads a capture whole: what it sent itself has to be known beforehand.
func (c *dryRun) read(name string, std streams) ([]replay.Line, error) {
	if err := readable(name); err != nil {
		return nil, err
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	defer file.Close()
	in, done := withProgress(file, std.err)
	defer done()
	var bad func(error)
	skipped := 0
	if c.SkipBad {
		bad = func(err error) {
			skipped++
			fmt.Fprintf(std.err, "skipped: %v\n", err)
		}
	}
	lines, err := replay.Read(name, in, bad)
	if err != nil {
		return nil, err
	}
	if skipped > 0 {
		fmt.Fprintf(std.err, "%s: %s skipped\n", name, count(skipped, "line"))
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s: there is no message in it", name)
	}
	return lines, nil
}
