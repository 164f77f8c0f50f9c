package console

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// A Config says where the console listens, and who may look.
type Config struct {
	Listen   string   `toml:"listen"`   // address and port; "": there is no console
	Password string   `toml:"password"` // of any user name, by HTTP basic authentication
	Token    string   `toml:"token"`    // by "Authorization: Bearer"
	Hosts    []string `toml:"hosts"`    // names beside localhost by which browsers and others may call it
}

// Check finds what is wrong. Each error begins with the setting's key.
func (c Config) Check() error {
	if c.Listen == "" {
		if c.Password != "" || c.Token != "" || len(c.Hosts) > 0 {
			return errors.New(`listen is missing: without it there is no console. Say listen = "127.0.0.1:7480"`)
		}
		return nil
	}
	var errs []error
	host, port, err := net.SplitHostPort(c.Listen)
	if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || n == 0 {
		errs = append(errs, errors.New(`listen must be an address and a port, such as "127.0.0.1:7480"`))
	} else if !loopback(host) && !c.guarded() {
		errs = append(errs, errors.New("listen is not on this machine alone, so that everybody who reaches the port could look in: set a password or a token, or listen on 127.0.0.1"))
	}
	for _, name := range c.Hosts {
		if name == "" || strings.ContainsAny(name, "/:*@ ") {
			errs = append(errs, fmt.Errorf("hosts has %q: a host is a name alone, such as \"vertigo.example.org\", without scheme and port", name))
		}
	}
	return errors.Join(errs...)
}

// guarded says whether something must be known to get in.
func (c Config) guarded() bool { return c.Password != "" || c.Token != "" }

// loopback says whether who listens there is reached from this machine alone.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
