package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestCausesAreCountedByName(t *testing.T) {
	var c counters
	for _, cause := range []string{"USER_BUSY", "OUTGOING_CALL_BARRED", "USER_BUSY", "none"} {
		c.causes.add(cause)
	}
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("stopped", "total", &c)
	want := "total.late=0 total.causes.OUTGOING_CALL_BARRED=1 total.causes.USER_BUSY=2 total.causes.none=1\n"
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("logged %s, not %s", out.String(), want)
	}
}

func TestNamesAreFewAndShort(t *testing.T) {
	var c tally
	c.add(strings.Repeat("x", longestName+1))
	for i := range 2 * maxNames {
		c.add(fmt.Sprint("cause ", i))
		c.add("cause 0")
	}
	if n := len(c.counts); n > maxNames+1 {
		t.Errorf("%d names are kept", n)
	}
	if first, other := c.counts["cause 0"], c.counts[otherNames]; first != 2*maxNames+1 || first+other+int64(len(c.counts)-2) != 4*maxNames+1 {
		t.Errorf("%d of the first, %d others of %d names", first, other, len(c.counts))
	}
}
