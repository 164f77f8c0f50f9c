package matrix

import (
	"regexp"
	"strings"
)

// Namespaces are the users, room aliases and rooms of an application service.
type Namespaces struct {
	Users   []Namespace `yaml:"users"`
	Aliases []Namespace `yaml:"aliases"`
	Rooms   []Namespace `yaml:"rooms"`
}

// A Namespace is all whose full id the regular expression matches. If it is
// exclusive, nobody else can have such an id.
type Namespace struct {
	Exclusive bool   `yaml:"exclusive"`
	Regex     string `yaml:"regex"`
}

// ghostRegex matches the ghosts' ids, or their aliases, by the sigil.
func (cfg Config) ghostRegex(sigil string) string {
	return "^" + sigil + regexp.QuoteMeta(cfg.Ghosts) + ".+:" + regexp.QuoteMeta(cfg.serverName()) + "$"
}

func (cfg Config) localpart() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(cfg.User, "@"), ":")
	return name
}

func (cfg Config) serverName() string {
	_, server, _ := strings.Cut(cfg.User, ":")
	return server
}

// ghosts are ids that a registration must give to the bridge: those of a number,
// of an extension and of a service code.
func (cfg Config) ghosts() []string {
	var ids []string
	for _, name := range []string{"442071234567", "9196", "=2a100=23"} {
		ids = append(ids, "@"+cfg.Ghosts+name+":"+cfg.serverName())
	}
	return ids
}

// strangers are ids that a registration must leave to others. Each stands for a
// way to write an expression too widely: without the prefix, without ^ or $,
// with the server name's dots unescaped.
func (cfg Config) strangers(sigil string) []string {
	server, name := cfg.serverName(), "anna"
	if strings.HasPrefix(cfg.Ghosts, "a") { // anna could be a ghost
		name = "zoe"
	}
	ids := []string{
		sigil + name + ":" + server,
		sigil + name + sigil + cfg.Ghosts + "1:" + server,
		sigil + cfg.Ghosts + "1:" + server + ".invalid",
		sigil + cfg.Ghosts + "1:other.invalid",
	}
	if strings.Contains(server, ".") {
		ids = append(ids, sigil+cfg.Ghosts+"1:"+strings.Replace(server, ".", "x", 1))
	}
	return ids
}

func (r Registration) checkNamespaces(cfg Config) []error {
	problems := append(
		r.checkReach("namespaces.users", r.Namespaces.Users, cfg.strangers("@"), cfg.ghostRegex("@")),
		r.checkReach("namespaces.aliases", r.Namespaces.Aliases, cfg.strangers("#"), cfg.ghostRegex("#"))...)
	if len(r.Namespaces.Rooms) > 0 {
		problems = append(problems, r.fault(r.lines["namespaces.rooms"],
			"namespaces.rooms must be empty: with it the homeserver sends the events of rooms where no ghost is"))
	}
	line := r.lines["namespaces.users"]
	for _, ghost := range cfg.ghosts() {
		switch covered, exclusive := covers(r.Namespaces.Users, ghost); {
		case !covered:
			return append(problems, r.fault(line, "namespaces.users does not cover the ghost %s: it needs an exclusive one with the regex %s", ghost, cfg.ghostRegex("@")))
		case !exclusive:
			return append(problems, r.fault(line, "namespaces.users leaves the ghost %s to others too: say exclusive: true", ghost))
		}
	}
	return problems
}

// checkReach reports expressions that match ids of strangers or cannot be read.
func (r Registration) checkReach(key string, list []Namespace, strangers []string, want string) []error {
	var problems []error
	for _, n := range list {
		expr, err := regexp.Compile(n.Regex)
		if n.Regex == "" || err != nil {
			problems = append(problems, r.fault(r.lines[key], "%s: %q is no regular expression that every homeserver reads", key, n.Regex))
			continue
		}
		for _, id := range strangers {
			if expr.MatchString(id) {
				problems = append(problems, r.fault(r.lines[key], "%s: %s takes %s too, which is not the bridge's: for the ghosts it should read %s", key, n.Regex, id, want))
				break
			}
		}
	}
	return problems
}

// covers tells whether an id is in one of the namespaces, and in one that is
// exclusive.
func covers(list []Namespace, id string) (covered, exclusive bool) {
	for _, n := range list {
		if expr, err := regexp.Compile(n.Regex); err == nil && n.Regex != "" && expr.MatchString(id) {
			covered = true
			exclusive = exclusive || n.Exclusive
		}
	}
	return covered, exclusive
}
