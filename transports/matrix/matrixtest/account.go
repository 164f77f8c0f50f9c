package matrixtest

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"strings"
)

// A user is somebody of this homeserver.
type user struct {
	id       string
	password string // "": no login by password
	name     string // displayname
	avatar   string // avatar_url
	data     map[dataKey]*datum
	changed  chan struct{} // closed when there may be news for the user
}

// notify wakes the clients of u that wait for news.
func (u *user) notify() {
	close(u.changed)
	u.changed = make(chan struct{})
}

// A session is a user on a device.
type session struct {
	user   *user
	device string
}

// An interactive error says what a client must do before it is let in
// (Client-Server API, "User-Interactive Authentication API").
type interactive struct {
	refusal *Error
	steps   any
}

func (i *interactive) Error() string { return i.refusal.Error() }
func (i *interactive) Unwrap() error { return i.refusal }

func (x *exchange) loginFlows() (any, error) {
	type flow struct {
		Type string `json:"type"`
	}
	return map[string][]flow{"flows": {{"m.login.password"}, {"m.login.application_service"}}}, nil
}

// A credential is the body of a login, or the part of a registration that both
// have.
type credential struct {
	Type       string
	User       string // of before identifier
	Identifier struct{ Type, User string }
	Username   string
	Password   string
	Device     string `json:"device_id"`
}

func (x *exchange) login() (any, error) {
	var c credential
	if err := x.read(&c); err != nil {
		return nil, err
	}
	id := cmp.Or(c.Identifier.User, c.User)
	if !strings.HasPrefix(id, "@") {
		id = x.userID(id)
	}
	u := x.users[id]
	switch c.Type {
	case "m.login.password":
		if u == nil || u.password == "" || u.password != c.Password {
			return nil, forbidden("wrong user name or password")
		}
	case "m.login.application_service":
		switch {
		case x.token == "":
			return nil, unauthorized("M_MISSING_TOKEN", "no access token")
		case x.service == nil:
			return nil, forbidden("only an application service logs in so")
		case !x.service.owns(id):
			return nil, bad("M_EXCLUSIVE", "%s is no user of %s", id, x.service.ID)
		case u == nil:
			return nil, forbidden("%s has not registered %s", x.service.ID, id)
		}
	default:
		return nil, bad("M_INVALID_PARAM", "no login of type %q", c.Type)
	}
	return x.open(u, c.Device), nil
}

// open begins a session of u. The one that the device had ends.
func (s *Server) open(u *user, device string) any {
	device = cmp.Or(device, strings.ToUpper(rand.Text()[:10]))
	for token, old := range s.sessions {
		if old.user == u && old.device == device {
			delete(s.sessions, token)
		}
	}
	token := rand.Text()
	s.sessions[token] = &session{u, device}
	return map[string]string{"user_id": u.id, "access_token": token, "device_id": device, "home_server": s.opts.ServerName}
}

func (x *exchange) logout() (any, error) {
	delete(x.sessions, x.token)
	return struct{}{}, nil
}

func (x *exchange) whoami() (any, error) {
	who := map[string]any{"user_id": x.user.id, "is_guest": false}
	if x.device != "" {
		who["device_id"] = x.device
	}
	return who, nil
}

// register makes a user: of an application service, or, where that is allowed,
// of the client itself, after the stage m.login.dummy.
func (x *exchange) register() (any, error) {
	var c struct {
		credential
		InhibitLogin bool `json:"inhibit_login"`
		Auth         *struct{ Type, Session string }
	}
	if err := x.read(&c); err != nil {
		return nil, err
	}
	byService := c.Type == "m.login.application_service"
	switch {
	case byService && x.token == "":
		return nil, unauthorized("M_MISSING_TOKEN", "no access token")
	case byService && x.service == nil:
		return nil, unauthorized("M_UNKNOWN_TOKEN", "no application service has that token")
	case !byService && !x.opts.OpenRegistration:
		return nil, forbidden("registration is not open")
	}
	name := c.Username
	if name == "" && !byService {
		name = strings.ToLower(rand.Text()[:12])
	}
	id := x.userID(name)
	switch {
	case !localpart.MatchString(name):
		return nil, bad("M_INVALID_USERNAME", "no user can be called %q", name)
	case byService && !x.service.owns(id), !byService && x.isReserved(id):
		return nil, bad("M_EXCLUSIVE", "%s is reserved for others", id)
	case x.users[id] != nil:
		return nil, bad("M_USER_IN_USE", "there is a user %s already", id)
	}
	if !byService && (c.Auth == nil || c.Auth.Type != "m.login.dummy") {
		return nil, &interactive{&Error{Status: http.StatusUnauthorized, Text: "a stage is to be done first"}, map[string]any{
			"session": rand.Text(), "params": struct{}{}, "completed": []string{},
			"flows": []map[string]any{{"stages": []string{"m.login.dummy"}}},
		}}
	}
	u := x.addUser(name, c.Password)
	if c.InhibitLogin {
		return map[string]string{"user_id": u.id, "home_server": x.opts.ServerName}, nil
	}
	return x.open(u, c.Device), nil
}

// isReserved tells ids that only an application service may register.
func (s *Server) isReserved(id string) bool {
	for _, v := range s.services {
		if _, exclusive := v.users.has(id); exclusive {
			return true
		}
	}
	return false
}
