package scenario

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
)

// A reader reads one scenario, and collects all that is wrong with it.
type reader struct {
	options Options
	file    string
	files   []string // that were read
	found   rules.Findings

	root     rules.Node
	scenario *Scenario
	receives *rules.Dialect
	expects  *rules.Dialect
	states   []string
	anyState bool // some rule leads to states that only a call tells
}

var (
	topKeys     = []string{"rules", "at", "transport", "capture", "vars", "let", "table", "step"}
	stepKeys    = []string{"name", "after", "receive", "stop", "expect", "state", "conn", "calls", "fires", "outcome", "repeat"}
	receiveKeys = []string{"from", "type", "who", "body", "whole"}
	captureKeys = []string{"file", "lines", "until"}
	repeatKeys  = []string{"from", "times"}
	peerKeys    = []string{"kind", "group"}
)

// ruleKeys are those of a scenario that mean what they mean in a rule file which
// includes the rules.
var ruleKeys = []string{"vars", "let", "table"}

// outcomes are what a step may say of what it receives, beside that rules act on
// it.
var outcomes = []string{string(engine.Unmatched), string(engine.Failed), string(engine.Late), string(engine.Waiting), outcomeIgnored}

// outcomeIgnored is that of an echo, or of what means nothing to the rules.
const outcomeIgnored = "ignored"

func (r *reader) report(n rules.Node, pos rules.Pos, msg, hint string) {
	r.found = append(r.found, n.Finding(pos, msg, hint))
}

// unknown reports the keys of a table that are not known.
func (r *reader) unknown(n rules.Node, known []string) {
	for _, key := range n.Keys() {
		if !slices.Contains(known, key) {
			r.report(n.Child(key), n.Child(key).KeyPos(), "unknown key "+key, rules.DidYouMean(key, known))
		}
	}
}

func (r *reader) read(src []byte) *Scenario {
	root, faults := rules.ParseDocument(r.file, src)
	r.root, r.found = root, faults
	r.scenario = &Scenario{File: r.file, Question: question(src)}
	if r.scenario.Question == "" {
		r.found = append(r.found, rules.Finding{
			Pos: rules.Pos{File: r.file, Line: 1, Col: 1}, Source: firstLine(src),
			Msg: "the file does not begin with the question that it answers", Hint: "# What does the caller hear when the number is busy?",
		})
	}
	r.unknown(root, topKeys)
	r.peers()
	r.time()
	r.capture()
	r.rules(src)
	if r.scenario.rules == nil {
		return r.scenario // steps can be checked only against rules
	}
	r.dialects()
	r.steps()
	return r.scenario
}

// question gives the first comment, if the file begins with one.
func question(src []byte) string {
	var words []string
	for line := range strings.Lines(string(bytes.TrimPrefix(src, []byte("\ufeff")))) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if text = strings.TrimSpace(text); !ok || text == "" {
			break
		}
		words = append(words, text)
	}
	return strings.Join(words, " ")
}

func firstLine(src []byte) string {
	line, _, _ := bytes.Cut(src, []byte("\n"))
	return string(line)
}

func (r *reader) peers() {
	table := r.root.Child("transport")
	if !table.IsSet() {
		r.scenario.peers = r.options.Peers
		return
	}
	if !table.IsTable() {
		r.report(table, table.Pos(), "[transport.NAME] is a table, not "+table.Kind(), "")
		return
	}
	for _, name := range table.Keys() {
		n := table.Child(name)
		if !n.IsTable() {
			r.report(n, n.Pos(), "[transport.NAME] is a table, not "+n.Kind(), "")
			continue
		}
		r.unknown(n, peerKeys)
		kind, ok := r.text(n, "kind", `kind = "verto"`)
		if !ok {
			continue
		}
		group, _ := r.optional(n, "group")
		peer, err := r.options.Peer(kind, name, group)
		if err != nil {
			r.report(n.Child("kind"), n.Child("kind").Pos(), err.Error(), "")
			continue
		}
		r.scenario.peers = append(r.scenario.peers, peer)
	}
	for _, p := range r.options.Peers {
		if p.Shape.Mute { // what is always there to be written to
			r.scenario.peers = append(r.scenario.peers, p)
		}
	}
}

// defaultStart is a Monday morning.
var defaultStart = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

func (r *reader) time() {
	r.scenario.start = defaultStart
	n := r.root.Child("at")
	if !n.IsSet() {
		return
	}
	at, ok := n.Value().(time.Time)
	if !ok {
		r.report(n, n.Pos(), "at is a date with a time, not "+n.Kind(), "at = 2026-01-05T10:00:00Z")
		return
	}
	r.scenario.start = at.UTC()
}

func (r *reader) capture() {
	n := r.root.Child("capture")
	if !n.IsSet() {
		return
	}
	name, file := n, n
	if n.IsTable() {
		r.unknown(n, captureKeys)
		if _, ok := r.text(n, "file", `file = "call.ndjson"`); !ok {
			return
		}
		file = n.Child("file")
	} else if !n.IsText() {
		r.report(n, n.Pos(), "capture is the name of a file, not "+n.Kind(), "")
		return
	}
	src, err := r.readBeside(file.Text())
	if err != nil {
		r.report(file, file.Pos(), fmt.Sprintf("cannot read %s: %s", file.Text(), plain(err)), "")
		return
	}
	lines, err := replay.Read(file.Text(), bytes.NewReader(src), nil)
	if err != nil {
		r.report(file, file.Pos(), err.Error(), "")
		return
	}
	if n.IsTable() {
		lines = r.until(name, lines)
	}
	r.scenario.given = lines
}

// until keeps what a capture has up to a line, or up to a time.
func (r *reader) until(n rules.Node, lines []replay.Line) []replay.Line {
	if last := n.Child("lines"); last.IsSet() {
		count, ok := last.Value().(int)
		if !ok || count < 1 {
			r.report(last, last.Pos(), "lines is how many lines of the capture are played: 1 or more", "")
		}
		lines = slices.DeleteFunc(slices.Clone(lines), func(l replay.Line) bool { return l.Number > count })
	}
	if n.Child("until").IsSet() && len(lines) > 0 {
		d, _ := r.duration(n, "until")
		end := lines[0].TS.Add(d)
		lines = slices.DeleteFunc(slices.Clone(lines), func(l replay.Line) bool { return l.TS.After(end) })
	}
	return lines
}

func (r *reader) readBeside(name string) ([]byte, error) {
	name = r.beside(name)
	r.files = append(r.files, name)
	return r.options.ReadFile(name)
}

func (r *reader) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(r.file), name)
}

// shippedRules are those of a scenario that names none and has none beside it.
const shippedRules = "matrix-verto"

// rules compiles the rules that the scenario is about: as if it were a rule file
// that includes them.
func (r *reader) rules(src []byte) {
	includes, alone, ok := r.includes()
	if !ok {
		return
	}
	vars := map[string]any{}
	if alone {
		vars["emergency"] = "refuse" // nobody else decides it
	}
	set, found := r.options.Shared.load(r.file, r.sharedKey(includes, alone), func() (*rules.Set, rules.Findings) {
		text := overlay(src, r.root, includes)
		return rules.Load([]string{r.file}, rules.Options{
			Peers: r.enginePeers(), Protocols: r.spoken(), Unnamed: r.options.Unnamed, Schemas: r.options.Schemas, Vars: vars, Parts: true,
			ReadFile: func(name string) ([]byte, error) {
				if name == r.file {
					return text, nil
				}
				return r.options.ReadFile(name)
			},
		})
	})
	r.adopt(found)
	if set == nil {
		return
	}
	r.scenario.rules = set
	r.declared(set)
	for _, name := range set.Files {
		if !slices.Contains(r.files, name) {
			r.files = append(r.files, name)
		}
	}
	r.noteStates()
}

// includes says which rules there are; alone, that they are shipped ones only.
func (r *reader) includes() (list []string, alone, ok bool) {
	n := r.root.Child("rules")
	if !n.IsSet() {
		name := r.beside("rules.toml")
		if _, err := r.options.ReadFile(name); err == nil {
			return []string{"./rules.toml"}, false, true
		}
		return []string{shippedRules}, true, true
	}
	alone, ok = true, true
	for _, item := range n.Items() {
		if !item.IsText() {
			r.report(item, item.Pos(), "rules are named by text, not "+item.Kind(), `rules = ["rules.toml"]`)
			ok = false
			continue
		}
		name := item.Text()
		if strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".toml") {
			alone = false
			if _, err := r.readBeside(name); err != nil {
				r.report(item, item.Pos(), fmt.Sprintf("cannot read %s: %s", name, plain(err)), "")
				ok = false
			}
		} else if !slices.Contains(rules.Shipped(), name) {
			r.report(item, item.Pos(), fmt.Sprintf("no rule set is called %q", name), rules.DidYouMean(name, rules.Shipped()))
			ok = false
		}
		list = append(list, name)
	}
	return list, alone, ok
}

// unused are the findings about vars, lets and tables of the scenario itself that
// no rule uses.
var unused = []string{"V114", "V115", "V116"}

// adopt takes over what was found in the rules. What stands in the line that
// the scenario itself does not have is about its rules as a whole.
func (r *reader) adopt(found rules.Findings) {
	for _, f := range found {
		own := f.Pos.File == r.file && slices.Contains(unused, f.Code)
		if f.Severity == rules.Warning && !own {
			continue // vertigo check tells
		}
		if f.Pos.File == r.file && f.Pos.Line == 1 {
			f.Pos, f.Source = rules.Pos{File: r.file}, ""
			if n := r.root.Child("rules"); n.IsSet() {
				whole := n.Finding(n.Pos(), f.Msg, f.Hint)
				f.Pos, f.Source = whole.Pos, whole.Source
			}
		}
		if !slices.Contains(r.found, f) {
			r.found = append(r.found, f)
		}
	}
}

// overlay makes a rule file of a scenario, in which all stands where it stood:
// its first line, a comment, names the rules, and what is not for them is blank.
func overlay(src []byte, root rules.Node, includes []string) []byte {
	owner := map[int]bool{} // by line at which something begins: whether it is for the rules
	for _, key := range root.Keys() {
		mark(root.Child(key), slices.Contains(ruleKeys, key), owner)
	}
	lines := strings.Split(string(src), "\n")
	keep := false
	for i := range lines {
		if is, begins := owner[i+1]; begins {
			keep = is
		}
		if !keep {
			lines[i] = ""
		}
	}
	quoted := make([]string, len(includes))
	for i, name := range includes {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	lines[0] = "include = [" + strings.Join(quoted, ", ") + "]"
	return []byte(strings.Join(lines, "\n"))
}

func mark(n rules.Node, ours bool, owner map[int]bool) {
	for _, pos := range []rules.Pos{n.KeyPos(), n.Pos()} {
		owner[pos.Line] = ours
	}
	switch {
	case n.IsTable():
		for _, key := range n.Keys() {
			mark(n.Child(key), ours, owner)
		}
	case n.IsList():
		for _, item := range n.Items() {
			mark(item, ours, owner)
		}
	}
}

func (r *reader) enginePeers() []engine.Peer {
	list := make([]engine.Peer, len(r.scenario.peers))
	for i, p := range r.scenario.peers {
		list[i] = p.Peer
	}
	return list
}

// spoken names the protocols of the scenario's own transports whose messages
// rules have to declare.
func (r *reader) spoken() map[string]string {
	names := map[string]string{}
	for _, p := range r.scenario.peers {
		if p.NewCodec == nil {
			names[p.Name] = cmp.Or(p.Group, p.Name)
		}
	}
	return names
}

// declared makes the transports whose protocols the rules declare.
func (r *reader) declared(set *rules.Set) {
	if r.options.Declared == nil {
		return
	}
	r.scenario.peers = slices.Clone(r.scenario.peers)
	for _, p := range set.Peers {
		protocol := set.ProtocolOf(p.Name)
		if protocol == nil {
			continue
		}
		peer := r.options.Declared(p, protocol)
		if at := slices.IndexFunc(r.scenario.peers, func(other replay.Peer) bool { return other.Name == p.Name }); at >= 0 {
			r.scenario.peers[at] = peer
		} else {
			r.scenario.peers = append(r.scenario.peers, peer)
		}
	}
}

func (r *reader) noteStates() {
	add := func(state string) {
		if state == "" {
			r.anyState = true
		} else if !slices.Contains(r.states, state) {
			r.states = append(r.states, state)
		}
	}
	add("begun")
	add("end")
	for _, rule := range r.scenario.rules.Rules {
		for _, state := range rule.In {
			add(state)
		}
		for _, state := range rule.NextStates {
			add(state)
		}
	}
}

// peer finds a transport by name or group.
func (r *reader) peer(name string) *replay.Peer {
	for i := range r.scenario.peers {
		if p := &r.scenario.peers[i]; p.Name == name || p.Group == name && p.Group != "" {
			return p
		}
	}
	return nil
}

func (r *reader) peerNames() []string {
	var names []string
	for _, p := range r.scenario.peers {
		names = append(names, p.Name)
		if p.Group != "" && !slices.Contains(names, p.Group) {
			names = append(names, p.Group)
		}
	}
	return names
}

// text reads text that must be there.
func (r *reader) text(n rules.Node, key, hint string) (string, bool) {
	if !n.Child(key).IsSet() {
		r.report(n, n.Pos(), key+" is missing", hint)
		return "", false
	}
	text, ok := r.optional(n, key)
	return text, ok
}

// optional reads text that may be there.
func (r *reader) optional(n rules.Node, key string) (string, bool) {
	c := n.Child(key)
	if !c.IsSet() {
		return "", false
	}
	if !c.IsText() {
		r.report(c, c.Pos(), fmt.Sprintf("%s is text, not %s", key, c.Kind()), "")
		return "", false
	}
	return c.Text(), true
}

func (r *reader) duration(n rules.Node, key string) (time.Duration, bool) {
	text, ok := r.optional(n, key)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		r.report(n.Child(key), n.Child(key).Pos(), fmt.Sprintf("%q is no time", text), `as in "500ms", "6s" or "1h30m"`)
		return 0, false
	}
	return d, true
}

func (r *reader) flag(n rules.Node, key string) bool {
	c := n.Child(key)
	if !c.IsSet() {
		return false
	}
	is, ok := c.Value().(bool)
	if !ok {
		r.report(c, c.Pos(), fmt.Sprintf("%s is true or false, not %s", key, c.Kind()), "")
	}
	return is
}

// whole reads a whole number that is not below a least one.
func (r *reader) whole(n rules.Node, key string, least int) (int, bool) {
	c := n.Child(key)
	if !c.IsSet() {
		return 0, false
	}
	i, ok := c.Value().(int)
	if !ok || i < least {
		r.report(c, c.Pos(), fmt.Sprintf("%s is a whole number of %d or more", key, least), "")
		return 0, false
	}
	return i, true
}

// plain words an error of a file without its name.
func plain(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

func globMatch(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return pattern == s || err == nil && ok
}
