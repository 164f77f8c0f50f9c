package homeservers

import (
	"os"
	"testing"
	"time"

	"vertigo/transports/matrix/hometest"
	"vertigo/transports/matrix/matrixtest"
)

// inProcess is a homeserver of this process. It does not end when it is
// stopped, but nobody can tell.
type inProcess struct{ *matrixtest.Server }

// Start implements [hometest.Program].
func (p inProcess) Start() (url string, err error) {
	p.SetReachable(true)
	return p.URL, nil
}

// Stop implements [hometest.Program].
func (p inProcess) Stop() error {
	p.SetReachable(false)
	return nil
}

// startMatrixtest is a [Start]. The homeserver has no limits of its own.
func startMatrixtest(t testing.TB, o ...hometest.Options) *hometest.Server {
	t.Helper()
	opts := matrixtest.Options{
		ServerName: hometest.ServerName,
		Timing:     matrixtest.Timing{Retry: 100 * time.Millisecond, MaxRetry: time.Second},
	}
	for _, o := range o {
		if o.RateLimits {
			t.Fatal("matrixtest has no rate limits of its own: let it Fail requests with RateLimited")
		}
		opts.AppServices = append(opts.AppServices, registrations(t, o)...)
	}
	s := matrixtest.New(opts)
	t.Cleanup(s.Close)
	return InProcess(t, s)
}

// InProcess lets a test use s as any other homeserver.
func InProcess(t testing.TB, s *matrixtest.Server) *hometest.Server {
	t.Helper()
	return hometest.New(t, hometest.Matrixtest, "", inProcess{s})
}

// registrations reads all that o has.
func registrations(t testing.TB, o hometest.Options) []matrixtest.Registration {
	t.Helper()
	var files [][]byte
	for _, a := range o.AppServices {
		files = append(files, a.Registration())
	}
	for _, name := range o.RegistrationFiles {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data)
	}
	var all []matrixtest.Registration
	for _, data := range files {
		r, err := matrixtest.ParseRegistration(data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}
