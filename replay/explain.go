package replay

import (
	"strconv"
	"strings"
	"time"

	"vertigo/engine"
)

// Explained is an explanation of what became of one message of a replay.
type Explained struct {
	*engine.Explanation
	Place  string        // file:line of the message; "" if the engine said it by itself
	Number int           // of that line, from 1; 0 if the engine said it by itself
	Since  time.Duration // the beginning of the replay
	// Afterwards says that it happened after the capture's last line.
	Afterwards bool
}

// Explain lets rules act on the lines of one capture, as [Play] does, and calls
// emit with what became of each message, but for words of the engine's own that
// no rule is for; secrets are left out of the values that rules looked at. The
// rules should have been compiled with parts.
func Explain(lines []Line, rules *engine.Ruleset, peers []Peer, emit func(Explained)) error {
	var p *player
	var began time.Time
	tell := func(x *engine.Explanation) {
		if x.Message.Transport == ownTransport && len(x.Candidates) == 0 && x.Outcome != engine.Failed {
			return // the engine says more than rules listen to
		}
		if began.IsZero() {
			began = x.Now
		}
		emit(Explained{WithoutSecrets(x), p.place, lineNumber(p.place), x.Now.Sub(began), p.afterwards})
	}
	p, err := begin(lines, rules, peers, engine.Options{Explain: tell}, func(e Event) {
		if e.Trace.Outcome == engine.Failed && e.Message.Type == "" { // its transport could not read it
			tell(&engine.Explanation{Now: e.Trace.Now, Message: e.Message, Outcome: engine.Failed, Err: e.Trace.Err})
		}
	})
	if err != nil {
		return err
	}
	p.playAll(lines)
	p.finish()
	return nil
}

// lineNumber is that of a place, 0 if it is none.
func lineNumber(place string) int {
	n, err := strconv.Atoi(place[strings.LastIndexByte(place, ':')+1:])
	if err != nil {
		return 0
	}
	return n
}
