// Package scenario tests rules by stories: what is received, step by step and in
// virtual time, and what the rules must send for it.
//
// It sends nothing and reads no clock. A scenario stands in a TOML file and is
// checked as strictly as rules are, before anything of it is run.
package scenario

import (
	"os"
	"time"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/schema"
)

// Suffix is how the names of scenario files end.
const Suffix = ".scenario.toml"

// Options say what scenarios are for.
type Options struct {
	// Peers are the transports of a scenario that names none.
	Peers []replay.Peer
	// Peer makes a transport of a kind; an error says which kinds there are.
	Peer func(kind, name, group string) (replay.Peer, error)
	// Declared makes the transport of a peer whose protocol the rules declare. Such
	// peers need not be named.
	Declared func(p engine.Peer, protocol *rules.Protocol) replay.Peer
	// Unnamed is what peers are that a declared protocol alone names.
	Unnamed *engine.Protocol
	// Schemas tell of the messages of each kind of transport (engine.Protocol.Kind);
	// what scenarios and their rules say of messages of other kinds is not checked.
	Schemas map[string]*schema.Set
	// ReadFile reads scenarios, and what they name; nil means os.ReadFile.
	ReadFile func(name string) ([]byte, error)
	// Shared keeps rules for scenarios that are about the same ones; nil: each
	// loads its own.
	Shared *Shared
}

// A Scenario is one file, ready to be run any number of times.
type Scenario struct {
	File     string
	Question string // that it answers: its first comment

	rules *rules.Set
	peers []replay.Peer
	given []replay.Line
	start time.Time
	steps []*step
}

// Ruleset is what the scenario is about.
func (s *Scenario) Ruleset() *engine.Ruleset { return s.rules.Ruleset }

// A step is a [[step]].
type step struct {
	name    string
	pos     rules.Pos
	after   time.Duration
	receive []*incoming
	stop    bool
	expect  []*outgoing
	expects bool // expect is there, though it may be "nothing"
	state   *rules.Node
	conn    *rules.Node // the state of the connection
	calls   *int
	fires   []string
	outcome string
	repeat  *repeat
}

// A repeat has the steps from one on done several times.
type repeat struct {
	from  int
	times int
}

// An incoming is a message to receive.
type incoming struct {
	pos   rules.Pos
	peer  *replay.Peer
	typ   string
	who   string
	whole bool         // the body is all that there is
	base  []*value     // its defaults, the more general ones first
	json  *defaultJSON // those of a peer whose protocol is declared; nil: of any other
	body  *value       // nil: nothing beyond them
}

// An outgoing is a message that is expected.
type outgoing struct {
	pos     rules.Pos
	to, typ string
	address map[string]*value
	body    *value
	exact   bool
}

// Load reads a scenario and the rules that it is about. The findings are all
// that is wrong with either; the scenario is nil if one of them is an error.
// files are those that were read, to be watched for changes.
func Load(file string, o Options) (s *Scenario, files []string, found rules.Findings) {
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	r := &reader{options: o, file: file, files: []string{file}}
	src, err := o.ReadFile(file)
	if err != nil {
		return nil, r.files, rules.Findings{{Pos: rules.Pos{File: file}, Msg: "cannot read the file: " + plain(err)}}
	}
	s = r.read(src)
	r.found.Sort(file)
	if r.found.HasErrors() {
		s = nil
	}
	return s, r.files, r.found
}
