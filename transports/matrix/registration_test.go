package matrix

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func newRegistration(t *testing.T, cfg Config) Registration {
	t.Helper()
	r, err := NewRegistration(cfg, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// written is the path of a file with text.
func written(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "registration.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func marshalled(t *testing.T, r Registration) []byte {
	t.Helper()
	text, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestARegistrationNamesWhatTheBridgeNeeds(t *testing.T) {
	cfg := Config{Mode: ModeAppService, Homeserver: "https://matrix.example.org", User: "@phone:example.org", Registration: "registration.yaml"}
	r, err := NewRegistration(cfg, strings.NewReader(strings.Repeat("a", 32)+strings.Repeat("\xff", 32)))
	if err != nil {
		t.Fatal(err)
	}
	got := string(marshalled(t, r))
	_, keys, _ := strings.Cut(got, "\n\n")
	want := `id: vertigo
url: http://127.0.0.1:29328
as_token: YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE
hs_token: __________________________________________8
sender_localpart: phone
rate_limited: false
namespaces:
  users:
    - exclusive: true
      regex: ^@tel_.+:example\.org$
    - exclusive: true
      regex: ^@phone:example\.org$
  aliases:
    - exclusive: true
      regex: ^#tel_.+:example\.org$
  rooms: []
protocols:
  - m.protocol.pstn
`
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, where := range []string{"app_service_config_files:", "app_service_api:", "config_files:"} {
		if !strings.Contains(got, where) {
			t.Errorf("the head does not tell of %s", where)
		}
	}
}

func TestNoTwoRegistrationsShareAToken(t *testing.T) {
	a, b := newRegistration(t, appServiceConfig), newRegistration(t, appServiceConfig)
	seen := map[string]bool{a.ASToken: true, a.HSToken: true, b.ASToken: true, b.HSToken: true}
	if len(seen) != 4 {
		t.Errorf("%d tokens of 4", len(seen))
	}
}

func TestARegistrationNeedsASoundConfigurationAndEntropy(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*Config)
		want string
	}{
		{"a bot", func(c *Config) { *c = Config{Homeserver: "https://hs.test", User: botID, Token: "t"} }, `mode is "bot": only an application service is registered`},
		{"a fault", func(c *Config) { c.Ghosts = "Tel" }, `ghosts "Tel" cannot begin`},
	} {
		cfg := appServiceConfig
		tt.set(&cfg)
		if _, err := NewRegistration(cfg, rand.Reader); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	broken := errors.New("no entropy")
	if _, err := NewRegistration(appServiceConfig, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestANewRegistrationFitsItsConfiguration(t *testing.T) {
	for _, cfg := range []Config{
		appServiceConfig,
		{Mode: ModeAppService, Homeserver: "http://127.0.0.1:8008", User: "@vertigo:127.0.0.1:8008", Registration: "r.yaml", Listen: ":1", URL: "https://bridge.example.org/x/"},
		{Mode: ModeAppService, Homeserver: "http://[::1]:8008", User: "@_b:[::1]:8008", Registration: "r.yaml", Listen: "[::1]:1", Ghosts: "a"},
		{Mode: ModeAppService, Homeserver: "http://localhost", User: "@a:localhost", Registration: "r.yaml", Ghosts: "z.="},
	} {
		made := newRegistration(t, cfg)
		read, err := ReadRegistration(written(t, marshalled(t, made)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(made, read, cmpopts.IgnoreUnexported(Registration{})); diff != "" {
			t.Errorf("-made +read\n%s", diff)
		}
		for _, err := range read.Check(cfg) {
			t.Error(err)
		}
	}
}

// A namespace that is too wide takes names from others; one that is too narrow
// leaves ghosts to whoever comes first.
func TestNamespacesAreExact(t *testing.T) {
	r := newRegistration(t, Config{Mode: ModeAppService, Homeserver: "https://hs.test", User: "@phone:example.org", Registration: "r.yaml", Ghosts: "pstn.1_"})
	users, aliases := regexp.MustCompile(r.Namespaces.Users[0].Regex), regexp.MustCompile(r.Namespaces.Aliases[0].Regex)
	for id, want := range map[string]bool{
		"@pstn.1_442071234567:example.org": true, "@pstn.1_=2a100=23:example.org": true, "@pstn.1_9:example.org": true,
		"@pstn.1_:example.org": false, "@pstn.1_9:exampleXorg": false, "@pstnX1_9:example.org": false, "@pstn.1_9:example.org.evil": false,
		"@pstn.1_9:evil": false, "@anna:example.org": false, "@x@pstn.1_9:example.org": false, "@phone:example.org": false,
	} {
		if got := users.MatchString(id); got != want {
			t.Errorf("%s: %v", id, got)
		}
		if alias := "#" + id[1:]; aliases.MatchString(alias) != want {
			t.Errorf("%s: %v", alias, !want)
		}
	}
	if own := regexp.MustCompile(r.Namespaces.Users[1].Regex); !own.MatchString("@phone:example.org") || own.MatchString("@phone2:example.org") {
		t.Errorf("the bridge's own user: %s", own)
	}
}

func TestARegistrationThatDoesNotFitIsToldInSentences(t *testing.T) {
	users := func(exclusive bool, regex ...string) func(*Registration) {
		return func(r *Registration) {
			r.Namespaces.Users = nil
			for _, expr := range regex {
				r.Namespaces.Users = append(r.Namespaces.Users, Namespace{Exclusive: exclusive, Regex: expr})
			}
		}
	}
	const right = `^@tel_.+:hs\.test$`
	for _, tt := range []struct {
		name string
		set  func(*Registration)
		want []string // none: no fault
	}{
		{"as written", func(*Registration) {}, nil},
		{"no id", func(r *Registration) { r.ID = "" }, []string{"id is missing: give it a name"}},
		{"another id", func(r *Registration) { r.ID = "phone" }, nil},
		{"no url", func(r *Registration) { r.URL = "" }, []string{"url is missing: without it the homeserver sends nothing; it should read http://127.0.0.1:29328"}},
		{"another url", func(r *Registration) { r.URL = "http://u:secret@bridge" }, []string{"url is http://u:xxxxx@bridge, but the configuration says that the bridge is at http://127.0.0.1:29328"}},
		{"no url at all", func(r *Registration) { r.URL = "http://secret\x7f" }, []string{"url is no URL, but"}},
		{"a url with a slash", func(r *Registration) { r.URL += "/" }, nil},
		{"no tokens", func(r *Registration) { r.ASToken, r.HSToken = "", "" }, []string{"as_token is missing: draw one", "hs_token is missing: draw one"}},
		{"a short token", func(r *Registration) { r.HSToken = "secret" }, []string{"hs_token has 6 characters, so that it could be guessed: draw one"}},
		{"a token of other characters", func(r *Registration) { r.ASToken = strings.Repeat("secret ", 9) }, []string{"as_token holds characters that cannot be sent"}},
		{"equal tokens", func(r *Registration) { r.HSToken = r.ASToken }, []string{"hs_token is the same as as_token"}},
		{"no sender", func(r *Registration) { r.SenderLocalpart = "" }, []string{"sender_localpart is missing: it should read phone"}},
		{"another sender", func(r *Registration) { r.SenderLocalpart = "bot" }, []string{"sender_localpart is bot, but user in the configuration is @phone:hs.test: it should read phone"}},
		{"rate-limited", func(r *Registration) { r.RateLimited = true }, []string{"rate_limited must be false"}},
		{"no protocol", func(r *Registration) { r.Protocols = nil }, []string{"protocols must list m.protocol.pstn"}},
		{"another protocol too", func(r *Registration) { r.Protocols = append(r.Protocols, "x") }, nil},

		{"no users", users(true), []string{`namespaces.users does not cover the ghost @tel_442071234567:hs.test: it needs an exclusive one with the regex ^@tel_.+:hs\.test$`}},
		{"ghosts of digits alone", users(true, `^@tel_[0-9]+:hs\.test$`), []string{"does not cover the ghost @tel_=2a100=23:hs.test"}},
		{"ghosts of another server", users(true, `^@tel_.+:other\.test$`), []string{"does not cover the ghost @tel_442071234567:hs.test"}},
		{"not exclusive", users(false, right), []string{"namespaces.users leaves the ghost @tel_442071234567:hs.test to others too: say exclusive: true"}},
		{"without the bridge's own user", users(true, right), nil},
		{"all users", users(true, `^@.*:hs\.test$`), []string{`namespaces.users: ^@.*:hs\.test$ takes @anna:hs.test too, which is not the bridge's: for the ghosts it should read ^@tel_.+:hs\.test$`}},
		{"no ^", users(true, `@tel_.+:hs\.test$`), []string{"takes @anna@tel_1:hs.test too"}},
		{"no $", users(true, `^@tel_.+:hs\.test`), []string{"takes @tel_1:hs.test.invalid too"}},
		{"no server", users(true, `^@tel_.+$`), []string{"takes @tel_1:hs.test.invalid too"}},
		{"no \\", users(true, `^@tel_.+:hs.test$`), []string{"takes @tel_1:hsxtest too"}},
		{"not a regular expression", users(true, right, "^@tel_("), []string{`namespaces.users: "^@tel_(" is no regular expression`}},
		{"an empty regular expression", users(true, right, ""), []string{`namespaces.users: "" is no regular expression`}},
		{"no aliases", func(r *Registration) { r.Namespaces.Aliases = nil }, nil},
		{"all aliases", func(r *Registration) { r.Namespaces.Aliases[0].Regex = "^#.*$" }, []string{"namespaces.aliases: ^#.*$ takes #anna:hs.test too"}},
		{"rooms", func(r *Registration) { r.Namespaces.Rooms = []Namespace{{Regex: ".*"}} }, []string{"namespaces.rooms must be empty"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRegistration(t, appServiceConfig)
			tt.set(&r)
			got := r.Check(appServiceConfig)
			if len(got) != len(tt.want) {
				t.Fatalf("got %q", got)
			}
			for i, err := range got {
				if !strings.Contains(err.Error(), tt.want[i]) {
					t.Errorf("%q does not say %q", err, tt.want[i])
				}
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("%q tells a secret", err)
				}
			}
		})
	}
}

func TestAFaultNamesItsLine(t *testing.T) {
	text := marshalled(t, newRegistration(t, appServiceConfig))
	text = bytes.Replace(text, []byte("rate_limited: false"), []byte("rate_limited: true"), 1)
	path := written(t, text)
	r, err := ReadRegistration(path)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Check(appServiceConfig)
	before, _, _ := bytes.Cut(text, []byte("rate_limited"))
	want := []error{RegistrationFault{
		File: path, Line: bytes.Count(before, []byte("\n")) + 1,
		Msg: "rate_limited must be false: otherwise the homeserver holds calls back",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestABrokenRegistrationIsToldWithLines(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"no YAML", "id: vertigo\nurl: [\n", []string{", line 2: not YAML: "}},
		{"a tab", "id: vertigo\nnamespaces:\n\tusers: []\n", []string{", line 3: not YAML: "}},
		{"a token with a meaning in YAML", "as_token: *secret\n", []string{": not YAML: unknown anchor … referenced"}},
		{"empty", "# nothing\n", []string{": the file is empty"}},
		{"a list", "\n- id: vertigo\n", []string{", line 2: the file is no registration"}},
		{"wrong types", "id: [x]\nrate_limited: secret\nas_token: {secret: 1}\nprotocols: secret\n", []string{
			", line 1: id must be text", ", line 2: rate_limited must be true or false", ", line 3: as_token must be text", ", line 4: protocols must be a list of names",
		}},
		{"a key twice", "id: a\nurl: b\nid: secret\n", []string{", line 3: id stands in line 1 already"}},
		{"namespaces as a list", "namespaces:\n  - secret\n", []string{", line 2: namespaces must hold users, aliases and rooms"}},
		{"a namespace as text", "namespaces:\n  users:\n    - secret\n", []string{", line 3: namespaces.users must be a list of {exclusive, regex}"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := written(t, []byte(tt.text))
			_, err := ReadRegistration(path)
			if err == nil {
				t.Fatal("accepted")
			}
			got := strings.Split(err.Error(), "\n")
			if len(got) != len(tt.want) {
				t.Fatalf("got %q", got)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(got[i], "registration "+path+want) {
					t.Errorf("%q does not say %q", got[i], want)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q tells a secret", err)
			}
		})
	}
}

func TestWhatARegistrationLeavesOutIsNotMadeUp(t *testing.T) {
	r, err := ReadRegistration(written(t, []byte("id: vertigo\nurl: null\nnamespaces:\nreceive_ephemeral: true\nas_token: 0123\n")))
	want := Registration{ID: "vertigo", ASToken: "0123", RateLimited: true}
	if diff := cmp.Diff(want, r, cmpopts.IgnoreUnexported(Registration{})); err != nil || diff != "" {
		t.Errorf("%v\n-want +got\n%s", err, diff)
	}
}

func TestARegistrationThatEverybodyCanReadIsKnown(t *testing.T) {
	path := written(t, []byte("id: vertigo\n"))
	for mode, want := range map[fs.FileMode]bool{0o600: false, 0o640: false, 0o644: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if r, err := ReadRegistration(path); err != nil || r.Exposed != want {
			t.Errorf("%o: %v, %v", mode, r.Exposed, err)
		}
	}
}

func TestTheRegistrationOfAConfigurationMustFitIt(t *testing.T) {
	cfg := appServiceConfig
	cfg.Registration = filepath.Join(t.TempDir(), "none.yaml")
	if _, err := cfg.registration(); err == nil || !strings.HasSuffix(err.Error(), `none.yaml is missing: run "vertigo registration", which writes it`) {
		t.Errorf("a missing one: %v", err)
	}
	made := newRegistration(t, cfg)
	cfg.Registration = written(t, marshalled(t, made))
	if r, err := cfg.registration(); err != nil || r.ASToken != made.ASToken {
		t.Errorf("a good one: %v, %v", r, err)
	}
	cfg.User = "@other:hs.test"
	if _, err := cfg.registration(); err == nil || !strings.Contains(err.Error(), "sender_localpart is phone") {
		t.Errorf("one that does not fit: %v", err)
	}
	cfg.Registration = t.TempDir()
	if _, err := cfg.registration(); err == nil || !strings.HasPrefix(err.Error(), "registration: ") {
		t.Errorf("a directory: %v", err)
	}
}

func TestARegistrationKeepsItsTokensFromLogs(t *testing.T) {
	var out logLines
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("registered", "registration", Registration{ID: "vertigo", ASToken: "secret-as", HSToken: "secret-hs"})
	if len(out.with("secret")) != 0 || len(out.with("registration.id=vertigo")) != 1 {
		t.Errorf("logged %q", out.with(""))
	}
}

// Whatever a file holds, it is read or refused, and what is read can be checked
// and written as it was.
func FuzzReadRegistration(f *testing.F) {
	f.Add("id: vertigo\nnamespaces: {users: [{exclusive: true, regex: ^@a$}]}\nprotocols: [x]\n")
	f.Add("namespaces: &a\n  users: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := Registration{lines: map[string]int{}}
		if len(r.unmarshal([]byte(text))) > 0 {
			return
		}
		r.Check(appServiceConfig)
		first, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again := Registration{lines: map[string]int{}}
		if err := errors.Join(again.unmarshal(first)...); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again, cmpopts.IgnoreUnexported(Registration{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("-read +again\n%s", diff)
		}
	})
}
