package matrixtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/hometest"
	"vertigo/transports/matrix/matrixtest"
)

// A service is an application service of which the tests see the requests.
type service struct {
	matrixtest.Registration
	came   chan string // method, path, a space and the hangups in the body
	refuse chan int    // statuses of the next answers to transactions
}

func newService(t *testing.T) *service {
	v := &service{came: make(chan string, 100), refuse: make(chan int, 100)}
	web := httptest.NewServer(http.HandlerFunc(v.answer))
	t.Cleanup(web.Close)
	v.ID, v.URL, v.ASToken, v.HSToken, v.SenderLocalpart = "bridge", web.URL, "as", "hs", "phone"
	v.Namespaces.Users = []matrixtest.Namespace{{Exclusive: true, Regex: "@tel_.*:hs\\.test"}}
	return v
}

func (v *service) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Authorization") != "Bearer hs" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	status := http.StatusOK
	if strings.HasPrefix(r.URL.Path, "/_matrix/app/v1/transactions/") {
		select {
		case status = <-v.refuse:
		default:
		}
	}
	w.WriteHeader(status)
	io.WriteString(w, "{}")
	said := r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), "/_matrix/app/v1")
	for _, e := range gjson.GetBytes(body, "events").Array() {
		if e.Get("type").String() == "m.call.hangup" {
			said += " " + e.Get("content.call_id").String()
		}
	}
	v.came <- said
}

// hangups takes the next transactions that hold hangups, up to n: their ids, and
// of which calls.
func (v *service) hangups(t *testing.T, n int) []string {
	t.Helper()
	ctx := soon(t)
	var got []string
	for len(got) < n {
		select {
		case said := <-v.came:
			if rest, ok := strings.CutPrefix(said, "PUT /transactions/"); ok && strings.Contains(rest, " ") {
				got = append(got, rest)
			}
		case <-ctx.Done():
			t.Fatalf("only %q came", got)
		}
	}
	return got
}

// calls are of which calls the hangups of transactions are.
func calls(transactions []string) []string {
	var all []string
	for _, t := range transactions {
		_, call, _ := strings.Cut(t, " ")
		all = append(all, call)
	}
	return all
}

var quick = matrixtest.Timing{Retry: time.Millisecond, MaxRetry: 2 * time.Millisecond}

// chat starts a server with an application service, in whose chat with alice
// its ghost is.
func chat(t *testing.T) (s *matrixtest.Server, v *service, hangUp func(call string)) {
	t.Helper()
	v = newService(t)
	s, home := start(t, matrixtest.Options{AppServices: []matrixtest.Registration{v.Registration}, Timing: quick})
	alice := home.Register(t, "alice", "password1")
	ghost := home.Ghost(t, hometest.AppService{ASToken: v.ASToken}, "tel_1")
	room := alice.CreateRoom(t, ghost.ID)
	ghost.Join(t, room)
	return s, v, func(call string) { alice.Send(t, room, "m.call.hangup", map[string]any{"call_id": call}) }
}

func TestATransactionComesAgainUntilItIsTaken(t *testing.T) {
	_, v, hangUp := chat(t)
	hangUp("0")
	v.hangups(t, 1)
	for _, status := range []int{500, 502, 404, 200} {
		v.refuse <- status
	}
	hangUp("1")
	got := v.hangups(t, 4)
	hangUp("2")
	got = append(got, v.hangups(t, 1)...)
	if first := got[0]; !slices.Equal(got[:4], []string{first, first, first, first}) || got[4] == first || !slices.Equal(calls(got), []string{"1", "1", "1", "1", "2"}) {
		t.Errorf("got %q", got)
	}
}

func TestTransactionsAreDiverted(t *testing.T) {
	var kept []matrixtest.Transaction
	keep := func(t matrixtest.Transaction) []matrixtest.Transaction {
		if kept = append(kept, t); len(kept) < 2 {
			return nil
		}
		slices.Reverse(kept)
		return kept
	}
	for _, tt := range []struct {
		name   string
		divert func(matrixtest.Transaction) []matrixtest.Transaction
		want   []string // of the calls 1 and 2, and of 3, for which it is over
	}{
		{"not at all", nil, []string{"1", "2", "3"}},
		{"lost", func(matrixtest.Transaction) []matrixtest.Transaction { return nil }, []string{"3"}},
		{"repeated", func(t matrixtest.Transaction) []matrixtest.Transaction { return []matrixtest.Transaction{t, t} }, []string{"1", "1", "2", "2", "3"}},
		{"in another order", keep, []string{"2", "1", "3"}},
		{"late", func(t matrixtest.Transaction) []matrixtest.Transaction {
			t.Delay = 5 * time.Millisecond
			return []matrixtest.Transaction{t}
		}, []string{"1", "2", "3"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, v, hangUp := chat(t)
			hangUp("0")
			v.hangups(t, 1)
			diverted := make(chan string, 10)
			s.Divert(func(tr matrixtest.Transaction) []matrixtest.Transaction {
				defer func() { diverted <- tr.Service }()
				if tt.divert == nil {
					return []matrixtest.Transaction{tr}
				}
				return tt.divert(tr)
			})
			for i := 1; i <= 2; i++ {
				hangUp(fmt.Sprint(i))
				if id := <-diverted; id != v.ID {
					t.Errorf("of %s", id)
				}
			}
			s.Divert(nil)
			hangUp("3")
			if got := calls(v.hangups(t, len(tt.want))); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, not %q", got, tt.want)
			}
		})
	}
}

func TestAGhostThatIsNotThereIsAskedForBeforeItsInvitationIsPushed(t *testing.T) {
	v := newService(t)
	_, home := start(t, matrixtest.Options{AppServices: []matrixtest.Registration{v.Registration}, Timing: quick})
	home.Register(t, "alice", "password1").CreateRoom(t, "@tel_2:hs.test")
	if got := []string{<-v.came, <-v.came}; !slices.Equal(got, []string{"GET /users/@tel_2:hs.test", "PUT /transactions/1"}) {
		t.Errorf("got %q", got)
	}
}

func TestNothingIsPushedWhileTheServerIsAway(t *testing.T) {
	s, v, hangUp := chat(t)
	hangUp("0")
	v.hangups(t, 1)
	v.refuse <- 500
	hangUp("1")
	v.hangups(t, 1)
	s.SetReachable(false)
	if _, err := http.Get(s.URL); err == nil {
		t.Error("it is there")
	}
	for range len(v.came) {
		<-v.came // sent before it went
	}
	s.SetReachable(true)
	s.SetReachable(true)
	hangUp("2")
	for got := ""; got != "2"; {
		got = calls(v.hangups(t, 1))[0]
	}
}

func TestAPingSaysWhyNobodyIsReached(t *testing.T) {
	v := newService(t)
	mute := v.Registration
	mute.ID, mute.URL, mute.ASToken, mute.SenderLocalpart = "mute", "", "mute", "mute"
	gone := v.Registration
	gone.ID, gone.URL, gone.ASToken, gone.SenderLocalpart = "gone", "http://127.0.0.1:1", "gone", "gone"
	wrong := v.Registration
	wrong.ID, wrong.HSToken, wrong.ASToken, wrong.SenderLocalpart = "wrong", "wrong", "wrong", "wrong"
	_, home := start(t, matrixtest.Options{AppServices: []matrixtest.Registration{v.Registration, mute, gone, wrong}})
	for _, tt := range []struct{ token, service, want string }{
		{"as", "bridge", ""},
		{"mute", "mute", "400 M_URL_NOT_SET"},
		{"gone", "gone", "502 M_CONNECTION_FAILED"},
		{"wrong", "wrong", "502 M_BAD_STATUS"},
		{"mute", "bridge", "403 M_FORBIDDEN"},
	} {
		_, err := home.Client(tt.token).Do(t.Context(), http.MethodPost, "/_matrix/client/v1/appservice/"+tt.service+"/ping", map[string]any{"transaction_id": "t"})
		if got := refusal(t, err); got != tt.want {
			t.Errorf("%s pings %s: %q, not %q", tt.token, tt.service, got, tt.want)
		}
	}
}
