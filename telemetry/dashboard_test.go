package telemetry_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vertigo/telemetry"
)

// A panel is one picture of the dashboard.
type panel struct {
	title, unit string
	form        string   // Grafana's name of it
	width       int      // of 24
	queries     []string // PromQL, each with its legend behind " # "
}

var panels = []panel{
	{"Transports", "bool_yes_no", "stat", 8, []string{"vertigo_transport_up{$of} # {{transport}}"}},
	{"Calls under way", "short", "stat", 4, []string{"sum(vertigo_calls{$of}) # calls"}},
	{"Sessions", "short", "stat", 4, []string{"vertigo_transport_sessions{$of} # {{transport}}"}},
	{"Age of the rules", "s", "stat", 4, []string{"time() - vertigo_rules_loaded_timestamp_seconds{$of} # age"}},
	{"Rules and version", "short", "stat", 4, []string{"vertigo_rules_info{$of} # rules {{hash}}", "vertigo_build_info{$of} # {{version}}"}},

	{"Calls by state", "short", "timeseries", 12, []string{"sum by (state) (vertigo_calls{$of}) # {{state}}"}},
	{"Calls begun and ended", "cps", "timeseries", 12, []string{
		"sum(rate(vertigo_calls_begun_total{$of}[$__rate_interval])) # begun",
		"sum by (direction, cause) (rate(vertigo_calls_ended_total{$of}[$__rate_interval])) # {{direction}} {{cause}}",
	}},
	{"Set-up time", "s", "timeseries", 12, []string{
		"histogram_quantile(0.5, sum by (le, direction) (rate(vertigo_call_setup_seconds_bucket{$of}[$__rate_interval]))) # half, {{direction}}",
		"histogram_quantile(0.95, sum by (le, direction) (rate(vertigo_call_setup_seconds_bucket{$of}[$__rate_interval]))) # 95 %, {{direction}}",
	}},
	{"Translation", "s", "timeseries", 12, []string{
		"histogram_quantile(0.5, sum by (le) (rate(vertigo_step_duration_seconds_bucket{$of}[$__rate_interval]))) # half",
		"histogram_quantile(0.99, sum by (le) (rate(vertigo_step_duration_seconds_bucket{$of}[$__rate_interval]))) # 99 %",
	}},

	{"Messages by outcome", "mps", "timeseries", 12, []string{"sum by (transport, outcome) (rate(vertigo_messages_total{$of}[$__rate_interval])) # {{transport}} {{outcome}}"}},
	{"Sends, and what came to nothing", "mps", "timeseries", 12, []string{
		"sum by (transport, type) (rate(vertigo_sends_total{$of}[$__rate_interval])) # {{transport}} {{type}}",
		"sum by (transport, type) (rate(vertigo_send_errors_total{$of}[$__rate_interval])) # failed: {{transport}} {{type}}",
	}},
	{"Waiting to be sent", "short", "timeseries", 12, []string{"sum by (transport) (vertigo_send_queue_length{$of}) # {{transport}}"}},
	{"Sent again", "mps", "timeseries", 12, []string{"sum by (transport) (rate(vertigo_sends_retried_total{$of}[$__rate_interval])) # {{transport}}"}},
	{"Rules that fire most", "short", "timeseries", 12, []string{"topk(15, sum by (rule) (increase(vertigo_rule_hits_total{$of}[$__rate_interval]))) # {{rule}}"}},
	{"Rules that fail", "short", "timeseries", 12, []string{"sum by (rule) (increase(vertigo_rule_failures_total{$of}[$__rate_interval])) > 0 # {{rule}}"}},
	{"Limits exhausted", "short", "timeseries", 8, []string{"sum by (limit) (increase(vertigo_limit_exhausted_total{$of}[$__rate_interval])) # {{limit}}"}},
	{"Buffers", "short", "timeseries", 8, []string{"sum by (buffer, reason) (increase(vertigo_buffers_total{$of}[$__rate_interval])) # {{buffer}}: {{reason}}"}},
	{"Reloads", "short", "timeseries", 8, []string{"sum by (result) (increase(vertigo_reloads_total{$of}[$__rate_interval])) # {{result}}"}},
}

// The dashboard shows all metrics, and none that there is not.
func TestDashboard(t *testing.T) {
	type object = map[string]any
	source := object{"type": "prometheus", "uid": "${source}"}
	var list []object
	var all strings.Builder
	x, y := 0, 0
	for i, p := range panels {
		height := 8
		if p.form == "stat" {
			height = 4
		}
		var targets []object
		for j, q := range p.queries {
			expr, legend, ok := strings.Cut(q, " # ")
			if !ok {
				t.Fatalf("%s: a query has no legend", p.title)
			}
			all.WriteString(expr + "\n")
			targets = append(targets, object{
				"datasource": source, "refId": string(rune('A' + j)), "legendFormat": legend,
				"expr": strings.ReplaceAll(expr, "$of", `job=~"$job",instance=~"$instance"`),
			})
		}
		options := object{"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": true}, "tooltip": object{"mode": "multi", "sort": "desc"}}
		if p.form == "stat" {
			options = object{"colorMode": "value", "graphMode": "none", "textMode": "value_and_name", "reduceOptions": object{"calcs": []string{"lastNotNull"}}}
		}
		list = append(list, object{
			"id": i + 1, "type": p.form, "title": p.title, "datasource": source, "targets": targets, "options": options,
			"fieldConfig": object{"defaults": object{"unit": p.unit}, "overrides": []object{}},
			"gridPos":     object{"x": x, "y": y, "w": p.width, "h": height},
		})
		if x += p.width; x >= 24 {
			x, y = 0, y+height
		}
	}
	choice := func(name, label, query string) object {
		return object{
			"name": name, "label": label, "type": "query", "datasource": source, "query": query, "refresh": 2,
			"includeAll": true, "multi": true, "allValue": ".*", "current": object{"text": "All", "value": "$__all"},
		}
	}
	text, err := json.MarshalIndent(object{
		"title": "Vertigo", "uid": "vertigo", "schemaVersion": 39, "version": 1, "editable": true,
		"refresh": "30s", "time": object{"from": "now-6h", "to": "now"}, "timezone": "browser", "tags": []string{"vertigo"},
		"templating": object{"list": []object{
			{"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"},
			choice("job", "Job", "label_values(vertigo_build_info, job)"),
			choice("instance", "Instance", `label_values(vertigo_build_info{job=~"$job"}, instance)`),
		}},
		"panels": list,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	shown := named(t, all.String())
	for _, d := range telemetry.All {
		if !shown[d.Name] {
			t.Errorf("%s is not shown", d.Name)
		}
	}
	made(t, "../docs/grafana.json", string(text)+"\n")
}

var (
	metricName = regexp.MustCompile(`vertigo_[a-z_]+`)
	grouping   = regexp.MustCompile(`by \(([a-z, ]+)\) \(.*?(vertigo_[a-z_]+)`)
)

// named are the metrics that a text names. Each exists, and has the labels that
// it is grouped by.
func named(t *testing.T, text string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, name := range metricName.FindAllString(text, -1) {
		if d := metric(name); d == nil {
			t.Errorf("there is no metric %s", name)
		} else {
			names[d.Name] = true
		}
	}
	for line := range strings.Lines(text) {
		m := grouping.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		d := metric(m[2])
		for _, label := range strings.Split(m[1], ", ") {
			if d != nil && !slices.Contains(d.Labels, label) && !(label == "le" && d.Kind == telemetry.Histogram) {
				t.Errorf("%s has no label %s", d.Name, label)
			}
		}
	}
	return names
}

// metric finds the metric that a name in a query is of; nil if there is none.
func metric(name string) *telemetry.Metric {
	for i, d := range telemetry.All {
		if name == d.Name && d.Kind != telemetry.Histogram {
			return &telemetry.All[i]
		}
		if d.Kind == telemetry.Histogram && (name == d.Name || slices.Contains([]string{"_bucket", "_sum", "_count"}, strings.TrimPrefix(name, d.Name))) {
			return &telemetry.All[i]
		}
	}
	return nil
}
