package calllog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vertigo/engine"
)

// record is an action whose body has a number.
func record(n int) engine.Action {
	return engine.Action{To: Name, Type: "call", Body: fmt.Appendf(nil, `{"call":%d}`, n)}
}

// records are the lines of the records from a number to another.
func records(from, to int) string {
	var text strings.Builder
	for n := from; n <= to; n++ {
		fmt.Fprintf(&text, "{\"call\":%d}\n", n)
	}
	return text.String()
}

// testLog is a log under test and what it says.
type testLog struct {
	*Log
	said bytes.Buffer // while nothing is written
	end  context.CancelFunc
}

// start runs a log that writes to a file. It has to be stopped.
func start(t *testing.T, file string) *testLog {
	t.Helper()
	l := &testLog{}
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "file" {
			return slog.Attr{}
		}
		return a
	}
	handler := slog.NewTextHandler(&l.said, &slog.HandlerOptions{ReplaceAttr: plain})
	l.Log = New(Name, Config{File: file}, Options{Log: slog.New(handler)})
	ctx, cancel := context.WithCancel(t.Context())
	l.end = cancel
	go func() {
		if err := l.Run(ctx, nil); err != nil {
			t.Error(err)
		}
	}()
	return l
}

func (l *testLog) stop() {
	l.end()
	l.Close()
}

func (l *testLog) says(t *testing.T, lines ...string) {
	t.Helper()
	if got, want := l.said.String(), strings.Join(lines, ""); got != want {
		t.Errorf("the log says\n%swant\n%s", got, want)
	}
}

func holds(t *testing.T, file, want string) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds\n%swant\n%s", filepath.Base(file), got, want)
	}
}

func TestARecordIsALine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.ndjson")
	if err := os.WriteFile(file, []byte("{\"call\":0}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := start(t, file)
	l.Send(record(1))
	l.Send(engine.Action{To: Name, Type: "call", Body: []byte("{\"call\" : 2,\r\n \"name\":\"a\\nb  c\"}")})
	l.stop()
	holds(t, file, records(0, 1)+`{"call":2,"name":"a\nb  c"}`+"\n")
	l.says(t)
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.ndjson")
	l := start(t, file)
	l.Send(record(1))
	l.stop()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode(); mode != 0o600 {
		t.Errorf("mode %v", mode)
	}
}

func TestTheFileCanBeMovedAway(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.ndjson")
	synctest.Test(t, func(t *testing.T) {
		l := start(t, file)
		l.Send(record(1))
		l.Send(record(2))
		synctest.Wait()
		if err := os.Rename(file, file+".1"); err != nil {
			t.Error(err)
		}
		l.Send(record(3))
		l.stop()
		holds(t, file+".1", records(1, 2))
		holds(t, file, records(3, 3))
		l.says(t)
	})
}

func TestWhatIsSentAtAnyTimeIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.ndjson")
	l := New(Name, Config{File: file}, Options{})
	l.Send(record(1)) // before it runs
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx, nil); err != nil {
		t.Error(err)
	}
	l.Send(record(2)) // after it was told to stop
	l.Close()
	holds(t, file, records(1, 2))
}

func TestRecordsOfManySendersStayWhole(t *testing.T) {
	const senders, each = 8, 100
	file := filepath.Join(t.TempDir(), "calls.ndjson")
	l := start(t, file)
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for n := range each {
				l.Send(record(s*each + n))
			}
		})
	}
	all.Wait()
	l.stop()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	last := map[int]int{} // of each sender
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, line := range lines {
		var got struct{ Call int }
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if sender := got.Call / each; got.Call < last[sender] {
			t.Errorf("%d came after %d", got.Call, last[sender])
		} else {
			last[sender] = got.Call
		}
	}
	if len(lines) != senders*each {
		t.Errorf("%d lines of %d records", len(lines), senders*each)
	}
}

func TestAMissingDirectoryIsToldOnceAndCounted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mount")
	file := filepath.Join(dir, "calls.ndjson")
	synctest.Test(t, func(t *testing.T) {
		l := start(t, file)
		for n := range 3 {
			l.Send(record(n))
			synctest.Wait()
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Error(err)
		}
		for n := range 2 {
			l.Send(record(3 + n))
			synctest.Wait()
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		l.Send(record(5))
		l.stop()
		failed := fmt.Sprintf("level=ERROR msg=\"call log is not complete\" transport=calllog err=\"open %s: no such file or directory\"\n", file)
		l.says(t, failed, "level=INFO msg=\"call log goes on\" transport=calllog lost=3\n",
			failed, "level=ERROR msg=\"call log ends incomplete\" transport=calllog lost=1\n")
	})
}

func TestAFullDiskIsTold(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip("there is no device that is always full: ", err)
	}
	l := start(t, full)
	l.Send(record(1))
	l.stop()
	if !strings.Contains(l.said.String(), "no space left on device") {
		t.Errorf("the log says %s", l.said.String())
	}
}

// A nearlyFullFile takes some bytes and then fails.
type nearlyFullFile struct {
	*os.File
	left int
}

func (f *nearlyFullFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p[:min(f.left, len(p))])
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

func TestHalfALineIsTakenBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.ndjson")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, tt := range []struct {
		left   int
		fails  bool
		record string
	}{{100, false, records(1, 1)}, {0, true, records(2, 2)}, {5, true, records(3, 3)}, {100, false, records(4, 4)}} {
		if err := writeWhole(&nearlyFullFile{f, tt.left}, []byte(tt.record)); (err != nil) != tt.fails {
			t.Errorf("with room for %d: %v", tt.left, err)
		}
	}
	holds(t, file, records(1, 1)+records(4, 4))
}

func TestTooManyRecordsAtOnceAreCounted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.ndjson")
	var said bytes.Buffer
	l := New(Name, Config{File: file}, Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
	for n := range queueLimit + 3 {
		l.Send(record(n + 1))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx, nil); err != nil {
		t.Error(err)
	}
	l.Close()
	holds(t, file, records(1, queueLimit))
	for _, want := range []string{errQueueFull.Error(), `msg="call log goes on"`, "lost=3"} {
		if strings.Count(said.String(), want) != 1 {
			t.Errorf("the log says %q not once:\n%s", want, said.String())
		}
	}
}

func TestARecordThatIsNoJSONIsNotWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.ndjson")
	l := start(t, file)
	l.Send(engine.Action{Body: []byte(`{"call":`)})
	l.Send(record(1))
	l.stop()
	holds(t, file, records(1, 1))
	if !strings.Contains(l.said.String(), "the record is not JSON") {
		t.Errorf("the log says %s", l.said.String())
	}
}

func TestALogThatIsOffWritesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	l := start(t, Off)
	for range queueLimit + 1 {
		l.Send(record(1))
	}
	l.stop()
	if there, err := os.ReadDir("."); err != nil || len(there) > 0 {
		t.Errorf("there is %v, %v", there, err)
	}
	l.says(t)
}

func TestCapturesShowWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct{ file, want string }{
			{filepath.Join(dir, "calls.ndjson"), `out {"type":"call","content":{"call":1}}`},
			{filepath.Join(dir, "missing", "calls.ndjson"), ""},
		} {
			var seen []string
			began := time.Now()
			l := New(Name, Config{File: tt.file}, Options{Tap: func(at time.Time, dir, conn string, data []byte) {
				if !at.Equal(began) || conn != "" {
					t.Errorf("at %v, on %q", at, conn)
				}
				seen = append(seen, dir+" "+string(data))
			}})
			l.Send(record(1))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := l.Run(ctx, nil); err != nil {
				t.Error(err)
			}
			if got := strings.Join(seen, ", "); got != tt.want {
				t.Errorf("captured %q, want %q", got, tt.want)
			}
		}
	})
}

func TestTheCodecOnlySpeaks(t *testing.T) {
	c := NewCodec("anything")
	if got, want := string(c.Frame(record(7))), `{"type":"call","content":{"call":7}}`; got != want {
		t.Errorf("frame %s, want %s", got, want)
	}
	c.Out("", []byte(`{}`))
	if m, err := c.In(time.Time{}, "", []byte(`{}`)); err == nil || len(m) > 0 {
		t.Errorf("in: %v, %v", m, err)
	}
}
