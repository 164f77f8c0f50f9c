package examples_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/tidwall/gjson"

	"vertigo/schema/jsonschema"
	"vertigo/transports/matrix/matrixtest"
)

const intercom = "examples/intercom"

// A door phone rings, the resident answers on Matrix and opens the door; either
// side ends the call, and so does a door phone that is gone.
func TestIntercom(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	home := matrixtest.New(matrixtest.Options{ServerName: "example.org"})
	t.Cleanup(home.Close)
	anna, bot := newResident(t, home, "anna"), newResident(t, home, "door")
	address := runIntercom(t, home.URL, bot.token)
	phone := dialIn(t, address)

	t.Log("somebody rings, and is let in")
	phone.say(t, `{"event":"ring","call":"c1","door":"front","sdp":"an offer"}`)
	invite := waitFor(ctx, t, home, "m.call.invite", `"an offer"`)
	call := gjson.GetBytes(invite.Content, "call_id").String()
	anna.post(t, "/rooms/"+invite.Room+"/join", `{}`)
	anna.send(t, invite.Room, "m.call.answer", `{"call_id":"`+call+`","version":"1","party_id":"A","answer":{"type":"answer","sdp":"an answer"}}`)
	phone.hears(t, `{"do":"answer","call":"c1","sdp":"an answer"}`)
	waitFor(ctx, t, home, "m.call.select_answer", `"selected_party_id":"A"`)
	anna.send(t, invite.Room, "m.call.candidates", `{"call_id":"`+call+`","version":"1","party_id":"A","candidates":[{"candidate":"one"},{"candidate":"two"}]}`)
	phone.hears(t, `{"do":"candidate","call":"c1","candidate":"one"}`)
	phone.hears(t, `{"do":"candidate","call":"c1","candidate":"two"}`)
	anna.send(t, invite.Room, "m.room.message", `{"msgtype":"m.text","body":"Who is it?"}`)
	anna.send(t, invite.Room, "m.room.message", `{"msgtype":"m.text","body":"Open"}`)
	phone.hears(t, `{"do":"open","call":"c1"}`)
	anna.send(t, invite.Room, "m.call.hangup", `{"call_id":"`+call+`","version":"1","party_id":"A","reason":"user_hangup"}`)
	phone.hears(t, `{"do":"bye","call":"c1"}`)

	t.Log("whoever rang gives up")
	phone.say(t, `{"event":"ring","call":"c2","door":"front","sdp":"a second offer"}`)
	invite = waitFor(ctx, t, home, "m.call.invite", `"a second offer"`)
	phone.say(t, `{"event":"bye","call":"c2"}`)
	waitFor(ctx, t, home, "m.call.hangup", gjson.GetBytes(invite.Content, "call_id").Raw)

	t.Log("the door phone loses its power")
	phone.say(t, `{"event":"ring","call":"c3","door":"front","sdp":"a third offer"}`)
	invite = waitFor(ctx, t, home, "m.call.invite", `"a third offer"`)
	phone.Close()
	waitFor(ctx, t, home, "m.call.hangup", gjson.GetBytes(invite.Content, "call_id").Raw)
}

var listens = regexp.MustCompile(`msg=listens .*address=(\S+)`)

// runIntercom runs the example until the test ends, and gives where the door
// phone has to connect to.
func runIntercom(t *testing.T, homeserver, token string) (address string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(intercom)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, configName)
	config := strings.NewReplacer("https://matrix.example.org", homeserver, "127.0.0.1:8765", freeAddress(t)).Replace(read(t, name))
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute) // also for its end
	cmd := exec.CommandContext(ctx, vertigo, "run", "-c", name)
	cmd.Env = append(os.Environ(), "VERTIGO_MATRIX_TOKEN="+token, "VERTIGO_DOOR_TOKEN="+doorToken)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	read := make(chan string) // all of the log, at its end
	go func() {
		var all strings.Builder
		for log := bufio.NewScanner(pipe); log.Scan(); {
			all.WriteString(log.Text() + "\n")
			if m := listens.FindStringSubmatch(log.Text()); m != nil {
				found <- m[1]
			}
		}
		close(found)
		read <- all.String()
	}()
	t.Cleanup(func() {
		defer cancel()
		_ = cmd.Process.Signal(os.Interrupt)
		log := <-read
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log)
		}
	})
	address, ok := <-found
	if !ok {
		t.Fatal("it does not listen")
	}
	return address
}

// freeAddress is one at which nobody listened a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

const doorToken = "the door's"

// A doorPhone is what the example is for.
type doorPhone struct{ *websocket.Conn }

func dialIn(t *testing.T, address string) doorPhone {
	t.Helper()
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+address+"/door", http.Header{"Authorization": {"Bearer " + doorToken}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return doorPhone{conn}
}

func (p doorPhone) say(t *testing.T, text string) {
	t.Helper()
	if err := p.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// hears reads the next message, which must say this.
func (p doorPhone) hears(t *testing.T, want string) {
	t.Helper()
	_, data, err := p.ReadMessage()
	if err != nil {
		t.Fatalf("it does not hear %s: %v", want, err)
	}
	var got, wanted map[string]string
	if err := errors.Join(json.Unmarshal(data, &got), json.Unmarshal([]byte(want), &wanted)); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	if !maps.Equal(got, wanted) {
		t.Fatalf("it hears %s, not %s", data, want)
	}
}

// A resident is a user's client, as far as the test needs one.
type resident struct {
	url, token string
	sent       int
}

func newResident(t *testing.T, home *matrixtest.Server, name string) *resident {
	t.Helper()
	r := &resident{url: home.URL}
	id := home.AddUser(name, "a password")
	r.token = r.post(t, "/login", `{"type":"m.login.password","password":"a password","identifier":{"type":"m.id.user","user":"`+id+`"}}`).Get("access_token").String()
	return r
}

func (r *resident) send(t *testing.T, room, typ, content string) {
	t.Helper()
	r.sent++
	r.do(t, http.MethodPut, "/rooms/"+room+"/send/"+typ+"/"+strconv.Itoa(r.sent), content)
}

func (r *resident) post(t *testing.T, path, body string) gjson.Result {
	t.Helper()
	return r.do(t, http.MethodPost, path, body)
}

func (r *resident) do(t *testing.T, method, path, body string) gjson.Result {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/_matrix/client/v3"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %v\n%s", method, path, resp.Status, err, &text)
	}
	return gjson.ParseBytes(text.Bytes())
}

// waitFor waits for an event of the bridge with that text in it.
func waitFor(ctx context.Context, t *testing.T, home *matrixtest.Server, typ, text string) matrixtest.Event {
	t.Helper()
	e, err := home.WaitEvent(ctx, func(e matrixtest.Event) bool {
		return e.Type == typ && e.Sender == "@door:example.org" && strings.Contains(string(e.Content), text)
	})
	if err != nil {
		t.Fatalf("no %s with %s: %v", typ, text, err)
	}
	return e
}

// The schemas that documents show can be used.
func TestSchemasInDocuments(t *testing.T) {
	for _, s := range snippets(t, "json schema") {
		if _, err := jsonschema.Read(s.String(), []byte(s.text)); err != nil {
			t.Error(err)
		}
	}
}
