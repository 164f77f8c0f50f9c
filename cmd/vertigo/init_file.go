package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"vertigo/tomlfmt"
	"vertigo/transports/matrix"
)

// A setup is all that the files of a new bridge are made from.
type setup struct {
	homeserver, server string
	mode, user         string
	listen, url        string // of an application service
	pbx, login         string
	country, emergency string
	ring               string // "": nobody
	secrets            string // folder; "": environment variables
	state              string // folder; "": the default
}

func (s *setup) userID() string { return "@" + s.user + ":" + s.server }

// secret says where the configuration takes a secret from.
func (s *setup) secret(file, variable string) string {
	if s.secrets != "" {
		return "file:" + filepath.Join(s.secrets, file)
	}
	return "env:" + variable
}

// config is the text of vertigo.toml.
func (s *setup) config() []byte {
	var b strings.Builder
	line := func(key, value, comment string) {
		fmt.Fprintf(&b, "%s = %q", key, value)
		if comment != "" {
			b.WriteString(" # " + comment)
		}
		b.WriteByte('\n')
	}
	b.WriteString(`# Where are the homeserver and the telephone exchange, and how does Vertigo log in?
#
# It is read at the start alone. After a change: vertigo check, and a restart.

rules = ["rules.toml"] # beside this file
`)
	if s.state != "" {
		line("state", s.state, "what must survive a restart")
	}
	b.WriteString("\n[transport.matrix]\n")
	line("kind", "matrix", "")
	line("mode", s.mode, "")
	line("homeserver", s.homeserver, "")
	line("user", s.userID(), "the bridge's own user")
	if s.mode == matrix.ModeAppService {
		line("registration", filepath.Join(s.secrets, "registration.yaml"), "vertigo registration writes it")
		line("listen", s.listen, "where Vertigo listens for the homeserver")
		if s.url != "http://"+s.listen {
			line("url", s.url, "the same as the homeserver sees it")
		}
	} else {
		line("token", s.secret("matrix-token", "VERTIGO_MATRIX_TOKEN"), "no secret stands in this file")
	}
	b.WriteString("\n[transport.pbx]\n")
	line("kind", "verto", "")
	line("url", s.pbx, "")
	line("login", s.login, "")
	line("password", s.secret("verto-password", "VERTIGO_VERTO_PASSWORD"), "no secret stands in this file")
	fmt.Fprintf(&b, `
# Each message that comes and goes, for vertigo replay and vertigo explain. They tell who called whom.
# [capture]
# dir = %q

# The rules are compiled anew when their files change; without this, at SIGHUP.
# [reload]
# watch = true
`, filepath.Join(s.state, "captures"))
	return laidOut(b.String())
}

// rules is the text of rules.toml.
func (s *setup) rules() []byte {
	var b strings.Builder
	b.WriteString(`# Who may call which number, and whom does a call from the telephone network ring?
#
# After a change: vertigo check, and SIGHUP to the bridge. Calls that begin from then on go by it.

include = ["matrix-verto"] # the rules that come with Vertigo: vertigo rules matrix-verto

[vars]
`)
	fmt.Fprintf(&b, "emergency = %q # \"route\": emergency numbers reach the PBX; \"refuse\": they are not dialled\n", s.emergency)
	fmt.Fprintf(&b, "country = %q # how numbers without a country are read\n", s.country)
	fmt.Fprintf(&b, "users = %q # whom a number rings that [table.users] does not have\n", s.ring)
	b.WriteString(`# callerIDNumber = "+442079460000" # what the far end is shown
# international = true # numbers in other countries may be called, all of them
`)
	if s.mode == matrix.ModeBot {
		b.WriteString(`
# Which number a call in a room goes to.
# [table.routes]
# "!room:example.org" = "+442079460000"
`)
	}
	b.WriteString(`
# Whom each of your numbers rings: with spaces together, after a comma later.
# [table.users]
# "+442079460001" = "@anna:example.org @ben:example.org, @reception:example.org"

# Which numbers may be called though they are abroad or cost a premium, and which may not.
# [table.numbers]
# match = "prefix"
# "+33" = "allow"
`)
	return laidOut(b.String())
}

// laidOut lays out a text that is TOML.
func laidOut(text string) []byte {
	out, err := tomlfmt.Format([]byte(text))
	if err != nil {
		panic(fmt.Sprintf("init writes what is no TOML: %v\n%s", err, text))
	}
	return out
}
