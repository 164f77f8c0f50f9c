package phones

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
)

// loopback is where everything here is.
const loopback = "127.0.0.1"

// FreePort is a port that neither TCP nor UDP uses, nor the one after it.
func FreePort(t testing.TB) int { t.Helper(); return reserve(t, 10000, 500) }

// mediaPort is a port for the sound of a sipp, which takes it and the one two above.
// It does not look for another one where it is told one, and all look in the same
// place where they are told none.
func mediaPort(t testing.TB) int { t.Helper(); return reserve(t, 32000, 192) }

// reserve gives the first of three free ports, from one of so many blocks of four.
// Until the test ends no other test has them, whether they are in use by then or
// not, and whichever process that test runs in: the fourth port is held as a sign
// of that. All blocks are below the ports that systems give to outgoing connections,
// and beside those of the media of Janus and baresip.
func reserve(t testing.TB, from, blocks int) int {
	t.Helper()
	for range 1000 {
		port := from + 4*rand.IntN(blocks)
		sign, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 3})
		if err != nil {
			continue
		}
		if !free(port) || !free(port+1) || !free(port+2) {
			sign.Close()
			continue
		}
		t.Cleanup(func() { sign.Close() })
		return port
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
