package engine

import "slices"

// A Coverage counts which rules have fired, and what the pieces of their
// conditions have been, over any number of messages, engines and rule sets. The
// zero value is empty and ready.
type Coverage struct {
	list   []*Covered
	owners map[coverKey]*Covered
	pieces map[coverKey]*Branch
}

// Covered is what was seen of one rule, of a let or of a buffer.
type Covered struct {
	Kind     CoverKind
	Name     string
	Pos      string // file:line:col
	Fired    int    // of a rule: how often
	Branches []*Branch
}

// A CoverKind says what conditions belong to.
type CoverKind string

// Conditions stand in rules (also in what they send), in lets of a whole file,
// and in buffers.
const (
	CoverRule   CoverKind = "rule"
	CoverLet    CoverKind = "let"
	CoverBuffer CoverKind = "buffer"
)

// A Branch is a piece of a condition, and how often it was true and false when it
// was asked.
type Branch struct {
	Pos, Text   string
	True, False int
}

type coverKey struct{ pos, text string }

// Add makes the rules of rs, and the conditions in it, known, so that those are
// listed too that no message gets to. A rule that is known already, by its place
// and name, is the same rule.
func (c *Coverage) Add(rs *Ruleset) {
	for _, r := range rs.Rules {
		of := c.of(CoverRule, r.Pos, r.Name)
		c.branches(of, r.Parts)
		for _, s := range r.Send {
			c.branches(of, s.Parts)
		}
	}
	for _, b := range rs.Buffers {
		if b.Parts != nil {
			c.branches(c.of(CoverBuffer, b.Parts.Pos, b.Name), b.Parts)
		}
	}
}

// Count enters what an explanation tells.
func (c *Coverage) Count(x *Explanation) {
	for _, one := range x.Candidates {
		if one.Verdict == RuleFired {
			c.of(CoverRule, one.Rule.Pos, one.Rule.Name).Fired++
		}
	}
	for _, s := range x.Seen {
		switch b := c.pieces[coverKey{s.Part.Pos, s.Part.Text}]; {
		case b == nil: // it is made of pieces
		case s.Is:
			b.True++
		default:
			b.False++
		}
	}
}

// Merge adds what another one has counted.
func (c *Coverage) Merge(other *Coverage) {
	for _, from := range other.list {
		to := c.of(from.Kind, from.Pos, from.Name)
		to.Fired += from.Fired
		for _, b := range from.Branches {
			into := c.branch(to, b.Pos, b.Text)
			into.True += b.True
			into.False += b.False
		}
	}
}

func (c *Coverage) of(kind CoverKind, pos, name string) *Covered {
	key := coverKey{pos, name}
	of := c.owners[key]
	if of == nil {
		if c.owners == nil {
			c.owners, c.pieces = map[coverKey]*Covered{}, map[coverKey]*Branch{}
		}
		of = &Covered{Kind: kind, Name: name, Pos: pos}
		c.owners[key] = of
		c.list = append(c.list, of)
	}
	return of
}

func (c *Coverage) branch(of *Covered, pos, text string) *Branch {
	key := coverKey{pos, text}
	b := c.pieces[key]
	if b == nil {
		b = &Branch{Pos: pos, Text: text}
		c.pieces[key] = b
		of.Branches = append(of.Branches, b)
	}
	return b
}

// branches makes the pieces of a condition known: those that are not taken apart,
// and lets by name. What a let of the whole file is made of is the let's.
func (c *Coverage) branches(of *Covered, p *Part) {
	if p == nil {
		return
	}
	switch p.Kind {
	case Leaf:
		c.branch(of, p.Pos, p.Text)
		return
	case LetPart:
		c.branch(of, p.Pos, p.Text)
		body := p.Parts[0]
		if body.Kind == Leaf {
			return // it is as the let is
		}
		if !p.Local {
			of = c.of(CoverLet, body.Pos, p.Let)
		}
	}
	for _, sub := range p.Parts {
		c.branches(of, sub)
	}
}

// List gives the rules in the order in which they are tried, then lets and
// buffers.
func (c *Coverage) List() []*Covered {
	order := []CoverKind{CoverRule, CoverLet, CoverBuffer}
	list := slices.Clone(c.list)
	slices.SortStableFunc(list, func(a, b *Covered) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
	return list
}

// Totals counts the rules, those that fired, the ways that the pieces of all
// conditions can be, and those that they were: each piece can be true and false.
func (c *Coverage) Totals() (rules, fired, branches, seen int) {
	for _, of := range c.list {
		if of.Kind == CoverRule {
			rules++
			if of.Fired > 0 {
				fired++
			}
		}
		for _, b := range of.Branches {
			branches += 2
			if b.True > 0 {
				seen++
			}
			if b.False > 0 {
				seen++
			}
		}
	}
	return rules, fired, branches, seen
}
