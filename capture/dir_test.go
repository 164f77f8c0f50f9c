package capture

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func opened(t *testing.T, path string, o DirOptions) *Dir {
	t.Helper()
	d, err := OpenDir(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDirBeginsAFileAtEachStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands at midnight, 1 January 2000
		path := filepath.Join(t.TempDir(), "a", "captures")
		for range 2 {
			d := opened(t, path, DirOptions{})
			if err := d.Write(message(`{"passwd":"1234"}`)); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(d.Name())
			if err != nil || info.Mode() != 0o600 || info.Size() == 0 {
				t.Errorf("%v, %v", info, err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if err := d.Write(message("1")); err == nil {
				t.Error("a closed directory takes lines")
			}
		}
		if got, want := fmt.Sprint(names(t, path)), "[vertigo-20000101T000000Z-2.ndjson vertigo-20000101T000000Z.ndjson]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		raw, _ := os.ReadFile(filepath.Join(path, "vertigo-20000101T000000Z.ndjson"))
		if got := string(raw); !strings.HasSuffix(got, `"data":{"passwd":"redacted"}}`+"\n") {
			t.Errorf("got %s", got)
		}
	})
}

func TestDirGoesOnInANewFileAndRemovesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir()
		for _, other := range []string{"vertigo-19990101T000000Z.ndjson", "vertigo-19990101T000000Z-2.ndjson",
			"vertigo-old.ndjson", "vertigo-19990101T000000Z-1.ndjson", "other-19990101T000000Z.ndjson", "vertigo-19990101T000000Z.txt"} {
			if err := os.WriteFile(filepath.Join(path, other), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		line := len(written(t, false, message("1")))
		d := opened(t, path, DirOptions{MaxBytes: int64(2*line + 1), MaxFiles: 3, Raw: true})
		for range 9 { // five files, the last of one line
			if err := d.Write(message("1")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		want := []string{"other-19990101T000000Z.ndjson", "vertigo-19990101T000000Z-1.ndjson", "vertigo-19990101T000000Z.txt",
			"vertigo-20000101T000004Z.ndjson", "vertigo-20000101T000006Z.ndjson", "vertigo-20000101T000008Z.ndjson", "vertigo-old.ndjson"}
		if got := names(t, path); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		total := 0
		for _, name := range want[3:6] {
			raw, _ := os.ReadFile(filepath.Join(path, name))
			total += len(messages(t, string(raw)))
		}
		if total != 5 {
			t.Errorf("%d lines in the last three files, want 5", total)
		}
	})
}

func TestFilesOfOneSecondAreRemovedInTheOrderTheyWereMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir()
		d := opened(t, path, DirOptions{Prefix: "dead-letter", MaxBytes: 1, MaxFiles: 2})
		defer d.Close()
		for range 12 {
			if err := d.Write(message("1")); err != nil {
				t.Fatal(err)
			}
		}
		want := "[dead-letter-20000101T000000Z-11.ndjson dead-letter-20000101T000000Z-12.ndjson]"
		if got := fmt.Sprint(names(t, path)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestLineIsKeptWhereNoNewFileCanBeBegun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "captures")
	d := opened(t, path, DirOptions{MaxBytes: 1})
	defer d.Close()
	if err := d.Write(message("1")); err != nil {
		t.Fatal(err)
	}
	moved := path + ".moved"
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(message("2")); err == nil {
		t.Error("no error")
	}
	raw, err := os.ReadFile(filepath.Join(moved, filepath.Base(d.Name())))
	if got := messages(t, string(raw)); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOpenDirSaysWhatIsInTheWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "captures")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(path, DirOptions{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}
