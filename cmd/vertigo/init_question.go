package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"vertigo/rules"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

// A question is something that init must know.
type question struct {
	flag  string
	given *string // what the flag says; nil: it is not there
	to    *string // where the answer goes
	ask   string
	// What Enter takes; nil or "": nothing does. What is assumed is taken unasked
	// where nobody can be asked; the rest is a guess that somebody must see.
	usual   func() string
	assumed bool
	none    bool // no answer is one
	read    func(text string) (string, error)
	applies func() bool // whether it is a question after those before it; nil: yes
}

// questions are all that there are, in an order in which each may look at the
// answers before it.
func (c *initCommand) questions(s *setup) []*question {
	always := func(text string) func() string { return func() string { return text } }
	isService := func() bool { return s.mode != matrix.ModeBot }
	return []*question{
		{flag: "homeserver", given: c.Homeserver, to: &s.homeserver, read: s.readHomeserver,
			ask: "Homeserver, as in https://matrix.example.org"},
		{flag: "server", given: c.Server, to: &s.server, read: readServer, usual: s.likelyServer,
			ask: "Its server name: what users' ids end with, as in example.org"},
		{flag: "mode", given: c.Mode, to: &s.mode, read: oneOfThem(matrix.ModeAppService, matrix.ModeBot), usual: always(matrix.ModeAppService), assumed: true,
			ask: "appservice: every telephone number is a contact. It needs a line in the\n" +
				"homeserver's configuration. bot: an ordinary user, called in rooms, one\nnumber each. Which"},
		{flag: "user", given: c.User, to: &s.user, read: s.readUser, usual: always("phone"), assumed: true,
			ask: "The bridge's own user, without the server"},
		{flag: "listen", given: c.Listen, to: &s.listen, read: s.readListen, usual: always(usualListen), assumed: true, applies: isService,
			ask: "Where the homeserver reaches Vertigo: address and port to listen at"},
		{flag: "url", given: c.URL, to: &s.url, read: s.readURL, usual: s.usualURL, assumed: true, applies: isService,
			ask: "The same as the homeserver sees it, as in http://vertigo:29328"},
		{flag: "pbx", given: c.PBX, to: &s.pbx, read: readPBX,
			ask: "FreeSWITCH's mod_verto, as in wss://pbx.example.org:8082"},
		{flag: "login", given: c.Login, to: &s.login, read: readLogin,
			ask: "The account there, as in 1008@pbx.example.org"},
		{flag: "country", given: c.Country, to: &s.country, read: readCountry,
			ask: "The country whose numbers are written without one, as in GB"},
		{flag: "emergency", given: c.Emergency, to: &s.emergency, read: oneOfThem("route", "refuse"),
			ask: "Emergency numbers. route: they reach the PBX, which must bring them where\n" +
				"they belong. refuse: the caller is told to use another telephone. Which"},
		{flag: "ring", given: c.Ring, to: &s.ring, read: readRing, none: true,
			ask: "Whom calls from the telephone network ring, as in @anna:example.org. Several\n" +
				"with spaces ring together, after a comma later. Enter alone: nobody"},
	}
}

// answer takes an answer, or says why it is none.
func (q *question) answer(text string) error {
	text = strings.TrimSpace(text)
	if text == "" && q.usual != nil {
		text = q.usual()
	}
	if text == "" {
		if q.none {
			return nil
		}
		return errors.New("this has no default")
	}
	if err := printable("the answer", text); err != nil {
		return err
	}
	read, err := q.read(text)
	if err == nil {
		*q.to = read
	}
	return err
}

// printable says of a text that cannot stand in a file that people read that it
// cannot.
func printable(what, text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return fmt.Errorf("%s has a character in it that cannot be printed", what)
	}
	return nil
}

func (q *question) isAsked() bool { return q.applies == nil || q.applies() }

// takeGiven takes the answers that flags give. The error is all that is wrong and
// all that is missing.
func takeGiven(questions []*question) error {
	var missing []string
	var wrong []error
	for _, q := range questions {
		switch {
		case q.given != nil:
			wrong = append(wrong, q.answerByFlag())
		case !q.isAsked() || q.none:
		case !q.assumed:
			missing = append(missing, "--"+q.flag)
		default:
			wrong = append(wrong, q.atFlag(q.answer("")))
		}
	}
	if len(missing) > 0 {
		wrong = append(wrong, fmt.Errorf("stdin is no terminal to ask at, so these flags are needed: %s", strings.Join(missing, ", ")))
	}
	return errors.Join(wrong...)
}

func (q *question) answerByFlag() error {
	if !q.isAsked() {
		return fmt.Errorf("--%s is for an application service alone", q.flag)
	}
	return q.atFlag(q.answer(*q.given))
}

// atFlag words a fault so that it begins with the flag.
func (q *question) atFlag(err error) error {
	switch {
	case err == nil:
		return nil
	case strings.HasPrefix(err.Error(), q.flag+" "):
		return fmt.Errorf("--%w", err)
	}
	return fmt.Errorf("--%s: %w", q.flag, err)
}

// An asker asks a person.
type asker struct {
	in  *bufio.Reader
	out io.Writer
}

func newAsker(in io.Reader, out io.Writer) *asker { return &asker{bufio.NewReader(in), out} }

// ask puts each question that no flag answers, until the answer is one.
func (a *asker) ask(questions []*question) error {
	said := false
	for _, q := range questions {
		switch {
		case q.given != nil:
			if err := q.answerByFlag(); err != nil {
				return err
			}
			continue
		case !q.isAsked():
			continue
		}
		if !said {
			said = true
			fmt.Fprint(a.out, "Enter takes what stands in brackets. Nothing is written before the last answer.\n")
		}
		if err := a.put(q); err != nil {
			return err
		}
	}
	if said {
		fmt.Fprintln(a.out)
	}
	return nil
}

func (a *asker) put(q *question) error {
	usual := ""
	if q.usual != nil {
		usual = q.usual()
	}
	if usual != "" {
		usual = " [" + usual + "]"
	}
	fmt.Fprintf(a.out, "\n%s%s\n", q.ask, usual)
	for {
		fmt.Fprint(a.out, "> ")
		line, err := a.in.ReadString('\n')
		if err != nil && (!errors.Is(err, io.EOF) || line == "") {
			fmt.Fprintln(a.out)
			return errors.New("the answers ended before the last question: nothing is written")
		}
		if err := q.answer(line); err != nil {
			fmt.Fprintf(a.out, "  %v\n", err)
			continue
		}
		return nil
	}
}

// about gives the fault of a setting among those that a transport finds. Each
// begins with the key.
func about(err error, keys ...string) error {
	if err == nil {
		return nil
	}
	all := each(err)
	if all == nil {
		all = []error{err}
	}
	for _, err := range all {
		if nested := each(err); nested != nil {
			if err := about(err, keys...); err != nil {
				return err
			}
			continue
		}
		key, _, _ := strings.Cut(err.Error(), " ")
		if slices.Contains(keys, key) {
			return err
		}
	}
	return nil
}

func (s *setup) readHomeserver(text string) (string, error) {
	return strings.TrimRight(text, "/"), about(matrix.Config{Homeserver: text}.Check(), "homeserver")
}

// likelyServer guesses the server name from the homeserver's address.
func (s *setup) likelyServer() string {
	u, err := url.Parse(s.homeserver)
	if err != nil || net.ParseIP(u.Hostname()) != nil || !strings.Contains(u.Hostname(), ".") {
		return ""
	}
	return strings.TrimPrefix(u.Hostname(), "matrix.")
}

// serverName is the grammar of server names (Matrix specification, appendices).
var serverName = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(:[0-9]{1,5})?$`)

func readServer(text string) (string, error) {
	if !serverName.MatchString(text) {
		return "", fmt.Errorf("%q is no server name: it is what stands behind the colon of @anna:example.org", text)
	}
	return text, nil
}

func oneOfThem(known ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if lower := strings.ToLower(text); slices.Contains(known, lower) {
			return lower, nil
		}
		err := fmt.Errorf("it is %s, not %q", strings.Join(known, " or "), text)
		if near := rules.Nearest(text, known); near != "" {
			err = fmt.Errorf("%w: did you mean %s?", err, near)
		}
		return "", err
	}
}

// readUser takes the whole id too.
func (s *setup) readUser(text string) (string, error) {
	server := orDefault(s.server, "example.org") // whose fault was told before
	if local, ok := strings.CutSuffix(text, ":"+server); ok {
		text = strings.TrimPrefix(local, "@")
	}
	if strings.ContainsAny(text, "@: ") {
		return "", fmt.Errorf("%q is no name of a user of %s: it should read phone", text, server)
	}
	id := "@" + text + ":" + server
	return text, about(matrix.Config{Mode: s.mode, User: id, Listen: "127.0.0.1:1"}.Check(), "user", "ghosts")
}

const usualListen = "127.0.0.1:29328"

func (s *setup) readListen(text string) (string, error) {
	return text, about(matrix.Config{Mode: matrix.ModeAppService, Listen: text}.Check(), "listen")
}

// usualURL is "" where what Vertigo listens at names no single host.
func (s *setup) usualURL() string {
	if about(matrix.Config{Mode: matrix.ModeAppService, Listen: s.listen}.Check(), "url") != nil {
		return ""
	}
	return "http://" + orDefault(s.listen, usualListen)
}

func (s *setup) readURL(text string) (string, error) {
	return strings.TrimRight(text, "/"), about(matrix.Config{Mode: matrix.ModeAppService, Listen: s.listen, URL: text}.Check(), "url")
}

func readPBX(text string) (string, error) {
	_, err := verto.New("pbx", verto.Config{URL: text, Login: "user", Password: "password"}, verto.Options{})
	return text, err
}

func readLogin(text string) (string, error) {
	if strings.ContainsFunc(text, unicode.IsSpace) {
		return "", fmt.Errorf("%q is no account: it should read 1008@pbx.example.org", text)
	}
	return text, nil
}

func readCountry(text string) (string, error) {
	country := strings.ToUpper(text)
	if len(country) != 2 || phonenumbers.GetCountryCodeForRegion(country) == 0 {
		return "", fmt.Errorf("%q is no country: it is two letters, such as GB for the United Kingdom", text)
	}
	return country, nil
}

var ringUser = regexp.MustCompile(`^@[^:\s]+:[^\s/:]+(:[0-9]+)?$`)

func readRing(text string) (string, error) {
	var rounds []string
	for round := range strings.SplitSeq(text, ",") {
		users := strings.Fields(round)
		if len(users) == 0 {
			return "", errors.New("nobody stands beside a comma")
		}
		for _, user := range users {
			if !ringUser.MatchString(user) {
				return "", fmt.Errorf("%q is not a full Matrix id: it should read @name:server", user)
			}
		}
		rounds = append(rounds, strings.Join(users, " "))
	}
	return strings.Join(rounds, ", "), nil
}
