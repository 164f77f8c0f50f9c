package matrix

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

// callAt is a call event of alice's in a transaction.
func callAt(room, id string, ts int) string {
	return happened(room, id, alice, "m.call.candidates", ts, `{"call_id":"c1","party_id":"ALICE"}`)
}

func TestATransactionIsOneBatchInItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		odd := `{ "type":"m.call.invite" , "room_id":"!a:hs.test","event_id":"$1","sender":"@alice:hs.test","content":{"call_id":"c1","lifetime":6.0e4,"\u00e9":"\u2028<&>"},"unsigned":{"age":3} }`
		b.push(t, "t1", odd, callAt(roomA, "$2", 1), callAt(roomB, "$3", 1))
		got := b.taken()
		if diff := cmp.Diff([]string{"m.call.invite m.call.candidates m.call.candidates"}, types(got)); diff != "" {
			t.Fatal(diff)
		}
		m := got[0][0]
		if string(m.Body) != odd || m.Key != "c1" || m.Scope != roomA || m.ID != "$1" {
			t.Errorf("the first message is %+v", m)
		}
		if diff := cmp.Diff([]string{"in " + odd}, b.tapped[len(b.tapped)-3:len(b.tapped)-2]); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatWasSeenIsNotDeliveredAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld(), withStateFile(file))
		b.push(t, "t1", callAt(roomA, "$1", 1))
		b.push(t, "t1", callAt(roomA, "$1", 1))
		b.push(t, "t1", callAt(roomA, "$1", 1), callAt(roomA, "$2", 1)) // as Dendrite repeats one
		b.push(t, "t2", callAt(roomA, "$1", 1), callAt(roomA, "$3", 1), callAt(roomA, "$3", 1))
		if diff := cmp.Diff("$1 $2 $3", ids(b.taken())); diff != "" {
			t.Error(diff)
		}
		b.stop()

		b = startBridge(t, newWorld(), withStateFile(file))
		defer b.stop()
		b.push(t, "t1", callAt(roomA, "$1", 1))
		b.push(t, "t3", callAt(roomA, "$2", 1), callAt(roomA, "$4", 1))
		if diff := cmp.Diff("$4", ids(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOnlyWhatIsAskedForIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		before := len(b.tapped)
		b.push(t, "t1",
			happened(roomA, "$1", alice, "m.room.message", 1, `{"body":"hi","call_id":"c1"}`),
			happened(roomA, "$2", alice, "m.room.topic", 1, `{}`),
			happened(roomA, "$3", alice, "m.reaction", 1, `{}`),
			happened(roomA, "$4", alice, "org.matrix.call.sdp_stream_metadata_changed", 1, `{"call_id":"c1"}`),
		)
		got := b.taken()
		if diff := cmp.Diff("$1 $4", ids(got)); diff != "" {
			t.Error(diff)
		}
		if m := got[0][0]; m.Scope != roomA || m.Key != "" {
			t.Errorf("a message is %+v", m)
		}
		if n := len(b.tapped) - before; n != 2 {
			t.Errorf("%d lines in the capture", n)
		}
	})
}

func TestUnusableEventsOfATransactionAreDroppedAlone(t *testing.T) {
	long := strings.Repeat("x", maxID+1)
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		bad := []string{
			`7`, `"text"`, `[]`, `{}`, `null`,
			`{"type":"m.call.invite","room_id":"!a:hs.test","sender":"@alice:hs.test","content":{}}`,
			`{"type":"m.call.invite","room_id":"!a:hs.test","event_id":"$a","content":{}}`,
			`{"type":"m.call.invite","event_id":"$a","sender":"@alice:hs.test","content":{}}`,
			`{"type":7,"type":"m.call.invite","room_id":"!a:hs.test","event_id":"$a","sender":"@alice:hs.test","content":{}}`,
			callAt(roomA, "$"+long, 1), callAt("!"+long, "$a", 1),
			strings.Replace(callAt("!z", "$a", 1), "!z", `!\u0000`, 1),
			strings.Replace(callAt(roomA, "$a", 1), "m.call.candidates", "m.room.member", 1),
			happened(roomA, "$b", alice, "m.call.answer.ok", 1, `{"call_id":"c1"}`),
			happened(roomA, "$c", alice, "m.call.invite", 1, `{"sdp":"`+strings.Repeat("x", maxEvent)+`"}`),
		}
		b.push(t, "t1", append(bad, callAt(roomA, "$1", 1))...)
		if diff := cmp.Diff("$1", ids(b.taken())); diff != "" {
			t.Error(diff)
		}
		if n := len(b.log.with("unusable event dropped")); n != len(bad) {
			t.Errorf("%d lines", n)
		}
	})
}

func TestNoEventPassesForAWordOfTheTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		var events []string
		for i, typ := range []string{
			"thirdparty.user", "thirdparty.reverse", "user.query", "alias.query", "query.reply", "user.register.ok",
			"room.direct.ok", "room.encrypted", "room.join", "transport.up", "m.room.message.ok", "m.call.invite.error",
		} {
			events = append(events, happened(roomA, fmt.Sprintf("$%d", i), alice, typ, 1, `{"call_id":"c1"}`))
			line := strings.Replace(events[i], `{"type"`, `{"query":"q1","user_id":"@tel_1:hs.test","type"`, 1)
			if got, err := b.codec.In(now(), "", []byte(line)); err == nil {
				t.Errorf("%s is %+v", typ, got)
			}
		}
		b.push(t, "t1", events...)
		if got := b.taken(); len(got) != 0 && len(got[0]) != 0 {
			t.Errorf("delivered %v", types(got))
		}
	})
}

func TestAnOlderMembershipSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set(roomA, alice, "join", tel1, "invite")
		b := startBridge(t, w)
		defer b.stop()
		b.push(t, "t1", became(roomA, "$1", alice, alice, "join", 100), became(roomA, "$2", alice, tel1, "invite", 200))
		b.push(t, "t2", became(roomA, "$3", alice, alice, "leave", 99), became(roomA, "$4", alice, tel1, "leave", 199))
		b.push(t, "t3", became(roomB, "$5", alice, alice, "leave", 98), became(roomA, "$6", alice, alice, "join", 100))
		if diff := cmp.Diff("$1 $2 $5 $6", ids(b.taken())); diff != "" {
			t.Error(diff)
		}
		// The join that we made has no time of the server's: what it says next counts.
		b.act(t, in(roomA, tel1, RoomJoin, "j", `{}`))
		b.push(t, "t4", became(roomA, "$7", alice, tel1, "leave", 201), callAt(roomA, "$8", 202))
		got := bodies(b.taken())
		if len(got) != 2 || gjson.Get(got[0], "as").String() != tel1 || gjson.Get(got[1], "as").Exists() {
			t.Errorf("got %q", got)
		}
	})
}

func TestATransactionIsDeliveredAfterACrash(t *testing.T) {
	dir := t.TempDir()
	file, crashed := filepath.Join(dir, "state.json"), filepath.Join(dir, "crashed.json")
	synctest.Test(t, func(t *testing.T) {
		b := newBridge(t, newWorld(), withStateFile(file))
		busy := make(chan struct{})
		b.engine = func() { <-busy }
		b.run()
		synctest.Wait() // busy with transport.up
		b.push(t, "t1", callAt(roomA, "$1", 1), callAt(roomA, "$2", 1))
		b.push(t, "t2", callAt(roomA, "$3", 1))
		b.push(t, "t3", callAt(roomA, "$4", 1))
		copyFile(t, filepath.Join(dir, "state.db"), filepath.Join(dir, "crashed.db")) // as a crash would leave it
		close(busy)
		if diff := cmp.Diff("$1 $2 $3 $4", strings.TrimSpace(ids(b.taken()))); diff != "" {
			t.Error(diff)
		}
		b.stop()

		b = newBridge(t, newWorld(), withStateFile(crashed))
		b.run()
		if diff := cmp.Diff([]string{"transport.up", "m.call.candidates m.call.candidates", "m.call.candidates", "m.call.candidates"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
		b.push(t, "t2", callAt(roomA, "$3", 1)) // the homeserver had no answer to it
		b.push(t, "t4", callAt(roomA, "$5", 1))
		if diff := cmp.Diff("$5", ids(b.taken())); diff != "" {
			t.Error(diff)
		}
		b.stop()

		b = newBridge(t, newWorld(), withStateFile(crashed)) // all was seen by then
		b.run()
		defer b.stop()
		if diff := cmp.Diff([]string{"transport.up"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTransactionsWaitForTheFirstConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.first(func(request) reply { return reply{err: errReset} })
		b := startBridge(t, w)
		defer b.stop()
		b.push(t, "t1", callAt(roomA, "$1", 1))
		if got := b.taken(); len(got) != 0 {
			t.Errorf("delivered %v", types(got))
		}
		w.first(func(request) reply { return reply{} })
		sleep(t.Context(), b.times.retry.longest)
		if diff := cmp.Diff([]string{"transport.up", "m.call.candidates"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheHomeserverKeepsWhatIsTooMuch(t *testing.T) {
	st, err := openStore("", botID)
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	err = st.update(func(r records) error {
		for range pendingLimit {
			if _, err := r.addPending([][]byte{[]byte(`{}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	one := gjson.Parse(callAt(roomA, "$1", 1))
	take := func() (uint64, error) {
		return st.take(newOurs(botID, "tel_"), nil, func(in *intake) error { return in.event(one, "") })
	}
	if n, err := take(); err != errStoreFull {
		t.Errorf("batch %d, %v", n, err)
	}
	if err := st.done(1); err != nil {
		t.Fatal(err)
	}
	if n, err := take(); err != nil || n == 0 {
		t.Errorf("batch %d, %v", n, err)
	}
}
