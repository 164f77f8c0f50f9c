package matrixtest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"vertigo/transports/matrix/matrixtest"
)

// A test loses what an application service is sent, and has its own requests
// refused.
func Example() {
	s := matrixtest.New(matrixtest.Options{})
	defer s.Close()
	s.AddUser("alice", "password1")

	s.Divert(func(t matrixtest.Transaction) []matrixtest.Transaction {
		return nil // all transactions are lost
	})
	s.Fail(2, func(r matrixtest.Request) bool { return r.Path == "/login" }, matrixtest.Fault{
		Refusal: &matrixtest.Error{Status: http.StatusBadGateway, Code: "M_UNKNOWN", Text: "try later"},
	})
	for range 3 {
		resp, err := http.Post(s.URL+"/_matrix/client/v3/login", "application/json", strings.NewReader(
			`{"type":"m.login.password","identifier":{"type":"m.id.user","user":"alice"},"password":"password1"}`))
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // alice makes no room
	_, err := s.WaitEvent(ctx, func(e matrixtest.Event) bool { return e.Type == "m.room.create" })
	fmt.Println(err)
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// 502 Bad Gateway
	// 502 Bad Gateway
	// 200 OK
	// context canceled
}
