package engine

// Windows counts what limits remember.
func (e *Engine) Windows() int { return len(e.windows) }
