// Package wire says where the messages of a peer that speaks JSON carry what
// the engine has to know of them: their type, the keys of their call, and the
// id by which an answer finds its request.
//
// A [Format] is the declaration, as [protocol.NAME] of a rule file gives it;
// the transports of the generic kinds and the replay read messages by it. What
// a message means is not said here.
package wire

import (
	"encoding/json"
	"path"
	"strings"
)

// A Format is how the messages of one kind of peer are laid out. A path is the
// names of fields, from the outside in, joined with dots.
type Format struct {
	Type        []string        // paths of the type: what stands there, in this order, joined with dots; nil: "type"
	Key         []string        // paths of the call's keys, texts or numbers
	Reply       string          // path of the id that an answer repeats; "" where answers have none
	Answers     []string        // patterns (path.Match) of the types that answer a request
	Error       string          // path of what only a failed answer has, for answers without a type; "": "error"
	Acknowledge json.RawMessage // what is said at once to a message that has all fields that it names as "${ msg.PATH }"; nil: nothing
}

// Untyped is the type of a message that has none.
const Untyped = "message"

func (f *Format) typePaths() []string {
	if len(f.Type) == 0 {
		return []string{"type"}
	}
	return f.Type
}

func (f *Format) errorPath() string {
	if f.Error == "" {
		return "error"
	}
	return f.Error
}

// isAnswer tells the types that answer a request. A word that is no pattern
// matches nothing.
func (f *Format) isAnswer(typ string) bool {
	for _, pattern := range f.Answers {
		if ok, err := path.Match(pattern, typ); ok && err == nil {
			return true
		}
	}
	return false
}

// Answer gives the type by which rules know m, as what came of a message that
// was sent as type sent: sent.success, sent.ok. ok is false for a message that
// is about the same matter, but answers nothing.
func (f *Format) Answer(sent string, m Message) (typ string, ok bool) {
	switch {
	case m.Type == "" && m.Failed:
		return sent + ".error", true
	case m.Type == "":
		return sent + ".ok", true
	case f.isAnswer(m.Type):
		return sent + "." + m.Type, true
	}
	return "", false
}

// Claims says whether typ is one that rules take for what came of a message that
// was sent as type sent: [Format.Answer] gives it, or the transport itself.
func (f *Format) Claims(typ, sent string) bool {
	answer, ok := strings.CutPrefix(typ, sent+".")
	return ok && (answer == "ok" || answer == "error" || f.isAnswer(answer))
}

// Answered takes a type apart that may be one that [Format.Answer] gives: the
// type of what was sent, and that of the answer, "" for one without a type.
func (f *Format) Answered(typ string) (sent, answer string, ok bool) {
	if f.Reply == "" {
		return "", "", false
	}
	for i := strings.LastIndexByte(typ, '.'); i > 0; i = strings.LastIndexByte(typ[:i], '.') {
		switch answer := typ[i+1:]; {
		case f.isAnswer(answer):
			return typ[:i], answer, true
		case answer == "ok" || answer == "error":
			return typ[:i], "", true
		}
	}
	return "", "", false
}
