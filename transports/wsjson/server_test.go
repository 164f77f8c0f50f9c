package wsjson

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"vertigo/engine"
)

func TestWhoIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{Path: "/bell", Subprotocol: "bell-protocol", Clients: 2})
		bearer := http.Header{"Authorization": {"bearer " + secret}}
		for _, test := range []struct {
			name, path  string
			header      http.Header
			subprotocol []string
			want        int
		}{
			{"another path", "/", bearer, []string{"bell-protocol"}, 404},
			{"no token", "/bell", nil, []string{"bell-protocol"}, 401},
			{"wrong token", "/bell", http.Header{"Authorization": {"Bearer top"}}, []string{"bell-protocol"}, 401},
			{"password for a token", "/bell", http.Header{"Authorization": {"Basic YTp0b3Agc2VjcmV0"}}, []string{"bell-protocol"}, 401},
			{"no subprotocol", "/bell", bearer, nil, 400},
			{"another subprotocol", "/bell", bearer, []string{"knock"}, 400},
			{"a page of somebody else", "/bell", http.Header{"Authorization": bearer["Authorization"], "Origin": {"https://elsewhere.test"}}, []string{"bell-protocol"}, 403},
			{"right", "/bell", bearer, []string{"knock", "bell-protocol"}, 101},
			{"another one", "/bell", bearer, []string{"bell-protocol"}, 101},
			{"one too many", "/bell", bearer, []string{"bell-protocol"}, 503},
		} {
			_, resp := r.dial(test.path, test.header, test.subprotocol...)
			if resp.StatusCode != test.want {
				t.Errorf("%s: got %s, want %d", test.name, resp.Status, test.want)
			}
			if challenge := resp.Header.Get("WWW-Authenticate"); (challenge != "") != (test.want == 401) {
				t.Errorf("%s: challenged by %q", test.name, challenge)
			}
		}
		r.expect(engine.TransportUp)
		r.quiet()
		for _, why := range []string{"token or password missing or wrong", "it does not ask for the subprotocol", "as many clients are connected as may be"} {
			if strings.Count(r.log.String(), why) != 1 {
				t.Errorf("not said once: %s\n%s", why, r.log)
			}
		}
	})
}

// A page can lead a browser to this machine under a name of its own, so that the
// origin is the same.
func TestWithoutASecretOnlyThisMachineIsAskedFor(t *testing.T) {
	s := &server{Transport: &Transport{cfg: Config{Path: "/"}, log: slog.New(slog.DiscardHandler)}}
	for host, want := range map[string]int{
		"evil.test:7490": http.StatusMisdirectedRequest, "localhost.evil.test": http.StatusMisdirectedRequest,
		"127.0.0.1:7490": http.StatusServiceUnavailable, "localhost:7490": http.StatusServiceUnavailable, "[::1]:7490": http.StatusServiceUnavailable,
	} {
		s.closed = true // so that nobody gets further
		r := httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", host, w.Code, want)
		}
	}
}

// Who asks for something else is not kept for ever.
func TestAStrangerIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		for _, said := range []string{
			"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
			"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", // and no body
			"GET /nothing HTTP/1.1\r\nHost: a\r\n",
		} {
			stranger, err := r.pipes.dial()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(stranger, said); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if _, err := io.Copy(io.Discard, stranger); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("%q is let go after %s", said, took)
			}
			_ = stranger.Close()
		}
		p := r.enter()
		r.expect(engine.TransportUp)
		time.Sleep(time.Hour) // a client stays
		p.say(`{"type":"ring"}`)
		r.expect("ring")
	})
}

// What fails anew each time, in other words, would be kept and logged without end.
func TestFailuresOfHandshakesAreOneComplaint(t *testing.T) {
	log := new(logBuffer)
	s := &server{
		Transport: &Transport{cfg: Config{Path: "/"}, times: defaultTimes, log: slog.New(slog.NewTextHandler(log, nil))},
		ctx:       t.Context(), slots: make(chan struct{}, 1),
	}
	for port := range 10 {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/", nil)
		for name, value := range map[string]string{"Connection": "upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13", "Sec-Websocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} {
			r.Header.Set(name, value)
		}
		s.ServeHTTP(&lostClient{httptest.NewRecorder(), port}, r)
	}
	if n := strings.Count(log.String(), "client not let in"); n != 1 || !strings.Contains(log.String(), "connection reset") {
		t.Errorf("%d lines:\n%s", n, log)
	}
}

// A lostClient is gone before it is answered.
type lostClient struct {
	*httptest.ResponseRecorder
	port int
}

func (c *lostClient) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	ours, theirs := net.Pipe()
	_ = theirs.Close()
	return lostConn{ours, c.port}, bufio.NewReadWriter(bufio.NewReader(ours), bufio.NewWriter(ours)), nil
}

type lostConn struct {
	net.Conn
	port int
}

func (c lostConn) Write([]byte) (int, error) {
	return 0, &net.OpError{Op: "write", Net: "tcp", Addr: &net.TCPAddr{Port: c.port}, Err: syscall.ECONNRESET}
}

func TestClientsGetTheMessagesOfTheirCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		r.send("open", "c1", `{"call":"c1"}`)
		r.expectError("open", "c1", notConnected)
		front := r.enter()
		r.expect(engine.TransportUp)
		hello := r.send("hello", "", `{"what":"the only one"}`)
		front.expect("what", "the only one")
		front.say(`{"type":"done","id":"%s"}`, hello)
		r.expect("hello.done")
		back := r.enter()
		front.say(`{"type":"ring","call":"c1"}`)
		r.expect("ring")
		back.say(`{"type":"ring","call":"c2","handle":2}`)
		r.expect("ring")
		id := r.send("open", "c1", `{"what":"front","call":"c1"}`)
		front.expect("what", "front")
		r.send("open", "c2", `{"what":"back","handle":2}`)
		back.expect("what", "back")
		r.send("open", "c3", `{"call":"c3"}`)
		r.expectError("open", "c3", whichClient)

		back.say(`{"type":"done","id":"%s"}`, id) // asked of the other one
		if m := r.expect("done"); m.Call != "" {
			t.Errorf("a client answers for another: %+v", m)
		}
		front.say(`{"type":"done","id":"%s"}`, id)
		if m := r.expect("open.done"); m.Call != "c1" {
			t.Errorf("got %+v", m)
		}

		front.drop()
		synctest.Wait()
		r.quiet() // one is left: the transport is up
		r.send("open", "c1", `{"call":"c1"}`)
		r.expectError("open", "c1", notConnected) // not the back door
		front = r.enter()
		front.say(`{"type":"still","call":"c1"}`)
		r.expect("still")
		r.send("open", "c1", `{"what":"front again","call":"c1"}`)
		front.expect("what", "front again")
		front.drop()
		r.expectError("open", "c1", connectionLost)
		back.drop()
		r.expect(engine.TransportDown)
		r.expectError("open", "c2", connectionLost)
		r.quiet()
	})
}

// What was begun with a client is that client's, though it has said nothing.
func TestNobodyStandsInForAClientThatWasSentTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		front := r.enter()
		r.expect(engine.TransportUp)
		r.send("ring", "c1", `{"what":"ring","call":"c1"}`)
		front.expect("what", "ring")
		front.say(`{"type":"done","id":"id-1"}`)
		r.expect("ring.done")
		back := r.enter()
		r.send("note", "c1", `{"what":"stop","call":"c1","handle":1}`)
		front.expect("what", "stop")
		front.drop()
		r.expectError("note", "c1", connectionLost)
		for _, named := range []string{`"call":"c1"`, `"handle":1`} {
			r.send("note", "c1", `{"what":"secret",`+named+`}`)
			r.expectError("note", "c1", notConnected)
		}
		back.say(`{"type":"mine now","call":"c1"}`)
		r.expect("mine now")
		r.send("note", "c1", `{"what":"yours","call":"c1"}`)
		back.expect("what", "yours")
	})
}

func TestNobodyAnswersForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		front := r.enter()
		r.expect(engine.TransportUp)
		back := r.enter()
		back.say(`{"type":"open.done","call":"c0"}`) // nothing is ever asked so
		r.expect("open.done")
		front.say(`{"type":"ring","call":"c1"}`)
		r.expect("ring")
		id := r.send("open", "c1", `{"what":"open","call":"c1"}`)
		front.expect("what", "open")
		shut := r.send("shut", "", `{"call":"c0"}`)
		back.expect("id", shut)
		for _, said := range []string{
			`{"type":"open.done","call":"c1"}`, `{"type":"open.done","call":"c1","id":"` + id + `"}`, `{"type":"open.ok","id":7}`,
			`{"type":"open","result":{"event":"error"},"call":"c1"}`, `{"type":"open.done","id":"` + shut + `"}`,
		} {
			back.say("%s", said)
			synctest.Wait()
			r.quiet()
			if last := r.tapped()[len(r.tapped())-1]; last.data != string(quote(said)) {
				t.Errorf("captured as %s", last.data)
			}
		}
		if n := strings.Count(r.log.String(), errForged.Error()); n != 1 {
			t.Errorf("logged %d times:\n%s", n, r.log)
		}
		front.say(`{"type":"done","id":"%s"}`, id)
		if m := r.expect("open.done"); m.Call != "c1" || !m.Answer {
			t.Errorf("got %+v", m)
		}
	})
}

func TestNobodyTakesTheCallsOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{})
		front := r.enter()
		r.expect(engine.TransportUp)
		back := r.enter()
		front.say(`{"type":"ring","call":"c1"}`)
		r.expect("ring")
		for range 3 {
			back.say(`{"type":"ring","call":"c1"}`)
			r.expect("ring") // all are trusted alike
			r.send("pin", "c1", `{"what":"pin","call":"c1"}`)
			front.expect("what", "pin")
		}
		if n := strings.Count(r.log.String(), "two clients name the same call"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, r.log)
		}
		again := r.enter() // the front door, whose socket died unseen
		again.say(`{"type":"still","call":"c1"}`)
		r.expect("still")
		front.drop()
		for range 3 {
			r.expectError("pin", "c1", connectionLost)
		}
		r.send("pin", "c1", `{"what":"again","call":"c1"}`)
		again.expect("what", "again")
	})
}

// Whatever comes by the only client's address, it stays unless another one opens.
func TestAStrayRequestDoesNotEndTheOnlyClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{Clients: 1})
		p := r.enter()
		r.expect(engine.TransportUp)
		token := "Authorization: Bearer " + secret + "\r\n"
		upgrade := "Connection: Upgrade\r\nUpgrade: websocket\r\n"
		for _, stray := range []struct {
			header string
			want   int
		}{
			{token, 400},
			{token + upgrade, 400},
			{token + upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: https://elsewhere.test\r\n", 403},
		} {
			conn, err := r.pipes.dial()
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: vertigo.test\r\n"+stray.header+"\r\n") }()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || resp.StatusCode != stray.want {
				t.Errorf("%q: got %v, %v", stray.header, resp, err)
			}
			_ = conn.Close()
			synctest.Wait()
			p.say(`{"type":"ring"}`)
			r.expect("ring")
		}
	})
}

func TestTheOnlyClientMayComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startServer(t, Config{Clients: 1})
		p := r.enter()
		r.expect(engine.TransportUp)
		p.say(`{"type":"ring","call":"c1"}`)
		r.expect("ring")
		id := r.send("open", "c1", `{"what":"open","call":"c1"}`)
		p.expect("what", "open")
		p.say(`{"type":"done","id":"%s"}`, id)
		r.expect("open.done")
		again := r.enter() // while nobody knows yet that the connection has died
		<-p.ended
		r.expect(engine.TransportDown)
		r.expect(engine.TransportUp)
		p = again
		r.send("open", "c1", `{"what":"again","call":"c1"}`)
		p.expect("what", "again")
		p.say(`{"type":"shut","id":"%s"}`, id)
		if m := r.expect("shut"); m.Call != "c1" {
			t.Errorf("got %+v", m)
		}
		var names []string
		for _, l := range r.tapped() {
			if strings.Contains(l.data, engine.TransportUp) {
				names = append(names, l.conn)
			}
		}
		if strings.Join(names, " ") != "A A2" {
			t.Errorf("connections are called %q", names)
		}
	})
}

func TestKeysOfClientsAreBounded(t *testing.T) {
	var h hub
	first := &conn{}
	h.add(first, func() {})
	for i := range 10 * mostKeys {
		h.brought(first, []string{string(rune('a' + i%7)), big.NewInt(int64(i)).String()})
	}
	if len(h.byKey) > mostKeys || len(first.keys) > mostKeys {
		t.Errorf("%d keys are kept", len(h.byKey))
	}
	for range 2 * mostGone {
		c := &conn{}
		h.add(c, func() {})
		h.brought(c, []string{"mine", big.NewInt(int64(len(h.byKey))).String()})
		h.remove(c, func() {})
	}
	if len(h.gone) > mostGone || len(h.byKey) > mostKeys+2*mostGone {
		t.Errorf("%d lost connections and %d keys are kept", len(h.gone), len(h.byKey))
	}
}

func TestAKeyThatIsStillNamedIsKept(t *testing.T) {
	var h hub
	a, b := &conn{}, &conn{}
	h.add(a, func() {})
	h.add(b, func() {})
	for i := range 3 * mostKeys {
		h.brought(a, []string{"k"})
		h.brought(b, []string{"k"})
		h.brought(a, []string{big.NewInt(int64(i)).String()})
		if h.byKey["k"] != a {
			t.Fatalf("forgotten after %d others", i+1)
		}
	}
	if len(a.keys) != mostKeys || len(b.keys) != 1 || len(h.byKey) != mostKeys {
		t.Errorf("%d and %d keys are kept, of %d", len(a.keys), len(b.keys), len(h.byKey))
	}
}

// Both ends over TLS, with a certificate of an own authority.
func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := New("server", Config{Listen: l.Addr().String(), CertFile: cert, KeyFile: key, User: "anna", Password: secret}, Options{Format: door})
	if err != nil {
		t.Fatal(err)
	}
	server.listen = func(string, string) (net.Listener, error) { return l, nil }
	client, err := New("client", Config{URL: "wss://" + l.Addr().String() + "/", CAFile: cert, User: "anna", Password: secret}, Options{Format: door})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan engine.Message, 10)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	ended := make(chan error, 2)
	for _, end := range []*Transport{server, client} {
		go func() {
			ended <- end.Run(ctx, func(batch []engine.Message) {
				for _, m := range batch {
					if m.Type == "ring" || end == client && m.Type == engine.TransportUp {
						got <- m
					}
				}
			})
		}()
	}
	<-got
	client.Send(engine.Action{Type: "ring", ID: "x", Body: []byte(`{"type":"ring"}`)})
	if m := <-got; m.Transport != "server" || string(m.Body) != `{"type":"ring","id":"x"}` {
		t.Errorf("got %+v", m)
	}
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestAnAddressThatIsTakenEndsRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server, err := New("door", Config{Listen: l.Addr().String()}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = server.Run(context.Background(), func([]engine.Message) {})
	if err == nil || !strings.Contains(err.Error(), `listen = "`+l.Addr().String()+`": `) || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

// certificate writes one for 127.0.0.1 that it has signed itself, and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private)
}
