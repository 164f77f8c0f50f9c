package infer

import (
	"regexp"
	"strings"

	"vertigo/schema"
)

// word matches what protocols call things: user_busy, NORMAL_CLEARING,
// janus.plugin.sip, updateMedia. Keys, numbers and names of people are not like
// that, as a rule.
var word = regexp.MustCompile(`^([a-z]+([A-Z][a-z]+)*|[A-Z]+)([-_./]([a-z]+([A-Z][a-z]+)*|[A-Z]+))*$`)

// hidden matches what a capture has in place of a secret, or of what somebody
// wrote.
var hidden = regexp.MustCompile(`^(redacted.*|x+([^a-z]x*)*)$`)

const longestWord = 40

// addText notes a text that came some times.
func (s *sketch) addText(text string, times int) {
	if s.free {
		return
	}
	if s.times[text] == 0 {
		if len(s.values) == mostValues || len(text) > longestWord || !word.MatchString(text) || hidden.MatchString(text) {
			s.free, s.values, s.times = true, nil, nil
			return
		}
		s.values = append(s.values, text)
	}
	if s.times == nil {
		s.times = map[string]int{}
	}
	s.times[text] += times
}

// words gives the values of a text that seems to have no others: it tells types,
// or several words came again and again. none: it may be any text.
func (s *sketch) words() []string {
	if s.free || s.kinds != schema.Text {
		return nil
	}
	if s.marks {
		return s.values
	}
	total := 0
	for _, n := range s.times {
		if n == 1 {
			return nil
		}
		total += n
	}
	if len(s.values) < 2 || total < often*len(s.values) {
		return nil
	}
	return s.values
}

// personal are parts of keys under which people stand, or what is theirs.
var personal = []string{"name", "user", "login", "account", "mail", "pass", "secret", "token", "pin", "key", "credential", "auth"}

func isPersonal(key string) bool {
	key = strings.ToLower(key)
	for _, part := range personal {
		if strings.Contains(key, part) {
			return true
		}
	}
	return false
}
