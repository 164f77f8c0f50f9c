package console

import (
	"encoding/json"
	"time"
)

// What the API answers with. Times are RFC 3339 in UTC; what has no value is
// left out. Texts of peers stand in it as they came: they are data, never HTML.

// A State is GET /api/state.
type State struct {
	Version    string           `json:"version"`
	Begun      time.Time        `json:"begun"`
	Now        time.Time        `json:"now"`
	Rules      RulesState       `json:"rules"`
	Transports []TransportState `json:"transports"`
	Calls      CallsState       `json:"calls"`
}

// RulesState tells which rules are followed, and of the last time that they were
// loaded, or were to be.
type RulesState struct {
	Files    []string  `json:"files"` // the user's own
	Hash     string    `json:"hash"`
	Loaded   time.Time `json:"loaded"`
	Count    int       `json:"count"`
	Reloads  int       `json:"reloads"` // since the beginning, those too that were refused
	Used     bool      `json:"used"`    // false: the last reload was refused
	Findings []Finding `json:"findings"`
}

// A Finding is one of [rules.Finding].
type Finding struct {
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`   // from 1; none for the file as a whole
	Column   int    `json:"column,omitempty"` // from 1, in letters
	Severity string `json:"severity"`         // error, warning
	Code     string `json:"code,omitempty"`
	Text     string `json:"text"`
	Hint     string `json:"hint,omitempty"`
	Source   string `json:"source,omitempty"` // the line of the file
}

// TransportState tells of one transport, also as the event "transports".
type TransportState struct {
	Name  string    `json:"name"`
	Kind  string    `json:"kind"`
	Up    bool      `json:"up"`
	Since time.Time `json:"since"`
}

// CallsState counts calls.
type CallsState struct {
	Live   int            `json:"live"`
	Kept   int            `json:"kept"` // live ones too
	States map[string]int `json:"states"`
}

// Calls is GET /api/calls?q=&state=&before=&limit=, newest first.
type Calls struct {
	Calls []Call `json:"calls"`
	Next  string `json:"next"`  // for before; "" where there are no more
	Total int    `json:"total"` // that match, on whatever page
}

// A Call is the summary of one call, or of the connection of a transport that
// rules keep.
type Call struct {
	ID         string    `json:"id"`
	Order      uint64    `json:"order"` // of calls, the one that began later has the greater one
	State      string    `json:"state"`
	Direction  string    `json:"direction,omitempty"`
	User       string    `json:"user,omitempty"`
	Number     string    `json:"number,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	Begun      time.Time `json:"begun"`
	Answered   time.Time `json:"answered,omitzero"` // told once the call has ended
	Ended      time.Time `json:"ended,omitzero"`
	TalkedMS   int64     `json:"talked_ms"`
	Messages   int       `json:"messages"`
	Failed     int       `json:"failed"`
	Keys       []Key     `json:"keys"`
	Connection bool      `json:"connection"`
}

// A Key is a peer's name for a call.
type Key struct {
	Transport string `json:"transport"`
	Key       string `json:"key"`
}

// A Story is GET /api/calls/{id}.
type Story struct {
	Call    Call   `json:"call"`
	Steps   []Step `json:"steps"`
	Dropped int    `json:"dropped"` // steps that are no longer kept
}

// A Step is one thing that the engine did with a message. A message that several
// rules acted on has several.
type Step struct {
	N         int       `json:"n"` // counts up within the call, those that are no longer kept too
	At        time.Time `json:"at"`
	Transport string    `json:"transport"`
	Type      string    `json:"type"`
	Outcome   string    `json:"outcome"`
	Rule      string    `json:"rule,omitempty"`
	Place     string    `json:"place,omitempty"` // file:line:col of the rule
	From      string    `json:"from,omitempty"`
	To        string    `json:"to,omitempty"`
	Began     bool      `json:"began,omitempty"`
	Ended     bool      `json:"ended,omitempty"`
	Error     string    `json:"error,omitempty"`
	Again     bool      `json:"again,omitempty"` // the message is that of the step before
	Body      any       `json:"body,omitempty"`  // JSON; text where it is none
	Sent      []Sent    `json:"sent,omitempty"`
}

// Sent is a message that a rule asked for.
type Sent struct {
	To      string            `json:"to"`
	Type    string            `json:"type"`
	Address map[string]string `json:"address,omitempty"`
	Body    any               `json:"body,omitempty"`
}

// A Detail is GET /api/calls/{id}/steps/{n}.
type Detail struct {
	Step       Step        `json:"step"`
	Differs    []Differs   `json:"differs"`
	Candidates []Candidate `json:"candidates"`
	Note       string      `json:"note"` // where the explanation cannot be whole; "" where it is
}

// Differs tells what went against what came.
type Differs struct {
	To    string   `json:"to"`
	Type  string   `json:"type"`
	Lines []string `json:"lines"` // "- " is of what came, "+ " of what went; else a heading
}

// A Candidate is a rule for messages of the type, and what became of it.
type Candidate struct {
	Rule    string   `json:"rule"`
	Place   string   `json:"place"`
	Verdict string   `json:"verdict"` // of [engine.Verdict]: "fired", "condition", "state", ...
	Reason  string   `json:"reason"`
	Source  string   `json:"source,omitempty"` // the piece of the condition that was false
	Where   string   `json:"where,omitempty"`  // its file:line:col
	Values  []string `json:"values,omitempty"` // what it looked at: "name = value"
}

// RuleHits is GET /api/rules.
type RuleHits struct {
	Rules []RuleHit `json:"rules"`
}

// A RuleHit is a rule that is followed, and how often it has fired.
type RuleHit struct {
	Name  string    `json:"name"`
	Place string    `json:"place"`
	On    []string  `json:"on"` // "matrix m.call.invite"
	In    []string  `json:"in,omitempty"`
	Hits  int       `json:"hits"`
	Last  time.Time `json:"last,omitzero"`
}

// Files is GET /api/rules/files, and what POST /api/try takes: of the files that
// are not in it those are tried that the running bridge has loaded.
type Files struct {
	Files   []File   `json:"files"`
	LeftOut []string `json:"left_out,omitempty"` // names of rule files that are too long to be shown
}

// A File is a rule file of the user, or a file that one names, as it was loaded.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Tried is the answer to POST /api/try.
type Tried struct {
	Findings    []Finding    `json:"findings"`
	Calls       int          `json:"calls"`    // whose messages the rules went through
	Messages    int          `json:"messages"` // theirs, and those of no call
	Differences []Difference `json:"differences"`
	Cut         bool         `json:"cut"`   // there are more differences than these
	Whole       bool         `json:"whole"` // of the time of these calls nothing is missing
}

// A Difference is something that the edited rules do otherwise.
type Difference struct {
	Call    string `json:"call,omitempty"`
	Text    string `json:"text"`           // may have several lines
	What    string `json:"what"`           // changed, added, removed, became
	Type    string `json:"type"`           // of the message
	To      string `json:"to,omitempty"`   // where it is sent
	Rule    string `json:"rule,omitempty"` // that sends it
	OldRule string `json:"old_rule,omitempty"`
}

// readable is JSON as it is, and what is none as text.
func readable(body json.RawMessage) any {
	switch {
	case len(body) == 0:
		return nil
	case json.Valid(body):
		return body
	}
	return string(body)
}
