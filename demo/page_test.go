package demo

import (
	"context"
	"io"
	"net/http"
	"testing"
)

// The page answers from the beginning, and its API once there is one. What is
// under way ends with the page's context.
func TestThePageIsThereBeforeTheBridge(t *testing.T) {
	p, err := Listen("localhost:0", Options{Homeserver: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string, want int) *http.Response {
		t.Helper()
		res, err := client.Get(p.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != want {
			t.Errorf("/%s: %d, want %d", path, res.StatusCode, want)
		}
		return res
	}
	for path, want := range map[string]int{
		"": 200, "page.js": 200, "console/": 200, "console/ladder.js": 200, "console/nothing.js": 404, "api/state": 503,
	} {
		get(path, want).Body.Close()
	}
	p.Show(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	res := get("api/events", 200)
	defer res.Body.Close()
	cancel()
	if text, err := io.ReadAll(res.Body); err != nil || string(text) != "/api/events" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
