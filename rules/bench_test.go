package rules

import (
	"fmt"
	"strings"
	"testing"
)

// manyRules are n rules as a user writes them, each with a condition, a
// variable, a state and a message to send.
func manyRules(n int) string {
	var b strings.Builder
	b.WriteString("[vars]\nextension = \"9196\"\n[table.routes]\na = \"b\"\n[table.callerID]\na = \"b\"\n")
	for i := range n {
		fmt.Fprintf(&b, `
[[rule]]
name = "calls of room %[1]d"
on = "matrix m.call.invite"
when = 'msg.room_id == "!room%[1]d:example.org" && msg.content.lifetime > 0'
new = true
set = { tag = '"room %[1]d"', room = 'msg.room_id', offer = 'msg.content.offer.sdp', number = 'routes[msg.sender] ?? vars.extension' }
next = "dialling"
[[rule.send]]
to = "verto"
type = "verto.invite"
body.sdp = '${ msg.content.offer.sdp }'
body.dialogParams = { callID = '${ call.uuid }', destination_number = '${ call.number }', caller_id_number = '${ callerID[msg.sender] ?? "%[1]d" }', caller_id_name = 'room %[1]d of ${ upper(server(msg.sender)) }' }
`, i)
	}
	b.WriteString(`
[[rule]]
name = "the caller hangs up"
on = "matrix m.call.hangup"
when = 'call.room == msg.room_id && call.offer != nil && call.tag != nil'
next = "end"
[[rule.send]]
to = "verto"
type = "verto.bye"
body = { cause = "NORMAL_CLEARING", dialogParams = { callID = '${ call.verto.key }' } }
`)
	return b.String()
}

// BenchmarkCheck is BenchmarkLoad as "vertigo check" does it: with the schemas of
// the messages.
func BenchmarkCheck(b *testing.B) {
	files := map[string]string{"rules.toml": manyRules(10_000)}
	b.ReportAllocs()
	for b.Loop() {
		if _, found := loadReal(files); len(found) > 0 {
			b.Fatal(found[0])
		}
	}
}

// BenchmarkLoad reads, checks and compiles 10,000 rules.
func BenchmarkLoad(b *testing.B) {
	files := map[string]string{"rules.toml": manyRules(10_000)}
	b.ReportAllocs()
	for b.Loop() {
		if _, found := loadFiles(files); len(found) > 0 {
			b.Fatal(found[0])
		}
	}
}
