package main

import (
	"errors"

	"vertigo/editor"
	"vertigo/rules"
)

type schemaCommand struct {
	Of     string   `arg:"" optional:"" enum:"config,rules" default:"rules" help:"What the schema is of: rules (the default) or config."`
	Rules  []string `short:"r" sep:"none" placeholder:"RULES" help:"Offer what these rules have: states, rule names, timers, buffers, limits, variables. A rule file, or the name of a shipped rule set."`
	Config string   `short:"c" placeholder:"FILE" help:"Take the transports' names, and the rules, from this configuration; its secrets are not needed."`
}

// Help is what --help adds.
func (schemaCommand) Help() string {
	return `A JSON Schema (draft 4) goes to stdout, for editors that use taplo: VS Code,
Helix, Neovim and others. docs/editors.md says how. In a rule file, as its
first line:

    #:schema ./rules.schema.json

and beside it:

    vertigo schema rules -r rules.toml > rules.schema.json
    vertigo schema config > vertigo.schema.json`
}

// Run prints the schema.
func (c *schemaCommand) Run(std streams) error {
	if c.Of == "config" && (len(c.Rules) > 0 || c.Config != "") {
		return errors.New("the schema of the configuration is always the same: leave out -r and -c")
	}
	s := editor.ConfigSchema()
	if c.Of == "rules" {
		v, err := c.vocabulary(std)
		if err != nil {
			return err
		}
		s = editor.RulesSchema(v)
	}
	text, err := s.JSON()
	if err != nil {
		return err
	}
	_, err = std.out.Write(text)
	return err
}

// vocabulary gathers what rules may name. Without rules to look at that is what
// transports say and take.
func (c *schemaCommand) vocabulary(std streams) (editor.Vocabulary, error) {
	peers := enginePeers(plainPeers())
	loader := &ruleLoader{names: c.Rules, peers: peers}
	if c.Config != "" {
		cfg, err := readConfig(c.Config, withoutSecrets)
		if err != nil {
			return editor.Vocabulary{}, err
		}
		loader = cfg.loader(c.Rules)
	}
	var set *rules.Set
	if len(loader.names) > 0 {
		var err error
		if set, _, err = loader.loadOrReport(std.err); err != nil {
			return editor.Vocabulary{}, err
		}
	}
	return editor.VocabularyOf(loader.peers, schemas(), set), nil
}
