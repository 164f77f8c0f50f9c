package matrix

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// maxSkew is how far the homeserver's clock may be from ours: whether a call is
// still fresh is told by its time and ours.
const maxSkew = 5 * time.Second

// A clock compares the homeserver's clock with ours.
type clock struct {
	ahead atomic.Int64 // of the homeserver's, as far as that is beyond doubt; a Duration
	told  atomic.Bool
}

// read takes the Date of a reply that came between two times. A Date has whole
// seconds, and may have been taken at any moment between the two.
func (c *clock) read(header http.Header, began, ended time.Time, log *slog.Logger) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	var ahead time.Duration
	if late := began.Sub(date.Add(time.Second)); late > 0 {
		ahead = -late
	} else if early := date.Sub(ended); early > 0 {
		ahead = early
	}
	c.ahead.Store(int64(ahead))
	if ahead.Abs() > maxSkew && !c.told.Swap(true) {
		log.Warn("the homeserver's clock and this machine's differ: calls may count as expired, or ring too late", "homeserver_ahead", ahead.Round(time.Second))
	}
}

// now is the homeserver's time.
func (c *clock) now() time.Time {
	return time.Now().Add(time.Duration(c.ahead.Load()))
}
