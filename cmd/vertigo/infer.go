package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"vertigo/capture"
	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/schema/infer"
	"vertigo/schema/jsonschema"
	"vertigo/wire"
)

type inferCommand struct {
	dryRun    `embed:""`
	Transport string   `placeholder:"NAME" help:"Whose messages; said where the captures have several with a declared protocol."`
	Capture   []string `arg:"" help:"The captures."`
}

// Help is what --help adds.
func (inferCommand) Help() string {
	return `The first draft of a schema of a peer's messages goes to stdout: their types, the
fields of each, those that were always there as required, and values where few
words came again and again. Secrets, and what people wrote, are not in it. How
the messages are laid out the rules say, in [protocol.NAME]; the schema that they
may name there is not read.

    vertigo infer -r rules.toml captures/*.ndjson > door.schema.json`
}

// Run prints what captures show of the messages of a peer.
func (c *inferCommand) Run(std streams) error {
	set, err := c.load(std)
	if err != nil {
		return err
	}
	var lines []replay.Line
	for _, name := range c.Capture {
		more, err := c.read(name, std)
		if err != nil {
			return err
		}
		lines = append(lines, more...)
	}
	peer, err := c.peer(set, lines)
	if err != nil {
		return err
	}
	transport := peer.Name
	w := newWatcher(*peer, set.ProtocolOf(transport))
	for _, l := range lines {
		if l.Transport == transport {
			w.watch(l)
		}
	}
	for _, text := range w.unusable {
		fmt.Fprintln(std.err, "skipped:", text)
	}
	types := len(w.traffic.Types())
	if types == 0 {
		return fmt.Errorf("no message of %s can be used", transport)
	}
	fmt.Fprintf(std.err, "%s: %s of message, out of %s\n", transport, count(types, "type"), count(w.messages, "message"))
	_, err = std.out.Write(jsonschema.Write("Messages of "+transport+", as they were seen", w.traffic.Set()))
	return err
}

// What may be yet to be written: the schema, and rules.
const (
	anyMessage  = `{"$defs": {"in *": {"type": "object"}, "out *": {"type": "object"}}}`
	anyRuleFile = "a rule"
	anyRule     = "[[rule]]\nname = \"a rule\"\non = \"engine call.end\"\n"
)

// load compiles the rules, for what they declare.
func (c *inferCommand) load(std streams) (*rules.Set, error) {
	_, loader, err := c.setup()
	if err != nil {
		return nil, err
	}
	if err := loader.unreadable(); err != nil {
		return nil, err
	}
	loader.names = append(slices.Clip(loader.names), anyRuleFile)
	set, found := loader.compile(func(name string) ([]byte, error) {
		switch {
		case name == anyRuleFile:
			return []byte(anyRule), nil
		case path.Ext(name) == ".json":
			return []byte(anyMessage), nil
		}
		return os.ReadFile(name)
	})
	if set != nil {
		return set, nil
	}
	if err := rules.Format(std.err, found); err != nil {
		return nil, err
	}
	return nil, errFound
}

// peer says whose messages are looked at: of a peer whose protocol is declared.
func (c *inferCommand) peer(set *rules.Set, lines []replay.Line) (*engine.Peer, error) {
	var named, declared []string
	for _, l := range lines {
		if slices.Contains(named, l.Transport) {
			continue
		}
		named = append(named, l.Transport)
		if set.ProtocolOf(l.Transport) != nil {
			declared = append(declared, l.Transport)
		}
	}
	switch {
	case c.Transport != "" && !slices.Contains(named, c.Transport):
		return nil, fmt.Errorf("--transport: the captures have no message of %s: there are %s", c.Transport, strings.Join(named, ", "))
	case c.Transport != "" && !slices.Contains(declared, c.Transport):
		return nil, fmt.Errorf("--transport: the rules have no [protocol.%s], which says how its messages are laid out", c.Transport)
	case c.Transport != "":
		declared = []string{c.Transport}
	case len(declared) == 0:
		return nil, fmt.Errorf("the rules do not say how messages of %s are laid out: that stands in [protocol.NAME]", strings.Join(named, ", "))
	case len(declared) > 1:
		return nil, fmt.Errorf("the captures have messages of %s: say with --transport whose are meant", strings.Join(declared, ", "))
	}
	i := slices.IndexFunc(set.Peers, func(p engine.Peer) bool { return p.Name == declared[0] })
	return &set.Peers[i], nil
}

// A watcher sees messages of a peer go by.
type watcher struct {
	format   wire.Format
	codec    replay.Codec
	shape    replay.Shape
	types    []string // the paths at which the type of a message stands
	hide     *capture.Writer
	hidden   bytes.Buffer // what hide has written
	traffic  infer.Traffic
	messages int
	unusable []string
	sent     map[sentID]string // the types of what was sent
}

// A sentID is the id of a message that was sent, which its answer has as well.
// Whoever comes back has the same seat: A of A2.
type sentID struct{ seat, id string }

func newWatcher(p engine.Peer, protocol *rules.Protocol) *watcher {
	peer, format := declaredPeer(p, protocol), protocol.Format
	w := &watcher{format: format, codec: peer.NewCodec(p.Name), shape: peer.Shape, types: format.Type, sent: map[sentID]string{}}
	if len(w.types) == 0 {
		w.types = []string{"type"}
	}
	w.hide = capture.NewWriter(&w.hidden, true)
	return w
}

// watch takes notice of one line, and gives the type of its message; "" if that
// cannot be used, or is a word of the transport itself.
func (w *watcher) watch(l replay.Line) string {
	typ, data, err := w.read(l)
	switch {
	case err != nil:
		w.unusable = append(w.unusable, fmt.Sprintf("%s: %v", l.Place(), err))
		return ""
	case typ == engine.TransportUp || typ == engine.TransportDown:
		return ""
	}
	w.messages++
	if l.Dir == capture.Out {
		w.traffic.Out(typ, data, w.types, w.format.Reply)
	} else {
		w.traffic.In(typ, data, w.types)
	}
	return typ
}

// read gives the type of a message, and what rules see of it, or set in it,
// without its secrets.
func (w *watcher) read(l replay.Line) (typ string, data []byte, err error) {
	m, err := w.format.Read(l.Message())
	if err != nil {
		return "", nil, err
	}
	if data, err = w.redacted(l.Line); err != nil {
		return "", nil, err
	}
	id := sentID{strings.TrimRight(l.Conn, "0123456789"), m.Reply}
	if l.Dir == capture.Out {
		typ = cmp.Or(w.shape.TypeOf(l.Message()), wire.Untyped)
		if m.Reply != "" {
			w.sent[id] = typ
		}
		if w.shape.Body != "" {
			data = []byte(cmp.Or(gjson.GetBytes(data, w.shape.Body).Raw, "{}"))
		}
	} else {
		messages, err := w.codec.In(l.TS, l.Conn, l.Message())
		if err != nil || len(messages) == 0 {
			return "", nil, errors.Join(err, errors.New("it has no type"))
		}
		typ = messages[0].Type
		if sent, ok := w.sent[id]; ok {
			if answer, is := w.format.Answer(sent, m); is {
				typ = answer
			}
		}
	}
	if strings.ContainsAny(typ, " \t\r\n*") {
		return "", nil, fmt.Errorf("no rule can name its type %q", typ)
	}
	return typ, data, nil
}

// redacted gives a message without its secrets, as a capture would have it.
func (w *watcher) redacted(l capture.Line) ([]byte, error) {
	w.hidden.Reset()
	if err := w.hide.Write(l); err != nil {
		return nil, err
	}
	clean, err := capture.NewReader("", &w.hidden).Next()
	return clean.Data, err
}
