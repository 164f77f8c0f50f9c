package engine

import "fmt"

// A Part is a piece of a condition that can be looked at by itself. A rule set
// that was compiled with parts can tell which piece of a condition was false;
// what a rule means is its condition all the same, never its parts.
type Part struct {
	Kind  PartKind
	Text  string  // as it stands in the file
	Pos   string  // file:line:col of its first letter
	Let   string  // the let that a LetPart names
	Local bool    // that let is the rule's own
	Parts []*Part // what it is made of; of a LetPart, what the let says
	Expr  Expr    // of a leaf
	Reads []Read  // of a leaf: the values that it looks at; of a LetPart: the let itself
}

// A PartKind says how a part is made of others.
type PartKind uint8

// The kinds of parts.
const (
	Leaf    PartKind = iota // not taken apart
	And                     // all of its parts
	Or                      // one of its parts
	Not                     // not its part
	Choice                  // the second part where the first is true, else the third
	LetPart                 // the let that it names
)

// A Read is one value that a part looks at, by the name it has there.
type Read struct {
	Name string
	Expr Expr
}

// A Named is a value by name.
type Named struct {
	Name  string
	Value any // as expressions see it
}

// Seen is what a part was when its condition was asked.
type Seen struct {
	Part *Part
	Is   bool
}

// A trial asks parts as conditions do: no more of them than decides.
type trial struct {
	frame *Frame
	seen  []Seen
}

// is asks one part.
func (t *trial) is(p *Part) (bool, error) {
	is, err := t.ask(p)
	if err == nil {
		t.seen = append(t.seen, Seen{p, is})
	}
	return is, err
}

func (t *trial) ask(p *Part) (bool, error) {
	switch p.Kind {
	case And, Or:
		for _, sub := range p.Parts {
			if is, err := t.is(sub); err != nil || is == (p.Kind == Or) {
				return is, err
			}
		}
		return p.Kind == And, nil
	case Not:
		is, err := t.is(p.Parts[0])
		return !is, err
	case LetPart:
		return t.is(p.Parts[0])
	case Choice:
		is, err := t.is(p.Parts[0])
		if err != nil {
			return false, err
		}
		if is {
			return t.is(p.Parts[1])
		}
		return t.is(p.Parts[2])
	}
	v, err := p.Expr.Eval(t.frame)
	if err != nil {
		return false, err
	}
	is, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("%s is neither true nor false", Show(v))
	}
	return is, nil
}

// firstFalse finds the piece that made a part false: the first of several that
// all had to be true, also within a let.
func (t *trial) firstFalse(p *Part) (*Part, string) {
	let := ""
	for {
		switch {
		case p.Kind == LetPart && len(p.Parts) == 1:
			let, p = p.Let, p.Parts[0]
			continue
		case p.Kind == And:
			if sub := t.falseAmong(p.Parts); sub != nil {
				p = sub
				continue
			}
		}
		return p, let
	}
}

func (t *trial) falseAmong(parts []*Part) *Part {
	for _, p := range parts {
		for _, s := range t.seen {
			if s.Part == p && !s.Is {
				return p
			}
		}
	}
	return nil
}

// values gives what the pieces of a part looked at, those that were asked.
func (t *trial) values(p *Part) []Named {
	var list []Named
	t.collect(p, &list)
	return list
}

func (t *trial) collect(p *Part, list *[]Named) {
	if !t.asked(p) {
		return
	}
	for _, r := range p.Reads {
		if hasName(*list, r.Name) {
			continue
		}
		if v, err := r.Expr.Eval(t.frame); err == nil {
			*list = append(*list, Named{r.Name, v})
		}
	}
	for _, sub := range p.Parts {
		t.collect(sub, list)
	}
}

func (t *trial) asked(p *Part) bool {
	for _, s := range t.seen {
		if s.Part == p {
			return true
		}
	}
	return false
}

func hasName(list []Named, name string) bool {
	for _, n := range list {
		if n.Name == name {
			return true
		}
	}
	return false
}
