package httpjson

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

func TestARequestSaysWhatTheRuleSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{URL: "http://desk.test/api?v=2", Method: "PUT", User: "anna", Password: secret, Headers: map[string]string{"x-desk": "one"}})
		r.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"call":"desk-7", "n":1.50}`)
		}
		body := `{"cause":"<busy>", "n":1e400}`
		r.transport.Send(engine.Action{Type: "call", Call: "c1", Key: "k", ID: "id-1", Address: map[string]string{"path": "/calls/7?x=%2F"}, Body: []byte(body)})
		m := r.expect("call.ok")
		if want := `{"id":"id-1","type":"call.ok","status":201,"body":{"call":"desk-7", "n":1.50}}`; string(m.Body) != want {
			t.Errorf("got %s", m.Body)
		}
		if m.Call != "c1" || m.Key != "desk-7" || len(m.Keys) > 0 {
			t.Errorf("got %+v", m)
		}
		q := r.requests()[0]
		user, password, _ := (&http.Request{Header: q.header}).BasicAuth()
		got := []string{q.method, q.path, q.body, user, password, q.header.Get("Idempotency-Key"), q.header.Get("Content-Type"), q.header.Get("X-Desk")}
		if d := cmp.Diff([]string{"PUT", "/api/calls/7?v=2&x=%2F", body, "anna", secret, "id-1", "application/json", "one"}, got); d != "" {
			t.Error(d)
		}
		want := []tapLine{
			{"in", `{"type":"transport.up"}`},
			{"out", `{"id":"id-1","type":"call","path":"/calls/7?x=%2F","body":` + body + `}`},
			{"in", string(m.Body)},
		}
		if d := cmp.Diff(want, r.tapped(), cmp.AllowUnexported(tapLine{})); d != "" {
			t.Error(d)
		}
	})
}

func TestWhatAnswersMean(t *testing.T) {
	deep := strings.Repeat("[", 300) + strings.Repeat("]", 300)
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   string // of the message, after its id
	}{
		{"nothing", 204, ``, `"type":"call.ok","status":204}`},
		{"no JSON", 200, `all is "well"`, `"type":"call.ok","status":200,"body":"all is \"well\""}`},
		{"a list", 200, ` [1]`, `"type":"call.ok","status":200,"body": [1]}`},
		{"no UTF-8", 200, "\xc3\x28", `"type":"call.ok","status":200,"body":"` + "\\ufffd" + `("}`},
		{"nested deep", 200, deep, `"type":"call.ok","status":200,"body":"` + deep + `"}`},
		{"too long", 200, `"` + strings.Repeat("x", 2000) + `"`, `"type":"call.ok","status":200}`},
		{"refused", 404, `{"error":"who?"}`, `"type":"call.error","status":404,"error":{"code":404,"reason":"the server answers HTTP 404 Not Found"},"body":{"error":"who?"}}`},
		{"elsewhere", 307, ``, `"type":"call.error","status":307,"error":{"code":307,"reason":"the server answers HTTP 307 Temporary Redirect: it is to be reached by another url"}}`},
		{"a status of its own", 499, ``, `"type":"call.error","status":499,"error":{"code":499,"reason":"the server answers HTTP 499"}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startClient(t, Config{MaxMessage: 1000})
				r.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
					w.Header().Set("Location", "/elsewhere")
					w.WriteHeader(tc.status)
					_, _ = io.WriteString(w, tc.body)
				}
				r.send("id-1", "c1", `{}`)
				m := <-r.got
				if want := `{"id":"id-1",` + tc.want; string(m.Body) != want {
					t.Errorf("got  %s\nwant %s", m.Body, want)
				}
				if m.Call != "c1" {
					t.Errorf("of call %q", m.Call)
				}
				if n := len(r.requests()); n != 1 {
					t.Errorf("sent %d times", n)
				}
			})
		})
	}
}

func TestARefusedMessageIsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		r.answer = func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusUnprocessableEntity) }
		r.send("id-1", "c1", `{"n":1}`)
		r.expectError("c1", "the server answers HTTP 422 Unprocessable Entity")
		want := []string{`{"id":"id-1","type":"call","body":{"n":1},"status":422,"error":{"code":422,"reason":"the server answers HTTP 422 Unprocessable Entity"}}`}
		if d := cmp.Diff(want, r.buried()); d != "" {
			t.Error(d)
		}
		if !strings.Contains(r.log.String(), `level=WARN msg="not sent" transport=desk type=call call=c1`) {
			t.Error(r.log)
		}
	})
}

func TestWhatMaySucceedLaterIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{Timeout: 5 * time.Second})
		failures := []func(w http.ResponseWriter){
			func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
			func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooEarly) },
			func(w http.ResponseWriter) { w.WriteHeader(http.StatusRequestTimeout) },
			func(w http.ResponseWriter) { time.Sleep(time.Minute) },
			func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
			func(w http.ResponseWriter) {
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, "no end")
			},
			func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", "120")
				w.WriteHeader(http.StatusTooManyRequests)
			},
			func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", time.Now().Add(3*time.Minute).UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusServiceUnavailable)
			},
			func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
		}
		next := make(chan func(http.ResponseWriter), len(failures))
		for _, f := range failures {
			next <- f
		}
		r.answer = func(w http.ResponseWriter, _ *http.Request, _ string) { (<-next)(w) }
		r.send("id-1", "c1", `{"n":1}`)
		synctest.Wait()
		if queued, _ := r.transport.Stats(); queued != 1 {
			t.Errorf("%d wait", queued)
		}
		r.expect("call.ok")
		all := r.requests()
		if len(all) != len(failures) {
			t.Fatalf("sent %d times", len(all))
		}
		for i, q := range all {
			if q.header.Get("Idempotency-Key") != "id-1" || q.body != `{"n":1}` {
				t.Errorf("%d: sent %+v", i, q)
			}
		}
		for i, least := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second, 4: 9 * time.Second, 7: 2 * time.Minute, 8: 3*time.Minute - time.Second} {
			if waited := all[i].at.Sub(all[i-1].at); waited < least {
				t.Errorf("request %d comes after %s", i, waited)
			}
		}
		if queued, retried := r.transport.Stats(); queued != 0 || retried != uint64(len(failures)-1) {
			t.Errorf("%d wait, %d retried", queued, retried)
		}
		if len(r.buried()) > 0 {
			t.Errorf("buried %q", r.letters)
		}
		for _, line := range []string{`msg="message not taken: it will be sent again" transport=desk err="the server answers HTTP 503 Service Unavailable" failures=1`, `err="no answer from desk.test within 5s"`, `msg="messages are taken again"`} {
			if !strings.Contains(r.log.String(), line) {
				t.Errorf("no %s in\n%s", line, r.log)
			}
		}
	})
}

func TestAMessageThatIsNeverTaken(t *testing.T) {
	for name, tc := range map[string]struct {
		header, problem string
		took            time.Duration
	}{
		"for as long as is tried": {"", "the server answers HTTP 500 Internal Server Error, for as long as retry_for says", time.Minute},
		"for longer than that":    {"61", "the server answers HTTP 500 Internal Server Error, and asks to wait for 1m1s: longer than retry_for", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startClient(t, Config{RetryFor: time.Minute})
				r.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
					w.Header().Set("Retry-After", tc.header)
					w.WriteHeader(http.StatusInternalServerError)
				}
				began := time.Now()
				r.send("id-1", "c1", `{}`)
				r.expectError("c1", tc.problem)
				if took := time.Since(began); took != tc.took {
					t.Errorf("given up after %s", took)
				}
				if len(r.buried()) != 1 {
					t.Errorf("buried %q", r.letters)
				}
			})
		})
	}
}

func TestNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		r.pipes.refuse(true)
		r.send("id-1", "c1", `{}`)
		time.Sleep(time.Minute)
		if want := "nothing listens at desk.test: check that the server runs, and the port in url"; !strings.Contains(r.log.String(), want) {
			t.Error(r.log)
		}
		r.pipes.refuse(false)
		r.expect("call.ok")
	})
}

// One call waits for its server, another one does not wait for that.
func TestOrderIsKeptWithinACallAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		refusals := make(chan bool, 2)
		refusals <- true
		refusals <- true
		r.answer = func(w http.ResponseWriter, _ *http.Request, body string) {
			if body == `"a0"` && len(refusals) > 0 {
				<-refusals
				w.WriteHeader(http.StatusBadGateway)
			}
		}
		const each = 5
		for i := range each {
			r.send(fmt.Sprint("a", i), "a", fmt.Sprintf(`"a%d"`, i))
			r.send(fmt.Sprint("b", i), "b", fmt.Sprintf(`"b%d"`, i))
			r.transport.Send(engine.Action{Type: "call", Key: "k", ID: fmt.Sprint("k", i), Body: fmt.Appendf(nil, `"k%d"`, i)})
			r.transport.Send(engine.Action{Type: "call", ID: fmt.Sprint("-", i), Body: fmt.Appendf(nil, `"-%d"`, i)})
		}
		for range 4 * each {
			r.expect("call.ok")
		}
		order := map[byte]string{}
		var firstOfA, lastOfB int
		for i, q := range r.requests() {
			if q.body == `"a1"` {
				firstOfA = i
			}
			if q.body == `"b4"` {
				lastOfB = i
			}
			if q.body != `"a0"` {
				order[q.body[1]] += q.body[2:3]
			}
		}
		if d := cmp.Diff(map[byte]string{'a': "1234", 'b': "01234", 'k': "01234", '-': "01234"}, order); d != "" {
			t.Error(d)
		}
		if lastOfB > firstOfA {
			t.Error("b waited for a")
		}
	})
}

func TestWhatCannotBeSent(t *testing.T) {
	for path, reason := range map[string]string{
		"/../admin":             `path "/../admin" leads out of url`,
		"a/%2e%2e/b":            `path "a/%2e%2e/b" leads out of url`,
		"a%2f..%2f..%2f..":      `path "a%2f..%2f..%2f.." leads out of url`,
		"//evil.test/x":         `path "//evil.test/x" is none below url: it reads /NAME/NAME?NAME=VALUE`,
		"http://evil.test":      `path "http://evil.test" is none below url: it reads /NAME/NAME?NAME=VALUE`,
		"user@evil.test:80/x":   `path "user@evil.test:80/x" is none below url: it reads /NAME/NAME?NAME=VALUE`,
		"/x#y":                  `path "/x#y" is none below url: it reads /NAME/NAME?NAME=VALUE`,
		"/x\r\nHost: evil.test": `path "/x\r\nHost: evil.test" is none below url: it reads /NAME/NAME?NAME=VALUE`,
	} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startClient(t, Config{})
				r.transport.Send(engine.Action{Type: "call", Call: "c1", ID: "id-1", Address: map[string]string{"path": path}, Body: []byte(`{}`)})
				r.expectError("c1", reason)
				if n := len(r.requests()); n > 0 || len(r.buried()) != 1 {
					t.Errorf("sent %d times, buried %q", n, r.letters)
				}
			})
		})
	}
}

func TestAQueueHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		let := make(chan struct{})
		r.answer = func(http.ResponseWriter, *http.Request, string) { <-let }
		for i := range queueLimit {
			r.send(fmt.Sprint(i), fmt.Sprint(i), `{}`)
		}
		if n := len(r.requests()); n != mostAtOnce {
			t.Errorf("%d requests at once", n)
		}
		r.send("much", "c1", `{}`)
		r.expectError("c1", queueFull)
		if len(r.buried()) != 1 {
			t.Errorf("buried %q", r.letters)
		}
		close(let)
		for range queueLimit {
			r.expect("call.ok")
		}
	})
}

// What waits when the program stops is tried once more, and then is a dead letter.
func TestTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(t, Config{})
		r.answer = func(w http.ResponseWriter, q *http.Request, body string) {
			switch body {
			case `"waits"`:
				w.WriteHeader(http.StatusBadGateway)
			case `"hangs"`:
				<-q.Context().Done()
			}
		}
		r.send("1", "a", `"waits"`)
		r.send("2", "a", `"goes"`)
		r.send("3", "b", `"hangs"`)
		if n := len(r.requests()); n != 2 {
			t.Fatalf("%d requests", n)
		}
		began := time.Now()
		r.stop()
		if took := time.Since(began); took != defaultTimes.drain {
			t.Errorf("it took %s", took)
		}
		r.send("4", "c", `"late"`)
		want := []string{
			`{"id":"1","type":"call","body":"waits","status":502,"error":{"code":502,"reason":"the server answers HTTP 502 Bad Gateway"}}`,
			`{"id":"3","type":"call","body":"hangs","error":{"code":-1,"reason":"Vertigo stops"}}`,
			`{"id":"4","type":"call","body":"late","error":{"code":-1,"reason":"Vertigo stops"}}`,
		}
		if d := cmp.Diff(want, r.buried()); d != "" {
			t.Error(d)
		}
		if n := len(r.requests()); n != 4 {
			t.Errorf("%d requests", n)
		}
		r.quiet()
	})
}
