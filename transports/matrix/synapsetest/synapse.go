package synapsetest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// synapse is one homeserver: a data directory, and a process while it runs.
type synapse struct {
	dir, python   string
	secret        string
	registrations []string
	limited       bool
	port          int // once it has been up

	alive io.Closer     // the process ends when this closes; nil while there is none
	ended chan struct{} // closes when the process has ended
	kill  func() error
}

// errTaken says that somebody else has the port.
var errTaken = errors.New("address already in use")

// Start implements [hometest.Program].
func (s *synapse) Start() (url string, err error) {
	if s.port != 0 {
		return s.startOn(s.port)
	}
	for range 5 {
		port := freePort()
		if url, err = s.startOn(port); err == nil {
			s.port = port
		}
		if !errors.Is(err, errTaken) {
			break
		}
	}
	return url, err
}

// freePort returns a port that nobody listens on, below those that systems
// give to outgoing connections.
func freePort() int {
	for {
		port := 10000 + rand.IntN(10000)
		if l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))); err == nil {
			l.Close()
			return port
		}
	}
}

func (s *synapse) startOn(port int) (url string, err error) {
	if err := s.configure(port); err != nil {
		return "", err
	}
	said := new(strings.Builder) // read when the process has ended
	cmd := exec.Command(s.python, "-I", s.launcher(), "--config-path", s.configFile())
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
	cmd.Stdout, cmd.Stderr = said, said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ended does not matter: that it did
	}()
	s.alive, s.ended, s.kill = stdin, ended, cmd.Process.Kill

	url = "http://" + net.JoinHostPort(host, strconv.Itoa(port))
	if s.answers(url) {
		return url, nil
	}
	err = s.Stop()
	log, _ := os.ReadFile(s.logFile())
	if strings.Contains(said.String()+string(log), "ddress already in use") {
		return "", errTaken
	}
	return "", errors.Join(fmt.Errorf("it did not come up: %s\n%s", said, log), err)
}

// answers waits until the client API answers there. It returns false if the
// process ends, or in a minute.
func (s *synapse) answers(url string) bool {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	enough := time.After(time.Minute)
	for {
		select {
		case <-s.ended:
			return false
		case <-enough:
			return false
		case <-again.C:
		}
		if resp, err := client.Get(url + "/_matrix/client/versions"); err == nil {
			resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		}
	}
}

// Stop implements [hometest.Program].
func (s *synapse) Stop() error {
	if s.alive == nil {
		return nil
	}
	s.alive.Close()
	s.alive = nil
	select {
	case <-s.ended:
		return nil
	case <-time.After(20 * time.Second):
		err := s.kill()
		<-s.ended
		return errors.Join(errors.New("it had to be killed"), err)
	}
}
