package examples_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// captured are the captures of real peers from which examples are made.
const captured = "testdata/captures/"

// A captureLine is one line of a capture, as far as these tests look at it.
type captureLine struct {
	TS        time.Time
	Transport string
	Dir       string
	Data      json.RawMessage
	At        string // of what a replay sends: where in the capture it stands what it is sent for
}

// typ is the type of an event or the method of a request; "" of a reply.
func (l captureLine) typ() string {
	if l.Transport == "verto" {
		return l.get("method")
	}
	return l.get("type")
}

func (l captureLine) get(path string) string { return gjson.GetBytes(l.Data, path).String() }

// captureLines reads what a capture holds, or what the program prints of one.
func captureLines(t *testing.T, text string) []captureLine {
	t.Helper()
	var list []captureLine
	for line := range strings.Lines(text) {
		var l captureLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		list = append(list, l)
	}
	return list
}

// An outcome is what "vertigo explain" says of a message.
type outcome struct {
	At, Transport, Type, Outcome, Error string
	Rules                               []struct{ Rule, Verdict string }
}

// fired gives the names of the rules that acted on it.
func (o outcome) fired() []string {
	var names []string
	for _, r := range o.Rules {
		if r.Verdict == "fired" {
			names = append(names, r.Rule)
		}
	}
	return names
}

// outcomes tells what becomes of each message of a capture, by the rules beside
// it.
func outcomes(t *testing.T, capture string) []outcome {
	t.Helper()
	stdout, stderr, code := run(t, "explain", "--format", "json", "-r", beside(capture, "rules.toml"), capture)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	var list []outcome
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// ids are what the ends of a Verto call made up for it: two captures that say the
// same differ in them.
var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|"id":\d+`)

// withoutIDs gives what a line of Verto says, whichever call it is about.
func withoutIDs(l captureLine) string { return ids.ReplaceAllString(string(l.Data), "") }

func nameOf(capture string) string {
	return strings.TrimSuffix(filepath.Base(capture), filepath.Ext(capture))
}
