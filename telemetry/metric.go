package telemetry

import "github.com/prometheus/client_golang/prometheus"

// A Metric describes one metric of Vertigo's own.
type Metric struct {
	Name   string
	Kind   Kind
	Labels []string
	Help   string // a sentence, for Prometheus and for docs/metrics.md
}

// A Kind is a Prometheus metric type.
type Kind string

// The kinds that there are.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// All are the metrics of Vertigo's own, in the order of the reference. Those of
// the Go runtime and of the process come beside them.
var All = []Metric{
	messages, steps, ruleHits, ruleFailures, limits, buffers,
	callsBegun, callsNow, callsEnded, setUp,
	sends, sendErrors, sendsRetried, sendQueue, transportUp, transportSessions,
	rulesInfo, rulesLoaded, reloads, buildInfo,
}

var (
	messages = Metric{"vertigo_messages_total", Counter, []string{"transport", "type", "outcome"},
		"Messages that the engine was given, and its own, by what became of them. One that waits for its call to begin counts again when it has."}
	steps = Metric{"vertigo_step_duration_seconds", Histogram, nil,
		"How long the engine took for one batch of messages, or for what was due: the translation, without sending."}
	ruleHits = Metric{"vertigo_rule_hits_total", Counter, []string{"rule"},
		"How often each rule fired."}
	ruleFailures = Metric{"vertigo_rule_failures_total", Counter, []string{"rule"},
		"How often each rule could not be evaluated, or lost a part of what it was to do."}
	limits = Metric{"vertigo_limit_exhausted_total", Counter, []string{"limit"},
		"How often a rule fired because a limit of the rules was exhausted (beyond). Limits that no rule is beyond are not seen."}
	buffers = Metric{"vertigo_buffers_total", Counter, []string{"buffer", "reason"},
		"Buffers that spoke, by the reason: complete, idle, timeout or limit."}

	callsBegun = Metric{"vertigo_calls_begun_total", Counter, nil,
		"Calls that a rule began."}
	callsNow = Metric{"vertigo_calls", Gauge, []string{"state"},
		"Calls under way, by their state."}
	callsEnded = Metric{"vertigo_calls_ended_total", Counter, []string{"direction", "cause"},
		"Calls that have ended. The direction is in or out, and the cause FreeSWITCH's, as the rules have set them; none where they have not."}
	setUp = Metric{"vertigo_call_setup_seconds", Histogram, []string{"direction"},
		"From the beginning of a call to its answer, of answered calls; told when the call has ended."}

	sends = Metric{"vertigo_sends_total", Counter, []string{"transport", "type"},
		"Messages that rules sent, as handed to the transport."}
	sendErrors = Metric{"vertigo_send_errors_total", Counter, []string{"transport", "type"},
		"Messages that rules sent and that came to nothing: the transport gave up, or the peer refused. A retry that helps is none."}
	sendsRetried = Metric{"vertigo_sends_retried_total", Counter, []string{"transport"},
		"Further tries of messages that the peer did not take at once: rate limits, faults of the network and of servers; of Verto, byes that a lost socket left owing."}
	sendQueue = Metric{"vertigo_send_queue_length", Gauge, []string{"transport"},
		"Messages that wait in the transport to be sent, or for their next try."}
	transportUp = Metric{"vertigo_transport_up", Gauge, []string{"transport"},
		"1 where the transport is logged in to its peer, 0 where it is not."}
	transportSessions = Metric{"vertigo_transport_sessions", Gauge, []string{"transport"},
		"Sessions of the transport that are up: of Verto, one for each socket."}

	rulesInfo = Metric{"vertigo_rules_info", Gauge, []string{"hash"},
		"1, with a hash of the texts of the rules that new calls begin with."}
	rulesLoaded = Metric{"vertigo_rules_loaded_timestamp_seconds", Gauge, nil,
		"When the rules that new calls begin with were loaded, in Unix time."}
	reloads = Metric{"vertigo_reloads_total", Counter, []string{"result"},
		"Attempts to reload the rules: ok, or faulty, which changes nothing."}
	buildInfo = Metric{"vertigo_build_info", Gauge, []string{"version"},
		"1, with the version of the program."}
)

func (d Metric) counters() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
}

func (d Metric) gauges() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: d.Name, Help: d.Help}, d.Labels)
}

func (d Metric) histograms(buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: d.Name, Help: d.Help, Buckets: buckets}, d.Labels)
}

// of describes the metric of one peer, whose name is its only label.
func (d Metric) of(p Peer) prometheus.Opts {
	return prometheus.Opts{Name: d.Name, Help: d.Help, ConstLabels: prometheus.Labels{d.Labels[0]: p.Name}}
}
