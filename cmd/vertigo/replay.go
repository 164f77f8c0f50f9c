package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"vertigo/engine"
	"vertigo/replay"
)

type replayCommand struct {
	Rules    []string `short:"r" sep:"none" placeholder:"RULES" help:"A rule file, or the name of a shipped rule set; several are read together (default: matrix-verto, or what the configuration names)."`
	Config   string   `short:"c" placeholder:"FILE" help:"Take the transports' names and kinds, and the rules, from this configuration; its secrets are not needed."`
	Format   string   `enum:"ladder,ndjson" default:"ladder" help:"ladder (a message sequence for people) or ndjson (what would be sent, in the capture format)."`
	Expect   bool     `help:"Compare what the rules send with what the capture sent, to the transports that it has lines of; exit with 1 if they differ."`
	Against  []string `sep:"none" placeholder:"RULES" help:"Show what these older rules would have sent differently; exit with 1 if they do."`
	SkipBad  bool     `help:"Leave out lines that are not valid, instead of stopping."`
	Captures []string `arg:"" name:"capture" help:"Captures, each replayed by itself."`
}

// Help is what --help adds.
func (replayCommand) Help() string {
	return `The capture's own clock is the clock, and nothing is sent. The exit code is 1 if
a message failed, too. To see what the shipped rules make of a call:

    vertigo replay testdata/captures/joint/q3_busy_9199.ndjson

and what a change of your own rules would change:

    vertigo replay -r new.toml --against rules.toml captures/*.ndjson`
}

// Run replays each capture and prints what was asked for.
func (c *replayCommand) Run(std streams) error {
	if c.Expect && len(c.Against) > 0 {
		return errors.New("--expect and --against cannot be used together: each prints differences of its own")
	}
	peers, loader, err := c.setup()
	if err != nil {
		return err
	}
	set, _, err := loader.loadOrReport(std.err)
	if err != nil {
		return err
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
	if r.found {
		return errFound
	}
	return nil
}

// setup says which transports and rules there are.
func (c *replayCommand) setup() ([]replay.Peer, *ruleLoader, error) {
	if c.Config != "" {
		cfg, err := readConfig(c.Config, withoutSecrets)
		if err != nil {
			return nil, nil, err
		}
		return cfg.peers(), cfg.loader(c.Rules), nil
	}
	peers := plainPeers()
	loader := &ruleLoader{names: c.Rules, peers: enginePeers(peers)}
	if len(c.Rules) == 0 {
		loader.names = []string{shippedRules}
	}
	return peers, loader, nil
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
	lines, err := r.read(name)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(r.std.out)
	if err := r.play(out, name, lines); err != nil {
		return err
	}
	return out.Flush()
}

// read reads a capture whole: what it sent itself has to be known beforehand.
func (r *replayer) read(name string) ([]replay.Line, error) {
	if err := readable(name); err != nil {
		return nil, err
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	defer file.Close()
	in, done := withProgress(file, r.std.err)
	defer done()
	var bad func(error)
	skipped := 0
	if r.command.SkipBad {
		bad = func(err error) {
			skipped++
			fmt.Fprintf(r.std.err, "skipped: %v\n", err)
		}
	}
	lines, err := replay.Read(name, in, bad)
	if err != nil {
		return nil, err
	}
	if skipped > 0 {
		fmt.Fprintf(r.std.err, "%s: %s skipped\n", name, count(skipped, "line"))
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s: there is no message in it", name)
	}
	return lines, nil
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
		return replay.WriteLines(out, result.Sent)
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

func (r *replayer) differences(out io.Writer, name string, found []string, same string) error {
	for _, text := range found {
		fmt.Fprintln(out, text)
	}
	if len(found) == 0 {
		_, err := fmt.Fprintf(out, "%s: all messages are %s\n", name, same)
		return err
	}
	r.found = true
	_, err := fmt.Fprintf(out, "%s: %s\n", name, count(len(found), "difference"))
	return err
}
