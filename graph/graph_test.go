package graph

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = "testdata/" + name
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is drawn; go test ./graph -update writes it anew\n%s", name, got)
	}
}

// load compiles a rule file for the transports that it names.
func load(t *testing.T, text string, transports ...string) *Graph {
	t.Helper()
	protocols := map[string]engine.Protocol{"matrix": matrix.Protocol, "verto": verto.Protocol, "calllog": calllog.Protocol}
	var peers []engine.Peer
	for _, name := range transports {
		peers = append(peers, engine.Peer{Name: name, Protocol: protocols[name]})
	}
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{Peers: peers, ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if set == nil {
		t.Fatal(found)
	}
	return Of(set.Ruleset)
}

func doorbell(t *testing.T) *Graph {
	t.Helper()
	text, err := os.ReadFile("testdata/doorbell.toml")
	if err != nil {
		t.Fatal(err)
	}
	return load(t, string(text), "door", "phone")
}

// shipped is the graph of the rules that come with Vertigo.
func shipped(t *testing.T) *Graph {
	t.Helper()
	return load(t, "include = [\"matrix-verto\"]\n[vars]\nemergency = \"refuse\"\n", "matrix", "verto", "calllog")
}

// drawn is what one of the formats comes to.
func drawn(t *testing.T, write func(io.Writer, string) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out, "rules.toml"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFormats(t *testing.T) {
	g := doorbell(t)
	golden(t, "doorbell.mmd", drawn(t, g.WriteMermaid))
	golden(t, "doorbell.dot", drawn(t, g.WriteDOT))
	golden(t, "doorbell.svg", drawn(t, g.WriteSVG))
}

func TestASecondPictureIsTheSame(t *testing.T) {
	first := drawn(t, shipped(t).WriteSVG)
	if second := drawn(t, shipped(t).WriteSVG); second != first {
		t.Error("it is another one")
	}
}

func TestStatesThatNothingEnters(t *testing.T) {
	const begins = "[[rule]]\nname = \"begins\"\non = \"a b\"\nnew = true\n"
	rule := func(name, in, next string) string {
		return fmt.Sprintf("[[rule]]\nname = %q\non = \"a c\"\nin = %q\nnext = %s\n", name, in, next)
	}
	for _, tt := range []struct {
		name, rules string
		want        string
	}{
		{"a call begins in begun where nothing else is said", begins + rule("1", "begun", `"end"`), ""},
		{"nothing leads to it", begins + rule("1", "lost", `"end"`), "lost"},
		{"only what is never entered leads to it", begins + rule("1", "lost", `"found"`) + rule("2", "found", `"lost"`), "lost, found"},
		{"what only a call tells may be any", begins + rule("1", "begun", `'${ msg.state }'`) + rule("2", "other", `"end"`), ""},
		{"but not where no call comes", begins + rule("1", "lost", `'${ msg.state }'`), "lost, "},
		{"a rule for any state is for those that are entered", begins + "[[rule]]\nname = \"1\"\non = \"a d\"\nnext = \"next\"\n" + rule("2", "next", `"end"`), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var never []string
			for _, s := range load(t, tt.rules, "a").States {
				if !s.Entered && s.Kind != End {
					never = append(never, s.Name)
				}
			}
			if got := strings.Join(never, ", "); got != tt.want {
				t.Errorf("nothing enters %q, want %q", got, tt.want)
			}
		})
	}
}

// hostile is text that means something to each of the formats.
const hostile = `</text><script>alert(1)</script> "; \" --> [*] : #35; %% ${x} ]]> \N` + "\u202e 電話"

func TestTextOfRulesIsNoMarkup(t *testing.T) {
	name := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${").Replace(hostile)
	g := load(t, fmt.Sprintf("[[rule]]\nname = \"%[1]s\"\non = \"a b\"\nnew = true\nnext = \"%[1]s\"\n", name), "a")
	svg := drawn(t, g.WriteSVG)
	in := xml.NewDecoder(strings.NewReader(svg))
	var elements []string
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && !slices.Contains(elements, e.Name.Local) {
			elements = append(elements, e.Name.Local)
		}
	}
	if slices.Contains(elements, "script") {
		t.Errorf("the picture has %s", elements)
	}
	for _, line := range strings.Split(drawn(t, g.WriteMermaid), "\n") {
		if strings.ContainsAny(line, "<>") && !strings.Contains(line, "-->") {
			t.Errorf("Mermaid reads %s", line)
		}
	}
	if dot := drawn(t, g.WriteDOT); strings.Count(dot, "\n") != strings.Count(drawn(t, load(t, "[[rule]]\nname = \"x\"\non = \"a b\"\nnew = true\nnext = \"x\"\n", "a").WriteDOT), "\n") {
		t.Errorf("DOT has lines of its own:\n%s", dot)
	}
}

// No text of the shipped rules' picture stands on another one, or on a line that
// is not its own.
func TestNothingOverlaps(t *testing.T) {
	for name, g := range map[string]*Graph{"doorbell": doorbell(t), "shipped": shipped(t)} {
		t.Run(name, func(t *testing.T) {
			p := newPicture(g)
			if err := p.layout.place(); err != nil {
				t.Fatal(err)
			}
			boxes := slices.Clone(p.layout.Boxes)
			for _, w := range p.layout.Lines {
				boxes = append(boxes, w.box)
			}
			for i, a := range boxes {
				if a.X-a.W/2 < 0 || a.Y-a.H/2 < 0 || a.X+a.W/2 > p.layout.W || a.Y+a.H/2 > p.layout.H {
					t.Errorf("box %d is outside of the picture", i)
				}
				for j, b := range boxes[:i] {
					if a.overlaps(b) {
						t.Errorf("boxes %d and %d overlap: %v %v", j, i, a, b)
					}
				}
			}
			for i, w := range p.layout.Lines {
				own := len(p.layout.Boxes) + i
				for j, b := range boxes {
					if j != own && j != w.From && j != w.To && crosses(w.Points, b) {
						t.Errorf("line %d crosses box %d", i, j)
					}
				}
			}
		})
	}
}

func (b box) overlaps(c box) bool {
	return b.X-b.W/2 < c.X+c.W/2 && c.X-c.W/2 < b.X+b.W/2 && b.Y-b.H/2 < c.Y+c.H/2 && c.Y-c.H/2 < b.Y+b.H/2
}

// crosses walks along a line in steps of less than any box is wide.
func crosses(points []point, b box) bool {
	for i := range len(points) - 1 {
		from, to := points[i], points[i+1]
		const steps = 200
		for n := range steps {
			part := float64(n) / steps
			at := box{X: from.X + (to.X-from.X)*part, Y: from.Y + (to.Y-from.Y)*part}
			if at.overlaps(b) {
				return true
			}
		}
	}
	return false
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text string
		most float64
		want []string
	}{
		{"", 10, []string{""}},
		{"the call ends", 100, []string{"the call ends"}},
		{"the call ends", 6, []string{"the call", "ends"}},
		{"  the   call ", 2.5, []string{"the", "call"}},
		{"org.matrix", 3, []string{"org.", "matrix"}},
		{"m.call.sdp_stream_changed now", 5, []string{"m.call.", "sdp_", "stream_", "changed", "now"}},
		{"unbroken", 2, []string{"unbroken"}},
		{"電話電話", 0.5, []string{"電", "話", "電", "話"}},
	} {
		if got := wrap(tt.text, tt.most); !slices.Equal(got, tt.want) {
			t.Errorf("%q in %v is %q, want %q", tt.text, tt.most, got, tt.want)
		}
	}
}

// A connection is drawn by itself: what is for it is not among what is for calls.
func TestConnectionsAreDrawnByThemselves(t *testing.T) {
	const text = `[[rule]]
name = "connected"
on = "door transport.up"
new = "connection"
next = "opening"

[[rule]]
name = "open"
on = "door open"
in = "opening"
next = "ready"
timer.ask = "25s"

[[rule]]
name = "asked"
on = "engine timer.ask"
in = "ready"

[[rule]]
name = "lost"
on = "door transport.down"
in = ["opening", "ready"]
next = "end"

[[rule]]
name = "rings"
on = "door ring"
new = true
next = "end"
`
	peers := []engine.Peer{{Name: "door"}}
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{Peers: peers, ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if set == nil {
		t.Fatal(found)
	}
	golden(t, "connection.mmd", drawn(t, OfConnections(set.Ruleset).WriteMermaid))
	if calls := drawn(t, Of(set.Ruleset).WriteMermaid); strings.Contains(calls, "ready") || !strings.Contains(calls, "rings") {
		t.Error(calls)
	}
	if g := OfConnections(&engine.Ruleset{}); g != nil {
		t.Errorf("%+v", g)
	}
}
