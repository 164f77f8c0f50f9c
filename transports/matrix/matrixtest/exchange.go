package matrixtest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// An exchange is one request of a client, and who makes it.
type exchange struct {
	*Server
	req   *http.Request
	query url.Values
	body  []byte

	token   string   // shown, "" if none
	user    *user    // nil where nobody need be known
	device  string   // "" of users that an application service acts as
	service *service // that acts, nil for people
}

// newExchange reads a request and finds out who makes it.
func (s *Server) newExchange(req *http.Request, r route) (*exchange, error) {
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	x := &exchange{Server: s, req: req, query: req.URL.Query(), body: body}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = x.authenticate()
	if err != nil && (!r.open || x.service != nil) {
		return nil, err
	}
	return x, nil
}

// authenticate finds out whose token it is, and whom an application service
// acts as (Application Service API, "Identity assertion").
func (x *exchange) authenticate() error {
	header, _ := strings.CutPrefix(x.req.Header.Get("Authorization"), "Bearer ")
	x.token = cmp.Or(header, x.query.Get("access_token"))
	if x.token == "" {
		return unauthorized("M_MISSING_TOKEN", "no access token")
	}
	if own := x.sessions[x.token]; own != nil {
		x.user, x.device = own.user, own.device
		return nil
	}
	for _, v := range x.services {
		if v.ASToken == x.token {
			x.service = v
			return x.assume(cmp.Or(x.query.Get("user_id"), v.user))
		}
	}
	return unauthorized("M_UNKNOWN_TOKEN", "nobody has that access token")
}

// assume lets x act as one of the users of its application service.
func (x *exchange) assume(id string) error {
	if !x.service.owns(id) {
		return forbidden("%s is no user of %s", id, x.service.ID)
	}
	if x.user = x.users[id]; x.user == nil {
		return forbidden("%s has not registered %s", x.service.ID, id)
	}
	return nil
}

// path gives a part of the path, decoded.
func (x *exchange) path(name string) string { return x.req.PathValue(name) }

// read decodes the body, which must be a JSON object. Where nothing is
// required, it may be missing.
func (x *exchange) read(into any) error {
	switch {
	case len(x.body) == 0:
		return nil
	case !json.Valid(x.body) || !utf8.Valid(x.body):
		return bad("M_NOT_JSON", "the body is not JSON")
	}
	if err := json.Unmarshal(x.body, into); err != nil {
		return bad("M_BAD_JSON", "the body has another form: %v", err)
	}
	return nil
}

// object gives the body as the content of an event.
func (x *exchange) object() (json.RawMessage, error) { return canonical(x.body) }

func (x *exchange) empty() (any, error) { return struct{}{}, nil }

// isSelf refuses what is somebody else's.
func (x *exchange) isSelf() error {
	if id := x.path("user"); id != x.user.id {
		return forbidden("%s is not you", id)
	}
	return nil
}

func (x *exchange) versions() (any, error) {
	return map[string]any{
		"versions":          []string{"v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12"},
		"unstable_features": struct{}{},
	}, nil
}

func (x *exchange) capabilities() (any, error) {
	off := map[string]bool{"enabled": false}
	return map[string]any{"capabilities": map[string]any{
		"m.room_versions":   map[string]any{"default": roomVersion, "available": map[string]string{roomVersion: "stable"}},
		"m.change_password": off, "m.3pid_changes": off,
	}}, nil
}

func (x *exchange) pushRules() (any, error) {
	none := []any{}
	return map[string]any{"global": map[string]any{
		"override": none, "content": none, "room": none, "sender": none, "underride": none,
	}}, nil
}
