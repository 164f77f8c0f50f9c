package scenario

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"vertigo/capture"
	"vertigo/engine"
	"vertigo/replay"
)

// Written says what a scenario that is made from a capture is about.
type Written struct {
	Capture string   // its name, for the question
	Rules   []string // as the scenario is to name them; nil: what stands beside it
	Vars    map[string]any
}

// FromCapture writes a scenario that receives what a capture received, and
// expects what the rules send for it. It passes with the rules it was made with.
func FromCapture(w io.Writer, lines []replay.Line, set *engine.Ruleset, peers []replay.Peer, o Written) error {
	c := &writer{world: newWorld(peers), peers: peers, replied: map[int]bool{}}
	if _, err := replay.Play(lines, set, peers, c.event); err != nil {
		return err
	}
	if len(c.steps) == 0 {
		return fmt.Errorf("%s: nothing in it is for the rules", o.Capture)
	}
	c.head(o)
	for i := range c.steps {
		c.step(i)
	}
	_, err := io.WriteString(w, c.out.String())
	return err
}

// A writer makes a scenario of what happens in a replay.
type writer struct {
	world   *world
	peers   []replay.Peer
	steps   []*writtenStep
	sent    []replay.Sent
	replied map[int]bool // by place in sent
	out     strings.Builder
}

// A writtenStep is a message that came, or time that brought something about.
type writtenStep struct {
	name     string
	at       time.Time
	place    string
	received string // its TOML; "" if only time passed
	outcome  engine.Outcome
	expects  []string
	state    string
}

func (c *writer) event(e replay.Event) {
	if e.CaptureEnd || e.Message.Type == "" || c.repliesToNothing(&e.Message) {
		return
	}
	own := ours(&e)
	last := c.last()
	switch {
	case own && len(e.Sent) == 0 && (last == nil || !last.at.Equal(e.Trace.Now)):
		return // nobody would miss it
	case last != nil && last.at.Equal(e.Trace.Now) && (own || e.Again || last.place == e.Place && e.Place != ""):
	default:
		last = &writtenStep{at: e.Trace.Now, place: e.Place, outcome: e.Trace.Outcome}
		c.steps = append(c.steps, last)
	}
	if !own && last.received == "" && !e.Again {
		last.name, last.outcome = e.Message.Type, e.Trace.Outcome
		last.received = c.received(&e.Message)
	}
	c.world.note(&e)
	if last.name == "" {
		last.name = e.Message.Type
	}
	c.sent = append(c.sent, e.Sent...)
	for i := range e.Sent {
		if peer := peerNamed(c.peers, e.Sent[i].To); peer != nil && !peer.Shape.Mute {
			last.expects = append(last.expects, expectText(&e.Sent[i], c.world, nil))
		}
	}
	if state, ok := c.world.current["state"].(string); ok {
		last.state = state
	}
}

// ours says that a message did not just come: the engine has said it, or it has
// waited for its call.
func ours(e *replay.Event) bool { return e.Message.Transport == "engine" || e.Place == "" }

func (c *writer) last() *writtenStep {
	if len(c.steps) == 0 {
		return nil
	}
	return c.steps[len(c.steps)-1]
}

func peerNamed(peers []replay.Peer, name string) *replay.Peer {
	for i := range peers {
		if peers[i].Name == name {
			return &peers[i]
		}
	}
	return nil
}

func (c *writer) head(o Written) {
	fmt.Fprintf(&c.out, "# What becomes of the calls in %s?\n\n", o.Capture)
	if o.Rules != nil {
		fmt.Fprintf(&c.out, "rules = %s\n", tomlValue(anyList(o.Rules)))
	}
	fmt.Fprintf(&c.out, "at = %s\n", c.steps[0].at.UTC().Format(time.RFC3339Nano))
	if len(o.Vars) > 0 {
		fmt.Fprint(&c.out, "\n[vars]\n")
		for _, key := range slices.Sorted(maps.Keys(o.Vars)) {
			fmt.Fprintf(&c.out, "%s = %s\n", tomlKey(key), tomlValue(o.Vars[key]))
		}
	}
	if names := c.transports(); len(names) > 0 {
		for _, p := range names {
			fmt.Fprintf(&c.out, "\n[transport.%s]\nkind = %s\n", tomlKey(p.Name), tomlText(p.Protocol.Kind))
			if p.Group != "" && p.Group != p.Protocol.Kind {
				fmt.Fprintf(&c.out, "group = %s\n", tomlText(p.Group))
			}
		}
	}
}

// transports are those that a scenario has to name: none, if they are called as
// their kinds are.
func (c *writer) transports() []replay.Peer {
	var list []replay.Peer
	plain := true
	for _, p := range c.peers {
		if !p.Shape.Mute {
			list = append(list, p)
			plain = plain && p.Name == p.Protocol.Kind
		}
	}
	if plain {
		return nil
	}
	return list
}

func (c *writer) step(i int) {
	s := c.steps[i]
	fmt.Fprintf(&c.out, "\n[[step]]\nname = %s\n", tomlText(fmt.Sprintf("%d: %s", i+1, s.name)))
	if i > 0 {
		if d := s.at.Sub(c.steps[i-1].at); d > 0 {
			fmt.Fprintf(&c.out, "after = %q\n", d)
		}
	}
	if s.received != "" && s.outcome != engine.Fired {
		fmt.Fprintf(&c.out, "outcome = %q\n", s.outcome)
	}
	if s.state != "" {
		fmt.Fprintf(&c.out, "state = %s\n", tomlText(s.state))
	}
	if len(s.expects) == 0 {
		fmt.Fprint(&c.out, "expect = \"nothing\"\n")
	}
	c.out.WriteString(s.received)
	for _, text := range s.expects {
		c.out.WriteString(text)
	}
}

// received writes a message as the engine had it: with our ids.
func (c *writer) received(m *engine.Message) string {
	var out strings.Builder
	c.world.count++
	if peer := peerNamed(c.peers, m.Transport); peer != nil {
		c.world.expect(peer, m.Body)
	}
	fmt.Fprintf(&out, "[[step.receive]]\nfrom = %s\ntype = %s\nwhole = true\n", tomlText(m.Transport), tomlText(m.Type))
	v, err := decode(m.Body)
	if err != nil {
		return ""
	}
	if body, ok := v.(map[string]any); ok && isReply(m.Type) {
		c.replyTo(m, body)
	}
	flat(&out, "body", v, c.world.ids())
	return out.String()
}

// request finds what a reply is about: the first of its type for the same call
// that has none yet. last says that nothing of its type was sent since.
func (c *writer) request(m *engine.Message) (at int, last bool) {
	at = -1
	for i := range c.sent {
		s := &c.sent[i]
		if s.Type != requestOf(m.Type) {
			continue
		}
		last = false
		same := m.Key != "" && m.Key == s.Key || m.Call != "" && m.Call == s.Call || m.Key == "" && m.Call == ""
		if at < 0 && same && !c.replied[i] {
			at, last = i, true
		}
	}
	return at, last
}

// repliesToNothing says that a message replies to what the capture has sent and
// the rules do not: in a scenario it could not come.
func (c *writer) repliesToNothing(m *engine.Message) bool {
	if !isReply(m.Type) || m.Transport == "engine" {
		return false
	}
	at, _ := c.request(m)
	return at < 0
}

// replyTo has a reply name what it replies to.
func (c *writer) replyTo(m *engine.Message, body map[string]any) {
	peer := peerNamed(c.peers, m.Transport)
	at, last := c.request(m)
	if peer == nil || at < 0 {
		return
	}
	c.replied[at] = true
	request := &c.sent[at]
	switch {
	case peer.Protocol.Kind == "verto" && last:
		body["id"] = expression("request.frame.id")
	case peer.Protocol.Kind == "verto":
		frame, _ := decode(request.Frame)
		if made, ok := frame.(map[string]any); ok {
			body["id"] = made["id"]
		}
	case last:
		body["txn_id"] = expression("request.id")
	default:
		body["txn_id"] = request.ID
	}
}

// An expression is written as ${ … }.
type expression string

// expectText writes the expectation of a message that was sent. texts, if not
// nil, gives an expression for a long text, or "".
func expectText(s *replay.Sent, w *world, texts func(string) string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "[[step.expect]]\nto = %s\ntype = %s\n", tomlText(s.To), tomlText(s.Type))
	ids := w.ids()
	for _, name := range slices.Sorted(maps.Keys(s.Address)) {
		fmt.Fprintf(&out, "%s = %s\n", name, tomlValue(withIDs(s.Address[name], ids)))
	}
	v, err := decode(s.Body)
	if err != nil {
		return out.String()
	}
	if texts != nil {
		v = withTexts(v, texts)
	}
	v = withIDs(withoutSecrets(v), ids)
	if one := "body = " + tomlValue(v); len(one) <= 130 && !strings.Contains(one, "\n") {
		fmt.Fprintln(&out, one)
	} else {
		flat(&out, "body", v, nil)
	}
	fmt.Fprint(&out, "exact = true\n")
	return out.String()
}

// ids are the derived ids of the calls so far, and the expressions that give
// them.
func (w *world) ids() map[string]expression {
	ids := map[string]expression{}
	for i, c := range w.calls {
		call := c.(map[string]any)
		name := "call"
		if id, ok := w.current["id"]; !ok || id != call["id"] {
			name = fmt.Sprintf("calls[%d]", i)
		}
		ids[call["uuid"].(string)] = expression(name + ".uuid")
	}
	return ids
}

// withIDs puts expressions for derived ids.
func withIDs(v any, ids map[string]expression) any {
	switch v := v.(type) {
	case string:
		if x, ok := ids[v]; ok {
			return x
		}
	case map[string]any:
		for key, x := range v {
			v[key] = withIDs(x, ids)
		}
	case []any:
		for i, x := range v {
			v[i] = withIDs(x, ids)
		}
	}
	return v
}

// withoutSecrets puts the matcher for any text in the place of texts that are
// secret: rules have them from tables and vars, and a scenario is shown around.
func withoutSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			if text, ok := x.(string); ok && text != "" && capture.IsSecret(key) {
				v[key] = expression("text")
			} else {
				v[key] = withoutSecrets(x)
			}
		}
	case []any:
		for i, x := range v {
			v[i] = withoutSecrets(x)
		}
	}
	return v
}

func withTexts(v any, texts func(string) string) any {
	switch v := v.(type) {
	case string:
		if x := texts(v); x != "" {
			return expression(x)
		}
	case map[string]any:
		for key, x := range v {
			v[key] = withTexts(x, texts)
		}
	case []any:
		for i, x := range v {
			v[i] = withTexts(x, texts)
		}
	}
	return v
}

// flat writes a table as dotted keys, one a line.
func flat(out *strings.Builder, path string, v any, ids map[string]expression) {
	v = withIDs(v, ids)
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		fmt.Fprintf(out, "%s = %s\n", path, tomlValue(v))
		return
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if m[key] != nil { // TOML has no null
			flat(out, path+"."+tomlKey(key), m[key], nil)
		}
	}
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func tomlKey(key string) string {
	if bareKey.MatchString(key) {
		return key
	}
	return quoted(key)
}

// tomlValue writes a value on one line, but for long texts of several lines.
func tomlValue(v any) string {
	switch v := v.(type) {
	case expression:
		return "'${ " + string(v) + " }'"
	case string:
		return tomlText(v)
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if v[key] != nil {
				parts = append(parts, tomlKey(key)+" = "+tomlValue(v[key]))
			}
		}
		if len(parts) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = tomlValue(x)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case nil:
		return "'${ nil }'"
	case json.Number:
		if strings.ContainsAny(string(v), "eE") && !strings.Contains(string(v), ".") {
			if f, err := v.Float64(); err == nil {
				return strconv.FormatFloat(f, 'f', 1, 64)
			}
		}
		return string(v)
	}
	return fmt.Sprint(v)
}

// tomlText writes text: what has several lines on several lines. A ${ in it
// means itself.
func tomlText(text string) string {
	text = strings.ReplaceAll(text, "${", "$${")
	if !strings.Contains(text, "\n") {
		return quoted(text)
	}
	var out strings.Builder
	out.WriteString("\"\"\"\n")
	for line := range strings.Lines(text) {
		body, ended := strings.CutSuffix(line, "\n")
		q := quoted(body)
		out.WriteString(q[1 : len(q)-1])
		if ended {
			out.WriteByte('\n')
		}
	}
	return out.String() + "\"\"\""
}

// quoted writes text in double quotes, with the escapes that TOML has.
func quoted(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteRune(c)
		case c == '\r':
			out.WriteString(`\r`)
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\t':
			out.WriteString(`\t`)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&out, `\u%04X`, c)
		default:
			out.WriteRune(c)
		}
	}
	return out.String() + `"`
}

func anyList(texts []string) []any {
	list := make([]any, len(texts))
	for i, t := range texts {
		list[i] = t
	}
	return list
}
