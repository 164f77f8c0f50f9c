package matrix

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vertigo/engine"
)

func TestAStoreThatCannotBeUsedIsSaid(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "damaged.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	used, err := openStore(filepath.Join(dir, "used.json"), botID)
	if err != nil {
		t.Fatal(err)
	}
	defer used.close()
	for _, tt := range []struct{ name, path, want string }{
		{"damaged", filepath.Join(dir, "damaged.json"), "damaged.db is damaged"},
		{"in use", filepath.Join(dir, "used.json"), "used.db is in use: does another bridge run with the same state?"},
		{"in no directory", filepath.Join(dir, "none", "state.json"), "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if s, err := openStore(tt.path, botID); err == nil {
				s.close()
				t.Error("opened")
			} else if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	c, err := New("matrix", Config{Homeserver: "https://hs.test", User: botID, Token: "t"}, Options{StateFile: filepath.Join(dir, "used.json")})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context(), func([]engine.Message) {}); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("ran: %v", err)
	}
}

func TestTheStoreOfAnotherUserIsEmptied(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	for i, tt := range []struct{ user, want string }{{botID, ""}, {botID, roomA}, {"@other:hs.test", ""}, {botID, ""}} {
		s, err := openStore(file, tt.user)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		err = s.update(func(r records) error {
			got = r.direct(tel1, alice)
			return r.setDirect(tel1, alice, roomA)
		})
		if err != nil || got != tt.want {
			t.Errorf("%d: got %q, %v", i, got, err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(strings.TrimSuffix(file, "json") + "db")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

func TestATemporaryStoreLeavesNothing(t *testing.T) {
	s, err := openStore("", botID)
	if err != nil {
		t.Fatal(err)
	}
	path := s.db.Path()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", path, err)
	}
}

func TestASetKeepsTheLastOnes(t *testing.T) {
	s, err := openStore("", botID)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var firsts []string
	err = s.update(func(r records) error {
		for _, id := range []string{"a", "b", "a", "c", "d", "a", "d", "b"} {
			first, err := r.firstEvent(id, 3)
			if err != nil {
				return err
			}
			firsts = append(firsts, fmt.Sprint(id, first))
		}
		kept := 0
		err := r.tx.Bucket(eventTable).ForEach(func([]byte, []byte) error { kept++; return nil })
		if kept != 3 {
			t.Errorf("%d kept", kept)
		}
		return err
	})
	if want := []string{"atrue", "btrue", "afalse", "ctrue", "dtrue", "atrue", "dfalse", "btrue"}; err != nil || !slices.Equal(firsts, want) {
		t.Errorf("got %v, %v", firsts, err)
	}
}

func TestWhoIsOurs(t *testing.T) {
	o := newOurs("@phone:hs.test:8448", "tel_")
	for user, want := range map[string]bool{
		"@tel_1:hs.test:8448": true, "@tel_=2a100:hs.test:8448": true,
		"@phone:hs.test:8448": false, "@tel_:hs.test:8448": false, "@tel_1:hs.test": false, "@tel_1:x:hs.test:8448": false,
		"@atel_1:hs.test:8448": false, "tel_1": false, "": false,
	} {
		if got := o.isGhost(user); got != want {
			t.Errorf("%q: %v", user, got)
		}
	}
	if !o.has("@phone:hs.test:8448") || newOurs(botID, "").isGhost(tel1) || newOurs("", "").has("") {
		t.Error("the bridge's own user")
	}
}
