package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// A bridge is ready once it is logged in on both sides, and no more when the PBX
// is gone.
func TestReadyWithPeers(t *testing.T) {
	dir := t.TempDir()
	d, err := newDemonstration(dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	address, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.OpenFile(filepath.Join(dir, defaultConfig), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(config, "[console]\nlisten = %q\n", address)
	if err := config.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- d.run(ctx, streams{out: io.Discard, err: io.Discard}, func() { close(ready) })
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatal("the bridge has ended")
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	until := func(want string) {
		t.Helper()
		for {
			r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+address+"/readyz", nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if got := fmt.Sprintf("%d %s", answer.StatusCode, text); err == nil && got == want {
				return
			}
		}
	}
	until("200 ready\n")
	d.pbx.Shutdown()
	until("503 not logged in: pbx\n")
}
