package e2e_test

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// A record is a line of the call log, as far as it can be foretold.
type record struct {
	direction, user, dialled, cause string
	answered                        bool
}

// A book says which calls the call logs must tell of, by the number at the far
// end.
type book struct {
	mu   sync.Mutex
	want map[string]record
}

func (b *book) expect(number string, r record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.want == nil {
		b.want = map[string]record{}
	}
	b.want[number] = r
}

// check stops the bridges and compares what they wrote.
func (b *book) check(t *testing.T, sites ...*site) {
	t.Helper()
	told := map[string]bool{}
	for _, s := range sites {
		s.bridge.Stop(t, syscall.SIGTERM)
		for _, line := range s.records(t) {
			number := line.Get("number").Str
			want, ok := b.want[number]
			if !ok || told[number] {
				t.Errorf("the call log tells of a call too many: %s", line.Raw)
				continue
			}
			told[number] = true
			want.check(t, line)
		}
	}
	for number := range b.want {
		if !told[number] {
			t.Errorf("the call log does not tell of the call with %s", number)
		}
	}
}

func (r record) check(t *testing.T, line gjson.Result) {
	t.Helper()
	got := record{
		direction: line.Get("direction").Str, user: line.Get("user").Str, dialled: line.Get("dialled").Str,
		cause: line.Get("cause").Str, answered: line.Get("answered").Exists(),
	}
	if got != r {
		t.Errorf("the call log says %s, not %+v", line.Raw, r)
	}
	begun, err := time.Parse(time.RFC3339, line.Get("begun").Str)
	ended, err2 := time.Parse(time.RFC3339, line.Get("ended").Str)
	if err != nil || err2 != nil || ended.Before(begun) {
		t.Errorf("the call log says that a call took from %s to %s", line.Get("begun"), line.Get("ended"))
	}
	if took := line.Get("duration").Int(); took != ended.Sub(begun).Milliseconds() {
		t.Errorf("and that this took %d ms", took)
	}
	if talked := line.Get("talked"); talked.Exists() != r.answered || talked.Int() > line.Get("duration").Int() {
		t.Errorf("and that they talked for %s ms", talked.Raw)
	}
}
