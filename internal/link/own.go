package link

import (
	"strings"

	"vertigo/engine"
)

// Own gives m with texts of its own. As a parser finds them they may be pieces of a
// second copy of all that the peer said, and whoever keeps a call's key would keep
// that.
func Own(m engine.Message) engine.Message {
	texts := strings.Join([]string{m.Type, m.Key, m.Scope, m.ID}, "")
	cut := func(text string) string {
		piece := texts[:len(text)]
		texts = texts[len(text):]
		return piece
	}
	m.Type, m.Key, m.Scope, m.ID = cut(m.Type), cut(m.Key), cut(m.Scope), cut(m.ID)
	return m
}
