package link

import (
	"testing"
	"time"
)

func TestBackoffGrowsToItsLongest(t *testing.T) {
	b := Backoff{Span: Span{time.Second, 30 * time.Second}}
	for round := range 2 {
		for i := range 100 {
			whole := min(time.Second<<min(i, 10), 30*time.Second)
			if d := b.Next(); d < whole/2 || d > whole {
				t.Errorf("round %d: wait %d is %s, want %s to %s", round, i, d, whole/2, whole)
			}
		}
		b.Reset()
	}
}

func TestBackoffBeginsAnewAfterAConnectionThatLasted(t *testing.T) {
	for _, c := range []struct{ lasted, whole time.Duration }{
		{0, 8 * time.Second},
		{3999 * time.Millisecond, 8 * time.Second},
		{4 * time.Second, time.Second},
		{time.Hour, time.Second},
	} {
		b := Backoff{Span: Span{time.Second, 30 * time.Second}}
		for range 3 {
			b.Next()
		}
		b.Lasted(c.lasted)
		if d := b.Next(); d < c.whole/2 || d > c.whole {
			t.Errorf("after %s: wait %s, want %s to %s", c.lasted, d, c.whole/2, c.whole)
		}
	}
}
