package telemetry_test

import (
	"fmt"
	"strings"
	"testing"

	"vertigo/telemetry"
)

const docHead = `# Metrics

The [console](operate.md#the-console) shows these at ` + "`/metrics`" + `, beside those of the Go runtime (` + "`go_…`" + `) and of the process
(` + "`process_…`" + `). [grafana.json](grafana.json) is a dashboard of them. Both are made from the program.

Labels have few values, whatever peers send: a ` + "`type`" + ` is one that the [schemas](messages.md) or the rules name, a ` + "`rule`" + ` one that was
loaded, a ` + "`state`" + ` one that the rules in use name, a ` + "`cause`" + ` one of FreeSWITCH's. What is none of these is ` + "`other`" + `. The peer ` + "`engine`" + ` is
Vertigo itself: its timers, buffers and ends of calls.

`

func TestDocument(t *testing.T) {
	var text strings.Builder
	text.WriteString(docHead + "| metric | labels | |\n| --- | --- | --- |\n")
	for _, d := range telemetry.All {
		labels := make([]string, len(d.Labels))
		for i, l := range d.Labels {
			labels[i] = "`" + l + "`"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s. %s |\n", d.Name, strings.Join(labels, ", "), strings.ToUpper(string(d.Kind[:1]))+string(d.Kind[1:]), d.Help)
	}
	text.WriteString(`
What to be woken for:

| | PromQL |
| --- | --- |
| a peer is away | ` + "`vertigo_transport_up == 0`, for five minutes" + ` |
| messages fail | ` + "`rate(vertigo_messages_total{outcome=\"failed\"}[5m]) > 0`" + ` |
| what is sent comes to nothing | ` + "`rate(vertigo_send_errors_total[5m]) > 0.1`" + ` |
| what is sent piles up | ` + "`vertigo_send_queue_length > 50`, for a minute" + ` |
| a reload changed nothing | ` + "`increase(vertigo_reloads_total{result=\"faulty\"}[15m]) > 0`" + ` |
| the engine is slow | ` + "`histogram_quantile(0.99, rate(vertigo_step_duration_seconds_bucket[5m])) > 0.01`" + ` |
`)
	named(t, text.String())
	made(t, "../docs/metrics.md", text.String())
}
