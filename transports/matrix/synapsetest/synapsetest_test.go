package synapsetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vertigo/transports/matrix/hometest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRateLimitsAreOnlyThereWhenAskedFor(t *testing.T) {
	for _, limited := range []bool{false, true} {
		s := Start(t, hometest.Options{RateLimits: limited})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		u := s.Register(t, "alice", "password1")
		room := u.CreateRoom(t)
		var refused *hometest.Error
		for i := 0; i < 40 && refused == nil; i++ {
			path := fmt.Sprintf("/_matrix/client/v3/rooms/%s/send/m.call.candidates/%d", room, i)
			_, err := u.Do(ctx, http.MethodPut, path, map[string]any{})
			if err != nil && !errors.As(err, &refused) {
				t.Fatal(err)
			}
		}
		if got := refused != nil && refused.Status == http.StatusTooManyRequests; got != limited {
			t.Errorf("limits %v: %v", limited, refused)
		}
	}
}
