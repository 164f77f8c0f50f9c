package vertotest

import (
	"strings"

	"github.com/google/uuid"
)

// checkLogin finds the user that params name (check_auth). The caller holds s.mu.
func (s *Server) checkLogin(params object) (*Account, reply) {
	if params == nil {
		return nil, fault(codeLogin, "Missing params")
	}
	login, password := params.text("login"), params.text("passwd")
	if login == "" {
		return nil, fault(codeAuth, "Authentication Required")
	}
	if password == "" {
		return nil, fault(codeLogin, "Missing passwd")
	}
	user, domain, _ := strings.Cut(login, "@")
	if s.opts.ForceDomain {
		domain = s.opts.Domain
	}
	if user == "" || domain == "" {
		return nil, fault(codeLogin, "Missing or improper credentials")
	}
	account, ok := s.accounts[user+"@"+domain]
	if !ok {
		return nil, fault(codeLogin, "Login Incorrect")
	}
	if account.Password != password {
		return nil, fault(codeLogin, "Authentication Failure")
	}
	return account, reply{}
}

// authenticate is what happens to every request before the socket is logged
// in: its params must hold the credentials, and their sessid is bound for the
// socket's life. ok is false if the socket is to be closed.
func (k *socket) authenticate(params object) (r reply, ok bool) {
	s := k.srv
	s.mu.Lock()
	user, r := s.checkLogin(params)
	if r.fault != nil {
		s.mu.Unlock()
		return r, true
	}
	sessid := params.text("sessid")
	if sessid == "" {
		sessid = uuid.NewString()
	}
	old := s.sessions[sessid]
	if old != nil && old.user.Login != user.Login {
		s.mu.Unlock()
		return fault(codeLogin, "Session in use"), false
	}
	if old != nil {
		s.detach(sessid)
	}
	k.user, k.sessid = user, sessid
	s.sessions[sessid] = k
	s.mu.Unlock()
	if old != nil {
		old.punt()
	}
	s.log.Debug("logged in", "login", user.Login, "sessid", sessid)
	return reply{}, true
}

// punt tells a socket at once that another one has its sessid; its own loop
// closes it at the next pause.
func (k *socket) punt() {
	s := k.srv
	s.mu.Lock()
	s.lastID++
	id := s.lastID
	k.last, k.punted, k.queue = true, true, nil
	s.mu.Unlock()
	k.write(object{{"jsonrpc", "2.0"}, {"id", id}, {"method", "verto.punt"}, {"params", object{}}})
}

// loginMethod runs on a socket that is logged in, if only since a moment ago:
// the credentials are checked again and may be another user's.
func (k *socket) loginMethod(params object) reply {
	s := k.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	user, r := s.checkLogin(params)
	if r.fault != nil {
		return r
	}
	k.user = user
	return reply{result: object{{"message", "logged in"}}}
}
