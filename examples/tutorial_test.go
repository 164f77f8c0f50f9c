package examples_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"vertigo/tomlfmt"
)

// Whoever follows a tutorial, word for word and in its order, sees what it
// shows.
func TestTutorial(t *testing.T) {
	follow(t, "docs/tutorial.md")
}

// Whoever has connected a door phone has the files of the example.
func TestTutorialOnDevices(t *testing.T) {
	dir := follow(t, "docs/connect-your-own.md")
	for _, name := range []string{"rules.toml", configName} {
		if got := read(t, filepath.Join(dir, name)); got != read(t, filepath.Join(intercom, name)) {
			t.Errorf("the tutorial ends with another %s than the example has:\n%s", name, got)
		}
	}
	said := 0
	for line := range strings.Lines(read(t, filepath.Join(intercom, "rules.toml"))) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			said++
		}
	}
	if said > 40 {
		t.Errorf("the rules are %d lines, not the forty that are promised", said)
	}
}

// follow does what a tutorial says, and gives the directory in which that ends.
func follow(t *testing.T, tutorial string) (dir string) {
	t.Helper()
	r := newReader(t)
	defer r.stop()
	var done strings.Builder
	rest := read(t, tutorial)
	for _, s := range fenced(tutorial, rest) {
		for line := range strings.Lines(s.text) { // as a terminal shows it, unless it is a file
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width && !strings.HasPrefix(s.info, "toml") {
				t.Errorf("%s: %d columns: %s", s, n, line)
			}
		}
		before, after, _ := strings.Cut(rest, s.text)
		done.WriteString(before + r.follow(s))
		rest = after
	}
	same(t, tutorial, done.String()+rest)
	return r.dir
}

// A reader does what a tutorial says: types its commands, saves its files.
type reader struct {
	t    *testing.T
	home string
	dir  string // where the reader is
	env  []string

	bridge *exec.Cmd // a vertigo that runs in another terminal, or nil
	log    *bufio.Reader
}

// newReader is a reader at the top of the project, with an empty home.
func newReader(t *testing.T) *reader {
	t.Helper()
	home := t.TempDir()
	// Go keeps these in the home of whoever runs the test, and Git may keep there
	// whether it may look at the project.
	settings := []string{"GOCACHE", "GOMODCACHE", "GOFLAGS"}
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"env"}, settings...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "HOME="+home)
	for i, value := range strings.Split(string(out), "\n")[:len(settings)] {
		env = append(env, settings[i]+"="+value)
	}
	env[len(env)-1] += " -buildvcs=false"
	return &reader{t: t, home: home, dir: ".", env: env}
}

// follow does what a snippet says, and gives the snippet with what is seen then.
func (r *reader) follow(s snippet) string {
	r.t.Helper()
	kind, what, _ := strings.Cut(s.info, " ")
	switch {
	case s.info == "console step":
		return r.commands(s)
	case s.info == "text log":
		return r.logged(s.text)
	case kind == "toml" && filepath.Ext(what) == ".toml":
		return r.save(s, what)
	}
	r.t.Fatalf("%s: no reader knows what to do with %q", s, s.info)
	return ""
}

// save writes a file, and gives it as "vertigo fmt" lays it out.
func (r *reader) save(s snippet, name string) string {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(s.text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	laidOut, err := tomlfmt.Format([]byte(s.text))
	if err != nil {
		r.t.Fatalf("%s: %v", s, err)
	}
	return string(laidOut)
}

// commands types what stands behind each "$ ", and gives it with what is printed.
func (r *reader) commands(s snippet) string {
	r.t.Helper()
	const prompt = "$ "
	if !strings.HasPrefix(s.text, prompt) {
		r.t.Fatalf("%s does not begin with %q", s, prompt)
	}
	var seen strings.Builder
	for _, part := range strings.Split("\n"+s.text, "\n"+prompt)[1:] {
		command, shown, _ := strings.Cut(part, "\n")
		seen.WriteString(prompt + command + "\n")
		if printed := strings.TrimRight(r.command(command, shown), "\n"); printed != "" {
			seen.WriteString(printed + "\n")
		}
	}
	return seen.String()
}

func (r *reader) command(command, shown string) string {
	r.t.Helper()
	if dir, ok := strings.CutPrefix(command, "cd ~/"); ok {
		r.dir = filepath.Join(r.home, dir)
		return ""
	}
	switch command {
	case "./vertigo run":
		r.start(command)
		return r.logged(shown)
	case "kill -HUP $(pidof vertigo)": // not that of a bridge which really runs here
		if err := r.bridge.Process.Signal(syscall.SIGHUP); err != nil {
			r.t.Fatal(err)
		}
		return ""
	}
	cmd := exec.CommandContext(r.t.Context(), "sh", "-c", command)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	return string(out)
}

// start starts what goes on until [reader.stop].
func (r *reader) start(command string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	r.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(r.dir, "vertigo"), strings.Fields(command)[1:]...)
	cmd.Dir, cmd.Env = r.dir, r.env
	pipe, err := cmd.StderrPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.bridge, r.log = cmd, bufio.NewReader(pipe)
}

// stop is the Ctrl-C.
func (r *reader) stop() {
	if r.bridge == nil {
		return
	}
	if err := r.bridge.Process.Signal(os.Interrupt); err != nil {
		r.t.Error(err)
	}
	if err := r.bridge.Wait(); err != nil {
		r.t.Error(err)
	}
}

var (
	logTime    = regexp.MustCompile(`^time=\S+ `)
	logMessage = regexp.MustCompile(`msg=("[^"]*"|\S+)`)
)

// logged reads the log until it has said all that is shown, whatever it says in
// between, and gives these lines as they are, without their times.
func (r *reader) logged(shown string) string {
	r.t.Helper()
	var seen strings.Builder
	for line := range strings.Lines(shown) {
		message := logMessage.FindString(line)
		if message == "" {
			r.t.Fatalf("no line of a log: %s", line)
		}
		for {
			got, err := r.log.ReadString('\n')
			if err != nil {
				r.t.Fatalf("the log ends without %s: %v", message, err)
			}
			if logMessage.FindString(got) == message {
				seen.WriteString(logTime.ReplaceAllString(got, ""))
				break
			}
		}
	}
	return seen.String()
}
