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
