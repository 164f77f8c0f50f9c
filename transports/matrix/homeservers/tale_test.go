package homeservers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/hometest"
)

// A tale is a story as it went on one homeserver.
type tale struct {
	t      *testing.T
	ctx    context.Context
	server *hometest.Server
	bridge *bridge
	names  []string          // of what happened, in order
	came   map[string]string // what came of each, ids and times replaced
	known  map[string]string // what ids are called
}

// note says what came of a step.
func (l *tale) note(name, outcome string) {
	if _, twice := l.came[name]; twice {
		l.t.Fatalf("two steps are called %q", name)
	}
	if outcome == "" {
		outcome = "-"
	}
	l.names = append(l.names, name)
	l.came[name] = outcome
}

// call gives an id the name that stands for it from then on.
func (l *tale) call(name, id string) string {
	l.known[id] = name
	return id
}

// ask makes a request and notes the parts of the reply that keep names, or
// status and errcode of a refusal.
func (l *tale) ask(name string, u *hometest.User, method, path string, body any, keep ...string) gjson.Result {
	l.t.Helper()
	reply, err := u.Do(l.ctx, method, "/_matrix/client/v3/"+path, body)
	var refused *hometest.Error
	switch {
	case errors.As(err, &refused):
		l.note(name, fmt.Sprintf("%d %s", refused.Status, refused.Code))
	case err != nil:
		l.t.Fatalf("%s: %v", name, err)
	default:
		l.note(name, strings.TrimSpace("200 "+l.parts(reply, keep...)))
	}
	return reply
}

// parts are some fields of v, in a form that can be compared.
func (l *tale) parts(v gjson.Result, keep ...string) string {
	var parts []string
	for _, path := range keep {
		part := v.Get(path)
		if !part.Exists() {
			continue
		}
		var plain any
		if err := json.Unmarshal([]byte(part.Raw), &plain); err != nil {
			l.t.Fatal(err)
		}
		data, err := json.Marshal(plain) // keys sorted, no spaces
		if err != nil {
			l.t.Fatal(err)
		}
		parts = append(parts, path+"="+l.plain(string(data)))
	}
	return strings.Join(parts, " ")
}

// plain replaces ids by their names.
func (l *tale) plain(text string) string {
	for id, name := range l.known {
		text = strings.ReplaceAll(text, id, name)
	}
	return text
}

// event notes an event as somebody sees it.
func (l *tale) event(name string, e gjson.Result) {
	l.note(name, l.parts(e, "type", "sender", "state_key", "room_id", "content"))
}

// pushed notes the next event of that type and about that call, or member, that
// the bridge is sent.
func (l *tale) pushed(name, typ string, match func(gjson.Result) bool) {
	l.t.Helper()
	for {
		if e := l.bridge.next(l.ctx, l.t, typ); match(e) {
			l.event(name, e)
			return
		}
	}
}

// sees notes the first event that match accepts that u gets by /sync.
func (l *tale) sees(name string, u *hometest.User, match func(gjson.Result) bool) gjson.Result {
	l.t.Helper()
	e, err := u.WaitEvent(l.ctx, match)
	if err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
	l.event(name, e)
	return e
}

// polls notes what u gets by /sync, once it has that part: Dendrite may be late
// with invitations and account data.
func (l *tale) polls(name string, u *hometest.User, filter, part string) {
	l.t.Helper()
	query := url.Values{"filter": {filter}, "timeout": {"1000"}}
	for {
		reply, err := u.Do(l.ctx, get, "/_matrix/client/v3/sync?"+query.Encode(), nil)
		if err != nil {
			l.t.Fatalf("%s: %v", name, err)
		}
		if reply.Get(part).Exists() {
			l.note(name, l.parts(reply, part))
			return
		}
		query.Set("since", reply.Get("next_batch").String())
	}
}

// history notes what of a room u can read: types, and who became what. It asks
// until it sees what last accepts, since Dendrite's /messages may lag.
func (l *tale) history(name string, u *hometest.User, room string, last func(gjson.Result) bool) {
	l.t.Helper()
	var events []gjson.Result
	for !slices.ContainsFunc(events, last) {
		if l.ctx.Err() != nil {
			l.t.Fatalf("%s: the last is not there: %s", name, events)
		}
		events = u.Messages(l.t, room)
	}
	var lines []string
	for _, e := range events {
		line := e.Get("type").String()
		if line == "m.room.member" {
			line += " " + e.Get("state_key").String() + " " + e.Get("content.membership").String()
		}
		lines = append(lines, line)
	}
	l.note(name, strings.Join(lines, ", "))
}

func TestTheSameStoryOnEach(t *testing.T) {
	var tales []*tale
	Each(t, func(t *testing.T, start Start) {
		l := &tale{t: t, ctx: soon(t), bridge: newBridge(t, "a_", "+442071234567"), came: map[string]string{}, known: map[string]string{}}
		l.server = start(t, hometest.Options{AppServices: []hometest.AppService{l.bridge.AppService}})
		l.tell()
		tales = append(tales, l)
	})
	if t.Failed() || len(tales) == 0 {
		return
	}
	ours := tales[len(tales)-1]
	for _, name := range ours.names {
		came := map[hometest.Kind]string{}
		for _, l := range tales {
			came[l.server.Kind] = idLike.ReplaceAllString(l.came[name], "ID")
		}
		allowed, differs := differences[name]
		for kind, got := range came {
			want := came[hometest.Matrixtest]
			if differs {
				want = allowed.of(kind)
			}
			if got != want {
				t.Errorf("%s\n%10s: %s\n%10s: %s", name, kind, got, "wanted", want)
			}
		}
	}
	for name := range differences {
		if !slices.Contains(ours.names, name) {
			t.Errorf("no step is called %q", name)
		}
	}
}

// idLike is what no tale can have a name for.
var idLike = regexp.MustCompile(`[$!][A-Za-z0-9_-]{12,}(:` + regexp.QuoteMeta(hometest.ServerName) + `)?`)
