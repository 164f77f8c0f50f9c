package link

import (
	"errors"
	"fmt"
	"net"

	"github.com/gorilla/websocket"
)

// ConnName names a connection in captures: A, B, … Z, AA, … by the seat that it
// takes, from 0, and A2, A3 for the later ones of a seat.
func ConnName(seat, number int) string {
	name := ""
	for i := seat + 1; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	if number > 1 {
		name = fmt.Sprint(name, number)
	}
	return name
}

// ReadError words what ended the reading of a connection to peer, "the server".
func ReadError(err error, peer string) error {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Code == websocket.CloseAbnormalClosure:
		return errors.New("the connection broke off")
	case errors.As(err, &closed):
		return fmt.Errorf("%s closed the connection (%d)", peer, closed.Code)
	}
	return fmt.Errorf("receiving: %w", WithoutAddresses(err))
}

// WithoutAddresses leaves out the local port, which would make the same failure
// look new each time.
func WithoutAddresses(err error) error {
	var network *net.OpError
	if errors.As(err, &network) {
		return network.Err
	}
	return err
}
