package console

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// served runs a console until stop is called.
func served(t *testing.T, o Options) (address string, stop func()) {
	t.Helper()
	c, err := Listen(Config{Listen: "127.0.0.1:0"}, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		c.Run(ctx)
	}()
	return c.Addr(), func() {
		cancel()
		<-over
	}
}

// An answer under way is finished when the program ends, and nothing is left.
func TestTheEndWaitsForAnswers(t *testing.T) {
	o := shown()
	began, goOn := make(chan struct{}), make(chan struct{})
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-goOn
		_, _ = io.WriteString(w, "calls 7\n")
	})
	address, stop := served(t, o)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	body := make(chan string, 1)
	go func() {
		r, err := client.Get("http://" + address + "/metrics")
		if err != nil {
			body <- err.Error()
			return
		}
		defer r.Body.Close()
		text, _ := io.ReadAll(r.Body)
		body <- string(text)
	}()
	<-began
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	close(goOn)
	if got := <-body; got != "calls 7\n" {
		t.Errorf("the answer is %q", got)
	}
	<-stopped
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	address, stop := served(t, shown())
	defer stop()
	_, err := Listen(Config{Listen: address}, shown())
	if err == nil || !strings.Contains(err.Error(), "console: cannot listen on "+address+": address already in use") {
		t.Errorf("the error is %v", err)
	}
}

// A page's stream of events outlasts the times that other answers have, and ends
// with the console.
func TestEventsLast(t *testing.T) {
	w := newWorld(t, plainRules)
	o := shown()
	o.API = w.api
	c, err := Listen(Config{Listen: "127.0.0.1:0"}, o)
	if err != nil {
		t.Fatal(err)
	}
	c.server.ReadTimeout, c.server.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		c.Run(ctx)
	}()
	l := listen(t, "http://"+c.Addr()+"/api/events")
	until := time.NewTimer(300 * time.Millisecond) // longer than the server has for anything else
	<-until.C
	w.says("m.call.invite", "one", `,"number":"1"`)
	var calls struct{ Calls []Call }
	if l.next("calls", &calls); len(calls.Calls) != 1 {
		t.Errorf("%+v", calls)
	}
	cancel()
	if rest, err := io.ReadAll(l.lines); err != nil || len(rest) > 0 {
		t.Errorf("it ends with %q, %v", rest, err)
	}
	<-over
}
