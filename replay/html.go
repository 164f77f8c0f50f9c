package replay

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"vertigo/capture"
	"vertigo/engine"
)

// The parts of a ladder as a page. The page is one file: it asks nobody for
// anything, and its policy lets nothing run or show but these.
var (
	//go:embed ladder.html
	pageText string
	//go:embed ladder.css
	pageStyle string
	//go:embed ladder.js
	pageScript string

	pageTemplate = template.Must(template.New("ladder.html").Funcs(template.FuncMap{"pieces": pieces}).Parse(pageText))
)

// A page is what the template shows.
type page struct {
	Title, Begins string
	Policy        string
	Style         template.CSS
	Script        template.JS
	Names         []string
	Calls         []*pageCall
	Marks         []pageMark
	Diffs         bool // an SDP that was sent is compared with one that came
}

// A pageCall is a call and what it is called by whom.
type pageCall struct {
	Tag, Begins, Ends string
	ID                engine.CallID
	Keys              []pageKey
}

type pageKey struct{ Transport, Key string }

// A pageMark is a mark as the template shows it.
type pageMark struct {
	Time, Tag, Text, Detail string
	Divides                 bool   // a line across all
	Note, Lead              string // its class, "" if it is none, and how it begins
	From, To                string
	Span, Points            string // classes of an arrow; "" for a word
	About                   string // where the message comes from
	Parts                   []pagePart
}

// A pagePart is a part of a message: JSON, or an SDP in it.
type pagePart struct {
	Text string
	SDP  []sdpLine
}

// WriteHTML draws all that was added under a title, as a page of its own: each
// message opens to its JSON, and an SDP that was sent to how it differs from the
// one that the other side had sent last. Secrets are left out, also those that the
// capture holds.
func (l *Ladder) WriteHTML(w io.Writer, title string) error {
	names := l.participants()
	style := pageStyle + columnStyle(names)
	b := pageBuilder{ladder: l, names: names, tags: l.manyCalls(), calls: map[engine.CallID]*pageCall{}, offers: map[engine.CallID][]offer{}}
	b.page = page{
		Title: title, Names: names,
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(style), hash(pageScript)),
		Style:  template.CSS(style), Script: template.JS(pageScript),
		Begins: l.start().UTC().Format(time.DateTime) + " UTC",
	}
	marks := l.tell(names)
	for i := range marks {
		b.mark(&marks[i])
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, b.page); err != nil {
		return err
	}
	_, err := out.WriteTo(w)
	return err
}

// pieces takes the name of a message apart where it may be broken.
func pieces(text string) []string {
	var list []string
	for text != "" {
		end := strings.IndexAny(text, "._") + 1
		if end == 0 {
			end = len(text)
		}
		list, text = append(list, text[:end]), text[end:]
	}
	return list
}

// hash is how a content security policy names a text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Where the columns of the first and the last participant stand, in percent.
const firstColumn, lastColumn = 4.0, 96.0

// columnStyle places participants: their names, their life lines and the arrows
// between them.
func columnStyle(names []string) string {
	var b strings.Builder
	at := make([]float64, len(names))
	var images, positions []string
	for i := range names {
		at[i] = firstColumn
		if len(names) > 1 {
			at[i] += (lastColumn - firstColumn) * float64(i) / float64(len(names)-1)
		}
		images = append(images, "linear-gradient(var(--life), var(--life))")
		positions = append(positions, fmt.Sprintf("%.2f%% 0", at[i]))
		switch room := 100 / float64(max(len(names), 1)); {
		case i == 0:
			fmt.Fprintf(&b, ".n0 { left: 0; max-width: %.2f%%; }\n", room)
		case i == len(names)-1:
			fmt.Fprintf(&b, ".n%d { right: 0; max-width: %.2f%%; }\n", i, room)
		default:
			fmt.Fprintf(&b, ".n%d { left: %.2f%%; width: %.2f%%; text-align: center; }\n", i, at[i]-room/2, room)
		}
		for j := range i {
			fmt.Fprintf(&b, ".s%d-%d { margin-left: %.2f%%; width: %.2f%%; }\n", j, i, at[j], at[i]-at[j])
		}
	}
	fmt.Fprintf(&b, ".track { background-image: %s; background-position: %s; }\n", strings.Join(images, ", "), strings.Join(positions, ", "))
	if own := at[slices.Index(names, self)]; own > 60 {
		fmt.Fprintf(&b, ".word { padding-right: %.2f%%; text-align: right; }\n", 100-own)
	} else {
		fmt.Fprintf(&b, ".word { padding-left: %.2f%%; }\n", own)
	}
	return b.String()
}

// A pageBuilder turns marks into what the template shows.
type pageBuilder struct {
	ladder *Ladder
	page   page
	names  []string
	tags   bool
	time   string // that was shown last
	calls  map[engine.CallID]*pageCall
	offers map[engine.CallID][]offer
	hide   capture.Redactor
}

func (b *pageBuilder) mark(m *mark) {
	p := pageMark{Text: m.text, Detail: m.detail}
	if m.event != nil {
		b.about(m, &p)
	}
	switch m.kind {
	case markLine:
		p.Divides = true
		if m.event != nil {
			b.call(m.event).Ends = m.text
		}
	case markNote:
		p.Note, p.Lead = string(m.outcome), strings.TrimSpace(leads[m.outcome])
	case markArrow:
		from, to := slices.Index(b.names, m.from), slices.Index(b.names, m.to)
		p.From, p.To = m.from, m.to
		p.Span, p.Points = fmt.Sprintf("s%d-%d", min(from, to), max(from, to)), "right"
		if from > to {
			p.Points = "left"
		}
	}
	b.page.Marks = append(b.page.Marks, p)
}

// about fills in when a mark happened, in which call, and for a message where it
// comes from and what it is.
func (b *pageBuilder) about(m *mark, p *pageMark) {
	t := &m.event.Trace
	if at := seconds(t.Now.Sub(b.ladder.start())); at != b.time {
		p.Time, b.time = at, at
	}
	if b.tags && t.Call != "" && m.kind != markNote {
		p.Tag = tagOf(t)
	}
	call := b.call(m.event)
	switch {
	case m.kind == markNote || m.kind == markLine:
	case m.sent != nil:
		s := m.sent
		call.named(s.To, s.Key)
		p.About = fmt.Sprintf("Sent by the rule %q (%s)", s.Rule, t.Rule.Pos)
		if s.Like != nil {
			p.About += "; the capture's own stands at " + s.Like.Place()
		}
		p.Parts = b.parts(b.hide.Message(capture.Out, s.Frame), func(text string) pagePart { return b.compared(t.Call, s.To, text) })
	default:
		msg := &m.event.Message
		call.named(msg.Transport, msg.Key)
		if p.About = "Said by the engine"; m.event.Place != "" {
			p.About = m.event.Place
		}
		p.Parts = b.parts(b.hide.Message(capture.In, msg.Body), func(text string) pagePart {
			b.offers[t.Call] = append(b.offers[t.Call], offer{msg.Transport, msg.Type, text})
			return plainSDP(text)
		})
	}
}

// call is the call of an event; one that is not shown if it has none.
func (b *pageBuilder) call(e *Event) *pageCall {
	id := e.Trace.Call
	if id == "" {
		return &pageCall{}
	}
	c := b.calls[id]
	if c == nil {
		c = &pageCall{Tag: tagOf(&e.Trace), ID: id, Begins: seconds(e.Trace.Now.Sub(b.ladder.start()))}
		b.calls[id] = c
		b.page.Calls = append(b.page.Calls, c)
	}
	return c
}

// named notes what a peer calls the call.
func (c *pageCall) named(transport, key string) {
	if k := (pageKey{transport, key}); key != "" && !slices.Contains(c.Keys, k) {
		c.Keys = append(c.Keys, k)
	}
}

// parts splits a raw message, indented, at each SDP in it.
func (b *pageBuilder) parts(data []byte, sdp func(text string) pagePart) []pagePart {
	var indented bytes.Buffer
	if err := json.Indent(&indented, data, "", "  "); err != nil {
		return []pagePart{{Text: string(data)}}
	}
	var parts []pagePart
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			parts = append(parts, pagePart{Text: strings.TrimSuffix(plain.String(), "\n")})
			plain.Reset()
		}
	}
	for line := range strings.Lines(indented.String()) {
		before, text, ok := textOf(line)
		if !ok || !isSDP(text) {
			plain.WriteString(line)
			continue
		}
		plain.WriteString(before + "…\n")
		flush()
		parts = append(parts, sdp(text))
	}
	flush()
	return parts
}

// textOf reads the text that is the value on a line of indented JSON.
func textOf(line string) (before, text string, ok bool) {
	for rest := line; ; {
		in := json.NewDecoder(strings.NewReader(rest))
		if err := in.Decode(&text); err != nil {
			return "", "", false
		}
		end := int(in.InputOffset())
		value, isKey := strings.CutPrefix(rest[end:], ": ")
		if !isKey {
			begins := strings.IndexByte(rest, '"')
			return line[:len(line)-len(rest)+begins], text, true
		}
		rest = value
	}
}
