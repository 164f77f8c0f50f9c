// Package telemetry counts what the engine does, for Prometheus.
//
// It is an observer of the engine: it changes nothing, sends nothing and asks
// nobody. Labels have closed sets of values, since their names come from peers:
// types of messages are those that schemas and rules name, rules those that were
// loaded, causes those that the schemas list. Whatever else comes counts as
// "other".
package telemetry

import (
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/schema"
)

const (
	other = "other"
	none  = "none"
)

// A Peer is one transport, as far as it is counted.
type Peer struct {
	Name   string
	Schema *schema.Set // of its messages
	Up     func() bool // whether it is logged in, for any goroutine; nil: it need not be

	// Stats says how many messages wait to be sent, and how often one had to be
	// sent again, for any goroutine; nil: the transport does not tell.
	Stats func() (queued int, retried uint64)
}

// Options are what metrics are made with.
type Options struct {
	Version string
	Peers   []Peer
}

// Metrics are what is counted. Observe, Stepped, Sent and SetRules belong to the
// goroutine that steps the engine; any goroutine may ask Handler, and call
// Reloaded.
type Metrics struct {
	registry *prometheus.Registry
	peers    []Peer

	messages, ruleHits, ruleFailures, limits, buffers *prometheus.CounterVec
	callsEnded, sends, sendErrors, reloads            *prometheus.CounterVec
	callsNow, rulesInfo, rulesLoaded, sessionsUp      *prometheus.GaugeVec
	steps                                             prometheus.Observer
	callsBegun                                        prometheus.Counter
	setUp                                             *prometheus.HistogramVec

	causes map[string]bool

	// Of the rules that are followed.
	types  map[messageType]*outcomes
	meters map[*engine.Rule]*ruleMeter
	states map[string]prometheus.Gauge
	loaded map[string]bool // the names of all rules that were

	calls    map[engine.CallID]prometheus.Gauge // the state that each is counted in
	sessions map[string]map[string]bool         // by transport: the accounts that are up
	sent     map[messageType]prometheus.Counter

	last    *engine.Message // several traces may be about it
	outcome engine.Outcome  // the weightiest of them
}

type messageType struct{ transport, typ string }

// outcomes count the messages of one type; each counter is made when it is
// first needed.
type outcomes struct {
	labels messageType
	counts [len(weights)]prometheus.Counter
}

// weights put outcomes in an order: of what one message came to, for several
// rules or calls, the weightiest counts.
var weights = [...]engine.Outcome{engine.Unmatched, engine.Late, engine.Waiting, engine.Fired, engine.Failed}

func weight(o engine.Outcome) int {
	for i, w := range weights {
		if w == o {
			return i
		}
	}
	return 0
}

// A ruleMeter counts what one rule does.
type ruleMeter struct {
	hits   prometheus.Counter
	limits []prometheus.Counter // that the rule is beyond
}

// Translation takes microseconds, and calls take seconds to be answered.
var (
	stepBuckets  = []float64{10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 250e-3, 1}
	setUpBuckets = []float64{0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 120}
)

// New returns metrics with nothing counted. SetRules must follow.
func New(o Options) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), peers: o.Peers,
		messages: messages.counters(), ruleHits: ruleHits.counters(), ruleFailures: ruleFailures.counters(),
		limits: limits.counters(), buffers: buffers.counters(),
		callsEnded: callsEnded.counters(), sends: sends.counters(), sendErrors: sendErrors.counters(), reloads: reloads.counters(),
		callsNow: callsNow.gauges(), rulesInfo: rulesInfo.gauges(), rulesLoaded: rulesLoaded.gauges(), sessionsUp: transportSessions.gauges(),
		setUp:    setUp.histograms(setUpBuckets),
		causes:   causesOf(o.Peers),
		loaded:   map[string]bool{},
		calls:    map[engine.CallID]prometheus.Gauge{},
		sessions: map[string]map[string]bool{},
		sent:     map[messageType]prometheus.Counter{},
	}
	stepTimes, begun, build := steps.histograms(stepBuckets), callsBegun.counters(), buildInfo.gauges()
	m.steps, m.callsBegun = stepTimes.WithLabelValues(), begun.WithLabelValues()
	build.WithLabelValues(o.Version).Set(1)
	for _, result := range []string{reloadOK, reloadFaulty} {
		m.reloads.WithLabelValues(result)
	}
	m.registry.MustRegister(
		m.messages, stepTimes, m.ruleHits, m.ruleFailures, m.limits, m.buffers,
		begun, m.callsNow, m.callsEnded, m.setUp, m.sends, m.sendErrors,
		m.rulesInfo, m.rulesLoaded, m.sessionsUp, m.reloads, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	for _, p := range o.Peers {
		m.ask(p)
	}
	return m
}

// ask registers what a transport says of itself whenever somebody looks.
func (m *Metrics) ask(p Peer) {
	if p.Up != nil {
		m.sessionsUp.WithLabelValues(p.Name)
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts(transportUp.of(p)), func() float64 {
			if p.Up() {
				return 1
			}
			return 0
		}))
	}
	if p.Stats != nil {
		m.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts(sendQueue.of(p)), func() float64 {
				queued, _ := p.Stats()
				return float64(queued)
			}),
			prometheus.NewCounterFunc(prometheus.CounterOpts(sendsRetried.of(p)), func() float64 {
				_, retried := p.Stats()
				return float64(retried)
			}),
		)
	}
}

// Handler answers with all metrics, in Prometheus' text format or in OpenMetrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, Timeout: 10 * time.Second, EnableOpenMetrics: true,
	})
}

const (
	reloadOK     = "ok"
	reloadFaulty = "faulty"
)

// Reloaded counts an attempt to reload the rules.
func (m *Metrics) Reloaded(ok bool) {
	result := reloadFaulty
	if ok {
		result = reloadOK
	}
	m.reloads.WithLabelValues(result).Inc()
}

// SetRules says which rules calls begin with from now on, with a hash of their
// texts.
func (m *Metrics) SetRules(set *engine.Ruleset, hash string, at time.Time) {
	m.rulesInfo.Reset()
	m.rulesInfo.WithLabelValues(hash).Set(1)
	m.rulesLoaded.WithLabelValues().Set(float64(at.UnixMilli()) / 1000)

	m.types = typesOf(m.peers, set)
	m.states = map[string]prometheus.Gauge{}
	for state := range statesOf(set) {
		m.states[state] = m.callsNow.WithLabelValues(state)
	}
	m.meters = make(map[*engine.Rule]*ruleMeter, len(set.Rules))
	for _, r := range set.Rules {
		meter := &ruleMeter{hits: m.ruleHits.WithLabelValues(r.Name)}
		for _, slot := range r.Beyond {
			meter.limits = append(meter.limits, m.limits.WithLabelValues(set.Limits[slot].Name))
		}
		m.meters[r] = meter
		m.loaded[r.Name] = true
	}
}

// Stepped says that a step of the engine is over, and how long it took.
func (m *Metrics) Stepped(took time.Duration) {
	m.count()
	m.steps.Observe(took.Seconds())
}

// Sent counts what is handed to a transport.
func (m *Metrics) Sent(a engine.Action) {
	labels := messageType{a.To, a.Type}
	c := m.sent[labels]
	if c == nil { // the rules name all types, so there is an end to them
		c = m.sends.WithLabelValues(a.To, a.Type)
		m.sent[labels] = c
	}
	c.Inc()
}

// Observe counts what the engine did with a message: see
// [engine.Options.Observe].
func (m *Metrics) Observe(t engine.Trace) {
	if t.Message != m.last {
		m.count()
		m.last, m.outcome = t.Message, t.Outcome
		m.came(&t)
	} else if weight(t.Outcome) > weight(m.outcome) {
		m.outcome = t.Outcome
	}
	switch {
	case t.Rule == nil:
	case t.Outcome == engine.Failed:
		m.ruleFailures.WithLabelValues(m.ruleName(t.Rule)).Inc()
	case t.Outcome == engine.Fired:
		m.fired(&t)
	}
}

// count enters the message that was looked at last.
func (m *Metrics) count() {
	if m.last == nil {
		return
	}
	c := m.types[messageType{m.last.Transport, m.last.Type}]
	if c == nil {
		c = m.types[messageType{m.last.Transport, other}]
	}
	if c != nil {
		c.add(m.messages, m.outcome)
		if sent, failed := strings.CutSuffix(c.labels.typ, ".error"); failed {
			m.sendErrors.WithLabelValues(c.labels.transport, sent).Inc()
		}
	}
	m.last = nil
}

func (c *outcomes) add(to *prometheus.CounterVec, o engine.Outcome) {
	i := weight(o)
	if c.counts[i] == nil {
		c.counts[i] = to.WithLabelValues(c.labels.transport, c.labels.typ, string(o))
	}
	c.counts[i].Inc()
}

// came looks at a message as such, whatever became of it.
func (m *Metrics) came(t *engine.Trace) {
	msg := t.Message
	switch {
	case msg.Type == engine.TransportUp || msg.Type == engine.TransportDown:
		m.session(msg)
	case msg.Transport != "engine":
	case msg.Type == "call.end":
		m.ended(t)
	case strings.HasPrefix(msg.Type, "buffer."):
		name := strings.TrimPrefix(msg.Type, "buffer.")
		if reason := gjson.GetBytes(msg.Body, "reason").String(); reason != "" {
			m.buffers.WithLabelValues(name, reason).Inc()
		}
	}
}

// session keeps who is logged in. A Verto transport says so for each account.
func (m *Metrics) session(msg *engine.Message) {
	up := m.sessions[msg.Transport]
	if up == nil {
		up = map[string]bool{}
		m.sessions[msg.Transport] = up
	}
	account := gjson.GetBytes(msg.Body, "params.account").String()
	if msg.Type == engine.TransportUp {
		up[account] = true
	} else {
		delete(up, account)
	}
	m.sessionsUp.WithLabelValues(msg.Transport).Set(float64(len(up)))
}

func (m *Metrics) fired(t *engine.Trace) {
	if meter := m.meters[t.Rule]; meter != nil {
		meter.hits.Inc()
		for _, l := range meter.limits {
			l.Inc()
		}
	} else { // of a call that began with other rules
		m.ruleHits.WithLabelValues(m.ruleName(t.Rule)).Inc()
	}
	if t.Call == "" || t.To == "" || t.Connection != "" {
		return
	}
	was := m.calls[t.Call]
	if was == nil && t.Rule.New && t.From == "" {
		m.callsBegun.Inc()
	}
	if t.From == t.To || t.Ended {
		return
	}
	is := m.states[t.To]
	if is == nil {
		is = m.callsNow.WithLabelValues(other)
	}
	if was != nil {
		was.Dec()
	}
	is.Inc()
	m.calls[t.Call] = is
}

func (m *Metrics) ruleName(r *engine.Rule) string {
	if m.loaded[r.Name] {
		return r.Name
	}
	return other
}

// ended counts a call by what the engine says of its end.
func (m *Metrics) ended(t *engine.Trace) {
	if was := m.calls[t.Call]; was != nil {
		was.Dec()
		delete(m.calls, t.Call)
	}
	end := gjson.ParseBytes(t.Message.Body)
	direction := end.Get("direction").String()
	switch direction {
	case "in", "out":
	case "":
		direction = none
	default:
		direction = other
	}
	cause := end.Get("cause").String()
	switch {
	case cause == "":
		cause = none
	case !m.causes[cause]:
		cause = other
	}
	m.callsEnded.WithLabelValues(direction, cause).Inc()
	if answered := end.Get("answered"); answered.Exists() {
		took := end.Get("duration").Int() - end.Get("talked").Int()
		m.setUp.WithLabelValues(direction).Observe((time.Duration(took) * time.Millisecond).Seconds())
	}
}

// statesOf are the states that rules name.
func statesOf(set *engine.Ruleset) map[string]bool {
	states := map[string]bool{"begun": true}
	for _, r := range set.Rules {
		for _, list := range [][]string{r.In, r.NextStates} {
			for _, state := range list {
				if state != "" && state != "end" {
					states[state] = true
				}
			}
		}
	}
	return states
}

// typesOf are the types that schemas and rules name, and other, of each peer and
// of the engine.
func typesOf(peers []Peer, set *engine.Ruleset) map[messageType]*outcomes {
	types := map[messageType]*outcomes{}
	add := func(transport, typ string) {
		if labels := (messageType{transport, typ}); !strings.ContainsAny(typ, "*?[") {
			types[labels] = &outcomes{labels: labels}
		}
	}
	for _, p := range append([]Peer{{Name: "engine", Schema: rules.EngineSchema}}, peers...) {
		add(p.Name, other)
		if p.Schema != nil {
			for _, msg := range p.Schema.Messages {
				add(p.Name, msg.Type)
				if msg.Out != nil && p.Schema.OK != nil {
					add(p.Name, msg.Type+".ok")
				}
				if msg.Out != nil && p.Schema.Error != nil {
					add(p.Name, msg.Type+".error")
				}
			}
		}
		for _, r := range set.Rules {
			for _, on := range r.On {
				add(p.Name, on.Type) // the transport may stand there as a group or a pattern: what never comes has no counter
			}
		}
	}
	for _, name := range set.Timers {
		add("engine", "timer."+name)
	}
	for _, b := range set.Buffers {
		add("engine", "buffer."+b.Name)
	}
	return types
}

// causesOf are the values that schemas give for fields called cause.
func causesOf(peers []Peer) map[string]bool {
	causes := map[string]bool{}
	var within func(t *schema.Type)
	within = func(t *schema.Type) {
		if t == nil {
			return
		}
		for i := range t.Fields {
			f := &t.Fields[i]
			if f.Name == "cause" {
				for _, v := range f.Type.Values {
					causes[v] = true
				}
			}
			within(&f.Type)
		}
		within(t.Each)
	}
	for _, p := range peers {
		if p.Schema == nil {
			continue
		}
		for i := range p.Schema.Messages {
			within(p.Schema.Messages[i].In)
			within(p.Schema.Messages[i].Out)
		}
	}
	return causes
}
