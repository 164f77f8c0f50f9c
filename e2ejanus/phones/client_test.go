package phones

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/tidwall/gjson"

	"vertigo/internal/softphone"
	"vertigo/transports/verto/vertotest/webphone"
)

// A session is one with Janus, over a socket that may be another one later.
type session struct {
	t    testing.TB
	id   int64
	conn *websocket.Conn
	read chan struct{} // closed when conn is

	mu      sync.Mutex
	sent    int
	heard   []gjson.Result
	changed chan struct{}
}

// connect opens the socket.
func (s *session) connect(address string) {
	s.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"janus-protocol"}}
	conn, res, err := dialer.DialContext(soon(s.t), "ws://"+address+"/", http.Header{})
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	read := make(chan struct{})
	s.conn, s.read = conn, read
	go func() {
		defer close(read)
		for {
			_, text, err := conn.ReadMessage()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.heard = append(s.heard, gjson.ParseBytes(text))
			close(s.changed)
			s.changed = make(chan struct{})
			s.mu.Unlock()
		}
	}()
	s.t.Cleanup(func() {
		conn.Close()
		<-read
	})
}

func newSession(t testing.TB, address string) *session {
	t.Helper()
	s := &session{t: t, changed: make(chan struct{})}
	s.connect(address)
	s.id = s.ask(map[string]any{"janus": "create"}).Get("data.id").Int()
	return s
}

// ask sends a request, and gives the answer.
func (s *session) ask(request map[string]any) gjson.Result {
	s.t.Helper()
	transaction := s.say(request)
	m, _ := s.wait("an answer", 0, func(m gjson.Result) bool {
		typ := m.Get("janus").Str
		return m.Get("transaction").Str == transaction && (typ == "success" || typ == "error")
	})
	return m
}

func (s *session) say(request map[string]any) (transaction string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	transaction = fmt.Sprintf("t%d", s.sent)
	request["transaction"] = transaction
	if s.id != 0 {
		request["session_id"] = s.id
	}
	text, err := json.Marshal(request) // no newline after it: Janus takes that for a second request
	if err == nil {
		err = s.conn.WriteMessage(websocket.TextMessage, text)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return transaction
}

// wait gives the first message after so many that the condition holds for, and
// how many there are up to it.
func (s *session) wait(what string, after int, condition func(gjson.Result) bool) (m gjson.Result, upTo int) {
	s.t.Helper()
	for ctx := soon(s.t); ; {
		s.mu.Lock()
		heard, changed := s.heard, s.changed
		s.mu.Unlock()
		for i, m := range heard[after:] {
			if condition(m) {
				return m, after + i + 1
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.t.Fatalf("Janus never said %s, but at last %v", what, heard[max(after, len(heard)-5):])
		}
	}
}

// A line is a handle of the SIP plugin with a WebRTC phone.
type line struct {
	*session
	handle int64
	phone  *softphone.Phone
	heeded int // messages of the session
}

func (s *session) line() *line {
	s.t.Helper()
	l := &line{session: s, handle: s.ask(map[string]any{"janus": "attach", "plugin": "janus.plugin.sip"}).Get("data.id").Int()}
	var err error
	if l.phone, err = softphone.New(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := l.phone.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return l
}

// office registers as the account office of an exchange, with a number.
func (l *line) office(x *Exchange) {
	l.t.Helper()
	x.Account("office", "sesame")
	x.Line("+442079460100", "office")
	l.request(map[string]any{
		"request": "register", "username": "sip:office@" + x.Address, "proxy": "sip:" + x.Address, "secret": "sesame",
	}, nil)
	l.event("registered")
}

// guest registers as one who can only call.
func (l *line) guest(user string) {
	l.t.Helper()
	l.request(map[string]any{"request": "register", "type": "guest", "username": "sip:" + user + "@127.0.0.1"}, nil)
	l.event("registered")
}

func (l *line) request(body, jsep map[string]any) {
	l.t.Helper()
	m := map[string]any{"janus": "message", "handle_id": l.handle, "body": body}
	if jsep != nil {
		m["jsep"] = jsep
	}
	l.say(m)
}

// event waits for the next event of that name on the line.
func (l *line) event(name string) (m gjson.Result) {
	l.t.Helper()
	m, l.heeded = l.wait("event "+name, l.heeded, func(m gjson.Result) bool {
		return m.Get("sender").Int() == l.handle && m.Get("plugindata.data.result.event").Str == name
	})
	return m
}

// call offers a call to a URI.
func (l *line) call(uri string) {
	l.t.Helper()
	offer, err := l.phone.Offer(webphone.OfferOptions{})
	if err != nil {
		l.t.Fatal(err)
	}
	l.request(map[string]any{"request": "call", "uri": uri, "autoaccept_reinvites": false}, map[string]any{"type": "offer", "sdp": offer})
}

// take takes the answer that an event brings.
func (l *line) take(event string) {
	l.t.Helper()
	if err := l.phone.Take(l.event(event).Get("jsep.sdp").Str); err != nil {
		l.t.Fatal(err)
	}
}

// answer makes an answer to the offer that an event brings.
func (l *line) answer(event gjson.Result) map[string]any {
	l.t.Helper()
	sdp, err := l.phone.Answer(event.Get("jsep.sdp").Str)
	if err != nil {
		l.t.Fatal(err)
	}
	return map[string]any{"type": "answer", "sdp": sdp}
}

// updates answers the far end's next offer, which is to be of that direction.
func (l *line) updates(direction string) {
	l.t.Helper()
	offer := l.event("updatingcall")
	if sdp := offer.Get("jsep.sdp").Str; !strings.Contains(sdp, "a="+direction+"\r\n") {
		l.t.Errorf("not an offer %s:\n%s", direction, sdp)
	}
	l.request(map[string]any{"request": "update"}, l.answer(offer))
	l.event("updated")
}

// hears makes sure that the phone hears a tone.
func (l *line) hears(hz float64) {
	l.t.Helper()
	if !l.phone.Hears(soon(l.t), hz) {
		in, out := l.phone.Packets()
		l.t.Fatalf("no tone of %v Hz is heard; %d packets came, %d went", hz, in, out)
	}
}
