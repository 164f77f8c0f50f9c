package matrixtest

import (
	"encoding/json"
	"maps"
	"regexp"
)

// A blueprint is the body of a createRoom.
type blueprint struct {
	Visibility string          `json:"visibility"`
	Preset     string          `json:"preset"`
	Alias      string          `json:"room_alias_name"`
	Name       string          `json:"name"`
	Topic      string          `json:"topic"`
	Invite     []string        `json:"invite"`
	Direct     bool            `json:"is_direct"`
	Creation   map[string]any  `json:"creation_content"`
	Power      json.RawMessage `json:"power_level_content_override"`
	Initial    []struct {
		Type     string          `json:"type"`
		StateKey string          `json:"state_key"`
		Content  json.RawMessage `json:"content"`
	} `json:"initial_state"`
}

// createRoom makes a room, in the order of the Client-Server API, "Creation".
func (x *exchange) createRoom() (any, error) {
	var b blueprint
	if err := x.read(&b); err != nil {
		return nil, err
	}
	alias := ""
	if b.Alias != "" {
		alias = "#" + b.Alias + ":" + x.opts.ServerName
		if err := x.mayName(alias); err != nil {
			return nil, err
		}
		if x.aliases[alias] != nil {
			return nil, bad("M_ROOM_IN_USE", "there is a room %s already", alias)
		}
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	r, own := x.newRoom(), x.user.id
	set := func(typ, key string, content any) { x.addState(r, own, typ, key, content) }

	creation := maps.Clone(b.Creation)
	if creation == nil {
		creation = map[string]any{}
	}
	creation["creator"], creation["room_version"] = own, roomVersion
	set("m.room.create", "", creation)
	x.setMember(r, own, own, "join", nil)
	set("m.room.power_levels", "", b.levels(own))
	if alias != "" {
		x.aliases[alias] = r
		r.aliases = append(r.aliases, alias)
		set("m.room.canonical_alias", "", map[string]string{"alias": alias})
	}
	rule := "invite"
	if b.Preset == "public_chat" {
		rule = "public"
	}
	set("m.room.join_rules", "", map[string]string{"join_rule": rule})
	set("m.room.history_visibility", "", map[string]string{"history_visibility": "shared"})
	if rule == "invite" {
		set("m.room.guest_access", "", map[string]string{"guest_access": "can_join"})
	}
	for _, e := range b.Initial {
		set(e.Type, e.StateKey, e.Content)
	}
	if b.Name != "" {
		set("m.room.name", "", map[string]string{"name": b.Name})
	}
	if b.Topic != "" {
		set("m.room.topic", "", map[string]string{"topic": b.Topic})
	}
	for _, user := range b.Invite {
		var more map[string]any
		if b.Direct {
			more = map[string]any{"is_direct": true}
		}
		x.setMember(r, own, user, "invite", more)
	}
	return map[string]string{"room_id": r.id}, nil
}

// fullUserID is the form of user ids, historical ones among them.
var fullUserID = regexp.MustCompile(`^@[^:]+:.+$`)

// check settles the preset, and refuses what no room can be made of.
func (b *blueprint) check() error {
	switch b.Preset {
	case "private_chat", "trusted_private_chat", "public_chat":
	case "":
		if b.Preset = "private_chat"; b.Visibility == "public" {
			b.Preset = "public_chat"
		}
	default:
		return bad("M_BAD_JSON", "no preset %q", b.Preset)
	}
	for _, user := range b.Invite {
		if !fullUserID.MatchString(user) {
			return bad("M_INVALID_PARAM", "%q is no user id", user)
		}
	}
	for i := range b.Initial {
		var err error
		if b.Initial[i].Content, err = canonical(b.Initial[i].Content); err != nil {
			return err
		}
	}
	if b.Power != nil {
		if err := json.Unmarshal(b.Power, &levels{}); err != nil {
			return bad("M_BAD_JSON", "power_level_content_override: %v", err)
		}
	}
	return nil
}

// levels are who may do what at first.
func (b *blueprint) levels(creator string) map[string]any {
	users := map[string]any{creator: 100}
	if b.Preset == "trusted_private_chat" {
		for _, user := range b.Invite {
			users[user] = 100
		}
	}
	content := map[string]any{
		"ban": 50, "kick": 50, "redact": 50, "invite": 0,
		"events_default": 0, "state_default": 50, "users_default": 0, "users": users,
		"events": map[string]any{
			"m.room.name": 50, "m.room.avatar": 50, "m.room.canonical_alias": 50,
			"m.room.power_levels": 100, "m.room.history_visibility": 100,
			"m.room.encryption": 100, "m.room.server_acl": 100, "m.room.tombstone": 100,
		},
	}
	var override map[string]any
	if b.Power != nil {
		_ = json.Unmarshal(b.Power, &override) // checked
	}
	maps.Copy(content, override)
	return content
}
