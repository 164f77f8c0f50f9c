package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/capture"
	"vertigo/engine"
)

// counters count what the bridge has done. Any goroutine may read them.
type counters struct {
	fired, unmatched, failed, waiting, late atomic.Int64 // messages, by outcome
	sent                                    atomic.Int64 // actions
	begun, ended                            atomic.Int64 // calls
	reloads, reloadsFailed                  atomic.Int64
	causes                                  tally // ended calls, by cause
}

// LogValue gives the counts for the log's last line.
func (c *counters) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int64("calls", c.begun.Load()), slog.Int64("sent", c.sent.Load()),
		slog.Int64("fired", c.fired.Load()), slog.Int64("unmatched", c.unmatched.Load()),
		slog.Int64("failed", c.failed.Load()), slog.Int64("late", c.late.Load()),
		slog.Any("causes", &c.causes),
	)
}

// A story tells the log what the engine does, a call in about five lines, and
// keeps the messages that failed. Only the engine's goroutine uses it.
type story struct {
	log        *slog.Logger
	counts     *counters
	deadLetter func(capture.Line) // may be nil

	lastEnd *engine.Message // several rules may act on it
}

func (s *story) observe(t engine.Trace) {
	m := t.Message
	if m.Transport == "engine" && m.Type == "call.end" && m != s.lastEnd {
		s.lastEnd = m
		s.callEnded(&t)
	}
	switch t.Outcome {
	case engine.Fired:
		s.counts.fired.Add(1)
		s.fired(&t)
	case engine.Failed:
		s.counts.failed.Add(1)
		s.failed(&t)
	case engine.Unmatched:
		if m.Transport != "engine" { // what the engine says is for rules that want to hear it
			s.counts.unmatched.Add(1)
			s.debug("no rule is for this message", &t)
		}
	case engine.Waiting:
		s.counts.waiting.Add(1)
		s.debug("message waits for its call to begin", &t)
	case engine.Late:
		s.counts.late.Add(1)
		s.debug("message came after the end of its call", &t)
	}
}

func (s *story) fired(t *engine.Trace) {
	switch {
	case t.Connection != "" && t.From != t.To:
		s.log.Info("connection goes on", "transport", t.Connection, "state", t.To, "type", t.Message.Type, "rule", t.Rule.Name)
	case t.From == "" && t.To != "" && t.Rule.New:
		s.counts.begun.Add(1)
		s.log.Info("call began", "call", t.Call, "transport", t.Message.Transport, "key", t.Message.Key, "state", t.To, "rule", t.Rule.Name)
	case t.From != t.To && !t.Ended:
		s.log.Info("call goes on", "call", t.Call, "state", t.To, "transport", t.Message.Transport, "type", t.Message.Type, "rule", t.Rule.Name)
	default:
		s.debug("rule fired", t, "rule", t.Rule.Name, "sent", len(t.Actions))
	}
}

// callEnded tells of a call by what the engine says of its end.
func (s *story) callEnded(t *engine.Trace) {
	s.counts.ended.Add(1)
	end := gjson.ParseBytes(t.Message.Body)
	cause := end.Get("cause").String()
	s.counts.causes.add(cmp.Or(cause, "none"))
	facts := []any{"call", t.Call}
	for _, name := range []string{"direction", "user", "number"} {
		if v := end.Get(name); v.Exists() {
			facts = append(facts, name, v.String())
		}
	}
	s.log.Info("call ended", append(facts, "state", end.Get("state").String(), "cause", cause,
		"took", time.Duration(end.Get("duration").Int())*time.Millisecond, "rule", end.Get("rule").String())...)
}

// failed logs a message that could not be read or evaluated, and keeps it.
func (s *story) failed(t *engine.Trace) {
	m := t.Message
	line := capture.Line{TS: m.At, Transport: m.Transport, Dir: capture.In, Call: string(t.Call), Data: m.Body}
	facts := []any{"transport", m.Transport, "type", m.Type, "call", t.Call, "bytes", len(m.Body)}
	err := t.Err
	if t.Rule != nil {
		line.Rule, line.At = t.Rule.Name, t.Rule.Pos
		facts = append(facts, "rule", t.Rule.Name, "at", t.Rule.Pos)
		var in *engine.RuleError
		if errors.As(err, &in) {
			err = in.Err
		}
	}
	s.log.Error("message failed", append(facts, "err", err)...)
	if s.deadLetter != nil {
		s.deadLetter(line)
	}
}

func (s *story) debug(what string, t *engine.Trace, more ...any) {
	if !s.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	m := t.Message
	s.log.Debug(what, append([]any{"transport", m.Transport, "type", m.Type, "call", t.Call, "key", m.Key}, more...)...)
}
