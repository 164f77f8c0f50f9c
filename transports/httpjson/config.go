package httpjson

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"vertigo/internal/link"
)

// A Config is what a [transport.NAME] table of kind "http-json" says: url for a
// server that requests are sent to, listen for requests that come, or both. A
// value left out, or 0, has the default that is named beside it.
type Config struct {
	URL      string            `toml:"url"`       // http://HOST:PORT/PATH or https://
	Method   string            `toml:"method"`    // POST, PUT or PATCH; POST
	Headers  map[string]string `toml:"headers"`   // of each request, beside its own
	CAFile   string            `toml:"ca_file"`   // PEM; trusted in place of the system's CAs
	Timeout  time.Duration     `toml:"timeout"`   // how long one request may take; 10s
	RetryFor time.Duration     `toml:"retry_for"` // how long a message may wait to be taken; 15m

	Listen   string `toml:"listen"`    // address and port
	Path     string `toml:"path"`      // requests come there, and below; /
	CertFile string `toml:"cert_file"` // PEM; for TLS, with KeyFile
	KeyFile  string `toml:"key_file"`

	Token    string `toml:"token"` // Authorization: Bearer; shown by those who come, or without listen at url
	User     string `toml:"user"`  // HTTP basic authentication, likewise
	Password string `toml:"password"`

	MaxMessage int64 `toml:"max_message"` // bytes of the body of a request, or of an answer; 1 MiB
}

func (cfg Config) credential() link.Credential {
	return link.Credential{Token: cfg.Token, User: cfg.User, Password: cfg.Password}
}

// shown is what the server at url is shown. A credential is for one way alone:
// what those show who come is nobody else's.
func (cfg Config) shown() link.Credential {
	if cfg.listens() {
		return link.Credential{}
	}
	return cfg.credential()
}

func (cfg Config) door() link.Door {
	return link.Door{Listen: cfg.Listen, CertFile: cfg.CertFile, KeyFile: cfg.KeyFile}
}

// listens says whether requests come to us.
func (cfg Config) listens() bool { return cfg.Listen != "" }

// check finds all that is wrong. Each error begins with the setting's key.
func (cfg Config) check() error {
	errs := []error{cfg.credential().Check()}
	if cfg.URL == "" && !cfg.listens() {
		errs = append(errs, errors.New("url is missing: it is http://HOST:PORT/ or https://HOST:PORT/ of the server, or else listen says where requests come to"))
	}
	if cfg.URL != "" {
		errs = append(errs, cfg.checkURL(), cfg.checkMethod(), link.CheckHeaders(cfg.Headers, ownHeaders, cfg.shown()))
	} else {
		errs = append(errs, cfg.checkServerAlone())
	}
	if cfg.listens() {
		errs = append(errs, cfg.door().Check(cfg.credential()))
	} else {
		errs = append(errs, cfg.checkClientAlone())
	}
	if cfg.Path != "" && !strings.HasPrefix(cfg.Path, "/") {
		errs = append(errs, fmt.Errorf("path %q must begin with /", cfg.Path))
	}
	for _, n := range []struct {
		key      string
		negative bool
	}{{"max_message", cfg.MaxMessage < 0}, {"timeout", cfg.Timeout < 0}, {"retry_for", cfg.RetryFor < 0}} {
		if n.negative {
			errs = append(errs, errors.New(n.key+" is negative"))
		}
	}
	return errors.Join(errs...)
}

// checkServerAlone finds what is said of requests where none is sent.
func (cfg Config) checkServerAlone() error {
	switch {
	case cfg.Method != "":
		return errors.New("method is for url: requests that come are POST")
	case len(cfg.Headers) > 0:
		return errors.New("headers are for url: answers have none of their own")
	case cfg.CAFile != "":
		return errors.New("ca_file is for url: who comes shows no certificate")
	case cfg.Timeout != 0:
		return errors.New("timeout is for url")
	case cfg.RetryFor != 0:
		return errors.New("retry_for is for url")
	}
	return nil
}

// checkClientAlone finds what is said of a server where there is none.
func (cfg Config) checkClientAlone() error {
	switch {
	case cfg.Path != "":
		return errors.New("path is for listen: that of the server stands in url, and a rule's send may add to it")
	case cfg.CertFile != "":
		return errors.New("cert_file is for listen: nothing is shown to the server")
	case cfg.KeyFile != "":
		return errors.New("key_file is for listen: nothing is shown to the server")
	}
	return nil
}

func (cfg Config) checkURL() error {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil:
		return errors.New("url is not a URL; it should read http://HOST:PORT/ or https://HOST:PORT/")
	case u.User != nil:
		return errors.New("url holds a user name or password: they belong in user and password")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("url %s: the scheme must be http or https, not %q", link.PlainURL(cfg.URL), u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("url %s names no host", link.PlainURL(cfg.URL))
	case u.Fragment != "":
		return fmt.Errorf("url %s: what follows # never reaches a server", link.PlainURL(cfg.URL))
	}
	return nil
}

// methods are those that have a body, and may be repeated with an idempotency key.
var methods = []string{http.MethodPost, http.MethodPut, http.MethodPatch}

func (cfg Config) checkMethod() error {
	if cfg.Method != "" && !slices.Contains(methods, cfg.Method) {
		return fmt.Errorf("method %q is none of %s", cfg.Method, strings.Join(methods, ", "))
	}
	return nil
}

const idempotencyKey = "Idempotency-Key"

// ownHeaders are those that say how a request is sent.
var ownHeaders = []string{"Connection", "Content-Length", "Expect", "Host", idempotencyKey, "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// header is what each request has.
func (cfg Config) header() http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"Vertigo"}}
	if shown := cfg.shown().Header(); shown != "" {
		h.Set("Authorization", shown)
	}
	for name, value := range cfg.Headers {
		h.Set(name, value)
	}
	return h
}

func (cfg Config) withDefaults() Config {
	if cfg.Method == "" {
		cfg.Method = http.MethodPost
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.RetryFor == 0 {
		cfg.RetryFor = 15 * time.Minute
	}
	if cfg.Path == "" {
		cfg.Path = "/"
	}
	if cfg.MaxMessage == 0 {
		cfg.MaxMessage = 1 << 20
	}
	return cfg
}
