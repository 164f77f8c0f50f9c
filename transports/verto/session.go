package verto

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/uuid"
)

// sessions keeps one sessid an account. A sessid is a secret: older servers
// let whoever knows it evict its owner, and the calls with it. So it is drawn
// at random, once, and never logged.
type sessions struct {
	path string // "": kept in memory only

	mu sync.Mutex
	of map[string]session
}

type session struct {
	sessid string
	used   bool // a server may know it already
}

// stateFile is what stands in the file.
type stateFile struct {
	Sessids map[string]string `json:"sessids"` // by login
}

// openSessions reads the sessids kept in path, and draws and keeps those of
// the logins that have none.
func openSessions(path string, logins []string) (*sessions, error) {
	s := &sessions{path: path, of: make(map[string]session)}
	if err := s.read(); err != nil {
		return nil, err
	}
	drawn := false
	for _, login := range logins {
		if _, ok := s.of[login]; !ok {
			s.of[login] = session{sessid: uuid.NewString()}
			drawn = true
		}
	}
	if !drawn {
		return s, nil
	}
	return s, s.write()
}

// bind gives the account's sessid for a login, and whether a server may know
// it from before.
func (s *sessions) bind(login string) session {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.of[login]
	s.of[login] = session{one.sessid, true}
	return one
}

// leave draws a new sessid for this run alone: the kept one is in the hands of
// another instance, and stays its own in a file that both may share.
func (s *sessions) leave(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[login] = session{sessid: uuid.NewString()}
}

func (s *sessions) read() error {
	if s.path == "" {
		return nil
	}
	data, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	var kept stateFile
	if err := json.Unmarshal(data, &kept); err != nil {
		return fmt.Errorf("state file %s is no Verto state (%w): name another, or remove it to begin new sessions", s.path, err)
	}
	for login, sessid := range kept.Sessids {
		if sessid != "" {
			s.of[login] = session{sessid, true}
		}
	}
	return nil
}

// write replaces the file as a whole: a crash leaves the old one or the new.
func (s *sessions) write() error {
	if s.path == "" {
		return nil
	}
	kept := stateFile{Sessids: make(map[string]string, len(s.of))}
	for login, one := range s.of {
		kept.Sessids[login] = one.sessid
	}
	data, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return fmt.Errorf("state file %s: %w", s.path, err)
	}
	if err := replaceFile(s.path, append(data, '\n')); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	return nil
}

// replaceFile writes data beside path, with mode 0600, and renames it there.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".verto-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
