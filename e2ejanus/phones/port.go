package phones

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
)

// loopback is where everything here is.
const loopback = "127.0.0.1"

// given are the ports that tests of this process have, in use or not yet.
var given sync.Map

// FreePort is a port that neither TCP nor UDP uses, nor the one after it. It is
// below those that systems give to outgoing connections, those of media, and
// those of other tests.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 10000 + 2*rand.IntN(1000)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		t.Cleanup(func() { given.Delete(port) })
		if free(port) && free(port+1) {
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func free(port int) bool {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return false
	}
	defer l.Close()
	u, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return false
	}
	u.Close()
	return true
}

// listensUDP tells whether somebody has that port of the loopback address.
func listensUDP(port int) bool {
	f, err := os.Open("/proc/net/udp")
	if err != nil {
		return true // not Linux: who sends once more is heard
	}
	defer f.Close()
	local := fmt.Sprintf("0100007F:%04X", port)
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if fields := strings.Fields(sc.Text()); len(fields) > 1 && fields[1] == local {
			return true
		}
	}
	return false
}
