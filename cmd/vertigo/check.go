package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	if c.Config != "" || len(c.Rules) == 0 {
		cfg, err := c.config(std)
		if err != nil {
			return err
		}
		loader = cfg.loader(c.Rules)
	}
	set, found, err := loader.loadOrReport(std.err)
	if err != nil && !errors.Is(err, errFound) {
		return err
	}
	fmt.Fprintln(std.out, summary(loader.names, set, found))
	return err
}

func (c *checkCommand) config(std streams) (*config, error) {
	name := c.Config
	if name == "" {
		name = defaultConfig
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("nothing to check: there is no %s here; name a configuration with -c, or rule files", name)
		}
	}
	cfg, err := readConfig(name, withSecrets)
	if err == nil {
		_, err = cfg.transports(transportOptions{})
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(std.out, "%s: %s, no findings\n", name, count(len(cfg.Transports), "transport"))
	return cfg, nil
}
