package scenario

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr/types"

	"vertigo/replay"
	"vertigo/rules"
)

//go:embed messages.toml
var messagesFile []byte

// Messages gives the file that says what stands in a received message if a
// scenario says nothing else.
func Messages() []byte { return messagesFile }

// A defaultMessage is what stands in messages of one kind.
type defaultMessage struct {
	kind, typ string // patterns
	body      *value
}

// dialects makes the names that expressions of this scenario may use.
func (r *reader) dialects() {
	call := callNames(r.scenario.peers)
	receives := types.Map{"call": call}
	expects := types.Map{"call": call}
	for name, t := range commonNames {
		receives[name], expects[name] = t, t
	}
	for name := range matchers {
		expects[name] = types.TypeOf(Matcher{})
	}
	r.receives = &rules.Dialect{Names: receives}
	r.expects = &rules.Dialect{Names: expects, Functions: matcherFunctions}
}

// callNames are the fields of call: as in rules, but for what rules set.
func callNames(peers []replay.Peer) types.Map {
	key := types.Map{"key": types.Any}
	call := types.Map{"id": types.Any, "uuid": types.Any, "state": types.Any, "begun": types.Any}
	for _, p := range peers {
		for _, name := range []string{p.Name, p.Group, p.Protocol.Kind} {
			if name != "" {
				call[name] = key
			}
		}
	}
	return call
}

// commonNames are those that mean the same in every scenario.
var commonNames = types.Map{
	"calls":   types.TypeOf([]any{}),
	"sent":    types.TypeOf(map[string]any{}),
	"now":     types.TypeOf(time.Time{}),
	"n":       types.Int,
	"who":     types.String,
	"type":    types.String,
	"request": types.Any,
	"client":  typeOfTexts(client),
	"pbx":     typeOfTexts(pbx),
}

func typeOfTexts(m map[string]any) types.Map {
	t := types.Map{}
	for key, v := range m {
		t[key] = types.TypeOf(v)
	}
	return t
}

// defaultMessages are those of messages.toml, compiled once. What they name is
// the same in every scenario but for the transports of call, which are there by
// the names of their kinds.
var defaultMessages = sync.OnceValue(func() []defaultMessage {
	names := types.Map{"call": types.Any}
	for name, t := range commonNames {
		names[name] = t
	}
	r := &reader{}
	dialect := &rules.Dialect{Names: names}
	root, found := rules.ParseDocument("messages.toml", messagesFile)
	r.found = found
	var list []defaultMessage
	for _, key := range root.Keys() {
		kind, typ, _ := strings.Cut(key, " ")
		list = append(list, defaultMessage{kind, typ, r.compile(root.Child(key), dialect)})
	}
	if len(r.found) > 0 {
		panic(fmt.Sprint(r.found)) // the file is part of the program
	}
	return list
})

// defaults are those that fit a message, the more general ones first.
func (r *reader) defaults(m *incoming) []*value {
	var list []*value
	for _, d := range defaultMessages() {
		if d.kind == m.peer.Protocol.Kind && isReply(d.typ) == isReply(m.typ) && globMatch(d.typ, m.typ) {
			list = append(list, d.body)
		}
	}
	return list
}
