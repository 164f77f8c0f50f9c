package matrix

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

// answerIn is an action with a call of its own.
func answerIn(room, id string) engine.Action {
	return engine.Action{
		To: "matrix", Type: "m.call.answer", ID: id, Call: engine.CallID("call-" + id), Key: "c-" + id, Scope: room,
		Address: map[string]string{"room": room},
		Body:    json.RawMessage(fmt.Sprintf(`{"call_id":"c-%s", "party_id":"P-%s"}`, id, id)),
	}
}

// connected is a bot that has seen its first sync.
func connected(t *testing.T, hs *homeserver, settings ...setting) *bot {
	t.Helper()
	hs.syncs <- syncOf("s1")
	b := startBot(t, hs, settings...)
	b.taken()
	return b
}

// txns are the transaction ids of the sends so far.
func txns(hs *homeserver) []string {
	var ids []string
	for _, r := range hs.asked("/rooms/") {
		ids = append(ids, r.path[strings.LastIndexByte(r.path, '/')+1:])
	}
	return ids
}

func TestAnEventIsSentAsItIsAndItsReplyBelongsToTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		defer b.stop()
		a := answerIn(roomA, "t1")
		b.Send(a)
		got := b.taken()
		r := hs.asked("/rooms/")[0]
		if r.method != http.MethodPut || r.path != "/rooms/"+roomA+"/send/m.call.answer/t1" || r.body != string(a.Body) || r.auth != "Bearer secret-token" {
			t.Errorf("sent %+v", r)
		}
		want := engine.Message{
			Transport: "matrix", Type: "m.call.answer.ok", Call: "call-t1", Key: "c-t1", Scope: roomA, ID: "$of-t1", At: got[0][0].At,
			Body: json.RawMessage(`{"type":"m.call.answer.ok","room_id":"!a:hs.test","txn_id":"t1","event_id":"$of-t1","content":{"call_id":"c-t1"}}`),
		}
		if diff := cmp.Diff([][]engine.Message{{want}}, got); diff != "" {
			t.Error(diff)
		}
		wantTaps := []string{
			`in {"type":"transport.up","user_id":"@bot:hs.test"}`,
			`out {"type":"m.call.answer","room_id":"!a:hs.test","txn_id":"t1","content":{"call_id":"c-t1", "party_id":"P-t1"}}`,
			"in " + string(want.Body),
		}
		if diff := cmp.Diff(wantTaps, b.tapped); diff != "" {
			t.Error(diff)
		}
	})
}

func TestARefusedEventIsAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		defer b.stop()
		hs.answerWith(func(request) reply {
			return reply{status: 403, body: `{"errcode":"M_FORBIDDEN","error":"not in \"room\""}`}
		})
		b.Send(answerIn(roomA, "t1"))
		got := b.taken()
		want := `{"type":"m.call.answer.error","room_id":"!a:hs.test","txn_id":"t1","content":{"call_id":"c-t1"},"status":403,"errcode":"M_FORBIDDEN","error":"not in \"room\""}`
		if diff := cmp.Diff([]string{want}, bodies(got)); diff != "" {
			t.Error(diff)
		}
		if m := got[0][0]; m.Call != "call-t1" || m.Key != "c-t1" || m.Scope != roomA || m.ID != "" {
			t.Errorf("the message is %+v", m)
		}
		if n := len(hs.asked("/rooms/")); n != 1 {
			t.Errorf("tried %d times", n)
		}
	})
}

func TestARateLimitIsWaitedOutInOrderAndHoldsUpItsRoomOnly(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit reply
	}{
		{"Retry-After in seconds", reply{status: 429, after: "12", body: `{"errcode":"M_LIMIT_EXCEEDED","error":"slow","retry_after_ms":900}`}},
		{"retry_after_ms", reply{status: 429, body: `{"errcode":"M_LIMIT_EXCEEDED","error":"slow","retry_after_ms":12000}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hs := newHomeserver()
				b := connected(t, hs)
				defer b.stop()
				left := 2
				hs.answerWith(func(r request) reply {
					if strings.Contains(r.path, roomA) && left > 0 {
						left--
						return tt.limit
					}
					return reply{}
				})
				for _, id := range []string{"a1", "a2", "a3"} {
					b.Send(answerIn(roomA, id))
				}
				b.taken() // room a is held up
				if queued, retried := b.Stats(); queued != 3 || retried != 0 {
					t.Errorf("at first %d wait, and %d were tried again", queued, retried)
				}
				b.Send(answerIn(roomB, "b1"))
				if diff := cmp.Diff([]string{"m.call.answer.ok"}, types(b.taken())); diff != "" {
					t.Errorf("room b waited: %s", diff)
				}
				time.Sleep(30 * time.Second)
				if got := b.taken(); len(bodies(got)) != 3 {
					t.Errorf("got %q", bodies(got))
				}
				if diff := cmp.Diff([]string{"a1", "b1", "a1", "a1", "a2", "a3"}, txns(hs)); diff != "" {
					t.Error(diff)
				}
				if queued, retried := b.Stats(); queued != 0 || retried != 2 {
					t.Errorf("in the end %d wait, and %d were tried again", queued, retried)
				}
				sends := hs.asked("/rooms/" + roomA)
				if first, second := sends[1].at.Sub(sends[0].at), sends[2].at.Sub(sends[1].at); first != 12*time.Second || second != 12*time.Second {
					t.Errorf("waited %v and %v", first, second)
				}
			})
		})
	}
}

func TestRetryAfterMayBeADate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		defer b.stop()
		date := time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat)
		first := true
		hs.answerWith(func(request) reply {
			if first {
				first = false
				return reply{status: 429, after: date}
			}
			return reply{}
		})
		b.Send(answerIn(roomA, "t1"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if sends := hs.asked("/rooms/"); len(sends) != 2 || sends[1].at.Sub(sends[0].at) != 20*time.Second {
			t.Errorf("sends %+v", sends)
		}
	})
}

func TestNetworkAndServerErrorsAreRetriedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		defer b.stop()
		troubles := []reply{{err: errReset}, {status: 502}, {body: `<html>`}, {body: `{}`}, {status: 401, body: `{"errcode":"M_UNKNOWN_TOKEN","error":"?"}`}}
		hs.answerWith(func(r request) reply {
			if len(troubles) == 0 {
				return reply{}
			}
			next := troubles[0]
			troubles = troubles[1:]
			return next
		})
		b.Send(answerIn(roomA, "t1"))
		b.Send(answerIn(roomA, "t2"))
		time.Sleep(50 * time.Second)
		if diff := cmp.Diff("m.call.answer.ok m.call.answer.ok", strings.Join(types(b.taken()), " ")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"t1", "t1", "t1", "t1", "t1", "t1", "t2"}, txns(hs)); diff != "" {
			t.Error(diff)
		}
		var outs int
		for _, line := range b.tapped {
			if strings.HasPrefix(line, "out ") {
				outs++
			}
		}
		if outs != 2 {
			t.Errorf("%d sends in the capture", outs)
		}
	})
}

func TestAnEventThatCannotBeSentInTimeIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs, func(cfg *Config, _ *Options) { cfg.SendTimeout = 5 * time.Second })
		defer b.stop()
		hs.answerWith(func(r request) reply { return reply{err: errReset} })
		began := time.Now()
		b.Send(answerIn(roomA, "t1"))
		b.Send(answerIn(roomA, "t2"))
		time.Sleep(5 * time.Second)
		got := b.taken()
		want := []string{
			`{"type":"m.call.answer.error","room_id":"!a:hs.test","txn_id":"t1","content":{"call_id":"c-t1"},"status":0,"errcode":"","error":"not sent within 5s: connection reset by peer"}`,
			`{"type":"m.call.answer.error","room_id":"!a:hs.test","txn_id":"t2","content":{"call_id":"c-t2"},"status":0,"errcode":"","error":"not sent within 5s: connection reset by peer"}`,
		}
		if diff := cmp.Diff(want, bodies(got)); diff != "" {
			t.Error(diff)
		}
		for _, batch := range got {
			if late := batch[0].At.Sub(began); late > 5*time.Second {
				t.Errorf("said after %v", late)
			}
		}
	})
}

func TestARateLimitBeyondTheTimeIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		defer b.stop()
		hs.answerWith(func(request) reply {
			return reply{status: 429, after: "3600", body: `{"errcode":"M_LIMIT_EXCEEDED","error":"slow"}`}
		})
		b.Send(answerIn(roomA, "t1"))
		want := `{"type":"m.call.answer.error","room_id":"!a:hs.test","txn_id":"t1","content":{"call_id":"c-t1"},"status":429,"errcode":"M_LIMIT_EXCEEDED","error":"not sent within 1m0s: slow"}`
		if diff := cmp.Diff([]string{want}, bodies(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatIsSentBeforeTheLoginWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		down := true
		hs.answerWith(func(request) reply {
			if down {
				return reply{err: errReset}
			}
			return reply{}
		})
		b := newBot(t, hs)
		b.Send(answerIn(roomA, "t1"))
		b.run()
		defer b.stop()
		b.Send(answerIn(roomA, "t2"))
		b.taken()
		hs.answerWith(func(request) reply { return reply{} })
		time.Sleep(10 * time.Second)
		b.taken()
		if diff := cmp.Diff([]string{"t1", "t2"}, txns(hs)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestJoiningAndLeavingAreRequestsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		defer b.stop()
		room := map[string]string{"room": roomA}
		b.Send(engine.Action{Type: RoomJoin, ID: "t1", Address: room, Body: json.RawMessage(`{}`)})
		b.Send(engine.Action{Type: RoomLeave, ID: "t2", Address: room, Body: json.RawMessage(`{"reason":"encrypted"}`)})
		want := []string{
			`{"type":"room.join.ok","room_id":"!a:hs.test","txn_id":"t1","content":{}}`,
			`{"type":"room.leave.ok","room_id":"!a:hs.test","txn_id":"t2","content":{}}`,
		}
		if diff := cmp.Diff(want, bodies(b.taken())); diff != "" {
			t.Error(diff)
		}
		var got []string
		for _, r := range hs.asked("/rooms/") {
			got = append(got, r.method+" "+r.path+" "+r.body)
		}
		if diff := cmp.Diff([]string{"POST /rooms/!a:hs.test/join {}", `POST /rooms/!a:hs.test/leave {"reason":"encrypted"}`}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatCannotBeQueuedIsAnErrorAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		defer b.stop()
		release := make(chan struct{})
		hs.answerWith(func(request) reply { <-release; return reply{} })
		b.Send(engine.Action{Type: "m.call.answer", ID: "t"})
		b.Send(engine.Action{Type: "m.call.answer", Address: map[string]string{"room": roomA}})
		for i := range laneLimit + 2 { // one is on its way, one too many
			b.Send(answerIn(roomA, fmt.Sprint(i)))
			synctest.Wait()
		}
		var errs []string
		for _, body := range bodies(b.taken()) {
			_, text, _ := strings.Cut(body, `"error":`)
			errs = append(errs, strings.TrimSuffix(text, "}"))
		}
		if diff := cmp.Diff([]string{`"no room to send to"`, `"no transaction id to send with"`, `"too many events wait to be sent"`}, errs); diff != "" {
			t.Error(diff)
		}
		close(release)
		b.taken()
	})
}

func TestTheEndWaitsForSendsButNotLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		hs.answerWith(func(r request) reply {
			if strings.Contains(r.path, roomB) {
				return reply{err: errReset}
			}
			time.Sleep(time.Second)
			return reply{}
		})
		b.Send(answerIn(roomA, "a1"))
		b.Send(answerIn(roomB, "b1"))
		synctest.Wait()
		began := time.Now()
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != b.times.drain {
			t.Errorf("took %v", took)
		}
		if got := b.taken(); len(got) != 0 {
			t.Errorf("delivered after the end: %v", types(got))
		}
		taps := strings.Join(b.tapped, "\n")
		if !strings.Contains(taps, `in {"type":"m.call.answer.ok","room_id":"!a:hs.test"`) || !strings.Contains(taps, `"error":"not sent before the end: connection reset by peer"`) {
			t.Errorf("tapped\n%s", taps)
		}
		b.Send(answerIn(roomA, "late"))
	})
}
