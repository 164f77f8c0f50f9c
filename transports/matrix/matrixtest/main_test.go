package matrixtest_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vertigo/transports/matrix/homeservers"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/matrix/matrixtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a server that ends with the test, and a way to use it as tests
// use others.
func start(t *testing.T, opts matrixtest.Options) (*matrixtest.Server, *hometest.Server) {
	t.Helper()
	s := matrixtest.New(opts)
	t.Cleanup(s.Close)
	return s, homeservers.InProcess(t, s)
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// ofType accepts events of a type.
func ofType(typ string) func(matrixtest.Event) bool {
	return func(e matrixtest.Event) bool { return e.Type == typ }
}

// contents are those of all events of a type, in order.
func contents(s *matrixtest.Server, typ string) []string {
	var all []string
	for _, e := range s.Events() {
		if e.Type == typ {
			all = append(all, string(e.Content))
		}
	}
	return all
}
