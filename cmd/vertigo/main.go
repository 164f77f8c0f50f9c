// Command vertigo translates call signalling between protocols, by rules.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	_ "time/tzdata" // rules name time zones, also where the system has no files of them

	"github.com/alecthomas/kong"

	"vertigo/rules"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// The exit codes, beside 0 for fine.
const (
	exitFound    = 1 // findings, differences, failed messages
	exitUnusable = 2 // usage, configuration or input that cannot be used
)

// errFound ends a command that has already said what it found, and errUnusable
// one that has said what cannot be used.
var (
	errFound    = errors.New("findings")
	errUnusable = errors.New("cannot be used")
)

// commands is the command line.
type commands struct {
	Demo         demoCommand         `cmd:"" help:"Show a bridge at work, with a telephone in your browser."`
	Init         initCommand         `cmd:"" help:"Write a configuration and rules to begin with, by asking or by flags."`
	Run          runCommand          `cmd:"" help:"Bridge calls until SIGTERM or SIGINT; SIGHUP reloads the rules."`
	Check        checkCommand        `cmd:"" help:"Check rules, and a configuration, and report all that is wrong."`
	Replay       replayCommand       `cmd:"" help:"Show what the rules make of captured traffic. Nothing is sent."`
	Explain      explainCommand      `cmd:"" help:"Show why each rule did or did not act on each message of a capture."`
	Test         testCommand         `cmd:"" help:"Run scenarios against rules, in virtual time, and tell what they cover."`
	Graph        graphCommand        `cmd:"" help:"Draw the states of a call and the rules between them."`
	Fmt          fmtCommand          `cmd:"" help:"Lay out rule files and configurations, comments and all."`
	Schema       schemaCommand       `cmd:"" help:"Print a JSON Schema of rule files or of the configuration, for editors."`
	Infer        inferCommand        `cmd:"" help:"Write a first schema of a peer's messages, as captures show them."`
	Rules        rulesCommand        `cmd:"" help:"List the rule sets that come with Vertigo, or print one."`
	Registration registrationCommand `cmd:"" help:"Write the registration of an application service, or check the one that is there."`
	Completion   completionCommand   `cmd:"" help:"Print what lets a shell complete commands, flags and values."`
	Complete     completeCommand     `cmd:"" hidden:"" help:"Print what a word can become."`
	Version      versionCommand      `cmd:"" help:"Print the version."`
}

// streams are where a command reports to: results and diagnostics.
type streams struct {
	out, err io.Writer
}

// run runs one command line and returns its exit code. It stops early when ctx
// is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	exited := false
	parser, err := kong.New(&commands{},
		kong.Name("vertigo"),
		kong.Description("A rule-driven translator of call signalling: calls between Matrix and the telephone network."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { exited = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 80}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdout, stderr}),
	)
	if err != nil {
		panic(err) // the command line is described wrongly above
	}
	command, err := parser.Parse(args)
	if exited { // --help
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "vertigo: %s\nTry \"vertigo --help\".\n", usage(err))
		return exitUnusable
	}
	var wrong faults
	switch err := command.Run(); {
	case err == nil:
		return 0
	case errors.Is(err, errFound):
		return exitFound
	case errors.Is(err, errUnusable):
		return exitUnusable
	case errors.As(err, &wrong):
		_ = rules.Format(stderr, wrong)
		return exitUnusable
	default:
		fmt.Fprintf(stderr, "vertigo: %v\n", err)
		return exitUnusable
	}
}
