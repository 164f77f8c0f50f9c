package matrix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// state is what a restart must not lose. The syncer owns it.
type state struct {
	path string // "": kept in memory only

	User    string          `json:"user"`
	Device  string          `json:"device_id,omitempty"` // of a password login
	Since   string          `json:"since,omitempty"`     // the place in the stream; "" before the first sync
	Rooms   map[string]room `json:"rooms,omitempty"`     // joined ones
	Parties []string        `json:"parties,omitempty"`   // our own party ids: their echoes may still come
}

// room is what is remembered of one joined room.
type room struct {
	Last string `json:"last,omitempty"`           // the last event seen: where a gap ends
	Told bool   `json:"told_encrypted,omitempty"` // RoomEncrypted was said
}

// readState reads the file at path. No file, or that of another user, is a
// first start; a file that cannot be read or understood is an error, since a
// first start in its place would lose events without a word.
func readState(path, user string) (*state, error) {
	first := &state{path: path, User: user, Rooms: make(map[string]room)}
	if path == "" {
		return first, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return nil, fmt.Errorf("state file: %w", err)
		}
		return first, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("state file %s is damaged (%w): without it, this is a first start and what happened since the last one is lost", path, err)
	}
	if s.User != user {
		return first, nil
	}
	s.path = path
	if s.Rooms == nil {
		s.Rooms = make(map[string]room)
	}
	return &s, nil
}

// apply takes over what a sync changed: a nil room was left.
func (s *state) apply(changes map[string]*room) {
	for id, r := range changes {
		if r == nil {
			delete(s.Rooms, id)
		} else {
			s.Rooms[id] = *r
		}
	}
}

// A saver writes the state behind the back of whoever changes it, so that no
// event waits for the disk. Only the newest state counts.
type saver struct {
	path   string
	log    *slog.Logger
	newest chan []byte
	done   chan struct{}
}

func startSaver(path string, log *slog.Logger) *saver {
	s := &saver{path: path, log: log, newest: make(chan []byte, 1), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for data := range s.newest {
			if err := writeFile(path, data); err != nil {
				log.Error("state not saved: after a restart, events would be seen again", "err", err)
			}
		}
	}()
	return s
}

// save sees to it that st is written soon. One goroutine at a time calls it.
func (s *saver) save(st *state, parties []string) {
	if s.path == "" {
		return
	}
	st.Parties = parties
	data, err := json.Marshal(st)
	if err != nil {
		s.log.Error("state not saved", "err", err)
		return
	}
	select {
	case <-s.newest: // older than this one
	default:
	}
	s.newest <- data
}

// stop waits until the last state is written.
func (s *saver) stop() {
	close(s.newest)
	<-s.done
}

// writeFile replaces the file at path as a whole, readable by its owner alone:
// after a crash either the old or the new one is there.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
