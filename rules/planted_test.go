package rules

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// The files hold 25 faults, no two of a kind. Before each stands, in brackets
// that are taken out, the code of its finding and the hint.
var plantedFiles = []struct{ name, text string }{
	{"rules.toml", `# Déjà vu: 25 faults in two files.
include = ["matrix-verto", ⟦V113 leave it out⟧"permissions", "site/büro.toml"]

[vars]
emergency = "refuse"
country   = ⟦V049 two capital letters: country = "GB"⟧"Germany"
⟦V114 did you mean extension?⟧extention = "9198"

[table.⟦V116 did you mean routes?⟧rotues]
"!büro:example.org" = "1001"

[let]
⟦V115 did you mean ownRefusal?⟧ownRefusl = '"Ask Mum."'

[limit.⟦V117 did you mean callsPerMinute?⟧callPerMinute]
key = 'call.user'
max = 3
per = "1m"

[limit.callsPerDay]
max = 3
per = ⟦V022⟧"1 day"

[[rule]]
name = "während des Gesprächs"
on   = "matrix m.room.message"
in   = ["held", ⟦V101 did you mean talking?⟧"talkng"]
⟦V003 did you mean when?⟧wen  = 'msg.sender == call.user'

[[rule]]
name = "an offer that holds the call, in several lines"
on   = "matrix m.call.negotiate"
when = '''
    msg.sender == "@zoë:example.org" &&
    /* «é» */ ⟦V033 did you mean sdpHold?⟧sdpHld(msg.content.description.sdp)'''
also = true

[[rule]]
name = "one that reads what no rule sets"
on   = "verto verto.info"
when = '"é" != "è" && call.⟦V035 did you mean number?⟧nubmer != nil'
also = true

[[rule]]
name = "of a peer that there is not"
on   = ["verto verto.display", ⟦V014 did you mean matrix?⟧"matrx m.call.replaces"]
cancel = ⟦V018 did you mean expire?⟧"expires"

[[rule]]
name = "of what the engine never says"
on   = "engine ⟦V015 did you mean call.end?⟧call.ende"

[[rule]]
name = "a field that no invite has"
on   = "matrix m.call.invite"
when = '''msg.sender != "é" && msg.content.⟦V204 did you mean offer?⟧ofer != nil'''
also = true
`},
	{"site/büro.toml", `[[rule]]
name = "half an expression"
on   = "matrix m.call.hangup"
when = 'msg.sender == "@é:example.org" &⟦V031⟧&'
also = true

[[rule]]
name = "text and a number"
on   = "matrix m.call.reject"
when = 'now.Hour() ⟦V032⟧> "18"'
also = true

[[rule]]
name = "neither true nor false"
on   = "matrix m.call.answer"
when = '⟦V036 compare it: … == true, or … != nil⟧call.user'
also = true

[[rule]]
name = "a timer that nobody hears"
on   = "matrix m.call.select_answer"
also = true
timer.⟦V110 a rule is told of it by on = "engine timer.tooLong"⟧tooLong = "30m"

[[rule]]
name = "what is set and never read"
on   = "verto verto.display"
also = true
set  = { ⟦V107⟧shown = 'msg.params.display_name' }

[[rule]]
name = "a buffer that there is not"
on   = "matrix m.call.candidates"
in   = "gathering"
also = true
push.⟦V017 did you mean candidates?⟧candidats = 'msg.content.candidates'

[[rule]]
name = "a message without what its receiver requires, and one without a type"
on   = "verto verto.media"
also = true
send = [{ to = "matrix", type = "m.room.message", room = '${ call.room }', body = { msgtype = "m.notice", body = 'é ⟦V030 write $${ where ${ itself is meant⟧${ msg.params.callID' } }, ⟦V023 say the message type: type = "verto.bye"⟧{ to = "verto" }]

[[rule]]
name = "the end, said wrongly"
on   = "verto verto.gone"
in   = "early"
next = "end"
[[rule.send]]
to   = "verto"
type = "verto.bye"
body = { dialogParams = { callID = '${ call.verto.key }' }, cause = ⟦V213 did you mean NORMAL_CLEARING?⟧"NORMAL_CLEARNG" }

[[rule]]
name = "people write"
on   = "matrix m.room.*"
when = 'call.user == msg.sender'

[[rule]]
name = ⟦V111 put the rule with the narrower condition first, or let the other one say also = true⟧"people write about money"
on   = "matrix m.room.message"
when = 'call.user == msg.sender && msg.content.body == "€"'
`},
}

var planted = regexp.MustCompile(`⟦(V\d+) ?([^⟧]*)⟧`)

// dig takes the brackets out, and gives the findings that they announce.
func dig(name, text string) (clean string, want []string) {
	for line := range strings.Lines(text) {
		for {
			m := planted.FindStringSubmatchIndex(line)
			if m == nil {
				break
			}
			col := utf8.RuneCountInString(line[:m[0]]) + 1
			want = append(want, fmt.Sprintf("%s:%d:%d %s %s", name, strings.Count(clean, "\n")+1, col, line[m[2]:m[3]], line[m[4]:m[5]]))
			line = line[:m[0]] + line[m[1]:]
		}
		clean += line
	}
	return clean, want
}

// All faults are found in one run, in the order in which a reader meets them,
// each where it stands, with its code and with the name that was probably meant.
func TestTwentyFiveFaultsAreTwentyFiveFindings(t *testing.T) {
	files := map[string]string{}
	var want []string
	for _, f := range plantedFiles {
		clean, found := dig(f.name, f.text)
		files[f.name], want = clean, append(want, found...)
	}
	if len(want) != 25 {
		t.Fatalf("%d faults are planted", len(want))
	}
	_, found := loadReal(files)
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%s %s %s", f.Pos, f.Code, f.Hint))
		if f.Source == "" || !strings.Contains(files[f.Pos.File], f.Source) {
			t.Errorf("%s: the line of the file is %q", f, f.Source)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%v", diff, found)
	}
}
