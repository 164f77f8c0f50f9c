package vertotest

import (
	"slices"
	"strings"
)

// An Account is one user of the directory.
type Account struct {
	Login        string   // "1008@fs.test"
	Password     string   // compared as plain text
	CallerName   string   // how calls from this user look to the one called: effective_caller_id_name
	CallerNumber string   // effective_caller_id_number
	Methods      []string // allowed methods; "verto" allows verto.*; login is always allowed
}

func (a *Account) allowed(method string) bool {
	family, _, _ := strings.Cut(method, ".")
	return slices.Contains(a.Methods, method) || slices.Contains(a.Methods, family)
}

// AddAccount adds a user who may use every method of the verto family, or
// changes the password of one who exists. A login without a domain gets the
// server's own.
func (s *Server) AddAccount(login, password string) {
	user, domain, ok := strings.Cut(login, "@")
	if !ok {
		domain = s.opts.Domain
	}
	s.SetAccount(Account{
		Login: user + "@" + domain, Password: password,
		CallerName: "Extension " + user, CallerNumber: user,
		Methods: []string{"verto"},
	})
}

// SetAccount adds a user, or replaces the one with the same login.
func (s *Server) SetAccount(a Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[a.Login] = &a
}

// addStandardAccounts makes 1000 to 1019, as the captures' FreeSWITCH has them.
func (s *Server) addStandardAccounts() {
	for n := 1000; n <= 1019; n++ {
		user := itoa(n)
		methods := []string{"verto"}
		if n >= 1010 {
			methods = append(methods, "echo")
		}
		s.SetAccount(Account{
			Login: user + "@" + s.opts.Domain, Password: "1234",
			CallerName: "Extension " + user, CallerNumber: user, Methods: methods,
		})
	}
}
