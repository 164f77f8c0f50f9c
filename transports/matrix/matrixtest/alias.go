package matrixtest

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
)

// resolve gives the room of an alias. Where there is none, the application
// service whose alias it is may make it (Application Service API, "Querying").
func (s *Server) resolve(alias string) (*room, error) {
	s.mu.Lock()
	r, services := s.aliases[alias], slices.Clone(s.services)
	s.mu.Unlock()
	for _, v := range services {
		if in, _ := v.aliases.has(alias); r != nil || !in {
			continue
		}
		if _, err := s.ask(s.ctx, v, http.MethodGet, "/rooms/"+url.PathEscape(alias), nil, nil); err != nil {
			s.log.Debug("an application service knows no room", "service", v.ID, "alias", alias, "err", err)
			continue
		}
		s.mu.Lock()
		r = s.aliases[alias]
		s.mu.Unlock()
	}
	if r == nil {
		return nil, notFound("no room %s", alias)
	}
	return r, nil
}

// fullAlias is the form of aliases.
var fullAlias = regexp.MustCompile(`^#[^:\s]+:[^:\s]+(:[0-9]+)?$`)

// mayName refuses aliases that are for others to give.
func (x *exchange) mayName(alias string) error {
	if !fullAlias.MatchString(alias) {
		return bad("M_INVALID_PARAM", "%q is no alias", alias)
	}
	for _, v := range x.services {
		if _, exclusive := v.aliases.has(alias); exclusive && v != x.service {
			return bad("M_EXCLUSIVE", "%s is reserved for others", alias)
		}
	}
	return nil
}

func (x *exchange) alias() (any, error) {
	r, err := x.resolve(x.path("alias"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"room_id": r.id, "servers": []string{x.opts.ServerName}}, nil
}

func (x *exchange) setAlias() (any, error) {
	alias := x.path("alias")
	var body struct {
		Room string `json:"room_id"`
	}
	if err := x.read(&body); err != nil {
		return nil, err
	}
	if err := x.mayName(alias); err != nil {
		return nil, err
	}
	r := x.rooms[body.Room]
	switch {
	case x.aliases[alias] != nil:
		return nil, &Error{Status: http.StatusConflict, Code: "M_UNKNOWN", Text: "there is a room " + alias + " already"}
	case r == nil:
		return nil, bad("M_UNKNOWN", "no room %s", body.Room)
	case r.membership(x.user.id) != "join":
		return nil, forbidden("%s is not in room %s", x.user.id, r.id)
	}
	x.aliases[alias] = r
	r.aliases = append(r.aliases, alias)
	return struct{}{}, nil
}

func (x *exchange) removeAlias() (any, error) {
	alias := x.path("alias")
	r := x.aliases[alias]
	if r == nil {
		return nil, notFound("no room %s", alias)
	}
	if err := x.mayName(alias); err != nil {
		return nil, err
	}
	if err := r.maySend(x.user.id, "m.room.canonical_alias", true); err != nil {
		return nil, err
	}
	delete(x.aliases, alias)
	r.aliases = slices.DeleteFunc(r.aliases, func(a string) bool { return a == alias })
	return struct{}{}, nil
}
