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
	"strings"
	"time"
)

// A Config is what a [transport.NAME] table of kind "matrix" says. A value left
// out, or 0, has the default that is named beside it.
type Config struct {
	Homeserver string `toml:"homeserver"` // base URL: https://matrix.example.org
	User       string `toml:"user"`       // full Matrix id: @phone:example.org

	// One of the two. With a password the transport logs in at each start, as
	// the same device; with a token it never does.
	Token    string `toml:"token"`
	Password string `toml:"password"`

	CAFile      string        `toml:"ca_file"`      // PEM; trusted beside the system's CAs
	SendTimeout time.Duration `toml:"send_timeout"` // how long an event may wait to be sent; 60s
}

// LogValue keeps the credentials out of logs.
func (cfg Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("homeserver", cfg.Homeserver), slog.String("user", cfg.User))
}

var userID = regexp.MustCompile(`^@[^:\s]+:[^\s/]+$`)

// checked gives cfg with its defaults, or all that is wrong with it.
func (cfg Config) checked() (Config, error) {
	problems := []error{checkHomeserver(cfg.Homeserver)}
	if !userID.MatchString(cfg.User) {
		problems = append(problems, fmt.Errorf("user %q is not a full Matrix id: it should read @name:server", cfg.User))
	}
	switch {
	case cfg.Token == "" && cfg.Password == "":
		problems = append(problems, errors.New("token or password is missing: one of them is needed"))
	case cfg.Token != "" && cfg.Password != "":
		problems = append(problems, errors.New("token and password are both set: only one of them can be used"))
	}
	if cfg.SendTimeout < 0 {
		problems = append(problems, errors.New("send_timeout is negative"))
	}
	if cfg.SendTimeout == 0 {
		cfg.SendTimeout = time.Minute
	}
	cfg.Homeserver = strings.TrimRight(cfg.Homeserver, "/")
	return cfg, errors.Join(problems...)
}

func checkHomeserver(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return errors.New("homeserver is missing: it should read https://HOST")
	case err != nil:
		return errors.New("homeserver is not a URL: it should read https://HOST")
	case u.User != nil:
		return errors.New("homeserver holds a user name or password: they belong in user and password")
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("homeserver %s: the scheme must be https or http, not %q", text, u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("homeserver %s names no host", text)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("homeserver %s: a base URL has no query and no fragment", text)
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
