package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"vertigo/engine"
	"vertigo/schema"
	"vertigo/schema/jsonschema"
	"vertigo/wire"
)

// A Protocol is what [protocol.NAME] declares: how the messages of a peer are
// laid out that speaks JSON.
type Protocol struct {
	Name   string
	Pos    Pos
	Format wire.Format
	Schema *schema.Set // of its messages; nil: nobody has said what they look like

	node *node
}

// schemaOf tells of the messages of a peer: what its declared protocol says, or
// else what is known of its kind.
func schemaOf(p engine.Peer, speaks map[string]*Protocol, kinds map[string]*schema.Set) *schema.Set {
	if declared := speaks[p.Name]; declared != nil {
		return declared.Schema
	}
	return kinds[p.Protocol.Kind]
}

// schemaOf tells of the messages of a peer; nil if nobody has.
func (c *compiler) schemaOf(p engine.Peer) *schema.Set {
	return schemaOf(p, c.speaks, c.opts.Schemas)
}

// declareProtocols reads what is declared, and gives the peers their keys.
func (c *compiler) declareProtocols() {
	c.protocols = make([]Protocol, len(c.decl.protocols.names))
	byName := map[string]*Protocol{}
	for i, name := range c.decl.protocols.names {
		p := &c.protocols[i]
		c.readProtocol(p, name, c.decl.protocols.nodes[name])
		byName[name] = p
	}
	c.opts.Peers = slices.Clone(c.opts.Peers)
	spoken := map[string]bool{}
	for i := range c.opts.Peers {
		peer := &c.opts.Peers[i]
		if p := byName[c.opts.Protocols[peer.Name]]; p != nil {
			spoken[p.Name], c.speaks[peer.Name] = true, p
			peer.Protocol.Key = p.Format.Key
		}
	}
	if c.opts.Unnamed == nil {
		return
	}
	for i := range c.protocols {
		p := &c.protocols[i]
		if spoken[p.Name] || slices.ContainsFunc(c.opts.Peers, func(peer engine.Peer) bool { return peer.Name == p.Name || peer.Group == p.Name }) {
			continue
		}
		peer := engine.Peer{Name: p.Name, Protocol: *c.opts.Unnamed}
		peer.Protocol.Key = p.Format.Key
		c.opts.Peers, c.speaks[p.Name] = append(c.opts.Peers, peer), p
	}
}

// peerName matches what transports can be called.
var peerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

func (c *compiler) readProtocol(p *Protocol, name string, n *node) {
	*p = Protocol{Name: name, Pos: n.keyPos, node: n}
	if !peerName.MatchString(name) || slices.Contains(reserved, name) || name == "engine" {
		c.report(badName, n, n.keyPos, name+" cannot be the name of a protocol", "it is called like a transport, or a group of them: letters, digits, - and _, a letter first")
	}
	if !c.want(n, kindTable, "a table") {
		return
	}
	c.unknownKeys(n, protocolKeys...)
	f := &p.Format
	f.Type = c.paths(n.child("type"))
	f.Key = c.paths(n.child("key"))
	f.Reply, f.Error = c.onePath(n, "reply"), c.onePath(n, "error")
	f.Answers = c.strings(n.child("answers"), "a pattern of types")
	for _, item := range n.child("answers").listed() {
		if _, err := path.Match(item.text, ""); err != nil || item.kind == kindString && item.text == "" {
			c.report(badProtocol, item, item.pos, fmt.Sprintf("%q is not a pattern", item.text), "* stands for anything, ? for a letter, [ab] for one of some")
		}
	}
	for _, key := range []string{"answers", "error"} {
		if x := n.child(key); x != nil && n.child("reply") == nil {
			c.report(badProtocol, x, x.keyPos, "without reply nothing is an answer", "say where its id stands, as in reply = \"id\"; or leave "+key+" out")
		}
	}
	f.Acknowledge = c.acknowledgement(n.child("acknowledge"))
	if set := c.schemaFile(n.child("schema")); set != nil {
		p.Schema = p.withTransport(set)
		c.strayPaths(p)
	}
}

// fieldPath matches the names of fields joined with dots, without what means
// something else where paths are looked up.
var fieldPath = regexp.MustCompile(`^[^\s.#*?|@!\\"{}\[\]]+(\.[^\s.#*?|@!\\"{}\[\]]+)*$`)

// paths reads a path or a list of them.
func (c *compiler) paths(n *node) []string {
	list := c.strings(n, "a path")
	for _, item := range n.listed() {
		if item.kind == kindString && !fieldPath.MatchString(item.text) {
			c.report(badProtocol, item, item.pos, fmt.Sprintf("%q is not a path", item.text), "names of fields, from the outside in, joined with dots: body.call_id")
		}
	}
	return list
}

func (c *compiler) onePath(n *node, key string) string {
	x := n.child(key)
	if x == nil || !c.want(x, kindString, "a path") {
		return ""
	}
	return c.paths(x)[0]
}

// fromMessage matches what an acknowledgement may take from the message.
var fromMessage = regexp.MustCompile(`^\$\{\s*msg(\.[A-Za-z_][A-Za-z0-9_]*)+\s*\}$`)

// acknowledgement reads what is answered at once; nil if nothing is.
func (c *compiler) acknowledgement(n *node) json.RawMessage {
	if n == nil || !c.want(n, kindTable, "a table") {
		return nil
	}
	named, faulty := false, false
	eachTextNode(n, func(text *node) {
		switch {
		case fromMessage.MatchString(text.text):
			named = true
		case strings.Contains(text.text, "${"):
			faulty = true
			c.report(badProtocol, text, text.pos, "an acknowledgement takes fields of the message alone, each as it is", "'${ msg.id }'")
		}
	})
	switch {
	case faulty:
		return nil
	case !named:
		c.report(badProtocol, n, n.keyPos, "the acknowledgement names no field of the message, and so would answer each one", "name one that only requests have: { id = '${ msg.id }' }")
		return nil
	}
	text, err := engine.AppendJSON(nil, n.plain())
	if err != nil {
		c.report(badProtocol, n, n.keyPos, err.Error(), "")
	}
	return text
}

// eachTextNode calls f for each text below n.
func eachTextNode(n *node, f func(*node)) {
	if n.kind == kindString {
		f(n)
	}
	for _, key := range n.keys {
		eachTextNode(n.children[key], f)
	}
	for _, item := range n.items {
		eachTextNode(item, f)
	}
}

// schemaFile reads the schema that a protocol names; nil if it names none, or
// one that cannot be used.
func (c *compiler) schemaFile(n *node) *schema.Set {
	if n == nil || !c.want(n, kindString, "the path of a JSON Schema") {
		return nil
	}
	name, read := filepath.Join(filepath.Dir(n.pos.File), n.text), c.readTable
	if isShipped(n) {
		name, read = n.text, shipped.ReadFile
	}
	text, err := read(name)
	if errors.Is(err, fs.ErrNotExist) && !isShipped(n) {
		if known, missing := shipped.ReadFile(n.text); missing == nil { // a copy of shipped rules names it
			text, err = known, nil
		}
	}
	if err != nil {
		c.report(unreadableSchema, n, n.pos, fmt.Sprintf("cannot read %s: %v", n.text, withoutPath(err)), "")
		return nil
	}
	set, err := jsonschema.Read(name, text)
	var faults *jsonschema.Faults
	switch {
	case errors.As(err, &faults):
		for _, f := range faults.List {
			c.findings = append(c.findings, Finding{
				Pos: Pos{File: name, Line: f.Line, Col: f.Col}, Code: unreadableSchema.Code,
				Msg: f.Msg, Hint: f.Hint, Source: f.Source,
			})
		}
		return nil
	case err != nil:
		c.report(unreadableSchema, n, n.pos, err.Error(), "")
		return nil
	}
	return set
}

// withTransport adds to what a user says of messages what each transport says
// for itself, where the user has not. Where answers have no id, it is the
// transport that knows what came of a message.
func (p *Protocol) withTransport(set *schema.Set) *schema.Set {
	whole := *set
	anything := &schema.Type{}
	if whole.Error == nil {
		whole.Error = anything
	}
	if whole.OK == nil && p.Format.Reply == "" {
		whole.OK = anything
	}
	for _, m := range []schema.Message{
		{Type: engine.TransportUp, Doc: "The transport has a session.", In: anything},
		{Type: engine.TransportDown, Doc: "It has lost it.", In: anything},
	} {
		if whole.In(m.Type) == nil {
			whole.Messages = append(slices.Clip(whole.Messages), m)
		}
	}
	return &whole
}

// strayPaths reports paths that none of the messages has.
func (c *compiler) strayPaths(p *Protocol) {
	var in, all []*schema.Type
	for _, m := range p.Schema.Messages {
		if m.In != nil {
			in = append(in, m.In)
			all = append(all, m.In)
		}
		if m.Out != nil {
			all = append(all, m.Out)
		}
	}
	for key, of := range map[string][]*schema.Type{"type": in, "error": in, "key": all, "reply": all} {
		for _, item := range p.node.child(key).listed() {
			if item.kind != kindString || !fieldPath.MatchString(item.text) {
				continue
			}
			if found, near := pathIn(of, strings.Split(item.text, ".")); !found {
				c.report(strayPath, item, item.pos, fmt.Sprintf("no message has %s", item.text), near)
			}
		}
	}
}

// pathIn says whether one of some types declares what stands at a path; near is
// a hint. A type that leaves the last name open, with none like it, may have it
// as well.
func pathIn(types []*schema.Type, parts []string) (found bool, near string) {
	var known []string
	for depth, name := range parts {
		var next []*schema.Type
		open := false
		known = nil
		for _, t := range types {
			if t.Kinds()&schema.Object == 0 {
				continue
			}
			f, may := t.Field(name)
			if f != nil {
				next = append(next, f)
			}
			open = open || f == nil && (may || t.Open)
			known = append(known, t.Names()...)
		}
		slices.Sort(known)
		known = slices.Compact(known)
		if len(next) == 0 {
			if open && Nearest(name, known) == "" {
				return true, ""
			}
			before := strings.Join(parts[:depth], ".")
			for i := range known {
				known[i] = dotted(before, known[i])
			}
			return false, DidYouMean(dotted(before, name), known)
		}
		types = next
	}
	return true, ""
}
