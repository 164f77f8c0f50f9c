package link

import (
	"errors"
	"net"
	"testing"

	"github.com/gorilla/websocket"
)

func TestConnectionsAreNamedBySeatAndNumber(t *testing.T) {
	for want, at := range map[string][2]int{"A": {0, 1}, "B": {1, 1}, "Z": {25, 1}, "AA": {26, 1}, "AB": {27, 1}, "A2": {0, 2}, "AA10": {26, 10}} {
		if got := ConnName(at[0], at[1]); got != want {
			t.Errorf("connection %d of seat %d is %s, want %s", at[1], at[0], got, want)
		}
	}
}

func TestEndsOfConnectionsAreWorded(t *testing.T) {
	for want, err := range map[string]error{
		"the connection broke off":                &websocket.CloseError{Code: websocket.CloseAbnormalClosure},
		"the server closed the connection (1001)": &websocket.CloseError{Code: websocket.CloseGoingAway},
		"receiving: cut":                          &net.OpError{Op: "read", Net: "tcp", Err: errors.New("cut")},
	} {
		if got := ReadError(err, "the server").Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
