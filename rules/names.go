package rules

// Declared are the names that rule files declare beside rules, and that a
// compiled rule set no longer has.
type Declared struct {
	Vars, Lets, Tables []string
}

func declaredNames(d *declared) Declared {
	return Declared{Vars: d.vars.names, Lets: d.lets.names, Tables: d.tables.names}
}
