package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/rogpeppe/go-internal/diff"

	"vertigo/rules"
	"vertigo/tomlfmt"
)

type fmtCommand struct {
	Files []string `arg:"" optional:"" help:"Files to lay out; - is stdin, whose layout goes to stdout (default: vertigo.toml, and the rule files that it names)."`
	Check bool     `help:"Write nothing; exit with 1 if a file would change."`
	Diff  bool     `help:"Write nothing; show what would change, and exit with 1 if anything would."`
}

// Help is what --help adds.
func (fmtCommand) Help() string {
	return `Comments and the order of keys stay, and so does what the file says. Keys of a
block have their = below each other, tables begin behind a blank line. Names of
files that change go to stdout. A file that is no TOML is reported and left as
it is; the others are laid out all the same.`
}

// Run lays out each file.
func (c *fmtCommand) Run(std streams) error {
	files := c.Files
	if len(files) == 0 {
		var err error
		if files, err = ownFiles(); err != nil {
			return err
		}
	}
	changes := false
	var unusable error
	for _, name := range files {
		changed, err := c.file(std, name)
		changes = changes || changed
		var wrong faults
		switch {
		case errors.As(err, &wrong):
			if err := rules.Format(std.err, wrong); err != nil {
				return err
			}
			unusable = errUnformatted
		case err != nil:
			return err
		}
	}
	if unusable == nil && changes && (c.Check || c.Diff) {
		return errFound
	}
	return unusable
}

var errUnformatted = errors.New("what is no TOML was left as it is")

// ownFiles are the configuration here and the rule files that it names.
func ownFiles() ([]string, error) {
	if _, err := os.Stat(defaultConfig); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("nothing to lay out: there is no %s here; name files", defaultConfig)
	}
	cfg, err := readConfig(defaultConfig, withoutSecrets)
	if err != nil {
		return nil, err
	}
	files := []string{defaultConfig}
	for _, name := range cfg.ruleFiles() {
		if !isShipped(name) {
			files = append(files, name)
		}
	}
	return files, nil
}

const stdin = "-"

// file lays out one file, or shows what that would change. What is wrong within
// it comes back as [faults].
func (c *fmtCommand) file(std streams, name string) (changed bool, err error) {
	src, err := readSource(name)
	if err != nil {
		return false, cannotRead(name, err)
	}
	out, err := tomlfmt.Format(src)
	if err != nil {
		return false, notTOML(name, src, err)
	}
	changed = !bytes.Equal(src, out)
	switch {
	case c.Diff && changed:
		_, err = std.out.Write(diff.Diff(name+" as it is", src, name+" laid out", out))
	case name == stdin && !c.Check && !c.Diff:
		_, err = std.out.Write(out)
	case !changed:
	case c.Check:
		_, err = fmt.Fprintln(std.out, name)
	default:
		if err = replaceFile(name, out); err == nil {
			_, err = fmt.Fprintln(std.out, name)
		}
	}
	return changed, err
}

func readSource(name string) ([]byte, error) {
	if name == stdin {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}

// notTOML says why a file has no layout, as check does. Of a configuration no
// line is shown: it may hold a secret.
func notTOML(name string, src []byte, err error) error {
	if name == stdin {
		name = "stdin"
	}
	_, found := rules.ParseDocument(name, src)
	if len(found) == 0 { // it is TOML, and something else is wrong
		return faults{{Pos: rules.Pos{File: name}, Msg: err.Error()}}
	}
	if !configText.Match(src) {
		return faults(found)
	}
	d := &decoder{source: newSource(name, src)}
	if d.parse(src); len(d.found) > 0 {
		found = d.found
	}
	for i := range found {
		found[i].Source = ""
	}
	return faults(found)
}

// configText matches what configurations have, and rule files have not.
var configText = regexp.MustCompile(`(?m)^\s*\[*\s*transport\b|^\s*\w*(token|password|secret)\s*=`)

// replaceFile writes a file whole or not at all, with the permissions that it
// has. Of a link it is the file that the link leads to.
func replaceFile(name string, text []byte) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone by then, if all went well
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
