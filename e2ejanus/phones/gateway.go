package phones

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

//go:embed preload/loopback.c
var loopbackSource []byte

// A Gateway is a running Janus with its SIP plugin.
type Gateway struct {
	URL     string // of its WebSocket
	Address string // the same, as host:port
}

// GatewayOptions are what tests vary of a gateway.
type GatewayOptions struct {
	Session time.Duration // without a word of its owner's; a minute if 0
	Reclaim time.Duration // that a session outlives its socket; half a minute if 0
}

// StartGateway runs a Janus until the test ends.
func StartGateway(t testing.TB, o GatewayOptions) *Gateway {
	t.Helper()
	need(t, "janus", "gcc")
	if o.Session == 0 {
		o.Session = time.Minute
	}
	if o.Reclaim == 0 {
		o.Reclaim = 30 * time.Second
	}
	plugins, others := module(t, "plugins", "sip")
	transports, otherTransports := module(t, "transports", "websockets")
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	port := FreePort(t)
	write(t, dir, "janus.jcfg", fmt.Sprintf(`general: {
	configs_folder = %q
	plugins_folder = %q
	transports_folder = %q
	events_folder = %q
	loggers_folder = %q
	debug_colors = false
	interface = %q
	session_timeout = %d
	reclaim_session_timeout = %d
}
nat: { ice_enforce_list = %q }
media: { rtp_port_range = "20000-25999" }
plugins: { disable = %q }
transports: { disable = %q }
`, dir, plugins, transports, none, none, loopback, int(o.Session.Seconds()), int(o.Reclaim.Seconds()), loopback, others, otherTransports))
	write(t, dir, "janus.transport.websockets.jcfg", fmt.Sprintf(`general: {
	ws = true
	ws_port = %d
	ws_ip = %q
	json = "compact"
}
admin: { admin_ws = false }
`, port, loopback))
	write(t, dir, "janus.plugin.sip.jcfg", fmt.Sprintf(`general: {
	local_ip = %q
	local_media_ip = %q
	sdp_ip = %q
	keepalive_interval = 0
	rtp_port_range = "26000-29999"
}
`, loopback, loopback, loopback))
	write(t, dir, "openssl.cnf", legacy)
	env := []string{"LD_PRELOAD=" + compile(t, dir), "OPENSSL_CONF=" + filepath.Join(dir, "openssl.cnf")}
	p := start(t, dir, env, "janus", "-F", dir)
	g := &Gateway{Address: fmt.Sprintf("%s:%d", loopback, port)}
	g.URL = "ws://" + g.Address + "/"
	p.until(t, soon(t), "listened", func() bool { return listensTCP(g.Address) })
	return g
}

// legacy lets the DTLS of Janus be a client of pion's, which answers RFC 5746's
// extension, and not the cipher suite by which OpenSSL says the same.
const legacy = `openssl_conf = modules
[modules]
ssl_conf = ssl
[ssl]
system_default = system
[system]
Options = UnsafeLegacyServerConnect
`

// module finds the folder that holds a module of Janus, and names the others in
// it: they are not needed, and some of them open ports.
func module(t testing.TB, kind, wanted string) (folder, others string) {
	t.Helper()
	wanted = "libjanus_" + wanted + ".so"
	found, err := filepath.Glob("/usr/lib/*/janus/" + kind + "/" + wanted)
	if err != nil || len(found) == 0 {
		unavailable(t, "Janus has no "+wanted)
	}
	folder = filepath.Dir(found[0])
	all, err := filepath.Glob(filepath.Join(folder, "*.so"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range all {
		if name := filepath.Base(file); name != wanted {
			names = append(names, name)
		}
	}
	return folder, strings.Join(names, ",")
}

// compile makes what Janus has loaded first.
func compile(t testing.TB, dir string) (library string) {
	t.Helper()
	source := filepath.Join(dir, "loopback.c")
	if err := os.WriteFile(source, loopbackSource, 0o600); err != nil {
		t.Fatal(err)
	}
	library = filepath.Join(dir, "loopback.so")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", library, source, "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return library
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func listensTCP(address string) bool {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
