package link

import "time"

// A Complaint is what went wrong last, so that it is not logged at each try.
// The zero Complaint has had nothing to say.
type Complaint struct {
	text   string
	at     time.Time // when it was due
	number int       // how often it happened since
}

// Due notes a failure and says whether it is to be logged: a new one at once,
// the same one again after every has passed. number is how often in a row it
// has happened.
func (c *Complaint) Due(text string, every time.Duration) (number int, due bool) {
	if text != c.text {
		*c = Complaint{text: text}
	}
	c.number++
	if c.number > 1 && time.Since(c.at) < every {
		return c.number, false
	}
	c.at = time.Now()
	return c.number, true
}
