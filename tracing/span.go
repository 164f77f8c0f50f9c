package tracing

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"vertigo/engine"
)

// A messageSpan is what is known of the message at hand, for one call.
type messageSpan struct {
	trace      trace.TraceID
	begun      time.Time // when the message came
	done       time.Time // when the engine was done with it
	peer, typ  string
	named      bool // the type is one that rules name
	outcome    engine.Outcome
	rules      []string
	from, to   string
	sent       []string // "TO TYPE"
	fault      string
	sendFailed bool
}

// Observe notes what the engine did with a message: see [engine.Options.Observe].
// Messages of no call are in no trace, nor are those of a connection, which has no
// end.
func (t *Tracer) Observe(of engine.Trace) {
	if of.Message != t.message || of.Call != t.call {
		t.Stepped()
		if of.Call == "" || of.Connection != "" {
			return
		}
		id := t.traceID(of.Call)
		if !id.IsValid() {
			return
		}
		t.come(id, &of)
	}
	t.span.add(&of, t.cfg.Personal)
}

// come begins the span of a message.
func (t *Tracer) come(id trace.TraceID, of *engine.Trace) {
	m := of.Message
	t.message, t.call = m, of.Call
	t.span = messageSpan{trace: id, begun: m.At, peer: m.Transport, typ: clean(m.Type), from: of.From}
	if m.At.IsZero() {
		t.span.begun = of.Now
	}
	if m.Transport == "engine" {
		t.span.named = true
		if m.Type == "call.end" {
			t.ended(id, of)
		}
	}
	t.span.sendFailed = strings.HasSuffix(m.Type, ".error")
}

// add notes what one rule did with the message, or that none did anything.
func (s *messageSpan) add(of *engine.Trace, personal bool) {
	s.done, s.outcome = time.Now(), of.Outcome
	if of.To != "" {
		s.to = of.To
	}
	for i := range of.Actions {
		s.sent = append(s.sent, of.Actions[i].To+" "+of.Actions[i].Type)
	}
	if of.Rule != nil {
		s.named = true
		s.rules = append(s.rules, of.Rule.Name)
	}
	if of.Outcome != engine.Failed {
		return
	}
	switch {
	case personal && of.Err != nil: // it may quote the message
		s.fault = clean(of.Err.Error())
	case of.Rule != nil:
		s.fault = fmt.Sprintf("rule %q (%s) failed", of.Rule.Name, of.Rule.Pos)
	default:
		s.fault = "the message failed"
	}
}

// Stepped says that the engine is done with the message that was observed last.
func (t *Tracer) Stepped() {
	s := &t.span
	if t.message == nil {
		return
	}
	t.message = nil
	if s.peer == "engine" && s.outcome == engine.Unmatched {
		return // said for rules that want to hear it, and none does
	}
	name, kind := s.peer+" other", trace.SpanKindConsumer
	if s.named { // types of peers' own making are no names: there is no end to them
		name = s.peer + " " + s.typ
	}
	if s.peer == "engine" {
		kind = trace.SpanKindInternal
	}
	_, span := t.tracer.Start(within(s.trace), name, trace.WithTimestamp(s.begun), trace.WithSpanKind(kind))
	span.SetAttributes(s.attributes(t.call)...)
	switch {
	case s.fault != "":
		span.SetStatus(codes.Error, s.fault)
	case s.sendFailed:
		span.SetStatus(codes.Error, "what was sent came to nothing")
	}
	span.End(trace.WithTimestamp(latest(s.begun, s.done)))
}

func (s *messageSpan) attributes(call engine.CallID) []attribute.KeyValue {
	list := append(make([]attribute.KeyValue, 0, 8),
		attribute.String("vertigo.call", string(call)),
		attribute.String("vertigo.transport", s.peer),
		attribute.String("vertigo.type", s.typ),
		attribute.String("vertigo.outcome", string(s.outcome)),
	)
	if len(s.rules) > 0 {
		list = append(list, attribute.StringSlice("vertigo.rules", s.rules))
	}
	if s.from != "" {
		list = append(list, attribute.String("vertigo.from", s.from))
	}
	if s.to != "" {
		list = append(list, attribute.String("vertigo.to", s.to))
	}
	if len(s.sent) > 0 {
		list = append(list, attribute.StringSlice("vertigo.sent", s.sent))
	}
	return list
}

func latest(a, b time.Time) time.Time {
	if b.Before(a) {
		return a
	}
	return b
}

// ended makes the span of a whole call, by what the engine says of its end.
func (t *Tracer) ended(id trace.TraceID, of *engine.Trace) {
	end := gjson.ParseBytes(of.Message.Body)
	_, span := t.tracer.Start(beginning(id), "call", trace.WithTimestamp(end.Get("begun").Time()))
	span.SetAttributes(attribute.String("vertigo.call", string(of.Call)))
	told := []string{"direction", "cause", "state", "rule"}
	if t.cfg.Personal {
		told = append(told, "user", "number")
	}
	for _, name := range told {
		if v := end.Get(name); v.Exists() {
			span.SetAttributes(attribute.String("vertigo."+name, v.String()))
		}
	}
	if answered := end.Get("answered"); answered.Exists() {
		span.AddEvent("answered", trace.WithTimestamp(answered.Time()))
	}
	span.End(trace.WithTimestamp(end.Get("ended").Time()))
}

// clean gives the beginning of a text that may be a piece of a whole message: the
// span, which waits to be sent, is not to hold that. It leaves out what is no
// UTF-8: one such text would make a receiver refuse all spans that come with it.
func clean(text string) string {
	const most = textLimit * utf8.UTFMax // in bytes: the limit itself counts characters
	return strings.ToValidUTF8(strings.Clone(text[:min(len(text), most)]), "\uFFFD")
}
