package vertotest

import (
	"slices"
	"time"
)

// A Frame is one message on a socket, as it was on the wire.
type Frame struct {
	At     time.Time
	Socket int    // sockets are numbered from 1 in the order in which they connected
	Login  string // the user logged in on it, "" before a login
	Dir    string // "in" came from the client, "out" went to it
	Data   []byte
}

// Frames gives every message so far, in order.
func (s *Server) Frames() []Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.frames)
}

func (s *Server) record(k *socket, dir string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, Frame{At: time.Now(), Socket: k.number, Login: k.login(), Dir: dir, Data: data})
}
