package rules

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// ownFiles are the shipped rule sets as files of a user's own, of which findings
// are told; rules.toml takes in one of them.
func ownFiles(t *testing.T, name string) map[string]string {
	t.Helper()
	files := map[string]string{"rules.toml": fmt.Sprintf("include = [%q]\n[vars]\nemergency = \"refuse\"\n", name+".toml")}
	for _, name := range Shipped() {
		src, err := fs.ReadFile(shipped, name+".toml")
		if err != nil {
			t.Fatal(err)
		}
		text := string(src)
		for _, other := range Shipped() {
			text = strings.ReplaceAll(text, `"`+other+`"`, `"`+other+`.toml"`)
		}
		files[name+".toml"] = text
	}
	return files
}

// Mistakes in the rules for Janus, each made in a copy of them, are found by their
// codes, with what was probably meant.
func TestMistakesInJanusRulesAreFound(t *testing.T) {
	const protocol, line = "matrix-janus.toml", "matrix-janus-line.toml"
	for _, tc := range []struct{ name, file, old, new, want string }{
		{"a wrong key path", protocol, `"plugindata.data.call_id"`, `"plugindata.data.callid"`,
			"V055 no message has plugindata.data.callid | did you mean plugindata.data.call_id?"},
		{"a key path that is none", protocol, `"body.call_id"`, `"body..call_id"`,
			`V053 "body..call_id" is not a path | names of fields, from the outside in, joined with dots: body.call_id`},
		{"a missing envelope field", protocol, `session_id = '${ conn.session }'`, ``,
			"V210 claim needs session_id | session_id: The session, as create gave it."},
		{"an event that there is not", line, `"janus event.registered"`, `"janus event.registred"`,
			"V201 no event.registred ever comes from janus | did you mean event.registered?"},
		{"a misspelt field of a message", line, `'msg.data.id'`, `'msg.data.di'`,
			"V204 unknown field msg.data.di | did you mean id?"},
		{"a request without its handle", line, "body.handle_id = '${ conn.line }'\n", "",
			"V210 register needs handle_id | handle_id: The handle of the plugin, as attach gave it."},
		{"a misspelt variable in the envelope", protocol, `conn.session }`, `conn.sesion }`,
			"V058 conn.sesion is never set by any rule | did you mean session?"},
		{"an envelope that reads the call", protocol, `'${ conn.session }'`, `'${ call.session }'`,
			"V056 an envelope has no call | an envelope lies under all that is sent: it sees conn, vars, tables and functions"},
		{"no id of requests", protocol, "reply   = \"transaction\"\n", "",
			`V053 without reply nothing is an answer | say where its id stands, as in reply = "id"; or leave answers out`},
		{"a state that nobody enters", line, `next = "registering"`, `next = "registring"`,
			"V103 no rule asks for the state registring | did you mean registering?"},
		{"a misspelt state", line, "on   = \"janus create.error\"\nin   = \"opening\"", "on   = \"janus create.error\"\nin   = \"openning\"",
			"V101 unknown state openning | did you mean opening?"},
		{"an answer that never comes", line, `"janus create.success"`, `"janus create.sucess"`,
			"V201 no create.sucess ever comes from janus | did you mean create.success?"},
		{"a connection that begins nowhere", line, `new  = "connection"`, `new  = "conection"`,
			`V004 new is true or "connection", not "conection" | did you mean connection?`},
		{"a variable of a call in a rule of the connection", line, `conn.line = 'msg.data.id'`, `set.line = 'msg.data.id'`,
			"V056 a rule of the connection has no set | what a connection remembers is set by conn.NAME = '…'"},
		{"a timer that the connection does not hear", line, "on   = \"engine timer.keepalive\"\nin   = [\"attaching\", \"registering\", \"unregistered\", \"ready\"]", `on   = "engine timer.keepalive"`,
			"V123 only rules for the connection start the timer keepalive, and this rule is for calls | name the connection's state in in, or set a variable of the connection"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := ownFiles(t, "matrix-janus")
			if !strings.Contains(files[tc.file], tc.old) {
				t.Fatalf("%s has no %s", tc.file, tc.old)
			}
			files[tc.file] = strings.Replace(files[tc.file], tc.old, tc.new, 1)
			_, found := loadReal(files)
			var got []string
			for _, f := range found {
				got = append(got, fmt.Sprintf("%s %s | %s", f.Code, f.Msg, f.Hint))
			}
			if !strings.Contains(strings.Join(got, "\n")+"\n", tc.want+"\n") {
				t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), tc.want)
			}
		})
	}
}
