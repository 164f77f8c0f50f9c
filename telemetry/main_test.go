package telemetry_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write docs/metrics.md and docs/grafana.json anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// made compares a file with what it is made from, or writes it.
func made(t *testing.T, name, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	is, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(is) != text {
		t.Errorf("%s is not what the metrics make of it: go test -tags goolm ./telemetry -update", name)
	}
}
