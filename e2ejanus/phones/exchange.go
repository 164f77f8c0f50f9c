package phones

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// An Exchange is the telephone network between phones: a registrar that asks for
// passwords, and a stateless proxy (RFC 3261, sections 10.3 and 16.11).
type Exchange struct {
	Address string // host:port
	conn    *net.UDPConn
	nonce   string
	served  chan struct{}

	mu        sync.Mutex
	passwords map[string]string // of accounts
	contacts  map[string]string // of accounts, and of numbers that were placed: a URI
	lines     map[string]string // whose account a number is
	seen      []passed          // all requests
	changed   chan struct{}
}

// A passed is a request that came to an exchange.
type passed struct {
	start, from, cseq string // first line, the host:port it came from, and CSeq
}

// StartExchange runs an exchange until the test ends.
func StartExchange(t testing.TB) *Exchange {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	x := &Exchange{
		Address: conn.LocalAddr().String(), conn: conn, nonce: rand.Text(), served: make(chan struct{}),
		passwords: map[string]string{}, contacts: map[string]string{}, lines: map[string]string{}, changed: make(chan struct{}),
	}
	go x.serve()
	t.Cleanup(func() {
		conn.Close()
		<-x.served
	})
	return x
}

// Account lets somebody register as user.
func (x *Exchange) Account(user, password string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.passwords[user] = password
}

// Line has calls to a number go where an account is registered.
func (x *Exchange) Line(number, user string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lines[number] = user
}

// Place has calls to a number go to an address, where nobody registers.
func (x *Exchange) Place(number, address string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.contacts[number] = "sip:" + number + "@" + address
}

// URI is a number as it is dialled here.
func (x *Exchange) URI(number string) string { return "sip:" + number + "@" + x.Address }

// WaitRegistered waits until an account is registered.
func (x *Exchange) WaitRegistered(ctx context.Context, user string) error {
	return x.wait(ctx, user+" registers", func() bool { return x.contacts[user] != "" })
}

// waitACK waits until whoever is at an address has acknowledged the answer to its
// INVITE of that number (CSeq).
func (x *Exchange) waitACK(ctx context.Context, from string, number int) error {
	cseq := fmt.Sprintf("%d ACK", number)
	return x.wait(ctx, cseq+" from "+from, func() bool {
		return slices.ContainsFunc(x.seen, func(p passed) bool { return p.from == from && p.cseq == cseq })
	})
}

// WaitRequest waits for a request that begins with those words, like
// "INVITE sip:2001".
func (x *Exchange) WaitRequest(ctx context.Context, begins string) error {
	return x.wait(ctx, begins, func() bool { return x.saw(begins) })
}

// Saw tells whether there was a request that begins with those words.
func (x *Exchange) Saw(begins string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.saw(begins)
}

// saw is [Exchange.Saw] for a caller that holds mu.
func (x *Exchange) saw(begins string) bool {
	return slices.ContainsFunc(x.seen, func(p passed) bool { return strings.HasPrefix(p.start, begins) })
}

func (x *Exchange) wait(ctx context.Context, what string, condition func() bool) error {
	for {
		x.mu.Lock()
		ok, changed := condition(), x.changed
		x.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the exchange never saw: %s (%w); the last requests were %s", what, context.Cause(ctx), x.last())
		}
	}
}

// last are the requests that came last, one a line.
func (x *Exchange) last() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var b strings.Builder
	for _, p := range x.seen[max(0, len(x.seen)-10):] {
		fmt.Fprintf(&b, "\n  %s, from %s", p.start, p.from)
	}
	return b.String()
}

func (x *Exchange) serve() {
	defer close(x.served)
	buffer := make([]byte, 64<<10)
	for {
		n, from, err := x.conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		m, ok := parseSIP(buffer[:n])
		switch {
		case !ok: // a keep-alive
		case m.isRequest():
			x.request(m, from)
		default:
			x.response(m)
		}
	}
}

// request answers a request, or hands it on.
func (x *Exchange) request(m sipMessage, from *net.UDPAddr) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen = append(x.seen, passed{m.start, from.String(), m.header("CSeq")})
	close(x.changed)
	x.changed = make(chan struct{})
	user, host := split(m.uri())
	switch {
	case m.method() == "REGISTER":
		x.send(x.register(m), from.String())
	case host != x.Address:
		x.forward(m, m.uri(), host)
	default:
		contact := x.contacts[user]
		if contact == "" {
			contact = x.contacts[x.lines[user]]
		}
		if contact == "" {
			if m.method() != "ACK" {
				x.send(m.reply("404 Not Found"), from.String())
			}
			return
		}
		_, at := split(contact)
		x.forward(m, contact, at)
	}
}

// register lets an account in that knows its password. The caller holds mu.
func (x *Exchange) register(m sipMessage) sipMessage {
	user, _ := split(address(m.header("To")))
	const realm = "exchange"
	auth, password := m.header("Authorization"), x.passwords[user]
	proof := digest(user, realm, password, "REGISTER", parameter(auth, "uri"), x.nonce)
	if password == "" || parameter(auth, "response") != proof {
		return m.reply("401 Unauthorized", fmt.Sprintf(`WWW-Authenticate: Digest realm=%q, nonce=%q, algorithm=MD5`, realm, x.nonce))
	}
	contact := m.header("Contact")
	if m.header("Expires") == "0" || parameter(contact, "expires") == "0" {
		delete(x.contacts, user)
		return m.reply("200 OK")
	}
	x.contacts[user] = address(contact)
	return m.reply("200 OK", "Contact: <"+address(contact)+">;expires=3600", "Expires: 3600")
}

// forward hands a request on, with a Via whose branch is the same for what
// belongs together. The caller holds mu.
func (x *Exchange) forward(m sipMessage, uri, to string) {
	i := m.index("Via")
	if i < 0 {
		return
	}
	h := fnv.New64a()
	h.Write([]byte(parameter(m.headers[i], "branch")))
	via := fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%x", x.Address, h.Sum64())
	headers := append([]string{via}, m.headers...)
	x.send(sipMessage{m.method() + " " + uri + " SIP/2.0", headers, m.body}, to)
}

// response hands a response back to whom the topmost Via names, once the
// exchange's own is gone. sipp sends all responses here, those too to requests
// that did not come this way.
func (x *Exchange) response(m sipMessage) {
	if i := m.index("Via"); i >= 0 && sentBy(m) == x.Address {
		_, others, more := strings.Cut(m.headers[i], ",")
		m.headers = slices.Clone(m.headers)
		if more {
			m.headers[i] = "Via:" + others
		} else {
			m.headers = slices.Delete(m.headers, i, i+1)
		}
	}
	x.send(m, sentBy(m))
}

// sentBy is the host and port in the topmost Via, "" if there is none.
func sentBy(m sipMessage) string {
	_, rest, _ := strings.Cut(m.header("Via"), " ")
	at, _, _ := strings.Cut(rest, ";")
	return at
}

// send sends to host:port. What does not arrive is sent again by those who talk.
func (x *Exchange) send(m sipMessage, to string) {
	if at, err := net.ResolveUDPAddr("udp4", to); err == nil {
		_, _ = x.conn.WriteToUDP(m.bytes(), at)
	}
}
