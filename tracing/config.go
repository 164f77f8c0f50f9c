package tracing

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// A Config is what the table [traces] says. A number left out, or 0, has the
// default that is named beside it.
type Config struct {
	Endpoint string            `toml:"endpoint"` // base URL of an OTLP/HTTP receiver; "": nothing is traced
	Headers  map[string]string `toml:"headers"`  // of each request
	OneIn    int               `toml:"one_in"`   // of so many calls one is traced; 1
	Personal bool              `toml:"personal"` // numbers, users and the texts of errors too
}

// Check finds what is wrong. Each error begins with the setting's key.
func (c Config) Check() error {
	if c.Endpoint == "" {
		if len(c.Headers) > 0 || c.OneIn != 0 || c.Personal {
			return errors.New(`endpoint is missing: without it nothing is traced. Say endpoint = "http://127.0.0.1:4318"`)
		}
		return nil
	}
	var errs []error
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		errs = append(errs, errors.New("endpoint must be the base URL of an OTLP/HTTP receiver, such as http://127.0.0.1:4318"))
	case u.User != nil:
		errs = append(errs, errors.New("endpoint holds a user name or password: they belong in headers, as Authorization"))
	case u.RawQuery != "" || u.Fragment != "":
		errs = append(errs, errors.New("endpoint has more than a path"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			errs = append(errs, fmt.Errorf("headers has %q, which is no name of a header", name))
		case c.Headers[name] == "":
			errs = append(errs, fmt.Errorf("headers.%s is empty", name))
		case !httpguts.ValidHeaderFieldValue(c.Headers[name]):
			errs = append(errs, fmt.Errorf("headers.%s has characters that no header can have", name))
		}
	}
	if c.OneIn < 0 {
		errs = append(errs, errors.New("one_in is negative"))
	}
	return errors.Join(errs...)
}

// url is where spans are sent: the path that the OTLP specification gives, below
// the endpoint.
func (c Config) url() string {
	return strings.TrimSuffix(c.Endpoint, "/") + "/v1/traces"
}

// inClear says whether the spans, and the headers, can be read on their way over
// a network.
func (c Config) inClear() bool {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "http" {
		return false
	}
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !ip.IsLoopback())
}
