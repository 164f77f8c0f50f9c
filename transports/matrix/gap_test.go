package matrix

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

// limitedSync is a /sync of room a whose timeline lacks older events.
func limitedSync(next, prev string, events ...string) reply {
	return reply{body: fmt.Sprintf(`{"next_batch":%q,"rooms":{"join":{"!a:hs.test":{"timeline":{"events":[%s],"limited":true,"prev_batch":%q}}}}}`,
		next, strings.Join(events, ","), prev)}
}

// page is a reply of /messages, newest first.
func page(end string, events ...string) reply {
	return reply{body: fmt.Sprintf(`{"start":"x","end":%q,"chunk":[%s]}`, end, strings.Join(events, ","))}
}

func numbered(n int) string {
	return callEvent("m.call.candidates", fmt.Sprintf("$%d", n), "c1")
}

// ids are the event ids of all messages.
func ids(batches [][]engine.Message) string {
	var out []string
	for _, batch := range batches {
		for _, m := range batch {
			out = append(out, m.ID)
		}
	}
	return strings.Join(out, " ")
}

func TestAGapIsFilledFromWhereTheRoomWasLastSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- syncOf("s1", roomA, numbered(1)) // before the first start
		b := startBot(t, hs)
		defer b.stop()
		b.taken()
		hs.answerWith(func(r request) reply {
			switch r.query.Get("from") {
			case "p6":
				return page("p4", numbered(5), numbered(4))
			case "p4":
				return page("p3") // events of other types only
			case "p3":
				return page("p1", numbered(3), numbered(2), numbered(1), numbered(0))
			}
			return reply{}
		})
		hs.syncs <- limitedSync("s2", "p6", numbered(6), numbered(7))
		got := b.taken()
		if diff := cmp.Diff("$2 $3 $4 $5 $6 $7", ids(got)); diff != "" || len(got) != 1 {
			t.Error(diff)
		}
		for _, r := range hs.asked("/rooms/") {
			if r.path != "/rooms/!a:hs.test/messages" || r.query.Get("dir") != "b" || r.query.Get("to") != "s1" || r.query.Get("filter") != gapFilter {
				t.Errorf("asked %+v", r)
			}
		}
	})
}

func TestAGapIsAskedForAgainWhenTheNetworkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		defer b.stop()
		troubles := []reply{{err: errReset}, {status: 500}}
		hs.answerWith(func(r request) reply {
			if len(troubles) > 0 {
				next := troubles[0]
				troubles = troubles[1:]
				return next
			}
			return page("", numbered(1))
		})
		hs.syncs <- limitedSync("s2", "p2", numbered(2))
		time.Sleep(10 * time.Second)
		if diff := cmp.Diff("$1 $2", ids(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAGapThatCannotBeFilledIsSaidAndDoesNotStopTheRest(t *testing.T) {
	for name, answer := range map[string]reply{
		"refused":   {status: 403, body: `{"errcode":"M_FORBIDDEN","error":"no"}`},
		"broken":    {status: 500},
		"no JSON":   {body: `<html>`},
		"no object": {body: `[]`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hs := newHomeserver()
				b := connected(t, hs)
				defer b.stop()
				hs.answerWith(func(request) reply { return answer })
				hs.syncs <- limitedSync("s2", "p2", numbered(2))
				hs.syncs <- syncOf("s3", roomB, numbered(3))
				time.Sleep(time.Minute)
				if diff := cmp.Diff("$2 $3", ids(b.taken())); diff != "" {
					t.Error(diff)
				}
				if lines := b.log.with("events of a room are lost"); name != "no object" && len(lines) != 1 {
					t.Errorf("logged %q", lines)
				}
			})
		})
	}
}

func TestAGapWithoutEndIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		defer b.stop()
		n := 10000
		hs.answerWith(func(r request) reply {
			n--
			return page(fmt.Sprint("p", n), numbered(n))
		})
		hs.syncs <- limitedSync("s2", "p", numbered(20000))
		got := b.taken()
		if len(got) != 1 || len(got[0]) != gapPages+1 {
			t.Errorf("%d batches", len(got))
		}
		if lines := b.log.with("the gap is too long"); len(lines) != 1 {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestWhatWasSaidBeforeWeJoinedIsNoGap(t *testing.T) {
	member := func(id, unsigned string) string {
		return `{"type":"m.room.member","event_id":"` + id + `","sender":"@bot:hs.test","state_key":"@bot:hs.test","content":{"membership":"join"},"unsigned":` + unsigned + `}`
	}
	for _, tt := range []struct {
		name, event string
		fills       bool
	}{
		{"joined by invitation", member("$j", `{"prev_content":{"membership":"invite"},"replaces_state":"$i"}`), false},
		{"joined without one", member("$j", `{}`), false},
		{"changed the name", member("$j", `{"prev_content":{"membership":"join"},"replaces_state":"$i"}`), true},
		{"changed it on a server that does not say so", member("$j", `{"replaces_state":"$i"}`), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hs := newHomeserver()
				b := connected(t, hs)
				defer b.stop()
				hs.answerWith(func(request) reply { return page("", numbered(1)) })
				hs.syncs <- limitedSync("s2", "p2", tt.event, numbered(2))
				want := "$2"
				if tt.fills {
					want = "$1 $2"
				}
				if diff := cmp.Diff(want, ids(b.taken())); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}
