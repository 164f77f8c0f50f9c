package main

import (
	"os"
	"runtime/debug"
)

// brief trades memory for time, for commands that end soon: a third of what
// loading rules takes is otherwise the collection of garbage. It returns what
// ends that. GOGC in the environment has the last word.
func brief() (end func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	was := debug.SetGCPercent(400)
	return func() { debug.SetGCPercent(was) }
}
