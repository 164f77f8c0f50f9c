package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"vertigo/rules"
	"vertigo/transports/httpjson"
	"vertigo/transports/verto"
	"vertigo/transports/wsjson"
)

type checkCommand struct {
	Config  string   `short:"c" placeholder:"FILE" help:"Check this configuration and the rules that it names (default: vertigo.toml, if there is one and no RULES are given)."`
	Format  string   `enum:"text,json,github" default:"text" help:"text, json (one document) or github (what marks the lines of a pull request)."`
	Explain string   `placeholder:"CODE" help:"Check nothing: print what a finding's code means, with an example and its cure."`
	Rules   []string `arg:"" optional:"" help:"Rule files, read together as one set."`
}

// Help is what --help adds.
func (checkCommand) Help() string {
	return `Each finding has its file, line, column and code; the exit code is 1 if one of
them is an error. Rule files alone are checked against one transport called
matrix and one called verto:

    vertigo check rules.toml
    vertigo check --explain V003`
}

// Run checks rules, and a configuration if one is named or there.
func (c *checkCommand) Run(std streams) error {
	if c.Explain != "" {
		kind, err := rules.KindOf(c.Explain)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(std.out, kind.Text())
		return err
	}
	defer brief()()
	report := &findingReport{format: c.Format, std: std}
	err := c.check(report)
	var wrong faults
	if unusable := errors.As(err, &wrong); unusable && c.Format != "text" {
		if failed := report.add(wrong); failed != nil {
			return failed
		}
		err = errUnusable
	}
	if err == nil || errors.Is(err, errFound) || errors.Is(err, errUnusable) {
		if failed := report.finish(); failed != nil {
			return failed
		}
	}
	return err
}

// check reports all that is wrong; the error is [errFound] if some of it is.
func (c *checkCommand) check(report *findingReport) error {
	loader := &ruleLoader{names: c.Rules, peers: enginePeers(plainPeers())}
	fits := true
	if c.Config != "" || len(c.Rules) == 0 {
		cfg, found, err := c.config(report)
		if err != nil {
			return err
		}
		fits = !found.HasErrors()
		loader = cfg.loader(c.Rules)
	}
	set, found, err := loader.loadOrReport(io.Discard)
	if err != nil && !errors.Is(err, errFound) {
		return err
	}
	if err := report.add(found); err != nil {
		return err
	}
	report.summary(summary(loader.names, set, found))
	if !fits {
		return errFound
	}
	return err
}

// config reads the configuration, and reports what is wrong with the
// registrations that it names.
func (c *checkCommand) config(report *findingReport) (*config, rules.Findings, error) {
	name := c.Config
	if name == "" {
		name = defaultConfig
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("nothing to check: there is no %s here; name a configuration with -c, or rule files", name)
		}
	}
	cfg, err := readConfig(name, withSecrets)
	if err == nil {
		err = cfg.checkTransports()
	}
	if err != nil {
		return nil, nil, err
	}
	found, err := cfg.inspectRegistrations()
	if err != nil {
		return nil, nil, err
	}
	if err := report.add(found); err != nil {
		return nil, nil, err
	}
	parts := append([]string{count(len(cfg.Transports), "transport")}, countFindings(found)...)
	report.summary(name + ": " + strings.Join(parts, ", "))
	return cfg, found, nil
}

// checkTransports gives all [faults] in the settings of transports, as they can
// be seen without the files that "vertigo registration" and run make.
func (cfg *config) checkTransports() error {
	d := &decoder{source: cfg.source}
	for _, t := range cfg.Transports {
		var err error
		switch t.kind.name {
		case "matrix":
			err = t.matrix.Check()
		case "verto":
			_, err = verto.New(t.name, t.verto, verto.Options{})
		case "ws-json":
			_, err = wsjson.New(t.name, t.wsjson, wsjson.Options{})
		case "http-json":
			_, err = httpjson.New(t.name, t.httpjson, httpjson.Options{})
		}
		d.settings([]string{"transport", t.name}, err)
	}
	return d.faults()
}
