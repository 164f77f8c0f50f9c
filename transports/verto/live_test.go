package verto

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vertigo/engine"
	"vertigo/transports/verto/vertotest"
)

// said gives the params of the first request of that method that a client
// made in a capture.
func said(t *testing.T, capture, method string) []byte {
	t.Helper()
	for _, l := range captureLines(t, filepath.Join("..", "..", "testdata", "captures", "verto", capture)) {
		if l.Get("dir").String() == "out" && l.Get("data.method").String() == method {
			return []byte(l.Get("data.params").Raw)
		}
	}
	t.Fatalf("%s holds no %s", capture, method)
	return nil
}

// A call outlives its socket, over wss, at a server that behaves as the
// captures of a real one do.
func TestCallSurvivesItsSocket(t *testing.T) {
	const capture, callID = "reconnect_same_sessid_attach.ndjson", "b9ab548b-e281-421a-a763-0a898141663e"
	server := vertotest.NewUnstartedServer(vertotest.Options{NoMedia: true})
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, server.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := New("pbx", Config{URL: server.URL, Login: "1008@fs.test", Password: "1234", CAFile: ca}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	got := make(chan engine.Message, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := client.Run(ctx, func(batch []engine.Message) {
			for _, m := range batch {
				got <- m
			}
		}); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	defer func() {
		cancel()
		<-done
	}()
	expect := func(types ...string) { // in any order
		t.Helper()
		for len(types) > 0 {
			select {
			case m := <-got:
				i := slices.Index(types, m.Type)
				if i < 0 || m.Key != callID && !strings.HasPrefix(m.Type, "transport.") {
					t.Fatalf("got %s of %q: %s; want %q", m.Type, m.Key, m.Body, types)
				}
				types = slices.Delete(types, i, i+1)
			case <-ctx.Done():
				t.Fatalf("%q did not come", types)
			}
		}
	}
	send := func(method string) {
		t.Helper()
		client.Send(engine.Action{To: "pbx", Type: method, Key: callID, Body: said(t, capture, method)})
	}

	expect(engine.TransportUp)
	send("verto.invite")
	expect("verto.invite.ok", "verto.answer")
	if _, err := server.WaitCall(ctx, func(c vertotest.Call) bool { return c.State == vertotest.Active }); err != nil {
		t.Fatal(err)
	}
	server.DropSockets("1008@fs.test")
	expect(engine.TransportDown, "verto.lost", "verto.attach")
	send("verto.attach")
	expect("verto.attach.ok", engine.TransportUp)
	send("verto.bye")
	expect("verto.bye.ok")
	call, err := server.WaitCall(ctx, func(c vertotest.Call) bool { return c.State == vertotest.Ended })
	if err != nil || call.EndedBy != vertotest.ClientSide {
		t.Errorf("%+v, %v", call, err)
	}
}
