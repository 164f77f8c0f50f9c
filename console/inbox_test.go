package console

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

// What is filed later, and by whom it may be, is what is filed at once, as it is
// while a page is open.
func TestWhatIsFiledLater(t *testing.T) {
	var list []came
	for _, name := range captures(t) {
		list = append(list, capturedCalls(t, name)...)
	}
	slices.SortStableFunc(list, func(a, b came) int { return a.at.Compare(b.at) })
	if len(list) < 2*sheetSize {
		t.Fatalf("%d messages fill no sheets", len(list))
	}
	told := func(page bool) (stories []Story, past []string) {
		w := newWorld(t, ownRules)
		if page {
			_, leave := w.recorder.join("")
			defer leave()
		}
		w.play(list)
		w.finish()
		for _, c := range w.all().Calls {
			stories = append(stories, w.story(c.ID))
		}
		for _, g := range w.recorder.past(len(list)).list {
			past = append(past, fmt.Sprint(g.seq, g.batch, g.at, g.place(), g.message.Type))
		}
		return stories, past
	}
	atOnce, inOrder := told(true)
	later, inOrderToo := told(false)
	if diff := cmp.Diff(atOnce, later); diff != "" {
		t.Errorf("calls (-at once +later):\n%s", diff)
	}
	if diff := cmp.Diff(inOrder, inOrderToo); diff != "" {
		t.Errorf("messages (-at once +later):\n%s", diff)
	}
}

// An inbox holds two sheets at most, however slow or quick the filing is, and none
// of more bytes than are allowed but for the trace that came last. What it gives has
// the order in which it came.
func TestTheInboxIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		most int // traces of a sheet
	}{
		"short messages": {"{}", sheetSize},
		"long messages":  {strings.Repeat("x", sheetBytes/4), 5},
	} {
		t.Run(name, func(t *testing.T) {
			var b inbox
			put := func(n int) due {
				return b.put(&engine.Trace{Message: &engine.Message{ID: fmt.Sprint(n), Body: []byte(c.body)}})
			}
			next := 0
			read := func(sheets [2]*sheet) {
				t.Helper()
				for _, s := range sheets {
					if s == nil {
						continue
					}
					if s.n > c.most {
						t.Errorf("a sheet of %d", s.n)
					}
					for i := range s.list[:s.n] {
						if got := s.list[i].message.ID; got != fmt.Sprint(next) {
							t.Fatalf("%s in place of %d", got, next)
						}
						next++
					}
					b.giveBack(s)
					if s.list[0].message.Body != nil {
						t.Error("it is held still")
					}
				}
			}
			n := 0
			until := func(want due) {
				t.Helper()
				for range c.most - 1 {
					if got := put(n); got != anyTime {
						t.Fatalf("%d: due %d", n, got)
					}
					n++
				}
				if got := put(n); got != want {
					t.Errorf("%d: due %d, want %d", n, got, want)
				}
				n++
			}
			for range 3 {
				until(soon)
				until(atOnce)
				read(b.take(true))
				until(soon)
				read(b.take(false)) // in time
			}
			put(n)
			read(b.take(false))
			read(b.take(true))
			if next != n+1 {
				t.Errorf("%d of %d", next, n+1)
			}
		})
	}
}

// A transport that comes or goes is looked at when it does, and a page is told of
// all at once.
func TestWhatCannotWait(t *testing.T) {
	var b inbox
	put := func(typ string) due { return b.put(&engine.Trace{Message: &engine.Message{Type: typ}}) }
	if put("m.call.invite") != anyTime || put(engine.TransportUp) != atOnce || put(engine.TransportDown) != atOnce {
		t.Error("a transport waits, or a call does not")
	}
	b.setPaged(true)
	if put("m.call.invite") != atOnce {
		t.Error("a page waits")
	}
	b.setPaged(false)
	if put("m.call.invite") != anyTime {
		t.Error("nobody looks, and it does not wait")
	}
}
