package main

import "vertigo/replay"

// ruleChoice are the flags by which a command is told which rules to look at.
type ruleChoice struct {
	Rules  []string `short:"r" sep:"none" placeholder:"RULES" help:"A rule file, or the name of a shipped rule set; several are read together (default: matrix-verto, or what the configuration names)."`
	Config string   `short:"c" placeholder:"FILE" help:"Take the transports' names and kinds, and the rules, from this configuration; its secrets are not needed."`
}

// setup says which transports and rules there are.
func (c *ruleChoice) setup() ([]replay.Peer, *ruleLoader, error) {
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
