package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"

	"vertigo/demo"
	"vertigo/engine"
	"vertigo/transports/matrix/matrixtest"
	"vertigo/transports/verto/vertotest"
)

type demoCommand struct {
	Listen string `default:"127.0.0.1:0" placeholder:"ADDRESS" help:"Address and port of the page, on this machine (${default}: any port)."`
	NoOpen bool   `help:"Open no browser."`
}

// Help is what --help adds.
func (demoCommand) Help() string {
	return `A homeserver, a PBX and the bridge between them, in this one process and on this
machine alone, and a page with a telephone that shows what the rules do. The
rules are written to a temporary directory: edit and save them, and the next
call follows. All of it is gone at Ctrl-C.

    vertigo demo`
}

// Run shows the page until it is told to stop.
func (c *demoCommand) Run(ctx context.Context, std streams) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal kills

	dir, err := os.MkdirTemp("", "vertigo-demo-")
	if err != nil {
		return fmt.Errorf("the demonstration needs a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	std.err = &lockedWriter{w: std.err}
	d, err := newDemonstration(dir, c.Listen)
	if err != nil {
		return err
	}
	defer d.close()
	return d.run(ctx, std, func() {
		fmt.Fprintf(std.out, demoWelcome, d.page.URL, filepath.Join(dir, "rules.toml"))
		if !c.NoOpen {
			openBrowser(d.page.URL)
		}
	})
}

const demoWelcome = `
  %s

Open this in a browser, and press "Call": 9196 sends you back what you send.
Then 9199, which is busy, 9202, which reads your keys, and "Call me". The rules
are in

  %s

Save a change of theirs, and the next call follows it. Ctrl-C ends it all.

`

// A demonstration is all that a call needs, on one machine.
type demonstration struct {
	dir  string
	home *matrixtest.Server
	pbx  *vertotest.Server
	page *demo.Page

	ctx   context.Context // of the telephone that calls
	stop  context.CancelFunc
	rings sync.WaitGroup
}

const (
	demoDomain = "demo.test"
	demoLogin  = "vertigo@" + demoDomain
	demoUser   = "anna"
)

// newDemonstration starts everything but the bridge, and writes what that reads.
func newDemonstration(dir, listen string) (*demonstration, error) {
	d := &demonstration{dir: dir}
	d.ctx, d.stop = context.WithCancel(context.Background())
	d.home = matrixtest.New(matrixtest.Options{ServerName: demoDomain})
	// Sound is not transcoded there, and tones are made for PCMU alone.
	d.pbx = vertotest.NewServer(vertotest.Options{Domain: demoDomain, Codecs: []string{"PCMU"}})
	if err := d.prepare(listen); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *demonstration) prepare(listen string) error {
	password, vertoPassword := rand.Text(), rand.Text()
	user := d.home.AddUser(demoUser, password)
	d.pbx.AddAccount(demoLogin, vertoPassword)
	bridge, err := freePort()
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"vertigo.toml":   fmt.Sprintf(demoConfig, d.home.URL, demoDomain, bridge, d.pbx.URL, demoLogin),
		"verto-password": vertoPassword + "\n",
		"rules.toml":     fmt.Sprintf(demoRules, user),
	} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("the demonstration cannot be written: %w", err)
		}
	}
	d.page, err = demo.Listen(listen, demo.Options{
		Homeserver: d.home.URL, User: user, Password: password, Rules: filepath.Join(d.dir, "rules.toml"),
		Ring: d.ring, HangUp: d.hangUp,
	})
	return err
}

// freePort gives an address that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("no port is free: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

const demoConfig = `# The configuration of this demonstration.
rules = ["rules.toml"]

[transport.matrix]
kind         = "matrix"
mode         = "appservice"
homeserver   = %q
user         = "@phone:%s"
registration = "registration.yaml"
listen       = %q

[transport.pbx]
kind     = "verto"
url      = %q
login    = %q
password = "file:verto-password"

[reload]
watch = true

[log]
level = "warn"
`

const demoRules = `# The rules of this demonstration. Save a change, and the next call follows it.
include = ["matrix-verto"]

[vars]
emergency      = "refuse"
country        = "GB"
users          = %q
callsPerMinute = 60

# Which number is called in place of another. Take away the #, save, and call 9196: it answers with a tone.
[table.instead]
# "9196" = "9197"

[let]
asked       = 'mxidUnescape(trimPrefix(localpart(msg.as), vars.ghosts))'
ghostNumber = 'isGhost ? instead[asked] ?? asked : nil' # stands in for the one of the shipped rules
`

// run bridges until ctx is done. It calls ready once a call can be made.
func (d *demonstration) run(ctx context.Context, std streams, ready func()) error {
	cfg, err := readConfig(filepath.Join(d.dir, defaultConfig), withSecrets)
	if err != nil {
		return err
	}
	t, err := cfg.appService("")
	if err != nil {
		return err
	}
	if err := writeRegistration(t.matrix.Registration, t.matrix); err != nil {
		return err
	}
	text, err := os.ReadFile(t.matrix.Registration)
	if err != nil {
		return err
	}
	registration, err := matrixtest.ParseRegistration(text)
	if err != nil {
		return err
	}
	if err := d.home.AddAppService(registration); err != nil {
		return err
	}

	ctx, stop := context.WithCancel(ctx)
	shown, hide := context.WithCancel(context.WithoutCancel(ctx)) // it shows how calls are ended, too
	served := make(chan error, 1)
	go func() {
		served <- d.page.Run(shown)
		stop() // without a page there is nothing to show
	}()
	p := &program{
		cfg: cfg, std: std, log: newLogger(std.err, cfg.Log),
		watch: watchForAll(len(cfg.Transports), ready), showAPI: d.page.Show,
	}
	err = p.run(ctx)
	hide()
	return errors.Join(err, <-served)
}

// watchForAll gives what the engine's goroutine tells of each step. The first time
// that so many transports are up it calls ready.
func watchForAll(transports int, ready func()) func(engine.Trace) {
	up := map[string]bool{}
	return func(t engine.Trace) {
		if t.Message.Type != engine.TransportUp || len(up) == transports {
			return
		}
		up[t.Message.Transport] = true
		if len(up) == transports {
			ready()
		}
	}
}

// ring has a telephone call the user, unless it does so already.
func (d *demonstration) ring() bool {
	for _, call := range d.pbx.Calls() {
		if call.Outbound && call.State != vertotest.Ended {
			return false
		}
	}
	d.rings.Go(func() { d.telephone("Mary Jones") })
	return true
}

// telephone calls the user, and returns when the call is over.
func (d *demonstration) telephone(name string) {
	_, _ = d.pbx.Originate(d.ctx, demoLogin, vertotest.OriginateOptions{ // how it ends is seen on the page
		CallerName: name, CallerNumber: "+442079460123", Extension: "9196", Codecs: []string{"PCMU"}, Phone: true,
	})
}

// hangUp has the far end hang up all calls.
func (d *demonstration) hangUp() {
	for _, call := range d.pbx.Calls() {
		if call.State != vertotest.Ended {
			d.pbx.Hangup(call.ID, vertotest.NormalClearing)
		}
	}
}

func (d *demonstration) close() {
	d.stop()
	if d.page != nil {
		d.page.Close()
	}
	d.pbx.Close()
	d.rings.Wait()
	d.home.Close()
}

// openBrowser shows an address in the desktop's browser, where there is one: the
// address has been printed anyway.
func openBrowser(url string) {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	default:
		if os.Getenv("DISPLAY")+os.Getenv("WAYLAND_DISPLAY") == "" {
			return // a browser in the terminal has no sound
		}
	}
	if cmd := exec.Command(name, args...); cmd.Start() == nil {
		_ = cmd.Process.Release()
	}
}
