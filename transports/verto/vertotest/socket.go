package vertotest

import (
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// maxMessage is where kws.c stops: a message of this size closes the socket.
const maxMessage = 1_000_000

// A socket is one client connection. One goroutine reads, handles and writes,
// as one thread does in FreeSWITCH: what blocks it (a hold) delays everything,
// and queued requests wait until no data came in for a while.
type socket struct {
	srv     *Server
	ws      *websocket.Conn
	number  int
	dropped chan struct{}
	once    sync.Once
	writing sync.Mutex

	// Guarded by srv.mu:
	queue      []object // server requests not yet written
	user       *Account // nil until logged in
	sessid     string
	callerName string // the first caller_id_name it used: it sticks (verto_invite_func)
	last       bool   // to be ended once the queue is empty
	punted     bool   // another socket has its sessid: it gets a close frame
}

func (s *Server) accept(w http.ResponseWriter, r *http.Request) {
	header := http.Header{}
	if p := r.Header.Get("Sec-WebSocket-Protocol"); p != "" {
		header.Set("Sec-WebSocket-Protocol", p) // all of it, as kws.c does
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := upgrader.Upgrade(w, r, header)
	if err != nil {
		return // Upgrade has answered the client
	}
	k := &socket{srv: s, ws: ws, dropped: make(chan struct{})}
	s.mu.Lock()
	if s.closing || s.away {
		s.mu.Unlock()
		_ = ws.Close()
		return
	}
	s.lastSock++
	k.number = s.lastSock
	s.sockets = append(s.sockets, k)
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()
	k.run()
}

// login names the user for the log. The caller holds srv.mu.
func (k *socket) login() string {
	if k.user == nil {
		return ""
	}
	return k.user.Login
}

// drop resets the connection; run ends soon after. It does not block.
func (k *socket) drop() {
	k.once.Do(func() {
		close(k.dropped)
		conn := k.ws.UnderlyingConn()
		if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
			conn = t.NetConn()
		}
		if t, ok := conn.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
		_ = conn.Close()
	})
}

// close says goodbye with code 1000, the only one that kws.c gives.
func (k *socket) close() {
	k.writing.Lock()
	_ = k.ws.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	k.writing.Unlock()
	_ = k.ws.Close()
}

// run is the socket's thread (client_run).
func (k *socket) run() {
	inbound := make(chan []byte)
	k.srv.wg.Go(func() { k.read(inbound) })
	timing := k.srv.opts.Timing
	heard := time.Now()
	announce := false // clientReady comes in the round after the login's
loop:
	for {
		ready := announce
		announce = false
		select {
		case data, ok := <-inbound:
			if !ok {
				break loop
			}
			heard = time.Now()
			if ready { // queued before anything that this message brings about
				k.srv.ready(k)
				ready = false
			}
			fresh, ok := k.handle(data)
			if !ok {
				k.close()
				break loop
			}
			announce = fresh
		case <-time.After(timing.Poll):
			if time.Since(heard) >= timing.Ping {
				heard = time.Now()
				k.ping()
			}
			if !k.flush() {
				break loop
			}
		}
		if ready {
			k.srv.ready(k)
		}
	}
	k.once.Do(func() { close(k.dropped) })
	if k.isPunted() {
		k.close()
	}
	_ = k.ws.Close()
	k.srv.lost(k)
}

// read passes every non-empty frame on, whatever its opcode: kws.c knows no
// Pong, a ping's payload is parsed as JSON like any text.
func (k *socket) read(inbound chan<- []byte) {
	defer close(inbound)
	deliver := func(data []byte) {
		if len(data) == 0 {
			return
		}
		select {
		case inbound <- data:
		case <-k.dropped:
		}
	}
	control := func(payload string) error {
		deliver([]byte(payload))
		return nil
	}
	k.ws.SetPingHandler(control)
	k.ws.SetPongHandler(control)
	for {
		_, r, err := k.ws.NextReader()
		if err != nil {
			return
		}
		data, err := io.ReadAll(io.LimitReader(r, maxMessage))
		if err != nil {
			return
		}
		if len(data) >= maxMessage {
			k.close()
			return
		}
		deliver(data)
	}
}

// write puts one message on the wire. A peer that takes nothing for seconds
// loses its socket.
func (k *socket) write(o any) bool {
	data := encode(o)
	k.writing.Lock()
	defer k.writing.Unlock()
	k.srv.record(k, "out", data)
	_ = k.ws.SetWriteDeadline(time.Now().Add(10 * time.Second))
	return k.ws.WriteMessage(websocket.TextMessage, data) == nil
}

// flush writes what is queued. It reports false when the socket is to end.
func (k *socket) flush() bool {
	k.srv.mu.Lock()
	queue, last := k.queue, k.last
	k.queue = nil
	k.srv.mu.Unlock()
	for _, o := range queue {
		if !k.write(o) {
			return false
		}
	}
	return !last
}

// sleep blocks the socket for d, as FreeSWITCH does while it holds a call.
func (k *socket) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-k.dropped:
	}
}

func (k *socket) ping() {
	s := k.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(k, "verto.ping", object{{"serno", int(time.Now().Unix())}})
}

// enqueue gives a server request its id and its place in k's queue; without a
// socket it is lost, as it is in FreeSWITCH. The caller holds s.mu.
func (s *Server) enqueue(k *socket, method string, params object) {
	if k == nil {
		return
	}
	s.lastID++
	k.queue = append(k.queue, object{
		{"jsonrpc", "2.0"}, {"id", s.lastID}, {"method", method}, {"params", params},
	})
}

func (k *socket) isPunted() bool {
	k.srv.mu.Lock()
	defer k.srv.mu.Unlock()
	return k.punted
}

// lost forgets k and lets go of its calls, unless another socket has them.
func (s *Server) lost(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = slices.DeleteFunc(s.sockets, func(other *socket) bool { return other == k })
	if s.sessions[k.sessid] == k {
		delete(s.sessions, k.sessid)
		s.detach(k.sessid)
	}
	s.notify()
}
