package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/hometest"
)

var update = flag.Bool("update", false, "take the captures in examples/ anew")

// record tells a story. A replay of its capture must show the same; with -update
// that becomes the example's. The story gives those of its clients that rang or
// called to the end.
func (e *example) record(t *testing.T, name string, tell func(t *testing.T) []*client) {
	t.Run(name, func(t *testing.T) {
		before := len(e.captured(t))
		clients := tell(t)
		marker := e.settle(t, clients[0])
		all := e.captured(t)
		lines := slices.Concat(pick(all[:before], `"type":"transport.up"`), all[before:])
		lines = slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, marker) })
		story := strings.Join(lines, "")
		e.bridge.Write(t, name+".ndjson", story)
		e.program(t, "replay", "-c", "vertigo.toml", "--expect", name+".ndjson")
		if *update {
			file := filepath.Join("..", "examples", e.name, name+".ndjson")
			if err := os.WriteFile(file, []byte(published(t, story)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		e.over(t, clients...)
	})
}

// pick gives the lines that hold a text.
func pick(lines []string, part string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.Contains(line, part) })
}

// captured are the lines that the bridge has captured so far.
func (e *example) captured(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(e.bridge.Dir, "captures", "*.ndjson"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the captures are %q: %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(data)))
}

// settle waits until the bridge has seen all that has happened on the homeserver,
// the event of the id that it returns last.
func (e *example) settle(t testing.TB, c *client) (marker string) {
	t.Helper()
	said := len(e.bridge.Said())
	marker = c.user.Send(t, c.room, "m.room.message", map[string]any{"msgtype": "m.text", "body": "settled?"})
	for {
		_, said = e.bridge.WaitLine(t, said, "transport=matrix", "type=m.room.message")
		if len(pick(e.captured(t), marker)) > 0 {
			return marker
		}
	}
}

// over makes sure that calls are over, and seen to be by the bridge.
func (e *example) over(t testing.TB, clients ...*client) {
	t.Helper()
	for _, c := range clients {
		c.quiet()
	}
	e.settle(t, clients[0])
}

// officeHours is when the calls of examples took place, as their captures tell.
var officeHours = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// published is a capture as examples show it: with their names, in office hours,
// and without the call log, which names calls by ids that follow from these names.
func published(t testing.TB, capture string) string {
	t.Helper()
	var out strings.Builder
	var shift time.Duration
	n := 0
	for line := range strings.Lines(strings.ReplaceAll(capture, hometest.ServerName, "example.org")) {
		at, err := time.Parse(time.RFC3339Nano, gjson.Get(line, "ts").Str)
		if err != nil {
			t.Fatal(err)
		}
		if n++; n <= 2 { // the word of who the bridge is, and what comes first
			shift = officeHours.Sub(at).Truncate(time.Millisecond)
		}
		if gjson.Get(line, "transport").Str != "calllog" {
			out.WriteString(later(t, line, at, shift))
		}
	}
	return out.String()
}

var origin = regexp.MustCompile(`"origin_server_ts":(\d+)`)

// later is a line of a capture, of that time, that happened later.
func later(t testing.TB, line string, at time.Time, shift time.Duration) string {
	t.Helper()
	line = strings.Replace(line, gjson.Get(line, "ts").Raw, `"`+at.Add(shift).Format(time.RFC3339Nano)+`"`, 1)
	return origin.ReplaceAllStringFunc(line, func(field string) string {
		ms, err := strconv.ParseInt(origin.FindStringSubmatch(field)[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`"origin_server_ts":%d`, ms+shift.Milliseconds())
	})
}
