package examples_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"vertigo/rules"
	"vertigo/schema"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

// The tables of messages and their fields are made from the schemas.
func TestMessagesInDocuments(t *testing.T) {
	const name = "docs/messages.md"
	for _, p := range []struct {
		what   string
		set    *schema.Set
		shared []shared
	}{
		{"matrix messages", matrix.Schema, []shared{
			{"An event", "Every event", matrix.Schema.In("org.matrix.call.new"), "content"},
			{"A reply", "What comes back of what was sent, as TYPE.ok", matrix.Schema.OK, "content"},
			{"A refusal", "What comes back of what was refused, or never sent, as TYPE.error", matrix.Schema.Error, "content"},
		}},
		{"verto messages", verto.Schema, []shared{
			{"A request", "Every request of the server, and what the transport says in its place", verto.Schema.In("transport.down"), "params"},
			{"A reply", "What comes back of what was sent, as TYPE.ok", verto.Schema.OK, "result"},
			{"A refusal", "What comes back of what was refused, or never sent, as TYPE.error", verto.Schema.Error, "error"},
		}},
		{"calllog messages", calllog.Schema, nil},
		{"engine messages", rules.EngineSchema, nil},
	} {
		part(t, name, p.what, messages(p.set, p.shared))
	}
}

// A shared type is one whose fields many messages have: they are shown once.
type shared struct {
	word, title string
	of          *schema.Type
	says        string // the field that holds what is different in each
}

// isOwn tells what is different in each message.
func (s shared) isOwn(r row) bool { return s.says == "params" && strings.HasPrefix(r.path, "params.") }

func messages(set *schema.Set, all []shared) string {
	var text strings.Builder
	for _, s := range all {
		fmt.Fprintf(&text, "\n**%s**\n\n%s", s.title, table("msg", slices.DeleteFunc(rows(s.of), s.isOwn)))
	}
	for _, m := range set.Messages {
		fmt.Fprintf(&text, "\n### `%s`\n\n%s%s\n", m.Type, plain.Replace(m.Doc), source(m.Source))
		in, out := []row(nil), []row(nil)
		word, says := "Comes", ""
		if m.In != nil {
			in = rows(m.In)
			for _, s := range all {
				if rest, ok := without(rows(m.In), rows(s.of), s.says); ok {
					in, word, says = rest, s.word, s.says
				}
			}
		}
		if m.Out != nil {
			out = rows(m.Out)
		}
		switch {
		case m.In != nil && m.Out != nil && slices.Equal(below(says, in), out):
			fmt.Fprintf(&text, "\n%s; can be sent.\n\n%s", word, table("msg."+says+" and body", out))
			continue
		case m.In != nil:
			fmt.Fprintf(&text, "\n%s%s", word, fields("msg", in))
		}
		if m.Out != nil {
			fmt.Fprintf(&text, "\nCan be sent%s", fields("body", out))
		}
	}
	return text.String()
}

func fields(of string, list []row) string {
	if len(list) == 0 {
		return ".\n"
	}
	return ".\n\n" + table(of, list)
}

// A row is a field as a table shows it.
type row struct{ path, kind, doc string }

func rows(t *schema.Type) []row {
	var list []row
	t.Walk(func(path string, f *schema.Field) {
		kind := f.Type.Kinds().String()
		switch n := len(f.Type.Values); {
		case n > 30:
			kind += fmt.Sprintf(", one of %d", n)
		case n > 0:
			kind += ": `" + strings.Join(f.Type.Values, "`, `") + "`"
		}
		if n := len(f.Type.Values); n > 0 && f.Type.Open {
			kind += ", or another"
		}
		if f.Required {
			kind += "; required"
		}
		list = append(list, row{path, kind, plain.Replace(f.Doc) + source(f.Source)})
	})
	return list
}

func source(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// without leaves out what all have; ok is false if some of that is not there.
func without(list, all []row, says string) (rest []row, ok bool) {
	for _, r := range all {
		if r.path != says && !strings.HasPrefix(r.path, says+".") && !slices.Contains(list, r) {
			return list, false
		}
	}
	has := func(r row) bool { return r.path == says }
	for _, r := range list {
		if !has(r) && !slices.Contains(all, r) {
			rest = append(rest, r)
		}
	}
	return rest, slices.ContainsFunc(list, has)
}

// below gives the rows of a field, by their paths within it.
func below(field string, list []row) []row {
	var inner []row
	for _, r := range list {
		path, ok := strings.CutPrefix(r.path, field+".")
		if !ok {
			return nil
		}
		inner = append(inner, row{path, r.kind, r.doc})
	}
	return inner
}

// table shows rows, those that say the same in one.
func table(of string, list []row) string {
	var text strings.Builder
	fmt.Fprintf(&text, "| in `%s` | | |\n| --- | --- | --- |\n", strings.ReplaceAll(of, " and ", "` and `"))
	for i, r := range list {
		same := func(other row) bool { return other.doc == r.doc }
		if slices.IndexFunc(list, same) < i {
			continue
		}
		var paths []string
		kind := r.kind
		for _, other := range list[i:] {
			if same(other) {
				paths = append(paths, "`"+other.path+"`")
				if other.kind != kind {
					kind = ""
				}
			}
		}
		fmt.Fprintf(&text, "| %s | %s | %s |\n", strings.Join(paths, ", "), kind, r.doc)
	}
	return text.String()
}
