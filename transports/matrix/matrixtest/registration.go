package matrixtest

import (
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// A Registration is what a homeserver knows of an application service
// (Application Service API, "Registration").
type Registration struct {
	ID              string   `yaml:"id"`
	URL             string   `yaml:"url"` // where the application service listens; "" to send it nothing
	ASToken         string   `yaml:"as_token"`
	HSToken         string   `yaml:"hs_token"`
	SenderLocalpart string   `yaml:"sender_localpart"`
	Protocols       []string `yaml:"protocols"`
	Namespaces      struct {
		Users   []Namespace `yaml:"users"`
		Aliases []Namespace `yaml:"aliases"`
		Rooms   []Namespace `yaml:"rooms"`
	} `yaml:"namespaces"`
}

// A Namespace is all ids that Regex matches from their beginning.
type Namespace struct {
	Exclusive bool   `yaml:"exclusive"`
	Regex     string `yaml:"regex"`
}

// ParseRegistration reads a registration file. What a homeserver without rate
// limits and federation has no use for is passed over.
func ParseRegistration(file []byte) (Registration, error) {
	var r Registration
	if err := yaml.Unmarshal(file, &r); err != nil {
		return Registration{}, fmt.Errorf("registration: %w", err)
	}
	return r, nil
}

// namespaces are those of one kind.
type namespaces []namespace

type namespace struct {
	exclusive bool
	regex     *regexp.Regexp
}

func compile(list []Namespace) (namespaces, error) {
	var all namespaces
	for _, n := range list {
		re, err := regexp.Compile("^(?:" + n.Regex + ")")
		if err != nil {
			return nil, err
		}
		all = append(all, namespace{n.Exclusive, re})
	}
	return all, nil
}

// has tells whether an id is in one of them, and in one that is exclusive.
func (all namespaces) has(id string) (in, exclusive bool) {
	for _, n := range all {
		if n.regex.MatchString(id) {
			in, exclusive = true, exclusive || n.exclusive
		}
	}
	return in, exclusive
}
