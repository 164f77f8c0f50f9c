package matrix

import "context"

// How many rooms are made, and joined, at once. Either keeps a homeserver busy for
// a tenth of a second and more: of a few hundred at once each would take longer
// than a request may, and all would fail. Joining has a gate of its own since it
// may have to wait for other servers.
const (
	madeAtOnce   = 4
	joinedAtOnce = 16
)

// A gate lets so many through at once as it has places.
type gate chan struct{}

// enter waits for a place, which the caller then leaves.
func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return failure{text: "waited too long behind others"}
	}
}

func (g gate) leave() { <-g }
