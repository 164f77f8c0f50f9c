package wsjson

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"vertigo/internal/link"
)

// A Config is what a [transport.NAME] table of kind "ws-json" says: url for a
// server that is connected to, or listen for a server of our own. A value left
// out, or 0, has the default that is named beside it.
type Config struct {
	URL     string            `toml:"url"`     // ws://HOST:PORT/PATH or wss://
	Headers map[string]string `toml:"headers"` // of the handshake, beside its own
	CAFile  string            `toml:"ca_file"` // PEM; trusted in place of the system's CAs

	Listen   string `toml:"listen"`    // address and port
	Path     string `toml:"path"`      // the one that clients ask for; /
	CertFile string `toml:"cert_file"` // PEM; for TLS, with KeyFile
	KeyFile  string `toml:"key_file"`
	Clients  int    `toml:"clients"` // that may be connected at once; 16

	Subprotocol string `toml:"subprotocol"` // asked for, or wanted of clients
	Token       string `toml:"token"`       // Authorization: Bearer; shown to the server, or by clients
	User        string `toml:"user"`        // HTTP basic authentication, likewise
	Password    string `toml:"password"`

	Ping           time.Duration `toml:"ping"`            // between two; a peer from which nothing is heard for twice as long is gone; 30s
	MaxMessage     int64         `toml:"max_message"`     // bytes of one message of the peer; 1 MiB
	RequestTimeout time.Duration `toml:"request_timeout"` // how long a message may go without an answer; 10s
}

func (cfg Config) credential() link.Credential {
	return link.Credential{Token: cfg.Token, User: cfg.User, Password: cfg.Password}
}

func (cfg Config) door() link.Door {
	return link.Door{Listen: cfg.Listen, CertFile: cfg.CertFile, KeyFile: cfg.KeyFile}
}

// listens says whether clients come to us.
func (cfg Config) listens() bool { return cfg.Listen != "" }

// check finds all that is wrong. Each error begins with the setting's key.
func (cfg Config) check() error {
	errs := []error{cfg.credential().Check()}
	switch {
	case cfg.URL == "" && !cfg.listens():
		errs = append(errs, errors.New("url is missing: it is ws://HOST:PORT/ or wss://HOST:PORT/ of the server, or else listen says where clients come to"))
	case cfg.listens():
		errs = append(errs, cfg.door().Check(cfg.credential()), cfg.checkServer())
	default:
		errs = append(errs, cfg.checkURL(), link.CheckHeaders(cfg.Headers, ownHeaders, cfg.credential()), cfg.checkClient())
	}
	if cfg.Subprotocol != "" && !link.IsToken(cfg.Subprotocol) {
		errs = append(errs, errors.New("subprotocol is one word, such as \"sip\""))
	}
	for key, negative := range map[string]bool{
		"clients": cfg.Clients < 0, "ping": cfg.Ping < 0, "max_message": cfg.MaxMessage < 0, "request_timeout": cfg.RequestTimeout < 0,
	} {
		if negative {
			errs = append(errs, errors.New(key+" is negative"))
		}
	}
	return errors.Join(errs...)
}

// checkServer finds settings of a client in those of a server.
func (cfg Config) checkServer() error {
	switch {
	case cfg.URL != "":
		return errors.New("url and listen are both set: either Vertigo connects to a server, or it is one")
	case len(cfg.Headers) > 0:
		return errors.New("headers are for url: a server sends none of its own")
	case cfg.CAFile != "":
		return errors.New("ca_file is for url: clients show no certificate")
	case cfg.Path != "" && !strings.HasPrefix(cfg.Path, "/"):
		return fmt.Errorf("path %q must begin with /", cfg.Path)
	}
	return nil
}

// checkClient finds settings of a server in those of a client.
func (cfg Config) checkClient() error {
	switch {
	case cfg.Path != "":
		return errors.New("path is for listen: that of the server stands in url")
	case cfg.CertFile != "":
		return errors.New("cert_file is for listen: nothing is shown to the server")
	case cfg.KeyFile != "":
		return errors.New("key_file is for listen: nothing is shown to the server")
	case cfg.Clients != 0:
		return errors.New("clients is for listen")
	}
	return nil
}

func (cfg Config) checkURL() error {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil:
		return errors.New("url is not a URL; it should read ws://HOST:PORT/ or wss://HOST:PORT/")
	case u.User != nil:
		return errors.New("url holds a user name or password: they belong in user and password")
	case u.Scheme != "ws" && u.Scheme != "wss":
		return fmt.Errorf("url %s: the scheme must be ws or wss, not %q", link.PlainURL(cfg.URL), u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("url %s names no host", link.PlainURL(cfg.URL))
	case u.Fragment != "":
		return fmt.Errorf("url %s: what follows # never reaches a server", link.PlainURL(cfg.URL))
	}
	return nil
}

// ownHeaders are those of the handshake itself (RFC 6455, section 4.1).
var ownHeaders = []string{"Connection", "Host", "Upgrade", "Sec-Websocket-Extensions", "Sec-Websocket-Key", "Sec-Websocket-Protocol", "Sec-Websocket-Version"}

func (cfg Config) header() http.Header {
	h := http.Header{}
	for name, value := range cfg.Headers {
		h.Set(name, value)
	}
	if shown := cfg.credential().Header(); shown != "" {
		h.Set("Authorization", shown)
	}
	return h
}

// tls gives what the certificate of the server is checked by, or our own; nil
// for a server of ours without one.
func (cfg Config) tls() (*tls.Config, error) {
	if cfg.listens() {
		return cfg.door().TLS()
	}
	return link.TLSConfig(cfg.CAFile)
}

func (cfg Config) withDefaults() Config {
	if cfg.Path == "" {
		cfg.Path = "/"
	}
	if cfg.Clients == 0 {
		cfg.Clients = 16
	}
	if cfg.Ping == 0 {
		cfg.Ping = 30 * time.Second
	}
	if cfg.MaxMessage == 0 {
		cfg.MaxMessage = 1 << 20
	}
	if cfg.RequestTimeout == 0 {
		cfg.RequestTimeout = 10 * time.Second
	}
	return cfg
}
