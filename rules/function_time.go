package rules

import (
	"fmt"
	"math"
	"time"

	"vertigo/engine"
)

// units are those that duration knows.
var units = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour}

// duration makes a span of time. One that is negative or cannot be told in
// nanoseconds is an error: no timer could mean it.
func duration(args ...any) (any, error) {
	const name = "duration"
	if err := takes(name, args, 2); err != nil {
		return nil, err
	}
	word, err := argument[string](name, args, 1)
	if err != nil {
		return nil, err
	}
	unit, ok := units[word]
	if !ok {
		return nil, fmt.Errorf("%s: argument 2 must be \"ms\", \"s\", \"m\" or \"h\", not %q", name, word)
	}
	switch n := args[0].(type) {
	case int:
		switch {
		case n < 0:
			return nil, fmt.Errorf("%s: argument 1 must not be negative, and is %d", name, n)
		case int64(n) > math.MaxInt64/int64(unit):
			return nil, fmt.Errorf("%s: %d %s is too long", name, n, word)
		}
		return time.Duration(n) * unit, nil
	case float64:
		switch span := n * float64(unit); {
		case n < 0:
			return nil, fmt.Errorf("%s: argument 1 must not be negative, and is %v", name, n)
		case math.IsNaN(span) || span >= math.MaxInt64:
			return nil, fmt.Errorf("%s: %v %s is too long", name, n, word)
		default:
			return time.Duration(span), nil
		}
	}
	return nil, wrongArgument(name, 0, "a number", args[0])
}

// milliseconds counts those of a span of time, or of text that says one as
// timers take it.
func milliseconds(args ...any) (any, error) {
	const name = "milliseconds"
	if err := takes(name, args, 1); err != nil {
		return nil, err
	}
	switch v := args[0].(type) {
	case time.Duration:
		return int(v.Milliseconds()), nil
	case string:
		d, err := engine.Duration(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return int(d.Milliseconds()), nil
	}
	return nil, wrongArgument(name, 0, "a duration", args[0])
}

// zones are time zones by name. That of the machine is none of them: rules mean
// the same everywhere.
var zones = newTextCache(func(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("argument 1 must be a time zone such as \"Europe/London\", not %q", name)
	}
	return zone, nil
})
