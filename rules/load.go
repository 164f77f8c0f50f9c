// Package rules reads rule files: TOML to a checked, compiled rule set that an
// engine follows. It says everything that is wrong with a file at once, each
// with its place, and it holds the rule sets that Vertigo ships.
//
// It knows no protocol. What transports there are, and how their messages are
// addressed, it is told.
package rules

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"vertigo/engine"
	"vertigo/schema"
)

//go:embed *.toml *.schema.json
var shipped embed.FS

// Options say what the rules are for.
type Options struct {
	// Peers are the transports that rules may name.
	Peers []engine.Peer
	// Schemas tell of the messages of each kind of transport (engine.Protocol.Kind);
	// what rules do with messages of other kinds is not checked.
	Schemas map[string]*schema.Set
	// Vars stand in for the [vars] of shipped rule sets: what only the running
	// bridge knows, such as its own user. A user's own file has the last word.
	Vars map[string]any
	// ReadFile reads rule files and their tables; nil means os.ReadFile.
	ReadFile func(name string) ([]byte, error)
	// Protocols name the protocol of each peer whose protocol rule files declare,
	// by the name of the peer. Its keys are filled in then.
	Protocols map[string]string
	// Unnamed, where it is set, makes a peer of each declared protocol that no peer
	// speaks: it is called like the protocol, and is else like this one.
	Unnamed *engine.Protocol
	// Parts has conditions compiled piece by piece as well, so that an engine can
	// explain which piece was false, and count what was seen of each.
	Parts bool
}

// A Set is what was loaded.
type Set struct {
	*engine.Ruleset
	// Unchecked counts what is read of messages, and set in them, that no schema
	// tells of.
	Unchecked int
	Files     []string // all files that were read, to be watched for changes; not the shipped ones
	Declared  Declared
	Protocols []Protocol    // that the files declare
	Peers     []engine.Peer // those of the options, with what the protocols say of them

	speaks  map[string]*Protocol // by the name of the peer
	schemas map[string]*schema.Set
}

// ProtocolOf gives the declared protocol that a peer speaks; nil if the files
// declare none for it.
func (s *Set) ProtocolOf(peer string) *Protocol { return s.speaks[peer] }

// SchemaOf tells of the messages of a peer; nil if nobody has.
func (s *Set) SchemaOf(peer engine.Peer) *schema.Set {
	return schemaOf(peer, s.speaks, s.schemas)
}

// Shipped lists the names of the rule sets that come with Vertigo.
func Shipped() []string {
	files, _ := fs.Glob(shipped, "*.toml")
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(f, ".toml")
	}
	slices.Sort(names)
	return names
}

// ReadShipped returns the text of a shipped rule set; an error names those that
// there are.
func ReadShipped(name string) ([]byte, error) {
	src, err := shipped.ReadFile(strings.TrimSuffix(name, ".toml") + ".toml")
	if err != nil {
		hint := cmpHint(DidYouMean(name, Shipped()), "vertigo rules lists them")
		return nil, fmt.Errorf("no rule set is called %q (%s)", name, hint)
	}
	return src, nil
}

// Load reads rule files, with what they include, and compiles them to one rule
// set; rules of an earlier file come before those of a later one. The findings
// are all that is wrong; the set is nil if one of them is an error.
func Load(files []string, o Options) (*Set, Findings) {
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	l := newLoader(o.ReadFile)
	for _, f := range files {
		if d := l.file(f, nil, nil); d != nil {
			l.append(d)
		}
	}
	if !l.fewLets() {
		found := Findings(l.findings)
		found.Sort(l.order...)
		return nil, found
	}
	c := newCompiler(o, l)
	set := c.compile()
	found := Findings(c.findings)
	found.Sort(l.order...)
	if found.HasErrors() {
		return nil, found
	}
	return &Set{
		Ruleset: set, Unchecked: c.unchecked, Files: c.files(), Declared: c.declaredNames(),
		Protocols: c.protocols, Peers: c.opts.Peers, speaks: c.speaks, schemas: o.Schemas,
	}, found
}

// declared is what rule files declare, before any expression is looked at.
type declared struct {
	rules                         []*rule
	vars, tables, buffers, limits *named
	lets, indexes, protocols      *named
	checks                        []*node
}

// A rule is a [[rule]] as it stands in its file.
type rule struct {
	name  string
	node  *node
	twice bool // an earlier one has the name: this one is looked at, and replaces none
}

// named are declarations by name, in the order in which they first stood.
type named struct {
	names []string
	nodes map[string]*node
}

func newNamed() *named { return &named{nodes: map[string]*node{}} }

func (n *named) put(name string, at *node) {
	if n.nodes[name] == nil {
		n.names = append(n.names, name)
	}
	n.nodes[name] = at
}

// under adds what n lacks.
func (n *named) under(base *named) {
	for _, name := range base.names {
		if n.nodes[name] == nil {
			n.put(name, base.nodes[name])
		}
	}
}

func newDeclared() *declared {
	return &declared{
		vars: newNamed(), tables: newNamed(), buffers: newNamed(), limits: newNamed(),
		lets: newNamed(), indexes: newNamed(), protocols: newNamed(),
	}
}

// byName lists all that is declared by name.
func (d *declared) byName() []*named {
	return []*named{d.vars, d.tables, d.buffers, d.limits, d.lets, d.indexes, d.protocols}
}

// under adds by name what d lacks, and to protocols of d what these lack.
func (d *declared) under(base *declared) {
	for _, name := range base.protocols.names {
		if own := d.protocols.nodes[name]; own != nil {
			d.protocols.nodes[name] = protocolOver(own, base.protocols.nodes[name])
		}
	}
	for i, names := range base.byName() {
		d.byName()[i].under(names)
	}
}

type loader struct {
	read     func(string) ([]byte, error)
	findings []Finding
	order    []string // files as they were first read
	disk     []string
	whole    *declared
	brought  map[*node]*node    // by a var of a shipped rule set: the include of a user's file that it came by
	roots    []*node            // of all files that were read
	taken    map[[2]string]bool // an including file and one that it includes, directly or not
	partial  bool               // parts of the files could not be read
	seen     map[string]*node   // the files that were read, by name
	followed int                // includes so far
}

// maxIncludes is how many includes are followed, each time that a file is included
// counted: two in each of twenty files are a million.
const maxIncludes = 256

func newLoader(read func(string) ([]byte, error)) *loader {
	return &loader{
		read: read, whole: newDeclared(), brought: map[*node]*node{},
		taken: map[[2]string]bool{}, seen: map[string]*node{},
	}
}

// file reads a rule file and what it includes. An include is named by the node
// at, and within are the files that are being read around it.
func (l *loader) file(name string, at *node, within []string) *declared {
	if slices.Contains(within, name) {
		l.report(includeLoop, at, at.pos, "the file includes itself: "+strings.Join(append(within, name), " includes "), "")
		l.partial = true
		return nil
	}
	root := l.seen[name]
	if root == nil {
		src, err := l.source(name)
		if err != nil {
			l.unreadable(name, at, err)
			return nil
		}
		l.order = append(l.order, name)
		var faults []Finding
		root, faults = l.parse(name, src)
		l.seen[name] = root
		l.findings = append(l.findings, faults...)
		l.partial = l.partial || len(faults) > 0
		l.roots = append(l.roots, root)
	}
	for _, around := range within {
		l.taken[[2]string{around, name}] = true
	}
	d := newDeclared()
	l.declare(d, root)
	if inc := root.child("include"); inc != nil {
		l.include(d, inc, name, append(within, name))
	}
	return d
}

const shippedPrefix = "shipped:"

// parsed are the shipped files, by name, as they were first parsed: they never
// change, and nothing changes a node after that.
var parsed sync.Map

func (l *loader) parse(name string, src []byte) (*node, []Finding) {
	if !strings.HasPrefix(name, shippedPrefix) {
		return parseTOML(name, src)
	}
	if root, ok := parsed.Load(name); ok {
		return root.(*node), nil
	}
	root, faults := parseTOML(name, src)
	if len(faults) == 0 {
		parsed.Store(name, root)
	}
	return root, faults
}

func (l *loader) source(name string) ([]byte, error) {
	if inside, ok := strings.CutPrefix(name, shippedPrefix); ok {
		return shipped.ReadFile(inside)
	}
	if !slices.Contains(l.disk, name) {
		l.disk = append(l.disk, name)
	}
	return l.read(name)
}

func (l *loader) unreadable(name string, at *node, err error) {
	l.partial = true
	name = strings.TrimPrefix(name, shippedPrefix)
	err = withoutPath(err)
	msg := fmt.Sprintf("cannot read %s: %v", name, err)
	if at == nil {
		l.findings = append(l.findings, Finding{Pos: Pos{File: name}, Code: unreadableFile.Code, Msg: fmt.Sprintf("cannot read the file: %v", err)})
		return
	}
	l.report(unreadableFile, at, at.pos, msg, "")
}

// withoutPath is an error of the file system without the name of the file.
func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func (l *loader) report(k *Kind, n *node, pos Pos, msg, hint string) {
	l.findings = append(l.findings, n.finding(k, pos, msg, hint))
}

// declare notes what a file itself declares.
func (l *loader) declare(d *declared, root *node) {
	for _, key := range root.keys {
		n := root.children[key]
		switch key {
		case "include":
		case "vars":
			l.each(n, "[vars]", d.vars)
		case "let":
			l.each(n, "[let]", d.lets)
		case "table":
			l.each(n, "[table.NAME]", d.tables)
		case "buffer":
			l.each(n, "[buffer.NAME]", d.buffers)
		case "limit":
			l.each(n, "[limit.NAME]", d.limits)
		case "index":
			l.each(n, "[index.NAME]", d.indexes)
		case "protocol":
			l.each(n, "[protocol.NAME]", d.protocols)
		case "check":
			d.checks = l.doubled(n, "check")
		case "rule":
			l.rules(d, l.doubled(n, "rule"))
		default:
			l.report(unknownKey, n, n.keyPos, "unknown key "+key, DidYouMean(key, topKeys))
		}
	}
}

func (l *loader) each(n *node, as string, into *named) {
	if n.kind != kindTable {
		l.report(wrongValue, n, n.pos, fmt.Sprintf("%s is a table, not %s", as, n.kind), "")
		return
	}
	for _, name := range n.keys {
		into.put(name, n.children[name])
	}
}

// doubled reads tables that each begin with a header in double brackets.
func (l *loader) doubled(n *node, what string) []*node {
	switch n.kind {
	case kindTable:
		l.report(wrongValue, n, n.pos, fmt.Sprintf("a %[1]s begins with [[%[1]s]], in double brackets", what), "")
		return []*node{n}
	case kindArray:
	default:
		l.report(wrongValue, n, n.pos, fmt.Sprintf("a %[1]s begins with [[%[1]s]]", what), "")
		return nil
	}
	var tables []*node
	for _, item := range n.items {
		if item.kind != kindTable {
			l.report(wrongValue, item, item.pos, fmt.Sprintf("a %s is a table, not %s", what, item.kind), "")
			continue
		}
		tables = append(tables, item)
	}
	return tables
}

func (l *loader) rules(d *declared, items []*node) {
	first := map[string]Pos{}
	for _, item := range items {
		r := &rule{node: item}
		if name := item.child("name"); name == nil {
			l.report(noName, item, item.pos, "the rule has no name", `say what it does, in words: name = "answered"`)
		} else if name.kind != kindString || strings.TrimSpace(name.text) == "" {
			l.report(noName, name, name.pos, "a rule's name is text", "")
		} else if at, twice := first[name.text]; twice {
			l.report(sameName, name, name.pos, fmt.Sprintf("two rules are called %q", name.text), fmt.Sprintf("the other one stands at %s", at))
			r.name, r.twice = name.text, true
		} else {
			r.name = name.text
			first[r.name] = name.pos
		}
		d.rules = append(d.rules, r)
	}
}

// include puts what the named files declare under what d declares itself.
func (l *loader) include(d *declared, inc *node, file string, within []string) {
	items := inc.items
	if inc.kind == kindString {
		items = []*node{inc}
	} else if inc.kind != kindArray {
		l.partial = true
		l.report(wrongValue, inc, inc.pos, "include is a list of files", `include = ["matrix-verto"]`)
		return
	}
	base := newDeclared()
	for _, item := range items {
		if item.kind != kindString {
			l.report(wrongValue, item, item.pos, "an include is text, not "+item.kind.String(), "")
			l.partial = true
			continue
		}
		if l.followed++; l.followed > maxIncludes {
			l.partial = true
			if l.followed == maxIncludes+1 {
				l.report(unreadableFile, item, item.pos, fmt.Sprintf("more than %d files are included, one that is included twice counted twice", maxIncludes), "")
			}
			break
		}
		name, ok := l.resolve(item, file)
		if !ok {
			l.partial = true
			continue
		}
		if more := l.file(name, item, within); more != nil {
			if !base.lacks(more) && !isShipped(item) && !l.partial {
				l.report(idleInclude, item, item.pos, fmt.Sprintf("%s brings in nothing that is not there already", item.text), "leave it out")
			}
			l.note(item, more.vars)
			l.join(base, more, item)
		}
	}
	l.nearlyReplaces(d.rules, base.rules)
	l.sameKind(d.vars, base.vars)
	d.under(base)
	d.rules = replaced(d.rules, base.rules)
	d.checks = joined(d.checks, base.checks)
}

// includes says whether a file takes in another one, directly or not.
func (l *loader) includes(file, other string) bool { return l.taken[[2]string{file, other}] }

// lacks says whether there is anything in more that d has not.
func (d *declared) lacks(more *declared) bool {
	known := make(map[Pos]bool)
	for _, r := range d.rules {
		known[r.node.pos] = true
	}
	for _, n := range d.checks {
		known[n.pos] = true
	}
	for _, names := range d.byName() {
		for _, n := range names.nodes {
			known[n.keyPos] = true
		}
	}
	for _, r := range more.rules {
		if !known[r.node.pos] {
			return true
		}
	}
	for _, n := range more.checks {
		if !known[n.pos] {
			return true
		}
	}
	for _, names := range more.byName() {
		for _, n := range names.nodes {
			if !known[n.keyPos] {
				return true
			}
		}
	}
	return false
}

// note remembers which include of a user's file brought in a shipped var.
func (l *loader) note(inc *node, vars *named) {
	if isShipped(inc) {
		return
	}
	for _, n := range vars.nodes {
		if isShipped(n) && l.brought[n] == nil {
			l.brought[n] = inc
		}
	}
}

func isShipped(n *node) bool { return strings.HasPrefix(n.pos.File, shippedPrefix) }

// joined puts checks behind others, but for those of a file that came twice.
func joined(list, more []*node) []*node {
	for _, n := range more {
		if !slices.ContainsFunc(list, func(m *node) bool { return m.pos == n.pos }) {
			list = append(list, n)
		}
	}
	return list
}

// sameKind reports a var that stands in for one of another kind: the rules that
// read it were written for that.
func (l *loader) sameKind(own, base *named) {
	for _, name := range own.names {
		n, was := own.nodes[name], base.nodes[name]
		if was != nil && n.kind != was.kind && !(n.isNumber() && was.isNumber()) {
			l.report(otherKindOfVar, n, n.pos, fmt.Sprintf("vars.%s is %s in the included rules, and here it is %s", name, was.kind, n.kind), "")
		}
	}
}

// replaced puts own rules before base, but for those that replace one of base
// where it stood.
func replaced(own, base []*rule) []*rule {
	at := map[string]int{}
	for i, r := range base {
		if r.name != "" && !r.twice {
			at[r.name] = i
		}
	}
	base = slices.Clone(base)
	var first []*rule
	for _, r := range own {
		if i, ok := at[r.name]; ok && r.name != "" && !r.twice {
			base[i] = r
		} else {
			first = append(first, r)
		}
	}
	return append(first, base...)
}

// resolve finds what an include names: a shipped rule set, or a file beside the
// including one.
func (l *loader) resolve(n *node, file string) (string, bool) {
	name := n.text
	if !strings.ContainsAny(name, `/\`) && !strings.HasSuffix(name, ".toml") {
		if slices.Contains(Shipped(), name) {
			return shippedPrefix + name + ".toml", true
		}
		l.report(unknownRuleSet, n, n.pos, fmt.Sprintf("no rule set is called %q", name), DidYouMean(name, Shipped()))
		return "", false
	}
	if filepath.IsAbs(name) {
		return name, true
	}
	return filepath.Join(filepath.Dir(file), name), true
}

// join puts two included files side by side.
func (l *loader) join(base, more *declared, at *node) {
	known := rulesByName(base.rules)
	for _, r := range more.rules {
		if other := known[r.name]; other != nil && other.node.pos == r.node.pos {
			continue // the same file, by another way
		} else if other != nil {
			l.report(sameIncludedName, at, at.pos, fmt.Sprintf("two included files have a rule called %q", r.name), "")
			r.twice = true
		}
		base.rules = append(base.rules, r)
	}
	base.under(more)
	base.checks = joined(base.checks, more.checks)
}

// append puts a further file behind those loaded so far.
func (l *loader) append(d *declared) {
	w := l.whole
	known := rulesByName(w.rules)
	for _, r := range d.rules {
		if other := known[r.name]; other != nil && other.node.pos == r.node.pos {
			continue
		} else if other != nil {
			name := r.node.child("name")
			l.report(sameName, name, name.pos, fmt.Sprintf("two rules are called %q", r.name), fmt.Sprintf("the other one stands at %s", other.node.child("name").pos))
			r.twice = true
		}
		w.rules = append(w.rules, r)
	}
	w.checks = joined(w.checks, d.checks)
	w.under(d)
}

func rulesByName(rules []*rule) map[string]*rule {
	m := make(map[string]*rule, len(rules))
	for _, r := range rules {
		if r.name != "" && !r.twice {
			m[r.name] = r
		}
	}
	return m
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
