package capture

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Defaults of [DirOptions].
const (
	DefaultPrefix   = "vertigo"
	DefaultMaxBytes = 64 << 20
	DefaultMaxFiles = 20
)

// DirOptions say how a [Dir] writes. The zero value means the defaults.
type DirOptions struct {
	Prefix   string // how file names begin: "vertigo", "dead-letter"
	MaxBytes int64  // a file that would grow beyond it is followed by a new one
	MaxFiles int    // the oldest files of the prefix beyond it are removed
	Raw      bool   // write secrets too
}

// A Dir writes a capture to files in a directory, each named by the time at
// which it was begun: vertigo-20261122T002903Z.ndjson. Any goroutine may use it.
type Dir struct {
	*Writer
	files *files
}

// OpenDir makes the directory if need be, and begins a new file in it.
func OpenDir(path string, o DirOptions) (*Dir, error) {
	f := &files{
		dir:      path,
		prefix:   cmp.Or(o.Prefix, DefaultPrefix),
		maxBytes: cmp.Or(o.MaxBytes, DefaultMaxBytes),
		maxFiles: max(1, cmp.Or(o.MaxFiles, DefaultMaxFiles)),
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	if err := f.begin(); err != nil {
		if f.current != nil {
			err = errors.Join(err, f.current.Close())
		}
		return nil, fmt.Errorf("capture: %w", err)
	}
	return &Dir{Writer: NewWriter(f, !o.Raw), files: f}, nil
}

// Name gives the path of the file that is being written.
func (d *Dir) Name() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files.current.Name()
}

// Close closes the file. Lines written afterwards are refused with an error.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files.current.Close()
}

// files is a file that goes on in another one when it is full.
type files struct {
	dir, prefix string
	maxBytes    int64
	maxFiles    int

	current *os.File
	size    int64
}

// Write writes p, which is a whole line, into one file. If no new file can be
// begun, the full one is written on, and the error is returned all the same.
func (f *files) Write(p []byte) (int, error) {
	var full error
	if f.size > 0 && f.size+int64(len(p)) > f.maxBytes {
		full = f.begin()
	}
	n, err := f.current.Write(p)
	f.size += int64(n)
	return n, errors.Join(err, full)
}

// begin makes a new file the current one and removes those beyond the limit.
func (f *files) begin() error {
	there, err := f.list()
	if err != nil {
		return err
	}
	name := following(there, time.Now().UTC().Format(stampLayout))
	next, err := os.OpenFile(f.path(name), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	var errs []error
	if f.current != nil {
		errs = append(errs, f.current.Close())
	}
	f.current, f.size = next, 0
	for _, old := range there[:max(0, len(there)+1-f.maxFiles)] {
		errs = append(errs, os.Remove(f.path(old)))
	}
	return errors.Join(errs...)
}

// list gives the files of the prefix, oldest first.
func (f *files) list() ([]fileName, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var all []fileName
	for _, e := range entries {
		if name, ok := parseFileName(f.prefix, e.Name()); ok {
			all = append(all, name)
		}
	}
	slices.SortFunc(all, fileName.compare)
	return all, nil
}

func (f *files) path(name fileName) string { return filepath.Join(f.dir, name.of(f.prefix)) }

// following gives the name of a file begun now, after those that are there.
func following(there []fileName, stamp string) fileName {
	next := fileName{stamp: stamp, number: 1}
	for _, name := range there {
		if name.stamp == stamp {
			next.number = name.number + 1
		}
	}
	return next
}

const stampLayout = "20060102T150405Z"

// A fileName is what tells the files of one prefix apart.
type fileName struct {
	stamp  string // 20261122T002903Z
	number int    // from 1, among files of the same second
}

func (n fileName) of(prefix string) string {
	if n.number > 1 {
		return prefix + "-" + n.stamp + "-" + strconv.Itoa(n.number) + ".ndjson"
	}
	return prefix + "-" + n.stamp + ".ndjson"
}

func (n fileName) compare(m fileName) int {
	return cmp.Or(strings.Compare(n.stamp, m.stamp), cmp.Compare(n.number, m.number))
}

// parseFileName reads a name that of made; ok is false for any other.
func parseFileName(prefix, name string) (n fileName, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(name, ".ndjson"), prefix+"-")
	stamp, number, numbered := strings.Cut(rest, "-")
	n = fileName{stamp: stamp, number: 1}
	if numbered {
		n.number, _ = strconv.Atoi(number)
	}
	_, err := time.Parse(stampLayout, stamp)
	return n, ok && err == nil && n.of(prefix) == name
}
