package e2ejanus_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"vertigo/e2ejanus/phones"
)

// How many people there are in the load test, how many numbers each of them
// calls, and how many calls begin in a second.
const (
	crowd = 50
	times = 2
	pace  = 10
)

// TestManyCalls has a crowd call a far end that sends back what it hears. Each
// call says a tone of its own, and must hear that.
func TestManyCalls(t *testing.T) {
	s := open(t, "many", phones.GatewayOptions{}, "allCallsPerMinute = 1000\nlookupsPerMinute = 1000\n", nil)
	var numbers []string
	for n := range times {
		numbers = append(numbers, fmt.Sprintf("40%02d", n))
	}
	far := phones.StartFarEnd(t, s.x, phones.Answer, crowd*times, numbers...)
	var there sync.WaitGroup // all of the crowd, in their rooms
	there.Add(crowd)
	began := sync.OnceValue(time.Now)
	t.Run("calls", func(t *testing.T) {
		for i := range crowd {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				arrives := sync.OnceFunc(there.Done)
				defer arrives()
				user := s.user(t, fmt.Sprintf("crowd%02d", i))
				var rooms []string
				for _, number := range numbers {
					rooms = append(rooms, s.roomWith(t, user, number))
				}
				arrives()
				there.Wait()
				for n, room := range rooms {
					turn := n*crowd + i
					pass(t, time.Until(began().Add(time.Duration(turn)*time.Second/pace)))
					c := newClient(t, user, room)
					c.call()
					c.take()
					hz := 300 + 30*float64(turn)
					c.phone.Talk(hz)
					c.hears(hz)
					c.hangUp()
				}
			})
		}
	})
	far.Done()
}
