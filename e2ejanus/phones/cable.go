package phones

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A Cable leads to an address, and can be pulled out.
type Cable struct {
	Address string // host:port of the near end

	to     string
	l      net.Listener
	serves sync.WaitGroup

	mu    sync.Mutex
	out   bool
	conns map[net.Conn]bool
}

// NewCable lays a cable, which is plugged in, until the test ends.
func NewCable(t testing.TB, to string) *Cable {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		t.Fatal(err)
	}
	c := &Cable{Address: l.Addr().String(), to: to, l: l, conns: map[net.Conn]bool{}}
	c.serves.Go(c.serve)
	t.Cleanup(func() {
		l.Close()
		c.Unplug()
		c.serves.Wait()
	})
	return c
}

// Unplug ends all connections, and lets no other one come about.
func (c *Cable) Unplug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = true
	for conn := range c.conns {
		conn.Close()
	}
}

// Plug lets connections come about again.
func (c *Cable) Plug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = false
}

func (c *Cable) serve() {
	for {
		near, err := c.l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil {
			near.Close()
			continue
		}
		if !c.keep(near, far) {
			near.Close()
			far.Close()
			continue
		}
		for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
			c.serves.Go(func() {
				_, _ = io.Copy(way[0], way[1])
				c.drop(near, far)
			})
		}
	}
}

// keep notes connections, unless the cable is out.
func (c *Cable) keep(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out {
		return false
	}
	for _, conn := range conns {
		c.conns[conn] = true
	}
	return true
}

func (c *Cable) drop(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
		delete(c.conns, conn)
	}
}
