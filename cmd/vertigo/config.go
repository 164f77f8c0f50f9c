package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"vertigo/console"
	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/tracing"
	"vertigo/transports/calllog"
	"vertigo/transports/httpjson"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
	"vertigo/transports/wsjson"
)

const defaultConfig = "vertigo.toml"

// A config is what vertigo.toml says.
type config struct {
	Rules      []string          `toml:"rules"` // relative to the file; rules.toml
	State      string            `toml:"state"` // directory of the transports' state files; state
	Capture    captureConfig     `toml:"capture"`
	CallLog    calllog.Config    `toml:"calllog"`
	Reload     reloadConfig      `toml:"reload"`
	Log        logConfig         `toml:"log"`
	Limits     engine.Limits     `toml:"limits"`
	Console    console.Config    `toml:"console"`
	Traces     tracing.Config    `toml:"traces"`
	Transports []transportConfig `toml:"-"` // in the order of their names

	source *source
}

type captureConfig struct {
	Dir string `toml:"dir"` // "": no captures
	Raw bool   `toml:"raw"` // secrets too
}

type reloadConfig struct {
	Watch bool `toml:"watch"` // reload when a rule file changes
}

type logConfig struct {
	Level  string `toml:"level"`  // debug, info, warn, error; info
	Format string `toml:"format"` // text, json; text
}

// A transportConfig is one [transport.NAME].
type transportConfig struct {
	name     string
	kind     *kind
	group    string
	speaks   string        // the protocol, by its name in rule files; of kinds that speak any
	matrix   matrix.Config // one of these, by kind
	verto    verto.Config
	wsjson   wsjson.Config
	httpjson httpjson.Config
}

// LogValue keeps credentials out of logs.
func (t transportConfig) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", t.name), slog.String("kind", t.kind.name))
}

// The tables of transports, by kind.
type (
	matrixTable struct {
		transportTable
		matrix.Config
	}
	vertoTable struct {
		transportTable
		verto.Config
	}
	wsjsonTable struct {
		spokenTable
		wsjson.Config
	}
	httpjsonTable struct {
		spokenTable
		httpjson.Config
	}
	transportTable struct {
		Kind  string `toml:"kind"`
		Group string `toml:"group"`
	}
	// A spokenTable is that of a kind that speaks what a rule file declares.
	spokenTable struct {
		transportTable
		Protocol string `toml:"protocol"`
	}
)

// faults are all that is wrong with a configuration.
type faults rules.Findings

func (f faults) Error() string { return rules.Findings(f).Error() }

// A lookup says which "env:NAME" and "file:PATH" are looked up when a
// configuration is read.
type lookup int

const (
	withoutSecrets    lookup = iota
	withMatrixSecrets        // those of transports of kind matrix alone
	withSecrets
)

// readConfig reads a configuration. Its error is either one of reading the file
// or all [faults] in it.
func readConfig(name string, secrets lookup) (*config, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; it names the transports and the rules", cannotRead(name, err))
	}
	if err != nil {
		return nil, cannotRead(name, err)
	}
	src := newSource(name, text)
	d := &decoder{source: src, resolve: secrets == withSecrets}
	cfg := &config{source: src}
	if root := d.parse(text); root != nil {
		transports := d.take(root, "transport")
		d.table(nil, root, cfg)
		cfg.decodeTransports(d, transports, secrets)
		cfg.checkConsole(d, root)
		if secrets == withSecrets { // otherwise it says where values are to be looked up
			cfg.checkTraces(d)
		}
		cfg.check(d)
	}
	if err := d.faults(); err != nil {
		return nil, err
	}
	cfg.State = cfg.source.beside(orDefault(cfg.State, "state"))
	cfg.Capture.Dir = cfg.source.beside(cfg.Capture.Dir)
	switch cfg.CallLog.File {
	case "":
		cfg.CallLog.File = filepath.Join(cfg.State, "calls.ndjson")
	case calllog.Off:
	default:
		cfg.CallLog.File = cfg.source.beside(cfg.CallLog.File)
	}
	if len(cfg.Rules) == 0 {
		cfg.Rules = []string{"rules.toml"}
	}
	return cfg, nil
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// Names of transports stand in rules and name state files.
var transportName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

func (cfg *config) decodeTransports(d *decoder, tables map[string]any, secrets lookup) {
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		path := []string{"transport", name}
		table, ok := tables[name].(map[string]any)
		if !ok {
			d.report(path, "a transport is a table: [transport."+name+"]", "")
			continue
		}
		switch {
		case !transportName.MatchString(name):
			d.report(path, fmt.Sprintf("%q cannot be the name of a transport", name), "a name has letters, digits, - and _, and begins with a letter")
		case name == "engine":
			d.report(path, "no transport can be called engine: rules call Vertigo itself so", "")
		case name == calllog.Name:
			d.report(path, "no transport can be called calllog: rules call the call log so", "the file that it is kept in stands in [calllog]")
		}
		t := transportConfig{name: name}
		if t.kind = transportKind(d, path, table); t.kind == nil {
			continue
		}
		d.resolve = secrets == withSecrets || secrets == withMatrixSecrets && t.kind.name == "matrix"
		switch t.kind.name {
		case "matrix":
			var v matrixTable
			d.table(path, table, &v)
			t.group, t.matrix = v.Group, v.Config
			t.matrix.CAFile = cfg.source.beside(v.CAFile)
			t.matrix.Registration = cfg.source.beside(v.Registration)
		case "verto":
			var v vertoTable
			d.table(path, table, &v)
			t.group, t.verto = v.Group, v.Config
			t.verto.CAFile = cfg.source.beside(v.CAFile)
		case "ws-json":
			var v wsjsonTable
			d.table(path, table, &v)
			t.group, t.speaks, t.wsjson = v.Group, v.Protocol, v.Config
			t.wsjson.CAFile = cfg.source.beside(v.CAFile)
			t.wsjson.CertFile = cfg.source.beside(v.CertFile)
			t.wsjson.KeyFile = cfg.source.beside(v.KeyFile)
		case "http-json":
			var v httpjsonTable
			d.table(path, table, &v)
			t.group, t.speaks, t.httpjson = v.Group, v.Protocol, v.Config
			t.httpjson.CAFile = cfg.source.beside(v.CAFile)
			t.httpjson.CertFile = cfg.source.beside(v.CertFile)
			t.httpjson.KeyFile = cfg.source.beside(v.KeyFile)
		}
		cfg.Transports = append(cfg.Transports, t)
	}
}

func transportKind(d *decoder, path []string, table map[string]any) *kind {
	at := append(slices.Clone(path), "kind")
	name, ok := table["kind"].(string)
	if !ok {
		d.report(path, "the transport has no kind", "known: "+strings.Join(kindNames(), ", "))
		return nil
	}
	k := kindNamed(name)
	if k == nil {
		d.report(at, fmt.Sprintf("no transport is of kind %q", name), rules.DidYouMean(name, kindNames()))
	}
	return k
}

// check finds what is wrong between settings that are well by themselves.
func (cfg *config) check(d *decoder) {
	if cfg.Log.Level != "" {
		if _, ok := logLevels[cfg.Log.Level]; !ok {
			d.report([]string{"log", "level"}, "unknown level", "known: debug, info, warn, error")
		}
	}
	if f := cfg.Log.Format; f != "" && f != "text" && f != "json" {
		d.report([]string{"log", "format"}, "unknown format", "known: text, json")
	}
	limits := reflect.ValueOf(cfg.Limits)
	for i := range limits.NumField() {
		if key := limits.Type().Field(i).Tag.Get("toml"); limits.Field(i).Int() < 0 {
			d.report([]string{"limits", key}, "a limit is more than nothing", "leave it out for the default")
		}
	}
	if len(cfg.Transports) == 0 && len(d.found) == 0 {
		d.report(nil, "the configuration names no transport", "say [transport.NAME] for each peer, with a kind: "+strings.Join(kindNames(), " or "))
	}
	names := map[string]bool{calllog.Name: true}
	for _, t := range cfg.Transports {
		names[t.name] = true
	}
	for _, t := range cfg.Transports {
		if group := t.kind.peer(t.name, t.group).Group; group != t.name && names[group] {
			d.report([]string{"transport", t.name}, fmt.Sprintf("the group %q of transport %s is also the name of a transport", group, t.name),
				"rules could not tell them apart: give that transport another name, or this one a group")
		}
	}
}

// checkConsole finds what is wrong with the console. A secret that is there and
// empty (a variable that nobody has filled) would let everybody in.
func (cfg *config) checkConsole(d *decoder, root map[string]any) {
	said, _ := root["console"].(map[string]any)
	for key, value := range map[string]string{"password": cfg.Console.Password, "token": cfg.Console.Token} {
		path := []string{"console", key}
		reported := slices.ContainsFunc(d.found, func(f rules.Finding) bool { return f.Pos == d.source.pos(path) })
		if _, ok := said[key].(string); ok && value == "" && !reported {
			d.report(path, "console."+key+" is empty", "leave it out if none is wanted")
		}
	}
	d.settings([]string{"console"}, cfg.Console.Check())
}

// peers are the transports, and the call log, as rules and captures know them.
func (cfg *config) peers() []replay.Peer {
	var peers []replay.Peer
	for i := range kinds { // by kind, so that a ladder has Matrix on its left
		for _, t := range cfg.Transports {
			if t.kind == &kinds[i] {
				peers = append(peers, t.kind.peer(t.name, t.group))
			}
		}
	}
	return append(peers, callLogPeer)
}

// ruleFiles are the rule files as seen from here, and names of shipped sets.
func (cfg *config) ruleFiles() []string {
	files := make([]string, len(cfg.Rules))
	for i, name := range cfg.Rules {
		files[i] = cfg.source.beside(name)
		if _, err := os.Stat(files[i]); err != nil && isShipped(name) {
			files[i] = name
		}
	}
	return files
}

// loader compiles the rules that the configuration names, or others in their
// place.
func (cfg *config) loader(others []string) *ruleLoader {
	l := &ruleLoader{names: others, peers: enginePeers(cfg.peers()), speaks: cfg.speaks(), silent: cfg.silent, vars: cfg.vars()}
	if len(others) == 0 {
		l.names = cfg.ruleFiles()
	}
	return l
}

// speaks names the protocols of the transports of kinds that speak any.
func (cfg *config) speaks() map[string]string {
	spoken := map[string]string{}
	for _, t := range cfg.Transports {
		if t.kind.speaksAny() {
			spoken[t.name] = orDefault(t.speaks, orDefault(t.group, t.name))
		}
	}
	return spoken
}

// silent is the finding for a transport whose protocol no rule file declares.
func (cfg *config) silent(transport string) rules.Finding {
	return cfg.source.finding([]string{"transport", transport, "protocol"},
		fmt.Sprintf("no rule file says how the messages of transport %s are laid out: there is no [protocol.%s]", transport, cfg.speaks()[transport]),
		"declare it, or name the rule set that does in rules")
}

// vars are what shipped rule sets ask for: which Matrix user the bridge is, on
// which server, and what the names of its ghosts begin with. Of several it is the
// first by name; the rules of such a bridge say for themselves who may call.
func (cfg *config) vars() map[string]any {
	for _, t := range cfg.Transports {
		user := t.matrix.User
		if _, server, ok := strings.Cut(user, ":"); ok && strings.HasPrefix(user, "@") {
			return map[string]any{"user": user, "domain": server, "ghosts": t.matrix.GhostPrefix()}
		}
	}
	return nil
}

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}
