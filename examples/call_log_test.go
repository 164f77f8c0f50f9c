package examples_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/matrixtest"
	"vertigo/transports/verto/vertotest"
)

const callLog = "examples/call-log"

// Each call that has ended is posted, and again if the endpoint does not take it;
// a line that it refuses is a dead letter, and the next ones come all the same.
func TestCallLog(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	home := matrixtest.New(matrixtest.Options{ServerName: "example.org"})
	t.Cleanup(home.Close)
	pbx := vertotest.NewServer(vertotest.Options{Domain: "pbx.example.org", NoMedia: true})
	t.Cleanup(pbx.Close)
	crm := newEndpoint(t, http.StatusServiceUnavailable, http.StatusNoContent, http.StatusUnprocessableEntity, http.StatusOK)
	anna, bot := newResident(t, home, "anna"), newResident(t, home, "phone")
	dir, stop := runCallLog(t, strings.NewReplacer(
		"https://matrix.example.org", home.URL, "wss://pbx.example.org:8082", pbx.URL, "https://crm.example.org", crm.URL), bot.token)

	room := anna.post(t, "/createRoom", `{"invite":["@phone:example.org"]}`).Get("room_id").String()
	_, err := home.WaitEvent(ctx, func(e matrixtest.Event) bool {
		return e.Type == "m.room.member" && e.Sender == "@phone:example.org" && strings.Contains(string(e.Content), `"join"`)
	})
	if err != nil {
		t.Fatal(err)
	}
	var posted []post
	for i, times := range []int{2, 1, 1} {
		callBusyNumber(t, anna, room, fmt.Sprint("call-", i))
		for range times {
			posted = append(posted, crm.next(ctx, t))
		}
	}
	stop()

	for _, p := range posted {
		body := gjson.Parse(p.body)
		got := []string{p.request, p.token, p.media}
		for _, name := range []string{"direction", "user", "number", "cause", "answered"} {
			got = append(got, body.Get(name).String())
		}
		if d := cmp.Diff([]string{"POST /hooks/calls", "Bearer the CRM's", "application/json", "out", "@anna:example.org", "9199", "USER_BUSY", ""}, got); d != "" {
			t.Error(d)
		}
	}
	first, again, refused, last := posted[0], posted[1], posted[2], posted[3]
	if first != again {
		t.Errorf("the first line came again as\n%+v, not as\n%+v", again, first)
	}
	keys := []string{first.key, refused.key, last.key}
	if slices.Sort(keys); len(slices.Compact(keys)) != 3 || keys[0] == "" {
		t.Errorf("the idempotency keys are %q", keys)
	}
	letters := captureLines(t, read(t, glob(t, filepath.Join(dir, "captures", "dead-letter", "*.ndjson"))[0]))
	if len(letters) != 1 || letters[0].get("status") != "422" || letters[0].get("id") != refused.key || letters[0].get("body") != refused.body {
		t.Errorf("the dead letters are %s", letters)
	}
	captures := glob(t, filepath.Join(dir, "captures", "*.ndjson"))
	if stdout, stderr, code := run(t, "replay", "-c", filepath.Join(dir, configName), "--expect", captures[0]); code != 0 {
		t.Errorf("replayed it is another: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// runCallLog runs the example, with servers of the test, until stop is called or
// the test ends. dir is where its captures are.
func runCallLog(t *testing.T, servers *strings.Replacer, token string) (dir string, stop func()) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(callLog)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]*strings.Replacer{configName: servers, "rules.toml": strings.NewReplacer(`"9196"`, `"9199"`)} {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(change.Replace(read(t, name))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute) // also for its end
	cmd := exec.CommandContext(ctx, vertigo, "run", "-c", filepath.Join(dir, configName))
	cmd.Env = append(os.Environ(), "VERTIGO_MATRIX_TOKEN="+token, "VERTIGO_VERTO_PASSWORD=1234", "VERTIGO_CRM_TOKEN=the CRM's")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	connected := make(chan struct{})
	ended := make(chan string, 1) // all of the log
	go func() {
		var all strings.Builder
		tell := sync.OnceFunc(func() { close(connected) })
		for log := bufio.NewScanner(pipe); log.Scan(); {
			all.WriteString(log.Text() + "\n")
			if strings.Contains(log.Text(), "msg=connected transport=verto") {
				tell()
			}
		}
		tell()
		ended <- all.String()
	}()
	stop = sync.OnceFunc(func() {
		defer cancel()
		_ = cmd.Process.Signal(os.Interrupt)
		log := <-ended
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log)
		}
	})
	t.Cleanup(stop)
	<-connected
	return dir, stop
}

// callBusyNumber sends what a real client has sent that called a busy number.
func callBusyNumber(t *testing.T, by *resident, room, call string) {
	t.Helper()
	for _, l := range captureLines(t, read(t, "examples/first-call/busy.ndjson")) {
		if typ := l.get("type"); l.Dir == "in" && (typ == "m.call.invite" || typ == "m.call.candidates") {
			by.send(t, room, typ, strings.ReplaceAll(l.get("content"), l.get("content.call_id"), call))
		}
	}
}

// An endpoint takes lines of calls, or not.
type endpoint struct {
	*httptest.Server
	posted chan post
}

// A post is one request, as far as the test looks at it.
type post struct{ request, token, media, key, body string }

// newEndpoint returns one that gives these answers, one after the other.
func newEndpoint(t *testing.T, answers ...int) *endpoint {
	t.Helper()
	e := &endpoint{posted: make(chan post, len(answers)+1)}
	next := make(chan int, len(answers))
	for _, status := range answers {
		next <- status
	}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !json.Valid(body) || len(next) == 0 {
			t.Errorf("%s %s: %v\n%s", r.Method, r.URL, err, body)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h := r.Header
		e.posted <- post{r.Method + " " + r.URL.String(), h.Get("Authorization"), h.Get("Content-Type"), h.Get("Idempotency-Key"), string(body)}
		w.WriteHeader(<-next)
	}))
	t.Cleanup(e.Close)
	return e
}

// next waits for the next line.
func (e *endpoint) next(ctx context.Context, t *testing.T) post {
	t.Helper()
	select {
	case p := <-e.posted:
		return p
	case <-ctx.Done():
		t.Fatal("no line is posted")
		return post{}
	}
}
