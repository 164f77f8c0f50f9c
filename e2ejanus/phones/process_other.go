//go:build !linux

package phones

import "os/exec"

// tie does nothing where the system cannot: the process ends with the test, if
// that comes to its end.
func tie(*exec.Cmd) {}
