package matrix

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The modes of a transport.
const (
	ModeBot        = "bot"        // one user, that follows /sync
	ModeAppService = "appservice" // an application service, with a user for each phone number: the ghosts
)

// A Config is what a [transport.NAME] table of kind "matrix" says. A value left
// out, or 0, has the default that is named beside it.
type Config struct {
	Mode       string `toml:"mode"`       // one of the two; ModeBot
	Homeserver string `toml:"homeserver"` // base URL: https://matrix.example.org
	User       string `toml:"user"`       // the bridge's own user, a full Matrix id: @phone:example.org

	// One of the two in bot mode. With a password the transport logs in at each
	// start, as the same device; with a token it never does.
	Token    string `toml:"token"`
	Password string `toml:"password"`

	// In application-service mode alone. The registration has the tokens.
	Registration string `toml:"registration"` // path of the file
	Listen       string `toml:"listen"`       // where the homeserver reaches the bridge; 127.0.0.1:29328
	URL          string `toml:"url"`          // the same as the homeserver sees it; http://LISTEN
	Ghosts       string `toml:"ghosts"`       // what each ghost's localpart begins with; tel_

	CAFile      string        `toml:"ca_file"`      // PEM; trusted beside the system's CAs
	SendTimeout time.Duration `toml:"send_timeout"` // how long an event may wait to be sent; 60s
}

const (
	defaultListen = "127.0.0.1:29328"
	defaultGhosts = "tel_"
)

// LogValue keeps the credentials out of logs.
func (cfg Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("mode", cfg.Mode), slog.String("homeserver", cfg.Homeserver), slog.String("user", cfg.User))
}

// Check gives all that is wrong with cfg, without a look at the registration;
// each fault begins with the key that it is about.
func (cfg Config) Check() error {
	_, err := cfg.checked()
	_, caErr := newHTTPClient(cfg.CAFile)
	return errors.Join(err, caErr)
}

// GhostPrefix is what the localpart of each ghost begins with; "" in bot mode,
// which has none.
func (cfg Config) GhostPrefix() string {
	switch {
	case cfg.Mode != ModeAppService:
		return ""
	case cfg.Ghosts == "":
		return defaultGhosts
	}
	return cfg.Ghosts
}

var (
	userID = regexp.MustCompile(`^@[^:\s]+:[^\s/]+$`)

	// What a homeserver lets an application service register: the grammar of
	// user ids, without the characters that only historical ones have.
	newUserID   = regexp.MustCompile(`^@[a-z0-9._=/+-]+:[^\s/]+$`)
	ghostPrefix = regexp.MustCompile(`^[a-z0-9._=/-]+$`)
)

// checked gives cfg with its defaults, or all that is wrong with it.
func (cfg Config) checked() (Config, error) {
	problems := []error{checkURL("homeserver", cfg.Homeserver)}
	if !userID.MatchString(cfg.User) {
		problems = append(problems, fmt.Errorf("user %q is not a full Matrix id: it should read @name:server", cfg.User))
	}
	switch cfg.Mode {
	case "", ModeBot:
		cfg.Mode = ModeBot
		problems = append(problems, cfg.checkBot()...)
	case ModeAppService:
		cfg = cfg.withAppServiceDefaults()
		problems = append(problems, cfg.checkAppService()...)
	default:
		problems = append(problems, fmt.Errorf("mode %q is unknown: it is %q or %q", cfg.Mode, ModeBot, ModeAppService))
	}
	if cfg.SendTimeout < 0 {
		problems = append(problems, errors.New("send_timeout is negative"))
	}
	if cfg.SendTimeout == 0 {
		cfg.SendTimeout = time.Minute
	}
	cfg.Homeserver = strings.TrimRight(cfg.Homeserver, "/")
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	return cfg, errors.Join(problems...)
}

func (cfg Config) checkBot() []error {
	var problems []error
	switch {
	case cfg.Token == "" && cfg.Password == "":
		problems = append(problems, errors.New("token or password is missing: one of them is needed"))
	case cfg.Token != "" && cfg.Password != "":
		problems = append(problems, errors.New("token and password are both set: only one of them can be used"))
	}
	for _, setting := range []struct{ key, value string }{
		{"registration", cfg.Registration}, {"listen", cfg.Listen}, {"url", cfg.URL}, {"ghosts", cfg.Ghosts},
	} {
		if setting.value != "" {
			problems = append(problems, fmt.Errorf("%s is a setting of an application service: it needs mode = %q", setting.key, ModeAppService))
		}
	}
	return problems
}

func (cfg Config) withAppServiceDefaults() Config {
	if cfg.Listen == "" {
		cfg.Listen = defaultListen
	}
	if cfg.URL == "" && namesHost(cfg.Listen) {
		cfg.URL = "http://" + cfg.Listen
	}
	cfg.Ghosts = cfg.GhostPrefix()
	return cfg
}

func (cfg Config) checkAppService() []error {
	var problems []error
	for _, setting := range []struct{ key, value string }{{"token", cfg.Token}, {"password", cfg.Password}} {
		if setting.value != "" {
			problems = append(problems, fmt.Errorf("%s is not used by an application service: the registration has the token", setting.key))
		}
	}
	if cfg.Registration == "" {
		problems = append(problems, errors.New(`registration is missing: name a file, such as "registration.yaml", and let "vertigo registration" write it`))
	}
	switch err := checkListen(cfg.Listen); {
	case err != nil:
		problems = append(problems, err)
	case cfg.URL == "":
		problems = append(problems, fmt.Errorf("url is missing: %s names no single host, so say how the homeserver reaches it: http://HOST:PORT", cfg.Listen))
	default:
		problems = append(problems, checkURL("url", cfg.URL))
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(cfg.User, "@"), ":")
	switch {
	case userID.MatchString(cfg.User) && !newUserID.MatchString(cfg.User):
		problems = append(problems, fmt.Errorf("user %q cannot be registered: %q may have lower case letters, digits and . _ = - / + alone", cfg.User, name))
	case !ghostPrefix.MatchString(cfg.Ghosts):
		problems = append(problems, fmt.Errorf("ghosts %q cannot begin the names of users: it may have lower case letters, digits and . _ = - / alone", cfg.Ghosts))
	case strings.HasPrefix(name, cfg.Ghosts):
		problems = append(problems, fmt.Errorf("ghosts %q begins the name of the bridge's own user %s too: give one of them another name", cfg.Ghosts, cfg.User))
	}
	return problems
}

// checkListen wants HOST:PORT, or :PORT for all addresses. Port 0 is any port.
func checkListen(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("listen %q is no address: it should read HOST:PORT, such as %s", text, defaultListen)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("listen %q: the port must be a number below 65536", text)
	}
	return nil
}

// namesHost tells whether others can reach what listens there by that address.
func namesHost(listen string) bool {
	host, port, err := net.SplitHostPort(listen)
	ip := net.ParseIP(host)
	return err == nil && host != "" && port != "0" && (ip == nil || !ip.IsUnspecified())
}

// checkURL wants the base URL of a server under key.
func checkURL(key, text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return fmt.Errorf("%s is missing: it should read https://HOST", key)
	case err != nil:
		return fmt.Errorf("%s is not a URL: it should read https://HOST", key)
	case u.User != nil:
		return fmt.Errorf("%s holds a user name or password: they do not belong there", key)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%s %s: the scheme must be https or http, not %q", key, text, u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("%s %s names no host", key, text)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s %s: a base URL has no query and no fragment", key, text)
	}
	return nil
}

// sendsInClear tells whether credentials leave this machine without TLS.
func (cfg Config) sendsInClear() bool {
	u, err := url.Parse(cfg.Homeserver)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}

// newHTTPClient trusts the system's CAs and those in caFile. It allows for one
// connection a room that is being sent to, up to a bound.
func newHTTPClient(caFile string) (*http.Client, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("the system's CAs: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file %s holds no certificate in PEM form", caFile)
		}
		tlsConfig.RootCAs = pool
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxConnsPerHost:     64,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
	}}, nil
}
