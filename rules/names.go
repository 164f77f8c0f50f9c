package rules

// Declared are the names that rule files declare beside rules, and that a
// compiled rule set no longer has.
type Declared struct {
	Vars, Lets, Tables []string
	ConnVars           []string // variables of connections
}

func (c *compiler) declaredNames() Declared {
	return Declared{Vars: c.decl.vars.names, Lets: c.decl.lets.names, Tables: c.decl.tables.names, ConnVars: keysOf(c.connVars)}
}
