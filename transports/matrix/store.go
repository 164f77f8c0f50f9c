package matrix

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// A store keeps in a file what must outlive the process, each change on disk
// before it counts: events that were taken but not delivered yet, what was
// seen, who is in which room, the ghosts, the direct chats. Any goroutine may
// use it.
type store struct {
	db        *bbolt.DB
	temporary bool
}

// The tables of a store.
var (
	ownerTable       = []byte("owner")   // "user": whose store it is
	pendingTable     = []byte("pending") // number -> a batch to deliver: a JSON array of raw messages
	eventTable       = []byte("events")  // the last event ids -> number
	eventOrderTable  = []byte("events by number")
	ourMemberTable   = []byte("our members") // room, zero byte, user -> member
	otherMemberTable = []byte("other members")
	roomTable        = []byte("rooms")  // room -> roomRecord
	userTable        = []byte("users")  // one of ours -> userRecord
	directTable      = []byte("direct") // one of ours, zero byte, user -> room
	allTables        = [][]byte{
		ownerTable, pendingTable, eventTable, eventOrderTable, ourMemberTable,
		otherMemberTable, roomTable, userTable, directTable,
	}
)

// eventsKept is how many events are remembered, so that none is taken twice. A
// homeserver repeats a transaction until it has an answer, one at a time.
const eventsKept = 1 << 14

// pendingLimit is how many transactions wait to be delivered at most: the
// homeserver keeps the rest.
const pendingLimit = 1 << 12

var errStoreFull = errors.New("too many transactions wait to be delivered")

// openStore opens the store beside stateFile, or a temporary one if that is "".
// The store of another user is emptied.
func openStore(stateFile, user string) (*store, error) {
	path := strings.TrimSuffix(stateFile, filepath.Ext(stateFile)) + ".db"
	if stateFile == "" {
		f, err := os.CreateTemp("", "vertigo-*.db")
		if err != nil {
			return nil, fmt.Errorf("temporary state: %w", err)
		}
		path = f.Name()
		if err := f.Close(); err != nil {
			return nil, errors.Join(fmt.Errorf("temporary state: %w", err), os.Remove(path))
		}
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoSync: stateFile == "", FreelistType: bbolt.FreelistMapType})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("state file %s is in use: does another bridge run with the same state?", path)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("state file: %w", err)
	case err != nil:
		return nil, fmt.Errorf("state file %s is damaged (%w): without it, calls that were announced and not handled yet are lost, and rooms are looked for again", path, err)
	}
	s := &store{db: db, temporary: stateFile == ""}
	if err := s.update(func(r records) error { return r.prepare(user) }); err != nil {
		return nil, errors.Join(fmt.Errorf("state file %s: %w", path, err), s.close())
	}
	return s, nil
}

func (s *store) close() error {
	path := s.db.Path()
	err := s.db.Close()
	if s.temporary {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// records are what a store holds, during one transaction of it.
type records struct{ tx *bbolt.Tx }

func (s *store) update(f func(records) error) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return f(records{tx}) })
}

func (s *store) view(f func(records) error) error {
	return s.db.View(func(tx *bbolt.Tx) error { return f(records{tx}) })
}

func (r records) prepare(user string) error {
	owner := r.tx.Bucket(ownerTable)
	foreign := owner != nil && string(owner.Get([]byte("user"))) != user
	for _, name := range allTables {
		if foreign && r.tx.Bucket(name) != nil {
			if err := r.tx.DeleteBucket(name); err != nil {
				return err
			}
		}
		if _, err := r.tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return r.tx.Bucket(ownerTable).Put([]byte("user"), []byte(user))
}

// firstEvent remembers an event among the last ones; false means that it was
// there.
func (r records) firstEvent(id string, kept uint64) (bool, error) {
	byID, byNumber := r.tx.Bucket(eventTable), r.tx.Bucket(eventOrderTable)
	if byID.Get([]byte(id)) != nil {
		return false, nil
	}
	n, err := byNumber.NextSequence()
	if err != nil {
		return false, err
	}
	if n > kept {
		if old := byNumber.Get(number(n - kept)); old != nil {
			if err := byID.Delete(append([]byte(nil), old...)); err != nil {
				return false, err
			}
		}
		if err := byNumber.Delete(number(n - kept)); err != nil {
			return false, err
		}
	}
	if err := byNumber.Put(number(n), []byte(id)); err != nil {
		return false, err
	}
	return true, byID.Put([]byte(id), number(n))
}

// addPending queues raw messages as one batch and gives its number.
func (r records) addPending(lines [][]byte) (uint64, error) {
	table := r.tx.Bucket(pendingTable)
	n, err := table.NextSequence()
	if err != nil {
		return 0, err
	}
	if first, _ := table.Cursor().First(); first != nil && n-binary.BigEndian.Uint64(first) >= pendingLimit {
		return 0, errStoreFull
	}
	batch := []byte{'['}
	for i, line := range lines {
		if i > 0 {
			batch = append(batch, ',')
		}
		batch = append(batch, line...)
	}
	return n, table.Put(number(n), append(batch, ']'))
}

// pending is the first batch after that number; 0 if there is none.
func (s *store) pending(after uint64) (n uint64, lines [][]byte, err error) {
	err = s.view(func(r records) error {
		k, v := r.tx.Bucket(pendingTable).Cursor().Seek(number(after + 1))
		if k == nil {
			return nil
		}
		n = binary.BigEndian.Uint64(k)
		for _, line := range gjson.ParseBytes(v).Array() {
			lines = append(lines, []byte(line.Raw))
		}
		return nil
	})
	return n, lines, err
}

// done forgets a batch that was delivered.
func (s *store) done(n uint64) error {
	return s.update(func(r records) error { return r.tx.Bucket(pendingTable).Delete(number(n)) })
}

func number(n uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, n)
}

// pair is the key of what is known of two.
func pair(a, b string) []byte {
	return append(append([]byte(a), 0), b...)
}

// getJSON gives the zero value for what is not there.
func getJSON[V any](r records, table, key []byte) (v V, err error) {
	data := r.tx.Bucket(table).Get(key)
	if data == nil {
		return v, nil
	}
	return v, json.Unmarshal(data, &v)
}

func putJSON(r records, table, key []byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return r.tx.Bucket(table).Put(key, data)
}

// A userRecord is what is known of one of our users.
type userRecord struct {
	Registered bool   `json:"registered,omitempty"`
	Name       string `json:"name,omitempty"` // the display name last set
}

func (r records) user(id string) (userRecord, error) {
	return getJSON[userRecord](r, userTable, []byte(id))
}

func (r records) setUser(id string, u userRecord) error {
	return putJSON(r, userTable, []byte(id), u)
}

// A roomRecord is what is known of a room.
type roomRecord struct {
	Encrypted bool `json:"encrypted,omitempty"` // and [RoomEncrypted] was said
}

func (r records) room(id string) (roomRecord, error) {
	return getJSON[roomRecord](r, roomTable, []byte(id))
}

func (r records) setRoom(id string, room roomRecord) error {
	return putJSON(r, roomTable, []byte(id), room)
}

// direct is the room of the direct chat of one of ours with user, "" for none.
func (r records) direct(as, user string) string {
	return string(r.tx.Bucket(directTable).Get(pair(as, user)))
}

func (r records) setDirect(as, user, room string) error {
	return r.tx.Bucket(directTable).Put(pair(as, user), []byte(room))
}
