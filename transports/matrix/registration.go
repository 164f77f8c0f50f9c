package matrix

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// pstnProtocol is the third-party protocol under which clients with a dial pad
// look up what was typed there.
const pstnProtocol = "m.protocol.pstn"

// A Registration is what a homeserver knows of an application service: a YAML
// file that both read. Its form is that of the specification's "Application
// Service API", section "Registration"; keys that Vertigo has no use for are
// left to the homeserver.
type Registration struct {
	ID              string     `yaml:"id"`
	URL             string     `yaml:"url"`              // where the homeserver reaches the bridge
	ASToken         string     `yaml:"as_token"`         // what the bridge shows the homeserver
	HSToken         string     `yaml:"hs_token"`         // what the homeserver shows the bridge
	SenderLocalpart string     `yaml:"sender_localpart"` // of the bridge's own user
	RateLimited     bool       `yaml:"rate_limited"`     // true where the file does not say
	Namespaces      Namespaces `yaml:"namespaces"`
	Protocols       []string   `yaml:"protocols"` // third-party protocols

	// Exposed says that everybody on the machine can read the file.
	Exposed bool `yaml:"-"`

	file  string
	lines map[string]int // of the keys in the file
}

// LogValue keeps the tokens out of logs.
func (r Registration) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", r.ID), slog.String("url", r.URL), slog.String("sender_localpart", r.SenderLocalpart))
}

// NewRegistration gives the registration that cfg needs, with tokens of 256 bits
// each from random. The error is all that is wrong with cfg.
func NewRegistration(cfg Config, random io.Reader) (Registration, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return Registration{}, err
	}
	if cfg.Mode != ModeAppService {
		return Registration{}, fmt.Errorf("mode is %q: only an application service is registered", cfg.Mode)
	}
	var tokens [2]string
	for i := range tokens {
		var bits [32]byte
		if _, err := io.ReadFull(random, bits[:]); err != nil {
			return Registration{}, fmt.Errorf("drawing a token: %w", err)
		}
		tokens[i] = base64.RawURLEncoding.EncodeToString(bits[:])
	}
	return Registration{
		ID:              "vertigo",
		URL:             cfg.URL,
		ASToken:         tokens[0],
		HSToken:         tokens[1],
		SenderLocalpart: cfg.localpart(),
		Namespaces: Namespaces{
			Users:   []Namespace{{Exclusive: true, Regex: cfg.ghostRegex("@")}, {Exclusive: true, Regex: "^" + regexp.QuoteMeta(cfg.User) + "$"}},
			Aliases: []Namespace{{Exclusive: true, Regex: cfg.ghostRegex("#")}},
			Rooms:   []Namespace{},
		},
		Protocols: []string{pstnProtocol},
	}, nil
}

// Marshal writes the file, with a head that says what it is and who wants it.
func (r Registration) Marshal() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`# Vertigo as an application service. Vertigo and the homeserver both read this
# file, each when it starts, and each needs it as the other has it.
#
# It holds two secrets: who knows as_token acts as every phone number, and who
# knows hs_token can place calls. Let nobody else read it.
#
# Synapse wants its path in homeserver.yaml:
#
#     app_service_config_files:
#       - /PATH/TO/THIS/FILE
#
# and Dendrite in dendrite.yaml:
#
#     app_service_api:
#       config_files:
#         - /PATH/TO/THIS/FILE
#
# "vertigo registration --check" compares it with Vertigo's configuration.

`)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(r), enc.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// A RegistrationFault is something wrong with a registration, worded for whoever
// looks after the bridge. It shows no token.
type RegistrationFault struct {
	File string // "": a registration that was not read from a file
	Line int    // from 1; 0: the file as a whole
	Msg  string
}

func (f RegistrationFault) Error() string {
	switch {
	case f.File == "":
		return "registration: " + f.Msg
	case f.Line == 0:
		return fmt.Sprintf("registration %s: %s", f.File, f.Msg)
	}
	return fmt.Sprintf("registration %s, line %d: %s", f.File, f.Line, f.Msg)
}

// registration reads the file that cfg names. The error is all that keeps it from
// being used with cfg.
func (cfg Config) registration() (Registration, error) {
	r, err := ReadRegistration(cfg.Registration)
	if errors.Is(err, fs.ErrNotExist) {
		return Registration{}, fmt.Errorf(`registration %s is missing: run "vertigo registration", which writes it`, cfg.Registration)
	}
	if err != nil {
		return Registration{}, err
	}
	return r, errors.Join(r.Check(cfg)...)
}

// ReadRegistration reads a registration. The error is either that of the file or
// a join of each [RegistrationFault] that keeps it from being read.
func ReadRegistration(path string) (Registration, error) {
	f, err := os.Open(path)
	if err != nil {
		return Registration{}, fmt.Errorf("registration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return Registration{}, fmt.Errorf("registration: %w", err)
	}
	r := Registration{RateLimited: true, file: path, lines: map[string]int{}}
	if info, err := f.Stat(); err == nil {
		r.Exposed = info.Mode().Perm()&0o004 != 0
	}
	if err := errors.Join(r.unmarshal(text)...); err != nil {
		return Registration{}, err
	}
	return r, nil
}

func (r *Registration) fault(line int, format string, args ...any) error {
	return RegistrationFault{File: r.file, Line: line, Msg: fmt.Sprintf(format, args...)}
}

var (
	// yamlLine is where the YAML library says that a text is broken.
	yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

	// quotedText is what it shows of the text, which may be a token.
	quotedText = regexp.MustCompile(`'[^']{2,}'`)
)

func (r *Registration) unmarshal(text []byte) []error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		line := 0
		m := yamlLine.FindStringSubmatch(err.Error())
		if m != nil && m[1] != "" {
			fmt.Sscan(m[1], &line)
		}
		msg := yamlLine.ReplaceAllString(err.Error(), "")
		return []error{r.fault(line, "not YAML: %s", quotedText.ReplaceAllString(msg, "…"))}
	}
	if len(doc.Content) == 0 {
		return []error{r.fault(0, "the file is empty")}
	}
	const list = "a list of {exclusive, regex}"
	var namespaces yaml.Node
	if doc.Content[0].Kind != yaml.MappingNode {
		return []error{r.fault(doc.Content[0].Line, "the file is no registration: it should hold lines that read KEY: VALUE")}
	}
	problems := r.fields("", doc.Content[0], map[string]field{
		"id":               {&r.ID, "text"},
		"url":              {&r.URL, "text"},
		"as_token":         {&r.ASToken, "text"},
		"hs_token":         {&r.HSToken, "text"},
		"sender_localpart": {&r.SenderLocalpart, "text"},
		"rate_limited":     {&r.RateLimited, "true or false"},
		"namespaces":       {&namespaces, "users, aliases and rooms"},
		"protocols":        {&r.Protocols, "a list of names"},
	})
	switch {
	case namespaces.Kind == 0 || namespaces.Tag == "!!null":
		return problems
	case namespaces.Kind != yaml.MappingNode:
		return append(problems, r.fault(namespaces.Line, "namespaces must hold users, aliases and rooms"))
	}
	return append(problems, r.fields("namespaces.", &namespaces, map[string]field{
		"users":   {&r.Namespaces.Users, list},
		"aliases": {&r.Namespaces.Aliases, list},
		"rooms":   {&r.Namespaces.Rooms, list},
	})...)
}

// A field is where a key's value goes, and what it must be.
type field struct {
	dst  any
	want string
}

// fields fills fields from a mapping, and notes where its keys stand.
func (r *Registration) fields(prefix string, from *yaml.Node, fields map[string]field) []error {
	var problems []error
	for pair := range slices.Chunk(from.Content, 2) {
		key, value := prefix+pair[0].Value, pair[1]
		if first, twice := r.lines[key]; twice {
			problems = append(problems, r.fault(pair[0].Line, "%s stands in line %d already", key, first))
			continue
		}
		r.lines[key] = pair[0].Line
		if f, known := fields[pair[0].Value]; known && value.Decode(f.dst) != nil {
			problems = append(problems, r.fault(value.Line, "%s must be %s", key, f.want))
		}
	}
	return problems
}

// Check gives all that keeps the bridge that cfg describes, or its homeserver,
// from working with r: a [RegistrationFault] each.
func (r Registration) Check(cfg Config) []error {
	cfg = cfg.withAppServiceDefaults()
	var problems []error
	report := func(key, format string, args ...any) {
		problems = append(problems, r.fault(r.lines[key], format, args...))
	}
	if r.ID == "" {
		report("id", "id is missing: give it a name that no other application service of the homeserver has")
	}
	switch base := strings.TrimRight(cfg.URL, "/"); {
	case r.URL == "":
		report("url", "url is missing: without it the homeserver sends nothing; it should read %s", base)
	case strings.TrimRight(r.URL, "/") != base:
		report("url", "url is %s, but the configuration says that the bridge is at %s: one of the two must change", redactedURL(r.URL), base)
	}
	problems = append(problems, r.checkTokens()...)
	switch want := cfg.localpart(); {
	case r.SenderLocalpart == "":
		report("sender_localpart", "sender_localpart is missing: it should read %s, as user in the configuration", want)
	case r.SenderLocalpart != want:
		report("sender_localpart", "sender_localpart is %s, but user in the configuration is %s: it should read %s", r.SenderLocalpart, cfg.User, want)
	}
	if r.RateLimited {
		report("rate_limited", "rate_limited must be false: otherwise the homeserver holds calls back")
	}
	if !slices.Contains(r.Protocols, pstnProtocol) {
		report("protocols", "protocols must list %s: without it clients show no dial pad", pstnProtocol)
	}
	return append(problems, r.checkNamespaces(cfg)...)
}

// minToken is how long a token is that nobody guesses: 128 bits in hexadecimal
// digits.
const minToken = 32

func (r Registration) checkTokens() []error {
	var problems []error
	for _, t := range []struct{ key, value string }{{"as_token", r.ASToken}, {"hs_token", r.HSToken}} {
		unusable := func(c rune) bool { return c <= ' ' || c > '~' }
		switch {
		case t.value == "":
			problems = append(problems, r.fault(r.lines[t.key], "%s is missing: %s", t.key, drawToken))
		case strings.ContainsFunc(t.value, unusable):
			problems = append(problems, r.fault(r.lines[t.key], "%s holds characters that cannot be sent: %s", t.key, drawToken))
		case len(t.value) < minToken:
			problems = append(problems, r.fault(r.lines[t.key], "%s has %d characters, so that it could be guessed: %s", t.key, len(t.value), drawToken))
		}
	}
	if r.ASToken != "" && r.ASToken == r.HSToken {
		problems = append(problems, r.fault(r.lines["hs_token"], "hs_token is the same as as_token: %s", drawToken))
	}
	return problems
}

const drawToken = "draw one, for instance with: openssl rand -hex 32"

// redactedURL is a URL as it may be shown.
func redactedURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "no URL"
	}
	return u.Redacted()
}
