package matrix

import (
	"context"
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"vertigo/engine"
)

func TestAConfigurationIsReadFromTOML(t *testing.T) {
	var cfg Config
	meta, err := toml.Decode(`
homeserver = "https://matrix.example.org"
user = "@phone:example.org"
token = "abc"
ca_file = "ca.pem"
send_timeout = "90s"
`, &cfg)
	if err != nil || len(meta.Undecoded()) != 0 {
		t.Fatal(err, meta.Undecoded())
	}
	want := Config{Homeserver: "https://matrix.example.org", User: "@phone:example.org", Token: "abc", CAFile: "ca.pem", SendTimeout: 90 * time.Second}
	if cfg != want {
		t.Errorf("got %+v", cfg)
	}
}

func TestAnApplicationServiceIsConfiguredInTOML(t *testing.T) {
	var cfg Config
	meta, err := toml.Decode(`
mode = "appservice"
homeserver = "https://matrix.example.org/"
user = "@phone:example.org"
registration = "registration.yaml"
listen = "10.0.0.7:9000"
url = "https://bridge.example.org/"
ghosts = "pstn/"
`, &cfg)
	if err != nil || len(meta.Undecoded()) != 0 {
		t.Fatal(err, meta.Undecoded())
	}
	got, err := cfg.checked()
	want := Config{
		Mode: ModeAppService, Homeserver: "https://matrix.example.org", User: "@phone:example.org", Registration: "registration.yaml",
		Listen: "10.0.0.7:9000", URL: "https://bridge.example.org", Ghosts: "pstn/", SendTimeout: time.Minute,
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatIsLeftOutHasADefault(t *testing.T) {
	bot := Config{Homeserver: "https://hs.test", User: botID, Token: "t"}
	got, err := bot.checked()
	want := bot
	want.Mode, want.SendTimeout = ModeBot, time.Minute
	if err != nil || got != want {
		t.Errorf("bot: got %+v, %v", got, err)
	}
	got, err = appServiceConfig.checked()
	want = appServiceConfig
	want.Listen, want.URL, want.Ghosts, want.SendTimeout = "127.0.0.1:29328", "http://127.0.0.1:29328", "tel_", time.Minute
	if err != nil || got != want {
		t.Errorf("application service: got %+v, %v", got, err)
	}
}

func TestOnlyAnApplicationServiceHasGhosts(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, ""},
		{Config{Mode: ModeBot, Ghosts: "pstn_"}, ""},
		{Config{Mode: ModeAppService}, "tel_"},
		{Config{Mode: ModeAppService, Ghosts: "pstn_"}, "pstn_"},
	} {
		if got := tt.cfg.GhostPrefix(); got != tt.want {
			t.Errorf("%+v: %q", tt.cfg, got)
		}
	}
}

// appServiceConfig is the least that an application service is told.
var appServiceConfig = Config{Mode: ModeAppService, Homeserver: "https://hs.test", User: "@phone:hs.test", Registration: "registration.yaml"}

func TestAFaultyApplicationServiceIsToldInWords(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*Config)
		want string // "": no fault
	}{
		{"the least there is", func(*Config) {}, ""},
		{"unknown mode", func(c *Config) { c.Mode = "bridge" }, `mode "bridge" is unknown: it is "bot" or "appservice"`},
		{"token", func(c *Config) { c.Token = "secret" }, "token is not used by an application service: the registration has the token"},
		{"password", func(c *Config) { c.Password = "secret" }, "password is not used by an application service"},
		{"no registration", func(c *Config) { c.Registration = "" }, `registration is missing: name a file, such as "registration.yaml", and let "vertigo registration" write it`},
		{"listen without a port", func(c *Config) { c.Listen = "127.0.0.1" }, `listen "127.0.0.1" is no address: it should read HOST:PORT`},
		{"listen at a name of a port", func(c *Config) { c.Listen = "127.0.0.1:http" }, `listen "127.0.0.1:http": the port must be a number`},
		{"listen at too high a port", func(c *Config) { c.Listen = "127.0.0.1:65536" }, "the port must be a number below 65536"},
		{"listen on all addresses", func(c *Config) { c.Listen = ":29328" }, "url is missing: :29328 names no single host"},
		{"listen on all addresses, by number", func(c *Config) { c.Listen = "[::]:29328" }, "url is missing: [::]:29328 names no single host"},
		{"listen on all addresses, with a URL", func(c *Config) { c.Listen, c.URL = ":29328", "http://bridge:29328" }, ""},
		{"listen on any port", func(c *Config) { c.Listen = "127.0.0.1:0" }, "url is missing"},
		{"listen on a host", func(c *Config) { c.Listen = "bridge:29328" }, ""},
		{"url without a scheme", func(c *Config) { c.URL = "bridge:29328" }, "url bridge:29328: the scheme must be https or http"},
		{"url with a query", func(c *Config) { c.URL = "http://bridge?x=1" }, "url http://bridge?x=1: a base URL has no query"},
		{"url with a path", func(c *Config) { c.URL = "https://example.org/vertigo" }, ""},
		{"ghosts in capitals", func(c *Config) { c.Ghosts = "Tel_" }, `ghosts "Tel_" cannot begin the names of users`},
		{"ghosts with a colon", func(c *Config) { c.Ghosts = "tel:" }, `ghosts "tel:" cannot begin the names of users`},
		{"ghosts of all allowed characters", func(c *Config) { c.Ghosts = "az09._=/-" }, ""},
		{"ghosts that the bridge is one of", func(c *Config) { c.Ghosts = "ph" }, `ghosts "ph" begins the name of the bridge's own user @phone:hs.test too`},
		{"user in capitals", func(c *Config) { c.User = "@Phone:hs.test" }, `user "@Phone:hs.test" cannot be registered: "Phone" may have lower case letters`},
		{"negative time", func(c *Config) { c.SendTimeout = -1 }, "send_timeout is negative"},
		{"no such CA file", func(c *Config) { c.CAFile = "none.pem" }, "ca_file: open none.pem"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := appServiceConfig
			tt.set(&cfg)
			err := cfg.Check()
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v does not say %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("%v tells a secret", err)
			}
		})
	}
}

func TestABotHasNoSettingsOfAnApplicationService(t *testing.T) {
	cfg := Config{
		Homeserver: "https://hs.test", User: botID, Token: "t",
		Registration: "registration.yaml", Listen: "127.0.0.1:1", URL: "http://127.0.0.1:1", Ghosts: "tel_",
	}
	for _, mode := range []string{"", ModeBot} {
		cfg.Mode = mode
		err := cfg.Check()
		if err == nil {
			t.Fatal("accepted")
		}
		for _, key := range []string{"registration", "listen", "url", "ghosts"} {
			if want := key + ` is a setting of an application service: it needs mode = "appservice"`; !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
	}
}

func TestAFaultyConfigurationIsToldInWords(t *testing.T) {
	good := Config{Homeserver: "https://hs.test", User: botID, Token: "secret-token"}
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		set  func(*Config)
		want []string
	}{
		{"nothing", func(c *Config) { *c = Config{} }, []string{"homeserver is missing", `user "" is not a full Matrix id`, "token or password is missing"}},
		{"local user name", func(c *Config) { c.User = "phone" }, []string{`user "phone" is not a full Matrix id: it should read @name:server`}},
		{"both credentials", func(c *Config) { c.Password = "x" }, []string{"token and password are both set"}},
		{"other scheme", func(c *Config) { c.Homeserver = "matrix.example.org:8448" }, []string{"scheme must be https or http"}},
		{"no host", func(c *Config) { c.Homeserver = "https:///x" }, []string{"names no host"}},
		{"credentials in the URL", func(c *Config) { c.Homeserver = "https://u:secret-x@hs.test" }, []string{"holds a user name or password"}},
		{"query", func(c *Config) { c.Homeserver = "https://hs.test/?x=1" }, []string{"no query"}},
		{"no URL", func(c *Config) { c.Homeserver = "https://secret-\x7f" }, []string{"not a URL"}},
		{"negative time", func(c *Config) { c.SendTimeout = -1 }, []string{"send_timeout is negative"}},
		{"no such CA file", func(c *Config) { c.CAFile = "none.pem" }, []string{"ca_file: open none.pem"}},
		{"CA file without a certificate", func(c *Config) { c.CAFile = notPEM }, []string{"holds no certificate in PEM form"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.set(&cfg)
			_, err := New("matrix", cfg, Options{})
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q tells a secret", err)
			}
		})
	}
}

func TestAConfigurationKeepsItsSecretsFromLogs(t *testing.T) {
	var out logLines
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("configured", "cfg", Config{Homeserver: "https://hs.test", User: botID, Token: "secret-token", Password: "secret-password"})
	if got := out.with("secret"); len(got) != 0 {
		t.Errorf("logged %q", got)
	}
}

func TestPlainHTTPBeyondThisMachineIsWarnedOf(t *testing.T) {
	for url, want := range map[string]int{
		"https://hs.test": 0, "http://localhost:8008": 0, "http://127.0.0.1:8008": 0, "http://[::1]": 0,
		"http://hs.test": 1, "http://192.0.2.1": 1,
	} {
		var out logLines
		_, err := New("matrix", Config{Homeserver: url, User: botID, Token: "t"}, Options{Log: slog.New(slog.NewTextHandler(&out, nil))})
		if got := len(out.with("plain http")); err != nil || got != want {
			t.Errorf("%s: %d warnings, %v", url, got, err)
		}
	}
}

// firstFailure runs a client on url until it logs its first failure, or is up.
func firstFailure(t *testing.T, cfg Config) string {
	t.Helper()
	cfg.User, cfg.Token = botID, "secret-token"
	lines := make(lineWriter, 16)
	c, err := New("matrix", cfg, Options{Log: slog.New(slog.NewTextHandler(lines, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx, func([]engine.Message) {}) }()
	line := <-lines
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return line
}

func TestTLSAndNetworkFaultsAreOneClearLine(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/whoami"):
			w.Write([]byte(`{"user_id":"` + botID + `"}`))
		case r.URL.Query().Get("since") == "":
			w.Write([]byte(`{"next_batch":"s1"}`))
		default:
			<-r.Context().Done()
		}
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()

	for _, tt := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"authority not trusted", Config{Homeserver: server.URL}, "signed by an authority that is not trusted; ca_file can name it"},
		{"authority named", Config{Homeserver: server.URL, CAFile: ca}, "connected to the homeserver"},
		{"other name", Config{Homeserver: "https://localhost:" + port, CAFile: ca}, "the certificate is for another name"},
		{"no TLS there", Config{Homeserver: strings.Replace(plain.URL, "http:", "https:", 1)}, "is the URL http:// rather than https://?"},
		{"nobody there", Config{Homeserver: "http://" + closed.Addr().String()}, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if line := firstFailure(t, tt.cfg); !strings.Contains(line, tt.want) || strings.Contains(line, "filter=") {
				t.Errorf("logged %s", line)
			}
		})
	}
}

// lineWriter passes on what is logged, as far as somebody reads it.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	select {
	case w <- string(p):
	default:
	}
	return len(p), nil
}
