package matrix

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

const roomA, roomB = "!a:hs.test", "!b:hs.test"

const inviteReply = `{"next_batch":"s1","rooms":{
 "invite":{"!new:hs.test":{"invite_state":{"events":[
  {"type":"m.room.create","sender":"@alice:hs.test","state_key":"","content":{}},
  {"type":"m.room.member","sender":"@alice:hs.test","state_key":"@bot:hs.test","content":{"membership":"invite","is_direct":true}}]}}},
 "join":{"!a:hs.test":{"timeline":{"events":[{"type":"m.call.invite","event_id":"$old","sender":"@alice:hs.test","content":{"call_id":"old"}}]}}}}}`

func TestFirstStartTakesInvitationsButNoEarlierCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- reply{body: inviteReply}
		b := startBot(t, hs)
		defer b.stop()
		want := []string{
			`{"type":"transport.up","user_id":"@bot:hs.test"}`,
			`{"type":"m.room.member","room_id":"!new:hs.test","sender":"@alice:hs.test","state_key":"@bot:hs.test",` +
				`"content":{"membership":"invite","is_direct":true},"unsigned":{"invite_room_state":[` +
				`{"type":"m.room.create","sender":"@alice:hs.test","state_key":"","content":{}},` +
				`{"type":"m.room.member","sender":"@alice:hs.test","state_key":"@bot:hs.test","content":{"membership":"invite","is_direct":true}}]}}`,
		}
		got := b.taken()
		if diff := cmp.Diff(want, bodies(got)); diff != "" {
			t.Error(diff)
		}
		if m := got[0][1]; m.Key != "" || m.Scope != "!new:hs.test" || m.Type != "m.room.member" || m.Transport != "matrix" {
			t.Errorf("the invitation is %+v", m)
		}
	})
}

func TestOneResponseIsOneBatchOfUnchangedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		odd := `{ "type":"m.call.invite" , "event_id":"$1","sender":"@alice:hs.test","content":{"call_id":"c1","lifetime":6.0e4,"x":[1 ,2],"\u00e9":"\u2028<&>"},"unsigned":{"age":3} }`
		hs.syncs <- syncOf("s1")
		hs.syncs <- syncOf("s2", roomA, odd+","+callEvent("m.call.candidates", "$2", "c1"), roomB, callEvent("m.call.hangup", "$3", "c2"))
		b := startBot(t, hs)
		defer b.stop()
		got := b.taken()
		if diff := cmp.Diff([]string{"transport.up", "m.call.invite m.call.candidates m.call.hangup"}, types(got)); diff != "" {
			t.Fatal(diff)
		}
		m := got[1][0]
		wantBody := strings.TrimSuffix(odd, "}") + `,"room_id":"!a:hs.test"}`
		want := engine.Message{Transport: "matrix", Type: "m.call.invite", Key: "c1", Scope: roomA, Heard: true, ID: "$1", At: m.At, Body: json.RawMessage(wantBody)}
		if diff := cmp.Diff(want, m); diff != "" {
			t.Error(diff)
		}
		if got[1][2].Scope != roomB || !got[1][2].At.Equal(m.At) {
			t.Errorf("the third message of the batch is %+v", got[1][2])
		}
	})
}

func TestARestartGoesOnWhereTheEngineWas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- syncOf("s1")
		hs.syncs <- syncOf("s2", roomA, callEvent("m.call.invite", "$1", "c1"))
		b := startBot(t, hs, withStateFile(file))
		synctest.Wait()
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the state file has mode %v", info.Mode())
		}

		again := newHomeserver()
		again.syncs <- syncOf("s3", roomA, callEvent("m.call.hangup", "$2", "c1"))
		b = startBot(t, again, withStateFile(file))
		defer b.stop()
		if diff := cmp.Diff([]string{"transport.up m.call.hangup"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
		if since := again.asked("/sync")[0].query.Get("since"); since != "s2" {
			t.Errorf("went on from %q", since)
		}
	})
}

func TestWhatTheEngineHasNotSeenComesAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- syncOf("s1")
		b := newBot(t, hs, withStateFile(file))
		goOn := make(chan struct{}, 1)
		goOn <- struct{}{} // for transport.up
		b.engine = func() { <-goOn }
		b.run()
		b.taken()

		// The program ends while the engine is busy with a reply and the next
		// response waits for it.
		b.Send(answerIn(roomA, "t1"))
		synctest.Wait()
		hs.syncs <- syncOf("s2", roomA, callEvent("m.call.invite", "$1", "c1"))
		synctest.Wait()
		b.cancel()
		goOn <- struct{}{}
		if err := <-b.ended; err != nil {
			t.Fatal(err)
		}

		st, err := readState(file, botID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"m.call.answer.ok"}, types(b.taken())); diff != "" || st.Since != "s1" {
			t.Errorf("goes on from %q, %s", st.Since, diff)
		}
	})
}

func TestAStateFileThatCannotBeUsedIsSaid(t *testing.T) {
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged")
	if err := os.WriteFile(damaged, []byte(`{"since":`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, want string }{
		{"damaged", damaged, "is damaged"},
		{"in no directory", filepath.Join(dir, "none", "state"), "no such file"},
		{"a directory", dir, "is a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := readState(tt.path, botID); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTheStateOfAnotherUserIsNotUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	if err := writeFile(file, []byte(`{"user":"@other:hs.test","since":"s9"}`)); err != nil {
		t.Fatal(err)
	}
	st, err := readState(file, botID)
	if err != nil || st.Since != "" {
		t.Errorf("got %+v, %v", st, err)
	}
}

func TestALostConnectionIsSaidOnceAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- syncOf("s1")
		b := startBot(t, hs)
		defer b.stop()
		b.taken()

		hs.syncs <- reply{err: errReset}
		if got := b.taken(); len(got) != 0 || !b.Up() {
			t.Errorf("a single failure was said: %v", types(got))
		}
		for range 4 {
			hs.syncs <- reply{err: errReset}
		}
		if diff := cmp.Diff([]string{"transport.down"}, types(b.taken())); diff != "" || b.Up() {
			t.Error(diff)
		}
		hs.syncs <- syncOf("s2", roomA, callEvent("m.call.invite", "$1", "c1"))
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"transport.up m.call.invite"}, types(b.taken())); diff != "" || !b.Up() {
			t.Error(diff)
		}
		if lines := b.log.with("homeserver cannot be reached"); len(lines) != 1 || !strings.Contains(lines[0], "connection reset") {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestAHomeserverThatIsDownAtStartIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.answerWith(func(request) reply { return reply{err: errReset} })
		b := startBot(t, hs)
		defer b.stop()
		time.Sleep(10 * time.Minute)
		if got := b.taken(); len(got) != 0 {
			t.Errorf("said %v", types(got))
		}
		if n := len(b.log.with("homeserver cannot be reached")); n != 1 {
			t.Errorf("logged %d lines", n)
		}
		hs.answerWith(func(request) reply { return reply{} })
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"transport.up"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestARateLimitOfSyncIsObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- reply{status: 429, after: "77", body: `{"errcode":"M_LIMIT_EXCEEDED","error":"slow down"}`}
		b := startBot(t, hs)
		defer b.stop()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		asked := hs.asked("/sync")
		if gap := asked[1].at.Sub(asked[0].at); gap != 77*time.Second {
			t.Errorf("asked again after %v", gap)
		}
	})
}

func TestAnOverlongSyncIsAskedForInSmallerParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- syncOf("s1")
		hs.syncs <- reply{length: maxResponse + 1}
		hs.syncs <- reply{length: maxResponse + 1}
		hs.syncs <- syncOf("s2")
		b := startBot(t, hs)
		defer b.stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		var limits []string
		for _, r := range hs.asked("/sync")[:5] {
			_, after, _ := strings.Cut(r.query.Get("filter"), `"limit":`)
			limits = append(limits, strings.TrimRight(after, "}"))
		}
		if diff := cmp.Diff([]string{"1", "200", "50", "12", "200"}, limits); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUnusableEventsAreDroppedAloneAndSaid(t *testing.T) {
	huge := `{"type":"m.call.invite","event_id":"$h","sender":"@alice:hs.test","content":{"call_id":"h","sdp":"` + strings.Repeat("x", maxEvent) + `"}}`
	events := strings.Join([]string{
		`7`, `"text"`, `[]`, `{}`, `null`,
		`{"event_id":"$0","sender":"@alice:hs.test","content":{}}`,
		`{"type":7,"event_id":"$0","sender":"@alice:hs.test"}`,
		`{"type":"m.call.invite","sender":"@alice:hs.test","content":{"call_id":"c"}}`,
		`{"type":"m.call.invite","event_id":"$r","room_id":"!other:hs.test","sender":"@alice:hs.test","content":{"call_id":"c"}}`,
		callEvent("m.call.answer.error", "$f1", "c1"), callEvent("transport.down", "$f2", "c1"), callEvent(RoomEncrypted, "$f3", "c1"),
		huge,
		callEvent("m.call.invite", "$1", "c1"),
	}, ",")
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- syncOf("s1")
		hs.syncs <- syncOf("s2", roomA, events)
		hs.syncs <- reply{body: `{"next_batch":"s3","rooms":{"join":[],"invite":{"!x:hs.test":7,"!y:hs.test":{"invite_state":{"events":[]}}},"leave":{"!z:hs.test":{"timeline":"no"}}}}`}
		hs.syncs <- syncOf("s4", roomA, callEvent("m.call.hangup", "$2", "c1"))
		b := startBot(t, hs)
		defer b.stop()
		if diff := cmp.Diff([]string{"transport.up", "m.call.invite", "m.call.hangup"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
		if n := len(b.log.with("unusable event dropped")); n != 15 || b.dropped.Load() != 15 {
			t.Errorf("%d lines, %d counted", n, b.dropped.Load())
		}
	})
}

func TestASyncThatIsNoSyncIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- reply{body: `<html>maintenance</html>`}
		hs.syncs <- reply{body: `{"rooms":{}}`}
		hs.syncs <- reply{status: 502, body: `<html>bad gateway</html>`}
		hs.syncs <- syncOf("s1")
		b := startBot(t, hs)
		defer b.stop()
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"transport.up"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
		for _, want := range []string{"not JSON", "no next_batch", "Bad Gateway (HTTP 502)"} {
			if n := len(b.log.with(want)); n != 1 {
				t.Errorf("%d lines say %q", n, want)
			}
		}
	})
}

func TestARoomThatWasLeftIsForgottenAndItsLastEventsAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- syncOf("s1", roomA, callEvent("m.call.invite", "$0", "c0"))
		b := startBot(t, hs)
		b.taken()
		kick := `{"type":"m.room.member","event_id":"$k","sender":"@alice:hs.test","state_key":"@bot:hs.test","content":{"membership":"leave","call_id":"c1"}}`
		hs.syncs <- reply{body: `{"next_batch":"s2","rooms":{"leave":{"!a:hs.test":{"timeline":{"events":[` + callEvent("m.call.hangup", "$1", "c1") + `,` + kick + `]}}}}}`}
		got := b.taken()
		if diff := cmp.Diff([]string{"m.call.hangup m.room.member"}, types(got)); diff != "" {
			t.Fatal(diff)
		}
		if m := got[0][1]; m.Key != "" {
			t.Errorf("the membership names a call: %+v", m)
		}
		b.stop()
		if len(b.state.Rooms) != 0 {
			t.Errorf("still remembered: %v", b.state.Rooms)
		}
	})
}
