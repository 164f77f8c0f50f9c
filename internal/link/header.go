package link

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// CheckHeaders finds what is wrong with headers that are sent beside those of
// own, in canonical form, and beside a credential. The error begins with the
// setting's key.
func CheckHeaders(headers map[string]string, own []string, c Credential) error {
	for name, value := range headers {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !IsToken(name):
			return fmt.Errorf("headers: %q is no name of a header", name)
		case strings.ContainsFunc(value, isControl):
			return fmt.Errorf("headers: the value of %s holds what no header can", name)
		case slices.Contains(own, canonical):
			return fmt.Errorf("headers: %s is one of the transport's own", name)
		case canonical == "Authorization" && c.IsSet():
			return errors.New("headers has Authorization, and so have token or password")
		}
	}
	return nil
}

// IsToken tells the names that HTTP can carry (RFC 9110, section 5.6.2).
func IsToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}

// isControl tells what no header can hold.
func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }
