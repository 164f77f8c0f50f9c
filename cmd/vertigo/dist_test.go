package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"vertigo/transports/matrix"
)

// readDist gives a file of the folder dist without its comments.
func readDist(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../dist", name))
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(string(text), "")
}

// unit gives what a unit says, by key.
func unit(text string) map[string][]string {
	said := map[string][]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			said[key] = append(said[key], value)
		}
	}
	return said
}

// understood fails the test if the program has no such command line.
func understood(t *testing.T, args []string) {
	t.Helper()
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Errorf("vertigo %s: %v", strings.Join(args, " "), err)
	}
}

// Commands in the document are such as there are.
func TestCommandsOfTheOperator(t *testing.T) {
	text, err := os.ReadFile(operating)
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.ReplaceAll(string(text), "\\\n", "")
	commands := regexp.MustCompile(`(?m)^    vertigo (\S+(?: \S+)*)`).FindAllStringSubmatch(whole, -1)
	if len(commands) < 10 {
		t.Errorf("there are %d commands", len(commands))
	}
	for _, m := range commands {
		understood(t, strings.Fields(m[1]))
	}
}

func TestUnitFitsTheProgram(t *testing.T) {
	said := unit(readDist(t, "vertigo.service"))
	one := func(key string) string {
		t.Helper()
		if len(said[key]) != 1 {
			t.Fatalf("%s stands %d times", key, len(said[key]))
		}
		return said[key][0]
	}
	command := strings.Fields(one("ExecStart"))
	if path.Base(command[0]) != "vertigo" {
		t.Errorf("it starts %s", command[0])
	}
	understood(t, command[1:])
	if stop, err := time.ParseDuration(one("TimeoutStopSec")); err != nil || stop <= 2*drainTime {
		t.Errorf("it has %v to end its calls (%v)", stop, err)
	}
	if one("KillSignal") != "SIGTERM" || !strings.Contains(one("ExecReload"), "-HUP $MAINPID") {
		t.Error("signals are not those that run knows")
	}

	// Each secret that the configuration of init names is there.
	const secrets = "/run/credentials/vertigo.service"
	for _, mode := range []string{matrix.ModeAppService, matrix.ModeBot} {
		s := &setup{mode: mode, secrets: secrets, state: "/var/lib/" + one("StateDirectory")}
		for _, m := range regexp.MustCompile(secrets+`/([a-z.-]+)`).FindAllStringSubmatch(string(s.config()), -1) {
			if m[1] == "matrix-token" { // which a comment tells of
				continue
			}
			if !slices.ContainsFunc(said["LoadCredential"], func(c string) bool { return strings.HasPrefix(c, m[1]+":/etc/vertigo/") }) {
				t.Errorf("no credential is called %s", m[1])
			}
		}
	}
}

// A crash is not taken for a configuration that cannot be used, which would not be
// started again: what leaves exit code 2 elsewhere ends by a signal.
func TestUnitStartsAgainAfterACrash(t *testing.T) {
	said := unit(readDist(t, "vertigo.service"))
	for _, pair := range said["Environment"] {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	if !slices.Equal(said["LimitCORE"], []string{"0"}) {
		t.Errorf("a core may be left, with secrets: LimitCORE=%v", said["LimitCORE"])
	}
	leaveNoCore(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"vertigo.toml": lonelyConfig, "rules.toml": bridgeRules("old")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := startProcess(t, dir, "run")
	p.until("msg=started")
	p.signal(syscall.SIGQUIT) // the runtime ends as after a panic
	if _, err := io.Copy(io.Discard, p.stderr); err != nil {
		t.Fatal(err)
	}
	if code := p.exitCode(); code != -1 {
		t.Errorf("it ends with exit code %d, not by a signal", code)
	}
}

// leaveNoCore keeps what the test starts from leaving core files.
func leaveNoCore(t *testing.T) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	set := func(limit syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	set(syscall.Rlimit{Cur: 0, Max: before.Max})
	t.Cleanup(func() { set(before) })
}

// systemd itself finds no fault, where it is there to ask.
func TestUnitIsOne(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "vertigo.service")
	text := strings.ReplaceAll(readDist(t, "vertigo.service"), "/usr/local/bin/vertigo", self)
	if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", copied).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestContainerFitsTheProgram(t *testing.T) {
	text := readDist(t, "Containerfile")
	var entry, args []string
	for word, to := range map[string]*[]string{"ENTRYPOINT": &entry, "CMD": &args} {
		m := regexp.MustCompile(`(?m)^` + word + ` (\[.*\])$`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("it has no %s", word)
		}
		if err := json.Unmarshal([]byte(m[1]), to); err != nil {
			t.Fatal(err)
		}
	}
	if len(entry) != 1 || !strings.Contains(text, " "+entry[0]+"\n") {
		t.Errorf("nothing is copied to %q", entry)
	}
	understood(t, args)
	_, port, _ := strings.Cut(usualListen, ":")
	if !strings.Contains(text, "EXPOSE "+port+"\n") {
		t.Errorf("port %s is not named", port)
	}
	gomod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if v := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(gomod); !strings.Contains(text, "FROM docker.io/library/golang:"+string(v[1])+" ") {
		t.Errorf("it does not build with Go %s", v[1])
	}
}

// Nothing that the program is made of is kept from the container.
func TestContainerIsGivenWhatItBuilds(t *testing.T) {
	text, err := os.ReadFile("../../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.Contains(line, "*") {
			folders = append(folders, line)
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-tags", "goolm", "-deps",
		"-f", `{{if not .Standard}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}`, ".")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for file := range strings.Lines(string(out)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(file), root+"/")
		if !ok {
			continue
		}
		own++
		first, _, _ := strings.Cut(name, "/")
		if slices.Contains(folders, first) || strings.Contains(name, "/testdata/") || strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s is not there", name)
		}
	}
	if own == 0 {
		t.Errorf("it is made of nothing:\n%s", out)
	}
}
