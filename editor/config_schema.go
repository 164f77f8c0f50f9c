package editor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ConfigSchema tells of vertigo.toml. What the kinds of transports have is told
// together: which of it a transport may have, "vertigo check" says.
func ConfigSchema() *Schema {
	s := &Schema{
		Schema: draft4, Title: "Vertigo configuration",
		Description: "Which transports there are, and where the rules stand: docs/operate.md",
		Type:        "object", Properties: map[string]*Schema{}, AdditionalProperties: false,
		Required: []string{"transport"},
	}
	for _, x := range GeneralSettings {
		at := s
		name := x.Key
		if section, key, dotted := strings.Cut(x.Key, "."); dotted {
			at, name = s.section(section), key
		}
		at.Properties[name] = x.schema(x.Key)
		at.restrict(name, x)
	}
	limits := s.section("limits")
	for _, x := range LimitSettings {
		limits.Properties[x.Key] = x.schema(x.Key)
	}
	s.Properties["transport"] = &Schema{
		Type: "object", Description: "`[transport.NAME]` is one peer. Its name is what captures and logs call it",
		AdditionalProperties: transport(),
	}
	return s
}

// section gives the table of that name.
func (s *Schema) section(name string) *Schema {
	if s.Properties[name] == nil {
		s.Properties[name] = &Schema{Type: "object", Properties: map[string]*Schema{}, AdditionalProperties: false}
	}
	return s.Properties[name]
}

func transport() *Schema {
	t := &Schema{Type: "object", Properties: map[string]*Schema{}, AdditionalProperties: false, Required: []string{"kind"}}
	for _, x := range TransportSettings {
		t.Properties[x.Key] = x.schema(x.Key)
		t.restrict(x.Key, x)
	}
	for _, kind := range slices.Sorted(maps.Keys(KindSettings)) {
		for _, x := range KindSettings[kind] {
			p := x.schema("kind " + kind)
			if both := t.Properties[x.Key]; both != nil {
				both.Description += "\n\n" + p.Description
				if both.Default != p.Default {
					both.Default = nil
				}
				continue
			}
			t.Properties[x.Key] = p
			t.restrict(x.Key, x)
		}
	}
	account := &Schema{Type: "object", Properties: map[string]*Schema{}, AdditionalProperties: false, Required: []string{"login", "password"}}
	for _, x := range KindSettings["verto"] {
		if slices.Contains(account.Required, x.Key) {
			account.Properties[x.Key] = x.schema("account")
		}
	}
	t.Properties["account"].Items = account
	return t
}

// restrict offers the values that a setting can have. It may also be looked up.
func (s *Schema) restrict(key string, x Setting) {
	if len(x.Values) > 0 {
		s.suggest(key, &Schema{Enum: x.Values})
		s.PatternProperties[patternOf(key)].AnyOf[0].Pattern = "^(env|file):"
	}
}

// schema says what a setting can be; it is described as one of something.
func (x Setting) schema(of string) *Schema {
	s := &Schema{Type: "string", Default: x.Value}
	switch x.Form {
	case SettingTexts:
		s.Type, s.Items = "array", &Schema{Type: "string"}
	case SettingFlag:
		s.Type = "boolean"
	case SettingNumber:
		none := 0
		s.Type, s.Minimum = "integer", &none
	case SettingTables:
		s.Type = "array"
	case SettingNamed:
		s.Type, s.AdditionalProperties = "object", &Schema{Type: "string"}
	}
	s.Description = fmt.Sprintf("`%s`: %s", of, plain(x.Doc))
	if x.Default != "" {
		s.Description += "\n\nDefault: " + plain(x.Default)
	}
	return s
}
