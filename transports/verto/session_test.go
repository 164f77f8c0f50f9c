package verto

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSessidsAreKeptForTheirLogins(t *testing.T) {
	file := filepath.Join(t.TempDir(), "verto.json")
	first, err := openSessions(file, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	a := first.bind("a")
	if a.used || !first.bind("a").used {
		t.Error("a sessid is in use from its first login on")
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	second, err := openSessions(file, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	if got := second.bind("a"); got.sessid != a.sessid || !got.used {
		t.Errorf("got %v, want %q in use", got, a.sessid)
	}
	b := second.bind("b").sessid
	if b == "" || b == a.sessid {
		t.Errorf("the second login's sessid is %q", b)
	}
	second.leave("a")
	if got := second.bind("a"); got.sessid == a.sessid || got.used {
		t.Errorf("after it was left the sessid is %v", got)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var kept stateFile
	if err := json.Unmarshal(data, &kept); err != nil || kept.Sessids["a"] != a.sessid || kept.Sessids["b"] != b {
		t.Errorf("the file holds %s", data)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(names) != 1 {
		t.Errorf("files left: %q", names)
	}
}

func TestStateFileThatCannotBeUsedIsAnError(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.json")
	if err := os.WriteFile(broken, []byte("url = 'ws://'"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		broken:                                   "is no Verto state",
		dir:                                      "state file: ",
		filepath.Join(dir, "missing", "st.json"): "state file: ",
	} {
		if _, err := openSessions(file, []string{"a"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if data, _ := os.ReadFile(broken); string(data) != "url = 'ws://'" {
		t.Error("the file was written over")
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) != 0 {
		t.Errorf("files left: %q", names)
	}
}
