package main

import (
	"regexp"
	"strings"

	"vertigo/rules"
)

// usageWords put what kong says of a command line into the words of this
// program.
var usageWords = []struct {
	library *regexp.Regexp
	words   string
}{
	{regexp.MustCompile(`^(--\S+): expected \S+ value but got "EOL" .*$`), "$1 takes a value, and there is none"},
	{regexp.MustCompile(`^(--\S+): expected a valid \d+ bit u?int but got (".*")$`), "$1 takes a whole number, not $2"},
	{regexp.MustCompile(`^(--\S+): bool value must be .* but got (".*")$`), "$1 takes no value, and here it is $2"},
	{regexp.MustCompile(`^expected "<([^>]*)>( \.\.\.)?.*"$`), "the $1 is missing"},
}

// oneOf matches what kong says of a value that is none of those that there are.
var oneOf = regexp.MustCompile(`^(\S+) must be one of (".*") but got "(.*)"$`)

// usage words what is wrong with a command line.
func usage(err error) string {
	msg := err.Error()
	if m := oneOf.FindStringSubmatch(msg); m != nil {
		known := strings.Split(strings.ReplaceAll(m[2], `"`, ""), ",")
		msg = m[1] + " is " + strings.Join(known[:len(known)-1], ", ") + " or " + known[len(known)-1] + ", not " + m[3]
		if near := rules.Nearest(m[3], known); near != "" {
			msg += ": did you mean " + near + "?"
		}
		return msg
	}
	for _, w := range usageWords {
		if w.library.MatchString(msg) {
			return w.library.ReplaceAllString(msg, w.words)
		}
	}
	return msg
}
