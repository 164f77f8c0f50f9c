package editor_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// node runs a script that needs taplo, or the test is skipped; in CI it must be
// there.
func node(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "node", "-e", "require.resolve('@taplo/lsp')").Run(); err != nil {
		const missing = "taplo is not there: npm install @taplo/lsp@0.8.0, and say in NODE_PATH where"
		if os.Getenv("CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	return exec.Command("node", script)
}

// A server is a taplo that serves an editor.
type server struct {
	t     *testing.T
	in    io.Writer
	out   *bufio.Scanner
	dir   string // of the documents, with the schemas beside them
	calls int
	docs  int
}

// A message is one of JSON-RPC.
type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

// serve starts a taplo, and ends it with the test. dir has the schemas.
func serve(t *testing.T, dir string) *server {
	t.Helper()
	cmd := node(t, "testdata/taplo.cjs")
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, in: in, out: bufio.NewScanner(out), dir: dir}
	s.out.Buffer(nil, 16<<20)
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Log(err)
		}
	})
	s.call("initialize", map[string]any{"processId": nil, "rootUri": nil, "capabilities": map[string]any{}})
	s.send(message{Method: "initialized", Params: json.RawMessage("{}")})
	return s
}

func (s *server) send(m message) {
	s.t.Helper()
	m.JSONRPC = "2.0"
	text, err := json.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.in.Write(append(text, '\n')); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) raw(v any) json.RawMessage {
	s.t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// receive gives the next message. If taplo asks for the editor's settings, it is
// told them: no schemas of others, which would have to be fetched.
func (s *server) receive() message {
	s.t.Helper()
	if !s.out.Scan() {
		s.t.Fatalf("taplo has ended: %v", s.out.Err())
	}
	var m message
	if err := json.Unmarshal(s.out.Bytes(), &m); err != nil {
		s.t.Fatal(err)
	}
	if m.Method != "" && m.ID != nil {
		s.send(message{ID: m.ID, Result: json.RawMessage(`[{"schema":{"enabled":true,"catalogs":[]}}]`)})
	}
	return m
}

func (s *server) call(method string, params any) json.RawMessage {
	s.t.Helper()
	s.calls++
	id := json.RawMessage(strconv.Itoa(s.calls))
	s.send(message{ID: id, Method: method, Params: s.raw(params)})
	for {
		if m := s.receive(); m.Method == "" && string(m.ID) == string(id) {
			if m.Error != nil {
				s.t.Fatalf("%s: %s", method, m.Error)
			}
			return m.Result
		}
	}
}

// open shows taplo a document, and gives its address.
func (s *server) open(schema, text string) (uri string) {
	s.t.Helper()
	s.docs++
	uri = "file://" + filepath.Join(s.dir, fmt.Sprintf("%d.toml", s.docs))
	s.send(message{Method: "textDocument/didOpen", Params: s.raw(map[string]any{"textDocument": map[string]any{
		"uri": uri, "languageId": "toml", "version": 1, "text": "#:schema ./" + schema + "\n" + text,
	}})})
	return uri
}

// at opens a document in which | stands for the cursor, and gives the cursor's
// place.
func (s *server) at(schema, text string) map[string]any {
	s.t.Helper()
	before, after, ok := strings.Cut(text, "|")
	if !ok {
		s.t.Fatal("the document has no cursor")
	}
	line := strings.Count(before, "\n") + 1 // below the line that names the schema
	return map[string]any{
		"textDocument": map[string]string{"uri": s.open(schema, before+after)},
		"position":     map[string]int{"line": line, "character": len(before) - strings.LastIndex(before, "\n") - 1},
	}
}

// A completion is what an editor offers.
type completion struct {
	Label         string `json:"label"`
	Documentation struct {
		Value string `json:"value"`
	} `json:"documentation"`
}

func (s *server) complete(schema, text string) []completion {
	s.t.Helper()
	var list []completion
	if err := json.Unmarshal(s.call("textDocument/completion", s.at(schema, text)), &list); err != nil {
		s.t.Fatal(err)
	}
	return list
}

// faults gives what an editor underlines in a document. taplo tells it three times:
// after it has looked at the syntax, at names and at the schema. It stops where it
// finds something.
func (s *server) faults(schema, text string) []string {
	s.t.Helper()
	uri := s.open(schema, text)
	for told := 0; told < 3; {
		m := s.receive()
		var found struct {
			URI         string `json:"uri"`
			Diagnostics []struct {
				Message string `json:"message"`
			} `json:"diagnostics"`
		}
		if m.Method != "textDocument/publishDiagnostics" || json.Unmarshal(m.Params, &found) != nil || found.URI != uri {
			continue
		}
		told++
		var list []string
		for _, d := range found.Diagnostics {
			list = append(list, d.Message)
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

func labels(list []completion) []string {
	all := make([]string, len(list))
	for i, c := range list {
		all[i] = c.Label
	}
	slices.Sort(all)
	return all
}
