package link

import (
	"sync"
	"time"
)

// Complaints are what peers do wrong, each reason for itself: there are but a few
// of them. The zero Complaints have nothing to say. Any goroutine may use them.
type Complaints struct {
	mu   sync.Mutex
	last map[string]*Complaint
}

// Due is [Complaint.Due] for one reason among others.
func (c *Complaints) Due(reason string, every time.Duration) (number int, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]*Complaint{}
	}
	if c.last[reason] == nil {
		c.last[reason] = new(Complaint)
	}
	return c.last[reason].Due(reason, every)
}
