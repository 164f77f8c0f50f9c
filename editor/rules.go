package editor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/schema"
)

// AddressKeys tell of the keys that a send has beside [rules.SendKeys], by kind of
// transport.
var AddressKeys = map[string][]rules.Key{
	"matrix": {
		{Name: "room", Form: rules.FormTemplate, Value: "template", Doc: "`matrix` only: the room. It must be there, but for [types that are about no room](#what-a-rule-can-ask-of-matrix)"},
		{Name: "as", Form: rules.FormTemplate, Value: "template", Doc: "`matrix` only, as an application service: which of the bridge's users does it. `nil`, `\"\"` or left out: the bridge's own"},
		{Name: "state", Form: rules.FormTemplate, Value: "template", Doc: "`matrix` only: the state key that makes a state event of it; `\"\"` is one, `nil` none"},
	},
	"http-json": {
		{Name: "path", Form: rules.FormTemplate, Value: "template", Doc: "`http-json` only: what is appended to the `url` of the transport"},
		{Name: "request", Form: rules.FormTemplate, Value: "template", Doc: "`http-json` only: the request that this answers: `'${ msg.request }'`"},
		{Name: "status", Form: rules.FormTemplate, Value: "template", Doc: "`http-json` only: the HTTP status of that answer; left out: 200"},
	},
}

// SendKeys are all keys of a send, in the order of the reference.
func SendKeys(kinds ...string) []rules.Key {
	var address []rules.Key
	for _, kind := range kinds {
		address = append(address, AddressKeys[kind]...)
	}
	body := slices.IndexFunc(rules.SendKeys, func(k rules.Key) bool { return k.Name == "body" })
	return slices.Insert(slices.Clone(rules.SendKeys), body, address...)
}

// Vocabulary is what the rules of a user have, and what they may name. Of an
// empty one the schema knows keys and functions alone.
type Vocabulary struct {
	Kinds      []string // of transports
	Transports []Name   // and groups of them
	On         []Name   // "matrix m.call.invite"
	Types      []Name   // that can be sent
	Rules      []Name
	States     []Name

	Vars, Lets, Tables, Buffers, Limits, Indexes, Timers, CallVars []string
	Protocols, ConnVars                                            []string
}

// VocabularyOf gathers the transports, the messages that are known of them, and
// what a rule set has; set may be nil. schemas are by kind of transport; what the
// rules themselves declare of transports counts as well.
func VocabularyOf(peers []engine.Peer, schemas map[string]*schema.Set, set *rules.Set) Vocabulary {
	var v Vocabulary
	of := func(p engine.Peer) *schema.Set { return schemas[p.Protocol.Kind] }
	if set != nil {
		for _, p := range set.Peers {
			if set.ProtocolOf(p.Name) != nil && !slices.ContainsFunc(peers, func(known engine.Peer) bool { return known.Name == p.Name }) {
				peers = append(slices.Clip(peers), p)
			}
		}
		of = func(p engine.Peer) *schema.Set {
			if declared := set.ProtocolOf(p.Name); declared != nil {
				return declared.Schema
			}
			return schemas[p.Protocol.Kind]
		}
	}
	for _, p := range peers {
		v.transport(p.Name, "a transport of kind "+p.Protocol.Kind)
		if p.Group != "" {
			v.transport(p.Group, "the transports of this group")
		}
		if !slices.Contains(v.Kinds, p.Protocol.Kind) {
			v.Kinds = append(v.Kinds, p.Protocol.Kind)
		}
		v.messages(p, of(p))
	}
	v.messages(engine.Peer{Name: "engine"}, rules.EngineSchema)
	if set != nil {
		v.rules(set)
	}
	return v
}

func (v *Vocabulary) transport(name, doc string) { put(&v.Transports, name, doc) }

// put adds a name that is not there yet.
func put(list *[]Name, name, doc string) {
	if !slices.ContainsFunc(*list, func(n Name) bool { return n.Name == name }) {
		*list = append(*list, Name{name, doc})
	}
}

// messages adds what a peer says and takes.
func (v *Vocabulary) messages(p engine.Peer, set *schema.Set) {
	if set == nil {
		return
	}
	name := p.Name
	if p.Group != "" {
		name = p.Group
	}
	for _, typ := range set.Incoming() {
		put(&v.On, name+" "+typ, docOf(set, typ))
	}
	for _, typ := range set.Outgoing() {
		put(&v.Types, typ, docOf(set, typ))
	}
}

// docOf says of a reply what it is the reply to.
func docOf(set *schema.Set, typ string) string {
	for _, m := range set.Messages {
		switch typ {
		case m.Type:
			return m.Doc
		case m.Type + ".ok":
			return "a `" + m.Type + "` that was sent has been taken"
		case m.Type + ".error":
			return "a `" + m.Type + "` that was sent has been refused, or could not be sent"
		}
	}
	return ""
}

// rules adds what a rule set has.
func (v *Vocabulary) rules(set *rules.Set) {
	entered, left := map[string][]string{}, map[string][]string{}
	for _, r := range set.Rules {
		var on []string
		for _, p := range r.On {
			on = append(on, "`"+p.Transport+" "+p.Type+"`")
			if !strings.ContainsAny(p.Transport+p.Type, "*?[") {
				put(&v.On, p.Transport+" "+p.Type, "")
			}
		}
		v.Rules = append(v.Rules, Name{r.Name, "A rule for " + strings.Join(on, ", ")})
		for _, state := range r.NextStates {
			entered[state] = append(entered[state], r.Name)
		}
		for _, state := range r.In {
			left[state] = append(left[state], r.Name)
		}
	}
	states := slices.AppendSeq(slices.Collect(maps.Keys(entered)), maps.Keys(left))
	slices.Sort(states)
	for _, state := range slices.Compact(states) {
		put(&v.States, state, fmt.Sprintf("entered by %s, asked for by %s", count(entered[state]), count(left[state])))
	}
	for _, b := range set.Buffers {
		v.Buffers = append(v.Buffers, b.Name)
		put(&v.On, "engine buffer."+b.Name, "the buffer is complete, idle, late or full")
	}
	for _, t := range set.Timers {
		v.Timers = append(v.Timers, t)
		put(&v.On, "engine timer."+t, "the timer's time has come")
	}
	for _, l := range set.Limits {
		v.Limits = append(v.Limits, l.Name)
	}
	for _, x := range set.Indexes {
		v.Indexes = append(v.Indexes, x.Name)
	}
	v.CallVars = set.Ruleset.Vars
	v.Vars, v.Lets, v.Tables, v.ConnVars = set.Declared.Vars, set.Declared.Lets, set.Declared.Tables, set.Declared.ConnVars
	for _, p := range set.Protocols {
		v.Protocols = append(v.Protocols, p.Name)
	}
}

func count(names []string) string {
	if len(names) == 1 {
		return "1 rule"
	}
	return fmt.Sprintf("%d rules", len(names))
}

// RulesSchema tells of rule files, and offers what the vocabulary has.
func RulesSchema(v Vocabulary) *Schema {
	s := table(rules.FileKeys)
	s.Schema, s.Title = draft4, "Vertigo rules"
	s.Description = "Rules that say what becomes of each message: docs/rules.md"
	s.Definitions = map[string]*Schema{"function": functions()}
	include := s.Properties["include"]
	include.Items = &Schema{AnyOf: []*Schema{{Type: "string"}, oneOf(shippedSets())}}
	names(s.Properties["vars"], v.Vars, &Schema{})
	names(s.Properties["let"], v.Lets, expression())
	names(s.Properties["table"], v.Tables, lookupTable())
	names(s.Properties["buffer"], v.Buffers, withFunctions(table(rules.BufferKeys), rules.BufferKeys))
	names(s.Properties["limit"], v.Limits, limit())
	names(s.Properties["index"], v.Indexes, index())
	names(s.Properties["protocol"], v.Protocols, table(rules.ProtocolKeys))
	s.Properties["check"].Items = check(v)
	s.Properties["rule"].Items = rule(v)
	return s
}

func rule(v Vocabulary) *Schema {
	s := withFunctions(table(rules.RuleKeys), rules.RuleKeys)
	s.Required = []string{"name", "on"}
	s.suggest("name", oneOf(v.Rules))
	next := slices.Clone(v.States)
	put(&next, "end", "the call ends")
	s.suggest("next", oneOf(next))
	for key, known := range map[string][]Name{"on": v.On, "in": v.States, "cancel": named(v.Timers), "limit": named(v.Limits), "beyond": named(v.Limits)} {
		s.suggest(key, oneOf(known))
		s.Properties[key].Items = &Schema{AnyOf: []*Schema{{Type: "string"}, oneOf(known)}}
	}
	names(s.Properties["set"], v.CallVars, expression())
	names(s.Properties["let"], nil, expression())
	names(s.Properties["conn"], v.ConnVars, expression())
	s.suggest("new", oneOf([]Name{{"connection", "begins the connection of a transport that is up"}}))
	names(s.Properties["push"], v.Buffers, expression())
	names(s.Properties["timer"], v.Timers, expression())
	kinds := v.Kinds
	if !slices.Contains(kinds, "http-json") { // rules may be for a peer whose kind they do not say
		kinds = append(slices.Clip(kinds), "http-json")
	}
	keys := SendKeys(kinds...)
	send := withFunctions(table(keys), keys)
	send.Required = []string{"to", "type"}
	send.suggest("to", oneOf(v.Transports))
	send.suggest("type", oneOf(v.Types))
	s.Properties["send"].Items = send
	return s
}

func limit() *Schema {
	s := withFunctions(table(rules.LimitKeys), rules.LimitKeys)
	s.Required = []string{"max"}
	s.Properties["while"].Enum = []string{"call"}
	return s
}

func index() *Schema {
	s := withFunctions(table(rules.IndexKeys), rules.IndexKeys)
	s.Required = []string{"key"}
	return s
}

func check(v Vocabulary) *Schema {
	s := withFunctions(table(rules.CheckKeys), rules.CheckKeys)
	s.Required = []string{"var", "that"}
	s.suggest("var", oneOf(named(v.Vars)))
	return s
}

// lookupTable has any keys beside those that say where its entries are.
func lookupTable() *Schema {
	s := table(rules.TableKeys)
	s.AdditionalProperties = nil
	s.Properties["match"].Enum = []string{"exact", "prefix"}
	return s
}

// table is a schema with the keys of a table, and no others.
func table(keys []rules.Key) *Schema {
	s := &Schema{Type: "object", Properties: map[string]*Schema{}, AdditionalProperties: false}
	for _, k := range keys {
		name, _, dotted := strings.Cut(k.Name, ".")
		p := shapeOf(k.Form)
		if dotted {
			p = &Schema{Type: "object"}
		}
		p.Description = describe(k.Name, k.Value, k.Doc)
		s.Properties[name] = p
	}
	return s
}

func describe(name, value, doc string) string {
	return fmt.Sprintf("`%s`: %s\n\n%s", name, plain(value), plain(doc))
}

// shapeOf gives what a value of some form can be.
func shapeOf(form rules.Form) *Schema {
	text := &Schema{Type: "string"}
	switch form {
	case rules.FormTexts:
		return &Schema{Type: []string{"string", "array"}, Items: text}
	case rules.FormBody:
		return &Schema{Type: []string{"object", "string"}}
	case rules.FormExpressions, rules.FormTable:
		return &Schema{Type: "object"}
	case rules.FormNumber:
		return &Schema{Type: "integer"}
	case rules.FormMaxNumber:
		return &Schema{Type: []string{"integer", "string"}}
	case rules.FormFlag:
		return &Schema{Type: "boolean"}
	case rules.FormNew:
		return &Schema{Type: []string{"boolean", "string"}}
	case rules.FormTables:
		return &Schema{Type: "array"}
	case rules.FormAny:
		return &Schema{}
	default:
		return text
	}
}

// withFunctions offers the functions wherever an expression can stand.
func withFunctions(s *Schema, keys []rules.Key) *Schema {
	for _, k := range keys {
		if k.Form == rules.FormExpression && s.Properties[k.Name] != nil {
			s.suggest(k.Name, &Schema{Ref: "#/definitions/function"})
		}
	}
	return s
}

// expression is one that a user names.
func expression() *Schema {
	return &Schema{AnyOf: []*Schema{{Type: "string"}, {Ref: "#/definitions/function"}}}
}

// functions are those of Vertigo, as one writes them.
func functions() *Schema {
	var list []Name
	for _, f := range rules.Functions {
		list = append(list, Name{f.Signature, f.Doc + "\n\n    " + f.Example + "\n    = " + f.Result})
	}
	return oneOf(list)
}

func shippedSets() []Name {
	var list []Name
	for _, name := range rules.Shipped() {
		list = append(list, Name{name, "a shipped rule set: vertigo rules " + name})
	}
	return list
}

func named(list []string) []Name {
	all := make([]Name, len(list))
	for i, name := range list {
		all[i].Name = name
	}
	return all
}

// names lists the names that a table is known to have. Whatever else it has is
// of the same shape.
func names(s *Schema, known []string, each *Schema) {
	s.AdditionalProperties = each
	for _, name := range known {
		if s.Properties == nil {
			s.Properties = map[string]*Schema{}
		}
		s.Properties[name] = &Schema{Type: each.Type, Description: s.Description}
	}
}
