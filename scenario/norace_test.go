//go:build !race

package scenario_test

// underRace says whether the race detector watches, which makes all of it slow.
const underRace = false
