package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"vertigo/console"
	"vertigo/engine"
	"vertigo/rules"
)

// shippedRules is the rule set that replay follows unless told otherwise.
const shippedRules = "matrix-verto"

// A ruleLoader compiles the same rules again and again, and knows whether one of
// the files that were read has changed since.
type ruleLoader struct {
	names []string // rule files, and names of shipped rule sets
	peers []engine.Peer
	// speaks names the protocols of those of the peers whose protocols rule files
	// declare; nil where no configuration names transports: then each declared one is
	// a transport.
	speaks map[string]string
	// silent reports a transport whose protocol no rule file declares.
	silent func(transport string) rules.Finding
	vars   map[string]any // for the shipped rule sets
	parts  bool           // conditions are to be explained, or counted

	mu     sync.Mutex
	stamps map[string]stamp // of the files of the last load, those too that were not there
	files  []console.File   // those that were
}

// unreadable reports a named file that cannot be read: what is wrong within a
// file is a finding, but this is a fault in how Vertigo was called.
func (l *ruleLoader) unreadable() error {
	for _, name := range l.names {
		if isShipped(name) {
			continue
		}
		err := readable(name)
		if near := rules.Nearest(name, rules.Shipped()); near != "" && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w; did you mean %s?", err, near)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// load compiles the rules as they are now; the set is nil if they cannot be
// used.
func (l *ruleLoader) load() (*rules.Set, rules.Findings) {
	stamps := map[string]stamp{}
	var files []console.File
	set, found := l.compile(func(name string) ([]byte, error) {
		stamps[name] = stampOf(name) // first, so that a change while it is read is seen
		text, err := os.ReadFile(name)
		known := slices.ContainsFunc(files, func(f console.File) bool { return f.Name == name })
		if err == nil && !known { // a file that several include is read again
			files = append(files, console.File{Name: name, Text: string(text)})
		}
		return text, err
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stamps, l.files = stamps, files
	return set, found
}

// texts are the files of the last load, as they were read.
func (l *ruleLoader) texts() []console.File {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.files
}

// compile compiles the rules out of the files that read gives.
func (l *ruleLoader) compile(readFile func(name string) ([]byte, error)) (*rules.Set, rules.Findings) {
	read := func(name string) ([]byte, error) {
		if isShipped(name) {
			return []byte(onlyShipped(name)), nil
		}
		return readFile(name)
	}
	o := rules.Options{Peers: l.peers, Protocols: l.speaks, Schemas: schemas(), Vars: l.vars, ReadFile: read, Parts: l.parts}
	if l.speaks == nil {
		o.Unnamed = unnamed()
	}
	set, found := rules.Load(l.names, o)
	return l.allDeclared(set, found)
}

// allDeclared adds a finding for each transport whose protocol is not declared:
// what it says could not be read.
func (l *ruleLoader) allDeclared(set *rules.Set, found rules.Findings) (*rules.Set, rules.Findings) {
	if set == nil {
		return nil, found
	}
	usable := set
	for _, name := range slices.Sorted(maps.Keys(l.speaks)) {
		if set.ProtocolOf(name) == nil {
			usable, found = nil, append(found, l.silent(name))
		}
	}
	return usable, found
}

// onlyShipped is a rule file of nothing but a shipped rule set. What its user
// would have to decide is decided with care.
func onlyShipped(name string) string {
	return "include = [\"" + name + "\"]\n[vars]\nemergency = \"refuse\"\n"
}

// loadOrReport loads rules that must be free of errors, and prints what was
// found; if they are not, the error is [errFound].
func (l *ruleLoader) loadOrReport(w io.Writer) (*rules.Set, rules.Findings, error) {
	if err := l.unreadable(); err != nil {
		return nil, nil, err
	}
	set, found := l.load()
	if err := rules.Format(w, found); err != nil {
		return nil, nil, err
	}
	if set == nil {
		return nil, found, errFound
	}
	return set, found, nil
}

// isShipped says whether a name is that of a shipped rule set, and of no file.
func isShipped(name string) bool {
	if strings.ContainsRune(name, filepath.Separator) || !slices.Contains(rules.Shipped(), name) {
		return false
	}
	_, err := os.Stat(name)
	return err != nil
}

// readable reports a file that cannot be read, in words that name it once.
func readable(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return cannotRead(name, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return cannotRead(name, syscall.EISDIR)
	}
	return nil
}

func cannotRead(name string, err error) error {
	return fmt.Errorf("cannot read %s: %w", name, fileError(err))
}

// fileError is an error of the file system without the name of the file.
func fileError(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if errors.Is(err, syscall.EISDIR) {
		return errors.New("it is a directory")
	}
	return err
}

// summary says in a line what was loaded from where.
func summary(names []string, set *rules.Set, found rules.Findings) string {
	var parts []string
	if set != nil {
		parts = append(parts, count(len(set.Rules), "rule"))
	}
	parts = append(parts, countFindings(found)...)
	if set != nil && set.Unchecked > 0 {
		parts = append(parts, count(set.Unchecked, "field")+" unchecked")
	}
	return strings.Join(names, ", ") + ": " + strings.Join(parts, ", ")
}

// countFindings says how many errors and warnings were found.
func countFindings(found rules.Findings) []string {
	errs := 0
	for _, f := range found {
		if f.Severity == rules.Error {
			errs++
		}
	}
	var parts []string
	if errs > 0 {
		parts = append(parts, count(errs, "error"))
	}
	if warnings := len(found) - errs; warnings > 0 {
		parts = append(parts, count(warnings, "warning"))
	}
	if len(found) == 0 {
		parts = append(parts, "no findings")
	}
	return parts
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
