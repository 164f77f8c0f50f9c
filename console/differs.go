package console

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/replay"
)

// mostLines is how many lines tell how two messages differ.
const mostLines = 400

// differs tells, for each message that the last of the steps sent, how it differs
// from the message that came: which values it lacks, and which are its own. A
// session description is compared line by line with the last one that came from
// anybody but the addressee.
func differs(tell *teller, steps []step) []Differs {
	s := &steps[len(steps)-1]
	list := []Differs{}
	for _, a := range s.actions {
		d := Differs{To: a.To, Type: a.Type, Lines: []string{}}
		went := tell.went(a.Body)
		d.Lines = append(d.Lines, values(tell.came(s.message.Body), went)...)
		for _, sdp := range sdps(went) {
			d.Lines = append(d.Lines, compared(tell, steps, a, sdp)...)
		}
		if len(d.Lines) > mostLines {
			d.Lines = append(d.Lines[:mostLines:mostLines], "more lines differ")
		}
		list = append(list, d)
	}
	return list
}

// values tells which values of one JSON text the other one has nowhere.
func values(came, went []byte) []string {
	before, after := leaves(came), leaves(went)
	var list []string
	for _, side := range []struct {
		sign     string
		of, less []leaf
	}{{"- ", before, after}, {"+ ", after, before}} {
		for _, l := range side.of {
			if !slices.ContainsFunc(side.less, func(other leaf) bool { return other.value == l.value }) {
				list = append(list, side.sign+l.path+" = "+engine.Show(l.value))
			}
		}
	}
	return list
}

// A leaf is a value of a JSON text that is neither table nor list.
type leaf struct {
	path  string
	value any
}

// leaves lists all values but session descriptions.
func leaves(body []byte) []leaf {
	var list []leaf
	walk(gjson.ParseBytes(body), "", func(path string, v gjson.Result) {
		if !isSDP(v) {
			list = append(list, leaf{path, v.Value()})
		}
	})
	return list
}

// sdps lists the session descriptions in a JSON text.
func sdps(body []byte) []string {
	var list []string
	walk(gjson.ParseBytes(body), "", func(_ string, v gjson.Result) {
		if isSDP(v) {
			list = append(list, v.Str)
		}
	})
	return list
}

// mostLeaves bounds the work of comparing two messages.
const mostLeaves = 500

func walk(v gjson.Result, path string, leaf func(path string, v gjson.Result)) {
	left := mostLeaves
	var into func(v gjson.Result, path string)
	into = func(v gjson.Result, path string) {
		if left <= 0 {
			return
		}
		if !v.IsObject() && !v.IsArray() {
			left--
			leaf(path, v)
			return
		}
		i := 0
		v.ForEach(func(key, one gjson.Result) bool {
			name := key.String()
			if v.IsArray() {
				name = fmt.Sprint(i)
				i++
			}
			into(one, strings.TrimPrefix(path+"."+name, "."))
			return left > 0
		})
	}
	if v.Exists() {
		into(v, path)
	}
}

// isSDP says whether a value is a session description (RFC 8866, section 5.1).
func isSDP(v gjson.Result) bool {
	return v.Type == gjson.String && (strings.HasPrefix(v.Str, "v=0\r\n") || strings.HasPrefix(v.Str, "v=0\n"))
}

// compared tells how a session description that is sent differs from the last one
// that came.
func compared(tell *teller, steps []step, a engine.Action, sdp string) []string {
	for i := len(steps) - 1; i >= 0; i-- {
		m := steps[i].message
		if m.Transport == a.To || m.Transport == ownTransport || len(sdps(m.Body)) == 0 {
			continue
		}
		came := sdps(tell.came(m.Body))
		if len(came) == 0 {
			continue
		}
		of := m.Transport + " " + m.Type
		changes := replay.TextChanges(came[0], sdp)
		if len(changes) == 0 {
			return []string{"The SDP is line for line that of " + of + "."}
		}
		return append([]string{"The SDP, beside that of " + of + ":"}, changes...)
	}
	return nil
}
