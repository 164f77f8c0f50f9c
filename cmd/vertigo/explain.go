package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"vertigo/engine"
	"vertigo/replay"
)

type explainCommand struct {
	dryRun  `embed:""`
	Call    string `placeholder:"ID" help:"Only messages of this call: its key at a peer (call_id, callID), or the beginning of its id as ladders show it."`
	Line    []int  `placeholder:"N" help:"Only the message on this line of the capture, and what the engine says because of it."`
	Type    string `placeholder:"TYPE" help:"Only messages of this type; * stands for any text, as in m.call.*."`
	Format  string `enum:"text,json" default:"text" help:"text, or json (one list, a message a line)."`
	Capture string `arg:"" help:"The capture."`
}

// Help is what --help adds.
func (explainCommand) Help() string {
	return `For each message of the capture, every rule that is for messages of its type is
shown with what became of it: it fired (*), it failed (!), or why it did not
fire (-): the call's state, the first part of the condition that was false and
what it looked at, a limit, an earlier rule. The capture's own clock is the
clock, and nothing is sent. The exit code is 1 if a message failed.

    vertigo explain -r rules.toml --type m.call.hangup call.ndjson`
}

// Run explains what the rules make of a capture.
func (c *explainCommand) Run(std streams) error {
	if _, err := path.Match(c.Type, ""); err != nil {
		return fmt.Errorf("--type: %q is not a pattern: * stands for anything, ? for a letter, [ab] for one of some", c.Type)
	}
	peers, loader, err := c.setup()
	if err != nil {
		return err
	}
	loader.parts = true
	set, _, err := loader.loadOrReport(std.err)
	if err != nil {
		return err
	}
	peers = withProtocols(peers, set)
	lines, err := c.read(c.Capture, std)
	if err != nil {
		return err
	}
	return c.explain(std, lines, set.Ruleset, peers)
}

// A report is written message by message.
type report interface {
	Add(replay.Explained)
	Close() error
}

func (c *explainCommand) explain(std streams, lines []replay.Line, set *engine.Ruleset, peers []replay.Peer) error {
	var messages []replay.Explained
	failed := false
	err := replay.Explain(lines, set, peers, func(e replay.Explained) {
		if !c.about(&e) {
			return
		}
		failed = failed || e.Outcome == engine.Failed
		messages = append(messages, e)
	})
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		return c.nothing()
	}
	var to report = replay.NewExplainer(std.out, c.Capture)
	if c.Format == "json" {
		to = replay.NewExplainedJSON(std.out)
	}
	for _, e := range messages {
		to.Add(e)
	}
	if err := to.Close(); err != nil {
		return err
	}
	if failed {
		return errFound
	}
	return nil
}

// about says whether a message is one of those that were asked for.
func (c *explainCommand) about(e *replay.Explained) bool {
	if c.Call != "" && e.Message.Key != c.Call && !strings.HasPrefix(string(e.Call), c.Call) {
		return false
	}
	if len(c.Line) > 0 && !slices.Contains(c.Line, e.Number) {
		return false
	}
	is, _ := path.Match(c.Type, e.Message.Type)
	return c.Type == "" || is
}

// nothing says that there is no message to explain.
func (c *explainCommand) nothing() error {
	if c.Call == "" && len(c.Line) == 0 && c.Type == "" {
		return fmt.Errorf("%s: no message of it is for the rules", c.Capture)
	}
	return fmt.Errorf("%s: no message of it is the one that was asked for; vertigo replay shows those that there are", c.Capture)
}
