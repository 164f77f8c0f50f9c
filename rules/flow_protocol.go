package rules

import (
	"fmt"
	"slices"
	"strings"

	"vertigo/engine"
)

// protocols checks declared protocols without a schema against what rules do with
// the messages: paths and answers that are nearly what rules read, send and wait
// for.
func (f *flow) protocols() {
	for i := range f.compiler.protocols {
		p := &f.compiler.protocols[i]
		if p.Schema != nil || p.node.kind != kindTable || f.isAtFault(p.node) {
			continue
		}
		known := f.pathsOf(p)
		for _, key := range []string{"type", "key"} {
			for _, item := range p.node.child(key).listed() {
				if near := Nearest(item.text, known); near != "" && !slices.Contains(known, item.text) {
					f.own(strayPath, item, item.pos, fmt.Sprintf("no rule reads %s of a message, or sends it", item.text), "did you mean "+near+"?")
				}
			}
		}
		f.answers(p)
	}
}

// isOf says whether a transport or group speaks a protocol.
func (f *flow) isOf(transport string, p *Protocol) bool {
	return slices.ContainsFunc(f.speakers([]engine.Pattern{{Transport: transport}}), func(name string) bool { return f.speaks[name] == p })
}

// pathsOf lists the fields that rules read of the messages of a protocol, and
// those that they send.
func (f *flow) pathsOf(p *Protocol) []string {
	found := map[string]bool{}
	for _, r := range f.rules {
		if slices.ContainsFunc(r.On, func(on engine.Pattern) bool { return f.isOf(on.Transport, p) }) {
			for _, slot := range r.Reads {
				found[f.rs.Paths[slot]] = true
			}
		}
		for _, send := range r.node.child("send").listed() {
			if to := send.child("to"); to == nil || !f.isOf(to.text, p) {
				continue
			}
			if body := f.bodyOf(send); body != nil {
				body.eachPath("", func(path string) { found[path] = true })
			}
		}
	}
	return keysOf(found)
}

// eachPath calls visit for each key of a table, and of those in it.
func (n *node) eachPath(at string, visit func(path string)) {
	for _, key := range n.keys {
		path := dotted(at, key)
		visit(path)
		n.children[key].eachPath(path, visit)
	}
}

// answers reports types that are nearly answers to what rules send.
func (f *flow) answers(p *Protocol) {
	if p.Format.Reply == "" {
		return
	}
	var sent []string
	for _, r := range f.rules {
		for _, s := range r.Send {
			if f.isOf(s.To, p) && !slices.Contains(sent, s.Type) {
				sent = append(sent, s.Type)
			}
		}
	}
	answers := append([]string{"ok", "error"}, p.Format.Answers...)
	for _, r := range f.rules {
		f.rule = r.Name
		for _, item := range r.node.child("on").listed() {
			words := strings.Fields(item.text)
			if len(words) != 2 || isGlob(words[1]) || !f.isOf(words[0], p) {
				continue
			}
			if meant := nearlyAnswer(words[1], sent, answers); meant != "" {
				f.own(unlikelyMessage, item, item.at(strings.LastIndex(item.text, words[1])), "no rule sends what "+words[1]+" would be the answer to", "did you mean "+meant+"?")
			}
		}
	}
	f.rule = ""
}

// nearlyAnswer gives the answer that a type was probably meant to be; "" if it is
// one, or nothing like one.
func nearlyAnswer(typ string, sent, answers []string) string {
	request, answer, ok := cutLast(typ, ".")
	if !ok {
		return ""
	}
	isSent, isAnswer := slices.Contains(sent, request), slices.ContainsFunc(answers, func(pattern string) bool { return globs(pattern, answer) })
	switch {
	case isSent == isAnswer:
	case isSent:
		if near := Nearest(answer, answers); near != "" {
			return request + "." + near
		}
	default:
		if near := Nearest(request, sent); near != "" {
			return near + "." + answer
		}
	}
	return ""
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
