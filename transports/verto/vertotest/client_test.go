package vertotest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// quick is a server whose dialplan and timers do not keep a test waiting.
func quick(t *testing.T, change func(*Options)) *Server {
	t.Helper()
	o := Options{Timing: Timing{
		Poll: 15 * time.Millisecond, Hold: 10 * time.Millisecond, Dialplan: 0.2,
	}}
	if change != nil {
		change(&o)
	}
	s := NewServer(o)
	t.Cleanup(s.Close)
	return s
}

// A client is one raw socket to the server.
type client struct {
	t      *testing.T
	ws     *websocket.Conn
	in     chan []byte // closed with the socket
	lastID int
}

func dial(t *testing.T, s *Server) *client {
	t.Helper()
	d := websocket.Dialer{HandshakeTimeout: patience}
	if ca := s.CertificatePEM(); ca != nil {
		d.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
		d.TLSClientConfig.RootCAs.AppendCertsFromPEM(ca)
	}
	ws, response, err := d.DialContext(deadline(t), s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	c := &client{t: t, ws: ws, in: make(chan []byte, 4096)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(c.in)
		for {
			_, data, err := ws.ReadMessage()
			if err != nil {
				return
			}
			c.in <- data
		}
	}()
	t.Cleanup(func() {
		_ = ws.Close()
		<-done
	})
	return c
}

// drop ends the socket without a closing handshake.
func (c *client) drop() { _ = c.ws.UnderlyingConn().Close() }

func (c *client) send(data []byte) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, data); err != nil {
		c.t.Fatal(err)
	}
}

// next gives the next message, whatever it is.
func (c *client) next() []byte {
	c.t.Helper()
	select {
	case data, ok := <-c.in:
		if !ok {
			c.t.Fatal("the socket is closed")
		}
		return data
	case <-time.After(patience):
		c.t.Fatal("no message came")
	}
	return nil
}

type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params params          `json:"params"`
	Result params          `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Cause   string `json:"cause"`
	} `json:"error"`
}

type params struct {
	CallID     string   `json:"callID"`
	SDP        string   `json:"sdp"`
	Message    string   `json:"message"`
	Cause      string   `json:"cause"`
	CauseCode  int      `json:"causeCode"`
	HoldState  string   `json:"holdState"`
	Name       string   `json:"display_name"`
	Sessid     string   `json:"sessid"`
	Reattached []string `json:"reattached_sessions"`
}

func (c *client) read() message {
	c.t.Helper()
	data := c.next()
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		c.t.Fatalf("%v in %s", err, data)
	}
	return m
}

// await reads until a server request of that method.
func (c *client) await(method string) message {
	c.t.Helper()
	for {
		if m := c.read(); m.Method == method {
			return m
		}
	}
}

// call sends a request and reads until its reply.
func (c *client) call(method string, p any) message {
	c.t.Helper()
	c.lastID++
	data, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": method, "params": p, "id": c.lastID})
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(data)
	for {
		if m := c.read(); m.Method == "" {
			return m
		}
	}
}

// login logs in as a user of the standard accounts and awaits clientReady.
func (c *client) login(user, sessid string) message {
	c.t.Helper()
	m := c.call("login", map[string]any{"login": user + "@fs.test", "passwd": "1234", "sessid": sessid})
	if m.Error != nil {
		c.t.Fatalf("login: %+v", m.Error)
	}
	return c.await("verto.clientReady")
}

func dialog(callID string) map[string]any { return map[string]any{"callID": callID} }

// invite places a call and fails the test unless it is created.
func (c *client) invite(callID, number, sdp string) {
	c.t.Helper()
	m := c.call("verto.invite", map[string]any{"sdp": sdp, "dialogParams": map[string]any{
		"callID": callID, "destination_number": number, "caller_id_name": "Ann", "caller_id_number": "1008",
	}})
	if m.Result.Message != "CALL CREATED" {
		c.t.Fatalf("invite: %+v", m)
	}
}

// pcmuOffer is an offer whose address nobody listens at.
const pcmuOffer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\na=mid:0\r\na=setup:actpass\r\na=rtcp-mux\r\n" +
	"a=ice-ufrag:abcdabcd\r\na=ice-pwd:abcdefghabcdefghabcdefgh\r\na=fingerprint:sha-256 00:11\r\n" +
	"a=rtpmap:0 PCMU/8000\r\na=rtpmap:126 telephone-event/8000\r\n" +
	"a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n"

var pcmuAnswer = strings.Replace(pcmuOffer, "actpass", "active", 1)
