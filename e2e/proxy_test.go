package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// A proxy stands between the homeserver and a bridge, and can do to transactions
// what networks do.
type proxy struct {
	t  testing.TB
	to *service

	mu    sync.Mutex
	treat func(*transaction) int // gives the HTTP status for the homeserver
	sent  int
}

// A transaction is what the homeserver brings at once.
type transaction struct {
	id     string
	body   []byte
	events []gjson.Result
}

const transactions = "/_matrix/app/v1/transactions/"

// newProxy starts a proxy to a bridge whose URL is the proxy's.
func newProxy(t testing.TB, to *service) *proxy {
	t.Helper()
	p := &proxy{t: t, to: to}
	l, err := net.Listen("tcp", strings.TrimPrefix(to.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: p, ReadHeaderTimeout: patience}
	var serving sync.WaitGroup
	serving.Go(func() { _ = web.Serve(l) })
	t.Cleanup(func() {
		_ = web.Close()
		serving.Wait()
	})
	return p
}

// treats says what becomes of transactions from now on. nil: they pass.
func (p *proxy) treats(treat func(*transaction) int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.treat = treat
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.mu.Lock()
	treat := p.treat
	p.mu.Unlock()
	if id, ok := strings.CutPrefix(r.URL.Path, transactions); ok && treat != nil {
		status := treat(&transaction{id, body, gjson.GetBytes(body, "events").Array()})
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "{}")
		return
	}
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", p.to.listen
	r.Body = io.NopCloser(bytes.NewReader(body))
	res, err := direct.Do(r)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

// pass hands a transaction on.
func (p *proxy) pass(tx *transaction) int { return p.put(tx.id, tx.body) }

func (p *proxy) put(id string, body []byte) int {
	req, err := http.NewRequest(http.MethodPut, "http://"+p.to.listen+transactions+id, bytes.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return http.StatusInternalServerError
	}
	req.Header.Set("Authorization", "Bearer "+p.to.HSToken)
	res, err := direct.Do(req)
	if err != nil {
		return http.StatusBadGateway
	}
	res.Body.Close()
	return res.StatusCode
}

// post hands events on in a transaction of the proxy's own.
func (p *proxy) post(events ...gjson.Result) {
	p.mu.Lock()
	p.sent++
	id := fmt.Sprintf("proxy-%d", p.sent)
	p.mu.Unlock()
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = e.Raw
	}
	if status := p.put(id, []byte(`{"events":[`+strings.Join(list, ",")+`]}`)); status != http.StatusOK {
		p.t.Errorf("a transaction of events that were held back: HTTP %d", status)
	}
}

// cut breaks off half-way through a transaction.
func (p *proxy) cut(tx *transaction) {
	conn, err := net.Dial("tcp", p.to.listen)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		transactions, tx.id, p.to.listen, p.to.HSToken, len(tx.body), tx.body[:len(tx.body)/2])
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if head := make([]byte, len("HTTP/1.1 200")); readFull(conn, head) && string(head) == "HTTP/1.1 200" {
		p.t.Error("the bridge takes half a transaction")
	}
}

func readFull(r io.Reader, into []byte) bool {
	_, err := io.ReadFull(r, into)
	return err == nil
}

// has tells whether a transaction brings an event of a type.
func (tx *transaction) has(typ string) bool {
	for _, e := range tx.events {
		if e.Get("type").Str == typ {
			return true
		}
	}
	return false
}

// once does something to the first transaction with an event of a type, and lets
// the others pass.
func (p *proxy) once(typ string, treat func(*transaction) int) func(*transaction) int {
	var first sync.Once
	return func(tx *transaction) (status int) {
		if tx.has(typ) {
			first.Do(func() { status = treat(tx) })
		}
		if status == 0 {
			return p.pass(tx)
		}
		return status
	}
}

// gathers holds the events of calls back until there is one of each type, and
// then hands them on in the order of the types.
func (p *proxy) gathers(types ...string) func(*transaction) int {
	held := map[string][]gjson.Result{}
	return func(tx *transaction) int {
		var others []gjson.Result
		for _, e := range tx.events {
			if typ := e.Get("type").Str; strings.HasPrefix(typ, "m.call.") {
				held[typ] = append(held[typ], e)
			} else {
				others = append(others, e)
			}
		}
		p.post(others...)
		for _, typ := range types {
			if len(held[typ]) == 0 {
				return http.StatusOK
			}
		}
		for _, typ := range types {
			for _, e := range held[typ] {
				p.post(e)
			}
			held[typ] = nil
		}
		return http.StatusOK
	}
}

// ages makes all events older.
func (p *proxy) ages(by time.Duration) func(*transaction) int {
	return func(tx *transaction) int {
		body := string(tx.body)
		for _, e := range tx.events {
			at := e.Get("origin_server_ts").Int()
			body = strings.ReplaceAll(body, fmt.Sprint(at), fmt.Sprint(at-by.Milliseconds()))
		}
		return p.put(tx.id, []byte(body))
	}
}
