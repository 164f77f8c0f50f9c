package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"vertigo/rules"
	"vertigo/transports/verto"
)

type checkCommand struct {
	Config string   `short:"c" placeholder:"FILE" help:"Check this configuration and the rules that it names (default: vertigo.toml, if there is one and no RULES are given)."`
	Rules  []string `arg:"" optional:"" help:"Rule files, read together as one set."`
}

// Help is what --help adds.
func (checkCommand) Help() string {
	return `Each finding has its file, line and column; the exit code is 1 if one of them
is an error. Rule files alone are checked against one transport called matrix
and one called verto:

    vertigo check rules.toml`
}

// Run checks rules, and a configuration if one is named or there.
func (c *checkCommand) Run(std streams) error {
	loader := &ruleLoader{names: c.Rules, peers: enginePeers(plainPeers())}
	fits := true
	if c.Config != "" || len(c.Rules) == 0 {
		cfg, found, err := c.config(std)
		if err != nil {
			return err
		}
		fits = !found.HasErrors()
		loader = cfg.loader(c.Rules)
	}
	set, found, err := loader.loadOrReport(std.err)
	if err != nil && !errors.Is(err, errFound) {
		return err
	}
	fmt.Fprintln(std.out, summary(loader.names, set, found))
	if !fits {
		return errFound
	}
	return err
}

// config reads the configuration, and reports what is wrong with the
// registrations that it names.
func (c *checkCommand) config(std streams) (*config, rules.Findings, error) {
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
	if err := rules.Format(std.err, found); err != nil {
		return nil, nil, err
	}
	parts := append([]string{count(len(cfg.Transports), "transport")}, countFindings(found)...)
	fmt.Fprintf(std.out, "%s: %s\n", name, strings.Join(parts, ", "))
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
		}
		d.settings([]string{"transport", t.name}, err)
	}
	if len(d.found) > 0 {
		return faults(d.found)
	}
	return nil
}
