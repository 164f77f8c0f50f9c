package e2e_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"vertigo/transports/verto/vertotest"
)

// planted are the secrets of all tests.
var planted ledger

// A ledger knows secrets, and what each of them is.
type ledger struct {
	mu          sync.Mutex
	credentials map[string]string // tokens and passwords: the bridge may write them nowhere
	keys        map[string]string // of media: no log and no capture may hold them
}

// credential notes what lets somebody in.
func (l *ledger) credential(what, secret string) { l.note(&l.credentials, what, secret) }

// key notes what secures the media of a call.
func (l *ledger) key(what, secret string) { l.note(&l.keys, what, secret) }

func (l *ledger) note(set *map[string]string, what, secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *set == nil {
		*set = map[string]string{}
	}
	(*set)[secret] = what
}

var mediaKey = regexp.MustCompile(`a=(ice-pwd:|fingerprint:sha-256 )([^\\\r\n]+)`)

// sdp notes the ICE passwords and fingerprints in a text that holds SDP, in JSON
// or plain.
func (l *ledger) sdp(of string, text []byte) {
	for _, m := range mediaKey.FindAllSubmatch(text, -1) {
		l.key(of+" "+strings.TrimRight(string(m[1]), ": "), string(m[2]))
	}
}

// frames notes what stands in all that a Verto server said and heard.
func (l *ledger) frames(pbx *vertotest.Server) {
	for _, f := range pbx.Frames() {
		l.sdp("a call's", f.Data)
	}
}

// leaks says which files in the directories of bridges hold secrets, and which.
func (l *ledger) leaks(dir string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		_, name, _ := strings.Cut(filepath.ToSlash(rel), "/")
		if slices.Contains(configured, name) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found = append(found, search(rel, text, l.credentials)...)
		if !isState(name) {
			found = append(found, search(rel, text, l.keys)...)
		}
		return nil
	})
	if err != nil {
		found = append(found, err.Error())
	}
	return found
}

// configured are the files that hold secrets since an operator put them there.
var configured = []string{"vertigo.toml", "verto-password", "rules.toml", "registration.yaml"}

// isState tells the files that hold events until they are handled, so SDP too.
func isState(name string) bool {
	return strings.HasPrefix(name, "state/") && (strings.HasSuffix(name, ".db") || strings.HasSuffix(name, ".json"))
}

func search(file string, text []byte, secrets map[string]string) []string {
	var found []string
	for secret, what := range secrets {
		if i := bytes.Index(text, []byte(secret)); i >= 0 {
			from := max(0, i-200)
			found = append(found, fmt.Sprintf("%s holds %s, after %q", file, what, text[from:i]))
		}
	}
	return found
}

func TestTheSearchForSecretsFindsThem(t *testing.T) {
	dir := t.TempDir()
	var l ledger
	l.credential("a token", "sesame")
	l.sdp("a call's", []byte(`{"sdp":"a=ice-pwd:aperture\r\na=fingerprint:sha-256 AB:CD\r\n"}`))
	for name, text := range map[string]string{
		"1/stderr.log":                "level=INFO token=sesame",
		"1/captures/x.ndjson":         `"a=ice-pwd:aperture\r\n" "AB:CD"`,
		"1/state/matrix.db":           "aperture",
		"1/registration.yaml":         "sesame",
		"1/state/matrix.json":         "sesame",
		"1/state/dead-letter/x.jsonl": "AB:CD",
		"2/stderr.log":                "nothing",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, leak := range l.leaks(dir) {
		what, _, _ := strings.Cut(filepath.ToSlash(leak), ",")
		got = append(got, what)
	}
	slices.Sort(got)
	want := []string{
		"1/captures/x.ndjson holds a call's fingerprint:sha-256",
		"1/captures/x.ndjson holds a call's ice-pwd",
		"1/state/dead-letter/x.jsonl holds a call's fingerprint:sha-256",
		"1/state/matrix.json holds a token",
		"1/stderr.log holds a token",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
