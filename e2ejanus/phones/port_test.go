package phones

import "testing"

// Nobody has bound any of these ports, and still each is given once.
func TestPortsAreGivenOnce(t *testing.T) {
	given := map[int]bool{}
	for range 150 {
		for _, port := range []int{FreePort(t), mediaPort(t)} {
			if given[port] {
				t.Errorf("port %d is given twice", port)
			}
			given[port] = true
		}
	}
}
