package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"vertigo/engine"
	"vertigo/replay"
)

type replayCommand struct {
	dryRun     `embed:""`
	Format     string   `enum:"ladder,mermaid,html,ndjson,json" default:"ladder" help:"ladder (a message sequence for people), mermaid (one for Markdown), html (one as a page, with what is in each message), ndjson (what would be sent, in the capture format), or json (the differences that --expect or --against finds, a capture a line)."`
	Raw        bool     `help:"Leave the secrets in what ndjson writes."`
	Output     string   `short:"o" placeholder:"FILE" help:"Write to this file instead of stdout."`
	Expect     bool     `help:"Compare what the rules send with what the capture sent, to the transports that it has lines of; exit with 1 if they differ."`
	Against    []string `sep:"none" placeholder:"RULES" help:"Show what these older rules would have done differently: what they send, and what becomes of messages; exit with 1 if they do."`
	ToScenario bool     `help:"Write a scenario that receives what the capture received, and expects what the rules send for it."`
	Captures   []string `arg:"" name:"capture" help:"Captures, each replayed by itself."`
}

// Help is what --help adds.
func (replayCommand) Help() string {
	return `The capture's own clock is the clock. Secrets are left out of all that is shown;
what is compared is as it was sent. The exit code is 1 if a message failed, too.
To see what the shipped rules make of a call:

    vertigo replay testdata/captures/joint/q3_busy_9199.ndjson

and what a change of your own rules would change:

    vertigo replay -r new.toml --against rules.toml captures/*.ndjson

A test of your rules out of a call that went well:

    vertigo replay -r rules.toml --to-scenario -o call.scenario.toml call.ndjson

A page to send to a colleague:

    vertigo replay --format html -o call.html call.ndjson`
}

// Run replays each capture and prints what was asked for.
func (c *replayCommand) Run(std streams) error {
	if c.Expect && len(c.Against) > 0 {
		return errors.New("--expect and --against cannot be used together: each prints differences of its own")
	}
	if err := c.formatFits(); err != nil {
		return err
	}
	if c.Raw && c.Format != "ndjson" {
		return errors.New("--raw is for --format ndjson alone: all else is for people to look at")
	}
	if c.ToScenario {
		return c.toScenario(std)
	}
	if drawn := c.Format == "mermaid" || c.Format == "html"; drawn && len(c.Captures) > 1 {
		return fmt.Errorf("--format %s draws one capture: name one at a time", c.Format)
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
	var out bytes.Buffer
	if c.Output != "" {
		std.out = &out
	}
	r := &replayer{command: c, std: std, peers: peers, rules: set.Ruleset}
	if len(c.Against) > 0 {
		loader.names = c.Against
		old, _, err := loader.loadOrReport(std.err)
		if err != nil {
			return err
		}
		r.old = old.Ruleset
	}
	for _, name := range c.Captures {
		if err := r.capture(name); err != nil {
			return err
		}
	}
	if c.Output != "" {
		if err := writeFile(c.Output, out.Bytes()); err != nil {
			return err
		}
	}
	if r.found {
		return errFound
	}
	return nil
}

// formatFits reports a format that is not for what was asked.
func (c *replayCommand) formatFits() error {
	compares := c.Expect || len(c.Against) > 0
	switch {
	case c.Format == "json" && !compares:
		return errors.New("--format json is for differences: say --expect or --against too, or --format ndjson for what would be sent")
	case compares && c.Format != "json" && c.Format != "ladder":
		return fmt.Errorf("--format %s shows no differences: leave it out, or say --format json", c.Format)
	}
	return nil
}

// A replayer replays captures, one after the other.
type replayer struct {
	command *replayCommand
	std     streams
	peers   []replay.Peer
	rules   *engine.Ruleset
	old     *engine.Ruleset // nil: nothing to compare with
	found   bool
}

func (r *replayer) capture(name string) error {
	lines, err := r.command.read(name, r.std)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(r.std.out)
	if err := r.play(out, name, lines); err != nil {
		return err
	}
	return out.Flush()
}

func (r *replayer) play(out io.Writer, name string, lines []replay.Line) error {
	ladder := replay.NewLadder(r.peers)
	result, err := replay.Play(lines, r.rules, r.peers, func(e replay.Event) {
		r.report(&e)
		ladder.Add(e)
	})
	if err != nil {
		return err
	}
	switch {
	case r.command.Expect:
		return r.differences(out, name, result.Expect(), "as the capture sent them")
	case r.old != nil:
		old, err := replay.Play(lines, r.old, r.peers, func(replay.Event) {})
		if err != nil {
			return err
		}
		return r.differences(out, name, replay.Compare(old, result), "as by the older rules")
	case r.command.Format == "ndjson":
		return replay.WriteLines(out, result.Sent, r.command.Raw)
	case r.command.Format == "mermaid":
		return ladder.WriteMermaid(out, name)
	case r.command.Format == "html":
		return ladder.WriteHTML(out, name)
	default:
		return ladder.Write(out, name)
	}
}

// report tells of a message that failed.
func (r *replayer) report(e *replay.Event) {
	if e.Trace.Outcome != engine.Failed {
		return
	}
	r.found = true
	place := e.Place
	if place == "" {
		place = e.Message.Type
	}
	fmt.Fprintf(r.std.err, "%s: failed: %v\n", place, e.Trace.Err)
}

func (r *replayer) differences(out io.Writer, name string, found []replay.Difference, same string) error {
	r.found = r.found || len(found) > 0
	if r.command.Format == "json" {
		return replay.WriteDifferences(out, name, found)
	}
	for _, d := range found {
		if err := d.Write(out); err != nil {
			return err
		}
	}
	verdict := count(len(found), "difference")
	if len(found) == 0 {
		verdict = "all messages are " + same
	}
	_, err := fmt.Fprintf(out, "%s: %s\n", name, verdict)
	return err
}
