package examples_test

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/schema"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

// What is bridged, and how, is read from the shipped rules and from the schemas
// of both protocols, so that no document can say anything else.
func TestCoverageInDocuments(t *testing.T) {
	c := coverageOfShipped(t)
	part(t, "README.md", "coverage", c.short())
	part(t, "docs/coverage.md", "matrix coverage", c.long(matrixSide))
	part(t, "docs/coverage.md", "verto coverage", c.long(vertoSide))
}

// A side is one protocol of the two.
type side struct {
	name string
	set  *schema.Set
}

var (
	matrixSide = side{"matrix", matrix.Schema}
	vertoSide  = side{"verto", verto.Schema}
)

// other gives the other protocol.
func (s side) other() side {
	if s.name == matrixSide.name {
		return vertoSide
	}
	return matrixSide
}

// ownWords are what the Verto transport says itself in the shape of the server's.
var ownWords = []string{"verto.lost", "verto.gone", engine.TransportUp, engine.TransportDown}

// isSignalling tells what the README shows of a protocol: what is said of calls.
// Replies are part of what they reply to.
func (s side) isSignalling(m schema.Message) bool {
	if isReply(m.Type) || slices.Contains(ownWords, m.Type) {
		return false
	}
	return s.name == vertoSide.name || strings.Contains(m.Type, ".call.")
}

func isReply(typ string) bool {
	return strings.HasSuffix(typ, ".ok") || strings.HasSuffix(typ, ".error")
}

// engineName is what the engine calls itself in the messages that it has for rules.
const engineName = "engine"

// coverage is what the rules make of messages.
type coverage struct {
	rules *engine.Ruleset
	soon  map[string][]string       // rule: timers that it lets run out at once
	known map[string][]*engine.Rule // what about has found
}

// coverageOfShipped reads the shipped rules.
func coverageOfShipped(t *testing.T) coverage {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rules.toml")
	if err := os.WriteFile(name, []byte(decided), 0o644); err != nil {
		t.Fatal(err)
	}
	set, found := load(name)
	if set == nil {
		t.Fatal(found)
	}
	return coverage{set.Ruleset, timersAtOnce(t), map[string][]*engine.Rule{}}
}

// timersAtOnce reads in the shipped rules which timers run out at once: what they
// do stands in rules of their own, since several rules lead there.
func timersAtOnce(t *testing.T) map[string][]string {
	t.Helper()
	soon := map[string][]string{}
	for _, name := range rules.Shipped() {
		text, err := rules.ReadShipped(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Rule []struct {
				Name  string
				Timer map[string]string
			}
		}
		if _, err := toml.Decode(string(text), &file); err != nil {
			t.Fatal(err)
		}
		for _, r := range file.Rule {
			for timer, after := range r.Timer {
				if strings.Contains(after, "1ms") {
					soon[r.Name] = append(soon[r.Name], timer)
				}
			}
		}
	}
	return soon
}

// about gives the rules for a type of message. What stands for several types, as
// org.matrix.call.*, has those rules that are for all of them.
func (c coverage) about(transport, typ string) []*engine.Rule {
	key := transport + " " + typ
	if list, ok := c.known[key]; ok {
		return list
	}
	var list []*engine.Rule
	for _, r := range c.rules.Rules {
		for _, p := range r.On {
			is, _ := path.Match(p.Transport, transport)
			of, _ := path.Match(p.Type, strings.ReplaceAll(typ, "*", "any"))
			if is && of {
				list = append(list, r)
				break
			}
		}
	}
	c.known[key] = list
	return list
}

// sent gives the types of what rules send to a protocol: themselves, or by rules
// to which they lead.
func (c coverage) sent(list []*engine.Rule, to side) []string {
	types := map[string]bool{}
	c.follow(list, map[*engine.Rule]bool{}, func(s *engine.Send) {
		if s.To == to.name {
			types[s.Type] = true
		}
	})
	var inOrder []string
	for _, m := range to.set.Messages {
		if types[m.Type] {
			inOrder = append(inOrder, m.Type)
		}
	}
	return inOrder
}

// follow shows what rules send, and what is sent by rules to which they lead:
// once the items that they collect are complete, at once, or when the room that
// they ask for is there.
func (c coverage) follow(list []*engine.Rule, done map[*engine.Rule]bool, see func(*engine.Send)) {
	for _, r := range list {
		if done[r] {
			continue
		}
		done[r] = true
		for _, s := range r.Send {
			see(s)
			if isRoomWord(s.Type) {
				c.follow(c.about(s.To, s.Type+".ok"), done, see)
			}
		}
		for _, p := range r.Push {
			c.follow(c.about(engineName, "buffer."+c.rules.Buffers[p.Buffer].Name), done, see)
		}
		for _, timer := range c.soon[r.Name] {
			c.follow(c.about(engineName, "timer."+timer), done, see)
		}
	}
}

// isRoomWord tells what the transport is asked to do with rooms.
func isRoomWord(typ string) bool { return strings.HasPrefix(typ, "room.") }

// sentFor gives the types of messages of one protocol for which rules send a type
// of another, or of the same.
func (c coverage) sentFor(of, to side, typ string) []string {
	var types []string
	for _, m := range of.set.Messages {
		if m.In != nil && !isRoomWord(m.Type) && slices.Contains(c.sent(c.about(of.name, m.Type), to), typ) {
			types = append(types, strings.TrimSuffix(strings.TrimSuffix(m.Type, ".ok"), ".error"))
		}
	}
	return distinct(types)
}

// distinct leaves out what stands in the list already.
func distinct(list []string) []string {
	var once []string
	for _, s := range list {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// isIdle tells a rule that says that nothing is to be done.
func isIdle(r *engine.Rule) bool {
	return len(r.Send)+len(r.Set)+len(r.Push)+len(r.Timer)+len(r.Cancel) == 0 && r.Next == nil
}

// short is the table of the README: a line a message.
func (c coverage) short() string {
	var text strings.Builder
	text.WriteString("\n| message | when it comes | it is sent |\n| --- | --- | --- |\n")
	var unused []string
	for _, s := range []side{matrixSide, vertoSide} {
		for _, m := range s.set.Messages {
			if !s.isSignalling(m) {
				continue
			}
			comes, sends := c.comes(s, m), c.sends(s, m)
			if m.In == nil && sends == "no" {
				unused = append(unused, m.Type)
				continue
			}
			fmt.Fprintf(&text, "| [`%s`](docs/coverage.md#%s) | %s | %s |\n", m.Type, anchors("# " + m.Type)[0], comes, sends)
		}
	}
	fmt.Fprintf(&text, "| %s | | no |\n", codes(unused))
	return text.String()
}

// comes says in a few words what becomes of a message that comes.
func (c coverage) comes(s side, m schema.Message) string {
	list := c.about(s.name, m.Type)
	other, back := slices.DeleteFunc(c.sent(list, s.other()), isRoomWord), slices.DeleteFunc(c.sent(list, s), isRoomWord)
	active := slices.IndexFunc(list, func(r *engine.Rule) bool { return !isIdle(r) })
	switch {
	case m.In == nil:
		return ""
	case len(list) == 0:
		return "no rule is for it: " + strings.TrimSuffix(m.Doc, ".")
	case len(other) > 0:
		return codes(other)
	case len(back) > 0:
		return "answered by " + codes(back)
	case active >= 0:
		return "heeded: " + list[active].Name
	default:
		return "nothing: " + list[0].Name
	}
}

// sends says in a few words for what a message is sent.
func (c coverage) sends(s side, m schema.Message) string {
	if m.Out == nil {
		return ""
	}
	for _, of := range []side{s.other(), s} {
		if types := c.sentFor(of, s, m.Type); len(types) > 0 {
			return "for " + codes(types)
		}
	}
	if len(c.senders(s, m.Type)) > 0 {
		return "when a timer says so"
	}
	return "no"
}

// codes lists types of messages; of many it lists the first few.
func codes(types []string) string {
	const few = 5
	var list []string
	for i, typ := range types {
		if i == few && len(types) > few+1 {
			return strings.Join(list, ", ") + fmt.Sprintf(" and %d more", len(types)-few)
		}
		list = append(list, "`"+typ+"`")
	}
	return strings.Join(list, ", ")
}

// long tells of each message all rules that are for it, in the order in which they
// are tried, and all that send it.
func (c coverage) long(s side) string {
	var text strings.Builder
	for _, m := range s.set.Messages {
		if m.Type == "*" {
			continue
		}
		fmt.Fprintf(&text, "\n### `%s`\n\n%s\n", m.Type, plain.Replace(m.Doc))
		if m.In != nil {
			c.writeRules(&text, c.about(s.name, m.Type))
		}
		if m.Out != nil {
			c.writeSenders(&text, s, m.Type)
		}
	}
	return text.String()
}

func (c coverage) writeRules(text *strings.Builder, list []*engine.Rule) {
	if len(list) == 0 {
		text.WriteString("\nNo rule is for it: it is unmatched.\n")
		return
	}
	text.WriteString("\n| when it comes | in | sent, or begun |\n| --- | --- | --- |\n")
	for _, r := range list {
		fmt.Fprintf(text, "| %s | %s | %s |\n", r.Name, strings.Join(r.In, ", "), c.does(r))
	}
}

// does says what a rule sends, which timers and buffers it uses, by which further
// rules act later, and to which states the call goes.
func (c coverage) does(r *engine.Rule) string {
	var parts []string
	for _, s := range r.Send {
		parts = append(parts, "`"+s.Type+"`")
	}
	for _, p := range r.Push {
		parts = append(parts, "buffer "+c.rules.Buffers[p.Buffer].Name)
	}
	for _, s := range r.Timer {
		parts = append(parts, "timer "+c.rules.Timers[s.Timer])
	}
	for _, state := range r.NextStates {
		parts = append(parts, "→ "+cmp.Or(state, "the state that the call tells"))
	}
	switch {
	case isIdle(r) && !r.New:
		parts = append(parts, "nothing is to be done")
	case len(parts) == 0:
		parts = append(parts, "it is remembered")
	}
	if r.Also {
		parts = append(parts, "and further rules")
	}
	return strings.Join(distinct(parts), ", ")
}

// senders gives the names of the rules that send a type.
func (c coverage) senders(to side, typ string) []string {
	var names []string
	for _, r := range c.rules.Rules {
		for _, s := range r.Send {
			if s.To == to.name && s.Type == typ {
				names = append(names, r.Name)
			}
		}
	}
	return distinct(names)
}

func (c coverage) writeSenders(text *strings.Builder, to side, typ string) {
	names := c.senders(to, typ)
	if len(names) == 0 {
		text.WriteString("\nNo rule sends it.\n")
		return
	}
	text.WriteString("\nSent by:\n\n")
	for _, name := range names {
		fmt.Fprintf(text, "- %s\n", name)
	}
}
